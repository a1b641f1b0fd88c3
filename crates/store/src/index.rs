//! All state in memory: every key's versions, the history of events and the leases.
//!
//! Invariant: `history` holds exactly the revisions `compacted + 1 ..= revision`, and every key holds the versions
//! that a read at any revision from `compacted` on needs, no more. Knows nothing of files, threads or watchers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::error::ReadError;
use crate::types::{Entry, Event, LeaseId, Range};

/// See the module.
#[derive(Debug)]
pub(crate) struct Index {
    revision: u64,
    compacted: u64,
    keys: BTreeMap<Arc<str>, Versions>,
    history: VecDeque<Arc<[Event]>>,
    leases: BTreeMap<LeaseId, Lease>,
}

/// A key's states, oldest first, the latest apart: most keys have just that one.
#[derive(Debug)]
struct Versions {
    older: Vec<Arc<Entry>>,
    latest: Arc<Entry>,
}

/// A lease and what is attached to it.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) ttl: Duration,
    pub(crate) keys: BTreeSet<Arc<str>>,
}

/// What a snapshot writes: cheap to take, since entries are shared.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) compacted: u64,
    pub(crate) revision: u64,
    pub(crate) base: Vec<Arc<Entry>>,
    pub(crate) history: Vec<Arc<[Event]>>,
    pub(crate) leases: Vec<(LeaseId, Duration)>,
}

impl Default for Index {
    /// Like etcd, an empty store is at revision 1, so that 0 can mean "none".
    fn default() -> Self {
        let nothing: Arc<[Event]> = Arc::new([]);
        Self {
            revision: 1,
            compacted: 0,
            keys: BTreeMap::new(),
            history: VecDeque::from([nothing]),
            leases: BTreeMap::new(),
        }
    }
}

impl Index {
    /// The state that a snapshot's first part describes; its history is then applied.
    pub(crate) fn at_compaction(compacted: u64) -> Self {
        if compacted == 0 {
            return Self::default();
        }
        Self { revision: compacted, compacted, history: VecDeque::new(), ..Self::default() }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Number of live keys.
    pub(crate) fn live(&self) -> usize {
        self.keys.values().filter(|versions| !is_tombstone(&versions.latest)).count()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        self.keys.get(key).map(|versions| &versions.latest).filter(|entry| !is_tombstone(entry))
    }

    pub(crate) fn range(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        at: Option<u64>,
    ) -> Result<Range, ReadError> {
        let at = at.unwrap_or(self.revision);
        if at < self.compacted {
            return Err(ReadError::Compacted { requested: at, compacted: self.compacted });
        }
        if at > self.revision {
            return Err(ReadError::Future { requested: at, current: self.revision });
        }
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut live = self
            .keys
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter_map(|(_, versions)| versions.at(at));
        let limit = if limit == 0 { usize::MAX } else { limit };
        let entries: Vec<_> = live.by_ref().take(limit).cloned().collect();
        let remaining = live.count();
        Ok(Range { entries, revision: at, more: remaining > 0, remaining })
    }

    /// The events of one revision still in the history.
    pub(crate) fn events(&self, revision: u64) -> Option<&Arc<[Event]>> {
        let place = revision.checked_sub(self.compacted + 1)?;
        self.history.get(usize::try_from(place).ok()?)
    }

    pub(crate) fn leases(&self) -> &BTreeMap<LeaseId, Lease> {
        &self.leases
    }

    /// Applies the next revision.
    pub(crate) fn apply(&mut self, events: Arc<[Event]>) {
        self.revision += 1;
        for event in events.iter() {
            debug_assert_eq!(event.entry.mod_revision, self.revision);
            if let Some(previous) = &event.previous {
                self.detach(previous);
            }
            self.insert(&event.entry);
        }
        self.history.push_back(events);
    }

    /// Adds an entry of a snapshot's first part.
    pub(crate) fn insert(&mut self, entry: &Arc<Entry>) {
        if let Some(lease) = entry.lease.and_then(|id| self.leases.get_mut(&id)) {
            lease.keys.insert(entry.key.clone());
        }
        match self.keys.get_mut(&entry.key) {
            Some(versions) => {
                let older = std::mem::replace(&mut versions.latest, entry.clone());
                versions.older.push(older);
            }
            None => {
                let versions = Versions { older: Vec::new(), latest: entry.clone() };
                self.keys.insert(entry.key.clone(), versions);
            }
        }
    }

    fn detach(&mut self, entry: &Entry) {
        if let Some(lease) = entry.lease.and_then(|id| self.leases.get_mut(&id)) {
            lease.keys.remove(&entry.key);
        }
    }

    pub(crate) fn grant(&mut self, id: LeaseId, ttl: Duration) {
        self.leases.insert(id, Lease { ttl, keys: BTreeSet::new() });
    }

    pub(crate) fn revoke(&mut self, id: LeaseId) {
        self.leases.remove(&id);
    }

    /// Forgets what only reads before `revision` need. The caller keeps it within `compacted ..= revision()`.
    pub(crate) fn compact(&mut self, revision: u64) {
        while self.compacted < revision {
            let Some(events) = self.history.pop_front() else { break };
            self.compacted += 1;
            // A key has something to forget only if it changed in the revisions that go, and the last of these
            // changes decides; earlier ones just find less to do.
            for event in events.iter() {
                self.trim(&event.entry.key, revision);
            }
        }
    }

    fn trim(&mut self, key: &str, revision: u64) {
        let Some(versions) = self.keys.get_mut(key) else { return };
        if versions.latest.mod_revision <= revision {
            versions.older = Vec::new();
            if is_tombstone(&versions.latest) {
                self.keys.remove(key);
            }
            return;
        }
        let unneeded = versions.older.partition_point(|entry| entry.mod_revision <= revision);
        let keep = unneeded > 0 && !is_tombstone(&versions.older[unneeded - 1]);
        versions.older.drain(..unneeded - usize::from(keep));
        versions.older.shrink_to_fit();
    }

    /// All that is needed to build this index again.
    pub(crate) fn freeze(&self) -> Frozen {
        Frozen {
            compacted: self.compacted,
            revision: self.revision,
            base: self.keys.values().filter_map(|versions| versions.at(self.compacted)).cloned().collect(),
            history: self.history.iter().cloned().collect(),
            leases: self.leases.iter().map(|(&id, lease)| (id, lease.ttl)).collect(),
        }
    }
}

impl Versions {
    /// The live state as of a revision.
    fn at(&self, revision: u64) -> Option<&Arc<Entry>> {
        let entry = if self.latest.mod_revision <= revision {
            &self.latest
        } else {
            let count = self.older.partition_point(|entry| entry.mod_revision <= revision);
            self.older.get(count.checked_sub(1)?)?
        };
        (!is_tombstone(entry)).then_some(entry)
    }
}

fn is_tombstone(entry: &Entry) -> bool {
    entry.version == 0
}

/// The event that a change of a key makes; `previous` is its live state before.
pub(crate) fn event(
    previous: Option<&Arc<Entry>>,
    key: &str,
    value: Bytes,
    revision: u64,
    lease: Option<LeaseId>,
    deleted: bool,
) -> Event {
    let entry = Entry {
        key: previous.map_or_else(|| Arc::from(key), |entry| entry.key.clone()),
        value,
        create_revision: previous.map_or(revision, |entry| entry.create_revision),
        mod_revision: revision,
        version: if deleted { 0 } else { previous.map_or(1, |entry| entry.version + 1) },
        lease,
    };
    Event { entry: Arc::new(entry), previous: previous.cloned(), deleted }
}
