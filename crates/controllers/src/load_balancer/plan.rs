//! Which addresses each LoadBalancer Service has, and which node answers for them. Pure.
//!
//! Keeps: what a Service has it keeps as long as it may; of two that want the same, the one that has it counts, else
//! the older one.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Node, Service, ServiceSpec};

use super::AddressPool;
use crate::shared::{Key, created, hash, name};

/// The class of Services that are ours beside those without one.
pub(super) const CLASS: &str = "launchway.dev/load-balancer";
/// Annotation with the name of the node that answers for the Service's addresses; set when they are of a pool.
pub(super) const ANNOUNCER: &str = "launchway.dev/load-balancer-node";
/// Label of nodes that take no part.
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// A node that may serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) name: String,
    internal: Vec<IpAddr>,
    external: Vec<IpAddr>,
}

impl Candidate {
    /// `None` for nodes that are not ready, leave, or are labelled as taking no part.
    pub(super) fn of(node: &Node) -> Option<Self> {
        let status = node.status.as_ref()?;
        let ready =
            status.conditions.iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True");
        let excluded = node.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(EXCLUDED));
        if !ready || excluded || node.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let of = |kind: &str| {
            let listed = status.addresses.iter().flatten().filter(|one| one.type_ == kind);
            listed.filter_map(|one| one.address.parse().ok()).collect()
        };
        Some(Self { name: name(node).to_owned(), internal: of("InternalIP"), external: of("ExternalIP") })
    }
}

/// What a Service should have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) addresses: Vec<IpAddr>,
    /// The node that answers for addresses of a pool.
    pub(super) announcer: Option<String>,
    /// Why there are none.
    pub(super) trouble: Option<String>,
}

/// What the plan is made of.
pub(super) struct World<'a> {
    pub(super) services: &'a [&'a Service],
    pub(super) nodes: &'a [Candidate],
    /// Nodes with an endpoint that serves, for Services that want local ones only.
    pub(super) local: &'a BTreeMap<Key, BTreeSet<String>>,
    pub(super) pool: Option<&'a AddressPool>,
    /// Ports of the nodes that the cluster itself listens at.
    pub(super) reserved: &'a [i32],
}

/// Whether a Service is a load balancer of ours.
pub(super) fn is_ours(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| {
        spec.type_.as_deref() == Some("LoadBalancer")
            && spec.load_balancer_class.as_deref().is_none_or(|class| class == CLASS)
    }) && service.metadata.deletion_timestamp.is_none()
}

/// The addresses that a Service's status has now.
pub(super) fn current(service: &Service) -> Vec<IpAddr> {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|status| status.ingress.as_deref()).unwrap_or_default();
    ingress.iter().filter_map(|one| one.ip.as_deref()?.parse().ok()).collect()
}

/// Whether only nodes with an endpoint serve.
pub(super) fn is_local(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.external_traffic_policy.as_deref() == Some("Local"))
}

/// What each of the Services that are ours should have.
pub(super) fn plan(world: &World<'_>) -> BTreeMap<Key, Given> {
    let mut services: Vec<&Service> = world.services.iter().copied().filter(|one| is_ours(one)).collect();
    services.sort_by_key(|service| (current(service).is_empty(), created(*service), Key::of(*service)));
    match world.pool {
        Some(pool) => from_pool(world, pool, &services),
        None => from_nodes(world, &services),
    }
}

fn eligible<'a>(world: &'a World<'_>, service: &Service) -> Vec<&'a Candidate> {
    let local = world.local.get(&Key::of(service));
    let serves =
        |node: &&Candidate| !is_local(service) || local.is_some_and(|nodes| nodes.contains(&node.name));
    world.nodes.iter().filter(serves).collect()
}

/// Every node serves every Service at its own addresses, so a port can be given once.
fn from_nodes(world: &World<'_>, services: &[&Service]) -> BTreeMap<Key, Given> {
    let mut taken: BTreeMap<(String, i32), Key> = BTreeMap::new();
    let mut plan = BTreeMap::new();
    for service in services {
        let (key, Some(spec)) = (Key::of(*service), service.spec.as_ref()) else { continue };
        let ports: Vec<_> = spec
            .ports
            .iter()
            .flatten()
            .map(|port| (port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()), port.port))
            .collect();
        let clash = ports.iter().find_map(|port| Some((port.1, taken.get(port)?)));
        let reserved =
            ports.iter().find(|(protocol, port)| protocol == "TCP" && world.reserved.contains(port));
        let given = if let Some((_, port)) = reserved {
            trouble(format!("port {port} of the nodes is the cluster's own: choose another port"))
        } else if let Some((port, other)) = clash {
            let Key { namespace, name } = other;
            trouble(format!(
                "port {port} of the nodes is taken by Service {namespace}/{name}: choose another port, or give \
                 the cluster a pool of addresses"
            ))
        } else {
            for port in ports {
                taken.insert(port, key.clone());
            }
            let nodes = eligible(world, service);
            let outside = nodes.iter().any(|node| !node.external.is_empty());
            let of = |node: &&Candidate| if outside { node.external.clone() } else { node.internal.clone() };
            let all: Vec<IpAddr> = nodes.iter().flat_map(of).collect();
            let families = families(spec).into_iter();
            let addresses = families.flat_map(|v4| all.iter().copied().filter(move |ip| ip.is_ipv4() == v4));
            Given { addresses: addresses.collect(), ..Given::default() }
        };
        plan.insert(key, given);
    }
    plan
}

/// Each Service has addresses of its own, for which one node answers.
fn from_pool(world: &World<'_>, pool: &AddressPool, services: &[&Service]) -> BTreeMap<Key, Given> {
    let mut taken: HashSet<IpAddr> = HashSet::new();
    let mut plan = BTreeMap::new();
    for service in services {
        let (key, Some(spec)) = (Key::of(*service), service.spec.as_ref()) else { continue };
        let held = current(service);
        let wish = spec.load_balancer_ip.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
        let mut given = Given::default();
        for v4 in families(spec) {
            let kept = held.iter().copied().find(|one| one.is_ipv4() == v4 && pool.contains(*one));
            let chosen = match wish.filter(|wish| wish.is_ipv4() == v4) {
                Some(wish) if !pool.contains(wish) => Err(format!("{wish} is not in the pool of addresses")),
                Some(wish) if taken.contains(&wish) => Err(format!("{wish} is taken by another Service")),
                Some(wish) => Ok(Some(wish)),
                None => Ok(kept.filter(|one| !taken.contains(one)).or_else(|| pool.free(v4, &taken))),
            };
            match chosen {
                Ok(Some(address)) => {
                    taken.insert(address);
                    given.addresses.push(address);
                }
                Ok(None) => {}
                Err(text) => given.trouble = Some(text),
            }
        }
        if given.trouble.is_some() {
            given.addresses.clear();
        } else if given.addresses.is_empty() {
            given = trouble("no address of the pool is free: delete a Service or widen the pool".to_owned());
        }
        let nodes = eligible(world, service);
        if !given.addresses.is_empty() {
            given.announcer = announcer(service, &key, &nodes);
        }
        plan.insert(key, given);
    }
    plan
}

fn trouble(text: String) -> Given {
    Given { trouble: Some(text), ..Given::default() }
}

/// The Service's families, first one first: whether each is IPv4.
fn families(spec: &ServiceSpec) -> Vec<bool> {
    let named: Vec<bool> = spec.ip_families.iter().flatten().map(|family| family != "IPv6").collect();
    if named.is_empty() { vec![true] } else { named }
}

/// The node that answers: the one that does already, else the one that the Service's name leads to, so that
/// Services are spread.
fn announcer(service: &Service, key: &Key, nodes: &[&Candidate]) -> Option<String> {
    let now = service.metadata.annotations.as_ref().and_then(|all| all.get(ANNOUNCER));
    let stays = nodes.iter().find(|node| Some(&node.name) == now);
    let weight = |node: &&&Candidate| hash::short(&(&key.namespace, &key.name, &node.name), None);
    stays.or_else(|| nodes.iter().max_by_key(weight)).map(|node| node.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(name: &str, age: u32, spec: Value, ingress: &[&str]) -> Service {
        let ingress: Vec<Value> = ingress.iter().map(|ip| json!({ "ip": ip })).collect();
        let mut service = json!({
            "metadata": { "namespace": "n", "name": name, "creationTimestamp": format!("2026-01-01T00:00:{age:02}Z") },
            "spec": { "type": "LoadBalancer", "ipFamilies": ["IPv4"], "ports": [{ "port": 80 }] },
            "status": { "loadBalancer": { "ingress": ingress } },
        });
        json_patch::merge(&mut service, &json!({ "spec": spec }));
        serde_json::from_value(service).unwrap()
    }

    fn node(name: &str, addresses: Value, ready: &str) -> Option<Candidate> {
        let node = json!({ "metadata": { "name": name }, "status": {
            "addresses": addresses, "conditions": [{ "type": "Ready", "status": ready }] } });
        Candidate::of(&serde_json::from_value(node).unwrap())
    }

    fn nodes() -> Vec<Candidate> {
        let addresses = |last: u8| {
            json!([{ "type": "InternalIP", "address": format!("10.0.0.{last}") },
                { "type": "InternalIP", "address": format!("fd00::{last}") }, { "type": "Hostname", "address": "x" }])
        };
        assert_eq!(node("c", addresses(3), "Unknown"), None);
        [node("a", addresses(1), "True"), node("b", addresses(2), "True")].into_iter().flatten().collect()
    }

    /// One line per Service: its name and addresses, or its trouble.
    fn lines(services: &[Service], pool: Option<&str>) -> Vec<String> {
        let services: Vec<&Service> = services.iter().collect();
        let local = BTreeMap::from([(Key::new("n", "local"), BTreeSet::from(["b".to_owned()]))]);
        let pool = pool.map(|pool| AddressPool::parse(pool).unwrap());
        let (nodes, reserved) = (nodes(), [16443]);
        let world = World {
            services: &services,
            nodes: &nodes,
            local: &local,
            pool: pool.as_ref(),
            reserved: &reserved,
        };
        let line = |(key, given): (Key, Given)| {
            let addresses: Vec<String> = given.addresses.iter().map(ToString::to_string).collect();
            let on = given.announcer.map_or(String::new(), |node| format!(" on {node}"));
            format!("{}: {}{on}", key.name, given.trouble.unwrap_or(addresses.join(",")))
        };
        plan(&world).into_iter().map(line).collect()
    }

    #[test]
    fn nodes_give_their_addresses_and_a_port_once() {
        let local = json!({ "externalTrafficPolicy": "Local", "ports": [{ "port": 81 }] });
        let all = [
            service("late", 9, json!({}), &[]),
            service("early", 1, json!({ "ipFamilies": ["IPv6", "IPv4"] }), &[]),
            service("udp", 2, json!({ "ports": [{ "port": 80, "protocol": "UDP" }] }), &[]),
            service("local", 3, local, &[]),
            service("api", 3, json!({ "ports": [{ "port": 16443 }] }), &[]),
            service("class", 3, json!({ "loadBalancerClass": "other" }), &[]),
            service("plain", 3, json!({ "type": "ClusterIP" }), &[]),
        ];
        assert_eq!(
            lines(&all, None),
            [
                "api: port 16443 of the nodes is the cluster's own: choose another port",
                "early: fd00::1,fd00::2,10.0.0.1,10.0.0.2",
                "late: port 80 of the nodes is taken by Service n/early: choose another port, or give the cluster a \
                 pool of addresses",
                "local: 10.0.0.2",
                "udp: 10.0.0.1,10.0.0.2",
            ]
        );
        // Who has the port keeps it.
        let holder = [service("late", 9, json!({}), &["10.0.0.1"]), service("early", 1, json!({}), &[])];
        assert_eq!(lines(&holder, None)[1], "late: 10.0.0.1,10.0.0.2");
    }

    #[test]
    fn a_pool_gives_each_service_its_own() {
        let pool = Some("192.0.2.1-192.0.2.3,2001:db8::1");
        let all = [
            service("wish", 5, json!({ "loadBalancerIP": "192.0.2.2" }), &[]),
            service("kept", 9, json!({}), &["192.0.2.3"]),
            service("first", 1, json!({ "ipFamilies": ["IPv4", "IPv6"] }), &[]),
            service("full", 8, json!({}), &[]),
            service("alien", 8, json!({ "loadBalancerIP": "192.0.2.9" }), &[]),
        ];
        let lines = lines(&all, pool);
        assert_eq!(lines[0], "alien: 192.0.2.9 is not in the pool of addresses");
        assert!(lines[1].starts_with("first: 192.0.2.1,2001:db8::1 on "), "{lines:?}");
        assert_eq!(lines[2], "full: no address of the pool is free: delete a Service or widen the pool");
        assert!(lines[3].starts_with("kept: 192.0.2.3 on "), "{lines:?}");
        assert!(lines[4].starts_with("wish: 192.0.2.2 on "), "{lines:?}");
    }
}
