//! When leases end. Only the times are here: which keys a lease has is in the index, its end is a commit.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::types::LeaseId;

/// The deadlines of all leases.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    by_time: BTreeSet<(Instant, LeaseId)>,
    by_id: HashMap<LeaseId, Instant>,
}

impl Deadlines {
    /// Sets or moves a lease's end.
    pub(crate) fn set(&mut self, id: LeaseId, now: Instant, ttl: Duration) {
        self.remove(id);
        // A time beyond the clock's range is never reached.
        if let Some(at) = now.checked_add(ttl) {
            self.by_time.insert((at, id));
            self.by_id.insert(id, at);
        }
    }

    /// Forgets a lease.
    pub(crate) fn remove(&mut self, id: LeaseId) {
        if let Some(at) = self.by_id.remove(&id) {
            self.by_time.remove(&(at, id));
        }
    }

    /// When the next lease ends.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|&(at, _)| at)
    }

    /// The lease that has ended longest ago.
    pub(crate) fn ended(&self, now: Instant) -> Option<LeaseId> {
        self.by_time.first().filter(|&&(at, _)| at <= now).map(|&(_, id)| id)
    }
}
