//! The folder's promises: stable across starts, renewed in time, whole after an interruption, usable for TLS.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn snapshot(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

fn changed(before: &[(String, Vec<u8>)], after: &[(String, Vec<u8>)]) -> Vec<String> {
    after.iter().filter(|file| !before.contains(file)).map(|(name, _)| name.clone()).collect()
}

/// Shakes hands in memory; returns the client certificates that the server saw, or the first error.
fn shake(
    client: rustls::ClientConfig,
    server: rustls::ServerConfig,
    name: &str,
) -> Result<usize, rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut &wire[..]).unwrap();
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut &wire[..]).unwrap();
        client.process_new_packets()?;
    }
    Ok(server.peer_certificates().map_or(0, <[_]>::len))
}

fn server_of(pki: &Pki) -> rustls::ServerConfig {
    Current::new(&pki.apiserver, None).unwrap().server_config(&pki.authority).unwrap()
}

fn client_of(identity: &Identity, servers: &Authority) -> rustls::ClientConfig {
    Current::new(identity, None).unwrap().client_config(servers).unwrap()
}

#[test]
fn second_start_changes_no_byte() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("pki");
    Pki::open(&dir, &Names::new("n1"), SystemTime::now()).unwrap();
    let before = snapshot(&dir);
    Pki::open(&dir, &Names::new("n1"), SystemTime::now() + DAY).unwrap();
    assert_eq!(changed(&before, &snapshot(&dir)), Vec::<String>::new());
    assert_eq!(before.len(), 8);
}

#[test]
fn modes_are_private_and_stay_private() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("pki");
    Pki::open(&dir, &Names::new("n1"), SystemTime::now()).unwrap();
    fs::set_permissions(dir.join("admin.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    Pki::open(&dir, &Names::new("n1"), SystemTime::now()).unwrap();
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&dir).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn renews_leaves_near_their_end_and_keeps_the_authority() {
    let home = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    Pki::open(home.path(), &Names::new("n1"), now).unwrap();
    let before = snapshot(home.path());
    Pki::open(home.path(), &Names::new("n1"), now + 270 * DAY).unwrap();
    assert_eq!(changed(&before, &snapshot(home.path())), Vec::<String>::new());
    Pki::open(home.path(), &Names::new("n1"), now + 280 * DAY).unwrap();
    assert_eq!(
        changed(&before, &snapshot(home.path())),
        ["admin.pem", "apiserver.pem", "kubelet-client.pem", "kubelet.pem", "node.pem"]
    );
}

#[test]
fn a_running_server_shows_its_new_certificate() {
    let home = tempfile::tempdir().unwrap();
    let mut names = Names::new("n1");
    names.lifetime = 4 * DAY;
    let now = SystemTime::now();
    let pki = Pki::open(home.path(), &names, now).unwrap();
    let current = Current::new(&pki.apiserver, Some(&pki.authority)).unwrap();
    let server = current.server_config(&pki.authority).unwrap();
    let until = pki.renewal(now);
    assert!(until > now + 2 * DAY && until < now + 4 * DAY, "{until:?}");
    names.extra_names.push("later.example".into());
    let later = Pki::open(home.path(), &names, now).unwrap();
    let shake_late = |server| shake(client_of(&later.admin, &later.authority), server, "later.example");
    assert!(shake_late(server.clone()).is_err());
    current.set(&later.apiserver, Some(&later.authority)).unwrap();
    assert_eq!(shake_late(server), Ok(1));
}

#[test]
fn a_new_name_renews_what_carries_it_alone() {
    let home = tempfile::tempdir().unwrap();
    let mut names = Names::new("n1");
    Pki::open(home.path(), &names, SystemTime::now()).unwrap();
    let before = snapshot(home.path());
    names.extra_names.push("cluster.example".into());
    names.extra_addresses.push("2001:db8::7".parse().unwrap());
    Pki::open(home.path(), &names, SystemTime::now()).unwrap();
    assert_eq!(changed(&before, &snapshot(home.path())), ["apiserver.pem"]);
}

#[test]
fn interrupted_at_any_file_the_rest_is_made_and_fits() {
    let home = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    Pki::open(home.path(), &Names::new("n1"), now).unwrap();
    for file in ["apiserver.pem", "admin.pem", "node.pem", "kubelet.pem", "kubelet-client.pem"] {
        fs::remove_file(home.path().join(file)).unwrap();
        fs::write(home.path().join(format!("{file}.partial")), "half a k").unwrap();
        let pki = Pki::open(home.path(), &Names::new("n1"), now).unwrap();
        let (server, client) = (server_of(&pki), client_of(&pki.admin, &pki.authority));
        assert_eq!(shake(client, server, "kubernetes.default.svc").unwrap(), 1, "{file}");
        assert!(snapshot(home.path()).iter().all(|(name, _)| !name.ends_with(".partial")));
    }
}

#[test]
fn leaves_of_a_lost_authority_are_replaced() {
    let home = tempfile::tempdir().unwrap();
    Pki::open(home.path(), &Names::new("n1"), SystemTime::now()).unwrap();
    fs::remove_file(home.path().join("ca.pem")).unwrap();
    let pki = Pki::open(home.path(), &Names::new("n1"), SystemTime::now()).unwrap();
    assert_eq!(shake(client_of(&pki.node, &pki.authority), server_of(&pki), "10.43.0.1").unwrap(), 1);
    assert_eq!(fs::read_to_string(home.path().join("ca.crt")).unwrap(), pki.authority.certificate_pem());
}

#[test]
fn damaged_roots_are_reported_damaged_leaves_replaced() {
    let home = tempfile::tempdir().unwrap();
    let names = Names::new("n1");
    Pki::open(home.path(), &names, SystemTime::now()).unwrap();
    fs::write(home.path().join("node.pem"), "not a pem").unwrap();
    Pki::open(home.path(), &names, SystemTime::now()).unwrap();
    for file in ["ca.pem", "service-account.pem"] {
        let good = fs::read(home.path().join(file)).unwrap();
        fs::write(home.path().join(file), &good[..good.len() / 2]).unwrap();
        let error = Pki::open(home.path(), &names, SystemTime::now()).unwrap_err();
        assert!(matches!(&error, PkiError::Damaged { path, .. } if path.ends_with(file)), "{error}");
        fs::write(home.path().join(file), good).unwrap();
    }
}

#[test]
fn the_server_answers_to_every_promised_name_and_no_other() {
    let home = tempfile::tempdir().unwrap();
    let pki = Pki::open(home.path(), &Names::new("n1"), SystemTime::now()).unwrap();
    let shake_as = |name: &str| shake(client_of(&pki.admin, &pki.authority), server_of(&pki), name);
    for name in [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "localhost",
        "n1",
        "127.0.0.1",
        "10.42.0.1",
        "10.43.0.1",
    ] {
        assert_eq!(shake_as(name), Ok(1), "{name}");
    }
    assert!(shake_as("n2").is_err());
    assert!(shake_as("10.43.0.2").is_err());
}

#[test]
fn servers_refuse_strangers_and_serving_certificates_but_let_the_nameless_in() {
    let home = tempfile::tempdir().unwrap();
    let ours = Pki::open(&home.path().join("a"), &Names::new("n1"), SystemTime::now()).unwrap();
    let theirs = Pki::open(&home.path().join("b"), &Names::new("n1"), SystemTime::now()).unwrap();
    let server = || server_of(&ours);
    let stranger = client_of(&theirs.admin, &ours.authority);
    assert!(shake(stranger, server(), "localhost").is_err());
    let serving = client_of(&ours.kubelet, &ours.authority);
    assert!(shake(serving, server(), "localhost").is_err());
    let nameless =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(ours.authority.roots().unwrap())
            .with_no_client_auth();
    assert_eq!(shake(nameless, server(), "localhost"), Ok(0));
}
