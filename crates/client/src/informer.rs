//! The objects of one kind in memory, kept current by one watch.
//!
//! Keeps: a subscriber sees every object that is there as `Added` first, then each change once, in the
//! server's order; cache and changes move together, so whoever handles a change finds it in the cache.
//! Not here: what to do about a change; see [`crate::Queue`].

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::StreamExt;
use kube::{
    Api, Resource,
    runtime::watcher::{Config, Event},
};
use serde::de::DeserializeOwned;
use tokio::{
    sync::{mpsc, watch as flag},
    task::AbortHandle,
};

/// One difference between the cache before and after.
#[derive(Debug)]
pub enum Change<K> {
    /// The object is new to the subscriber.
    Added(Arc<K>),
    /// The object changed.
    Modified {
        /// As it was.
        old: Arc<K>,
        /// As it is.
        new: Arc<K>,
    },
    /// The object is gone; this is its last known form.
    Deleted(Arc<K>),
}

impl<K> Change<K> {
    /// The object as it is now, or as it last was.
    #[must_use]
    pub fn object(&self) -> &Arc<K> {
        match self {
            Change::Added(object) | Change::Modified { new: object, .. } | Change::Deleted(object) => object,
        }
    }

    /// The object as it was before, if it was known.
    #[must_use]
    pub fn previous(&self) -> Option<&Arc<K>> {
        match self {
            Change::Added(_) => None,
            Change::Modified { old, .. } | Change::Deleted(old) => Some(old),
        }
    }
}

impl<K> Clone for Change<K> {
    fn clone(&self) -> Self {
        match self {
            Change::Added(object) => Change::Added(object.clone()),
            Change::Modified { old, new } => Change::Modified { old: old.clone(), new: new.clone() },
            Change::Deleted(object) => Change::Deleted(object.clone()),
        }
    }
}

/// A live, shared view of one kind. Cheap to clone; the watch ends with the last clone, and the
/// subscriptions with it.
pub struct Informer<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    cache: Arc<Mutex<Cache<K>>>,
    synced: flag::Receiver<bool>,
    task: AbortHandle,
}

struct Cache<K> {
    /// By namespace ("" for kinds without), then by name.
    objects: BTreeMap<Box<str>, BTreeMap<Box<str>, Arc<K>>>,
    subscribers: Vec<mpsc::UnboundedSender<Change<K>>>,
    /// The newest resource version seen.
    revision: u64,
    /// While a list is under way: what it named so far.
    listed: Option<HashSet<(Box<str>, Box<str>)>>,
}

// === impl Informer ===

impl<K> Informer<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    /// Starts a watch on `api` and keeps what it tells. `metadata.managedFields` is dropped before storing.
    ///
    /// Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(api: Api<K>, config: Config) -> Self {
        Self::start_with(api, config, |_| {})
    }

    /// As [`Informer::start`], with `trim` applied to each object before it is stored, so that fields
    /// nobody reads cost no memory. Objects trimmed so must never be written back whole.
    #[must_use]
    pub fn start_with(api: Api<K>, config: Config, trim: fn(&mut K)) -> Self {
        let cache = Arc::new(Mutex::new(Cache::new()));
        let (done, synced) = flag::channel(false);
        let feed = cache.clone();
        let task = tokio::spawn(async move {
            let mut events = std::pin::pin!(crate::watch(api, config));
            while let Some(event) = events.next().await {
                let event = event.modify(|object| {
                    object.meta_mut().managed_fields = None;
                    trim(object);
                });
                let listed = matches!(event, Event::InitDone);
                lock(&feed).accept(event);
                if listed {
                    done.send_replace(true);
                }
            }
        });
        Self { shared: Arc::new(Shared { cache, synced, task: task.abort_handle() }) }
    }
}

impl<K> Informer<K> {
    /// Waits until the first list is complete.
    pub async fn synced(&self) {
        // The sender lives as long as the watch task, and that as long as `self`.
        let _ = self.shared.synced.clone().wait_for(|synced| *synced).await;
    }

    /// Whether the first list is complete.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        *self.shared.synced.borrow()
    }

    /// The newest resource version seen of this kind. Whoever wrote an object and got version v back finds
    /// the write in the cache once this is v or more (versions are comparable numbers).
    #[must_use]
    pub fn revision(&self) -> u64 {
        lock(&self.shared.cache).revision
    }

    /// The object of that name; `namespace` is `None` for kinds without namespaces.
    #[must_use]
    pub fn get(&self, namespace: Option<&str>, name: &str) -> Option<Arc<K>> {
        lock(&self.shared.cache).objects.get(namespace.unwrap_or_default())?.get(name).cloned()
    }

    /// All objects, by namespace and name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<K>> {
        lock(&self.shared.cache).objects.values().flat_map(|names| names.values().cloned()).collect()
    }

    /// All objects of one namespace, by name.
    #[must_use]
    pub fn list_in(&self, namespace: &str) -> Vec<Arc<K>> {
        let cache = lock(&self.shared.cache);
        cache.objects.get(namespace).map(|names| names.values().cloned().collect()).unwrap_or_default()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.shared.cache).objects.values().map(BTreeMap::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All changes from now on, after one `Added` for each object that is there.
    #[must_use]
    pub fn subscribe(&self) -> mpsc::UnboundedReceiver<Change<K>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut cache = lock(&self.shared.cache);
        for object in cache.objects.values().flat_map(BTreeMap::values) {
            // The receiver is in our hands: this cannot fail.
            let _ = sender.send(Change::Added(object.clone()));
        }
        cache.subscribers.push(sender);
        receiver
    }
}

impl<K> Clone for Informer<K> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<K> Drop for Shared<K> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Cache ===

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere cannot leave the maps half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(object: &impl Resource) -> (Box<str>, Box<str>) {
    let meta = object.meta();
    (meta.namespace.as_deref().unwrap_or_default().into(), meta.name.as_deref().unwrap_or_default().into())
}

impl<K> Cache<K> {
    fn new() -> Self {
        Self { objects: BTreeMap::new(), subscribers: Vec::new(), revision: 0, listed: None }
    }

    fn tell(&mut self, change: Change<K>) {
        self.subscribers.retain(|subscriber| subscriber.send(change.clone()).is_ok());
    }
}

impl<K: Resource> Cache<K> {
    fn accept(&mut self, event: Event<K>) {
        if let Event::Apply(object) | Event::Delete(object) | Event::InitApply(object) = &event {
            let version = object.meta().resource_version.as_deref().and_then(|text| text.parse().ok());
            self.revision = self.revision.max(version.unwrap_or(0));
        }
        match event {
            Event::Init => self.listed = Some(HashSet::new()),
            Event::InitApply(object) => {
                let key = key(&object);
                if let Some(listed) = &mut self.listed {
                    listed.insert(key);
                }
                self.put(object);
            }
            Event::InitDone => self.drop_unlisted(),
            Event::Apply(object) => self.put(object),
            Event::Delete(object) => {
                let (namespace, name) = key(&object);
                self.remove(&namespace, &name, Some(Arc::new(object)));
            }
        }
    }

    fn put(&mut self, object: K) {
        let (namespace, name) = key(&object);
        let new = Arc::new(object);
        let names = self.objects.entry(namespace).or_default();
        match names.insert(name, new.clone()) {
            None => self.tell(Change::Added(new)),
            Some(old) if old.meta().uid != new.meta().uid => {
                self.tell(Change::Deleted(old));
                self.tell(Change::Added(new));
            }
            // A new list repeats what is known.
            Some(old) if old.meta().resource_version == new.meta().resource_version => {}
            Some(old) => self.tell(Change::Modified { old, new }),
        }
    }

    fn remove(&mut self, namespace: &str, name: &str, last: Option<Arc<K>>) {
        let Some(names) = self.objects.get_mut(namespace) else { return };
        let Some(known) = names.remove(name) else { return };
        if names.is_empty() {
            self.objects.remove(namespace);
        }
        self.tell(Change::Deleted(last.unwrap_or(known)));
    }

    /// After a complete list: what it did not name was deleted while we were not looking.
    fn drop_unlisted(&mut self) {
        let Some(listed) = self.listed.take() else { return };
        let gone: Vec<_> = self
            .objects
            .iter()
            .flat_map(|(namespace, names)| names.keys().map(|name| (namespace.clone(), name.clone())))
            .filter(|key| !listed.contains(key))
            .collect();
        for (namespace, name) in gone {
            self.remove(&namespace, &name, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn object(name: &str, uid: &str, version: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.into());
        object.metadata.namespace = Some("n".into());
        object.metadata.uid = Some(uid.into());
        object.metadata.resource_version = Some(version.into());
        object
    }

    /// What a subscriber hears of `events`, one letter and name per change.
    fn heard(events: Vec<Event<ConfigMap>>) -> Vec<String> {
        let mut cache = Cache::new();
        let (sender, mut receiver) = mpsc::unbounded_channel();
        cache.subscribers.push(sender);
        for event in events {
            cache.accept(event);
        }
        let mut told = Vec::new();
        while let Ok(change) = receiver.try_recv() {
            let letter = match &change {
                Change::Added(_) => 'A',
                Change::Modified { .. } => 'M',
                Change::Deleted(_) => 'D',
            };
            let meta = &change.object().metadata;
            told.push(format!(
                "{letter} {}/{}",
                meta.name.as_deref().unwrap_or_default(),
                meta.resource_version.as_deref().unwrap_or_default()
            ));
        }
        told
    }

    #[test]
    fn a_second_list_tells_only_differences() {
        let told = heard(vec![
            Event::Init,
            Event::InitApply(object("a", "1", "1")),
            Event::InitApply(object("b", "2", "2")),
            Event::InitApply(object("c", "3", "3")),
            Event::InitDone,
            Event::Apply(object("a", "1", "4")),
            Event::Init,
            Event::InitApply(object("a", "1", "4")),
            Event::InitApply(object("c", "9", "8")),
            Event::InitDone,
        ]);
        assert_eq!(told, ["A a/1", "A b/2", "A c/3", "M a/4", "D c/3", "A c/8", "D b/2"]);
    }

    #[test]
    fn a_deletion_carries_the_last_form() {
        let told = heard(vec![
            Event::Apply(object("a", "1", "1")),
            Event::Delete(object("a", "1", "7")),
            Event::Delete(object("a", "1", "7")),
        ]);
        assert_eq!(told, ["A a/1", "D a/7"]);
    }
}
