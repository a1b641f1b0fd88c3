//! What several controllers need: ownership, pods as seen by workloads, waiting for own writes, feeding queues.

pub(crate) mod batch;
pub(crate) mod conditions;
pub(crate) mod feed;
pub(crate) mod hash;
pub(crate) mod history;
pub(crate) mod kinds;
pub(crate) mod owners;
pub(crate) mod pods;
pub(crate) mod writes;

use client::{Events, Informers};
use k8s_openapi::{
    apimachinery::pkg::{apis::meta::v1::Time, util::intstr::IntOrString},
    jiff::Timestamp,
};
use kube::{Api, Client, Resource};
use tokio::sync::{broadcast, watch};

use crate::Options;

/// What every controller is started with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) informers: Informers,
    pub(crate) options: Options,
    /// The kinds of the server; empty until they are known.
    pub(crate) kinds: watch::Receiver<kinds::Kinds>,
    /// Namespaces in which an object has just gone.
    pub(crate) departures: broadcast::Sender<Box<str>>,
}

impl Context {
    /// The API of one namespace.
    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// A recorder of events in the name of a controller.
    pub(crate) fn events(&self, component: &str) -> Events {
        Events::new(self.client.clone(), component, None)
    }
}

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn of(object: &impl Resource) -> Self {
        let meta = object.meta();
        Self {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        }
    }

    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

/// The name of an object; empty only for objects that the server never saw.
pub(crate) fn name(object: &impl Resource) -> &str {
    object.meta().name.as_deref().unwrap_or_default()
}

/// The namespace of an object; empty for kinds without.
pub(crate) fn namespace(object: &impl Resource) -> &str {
    object.meta().namespace.as_deref().unwrap_or_default()
}

/// The UID of an object.
pub(crate) fn uid(object: &impl Resource) -> &str {
    object.meta().uid.as_deref().unwrap_or_default()
}

/// The present moment, in whole seconds as the API keeps it.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// When the object was made.
pub(crate) fn created(object: &impl Resource) -> Timestamp {
    object.meta().creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}

/// Seconds between two moments; negative if `later` is earlier.
pub(crate) fn seconds(earlier: &Time, later: Timestamp) -> i64 {
    later.as_second() - earlier.0.as_second()
}

/// A number, or a percentage of `total` rounded as asked. What cannot be read counts as zero.
pub(crate) fn share(value: Option<&IntOrString>, total: i32, round_up: bool) -> i32 {
    match value {
        None => 0,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(text)) => {
            let Ok(percent) = text.trim_end_matches('%').parse::<i64>() else { return 0 };
            let hundredths = percent * i64::from(total);
            let share = if round_up { (hundredths + 99).div_euclid(100) } else { hundredths.div_euclid(100) };
            i32::try_from(share).unwrap_or(i32::MAX)
        }
    }
}
