//! Own writes must be visible before they are built upon.
//!
//! A controller that has just created three pods and looks into a cache that does not show them yet would
//! create three more. So each write is noted with its resource version, and the owner is left alone until
//! the informer has seen that version; the write's own event then brings the owner back.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use client::Informer;
use kube::Resource;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

/// After this time a missing event is taken for lost (it can be, across a restart of the server).
const PATIENCE: Duration = Duration::from_secs(30);

/// What one controller wrote, by the UID of the owner.
#[derive(Default)]
pub(crate) struct Writes {
    noted: Mutex<HashMap<String, Noted>>,
}

struct Noted {
    version: u64,
    at: Instant,
    /// UIDs of objects whose deletion was asked for but may not show yet.
    removed: HashSet<String>,
}

impl Writes {
    /// Notes that `object` was created or changed on behalf of `owner`.
    pub(crate) fn wrote(&self, owner: &str, object: &impl Resource) {
        let version =
            object.meta().resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut noted = self.lock();
        if noted.len() >= noted.capacity() {
            // Owners that were not written for lately need no memory.
            noted.retain(|_, entry| entry.at.elapsed() < PATIENCE || !entry.removed.is_empty());
        }
        let entry = noted.entry(owner.to_owned()).or_insert_with(Noted::new);
        entry.version = entry.version.max(version);
        entry.at = Instant::now();
    }

    /// Notes that an object's deletion was asked for on behalf of `owner`.
    pub(crate) fn removed(&self, owner: &str, uid: &str) {
        let mut noted = self.lock();
        let entry = noted.entry(owner.to_owned()).or_insert_with(Noted::new);
        entry.removed.insert(uid.to_owned());
    }

    /// Whether the cache shows all that was written for `owner`; if not, how long to wait at most.
    pub(crate) fn visible<K>(&self, owner: &str, informer: &Informer<K>) -> Result<(), Duration>
    where
        K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    {
        let noted = self.lock();
        let Some(entry) = noted.get(owner).filter(|entry| entry.version > informer.revision()) else {
            return Ok(());
        };
        match PATIENCE.checked_sub(entry.at.elapsed()) {
            Some(left) if !left.is_zero() => Err(left),
            _ => Ok(()),
        }
    }

    /// Whether the deletion of the object was already asked for.
    pub(crate) fn is_removed(&self, owner: &str, uid: &str) -> bool {
        self.lock().get(owner).is_some_and(|entry| entry.removed.contains(uid))
    }

    /// Forgets deletions of objects that are no longer among `present`.
    pub(crate) fn keep_removed(&self, owner: &str, present: &HashSet<&str>) {
        if let Some(entry) = self.lock().get_mut(owner) {
            entry.removed.retain(|uid| present.contains(uid.as_str()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn new() -> Self {
        Self { version: 0, at: Instant::now(), removed: HashSet::new() }
    }
}
