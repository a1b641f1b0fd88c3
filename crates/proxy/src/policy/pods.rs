//! Pods as policies see them: where they are, what they are called, which ports they name. Pure.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, Pod};
use network::services::Protocol;

/// A pod with addresses of its own.
#[derive(Debug)]
pub(super) struct PodView<'a> {
    pub(super) namespace: &'a str,
    pub(super) labels: &'a BTreeMap<String, String>,
    /// On the node that the rules are for.
    pub(super) here: bool,
    pub(super) addresses: Vec<IpAddr>,
    pod: &'a Pod,
}

static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

/// The pods that have addresses of their own and use them. Of two that claim the same one (the earlier one is not
/// forgotten yet), it belongs to the one that is not being deleted, else to the younger one. `reserved` are addresses that
/// pods were given and that the API does not show yet, by uid.
pub(super) fn views<'a>(
    pods: impl Iterator<Item = &'a Pod>,
    node: &str,
    reserved: &HashMap<String, Vec<IpAddr>>,
) -> Vec<PodView<'a>> {
    let mut pods: Vec<&Pod> = pods.filter(|pod| uses_own_address(pod)).collect();
    pods.sort_by_key(|pod| {
        let metadata = &pod.metadata;
        let newest = reserved.contains_key(metadata.uid.as_deref().unwrap_or_default());
        (newest, metadata.deletion_timestamp.is_none(), metadata.creation_timestamp.as_ref().map(|t| t.0))
    });
    let mut owners: HashMap<IpAddr, usize> = HashMap::new();
    for (index, pod) in pods.iter().enumerate() {
        for address in addresses(pod, reserved) {
            owners.insert(address, index);
        }
    }
    let view = |(index, pod): (usize, &&'a Pod)| {
        let mut held = addresses(pod, reserved);
        held.retain(|address| owners.get(address) == Some(&index));
        PodView {
            namespace: pod.metadata.namespace.as_deref().unwrap_or_default(),
            labels: pod.metadata.labels.as_ref().unwrap_or(&NO_LABELS),
            here: pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node),
            addresses: held,
            pod,
        }
    };
    pods.iter().enumerate().map(view).filter(|view| !view.addresses.is_empty()).collect()
}

/// Pods on the node's network have the node's address, and pods that ended have none.
fn uses_own_address(pod: &Pod) -> bool {
    let host = pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true));
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !host && !matches!(phase, Some("Succeeded" | "Failed"))
}

/// The addresses that the API shows.
pub(super) fn shown(pod: &Pod) -> Vec<IpAddr> {
    let Some(status) = &pod.status else { return Vec::new() };
    let texts = status.pod_ips.iter().flatten().map(|ip| &ip.ip).chain(&status.pod_ip);
    let mut addresses: Vec<IpAddr> = texts.filter_map(|text| text.parse().ok()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn addresses(pod: &Pod, reserved: &HashMap<String, Vec<IpAddr>>) -> Vec<IpAddr> {
    let reserved = pod.metadata.uid.as_ref().and_then(|uid| reserved.get(uid));
    reserved.cloned().unwrap_or_else(|| shown(pod))
}

/// Whether nothing that policies look at differs.
pub(super) fn same(old: &Pod, new: &Pod) -> bool {
    let node = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    old.metadata.uid == new.metadata.uid
        && old.metadata.labels == new.metadata.labels
        && old.metadata.deletion_timestamp.is_none() == new.metadata.deletion_timestamp.is_none()
        && node(old) == node(new)
        && uses_own_address(old) == uses_own_address(new)
        && shown(old) == shown(new)
}

/// Leaves of a pod what policies look at.
pub(super) fn trim(pod: &mut Pod) {
    pod.metadata.annotations = None;
    pod.metadata.owner_references = None;
    if let Some(spec) = pod.spec.take() {
        let keep = |container: Container| Container {
            name: container.name,
            ports: container.ports,
            restart_policy: container.restart_policy,
            ..Container::default()
        };
        pod.spec = Some(k8s_openapi::api::core::v1::PodSpec {
            containers: spec.containers.into_iter().map(keep).collect(),
            init_containers: spec.init_containers.map(|list| list.into_iter().map(keep).collect()),
            node_name: spec.node_name,
            host_network: spec.host_network,
            ..Default::default()
        });
    }
    if let Some(status) = pod.status.take() {
        pod.status = Some(k8s_openapi::api::core::v1::PodStatus {
            phase: status.phase,
            pod_ip: status.pod_ip,
            pod_ips: status.pod_ips,
            ..Default::default()
        });
    }
}

// === impl PodView ===

impl PodView<'_> {
    /// The number of a port that one of the pod's containers names.
    pub(super) fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        let spec = self.pod.spec.as_ref()?;
        let sidecars = spec.init_containers.iter().flatten();
        let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
        let ports =
            spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
        let mut ports = ports.filter(|port| port.name.as_deref() == Some(name));
        let found = ports.find(|port| protocol_of(port.protocol.as_deref()) == Some(protocol))?;
        u16::try_from(found.container_port).ok()
    }
}

/// A protocol by its name; TCP if there is none.
pub(super) fn protocol_of(name: Option<&str>) -> Option<Protocol> {
    match name.unwrap_or("TCP") {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => None,
    }
}
