//! Watches under load: no gap, no duplicate, an explicit end.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Random, delete, put, small};
use store::{Ended, Options, ReadError, Store, Watch};

/// Revision and key of every event up to a revision.
async fn collect(mut watch: Watch, until: u64) -> Vec<(u64, String)> {
    let mut seen = Vec::new();
    while watch.progress() < until {
        let Some(events) = watch.next().await else { panic!("ended: {:?}", watch.ended()) };
        for event in events.iter() {
            seen.push((event.entry.mod_revision, event.entry.key.to_string()));
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missed_or_seen_twice_while_many_write() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { watch_buffer: 3, keep_revisions: None, ..small() };
    let store = Store::open(dir.path(), options).await.unwrap();
    const COMMITS: u64 = 4 * 300;
    let writers: Vec<_> = (0..4u64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut random = Random(task + 1);
                for _ in 0..COMMITS / 4 {
                    let first = format!("/{}/{}", random.below(3), random.below(9));
                    let second = format!("/{}/x", random.below(3));
                    store.commit(vec![put(&first, "v"), put(&second, "v")]).await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut random = Random(77);
    let mut watchers = Vec::new();
    for number in 0..60 {
        let prefix = ["", "/0/", "/1/", "/2/x", "/nothing"][number % 5];
        let from = 1 + random.below(store.revision() + 1);
        let watch = store.watch(prefix, Some(from)).unwrap();
        watchers.push((prefix, from, tokio::spawn(collect(watch, 1 + COMMITS))));
        tokio::task::yield_now().await;
    }
    // One that sleeps through all of it.
    let late = store.watch("/1/", Some(1)).unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    // A last event for everybody, so that watchers of what did not change wake up too.
    let last =
        store.commit(["/0/", "/1/", "/2/x", "/nothing"].map(|key| put(key, "end")).to_vec()).await.unwrap();
    let truth = collect(store.watch("", Some(1)).unwrap(), last).await;
    assert_eq!(truth.len() as u64, COMMITS * 2 + 4);
    watchers.push(("/1/", 1, tokio::spawn(collect(late, last))));
    for (prefix, from, watcher) in watchers {
        let mut seen = watcher.await.unwrap();
        seen.retain(|(revision, _)| *revision != last);
        let wanted: Vec<_> = truth
            .iter()
            .filter(|(revision, key)| *revision >= from && *revision != last && key.starts_with(prefix))
            .cloned()
            .collect();
        assert_eq!(seen, wanted, "{prefix} from {from}");
    }
}

#[tokio::test]
async fn a_watch_that_compaction_overtakes_ends_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options { watch_buffer: 1, ..small() }).await.unwrap();
    let mut slow = store.watch("/", None).unwrap();
    let mut fast = store.watch("/", None).unwrap();
    for number in 0..10 {
        store.commit(vec![put("/a", &number.to_string())]).await.unwrap();
        fast.next().await.unwrap();
    }
    store.compact(8).await.unwrap();
    // What was in its queue is still delivered, in order.
    let first = slow.next().await.unwrap();
    assert_eq!(first[0].entry.mod_revision, 2);
    assert!(slow.next().await.is_none());
    assert_eq!(slow.ended(), Some(Ended::Lagged { next: 3, compacted: 8 }));
    assert!(slow.next().await.is_none(), "an ended watch stays ended");

    store.commit(vec![delete("/a")]).await.unwrap();
    let events = fast.next().await.unwrap();
    assert!(events[0].deleted);
    assert_eq!(&*events[0].previous.as_ref().unwrap().value, b"9");
    assert_eq!(store.watch("/", Some(8)).unwrap_err(), ReadError::Compacted { requested: 8, compacted: 8 });
    assert_eq!(store.watch("/", Some(14)).unwrap_err(), ReadError::Future { requested: 14, current: 12 });
    assert_eq!(store.watch("/", Some(9)).unwrap().next().await.unwrap()[0].entry.mod_revision, 9);
}

#[tokio::test]
async fn closing_ends_watches() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), small()).await.unwrap();
    let mut watch = store.watch("", None).unwrap();
    store.commit(vec![put("/a", "1")]).await.unwrap();
    store.close().await;
    assert_eq!(watch.next().await.unwrap()[0].entry.mod_revision, 2);
    assert!(watch.next().await.is_none());
    assert_eq!(watch.ended(), Some(Ended::Closed));
    assert!(store.commit(vec![put("/b", "1")]).await.is_err());
    assert_eq!(&*store.get("/a").unwrap().value, b"1");
}

#[tokio::test]
async fn progress_follows_commits_that_do_not_match() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), small()).await.unwrap();
    let mut watch = store.watch("/a/", None).unwrap();
    for _ in 0..5 {
        store.commit(vec![put("/b/1", "x")]).await.unwrap();
    }
    assert_eq!(watch.progress(), 6);
    store.commit(vec![put("/a/1", "x")]).await.unwrap();
    assert_eq!(watch.progress(), 1, "an event waits: nothing beyond the last look may be claimed");
    watch.next().await.unwrap();
    assert_eq!(watch.progress(), 7);
}
