//! Random operations against a store and against plain maps, reopened again and again: state, old revisions,
//! history and errors must agree.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{Random, delete, put_if, small};
use store::{CommitError, Entry, Event, Expect, Op, ReadError, Store};

/// The whole state after each revision, and what changed.
#[derive(Default)]
struct Model {
    states: BTreeMap<u64, BTreeMap<String, Entry>>,
    changes: BTreeMap<u64, Vec<Change>>,
    compacted: u64,
}

/// Key, state before, state after.
type Change = (String, Option<Entry>, Option<Entry>);

impl Model {
    fn revision(&self) -> u64 {
        self.states.last_key_value().map_or(1, |(revision, _)| *revision)
    }

    fn now(&self) -> BTreeMap<String, Entry> {
        self.states.last_key_value().map(|(_, state)| state.clone()).unwrap_or_default()
    }

    /// Applies a commit; the key of the first conflict otherwise.
    fn commit(&mut self, ops: &[Op]) -> Result<u64, String> {
        let mut state = self.now();
        for op in ops {
            let (Op::Put { key, expect, .. } | Op::Delete { key, expect, .. }) = op;
            let current = state.get(key).map(|entry| entry.mod_revision);
            let holds = match expect {
                Expect::Any => true,
                Expect::Absent => current.is_none(),
                Expect::Revision(revision) => current == Some(*revision),
            };
            if !holds {
                return Err(key.clone());
            }
        }
        let revision = self.revision() + 1;
        let mut changes = Vec::new();
        for op in ops {
            let old = state.get(op.key()).cloned();
            match op {
                Op::Put { key, payload: store::Payload::Plain(value), .. } => {
                    let entry = Entry {
                        key: key.as_str().into(),
                        value: value.clone(),
                        create_revision: old.as_ref().map_or(revision, |old| old.create_revision),
                        mod_revision: revision,
                        version: old.as_ref().map_or(1, |old| old.version + 1),
                        lease: None,
                    };
                    state.insert(key.clone(), entry.clone());
                    changes.push((key.clone(), old, Some(entry)));
                }
                Op::Delete { key, .. } if state.remove(key).is_some() => {
                    changes.push((key.clone(), old, None));
                }
                _ => {}
            }
        }
        if changes.is_empty() {
            return Ok(revision - 1);
        }
        self.states.insert(revision, state);
        self.changes.insert(revision, changes);
        Ok(revision)
    }

    fn at(&self, revision: u64) -> Vec<Entry> {
        let state = self.states.range(..=revision).next_back().map(|(_, state)| state.clone());
        state.unwrap_or_default().into_values().collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn agrees_with_plain_maps() {
    for seed in 1..=6 {
        run(seed).await;
    }
}

async fn run(seed: u64) {
    let mut random = Random(seed * 0x9e37_79b9);
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let mut store = Store::open(dir.path(), small()).await.unwrap();
    for step in 0..1500 {
        match random.below(100) {
            0 => {
                store.close().await;
                store = Store::open(dir.path(), small()).await.unwrap();
            }
            1 => {
                let revision = random.below(model.revision() + 1);
                store.compact(revision).await.unwrap();
                model.compacted = model.compacted.max(revision);
            }
            2 => compare(&store, &model, &mut random).await,
            _ => {
                let ops = operations(&mut random, &model);
                let (ours, theirs) = (store.commit(ops.clone()).await, model.commit(&ops));
                match (ours, theirs) {
                    (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "seed {seed} step {step}"),
                    (Err(CommitError::Conflict { key, current }), Err(theirs)) => {
                        assert_eq!(key, theirs);
                        assert_eq!(current.map(|entry| (*entry).clone()), model.now().get(&key).cloned());
                    }
                    (ours, theirs) => panic!("seed {seed} step {step}: {ours:?} against {theirs:?}"),
                }
            }
        }
    }
    compare(&store, &model, &mut random).await;
}

fn operations(random: &mut Random, model: &Model) -> Vec<Op> {
    let mut keys: Vec<u64> = (0..=random.below(3)).map(|_| random.below(30)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter()
        .map(|number| {
            let key = format!("/{}/{number}", number % 3);
            let current = model.now().get(&key).map(|entry| entry.mod_revision);
            let expect = match (random.below(8), current) {
                (0, _) => Expect::Absent,
                (1, _) => Expect::Revision(random.below(model.revision() + 1)),
                (2..=4, Some(revision)) => Expect::Revision(revision),
                _ => Expect::Any,
            };
            if random.below(4) == 0 {
                return match delete(&key) {
                    Op::Delete { key, last, .. } => Op::Delete { key, last, expect },
                    put => put,
                };
            }
            let value = "x".repeat(random.below(600) as usize) + &random.below(1000).to_string();
            put_if(&key, &value, expect)
        })
        .collect()
}

async fn compare(store: &Store, model: &Model, random: &mut Random) {
    assert_eq!(store.revision(), model.revision());
    assert_eq!(store.compacted(), model.compacted);
    let at = random.below(model.revision() + 2);
    for at in [at, model.compacted, model.revision()] {
        let read = store.range("", None, 0, Some(at));
        if at < model.compacted {
            assert_eq!(read.unwrap_err(), ReadError::Compacted { requested: at, compacted: model.compacted });
        } else if at > model.revision() {
            assert_eq!(read.unwrap_err(), ReadError::Future { requested: at, current: model.revision() });
        } else {
            let entries: Vec<Entry> = read.unwrap().entries.iter().map(|entry| (**entry).clone()).collect();
            assert_eq!(entries, model.at(at), "at {at}");
        }
    }
    pages(store, model);
    history(store, model).await;
}

/// Pages of three give the same as one read.
fn pages(store: &Store, model: &Model) {
    let wanted: Vec<Entry> = model.now().into_values().filter(|e| e.key.starts_with("/1/")).collect();
    let mut found: Vec<Entry> = Vec::new();
    loop {
        let after = found.last().map(|entry| entry.key.to_string());
        let page = store.range("/1/", after.as_deref(), 3, None).unwrap();
        found.extend(page.entries.iter().map(|entry| (**entry).clone()));
        assert_eq!(page.remaining, wanted.len() - found.len());
        assert_eq!(page.more, page.remaining > 0);
        if !page.more {
            break;
        }
    }
    assert_eq!(found, wanted);
}

/// A watch from the oldest revision gives exactly the changes since.
async fn history(store: &Store, model: &Model) {
    let mut watch = store.watch("/2/", Some(model.compacted + 1)).unwrap();
    for (revision, changes) in model.changes.range(model.compacted + 1..) {
        let wanted: Vec<_> = changes.iter().filter(|(key, ..)| key.starts_with("/2/")).collect();
        if wanted.is_empty() {
            continue;
        }
        let events = watch.next().await.unwrap();
        assert_eq!(events.len(), wanted.len());
        for (Event { entry, previous, deleted }, (key, old, new)) in events.iter().zip(wanted) {
            assert_eq!((&*entry.key, entry.mod_revision), (key.as_str(), *revision));
            assert_eq!(*deleted, new.is_none());
            if let Some(new) = new {
                assert_eq!(**entry, *new);
            }
            // What was there before the compaction is still known to the first event after it.
            assert_eq!(previous.as_deref(), old.as_ref());
        }
    }
    assert_eq!(watch.progress(), model.revision());
}
