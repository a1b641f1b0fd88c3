//! Files that were cut or changed: an interrupted write is cut off, anything else is refused, nothing wrong is served.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{content, copy_dir, put, single, small};
use store::files::OsDisk;
use store::{OpenError, Options, Store, check};

type Content = Vec<(String, String)>;

/// Commits one by one; the log's length and the content after each.
async fn written(store: &Store, dir: &Path, count: usize) -> Vec<(u64, Content)> {
    let mut states = vec![(0, Vec::new())];
    for number in 0..count {
        let value = "v".repeat(number * 7);
        store.commit(vec![put(&format!("/{number}"), &value), put("/last", &value)]).await.unwrap();
        let report = check(&OsDisk, dir).unwrap().unwrap();
        assert_eq!((report.torn, report.keys), (0, number + 2));
        states.push((report.log_size, content(store)));
    }
    states
}

fn only(dir: &Path, prefix: &str) -> PathBuf {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix));
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths.remove(0)
}

/// A fresh copy of a folder, with one file changed.
fn changed(dir: &Path, to: &Path, file: &Path, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let _ = fs::remove_dir_all(to);
    copy_dir(dir, to);
    let file = to.join(file.file_name().unwrap());
    let mut bytes = fs::read(&file).unwrap();
    change(&mut bytes);
    fs::write(&file, bytes).unwrap();
    file
}

#[tokio::test]
async fn a_log_cut_at_any_byte_gives_the_commits_before() {
    const HEADER: usize = 32;
    let work = tempfile::tempdir().unwrap();
    let (dir, copy) = (work.path().join("store"), work.path().join("copy"));
    let store = Store::open(&dir, single()).await.unwrap();
    let states = written(&store, &dir, 6).await;
    let log = only(&dir, "log-");
    let end = HEADER + states.last().unwrap().0 as usize;
    for cut in HEADER..=end {
        // The file may end there, or the rest of it may never have been written.
        for zeros in [false, true] {
            changed(
                &dir,
                &copy,
                &log,
                |bytes| {
                    if zeros { bytes[cut..].fill(0) } else { bytes.truncate(cut) }
                },
            );
            let reopened = Store::open(&copy, single()).await.unwrap();
            let found = content(&reopened);
            let whole = states.iter().rev().find(|(length, _)| HEADER + *length as usize <= cut).unwrap();
            // Cutting only zeros (padding, or a body's last bytes) may leave the frame whole.
            let next = states.iter().find(|(length, _)| HEADER + *length as usize >= cut).unwrap();
            assert!(found == whole.1 || found == next.1 && zeros || cut % 8 != 0, "cut at {cut}");
            reopened.commit(vec![put("/new", "x")]).await.unwrap();
            let expected = content(&reopened);
            drop(reopened);
            assert_eq!(content(&Store::open(&copy, single()).await.unwrap()), expected, "cut at {cut}");
        }
    }
}

#[tokio::test]
async fn a_changed_byte_in_a_closed_store_is_refused_or_without_effect() {
    let work = tempfile::tempdir().unwrap();
    let (dir, copy) = (work.path().join("store"), work.path().join("copy"));
    let store = Store::open(&dir, single()).await.unwrap();
    let states = written(&store, &dir, 5).await;
    store.close().await;
    let (log, expected) = (only(&dir, "log-"), &states.last().unwrap().1);
    let end = 32 + states.last().unwrap().0 as usize;
    let mut refused = 0;
    for place in 0..end + 40 {
        for bit in [0, 7] {
            let file = changed(&dir, &copy, &log, |bytes| bytes[place] ^= 1 << bit);
            match Store::open(&copy, single()).await {
                Ok(store) => assert_eq!(&content(&store), expected, "byte {place} bit {bit}"),
                Err(error @ OpenError::Damaged { .. }) => {
                    refused += 1;
                    let text = error.to_string();
                    assert!(text.contains(file.to_str().unwrap()) && text.contains("backup"), "{text}");
                    assert!(place < end, "the end mark's damage at {place} touches no data: {text}");
                }
                Err(error) => panic!("byte {place}: {error}"),
            }
        }
    }
    // All but the padding.
    assert!(refused > end * 2 * 8 / 10, "only {refused} of {} changes were noticed", end * 2);
}

#[tokio::test]
async fn without_an_end_mark_only_the_last_write_can_be_taken_for_interrupted() {
    let work = tempfile::tempdir().unwrap();
    let (dir, copy) = (work.path().join("store"), work.path().join("copy"));
    let store = Store::open(&dir, single()).await.unwrap();
    let states = written(&store, &dir, 4).await;
    let log = only(&dir, "log-");
    let [.., before, last] = &states[..] else { panic!() };
    let lengths: Vec<usize> = states.iter().map(|(length, _)| 32 + *length as usize).collect();
    for place in 0..32 + last.0 as usize {
        changed(&dir, &copy, &log, |bytes| bytes[place] ^= 0x10);
        let opened = Store::open(&copy, single()).await;
        let in_last = place >= 32 + before.0 as usize;
        match opened {
            Ok(store) if content(&store) == last.1 => {}
            Ok(store) => assert!(in_last && content(&store) == before.1, "byte {place}"),
            Err(OpenError::Damaged { offset, .. }) => {
                assert!(!in_last, "byte {place}");
                let begin = lengths.iter().rev().find(|begin| **begin <= place).copied().unwrap_or(0);
                assert_eq!(offset as usize, begin, "byte {place}");
            }
            Err(error) => panic!("byte {place}: {error}"),
        }
    }
}

#[tokio::test]
async fn damaged_or_missing_snapshots_and_segments_are_refused() {
    let work = tempfile::tempdir().unwrap();
    let (dir, copy) = (work.path().join("store"), work.path().join("copy"));
    let options = || Options { segment_size: 2 << 10, snapshot_after: 8 << 10, ..Options::default() };
    let store = Store::open(&dir, options()).await.unwrap();
    for number in 0..60 {
        store.commit(vec![put(&format!("/{}", number % 20), &"x".repeat(300))]).await.unwrap();
    }
    store.close().await;
    let expected = content(&store);
    let reopened = Store::open(&dir, options()).await.unwrap();
    assert_eq!(content(&reopened), expected);
    reopened.close().await;

    let snapshot = only(&dir, "snapshot-");
    let length = fs::metadata(&snapshot).unwrap().len() as usize;
    for place in (0..length).step_by(11) {
        changed(&dir, &copy, &snapshot, |bytes| bytes[place] ^= 1);
        match Store::open(&copy, options()).await {
            Ok(store) => assert_eq!(content(&store), expected, "byte {place}"),
            Err(OpenError::Damaged { file, .. }) => {
                assert_eq!(file.file_name(), snapshot.file_name());
            }
            Err(error) => panic!("byte {place}: {error}"),
        }
    }
    changed(&dir, &copy, &snapshot, |bytes| bytes.truncate(length - 1));
    assert!(matches!(Store::open(&copy, options()).await, Err(OpenError::Damaged { .. })));

    let mut files: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.retain(|name| name != "LOCK");
    files.sort();
    assert!(files.len() > 2, "{files:?}");
    // Without its last file a log is just shorter; any other must not be missed.
    let last_log = files.iter().rfind(|name| name.to_str().unwrap().starts_with("log-")).unwrap().clone();
    for name in files.iter().filter(|name| **name != last_log) {
        let _ = fs::remove_dir_all(&copy);
        copy_dir(&dir, &copy);
        fs::remove_file(copy.join(name)).unwrap();
        let error = Store::open(&copy, options()).await.unwrap_err();
        assert!(matches!(error, OpenError::Missing { .. }), "{name:?}: {error}");
        assert!(error.to_string().contains("log-"), "{error}");
    }
}

#[tokio::test]
async fn files_stay_small_and_old_ones_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default()).await.unwrap();
    let size = |dir: &Path| -> u64 {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    };
    assert!(size(dir.path()) < 100 << 10, "an empty store has {} bytes", size(dir.path()));
    store.close().await;

    let options = || Options { keep_revisions: Some(50), ..small() };
    let store = Store::open(dir.path(), options()).await.unwrap();
    for number in 0..3000 {
        store.commit(vec![put(&format!("/{}", number % 10), &"x".repeat(500))]).await.unwrap();
    }
    store.close().await;
    assert!(store.compacted() >= 2900 && store.revision() - store.compacted() >= 50);
    // 1.6 MB were written; what is left is a snapshot and the log since, in segments that are filled ahead.
    assert!(size(dir.path()) < 600 << 10, "{} bytes are left", size(dir.path()));
    assert_eq!(content(&Store::open(dir.path(), options()).await.unwrap()), content(&store));
}

#[tokio::test]
async fn a_store_has_one_opener() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), single()).await.unwrap();
    let error = Store::open(dir.path(), single()).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
    drop(store);
    Store::open(dir.path(), single()).await.unwrap();
}
