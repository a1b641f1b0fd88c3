//! Which kinds the server has, kept current: read at the start and again when a definition changes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use client::{Change, Informers, Queue};
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject, PartialObjectMeta},
    discovery::{Discovery, Scope, verbs},
};
use tokio::{sync::watch, task::JoinSet};

use super::feed::feed;

/// An object of any kind, without its content.
pub(crate) type Meta = PartialObjectMeta<DynamicObject>;

/// A kind whose objects can be listed, watched and deleted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) resource: ApiResource,
    pub(crate) namespaced: bool,
    /// Whether all objects of a namespace can be deleted by one request.
    pub(crate) collective: bool,
}

/// All kinds at one moment.
pub(crate) type Kinds = Arc<Vec<Arc<Kind>>>;

impl Kind {
    /// `deployments.apps`, as kubectl writes it.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.resource.plural, self.resource.group)
    }

    /// The API for objects of this kind in `namespace`, or without one.
    pub(crate) fn api(&self, client: &Client, namespace: Option<&str>) -> Api<Meta> {
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }
}

/// Keeps `kinds` current until the future is dropped.
pub(crate) async fn follow(informers: Informers, kinds: watch::Sender<Kinds>) {
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &informers.of::<CustomResourceDefinition>(), &queue, |change| {
        // Each new status of a definition comes here; only names and served versions matter.
        let conditions =
            |crd: &CustomResourceDefinition| crd.status.as_ref().map(|status| status.accepted_names.clone());
        match change {
            Change::Modified { old, new } if old.spec == new.spec && conditions(old) == conditions(new) => {
                None
            }
            _ => Some(()),
        }
    });
    feed(&mut feeds, &informers.of::<APIService>(), &queue, |change| match change {
        Change::Modified { old, new } if old.spec == new.spec => None,
        _ => Some(()),
    });
    queue.add(());
    let client = informers.client().clone();
    let read = move |()| {
        let (client, kinds) = (client.clone(), kinds.clone());
        async move {
            let found = discover(client).await?;
            kinds.send_if_modified(|known| {
                let changed = **known != *found;
                if changed {
                    *known = found;
                }
                changed
            });
            Ok::<_, kube::Error>(None::<Duration>)
        }
    };
    queue.run("discovery", 1, read).await;
}

async fn discover(client: Client) -> Result<Kinds, kube::Error> {
    let discovery = match Discovery::new(client.clone()).run_aggregated().await {
        Ok(discovery) => discovery,
        Err(_) => Discovery::new(client).run().await?,
    };
    let mut found = BTreeMap::new();
    for group in discovery.groups() {
        for (resource, capabilities) in group.resources_by_stability() {
            let able = |verb| capabilities.supports_operation(verb);
            if able(verbs::LIST) && able(verbs::WATCH) && able(verbs::DELETE) {
                let kind = Kind {
                    namespaced: matches!(capabilities.scope, Scope::Namespaced),
                    collective: able(verbs::DELETE_COLLECTION),
                    resource,
                };
                found.insert((kind.resource.group.clone(), kind.resource.kind.clone()), Arc::new(kind));
            }
        }
    }
    Ok(Arc::new(found.into_values().collect()))
}
