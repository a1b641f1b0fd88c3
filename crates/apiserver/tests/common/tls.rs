//! The server on a TLS port of its own, and a kubeconfig for the real kubectl.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses a part")]

use super::Fixture;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A served fixture.
pub struct Served {
    pub url: String,
    pub ca_pem: String,
    pub stop: CancellationToken,
    pub done: tokio::task::JoinHandle<()>,
    dir: TempDir,
}

pub async fn serve(fixture: &Fixture) -> Served {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "test-ca");
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let leaf = |name: &str, groups: &[&str], sans: Vec<String>| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(sans).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        (params.signed_by(&key, &issuer).unwrap(), key)
    };
    let (server_cert, server_key) = leaf("server", &[], vec!["127.0.0.1".into()]);
    let (client_cert, client_key) = leaf("test-admin", &["system:masters"], Vec::new());

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .allow_unauthenticated()
            .build()
            .unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server_cert.der().clone()], server_key.serialize_der().try_into().unwrap())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let server = fixture.server.clone();
    let token = stop.clone();
    let done = tokio::spawn(async move { server.serve(listener, Arc::new(tls), token).await });

    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (ca_file, cert_file, key_file) = (
        write("ca.crt", ca.pem()),
        write("client.crt", client_cert.pem()),
        write("client.key", client_key.serialize_pem()),
    );
    write(
        "config",
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: t\n\
             clusters: [{{name: t, cluster: {{server: '{url}', certificate-authority: '{ca_file}'}}}}]\n\
             users: [{{name: t, user: {{client-certificate: '{cert_file}', client-key: '{key_file}'}}}}]\n\
             contexts: [{{name: t, context: {{cluster: t, user: t}}}}]\n"
        ),
    );
    Served { url, ca_pem: ca.pem(), stop, done, dir }
}

/// What a kubectl run printed.
#[derive(Debug)]
pub struct Ran {
    pub success: bool,
    pub out: String,
    pub err: String,
}

impl Served {
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    /// Runs kubectl; `input` is its standard input.
    pub async fn kubectl(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = Command::new(std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".into()));
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .arg("--cache-dir")
            .arg(self.dir.path().join("cache"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let input = input.to_owned();
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().expect("kubectl is needed: install it or name it in KUBECTL");
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            Ran {
                success: output.status.success(),
                out: String::from_utf8_lossy(&output.stdout).into_owned(),
                err: String::from_utf8_lossy(&output.stderr).into_owned(),
            }
        })
        .await
        .unwrap()
    }

    /// The same, which must succeed.
    pub async fn ok(&self, arguments: &[&str], input: &str) -> String {
        let ran = self.kubectl(arguments, input).await;
        assert!(ran.success, "kubectl {arguments:?} failed: {ran:?}");
        ran.out
    }
}
