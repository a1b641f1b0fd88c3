//! Hand-made Endpoints of Services without a selector, shown as EndpointSlices.
//!
//! The way to put an address outside of the cluster behind a Service: whoever routes reads slices alone.

use std::{sync::Arc, time::Duration};

use client::{Failure, Informer, Queue, failure};
use k8s_openapi::{
    api::{
        core::v1::{EndpointAddress, Endpoints, Service},
        discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::runtime::watcher::Config;
use tokio::task::JoinSet;

use super::{
    legacy, select,
    slices::{Family, Frame, MANAGED_BY, Plan, SERVICE_NAME, Wanted, plan},
};
use crate::shared::{Context, Key, feed::feed, name, namespace, owners, uid, writes::Writes};

const US: &str = "endpointslicemirroring-controller.k8s.io";
/// Label of Endpoints that are not to be shown.
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// Annotation of Endpoints that only serve an election.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// Addresses of one subset that are shown.
const CAPACITY: usize = 1000;

/// Keeps such slices.
pub(crate) async fn run(context: Context) {
    let (services, endpoints) = (context.informers.of::<Service>(), context.informers.of::<Endpoints>());
    let slices =
        context.informers.matching::<EndpointSlice>(Config::default().labels(&format!("{MANAGED_BY}={US}")));
    tokio::join!(services.synced(), endpoints.synced(), slices.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &services, &queue, |change| [Key::of(&**change.object())]);
    feed(&mut feeds, &endpoints, &queue, |change| [Key::of(&**change.object())]);
    feed(&mut feeds, &slices, &queue, |change| {
        let slice = change.object();
        let owner = slice.metadata.labels.as_ref().and_then(|labels| labels.get(SERVICE_NAME));
        owner.map(|owner| Key::new(namespace(&**slice), owner))
    });
    let controller = Arc::new(Controller { context, services, endpoints, slices, writes: Writes::default() });
    let reconcile = move |key: Key| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("endpointslice-mirroring-controller", 2, reconcile).await;
}

struct Controller {
    context: Context,
    services: Informer<Service>,
    endpoints: Informer<Endpoints>,
    slices: Informer<EndpointSlice>,
    writes: Writes,
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let mut existing = self.slices.list_in(&key.namespace);
        existing.retain(|slice| {
            let labels = slice.metadata.labels.as_ref();
            slice.metadata.deletion_timestamp.is_none()
                && labels.and_then(|labels| labels.get(SERVICE_NAME)) == Some(&key.name)
        });
        let service = self.services.get(Some(&key.namespace), &key.name);
        let given = service.filter(|service| select::selector(service).is_none());
        let given = given.and_then(|_| self.endpoints.get(Some(&key.namespace), &key.name));
        let given = given.filter(|given| is_shown(&given.metadata));
        let owner = given.as_ref().map(|given| uid(&**given).to_owned()).unwrap_or_default();
        if let Err(wait) = self.writes.visible(&owner, &self.slices) {
            return Ok(Some(wait));
        }
        let plan = match given {
            Some(given) => plan(&frame(&given), existing, wanted(&given)),
            None => Plan::remove(existing),
        };
        let api = self.context.api::<EndpointSlice>(&key.namespace);
        match plan.carry_out(&api, &self.writes, &owner).await {
            Err(error) if failure(&error) == Failure::NamespaceTerminating => Ok(None),
            other => other.map(|()| None),
        }
    }
}

/// Ours are made from the same pods as the slices; others may opt out.
fn is_shown(meta: &ObjectMeta) -> bool {
    let label = |key: &str| meta.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
    meta.deletion_timestamp.is_none()
        && label(legacy::MANAGED_BY.0) != Some(legacy::MANAGED_BY.1)
        && label(SKIP) != Some("true")
        && !meta.annotations.iter().flatten().any(|(key, _)| key == LEADER)
}

fn frame(given: &Endpoints) -> Frame {
    let mut labels = given.metadata.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME.into(), name(given).into());
    labels.insert(MANAGED_BY.into(), US.into());
    let mut annotations = given.metadata.annotations.clone().unwrap_or_default();
    annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    Frame {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", name(given))),
            namespace: given.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
            owner_references: Some(vec![owners::controller_reference(given)]),
            ..ObjectMeta::default()
        },
        families: Vec::new(),
    }
}

fn wanted(given: &Endpoints) -> Vec<Wanted> {
    let mut groups = Vec::new();
    for subset in given.subsets.iter().flatten() {
        let mut ports: Vec<_> = subset
            .ports
            .iter()
            .flatten()
            .map(|port| EndpointPort {
                name: Some(port.name.clone().unwrap_or_default()),
                port: Some(port.port),
                protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".into())),
                app_protocol: port.app_protocol.clone(),
            })
            .collect();
        ports.sort_by(|one, other| (&one.name, one.port).cmp(&(&other.name, other.port)));
        let ready = subset.addresses.iter().flatten().map(|address| endpoint(address, true));
        let unready = subset.not_ready_addresses.iter().flatten().map(|address| endpoint(address, false));
        let all: Vec<_> = ready.chain(unready).take(CAPACITY).collect();
        for family in [Family::V4, Family::V6] {
            let of_family =
                |endpoint: &&Endpoint| endpoint.addresses.first().is_some_and(|ip| family.has(ip));
            let endpoints: Vec<_> = all.iter().filter(of_family).cloned().collect();
            if !endpoints.is_empty() {
                groups.push(Wanted { family, ports: ports.clone(), endpoints });
            }
        }
    }
    groups
}

fn endpoint(address: &EndpointAddress, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: Some(EndpointConditions { ready: Some(ready), ..EndpointConditions::default() }),
        hostname: address.hostname.clone(),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn subsets_become_groups_by_family() {
        let given: Endpoints = serde_json::from_value(json!({"metadata": {"name": "db", "namespace": "n"}, "subsets": [
            {"addresses": [{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}], "notReadyAddresses": [{"ip": "192.0.2.2"}],
             "ports": [{"port": 5432}]}]}))
        .unwrap();
        let sizes: Vec<_> =
            wanted(&given).into_iter().map(|group| (group.family, group.endpoints.len())).collect();
        assert_eq!(sizes, [(Family::V4, 2), (Family::V6, 1)]);
        assert!(is_shown(&given.metadata));
        let hidden = json!({"labels": {SKIP: "true"}});
        assert!(!is_shown(&serde_json::from_value(hidden).unwrap()));
    }
}
