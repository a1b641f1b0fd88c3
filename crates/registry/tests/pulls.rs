//! The client beside a registry that misbehaves on demand: cut connections, wrong content, tokens, redirections,
//! several platforms. What a real registry does is tested with one, end to end.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Answer, Fake, blob, image, index};
use image::{ContentStore, Digest};
use registry::{Client, Credential, Keyring, Settings};

struct Node {
    folder: tempfile::TempDir,
    store: ContentStore,
}

impl Node {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&folder.path().join("images")).unwrap();
        Self { folder, store }
    }

    fn client(&self, settings: &str) -> Client {
        std::fs::write(self.folder.path().join("images.toml"), settings).unwrap();
        Client::new(Settings::read(self.folder.path()).unwrap())
    }

    async fn pull(&self, name: &str, keyring: &Keyring) -> Result<registry::Pulled, String> {
        let pulled = self.client("").pull(&self.store, name, keyring, &|_| ()).await;
        pulled.map_err(|error| error.to_string())
    }
}

fn alice() -> Keyring {
    let mut keyring = Keyring::new();
    let credential = Credential {
        source: "secret a/b".into(),
        username: "alice".into(),
        password: "secret-word".into(),
        identity_token: None,
        registry_token: None,
    };
    keyring.add_credential("127.0.0.1", credential.clone());
    keyring.add_credential("127.0.0.1:*", credential);
    keyring
}

/// Credentials for this very registry.
fn alice_at(fake: &Fake) -> Keyring {
    let mut keyring = Keyring::new();
    let credential = alice().matching("127.0.0.1", "x")[0].clone();
    keyring.add_credential(&fake.host(), credential);
    keyring
}

#[tokio::test]
async fn a_layer_that_is_cut_off_is_taken_up_where_it_ended() {
    let (node, fake) = (Node::new(), Fake::start().await);
    let big: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let manifest = image(&fake, "app", "1", &[&big]);
    let digest = Digest::of(&big);
    // Three times it ends early, each time further on.
    fake.cut(&digest, 3, 400_000);
    let pulled = node.pull(&fake.name("app:1"), &Keyring::new()).await.unwrap();
    assert_eq!(pulled.digest, manifest);
    assert_eq!(pulled.credential, None);
    let ranges = fake.ranges(&digest);
    assert_eq!(ranges, ["", "bytes=400000-", "bytes=800000-", "bytes=1200000-"][..ranges.len()]);
    assert!(ranges.len() >= 3, "{ranges:?}");
    assert_eq!(std::fs::read(node.store.blob(&digest).unwrap()).unwrap(), big);
    assert_eq!(node.store.require(&fake.name("app:1")).unwrap().target, manifest);
}

#[tokio::test]
async fn what_came_before_a_pull_was_given_up_is_not_fetched_again() {
    let (node, fake) = (Node::new(), Fake::start().await);
    let big = vec![7_u8; 500_000];
    image(&fake, "app", "1", &[&big]);
    let digest = Digest::of(&big);
    fake.stall(&digest, 200_000);
    let (name, nobody) = (fake.name("app:1"), Keyring::new());
    let pull = node.pull(&name, &nobody);
    // It stands still; somebody deletes the pod.
    tokio::select! {
        result = pull => panic!("{result:?}"),
        () = fake.stalled() => {}
    }
    assert!(node.store.resolve(&name).unwrap().is_none());
    fake.heal();
    node.pull(&name, &nobody).await.unwrap();
    let last = fake.ranges(&digest).pop().unwrap();
    let start: usize = last.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap();
    assert!(start > 0 && start <= 200_000, "{last}");
    assert_eq!(std::fs::read(node.store.blob(&digest).unwrap()).unwrap(), big);
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_promises_gets_no_name() {
    let (node, fake) = (Node::new(), Fake::start().await);
    image(&fake, "app", "1", &[b"right content"]);
    let digest = Digest::of(b"right content");
    fake.put(
        &format!("app/blobs/{digest}"),
        Answer::bytes("application/octet-stream", b"wrong content".to_vec()),
    );
    let error = node.pull(&fake.name("app:1"), &Keyring::new()).await.unwrap_err();
    assert!(error.contains(&digest.to_string()) && error.contains("expected"), "{error}");
    assert!(node.store.resolve(&fake.name("app:1")).unwrap().is_none());

    let other = Digest::of(b"another manifest");
    let wrong = image(&fake, "app", "2", &[b"x"]);
    let bytes = fake.bytes("app/manifests/2");
    fake.put(
        &format!("app/manifests/{other}"),
        Answer::bytes("application/vnd.oci.image.manifest.v1+json", bytes),
    );
    let error = node.pull(&format!("{}@{other}", fake.name("app")), &Keyring::new()).await.unwrap_err();
    assert!(error.contains(&wrong.to_string()), "{error}");
}

#[tokio::test]
async fn of_several_platforms_this_machines_is_taken_and_none_is_told() {
    let (node, fake) = (Node::new(), Fake::start().await);
    let own = image(&fake, "app", "own", &[b"own"]);
    let top = index(
        &fake,
        "app",
        "1",
        &[("linux", "s390x", &Digest::of(b"absent")), ("linux", image::architecture(), &own)],
    );
    let pulled = node.pull(&fake.name("app:1"), &Keyring::new()).await.unwrap();
    assert_eq!(pulled.digest, top);
    let found = node.store.require(&fake.name("app:1")).unwrap();
    assert_eq!((found.target, found.digest), (top, own.clone()));

    index(&fake, "app", "2", &[("linux", "s390x", &own), ("windows", image::architecture(), &own)]);
    let error = node.pull(&fake.name("app:2"), &Keyring::new()).await.unwrap_err();
    assert!(error.contains("no variant for linux/") && error.contains("linux/s390x, windows/"), "{error}");
}

#[tokio::test]
async fn tokens_are_fetched_where_the_registry_says_and_renewed() {
    let (node, fake) = (Node::new(), Fake::start().await);
    image(&fake, "app", "1", &[b"layer"]);
    fake.want_tokens("alice", "secret-word");
    let error = node.pull(&fake.name("app:1"), &Keyring::new()).await.unwrap_err();
    assert!(error.contains("401") && error.contains("(without credentials)"), "{error}");
    let pulled = node.pull(&fake.name("app:1"), &alice_at(&fake)).await.unwrap();
    assert_eq!(pulled.credential.unwrap().username, "alice");
    let asked = fake.token_requests();
    assert!(asked.iter().all(|query| query.contains("scope=repository%3Aapp%3Apull")), "{asked:?}");
    assert!(asked.last().unwrap().contains("service=fake"), "{asked:?}");
    // Each token is good for one request: the pull asked for more on its way.
    assert!(asked.len() >= 3, "{asked:?}");
}

#[tokio::test]
async fn credentials_do_not_follow_redirections_elsewhere() {
    let (node, fake, other) = (Node::new(), Fake::start().await, Fake::start().await);
    image(&fake, "app", "1", &[b"far away"]);
    let digest = Digest::of(b"far away");
    blob(&other, "elsewhere", b"far away");
    fake.put(
        &format!("app/blobs/{digest}"),
        Answer::redirect(&other.url(&format!("elsewhere/blobs/{digest}?sig=1"))),
    );
    fake.want_tokens("alice", "secret-word");
    node.pull(&fake.name("app:1"), &alice_at(&fake)).await.unwrap();
    assert_eq!(other.authorizations(), [None]);
    assert!(fake.authorizations().iter().flatten().any(|value| value.starts_with("Bearer ")));
}

#[tokio::test]
async fn mirrors_are_asked_first_and_the_registry_when_they_have_nothing() {
    let (node, mirror, origin) = (Node::new(), Fake::start().await, Fake::start().await);
    image(&mirror, "app", "1", &[b"mirrored"]);
    image(&origin, "app", "2", &[b"original"]);
    let settings = format!(
        "[registry.\"{}\"]\nmirrors = [\"http://127.0.0.1:1\", \"http://{}/hub\"]\n",
        origin.host(),
        mirror.host()
    );
    // A mirror with a path has its API below that.
    mirror.below("/hub");
    let client = node.client(&settings);
    let pull = async |tag: &str| {
        let name = origin.name(&format!("app:{tag}"));
        client.pull(&node.store, &name, &Keyring::new(), &|_| ()).await.map_err(|error| error.to_string())
    };
    pull("1").await.unwrap();
    assert!(origin.authorizations().is_empty(), "the registry is not asked");
    pull("2").await.unwrap();
    let error = pull("3").await.unwrap_err();
    for part in [
        "127.0.0.1:1/v2/app/manifests/3: Connection refused",
        &mirror.host(),
        &origin.host(),
        "404",
        "; then ",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[tokio::test]
async fn a_registry_in_trouble_is_tried_again() {
    let (node, fake) = (Node::new(), Fake::start().await);
    image(&fake, "app", "1", &[b"layer"]);
    fake.fail(&Digest::of(b"layer"), 2);
    node.pull(&fake.name("app:1"), &Keyring::new()).await.unwrap();
    image(&fake, "app", "2", &[b"lost"]);
    fake.fail(&Digest::of(b"lost"), 100);
    let error = node.pull(&fake.name("app:2"), &Keyring::new()).await.unwrap_err();
    assert!(error.contains("503 Service Unavailable: UNAVAILABLE: try later"), "{error}");
}

#[tokio::test]
async fn certificates_are_checked_and_their_authority_can_be_named() {
    let (node, (fake, pem)) = (Node::new(), Fake::start_tls().await);
    image(&fake, "app", "1", &[b"sealed"]);
    let name = fake.name("app:1");
    let pull = async |settings: &str| {
        let client = node.client(settings);
        client.pull(&node.store, &name, &Keyring::new(), &|_| ()).await.map_err(|error| error.to_string())
    };
    let own = |rest: &str| format!("[registry.\"{}\"]\nplain_http = false\n{rest}", fake.host());
    let error = pull(&own("")).await.unwrap_err();
    assert!(error.contains("certificate") && error.contains("name the authority"), "{error}");
    // Loopback speaks plain HTTP if nobody says otherwise: the server hangs up.
    let error = pull("").await.unwrap_err();
    assert!(error.contains(&format!("http://{}", fake.host())), "{error}");
    let file = node.folder.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    pull(&own(&format!("ca = \"{}\"\n", file.display()))).await.unwrap();

    let plain = Fake::start().await;
    let settings = format!("[registry.\"{}\"]\nplain_http = false\n", plain.host());
    let error =
        node.client(&settings).pull(&node.store, &plain.name("app:1"), &Keyring::new(), &|_| ()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("it seems to speak plain HTTP"), "{error}");
}
