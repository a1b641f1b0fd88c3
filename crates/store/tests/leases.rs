//! Leases: keys that go by themselves.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{content, put, put_leased, single, small};
use store::{CommitError, Failure, LeaseError, Store};

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn an_ended_lease_takes_its_keys_along_in_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), single()).await.unwrap();
    let lease = store.lease_grant(None, Duration::from_millis(60)).await.unwrap();
    store.commit(vec![put_leased("/a", "1", lease), put_leased("/b", "1", lease)]).await.unwrap();
    // Taken away from the lease by a put without one.
    store.commit(vec![put("/b", "2"), put_leased("/c", "1", lease)]).await.unwrap();
    let mut watch = store.watch("", None).unwrap();
    let events = watch.next().await.unwrap();
    let keys: Vec<_> = events.iter().map(|event| (&*event.entry.key, event.deleted)).collect();
    assert_eq!(keys, [("/a", true), ("/c", true)]);
    assert_eq!(content(&store), [("/b".to_owned(), "2".to_owned())]);
    assert!(matches!(store.lease_keep_alive(lease).await, Err(LeaseError::NotFound(id)) if id == lease));
}

#[tokio::test]
async fn leases_are_granted_kept_and_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), single()).await.unwrap();
    assert_eq!(store.lease_grant(Some(77), LONG).await.unwrap(), 77);
    assert!(matches!(store.lease_grant(Some(77), LONG).await, Err(LeaseError::Exists(77))));
    assert!(store.lease_grant(Some(0), LONG).await.is_err());
    assert_eq!(store.lease_keep_alive(77).await.unwrap(), LONG);
    let error = store.commit(vec![put_leased("/a", "1", 78)]).await.unwrap_err();
    assert!(matches!(error, CommitError::Failed(Failure::LeaseNotFound(78))), "{error}");
    store.commit(vec![put_leased("/a", "1", 77)]).await.unwrap();
    store.lease_revoke(77).await.unwrap();
    assert_eq!(content(&store), []);
    assert!(matches!(store.lease_revoke(77).await, Err(LeaseError::NotFound(77))));
}

#[tokio::test]
async fn leases_survive_restarts_and_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), small()).await.unwrap();
    store.lease_grant(Some(5), Duration::from_millis(300)).await.unwrap();
    store.lease_grant(Some(6), LONG).await.unwrap();
    store.commit(vec![put_leased("/short", "1", 5), put_leased("/long", "1", 6)]).await.unwrap();
    for number in 0..200 {
        store.commit(vec![put("/x", &number.to_string().repeat(100))]).await.unwrap();
    }
    let compacted = store.revision();
    store.compact(compacted).await.unwrap();
    drop(store);

    let store = Store::open(dir.path(), small()).await.unwrap();
    let mut watch = store.watch("/short", Some(compacted + 1)).unwrap();
    assert!(watch.next().await.unwrap()[0].deleted);
    assert!(store.get("/long").is_some());
    store.lease_revoke(6).await.unwrap();
    assert!(store.get("/long").is_none());
}
