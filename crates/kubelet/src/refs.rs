//! ConfigMaps and Secrets that pods refer to, each through a watch of its own that pods share.
//!
//! A watch starts with the first pod that holds the object and ends with the last: the node sees only what its
//! pods need, as the API server's node authorization allows.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use client::{Change, Config, Informer};
use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

/// Watches of single objects of one kind.
pub(crate) struct Refs<K> {
    client: Client,
    held: Mutex<HashMap<Key, Weak<Informer<K>>>>,
}

/// Namespace and name.
type Key = (String, String);

/// A pod's hold on one object; the watch lives as long as somebody holds it.
pub(crate) struct Hold<K> {
    pub(crate) name: String,
    informer: Arc<Informer<K>>,
}

impl<K> Refs<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
{
    pub(crate) fn new(client: Client) -> Refs<K> {
        Refs { client, held: Mutex::default() }
    }

    /// Starts or joins the watch of one object, which need not exist.
    pub(crate) fn hold(&self, namespace: &str, name: &str) -> Hold<K> {
        let key = (namespace.to_owned(), name.to_owned());
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(informer) = held.get(&key).and_then(Weak::upgrade) {
            return Hold { name: name.to_owned(), informer };
        }
        held.retain(|_, informer| informer.strong_count() > 0);
        let config = Config::default().fields(&format!("metadata.name={name}"));
        let informer = Informer::start(Api::namespaced(self.client.clone(), namespace), config);
        let informer = Arc::new(informer);
        held.insert(key, Arc::downgrade(&informer));
        Hold { name: name.to_owned(), informer }
    }
}

impl<K> Hold<K>
where
    K: Resource<DynamicType = ()>,
{
    /// The object, once it is known whether it exists.
    pub(crate) async fn get(&self) -> Option<Arc<K>> {
        self.informer.synced().await;
        self.informer.list().into_iter().find(|o| o.meta().name.as_deref() == Some(self.name.as_str()))
    }

    /// Version of the object at this moment, if it is known.
    pub(crate) fn version(&self) -> Option<String> {
        let objects = self.informer.list();
        let object = objects.iter().find(|o| o.meta().name.as_deref() == Some(self.name.as_str()))?;
        object.meta().resource_version.clone()
    }

    /// Changes from now on; what is there comes first.
    pub(crate) fn changes(&self) -> mpsc::UnboundedReceiver<Change<K>> {
        self.informer.subscribe()
    }
}
