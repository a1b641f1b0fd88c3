//! The cluster as the scheduler sees it: nodes, the pods on them, and the labels of namespaces.
//!
//! A plain value, cheap to clone (nodes are shared), so that "what if" needs no locks. Not here: where it
//! comes from; see [`crate::run()`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use k8s_openapi::{
    api::core::v1::{Node, Pod},
    jiff::Timestamp,
};

use crate::{
    affinity::Terms,
    resources::{self, Resources},
    volumes::{PodClaim, VolumeState, claims_of},
};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// A pod with what the filters ask of it, worked out once.
#[derive(Debug)]
pub struct PodInfo {
    /// The pod itself.
    pub pod: Arc<Pod>,
    /// What it needs.
    pub requests: Resources,
    /// What it is taken to use when nodes are compared.
    pub usual: Resources,
    /// Host ports it wants.
    pub ports: Vec<HostPort>,
    /// Its affinity to and against other pods.
    pub terms: Terms,
    /// The claims it mounts.
    pub claims: Vec<PodClaim>,
}

/// A port on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Address it listens on; `0.0.0.0` is all.
    pub address: String,
    /// TCP, UDP or SCTP.
    pub protocol: String,
    /// 1 to 65535.
    pub port: i32,
}

/// One node and what is on it.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// The node itself.
    pub node: Arc<Node>,
    /// What pods may use in all.
    pub allocatable: Resources,
    /// What they use.
    pub used: Resources,
    /// The same with usual amounts where nothing was asked for.
    pub usual: Resources,
    /// Pods on the node, assumed ones included.
    pub pods: Vec<Arc<PodInfo>>,
    /// How many of them are against other pods near them.
    pub repelling: usize,
}

/// The cluster at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    nodes: Vec<Arc<NodeInfo>>,
    index: HashMap<String, usize>,
    namespaces: Arc<HashMap<String, Labels>>,
    volumes: Arc<VolumeState>,
}

// === impl PodInfo ===

impl PodInfo {
    /// Works out what the filters ask of `pod`.
    #[must_use]
    pub fn new(pod: Arc<Pod>) -> Self {
        Self {
            requests: resources::requests(&pod),
            usual: resources::usual_requests(&pod),
            ports: host_ports(&pod),
            terms: Terms::of(&pod),
            claims: claims_of(&pod),
            pod,
        }
    }

    /// Its priority; 0 if none was set.
    #[must_use]
    pub fn priority(&self) -> i32 {
        priority(&self.pod)
    }

    /// Its labels.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        labels(self.pod.metadata.labels.as_ref())
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.pod.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Its UID.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.pod.metadata.uid.as_deref().unwrap_or_default()
    }

    /// When it was started, or made if it was not started yet.
    #[must_use]
    pub fn started(&self) -> Option<Timestamp> {
        let status = self.pod.status.as_ref();
        let start = status.and_then(|status| status.start_time.as_ref());
        start.or(self.pod.metadata.creation_timestamp.as_ref()).map(|time| time.0)
    }
}

/// The priority of a pod.
#[must_use]
pub fn priority(pod: &Pod) -> i32 {
    pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or(0)
}

/// Labels that may be missing, as a map.
pub(crate) fn labels(labels: Option<&Labels>) -> &Labels {
    static NONE: Labels = Labels::new();
    labels.unwrap_or(&NONE)
}

fn host_ports(pod: &Pod) -> Vec<HostPort> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    spec.containers
        .iter()
        .chain(sidecars)
        .flat_map(|container| container.ports.iter().flatten())
        .filter_map(|port| {
            let number = port.host_port.filter(|number| *number > 0)?;
            Some(HostPort {
                address: port.host_ip.clone().filter(|ip| !ip.is_empty()).unwrap_or_else(|| "0.0.0.0".into()),
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".into()),
                port: number,
            })
        })
        .collect()
}

// === impl NodeInfo ===

impl NodeInfo {
    /// A node without pods.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
        Self {
            allocatable: Resources::read(allocatable),
            used: Resources::default(),
            usual: Resources::default(),
            pods: Vec::new(),
            repelling: 0,
            node,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.node.metadata.name.as_deref().unwrap_or_default()
    }

    /// Its labels.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        labels(self.node.metadata.labels.as_ref())
    }

    /// Puts `pod` on the node.
    pub fn add(&mut self, pod: Arc<PodInfo>) {
        self.used.add(&pod.requests);
        self.usual.add(&pod.usual);
        self.repelling += usize::from(!pod.terms.required_anti.is_empty());
        self.pods.push(pod);
    }

    /// Takes the pod with that UID off the node.
    pub fn remove(&mut self, uid: &str) -> Option<Arc<PodInfo>> {
        let at = self.pods.iter().position(|pod| pod.uid() == uid)?;
        let pod = self.pods.swap_remove(at);
        self.used.subtract(&pod.requests);
        self.usual.subtract(&pod.usual);
        self.repelling -= usize::from(!pod.terms.required_anti.is_empty());
        Some(pod)
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Arc<NodeInfo>] {
        &self.nodes
    }

    /// The node of that name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Arc<NodeInfo>> {
        self.nodes.get(*self.index.get(name)?)
    }

    /// Labels of a namespace.
    #[must_use]
    pub fn namespace_labels(&self, name: &str) -> &Labels {
        labels(self.namespaces.get(name))
    }

    /// Claims, volumes and classes.
    #[must_use]
    pub fn volumes(&self) -> &VolumeState {
        &self.volumes
    }

    /// Claims, volumes and classes, to be changed.
    pub fn volumes_mut(&mut self) -> &mut VolumeState {
        Arc::make_mut(&mut self.volumes)
    }

    /// Adds a node, or replaces what is known of it; its pods stay.
    pub fn put_node(&mut self, node: Arc<Node>) {
        let mut fresh = NodeInfo::new(node);
        match self.index.get(fresh.name()) {
            Some(at) => {
                for pod in &self.nodes[*at].pods {
                    fresh.add(pod.clone());
                }
                self.nodes[*at] = Arc::new(fresh);
            }
            None => {
                self.index.insert(fresh.name().to_owned(), self.nodes.len());
                self.nodes.push(Arc::new(fresh));
            }
        }
    }

    /// Forgets a node; returns the pods that were on it.
    pub fn remove_node(&mut self, name: &str) -> Vec<Arc<PodInfo>> {
        let Some(at) = self.index.remove(name) else { return Vec::new() };
        let gone = self.nodes.swap_remove(at);
        if let Some(moved) = self.nodes.get(at) {
            self.index.insert(moved.name().to_owned(), at);
        }
        gone.pods.clone()
    }

    /// Puts a pod on a node; `false` if there is no such node.
    pub fn add_pod(&mut self, node: &str, pod: Arc<PodInfo>) -> bool {
        self.change(node, |info| info.add(pod)).is_some()
    }

    /// Takes a pod off a node.
    pub fn remove_pod(&mut self, node: &str, uid: &str) -> Option<Arc<PodInfo>> {
        self.change(node, |info| info.remove(uid)).flatten()
    }

    /// Sets the labels of a namespace, or forgets it.
    pub fn set_namespace(&mut self, name: &str, labels: Option<Labels>) {
        let namespaces = Arc::make_mut(&mut self.namespaces);
        match labels {
            Some(labels) => namespaces.insert(name.to_owned(), labels),
            None => namespaces.remove(name),
        };
    }

    fn change<R>(&mut self, node: &str, change: impl FnOnce(&mut NodeInfo) -> R) -> Option<R> {
        let at = *self.index.get(node)?;
        Some(change(Arc::make_mut(&mut self.nodes[at])))
    }
}
