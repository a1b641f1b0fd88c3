//! Watches: every event of a prefix from a revision on, in order, each once.
//!
//! A watcher has a bounded queue that the writer fills. If it overflows, the queue is dropped and the watcher
//! reads on in the shared history from where it was, until it has caught up and gets a new queue; so memory is
//! bounded and nothing is lost. Only when compaction overtakes it does it end, with [`Ended::Lagged`].

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::store::Shared;
use crate::types::Event;

/// At most this many revisions are looked at while the index is locked.
const CHUNK: u64 = 4096;

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
    shared: Arc<Shared>,
    prefix: String,
    /// First revision whose events were not returned or queued in `found`.
    next: u64,
    /// Read from the history, not yet returned.
    found: VecDeque<Item>,
    live: Option<Live>,
    ended: Option<Ended>,
}

/// A revision and its events.
type Item = (u64, Arc<[Event]>);

#[derive(Debug)]
struct Live {
    id: u64,
    queue: mpsc::Receiver<Item>,
}

impl Watch {
    /// A watch from `next` on, which is not beyond the store's next revision and not compacted.
    pub(crate) fn new(shared: Arc<Shared>, prefix: &str, next: u64) -> Self {
        Self { shared, prefix: prefix.to_owned(), next, found: VecDeque::new(), live: None, ended: None }
    }

    /// The matching events of the next commit that has any; `None` once the watch ended (see [`Watch::ended`]).
    ///
    /// Cancel safe: an event is either returned or stays for the next call.
    pub async fn next(&mut self) -> Option<Arc<[Event]>> {
        loop {
            if let Some((_, events)) = self.found.pop_front() {
                return Some(events);
            }
            if self.ended.is_some() {
                return None;
            }
            let Some(live) = &mut self.live else {
                self.catch_up();
                continue;
            };
            match live.queue.recv().await {
                // Also read from the history while the queue was being set up.
                Some((revision, _)) if revision < self.next => {}
                Some((revision, events)) => {
                    self.next = revision + 1;
                    return Some(events);
                }
                None => self.live = None,
            }
        }
    }

    /// Why [`Watch::next`] returned `None`.
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// A revision up to which all matching events were returned: what a bookmark may claim.
    pub fn progress(&self) -> u64 {
        if let Some((revision, _)) = self.found.front() {
            return revision - 1;
        }
        let seen = self.next - 1;
        // The order matters: what is delivered by now and not queued was returned or does not match.
        let delivered = self.shared.hub.delivered.load(Ordering::Acquire);
        match &self.live {
            Some(live) if live.queue.is_empty() && !live.queue.is_closed() => seen.max(delivered),
            _ => seen,
        }
    }

    /// Starts the live queue if nothing has to be read from the history.
    pub(crate) fn catch_up(&mut self) {
        let index = self.shared.index();
        if index.compacted() >= self.next {
            self.ended = Some(Ended::Lagged { next: self.next, compacted: index.compacted() });
            return;
        }
        let end = index.revision().min(self.next.saturating_add(CHUNK));
        while self.next <= end {
            let matching = index.events(self.next).and_then(|events| matching(events, &self.prefix));
            self.found.extend(matching.map(|events| (self.next, events)));
            self.next += 1;
        }
        if self.next > index.revision() {
            // Still under the index's lock: the next commit is published after this and finds the queue.
            match self.shared.hub.register(&self.prefix, self.shared.watch_buffer) {
                Some((id, queue)) => self.live = Some(Live { id, queue }),
                None => self.ended = Some(Ended::Closed),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(live) = &self.live {
            self.shared.hub.unregister(&self.prefix, live.id);
        }
    }
}

/// The events that concern a prefix: the commit's own list where possible.
fn matching(events: &Arc<[Event]>, prefix: &str) -> Option<Arc<[Event]>> {
    let fits = |event: &&Event| event.entry.key.starts_with(prefix);
    match events.iter().filter(fits).count() {
        0 => None,
        count if count == events.len() => Some(events.clone()),
        _ => Some(events.iter().filter(fits).cloned().collect()),
    }
}

type Queue = mpsc::Sender<Item>;

/// All live queues, by prefix.
#[derive(Debug)]
pub(crate) struct Hub {
    watchers: Mutex<Watchers>,
    /// Events up to this revision are in the queues.
    delivered: AtomicU64,
}

#[derive(Debug, Default)]
struct Watchers {
    by_prefix: BTreeMap<Box<[u8]>, Vec<(u64, Queue)>>,
    last_id: u64,
    closed: bool,
}

impl Hub {
    pub(crate) fn new(revision: u64) -> Self {
        Self { watchers: Mutex::default(), delivered: AtomicU64::new(revision) }
    }

    /// Hands each revision's events to the watchers of their keys. Called in order of revisions.
    pub(crate) fn deliver(&self, commits: &[Arc<[Event]>]) {
        let mut watchers = self.watchers();
        for events in commits {
            let Some(revision) = events.first().map(|event| event.entry.mod_revision) else { continue };
            for prefix in watchers.concerned(events) {
                let Some(queues) = watchers.by_prefix.get_mut(&prefix) else { continue };
                let prefix = std::str::from_utf8(&prefix).unwrap_or_default();
                let Some(matching) = matching(events, prefix) else { continue };
                // A full queue is dropped: its watcher will notice and catch up.
                queues.retain(|(_, queue)| queue.try_send((revision, matching.clone())).is_ok());
            }
            self.delivered.store(revision, Ordering::Release);
        }
    }

    /// Ends all watches.
    pub(crate) fn close(&self) {
        let mut watchers = self.watchers();
        watchers.closed = true;
        watchers.by_prefix.clear();
    }

    fn register(&self, prefix: &str, size: usize) -> Option<(u64, mpsc::Receiver<Item>)> {
        let mut watchers = self.watchers();
        if watchers.closed {
            return None;
        }
        let (sender, receiver) = mpsc::channel(size.max(1));
        watchers.last_id += 1;
        let id = watchers.last_id;
        watchers.by_prefix.entry(prefix.as_bytes().into()).or_default().push((id, sender));
        Some((id, receiver))
    }

    fn unregister(&self, prefix: &str, id: u64) {
        let mut watchers = self.watchers();
        if let Some(queues) = watchers.by_prefix.get_mut(prefix.as_bytes()) {
            queues.retain(|(other, _)| *other != id);
            if queues.is_empty() {
                watchers.by_prefix.remove(prefix.as_bytes());
            }
        }
    }

    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchers {
    /// The watched prefixes that match any of the events, each once.
    fn concerned(&self, events: &[Event]) -> Vec<Box<[u8]>> {
        let mut prefixes = Vec::new();
        for event in events {
            self.prefixes_of(event.entry.key.as_bytes(), &mut prefixes);
        }
        if events.len() > 1 {
            prefixes.sort_unstable();
            prefixes.dedup();
        }
        prefixes
    }

    /// Walks down from the key: the greatest watched string not beyond it is a prefix of it, or shares a shorter
    /// beginning with it, beyond which no watched prefix of the key can lie.
    fn prefixes_of(&self, key: &[u8], found: &mut Vec<Box<[u8]>>) {
        let mut bound = Bound::Included(key);
        while let Some((prefix, _)) = self.by_prefix.range::<[u8], _>((Bound::Unbounded, bound)).next_back() {
            if key.starts_with(prefix) {
                found.push(prefix.clone());
                bound = Bound::Excluded(&key[..prefix.len()]);
            } else {
                let common = prefix.iter().zip(key).take_while(|(a, b)| a == b).count();
                bound = Bound::Included(&key[..common]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::index::{self, Index};

    #[test]
    fn all_watched_prefixes_of_a_key_are_found() {
        let hub = Hub::new(1);
        let watched = ["", "/a", "/a/b", "/a/bc", "/a/b/c", "/b", "/a/b/c/d", "/a/a", "0"];
        let queues: Vec<_> = watched.iter().map(|prefix| hub.register(prefix, 1)).collect();
        for key in ["/a/b/c", "/a/b/x", "/a/bcd", "/c", "1", "/a/zzz", "/"] {
            let mut found = Vec::new();
            hub.watchers().prefixes_of(key.as_bytes(), &mut found);
            found.sort();
            let mut wanted: Vec<Box<[u8]>> =
                watched.iter().filter(|p| key.starts_with(**p)).map(|p| p.as_bytes().into()).collect();
            wanted.sort();
            assert_eq!(found, wanted, "{key}");
        }
        drop(queues);
    }

    #[tokio::test]
    async fn an_event_read_from_the_history_is_not_delivered_again() {
        let shared = Arc::new(Shared::new(Index::default(), 8));
        let commits = [2, 3].map(|revision| -> Arc<[Event]> {
            Arc::new([index::event(None, &format!("/{revision}"), Bytes::new(), revision, None, false)])
        });
        commits.iter().for_each(|events| shared.index_mut().apply(events.clone()));
        // The writer is between publishing and delivering.
        let mut watch = Watch::new(shared.clone(), "/", 2);
        watch.catch_up();
        shared.hub.deliver(&commits);
        shared.publish(&[Arc::new([index::event(None, "/4", Bytes::new(), 4, None, false)])]);
        for key in ["/2", "/3", "/4"] {
            assert_eq!(&*watch.next().await.unwrap()[0].entry.key, key);
        }
    }
}
