//! Watches: every event of a prefix from a revision on, in order, each once.

use std::sync::Arc;

use crate::types::Event;

/// Why a watch delivers nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The watcher was so slow that the history it still needed was compacted: list again, then watch.
    Lagged {
        /// First revision that it had not seen.
        next: u64,
        /// The store's compaction revision.
        compacted: u64,
    },
    /// The store was closed.
    Closed,
}

/// A running watch; dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    _private: (),
}

impl Watch {
    /// The matching events of the next commit that has any; `None` once the watch ended (see [`Watch::ended`]).
    ///
    /// Cancel safe: an event is either returned or stays for the next call.
    pub async fn next(&mut self) -> Option<Arc<[Event]>> {
        unimplemented!()
    }

    /// Why [`Watch::next`] returned `None`.
    pub fn ended(&self) -> Option<Ended> {
        unimplemented!()
    }

    /// A revision up to which all matching events were returned: what a bookmark may claim.
    pub fn progress(&self) -> u64 {
        unimplemented!()
    }
}
