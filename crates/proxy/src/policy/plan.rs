//! From NetworkPolicies, pods and namespaces to what holds on one node. Pure.
//!
//! The rules are those of `networking.k8s.io/v1`: a pod is isolated in a direction as soon as a policy of its namespace
//! selects it and speaks of that direction; what any of them allows is allowed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::{Selector, SelectorExt};
use network::IpNet;
use network::policy::{Allow, Peer, Peers, PodRules, PortRange, Ports, Rules};
use network::services::Protocol;

use super::pods::{PodView, protocol_of, views};

/// What is known of the cluster.
pub(super) struct View<'a> {
    pub(super) policies: &'a [Arc<NetworkPolicy>],
    pub(super) pods: &'a [Arc<Pod>],
    pub(super) namespaces: &'a [Arc<Namespace>],
    /// The node that the rules are for.
    pub(super) node: &'a str,
    /// Pods that are about to start here, and their addresses.
    pub(super) starting: &'a HashMap<String, (Arc<Pod>, Vec<IpAddr>)>,
}

/// A rule of a policy in one direction.
struct Rule {
    peers: RulePeers,
    ports: Vec<RulePort>,
    /// No ports at all were named: all of them.
    any_port: bool,
}

/// Peers that hold for every pod that the policy selects.
struct RulePeers {
    list: Peers,
    /// The groups in the list, or the group of all pods: whose named ports are meant.
    groups: Vec<Arc<str>>,
}

enum RulePort {
    Numbers(PortRange),
    Named(Protocol, String),
}

/// A policy that can be matched.
struct Policy<'a> {
    namespace: &'a str,
    selector: Selector,
    ingress: Option<Vec<Rule>>,
    egress: Option<Vec<Rule>>,
}

/// Which pods a group means.
struct Group<'a> {
    namespaces: Option<Selector>,
    namespace: &'a str,
    pods: Selector,
}

/// What holds on the node.
pub(super) fn plan(view: &View<'_>) -> Rules {
    if view.policies.is_empty() {
        return Rules::default();
    }
    let reserved: HashMap<String, Vec<IpAddr>> =
        view.starting.iter().map(|(uid, (_, addresses))| (uid.clone(), addresses.clone())).collect();
    let known = view.pods.iter().filter(|pod| !is_among(view.starting, pod)).map(Arc::as_ref);
    let starting = view.starting.values().map(|(pod, _)| pod.as_ref());
    let pods = views(known.chain(starting), view.node, &reserved);
    let mut groups: BTreeMap<Arc<str>, Group<'_>> = BTreeMap::new();
    let policies: Vec<Policy<'_>> =
        view.policies.iter().filter_map(|policy| compile(policy, &mut groups)).collect();
    let mut rules = Rules::default();
    let mut named: BTreeSet<(Arc<str>, Protocol, String)> = BTreeSet::new();
    let mut lists: HashMap<Vec<Allow>, Arc<[Allow]>> = HashMap::new();
    for pod in pods.iter().filter(|pod| pod.here) {
        let selecting: Vec<&Policy<'_>> = policies
            .iter()
            .filter(|policy| policy.namespace == pod.namespace && policy.selector.matches(pod.labels))
            .collect();
        let mut share = |list: Option<Vec<Allow>>| {
            let list = list?;
            Some(lists.entry(list).or_insert_with_key(|list| list.as_slice().into()).clone())
        };
        let of = PodRules {
            ingress: share(ingress(&selecting, pod)),
            egress: share(egress(&selecting, &mut named)),
        };
        if of.ingress.is_some() || of.egress.is_some() {
            for address in &pod.addresses {
                rules.pods.insert(*address, of.clone());
            }
        }
    }
    fill(&mut rules, &groups, &named, &pods, view.namespaces);
    rules
}

fn is_among(starting: &HashMap<String, (Arc<Pod>, Vec<IpAddr>)>, pod: &Pod) -> bool {
    pod.metadata.uid.as_ref().is_some_and(|uid| starting.contains_key(uid))
}

/// `None` if the pod is not isolated. Named ports are the pod's own.
fn ingress(policies: &[&Policy<'_>], pod: &PodView<'_>) -> Option<Vec<Allow>> {
    let speaking: Vec<&Vec<Rule>> = policies.iter().filter_map(|policy| policy.ingress.as_ref()).collect();
    if speaking.is_empty() {
        return None;
    }
    let mut list = BTreeSet::new();
    for rule in speaking.into_iter().flatten() {
        let numbers = rule.ports.iter().filter_map(|port| match port {
            RulePort::Numbers(range) => Some(*range),
            RulePort::Named(protocol, name) => {
                let number = pod.port(name, *protocol)?;
                Some(PortRange { protocol: *protocol, first: number, last: number })
            }
        });
        list.extend(allow(rule, numbers.collect()));
    }
    Some(list.into_iter().collect())
}

/// `None` if the pod is not isolated. Named ports are those of each peer; `named` hears which ones are wanted.
fn egress(
    policies: &[&Policy<'_>],
    named: &mut BTreeSet<(Arc<str>, Protocol, String)>,
) -> Option<Vec<Allow>> {
    let speaking: Vec<&Vec<Rule>> = policies.iter().filter_map(|policy| policy.egress.as_ref()).collect();
    if speaking.is_empty() {
        return None;
    }
    let mut list = BTreeSet::new();
    for rule in speaking.into_iter().flatten() {
        let mut numbers = BTreeSet::new();
        for port in &rule.ports {
            match port {
                RulePort::Numbers(range) => drop(numbers.insert(*range)),
                RulePort::Named(protocol, name) => {
                    for group in &rule.peers.groups {
                        named.insert((group.clone(), *protocol, name.clone()));
                        let peers = Peers::Only(vec![Peer::Ports(port_name(group, *protocol, name))]);
                        list.insert(Allow { peers, ports: Ports::Any });
                    }
                }
            }
        }
        list.extend(allow(rule, numbers));
    }
    Some(list.into_iter().collect())
}

fn allow(rule: &Rule, numbers: BTreeSet<PortRange>) -> Option<Allow> {
    let peers = rule.peers.list.clone();
    match rule.any_port {
        true => Some(Allow { peers, ports: Ports::Any }),
        false => (!numbers.is_empty()).then_some(Allow { peers, ports: Ports::Only(numbers) }),
    }
}

/// Puts members into the groups, and ports into the named ones, that some rule of this node means.
fn fill(
    rules: &mut Rules,
    groups: &BTreeMap<Arc<str>, Group<'_>>,
    named: &BTreeSet<(Arc<str>, Protocol, String)>,
    pods: &[PodView<'_>],
    namespaces: &[Arc<Namespace>],
) {
    let lists = rules.pods.values().flat_map(|pod| [&pod.ingress, &pod.egress]).flatten();
    let peers = lists.flat_map(|list| list.iter()).filter_map(|allow| match &allow.peers {
        Peers::Only(list) => Some(list),
        Peers::Anyone => None,
    });
    let meant: BTreeSet<Arc<str>> = peers
        .flatten()
        .filter_map(|peer| match peer {
            Peer::Group(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    let labels: HashMap<&str, &BTreeMap<String, String>> = namespaces
        .iter()
        .filter_map(|namespace| {
            Some((namespace.metadata.name.as_deref()?, namespace.metadata.labels.as_ref()?))
        })
        .collect();
    let members =
        |name: &Arc<str>| groups.get(name).map(|group| group.members(pods, &labels)).unwrap_or_default();
    let mut filled = BTreeMap::new();
    for name in meant {
        let addresses = members(&name).into_iter().flat_map(|pod| pod.addresses.iter().copied()).collect();
        filled.insert(name, addresses);
    }
    rules.groups = filled;
    for (group, protocol, name) in named {
        let members = members(group).into_iter();
        let ports = members.filter_map(|pod| Some((pod, pod.port(name, *protocol)?)));
        let ports = ports
            .flat_map(|(pod, number)| pod.addresses.iter().map(move |address| (*address, *protocol, number)));
        rules.ports.insert(port_name(group, *protocol, name), ports.collect());
    }
}

impl Group<'_> {
    /// The pods that it means; `labels` are those of namespaces.
    fn members<'p, 'a>(
        &self,
        pods: &'p [PodView<'a>],
        labels: &HashMap<&str, &BTreeMap<String, String>>,
    ) -> Vec<&'p PodView<'a>> {
        let none = BTreeMap::new();
        let inside = |pod: &PodView<'_>| match &self.namespaces {
            Some(selector) => selector.matches(labels.get(pod.namespace).unwrap_or(&&none)),
            None => self.namespace == pod.namespace,
        };
        pods.iter().filter(|pod| inside(pod) && self.pods.matches(pod.labels)).collect()
    }
}

fn port_name(group: &str, protocol: Protocol, name: &str) -> Arc<str> {
    format!("{} {name} {group}", protocol.number()).into()
}

// === policies ===

/// `None` for a policy whose selector cannot be read: the API server refuses such.
fn compile<'a>(policy: &'a NetworkPolicy, groups: &mut BTreeMap<Arc<str>, Group<'a>>) -> Option<Policy<'a>> {
    let namespace = policy.metadata.namespace.as_deref()?;
    let spec = policy.spec.as_ref()?;
    let selector = selector(spec.pod_selector.as_ref())?;
    let mut rule = |peers: Option<&'a Vec<NetworkPolicyPeer>>, ports: Option<&Vec<NetworkPolicyPort>>| Rule {
        peers: compile_peers(peers.map_or(&[], Vec::as_slice), namespace, groups),
        ports: ports.into_iter().flatten().filter_map(compile_port).collect(),
        any_port: ports.is_none_or(Vec::is_empty),
    };
    let (has_ingress, has_egress) = directions(spec);
    let ingress = has_ingress
        .then(|| spec.ingress.iter().flatten().map(|r| rule(r.from.as_ref(), r.ports.as_ref())).collect());
    let egress = has_egress
        .then(|| spec.egress.iter().flatten().map(|r| rule(r.to.as_ref(), r.ports.as_ref())).collect());
    Some(Policy { namespace, selector, ingress, egress })
}

/// The directions that a policy speaks of. The API server fills them in; this is how.
fn directions(spec: &NetworkPolicySpec) -> (bool, bool) {
    match spec.policy_types.as_deref() {
        Some(types) if !types.is_empty() => {
            (types.iter().any(|kind| kind == "Ingress"), types.iter().any(|kind| kind == "Egress"))
        }
        _ => (true, spec.egress.as_ref().is_some_and(|rules| !rules.is_empty())),
    }
}

/// A selector in matching form; a missing one selects everything, a broken one is `None`.
fn selector(given: Option<&LabelSelector>) -> Option<Selector> {
    Selector::try_from(given.cloned().unwrap_or_default()).ok()
}

fn compile_peers<'a>(
    peers: &'a [NetworkPolicyPeer],
    namespace: &'a str,
    groups: &mut BTreeMap<Arc<str>, Group<'a>>,
) -> RulePeers {
    let mut add = |namespaces: Option<&LabelSelector>, pods: Option<&LabelSelector>| {
        let texts = [namespaces, pods].map(|part| serde_json::to_string(&part).unwrap_or_default());
        // Where namespaces are selected, it does not matter whose policy it is.
        let whose = if namespaces.is_some() { "*" } else { namespace };
        let name: Arc<str> = format!("{whose} {} {}", texts[0], texts[1]).into();
        let group = Group {
            namespaces: match namespaces {
                Some(given) => Some(selector(Some(given))?),
                None => None,
            },
            namespace,
            pods: selector(pods)?,
        };
        groups.entry(name.clone()).or_insert(group);
        Some(name)
    };
    if peers.is_empty() {
        let everybody = add(Some(&LabelSelector::default()), None);
        return RulePeers { list: Peers::Anyone, groups: everybody.into_iter().collect() };
    }
    let (mut list, mut names) = (BTreeSet::new(), Vec::new());
    for peer in peers {
        if let Some(block) = &peer.ip_block {
            let Some(network) = network_of(&block.cidr) else { continue };
            let except = block.except.iter().flatten().filter_map(|text| network_of(text)).collect();
            list.insert(Peer::Block { network, except });
        } else if let Some(name) = add(peer.namespace_selector.as_ref(), peer.pod_selector.as_ref()) {
            list.insert(Peer::Group(name.clone()));
            names.push(name);
        }
    }
    RulePeers { list: Peers::Only(list.into_iter().collect()), groups: names }
}

/// A network, also if bits below its prefix are set: the API server lets such pass.
fn network_of(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/')?;
    let (address, prefix): (IpAddr, u8) = (address.parse().ok()?, prefix.parse().ok()?);
    let longest = if address.is_ipv4() { 32 } else { 128 };
    (prefix <= longest).then(|| IpNet::containing(address, prefix))
}

/// `None` for what cannot match anything.
fn compile_port(port: &NetworkPolicyPort) -> Option<RulePort> {
    let protocol = protocol_of(port.protocol.as_deref())?;
    let number = |number: i32| u16::try_from(number).ok();
    match &port.port {
        None => Some(RulePort::Numbers(PortRange { protocol, first: 0, last: u16::MAX })),
        Some(IntOrString::Int(first)) => {
            let first = number(*first)?;
            let last = port.end_port.map_or(Some(first), number)?;
            (first <= last).then_some(RulePort::Numbers(PortRange { protocol, first, last }))
        }
        Some(IntOrString::String(name)) => Some(RulePort::Named(protocol, name.clone())),
    }
}
