//! A process that is killed with SIGKILL in the middle of writing, again and again: every commit it was answered
//! is there afterwards.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Random, put, small};
use store::Store;

const DIR: &str = "STORE_KILL_TEST_DIR";
const ROUND: &str = "STORE_KILL_TEST_ROUND";

/// Not a test by itself: the process that [`every_answered_commit_survives_kill_9`] starts and kills.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let (Ok(dir), Ok(round)) = (std::env::var(DIR), std::env::var(ROUND)) else { return };
    let store = Store::open(Path::new(&dir), small()).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (store, round) = (store.clone(), round.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    let key = format!("/{round}/{task}/{number}");
                    let revision = store.commit(vec![put(&key, &key.repeat(1 + number % 40))]).await.unwrap();
                    // One write: a line is in the pipe whole or not at all.
                    let line = format!("\nanswered {key} {revision}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answered_commit_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(99);
    let mut answered: Vec<(String, u64)> = Vec::new();
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture"])
            .env(DIR, dir.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let target = 1 + random.below(400) as usize;
        let mut seen = 0;
        for line in lines {
            let line = line.unwrap();
            let Some(rest) = line.strip_prefix("answered ") else { continue };
            let (key, revision) = rest.split_once(' ').unwrap();
            answered.push((key.to_owned(), revision.parse().unwrap()));
            seen += 1;
            if seen == target {
                tokio::time::sleep(Duration::from_micros(random.below(2000))).await;
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= target, "the child ended by itself after {seen} commits");

        let store = Store::open(dir.path(), small()).await.unwrap();
        for (key, revision) in &answered {
            let entry = store.get(key).unwrap_or_else(|| panic!("{key} of revision {revision} is lost"));
            assert_eq!(entry.mod_revision, *revision);
            assert!(entry.value.starts_with(key.as_bytes()));
        }
        // One key per commit: none is missing in between, none is there twice.
        assert_eq!(store.range("", None, 0, None).unwrap().entries.len() as u64, store.revision() - 1);
    }
}
