//! The store's errors: what failed, in which file or key, and what to do next.

use std::path::PathBuf;
use std::sync::Arc;

use crate::types::{Entry, LeaseId};

/// Why a store could not be opened or checked.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or handle) has it open.
    #[error("store {dir} is in use by another process; stop that one first", dir = .dir.display())]
    InUse {
        /// The store's folder.
        dir: PathBuf,
    },
    /// A file does not hold what was written to it.
    #[error(
        "{file} is damaged at byte {offset}: {what}; nothing was changed. Restore the store's folder from a backup, \
         or look at the disk first if none of its files should have changed",
        file = .file.display()
    )]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// Byte in the file where reading had to stop.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A file that the others need is gone.
    #[error("{dir} lacks {what}; restore the store's folder from a backup", dir = .dir.display())]
    Missing {
        /// The store's folder.
        dir: PathBuf,
        /// What is missing.
        what: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// Why a commit was not applied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// An expectation did not hold; nothing was changed.
    #[error("{key} is not in the expected state: {}", describe(.current))]
    Conflict {
        /// The first key whose expectation failed.
        key: String,
        /// Its present state.
        current: Option<Arc<Entry>>,
    },
    /// The commit could not be made; see [`Failure`].
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Why a commit could not be made, whatever its expectations.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// The disk is full. Nothing was changed; commits work again once there is space.
    #[error("no space left for the store's log in {dir}; free some space, then repeat the write", dir = .dir.display())]
    NoSpace {
        /// The store's folder.
        dir: PathBuf,
    },
    /// Writing failed in a way after which the log's content is unknown, now or earlier.
    #[error(
        "the store is read-only since its log could not be written: {reason}; mend the disk, then restart"
    )]
    ReadOnly {
        /// The first failure.
        reason: String,
    },
    /// The request itself is wrong.
    #[error("invalid commit: {0}")]
    Invalid(String),
    /// No such lease.
    #[error("lease {0} does not exist or has ended")]
    LeaseNotFound(LeaseId),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a revision cannot be read or watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The history up to `compacted` is gone.
    #[error("revision {requested} was compacted; the oldest available is {compacted}")]
    Compacted {
        /// Revision asked for.
        requested: u64,
        /// The store's compaction revision.
        compacted: u64,
    },
    /// The store has not come that far.
    #[error("revision {requested} is in the future; the current one is {current}")]
    Future {
        /// Revision asked for.
        requested: u64,
        /// The store's revision.
        current: u64,
    },
}

/// Why a lease operation failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LeaseError {
    /// No such lease, or it has ended.
    #[error("lease {0} does not exist or has ended")]
    NotFound(LeaseId),
    /// A lease with the wished number exists.
    #[error("lease {0} exists already")]
    Exists(LeaseId),
    /// The log could not be written.
    #[error(transparent)]
    Failed(#[from] Failure),
}

fn describe(current: &Option<Arc<Entry>>) -> String {
    match current {
        Some(entry) => format!("it exists with revision {}", entry.mod_revision),
        None => "it does not exist".to_owned(),
    }
}
