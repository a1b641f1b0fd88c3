//! Endpoints, the older form of EndpointSlices: one object per Service, at most 1000 addresses.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use client::{Failure, Informer, Queue, failure};
use k8s_openapi::{
    api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Pod, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::api::{DeleteParams, PostParams};
use tokio::task::JoinSet;

use super::{select, slices::HEADLESS};
use crate::shared::{Context, Key, feed::feed, pods};

/// Label that tells our objects from hand-made ones.
pub(super) const MANAGED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", "endpoint-controller");
/// Annotation of an object that was cut off.
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
const CAPACITY: usize = 1000;

/// Keeps Endpoints.
pub(crate) async fn run(context: Context) {
    let (services, pods, endpoints) = (
        context.informers.of::<Service>(),
        context.informers.of::<Pod>(),
        context.informers.of::<Endpoints>(),
    );
    tokio::join!(services.synced(), pods.synced(), endpoints.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &services, &queue, |change| [Key::of(&**change.object())]);
    feed(&mut feeds, &endpoints, &queue, |change| [Key::of(&**change.object())]);
    let all = services.clone();
    feed(&mut feeds, &pods, &queue, move |change| select::interested(&all, change));
    let controller = Arc::new(Controller { context, services, pods, endpoints });
    let reconcile = move |key: Key| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("endpoints-controller", 4, reconcile).await;
}

struct Controller {
    context: Context,
    services: Informer<Service>,
    pods: Informer<Pod>,
    endpoints: Informer<Endpoints>,
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let known = self.endpoints.get(Some(&key.namespace), &key.name);
        let api = self.context.api::<Endpoints>(&key.namespace);
        let ours = known.as_ref().is_some_and(|known| is_ours(&known.metadata));
        let service = self.services.get(Some(&key.namespace), &key.name);
        let service = service.filter(|service| service.metadata.deletion_timestamp.is_none());
        let Some(service) = service.filter(|service| !select::is_external_name(service)) else {
            if ours {
                return settle(api.delete(&key.name, &DeleteParams::default()).await.map(drop));
            }
            return Ok(None);
        };
        if select::selector(&service).is_none() {
            return Ok(None);
        }
        let wanted = build(&service, &select::backends(&service, &self.pods));
        let result = match known {
            None => api.create(&PostParams::default(), &wanted).await.map(drop),
            Some(known) if same(&known, &wanted) => Ok(()),
            Some(known) => {
                let metadata = ObjectMeta {
                    labels: wanted.metadata.labels.clone(),
                    annotations: annotations(&known, &wanted),
                    ..known.metadata.clone()
                };
                let changed = Endpoints { metadata, ..wanted };
                api.replace(&key.name, &PostParams::default(), &changed).await.map(drop)
            }
        };
        settle(result)
    }
}

fn is_ours(meta: &ObjectMeta) -> bool {
    meta.labels.iter().flatten().any(|(key, value)| (key.as_str(), value.as_str()) == MANAGED_BY)
}

fn settle(result: Result<(), kube::Error>) -> Result<Option<Duration>, kube::Error> {
    match result {
        Err(error) if matches!(failure(&error), Failure::NamespaceTerminating | Failure::NotFound) => {
            Ok(None)
        }
        other => other.map(|()| None),
    }
}

fn annotations(known: &Endpoints, wanted: &Endpoints) -> Option<BTreeMap<String, String>> {
    let mut annotations = known.metadata.annotations.clone().unwrap_or_default();
    annotations.remove(OVER_CAPACITY);
    annotations.extend(wanted.metadata.annotations.clone().unwrap_or_default());
    Some(annotations).filter(|annotations| !annotations.is_empty())
}

/// The object for a Service: addresses with the same ports together, ready ones apart from the others.
fn build(service: &Service, backends: &[Arc<Pod>]) -> Endpoints {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.insert(MANAGED_BY.0.into(), MANAGED_BY.1.into());
    if select::is_headless(service) {
        labels.insert(HEADLESS.into(), String::new());
    } else {
        labels.remove(HEADLESS);
    }
    let unready_too = select::publishes_unready(service);
    let mut backends: Vec<_> = backends.iter().filter(|pod| unready_too || !pods::is_leaving(pod)).collect();
    let over_capacity = backends.len() > CAPACITY;
    // Ready ones are the last to be cut off.
    backends.sort_by_key(|pod| !pods::is_ready(pod));
    backends.truncate(CAPACITY);
    let mut subsets: Vec<EndpointSubset> = Vec::new();
    for pod in backends {
        let Some(address) = select::addresses(pod).into_iter().next() else { continue };
        let ports = ports(service, pod);
        if ports.is_none() && !select::is_headless(service) {
            continue;
        }
        let at = subsets.iter().position(|subset| subset.ports == ports).unwrap_or_else(|| {
            subsets.push(EndpointSubset { ports, ..EndpointSubset::default() });
            subsets.len() - 1
        });
        let ready = unready_too || pods::is_ready(pod);
        let subset = &mut subsets[at];
        let list = if ready { &mut subset.addresses } else { &mut subset.not_ready_addresses };
        list.get_or_insert_default().push(EndpointAddress {
            ip: address.to_owned(),
            hostname: select::hostname(service, pod),
            node_name: Some(pods::node(pod).to_owned()).filter(|node| !node.is_empty()),
            target_ref: Some(select::reference(pod)),
        });
    }
    for subset in &mut subsets {
        for list in [&mut subset.addresses, &mut subset.not_ready_addresses].into_iter().flatten() {
            list.sort_by(|one, other| one.ip.cmp(&other.ip));
        }
    }
    let annotations = over_capacity.then(|| [(OVER_CAPACITY.to_owned(), "truncated".to_owned())].into());
    Endpoints {
        metadata: ObjectMeta {
            name: service.metadata.name.clone(),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels),
            annotations,
            ..ObjectMeta::default()
        },
        subsets: (!subsets.is_empty()).then_some(subsets),
    }
}

fn ports(service: &Service, pod: &Pod) -> Option<Vec<EndpointPort>> {
    let ports = select::ports(service, pod).into_iter().map(|port| EndpointPort {
        name: port.name.filter(|name| !name.is_empty()),
        port: port.port.unwrap_or(0),
        protocol: port.protocol,
        app_protocol: port.app_protocol,
    });
    let ports: Vec<_> = ports.collect();
    (!ports.is_empty()).then_some(ports)
}

fn same(known: &Endpoints, wanted: &Endpoints) -> bool {
    known.metadata.labels == wanted.metadata.labels
        && known.subsets.clone().unwrap_or_default() == wanted.subsets.clone().unwrap_or_default()
        && annotations(known, wanted) == known.metadata.annotations.clone().filter(|all| !all.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service(spec: Value) -> Service {
        let mut service = json!({"metadata": {"name": "s", "namespace": "n"},
            "spec": {"selector": {"a": "b"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]}});
        json_patch::merge(&mut service, &json!({"spec": spec}));
        serde_json::from_value(service).unwrap()
    }

    fn pod(ip: &str, ready: bool, port: i32) -> Arc<Pod> {
        Arc::new(serde_json::from_value(json!({"metadata": {"name": ip, "namespace": "n"},
            "spec": {"nodeName": "x", "containers": [{"name": "c", "ports": [{"name": "web", "containerPort": port}]}]},
            "status": {"podIP": ip, "conditions": [{"type": "Ready", "status": if ready {"True"} else {"False"}}]}})).unwrap())
    }

    fn shown(endpoints: &Endpoints) -> Vec<(Vec<String>, Vec<String>, i32)> {
        let ips = |list: &Option<Vec<EndpointAddress>>| list.iter().flatten().map(|a| a.ip.clone()).collect();
        let subsets = endpoints.subsets.iter().flatten();
        subsets
            .map(|s| (ips(&s.addresses), ips(&s.not_ready_addresses), s.ports.as_ref().unwrap()[0].port))
            .collect()
    }

    #[test]
    fn addresses_are_grouped_by_port_and_readiness() {
        let pods = [
            pod("10.0.0.3", true, 80),
            pod("10.0.0.1", true, 80),
            pod("10.0.0.2", false, 80),
            pod("10.0.0.9", true, 8080),
        ];
        let text = |ips: &[&str]| ips.iter().map(|ip| (*ip).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            shown(&build(&service(json!({})), &pods)),
            [(text(&["10.0.0.1", "10.0.0.3"]), text(&["10.0.0.2"]), 80), (text(&["10.0.0.9"]), vec![], 8080)]
        );
        let all = build(&service(json!({"publishNotReadyAddresses": true})), &pods[..3]);
        assert_eq!(shown(&all), [(text(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]), vec![], 80)]);
        assert!(same(&all, &all));
        assert!(
            build(&service(json!({"ports": [{"port": 80, "targetPort": "none"}]})), &pods).subsets.is_none()
        );
    }
}
