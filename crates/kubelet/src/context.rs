//! What every pod worker shares: the node's handles and facts.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

use client::{Events, Informer};
use k8s_openapi::api::core::v1::{
    ConfigMap, HostIP, ObjectReference, Pod, PodIP, PodStatus, Secret, Service,
};
use kube::{Client, Resource};

use crate::NetworkGuard;
use crate::allocations::Allocations;
use crate::images::Images;
use crate::pod::model::{Role, Slot};
use crate::refs::Refs;
use crate::spec::fields::Facts;

/// Handles and facts of the node.
pub(crate) struct Context {
    pub(crate) home: PathBuf,
    pub(crate) node_address: Ipv4Addr,
    pub(crate) client: Client,
    pub(crate) engine: runtime::Engine,
    pub(crate) network: Arc<network::PodNetwork>,
    pub(crate) images: Arc<Images>,
    pub(crate) events: Events,
    pub(crate) services: Informer<Service>,
    pub(crate) config_maps: Refs<ConfigMap>,
    pub(crate) secrets: Refs<Secret>,
    pub(crate) guard: Option<NetworkGuard>,
    pub(crate) cluster_dns: Ipv4Addr,
    pub(crate) cluster_domain: String,
    pub(crate) resolv_conf: PathBuf,
    /// What each pod holds of the node.
    pub(crate) allocations: Arc<Allocations>,
    /// Allocatable CPU in thousandths.
    pub(crate) node_cpu: i64,
    /// Allocatable memory in bytes.
    pub(crate) node_memory: i64,
}

impl Context {
    /// Folder of a pod's files; the runtime keeps its own below it.
    pub(crate) fn pod_dir(&self, uid: &str) -> PathBuf {
        self.home.join("pods").join(uid)
    }

    /// Folder of a pod's logs.
    pub(crate) fn log_dir(&self, namespace: &str, name: &str, uid: &str) -> PathBuf {
        self.home.join("logs/pods").join(format!("{namespace}_{name}_{uid}"))
    }

    pub(crate) fn facts(&self, pod_ip: Option<Ipv4Addr>) -> Facts {
        Facts {
            host_ip: self.node_address,
            host_ip6: self.second_address(self.node_address),
            pod_ip,
            pod_ip6: pod_ip.and_then(|ip| self.second_address(ip)),
            node_cpu: self.node_cpu,
            node_memory: self.node_memory,
        }
    }

    /// The IPv6 address of whom has this IPv4 address: a pod, or the node.
    pub(crate) fn second_address(&self, ip: Ipv4Addr) -> Option<Ipv6Addr> {
        if ip == self.node_address { self.network.node_address6() } else { self.network.partner(ip) }
    }

    /// Adds the IPv6 addresses to a status that has the IPv4 ones.
    pub(crate) fn add_second_addresses(&self, status: &mut PodStatus) {
        let second = |first: &str| self.second_address(first.parse().ok()?).map(|ip| ip.to_string());
        if let Some(list) = status.pod_ips.as_mut().filter(|list| list.len() == 1) {
            list.extend(second(&list[0].ip).map(|ip| PodIP { ip }));
        }
        if let Some(list) = status.host_ips.as_mut().filter(|list| list.len() == 1) {
            list.extend(second(&list[0].ip).map(|ip| HostIP { ip }));
        }
    }

    /// True when some Service of the pod's namespace selects it: requests may be on their way to it.
    pub(crate) fn serves(&self, pod: &Pod) -> bool {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let labels = pod.metadata.labels.as_ref();
        self.services.list_in(namespace).iter().any(|service| {
            let selector = service.spec.as_ref().and_then(|s| s.selector.as_ref());
            selector.is_some_and(|s| {
                !s.is_empty() && s.iter().all(|(k, v)| labels.is_some_and(|l| l.get(k) == Some(v)))
            })
        })
    }
}

/// Reference to a pod for events.
pub(crate) fn pod_ref(pod: &Pod) -> ObjectReference {
    pod.object_ref(&())
}

/// Reference to one container of a pod for events.
pub(crate) fn container_ref(pod: &Pod, slot: &Slot) -> ObjectReference {
    let list = match slot.role {
        Role::Init | Role::Sidecar => "initContainers",
        Role::Main => "containers",
        Role::Ephemeral => "ephemeralContainers",
    };
    ObjectReference { field_path: Some(format!("spec.{list}{{{}}}", slot.spec.name)), ..pod_ref(pod) }
}
