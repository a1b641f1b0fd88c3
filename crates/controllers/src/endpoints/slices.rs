//! EndpointSlices of Services with a selector.
//!
//! Keeps: at most 100 endpoints per slice; an endpoint stays in its slice as long as it can, so that one pod's
//! change rewrites one slice. What to write is worked out by [`plan`], a pure function.

use std::{collections::BTreeMap, collections::HashMap, sync::Arc, time::Duration};

use client::{Change, Failure, Informer, Queue, failure};
use k8s_openapi::{
    api::{
        core::v1::{Node, Pod, Service},
        discovery::v1::{
            Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, ForNode, ForZone,
        },
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
    runtime::watcher::Config,
};
use tokio::task::JoinSet;

use super::select;
use crate::shared::{Context, Key, feed::feed, name, namespace, owners, pods, uid, writes::Writes};

/// Label with the name of the Service.
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Label with the name of the program that keeps the slice.
pub(super) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const US: &str = "endpointslice-controller.k8s.io";
pub(super) const HEADLESS: &str = "service.kubernetes.io/headless";
const ZONE: &str = "topology.kubernetes.io/zone";
/// Endpoints in one slice.
const FULL: usize = 100;

/// Keeps EndpointSlices.
pub(crate) async fn run(context: Context) {
    let (services, pods, nodes) =
        (context.informers.of::<Service>(), context.informers.of::<Pod>(), context.informers.of::<Node>());
    let slices =
        context.informers.matching::<EndpointSlice>(Config::default().labels(&format!("{MANAGED_BY}={US}")));
    tokio::join!(services.synced(), pods.synced(), nodes.synced(), slices.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &services, &queue, |change| [Key::of(&**change.object())]);
    feed(&mut feeds, &slices, &queue, |change| {
        let slice = change.object();
        let owner = slice.metadata.labels.as_ref().and_then(|labels| labels.get(SERVICE_NAME));
        owner.map(|owner| Key::new(namespace(&**slice), owner))
    });
    let all = services.clone();
    feed(&mut feeds, &pods, &queue, move |change| select::interested(&all, change));
    let all = services.clone();
    feed(&mut feeds, &nodes, &queue, move |change| zone_changed(&all, change));
    let controller =
        Arc::new(Controller { context, services, pods, nodes, slices, writes: Writes::default() });
    let reconcile = move |key: Key| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("endpointslice-controller", 4, reconcile).await;
}

fn zone_changed(services: &Informer<Service>, change: &Change<Node>) -> Vec<Key> {
    let zone = |node: &Node| node.metadata.labels.as_ref().and_then(|labels| labels.get(ZONE).cloned());
    let moved = match change {
        Change::Modified { old, new } => zone(old) != zone(new),
        Change::Added(node) | Change::Deleted(node) => zone(node).is_some(),
    };
    if moved { services.list().iter().map(|service| Key::of(&**service)).collect() } else { Vec::new() }
}

struct Controller {
    context: Context,
    services: Informer<Service>,
    pods: Informer<Pod>,
    nodes: Informer<Node>,
    slices: Informer<EndpointSlice>,
    writes: Writes,
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        // The slices of a Service that is gone go with it, by their owner reference.
        let Some(service) = self.services.get(Some(&key.namespace), &key.name) else { return Ok(None) };
        if service.metadata.deletion_timestamp.is_some() || select::selector(&service).is_none() {
            return Ok(None);
        }
        if let Err(wait) = self.writes.visible(uid(&*service), &self.slices) {
            return Ok(Some(wait));
        }
        let mut existing = self.slices.list_in(&key.namespace);
        existing.retain(|slice| {
            let labels = slice.metadata.labels.as_ref();
            slice.metadata.deletion_timestamp.is_none()
                && labels.and_then(|labels| labels.get(SERVICE_NAME)) == Some(&key.name)
        });
        let plan = if select::is_external_name(&service) {
            Plan::remove(existing)
        } else {
            plan(&Frame::of_service(&service), existing, self.wanted(&service))
        };
        let api = self.context.api::<EndpointSlice>(&key.namespace);
        match plan.carry_out(&api, &self.writes, uid(&*service)).await {
            Err(error) if failure(&error) == Failure::NamespaceTerminating => Ok(None),
            other => other.map(|()| None),
        }
    }

    fn wanted(&self, service: &Service) -> Vec<Wanted> {
        let mut groups: Vec<Wanted> = Vec::new();
        for pod in select::backends(service, &self.pods) {
            let ports = select::ports(service, &pod);
            for family in families(service) {
                let Some(address) = select::addresses(&pod).into_iter().find(|ip| family.has(ip)) else {
                    continue;
                };
                let endpoint = self.endpoint(service, &pod, address);
                match groups.iter_mut().find(|group| group.family == family && group.ports == ports) {
                    Some(group) => group.endpoints.push(endpoint),
                    None => groups.push(Wanted { family, ports: ports.clone(), endpoints: vec![endpoint] }),
                }
            }
        }
        groups
    }

    fn endpoint(&self, service: &Service, pod: &Pod, address: &str) -> Endpoint {
        let (serving, terminating) = (pods::is_ready(pod), pods::is_leaving(pod));
        let node = Some(pods::node(pod)).filter(|node| !node.is_empty());
        let zone = node.and_then(|node| self.nodes.get(None, node));
        let zone = zone.and_then(|node| node.metadata.labels.as_ref()?.get(ZONE).cloned());
        let ready = select::publishes_unready(service) || serving && !terminating;
        Endpoint {
            addresses: vec![address.to_owned()],
            hints: hints(service, node, zone.as_deref()).filter(|_| ready),
            conditions: Some(EndpointConditions {
                ready: Some(ready),
                serving: Some(serving),
                terminating: Some(terminating),
            }),
            hostname: select::hostname(service, pod),
            node_name: node.map(Into::into),
            target_ref: Some(select::reference(pod)),
            zone,
            ..Endpoint::default()
        }
    }
}

/// Whose clients an endpoint is meant for, as `trafficDistribution` wants it (KEP-3015): those of its zone, and with
/// `PreferSameNode` those of its node before them.
fn hints(service: &Service, node: Option<&str>, zone: Option<&str>) -> Option<EndpointHints> {
    let distribution = service.spec.as_ref()?.traffic_distribution.as_deref()?;
    let same_node = distribution == "PreferSameNode";
    if !same_node && !matches!(distribution, "PreferSameZone" | "PreferClose") {
        return None;
    }
    let hints = EndpointHints {
        for_nodes: node.filter(|_| same_node).map(|name| vec![ForNode { name: name.into() }]),
        for_zones: zone.map(|name| vec![ForZone { name: name.into() }]),
    };
    (hints != EndpointHints::default()).then_some(hints)
}

impl Plan {
    /// A plan that removes slices and nothing else.
    pub(super) fn remove(delete: Vec<Arc<EndpointSlice>>) -> Self {
        Self { delete, ..Self::default() }
    }

    /// Writes it, and notes the writes for `owner`.
    pub(super) async fn carry_out(
        self,
        api: &Api<EndpointSlice>,
        writes: &Writes,
        owner: &str,
    ) -> Result<(), kube::Error> {
        for slice in self.create {
            writes.wrote(owner, &api.create(&PostParams::default(), &slice).await?);
        }
        for slice in self.update {
            writes.wrote(owner, &api.replace(name(&slice), &PostParams::default(), &slice).await?);
        }
        for slice in self.delete {
            match api.delete(name(&*slice), &DeleteParams::default()).await {
                Err(error) if failure(&error) != Failure::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Frame {
    fn of_service(service: &Service) -> Self {
        let mut labels = service.metadata.labels.clone().unwrap_or_default();
        labels.insert(SERVICE_NAME.into(), name(service).into());
        labels.insert(MANAGED_BY.into(), US.into());
        if select::is_headless(service) {
            labels.insert(HEADLESS.into(), String::new());
        } else {
            labels.remove(HEADLESS);
        }
        let metadata = ObjectMeta {
            generate_name: Some(format!("{}-", name(service))),
            namespace: Some(namespace(service).into()),
            labels: Some(labels),
            owner_references: Some(vec![owners::controller_reference(service)]),
            ..ObjectMeta::default()
        };
        Self { metadata, families: families(service) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    fn text(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    pub(super) fn has(self, address: &str) -> bool {
        address.contains(':') == (self == Family::V6)
    }
}

fn families(service: &Service) -> Vec<Family> {
    let named = service.spec.iter().flat_map(|spec| spec.ip_families.iter().flatten());
    let named: Vec<_> = named.map(|name| if name == "IPv6" { Family::V6 } else { Family::V4 }).collect();
    if named.is_empty() { vec![Family::V4] } else { named }
}

/// Endpoints that share family and ports.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) family: Family,
    pub(super) ports: Vec<EndpointPort>,
    pub(super) endpoints: Vec<Endpoint>,
}

/// What to write.
#[derive(Debug, Default)]
pub(super) struct Plan {
    create: Vec<EndpointSlice>,
    update: Vec<EndpointSlice>,
    delete: Vec<Arc<EndpointSlice>>,
}

/// What all slices of one owner have in common.
pub(super) struct Frame {
    pub(super) metadata: ObjectMeta,
    /// Families for which there is at least an empty slice.
    pub(super) families: Vec<Family>,
}

/// Changes `existing` as little as possible so that they hold what is wanted.
///
/// A Service without any endpoint keeps one empty slice per family, so that clients can tell "none" from
/// "not known yet".
pub(super) fn plan(frame: &Frame, existing: Vec<Arc<EndpointSlice>>, mut wanted: Vec<Wanted>) -> Plan {
    for family in frame.families.iter().copied() {
        if !wanted.iter().any(|group| group.family == family) {
            wanted.push(Wanted { family, ports: Vec::new(), endpoints: Vec::new() });
        }
    }
    let mut plan = Plan::default();
    let mut unused = existing;
    for group in wanted {
        let (same, rest) = unused.into_iter().partition(|slice: &Arc<EndpointSlice>| {
            slice.address_type == group.family.text()
                && slice.ports.clone().unwrap_or_default() == group.ports
        });
        unused = rest;
        plan_group(frame, group, same, &mut plan);
    }
    plan.delete.append(&mut unused);
    // A slice that would go takes the place of one that would come.
    let (mut create, mut delete) = (Vec::new(), std::mem::take(&mut plan.delete));
    for mut slice in std::mem::take(&mut plan.create) {
        match delete.iter().position(|old| old.address_type == slice.address_type) {
            Some(at) => {
                let old = delete.swap_remove(at);
                slice.metadata = ObjectMeta {
                    labels: slice.metadata.labels,
                    owner_references: slice.metadata.owner_references,
                    ..old.metadata.clone()
                };
                plan.update.push(slice);
            }
            None => create.push(slice),
        }
    }
    plan.create = create;
    plan.delete = delete;
    plan
}

fn plan_group(frame: &Frame, group: Wanted, mut slices: Vec<Arc<EndpointSlice>>, plan: &mut Plan) {
    slices.sort_by_key(|slice| slice.metadata.name.clone());
    let identity = |endpoint: &Endpoint| {
        let target = endpoint.target_ref.as_ref().and_then(|target| target.uid.clone());
        (target, endpoint.addresses.first().cloned())
    };
    let mut missing: BTreeMap<_, _> =
        group.endpoints.iter().map(|endpoint| (identity(endpoint), endpoint.clone())).collect();
    let mut contents: Vec<Vec<Endpoint>> = slices
        .iter()
        .map(|slice| {
            let there = slice.endpoints.iter().flatten();
            there.filter_map(|endpoint| missing.remove(&identity(endpoint))).collect()
        })
        .collect();
    let mut missing = missing.into_values();
    for content in &mut contents {
        let room = FULL.saturating_sub(content.len());
        content.extend(missing.by_ref().take(room));
    }
    let mut any = false;
    for (slice, content) in slices.into_iter().zip(contents) {
        let placeholder = group.endpoints.is_empty() && !any;
        if content.is_empty() && !placeholder {
            plan.delete.push(slice);
            continue;
        }
        any = true;
        let wanted = build(frame, group.family, &group.ports, content);
        if !same(&slice, &wanted) {
            let metadata = ObjectMeta {
                labels: wanted.metadata.labels,
                owner_references: wanted.metadata.owner_references,
                ..slice.metadata.clone()
            };
            plan.update.push(EndpointSlice { metadata, ..wanted });
        }
    }
    let mut rest: Vec<_> = missing.collect();
    if rest.is_empty() && !any {
        plan.create.push(build(frame, group.family, &group.ports, Vec::new()));
    }
    while !rest.is_empty() {
        let later = rest.split_off(rest.len().min(FULL));
        plan.create.push(build(frame, group.family, &group.ports, rest));
        rest = later;
    }
}

fn build(frame: &Frame, family: Family, ports: &[EndpointPort], endpoints: Vec<Endpoint>) -> EndpointSlice {
    EndpointSlice {
        metadata: frame.metadata.clone(),
        address_type: family.text().into(),
        ports: (!ports.is_empty()).then(|| ports.to_vec()),
        endpoints: Some(endpoints),
    }
}

fn same(slice: &EndpointSlice, wanted: &EndpointSlice) -> bool {
    let by_identity = |slice: &EndpointSlice| -> HashMap<_, _> {
        let endpoints = slice.endpoints.iter().flatten();
        endpoints.map(|endpoint| (endpoint.addresses.clone(), endpoint.clone())).collect()
    };
    slice.metadata.labels == wanted.metadata.labels
        && slice.metadata.owner_references == wanted.metadata.owner_references
        && slice.ports.clone().unwrap_or_default() == wanted.ports.clone().unwrap_or_default()
        && by_identity(slice) == by_identity(wanted)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ObjectReference;
    use serde_json::json;

    use super::*;

    fn service() -> Frame {
        let service: Service = serde_json::from_value(
            json!({"metadata": {"name": "s", "namespace": "n", "uid": "u", "labels": {"l": "1"}},
            "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]}}),
        )
        .unwrap();
        Frame::of_service(&service)
    }

    fn endpoint(at: usize) -> Endpoint {
        let target = ObjectReference { uid: Some(format!("{at:04}")), ..ObjectReference::default() };
        Endpoint { addresses: vec![format!("10.0.0.{at}")], target_ref: Some(target), ..Endpoint::default() }
    }

    fn port(number: i32) -> EndpointPort {
        EndpointPort { port: Some(number), ..EndpointPort::default() }
    }

    fn wanted(port_number: i32, endpoints: std::ops::Range<usize>) -> Vec<Wanted> {
        vec![Wanted {
            family: Family::V4,
            ports: vec![port(port_number)],
            endpoints: endpoints.map(endpoint).collect(),
        }]
    }

    fn stored(slices: Vec<EndpointSlice>) -> Vec<Arc<EndpointSlice>> {
        let named = slices.into_iter().enumerate().map(|(at, mut slice)| {
            slice.metadata.name.get_or_insert_with(|| format!("s-{at}"));
            Arc::new(slice)
        });
        named.collect()
    }

    fn sizes(slices: &[EndpointSlice]) -> Vec<usize> {
        slices.iter().map(|slice| slice.endpoints.as_ref().map_or(0, Vec::len)).collect()
    }

    #[test]
    fn slices_hold_a_hundred_and_change_one_by_one() {
        let plan_1 = plan(&service(), vec![], wanted(80, 0..250));
        assert_eq!(sizes(&plan_1.create), [100, 100, 50]);
        let existing = stored(plan_1.create);
        let nothing = plan(&service(), existing.clone(), wanted(80, 0..250));
        assert!(nothing.create.is_empty() && nothing.update.is_empty() && nothing.delete.is_empty());
        let one_more = plan(&service(), existing.clone(), wanted(80, 0..251));
        assert_eq!((sizes(&one_more.update), one_more.create.len()), (vec![51], 0));
        let fewer = plan(&service(), existing, wanted(80, 0..200));
        assert_eq!((fewer.update.len(), fewer.delete.len()), (0, 1));
    }

    #[test]
    fn hints_follow_the_distribution() {
        let of = |distribution: &str| {
            let spec = json!({"spec": {"trafficDistribution": distribution}});
            let hints = hints(&serde_json::from_value(spec).unwrap(), Some("here"), Some("a"));
            serde_json::to_value(hints).unwrap()
        };
        let zone = json!([{"name": "a"}]);
        assert_eq!(of("PreferSameZone"), json!({"forZones": zone}));
        assert_eq!(of("PreferClose"), json!({"forZones": zone}));
        assert_eq!(of("PreferSameNode"), json!({"forNodes": [{"name": "here"}], "forZones": zone}));
        assert_eq!(of("Other"), json!(null));
        let spec =
            serde_json::from_value(json!({"spec": {"trafficDistribution": "PreferSameZone"}})).unwrap();
        assert_eq!(hints(&spec, Some("here"), None), None);
    }

    #[test]
    fn none_is_an_empty_slice_that_is_filled_later() {
        let empty = plan(&service(), vec![], vec![]);
        assert_eq!(sizes(&empty.create), [0]);
        let labels = empty.create[0].metadata.labels.as_ref().unwrap();
        assert_eq!((labels[SERVICE_NAME].as_str(), labels["l"].as_str()), ("s", "1"));
        let existing = stored(empty.create);
        assert!(plan(&service(), existing.clone(), vec![]).update.is_empty());
        let filled = plan(&service(), existing, wanted(80, 0..2));
        assert_eq!((sizes(&filled.update), filled.create.len(), filled.delete.len()), (vec![2], 0, 0));
        let other_port = plan(&service(), stored(filled.update), wanted(81, 0..2));
        assert_eq!((sizes(&other_port.update), other_port.create.len()), (vec![2], 0));
        assert_eq!(other_port.update[0].ports.as_deref(), Some([port(81)].as_slice()));
    }
}
