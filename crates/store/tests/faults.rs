//! Disks that lose power, fill up or fail: nothing answered is lost, nothing refused appears, errors are clear.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/disk.rs"]
mod disk;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::{Random, content, put, small};
use disk::MemoryDisk;
use store::{CommitError, Failure, Fsync, Options, Store};

fn on(disk: &MemoryDisk, options: Options) -> Options {
    Options { disk: Arc::new(disk.clone()), ..options }
}

async fn open(disk: &MemoryDisk, options: Options) -> Store {
    Store::open(Path::new("/store"), on(disk, options)).await.unwrap()
}

/// Commits from several tasks; returns what was answered: key and revision.
async fn load(store: &Store, count: usize, round: usize) -> Vec<(String, u64)> {
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut answered = Vec::new();
                for number in 0..count {
                    let key = format!("/{round}/{task}/{number}");
                    let value = "v".repeat((task + 1) * 97 + number % 300);
                    if let Ok(revision) = store.commit(vec![put(&key, &value), put("/same", &key)]).await {
                        answered.push((key, revision));
                    }
                }
                answered
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all
}

fn contains(store: &Store, answered: &[(String, u64)]) {
    for (key, revision) in answered {
        let entry = store.get(key).unwrap_or_else(|| panic!("{key} of revision {revision} is lost"));
        assert_eq!(entry.mod_revision, *revision);
    }
}

/// Each commit writes its own key and `/same`: a store at revision R must have exactly R - 1 keys beside `/same`.
fn is_prefix(store: &Store) {
    let keys = content(store).len() as u64;
    let revision = store.revision();
    assert_eq!(keys, if revision == 1 { 0 } else { revision }, "the state is not that of one revision");
}

#[tokio::test(flavor = "multi_thread")]
async fn power_loss_at_any_time_loses_nothing_answered() {
    let mut random = Random(42);
    let mut disk = MemoryDisk::new();
    let mut answered = Vec::new();
    for round in 0..40 {
        let store = open(&disk, small()).await;
        contains(&store, &answered);
        is_prefix(&store);
        let before = answered.clone();
        let writing = tokio::spawn({
            let store = store.clone();
            async move { load(&store, 8, round).await }
        });
        // In the middle of the load: what was answered in earlier rounds must be there.
        tokio::time::sleep(Duration::from_micros(random.below(3000))).await;
        let middle = disk.lose_power(&mut random);
        let reopened = open(&middle, small()).await;
        contains(&reopened, &before);
        is_prefix(&reopened);
        answered.extend(writing.await.unwrap());
        let after = disk.lose_power(&mut random);
        drop(store);
        disk = after;
    }
    assert_eq!(answered.len(), 40 * 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn power_loss_between_flushes_leaves_some_earlier_state() {
    let mut random = Random(7);
    let options = || Options { fsync: Fsync::Interval(Duration::from_millis(2)), ..small() };
    for round in 0..60 {
        let disk = MemoryDisk::new();
        let store = open(&disk, options()).await;
        load(&store, 1 + round % 7, round).await;
        // Opens, whatever sectors of the unflushed frames survived.
        let reopened = open(&disk.lose_power(&mut random), options()).await;
        is_prefix(&reopened);
        assert!(reopened.revision() <= store.revision());
        // A clean end flushes.
        store.close().await;
        let closed = open(&disk.lose_power(&mut random), options()).await;
        assert_eq!(closed.revision(), store.revision());
        is_prefix(&closed);
    }
}

#[tokio::test]
async fn a_failed_flush_ends_writing_but_not_reading() {
    let disk = MemoryDisk::new();
    let store = open(&disk, small()).await;
    store.commit(vec![put("/a", "1")]).await.unwrap();
    disk.fail_syncs(true);
    for _ in 0..2 {
        let error = store.commit(vec![put("/b", "2")]).await.unwrap_err();
        assert!(matches!(&error, CommitError::Failed(Failure::ReadOnly { .. })), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("/store/log-") && text.contains("input/output error"), "{text}");
        // Never again, whatever the next flush says: the lost pages would be reported as written.
        disk.fail_syncs(false);
    }
    assert_eq!(content(&store), [("/a".to_owned(), "1".to_owned())]);
    assert_eq!(store.revision(), 2);
    let reopened = open(&disk.copy(), small()).await;
    assert_eq!(&*reopened.get("/a").unwrap().value, b"1");
    reopened.commit(vec![put("/c", "3")]).await.unwrap();
}

#[tokio::test]
async fn a_failed_write_that_cannot_be_undone_ends_writing() {
    let disk = MemoryDisk::new();
    let store = open(&disk, small()).await;
    disk.fail_writes(Some(ErrorKind::StorageFull));
    let error = store.commit(vec![put("/a", "1")]).await.unwrap_err();
    assert!(matches!(error, CommitError::Failed(Failure::ReadOnly { .. })), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_until_there_is_space() {
    for reserves in [true, false] {
        let disk = MemoryDisk::new();
        disk.reserves(reserves);
        let mut store = open(&disk, small()).await;
        let mut answered = Vec::new();
        for round in 0..30 {
            disk.limit(Some((round * 977) % 40_000));
            answered.extend(load(&store, 30, round).await);
            let error = loop {
                match store.commit(vec![put("/big", &"x".repeat(5000)), put("/same", "")]).await {
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, CommitError::Failed(Failure::NoSpace { .. })), "{error:?}");
            assert!(error.to_string().contains("/store"), "{error}");
            contains(&store, &answered);

            let copy = disk.copy();
            let reopened = open(&copy, small()).await;
            contains(&reopened, &answered);
            assert_eq!(reopened.revision(), store.revision(), "a refused commit appeared");

            disk.limit(None);
            store.commit(vec![put("/big", "small again")]).await.unwrap();
            if round % 5 == 4 {
                store.close().await;
                store = open(&disk, small()).await;
                contains(&store, &answered);
            }
        }
        assert!(answered.len() > 100, "too little was written to show anything: {}", answered.len());
    }
}
