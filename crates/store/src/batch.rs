//! Turns the operations of waiting commits into events, each commit against the index and the commits before it.
//!
//! Pure: nothing here becomes visible; the writer publishes the events once they are flushed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::error::{CommitError, Failure};
use crate::index::{self, Index};
use crate::types::{Entry, Event, Expect, Op, Payload};

/// The most bytes of keys and values that one commit may have.
const MAX_COMMIT: usize = 64 << 20;

/// The commits that will share one flush.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    index: &'a Index,
    revision: u64,
    /// State of the keys that the batch changed, `None` for deleted ones.
    changed: HashMap<Arc<str>, Option<Arc<Entry>>>,
    commits: Vec<Arc<[Event]>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(index: &'a Index) -> Self {
        Self { index, revision: index.revision(), changed: HashMap::new(), commits: Vec::new() }
    }

    /// The events of each revision that the batch makes, in order.
    pub(crate) fn into_commits(self) -> Vec<Arc<[Event]>> {
        self.commits
    }

    /// Adds a commit if its expectations hold. Returns its revision, or the one before if it changes nothing.
    pub(crate) fn add(&mut self, ops: &[Op]) -> Result<u64, CommitError> {
        self.check(ops)?;
        let revision = self.revision + 1;
        let mut events = Vec::with_capacity(ops.len());
        for op in ops {
            let previous = self.current(op.key());
            match op {
                Op::Put { key, payload, lease, .. } => {
                    let value = stamp(payload, revision);
                    events.push(index::event(previous, key, value, revision, *lease, false));
                }
                Op::Delete { key, last, .. } if previous.is_some() => {
                    let value = last.as_ref().map_or_else(Bytes::new, |last| stamp(last, revision));
                    events.push(index::event(previous, key, value, revision, None, true));
                }
                Op::Delete { .. } => {}
            }
        }
        if events.is_empty() {
            return Ok(self.revision);
        }
        for event in &events {
            let state = (!event.deleted).then(|| event.entry.clone());
            self.changed.insert(event.entry.key.clone(), state);
        }
        self.commits.push(events.into());
        self.revision = revision;
        Ok(revision)
    }

    fn check(&self, ops: &[Op]) -> Result<(), CommitError> {
        let mut seen = HashSet::new();
        let mut size = 0;
        for op in ops {
            let key = op.key();
            if key.is_empty() {
                return Err(Failure::Invalid("a key is empty".to_owned()).into());
            }
            if ops.len() > 1 && !seen.insert(key) {
                return Err(Failure::Invalid(format!("{key} is named twice")).into());
            }
            size += op_size(op);
            if let Op::Put { lease: Some(id), .. } = op
                && !self.index.leases().contains_key(id)
            {
                return Err(Failure::LeaseNotFound(*id).into());
            }
        }
        if size > MAX_COMMIT {
            let text = format!("{size} bytes are more than the {MAX_COMMIT} that one commit may have");
            return Err(Failure::Invalid(text).into());
        }
        for op in ops {
            let (Op::Put { key, expect, .. } | Op::Delete { key, expect, .. }) = op;
            let current = self.current(key);
            let holds = match expect {
                Expect::Any => true,
                Expect::Absent => current.is_none(),
                Expect::Revision(revision) => current.is_some_and(|entry| entry.mod_revision == *revision),
            };
            if !holds {
                return Err(CommitError::Conflict { key: key.clone(), current: current.cloned() });
            }
        }
        Ok(())
    }

    fn current(&self, key: &str) -> Option<&Arc<Entry>> {
        match self.changed.get(key) {
            Some(state) => state.as_ref(),
            None => self.index.get(key),
        }
    }
}

/// Bytes of key and value.
pub(crate) fn op_size(op: &Op) -> usize {
    let payload = match op {
        Op::Put { payload, .. } => Some(payload),
        Op::Delete { last, .. } => last.as_ref(),
    };
    let value = payload.map_or(0, |payload| match payload {
        Payload::Plain(value) => value.len(),
        Payload::Stamped { head, tail } => head.len() + tail.len(),
    });
    op.key().len() + value
}

fn stamp(payload: &Payload, revision: u64) -> Bytes {
    match payload {
        Payload::Plain(value) => value.clone(),
        Payload::Stamped { head, tail } => {
            let number = revision.to_string();
            let mut value = BytesMut::with_capacity(head.len() + number.len() + tail.len());
            value.extend_from_slice(head);
            value.extend_from_slice(number.as_bytes());
            value.extend_from_slice(tail);
            value.freeze()
        }
    }
}
