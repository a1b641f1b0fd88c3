//! The store's handle: reads from the index, hands commits to the writer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{CommitError, Failure, LeaseError, OpenError, ReadError};
use crate::types::{Entry, LeaseId, Op, Options, Range};
use crate::watch::Watch;

/// An open store. Clones share it; the last one dropped closes it.
#[derive(Debug, Clone)]
pub struct Store {
    _private: (),
}

impl Store {
    /// Opens the store in `dir`, or creates it there.
    pub async fn open(dir: &Path, options: Options) -> Result<Store, OpenError> {
        let _ = (dir, options);
        unimplemented!()
    }

    /// The latest committed revision; 1 in an empty store.
    pub fn revision(&self) -> u64 {
        unimplemented!()
    }

    /// The compaction revision: older states cannot be read, watches start after it. 0 if never compacted.
    pub fn compacted(&self) -> u64 {
        unimplemented!()
    }

    /// The key's present state.
    pub fn get(&self, key: &str) -> Option<Arc<Entry>> {
        let _ = key;
        unimplemented!()
    }

    /// Live entries whose key begins with `prefix`, in key order, those after the key `after` only, at most
    /// `limit` (0 = all), as of revision `at` (`None` = now).
    pub fn range(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        at: Option<u64>,
    ) -> Result<Range, ReadError> {
        let _ = (prefix, after, limit, at);
        unimplemented!()
    }

    /// Applies all operations in one new revision, or none. Returns that revision once it is durable
    /// (or the current one, when the operations change nothing).
    pub async fn commit(&self, ops: Vec<Op>) -> Result<u64, CommitError> {
        let _ = ops;
        unimplemented!()
    }

    /// Watches the keys that begin with `prefix`: every event from revision `from` on (`None` = from now).
    pub fn watch(&self, prefix: &str, from: Option<u64>) -> Result<Watch, ReadError> {
        let _ = (prefix, from);
        unimplemented!()
    }

    /// Forgets the history before `revision`; states at `revision` and later stay readable. Idempotent.
    pub async fn compact(&self, revision: u64) -> Result<(), Failure> {
        let _ = revision;
        unimplemented!()
    }

    /// Creates a lease that ends `ttl` after its last keep-alive and then deletes the keys attached to it.
    /// `id`: a number of the caller's choice, else the store picks one.
    pub async fn lease_grant(&self, id: Option<LeaseId>, ttl: Duration) -> Result<LeaseId, LeaseError> {
        let _ = (id, ttl);
        unimplemented!()
    }

    /// Starts the lease's time anew and returns its length. Not logged: after a restart every lease starts anew.
    pub async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, LeaseError> {
        let _ = id;
        unimplemented!()
    }

    /// Ends the lease now; its keys are deleted in one commit.
    pub async fn lease_revoke(&self, id: LeaseId) -> Result<(), LeaseError> {
        let _ = id;
        unimplemented!()
    }

    /// Ends the writer and releases the folder. Commits that wait are finished first.
    pub async fn close(&self) {
        unimplemented!()
    }
}
