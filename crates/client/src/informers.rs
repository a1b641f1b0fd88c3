//! The informers of one identity in one process: one watch per kind, whoever asks.
//!
//! Not here: sharing across identities. Each client (scheduler, controllers, kubelet …) has rights of its
//! own, and what one may see must not leak to another.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use kube::{Api, Client, Resource, runtime::watcher::Config};
use serde::de::DeserializeOwned;

use crate::Informer;

/// Hands out one [`Informer`] per kind (and selector), started at the first request and kept until dropped.
#[derive(Clone)]
pub struct Informers {
    client: Client,
    running: Arc<Mutex<HashMap<Key, Box<dyn Any + Send + Sync>>>>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    kind: TypeId,
    labels: Option<String>,
    fields: Option<String>,
}

impl Informers {
    /// An empty set that watches through `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, running: Arc::default() }
    }

    /// The client that the informers use.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The informer of all objects of kind `K`, in all namespaces.
    #[must_use]
    pub fn of<K>(&self) -> Informer<K>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    {
        self.matching(Config::default())
    }

    /// The informer of those objects of kind `K` that `config` selects. Two requests share a watch if label
    /// and field selector agree.
    #[must_use]
    pub fn matching<K>(&self, config: Config) -> Informer<K>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    {
        let key = Key {
            kind: TypeId::of::<K>(),
            labels: config.label_selector.clone(),
            fields: config.field_selector.clone(),
        };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(informer) = running.get(&key).and_then(|known| known.downcast_ref::<Informer<K>>()) {
            return informer.clone();
        }
        let informer = Informer::start(Api::all(self.client.clone()), config);
        running.insert(key, Box::new(informer.clone()));
        informer
    }
}
