//! A real file system that is full: needs root, for a small tmpfs in a mount namespace of its own.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{content, put, small};
use store::{CommitError, Failure, Store};

const DIR: &str = "STORE_FULL_DISK_TEST_DIR";

#[test]
fn a_full_tmpfs_refuses_writes_and_recovers() {
    assert!(rustix::process::geteuid().is_root(), "this test mounts a tmpfs: run it as root");
    let dir = tempfile::tempdir().unwrap();
    let run = Command::new("unshare")
        .arg("--mount")
        .arg(std::env::current_exe().unwrap())
        .args(["inside_the_namespace", "--exact", "--nocapture"])
        .env(DIR, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && text.contains("shown on a full tmpfs"), "{text}{run:?}");
}

/// Not a test by itself: what [`a_full_tmpfs_refuses_writes_and_recovers`] runs in its namespace.
#[tokio::test]
async fn inside_the_namespace() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs", &dir]).status().unwrap();
    assert!(mounted.success());
    let dir = Path::new(&dir);
    std::fs::write(dir.join("ballast"), vec![1; 512 << 10]).unwrap();

    let store = Store::open(&dir.join("store"), small()).await.unwrap();
    let mut answered = 0;
    let error = loop {
        match store.commit(vec![put(&format!("/{answered:06}"), &"x".repeat(900))]).await {
            Ok(_) => answered += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, CommitError::Failed(Failure::NoSpace { .. })), "{error}");
    // How many fit depends on whether a snapshot was being written beside the log.
    assert!(answered > 20, "{answered}");
    assert_eq!(content(&store).len(), answered);

    // Full as it is, it opens again with everything.
    store.close().await;
    let store = Store::open(&dir.join("store"), small()).await.unwrap();
    assert_eq!(content(&store).len(), answered);
    store.commit(vec![put("/more", &"x".repeat(20_000))]).await.unwrap_err();

    std::fs::remove_file(dir.join("ballast")).unwrap();
    store.commit(vec![put("/more", &"x".repeat(20_000))]).await.unwrap();
    drop(store);
    let store = Store::open(&dir.join("store"), small()).await.unwrap();
    assert_eq!(content(&store).len(), answered + 1);
    println!("shown on a full tmpfs: {answered} commits kept");
}
