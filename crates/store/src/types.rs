//! The values that cross the store's interface: entries, events, operations, options. No behaviour beyond them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::files::{Disk, OsDisk};

/// Identifies a lease; never zero.
pub type LeaseId = u64;

/// The bytes of a value, or a recipe for them that needs the commit's revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The value itself.
    Plain(Bytes),
    /// `head`, then the commit's revision in decimal, then `tail`: so that a value can carry its own revision.
    Stamped {
        /// Bytes before the revision.
        head: Bytes,
        /// Bytes after the revision.
        tail: Bytes,
    },
}

/// What must hold for a key when the commit is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// No condition.
    Any,
    /// The key does not exist.
    Absent,
    /// The key exists and was last changed by this revision.
    Revision(u64),
}

/// One change of a commit. A commit may name each key once.
#[derive(Debug, Clone)]
pub enum Op {
    /// Creates or replaces a key.
    Put {
        /// The key; not empty.
        key: String,
        /// Its new value.
        payload: Payload,
        /// Condition on the key's present state.
        expect: Expect,
        /// The lease that deletes the key when it ends; replaces an earlier attachment.
        lease: Option<LeaseId>,
    },
    /// Deletes a key. Deleting an absent key without a condition changes nothing; with [`Expect::Absent`]
    /// the operation is a pure check.
    Delete {
        /// The key; not empty.
        key: String,
        /// Condition on the key's present state.
        expect: Expect,
        /// Bytes that watchers receive as the tombstone's value; empty when `None`.
        last: Option<Payload>,
    },
}

impl Op {
    /// The key that this operation changes.
    pub fn key(&self) -> &str {
        match self {
            Op::Put { key, .. } | Op::Delete { key, .. } => key,
        }
    }
}

/// A key's state as of one revision. For deletions: the tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Arc<str>,
    /// The value; shared by all readers and watchers.
    pub value: Bytes,
    /// Revision that created the key (the latest time).
    pub create_revision: u64,
    /// Revision of this state.
    pub mod_revision: u64,
    /// Number of puts since the creation, from 1; 0 in a tombstone.
    pub version: u64,
    /// Lease the key is attached to.
    pub lease: Option<LeaseId>,
}

/// One change as watchers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The state after the change; for deletions the tombstone, whose `mod_revision` is the deletion's.
    pub entry: Arc<Entry>,
    /// The state before; `None` for a creation.
    pub previous: Option<Arc<Entry>>,
    /// Whether the key was deleted.
    pub deleted: bool,
}

/// Answer of a range read.
#[derive(Debug, Clone)]
pub struct Range {
    /// Live entries in key order.
    pub entries: Vec<Arc<Entry>>,
    /// The revision that the answer shows.
    pub revision: u64,
    /// Whether the limit cut the answer short.
    pub more: bool,
    /// How many further entries there were.
    pub remaining: usize,
}

/// When the log is flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before each answer; commits that wait together share one flush.
    Always,
    /// At most this long after a commit was answered: a power failure may lose that much, a killed process nothing.
    Interval(Duration),
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// When the log is flushed.
    pub fsync: Fsync,
    /// Bytes after which a log file is closed and the next begun.
    pub segment_size: u64,
    /// Bytes of log after which a snapshot replaces it (or the size of the last snapshot, if that is more).
    pub snapshot_after: u64,
    /// Commits that wait in memory for a watcher before it has to catch up from the history.
    pub watch_buffer: usize,
    /// Revisions of history that are kept at least; beyond twice as many the store compacts by itself. `None` = all.
    pub keep_revisions: Option<u64>,
    /// Where the files lie: the operating system's files, or a test's.
    pub disk: Arc<dyn Disk>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            fsync: Fsync::Always,
            segment_size: 64 << 20,
            snapshot_after: 64 << 20,
            watch_buffer: 256,
            keep_revisions: Some(20_000),
            disk: Arc::new(OsDisk),
        }
    }
}
