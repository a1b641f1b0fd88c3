//! From Services and EndpointSlices to rules. Pure; follows kube-proxy where the API leaves room.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use network::IpNet;
use network::services::{Clients, Empty, Frontend, IpFamily, Place, Protocol, ServiceRule};

use super::choose::{self, Candidate, Here};
use crate::slices::{self, ServiceKey};

/// Services with this label are another proxy's.
const OTHER_PROXY: &str = "service.kubernetes.io/service-proxy-name";
/// `sessionAffinityConfig.clientIP.timeoutSeconds` by default.
const AFFINITY_SECONDS: i32 = 10_800;
/// Annotation with the name of the node that answers for a load balancer's addresses.
const ANNOUNCER: &str = "launchway.dev/load-balancer-node";
const ZONE: &str = "topology.kubernetes.io/zone";

/// What of this node its rules depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeView {
    /// The node's name.
    pub name: String,
    /// Its zone; empty if it has none.
    pub zone: String,
    /// Its own addresses, as the API knows them.
    pub addresses: Vec<IpAddr>,
}

impl NodeView {
    /// The view of the node of this name; `node` is missing as long as it is not registered.
    pub fn of(name: &str, node: Option<&Node>) -> Self {
        let labels = node.and_then(|node| node.metadata.labels.as_ref());
        let status = node.and_then(|node| node.status.as_ref());
        let addresses = status.iter().flat_map(|status| status.addresses.iter().flatten());
        Self {
            name: name.to_owned(),
            zone: labels.and_then(|labels| labels.get(ZONE)).cloned().unwrap_or_default(),
            addresses: addresses.filter_map(|one| one.address.parse().ok()).collect(),
        }
    }

    fn here(&self) -> Here<'_> {
        Here { node: &self.name, zone: &self.zone }
    }
}

/// A Service whose health an outside load balancer asks each node for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthPort {
    /// `healthCheckNodePort`.
    pub port: u16,
    /// The Service's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many endpoints on this node are ready.
    pub local: usize,
}

type Slices<'a> = HashMap<ServiceKey, Vec<&'a EndpointSlice>>;

fn by_service(slices: &[Arc<EndpointSlice>]) -> Slices<'_> {
    let mut by_service: Slices<'_> = HashMap::new();
    for slice in slices {
        if let Some(key) = slices::service_of(slice) {
            by_service.entry(key).or_default().push(slice);
        }
    }
    by_service
}

fn key_of(service: &Service) -> ServiceKey {
    let meta = &service.metadata;
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

/// The rules of a node for these Services, in the order of the Services.
///
/// Each port becomes one rule per cluster IP, external IP, load balancer IP and node port. Headless and
/// ExternalName Services have none. Where a traffic policy is `Local`, only endpoints on this node count; clients
/// get no answer (rather than a refusal) if all endpoints are elsewhere. `externalTrafficPolicy` is for clients
/// outside the cluster: pods and the node's own processes are sent anywhere by a second rule. A load balancer
/// whose address is the node's own is served at every address of the node.
pub fn rules(services: &[Arc<Service>], slices: &[Arc<EndpointSlice>], node: &NodeView) -> Vec<ServiceRule> {
    let by_service = by_service(slices);
    let mut rules = Vec::new();
    for service in services {
        let Some(spec) = service.spec.as_ref() else { continue };
        let foreign = service.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(OTHER_PROXY));
        if foreign || spec.type_.as_deref() == Some("ExternalName") {
            continue;
        }
        let cluster_ips = addresses(spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip));
        if cluster_ips.is_empty() {
            continue; // headless, or not allocated yet
        }
        let slices = by_service.get(&key_of(service)).map_or(&[][..], Vec::as_slice);
        for port in spec.ports.iter().flatten() {
            let Some(rule_maker) = PortRules::new(service, spec, port, slices, node) else { continue };
            rule_maker.add(&mut rules, port, &cluster_ips);
        }
    }
    rules
}

/// The load balancers' addresses that the node of this name answers for on its link.
pub fn announced(services: &[Arc<Service>], node: &str) -> BTreeSet<IpAddr> {
    let ours = services.iter().filter(|service| {
        let annotations = service.metadata.annotations.as_ref();
        let balancer =
            service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer"));
        balancer && annotations.and_then(|all| all.get(ANNOUNCER)).is_some_and(|name| name == node)
    });
    let ingress = ours.flat_map(|service| {
        let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
        status.into_iter().flat_map(|status| status.ingress.iter().flatten())
    });
    ingress.filter_map(|one| one.ip.as_deref()?.parse().ok()).collect()
}

/// The health ports of these Services on a node.
pub fn health_ports(
    services: &[Arc<Service>],
    slices: &[Arc<EndpointSlice>],
    node: &NodeView,
) -> Vec<HealthPort> {
    let by_service = by_service(slices);
    let of = |service: &Arc<Service>| {
        let spec = service.spec.as_ref()?;
        let port = port_number(spec.health_check_node_port?)?;
        let (namespace, name) = key_of(service);
        let slices = by_service.get(&(namespace.clone(), name.clone())).map_or(&[][..], Vec::as_slice);
        let ipv6 = spec.ip_families.as_ref().and_then(|all| all.first()).is_some_and(|first| first == "IPv6");
        // A pod counts once, whatever ports and families it has.
        let endpoints = slices.iter().flat_map(|slice| slices::endpoints(slice));
        let candidates: Vec<Candidate<'_>> = endpoints
            .filter(|endpoint| endpoint.address.is_ipv6() == ipv6)
            .map(|endpoint| Candidate { to: SocketAddr::new(endpoint.address, 0), endpoint })
            .collect();
        Some(HealthPort { port, namespace, name, local: choose::count_local(&candidates, &node.here()) })
    };
    services.iter().filter_map(of).collect()
}

/// What the rules of one Service port have in common.
struct PortRules<'a> {
    service: &'a Service,
    spec: &'a ServiceSpec,
    protocol: Protocol,
    candidates: Vec<Candidate<'a>>,
    node: &'a NodeView,
}

impl<'a> PortRules<'a> {
    fn new(
        service: &'a Service,
        spec: &'a ServiceSpec,
        port: &ServicePort,
        slices: &[&'a EndpointSlice],
        node: &'a NodeView,
    ) -> Option<Self> {
        let name = port.protocol.as_deref().unwrap_or("TCP");
        let candidates = candidates(slices, port.name.as_deref().unwrap_or(""), name);
        Some(Self { service, spec, protocol: protocol(name)?, candidates, node })
    }

    fn add(&self, rules: &mut Vec<ServiceRule>, port: &ServicePort, cluster_ips: &[IpAddr]) {
        let Some(number) = port_number(port.port) else { return };
        let internal_local = self.spec.internal_traffic_policy.as_deref() == Some("Local");
        for address in cluster_ips {
            self.push(rules, Place::Address(*address), number, internal_local, Clients::All, &[]);
        }
        for address in addresses(self.spec.external_ips.iter().flatten()) {
            self.push_external(rules, Place::Address(address), number, &[]);
        }
        let sources = self.sources();
        for place in balancer_places(self.service, self.node) {
            self.push_external(rules, place, number, &sources);
        }
        if let Some(node_port) = port.node_port.and_then(port_number) {
            for family in families(cluster_ips) {
                self.push_external(rules, Place::Node(family), node_port, &[]);
            }
        }
    }

    fn push_external(&self, rules: &mut Vec<ServiceRule>, place: Place, port: u16, sources: &[IpNet]) {
        let local = self.spec.external_traffic_policy.as_deref() == Some("Local");
        self.push(rules, place, port, local, Clients::All, sources);
        if local {
            self.push(rules, place, port, false, Clients::Inside, &[]);
        }
    }

    fn push(
        &self,
        rules: &mut Vec<ServiceRule>,
        place: Place,
        port: u16,
        local: bool,
        clients: Clients,
        sources: &[IpNet],
    ) {
        let mut candidates = self.candidates.clone();
        candidates.retain(|one| IpFamily::of(one.to.ip()) == place.family());
        let here = self.node.here();
        let anywhere = choose::anywhere(&candidates, &here);
        let elsewhere = local && !anywhere.is_empty();
        rules.push(ServiceRule {
            frontend: Frontend { place, protocol: self.protocol, port, clients },
            endpoints: if local { choose::local(&candidates, &here) } else { anywhere },
            affinity: affinity(self.spec),
            empty: if elsewhere { Empty::Drop } else { Empty::Reject },
            sources: sources.to_vec(),
        });
    }

    /// Networks whose clients may use the load balancer's addresses.
    fn sources(&self) -> Vec<IpNet> {
        let listed = self.spec.load_balancer_source_ranges.iter().flatten();
        listed.filter_map(|text| network_of(text.trim())).collect()
    }
}

/// A network in prefix notation, whatever its host bits.
fn network_of(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/')?;
    Some(IpNet::containing(address.parse().ok()?, prefix.parse().ok()?))
}

/// Everything in the slices that could serve the port of this name and protocol.
fn candidates<'a>(slices: &[&'a EndpointSlice], name: &str, protocol: &str) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    for slice in slices {
        for (_, _, number) in slices::ports(slice).filter(|(n, p, _)| *n == name && *p == protocol) {
            let of_port = |endpoint: slices::Endpoint<'a>| Candidate {
                to: SocketAddr::new(endpoint.address, number),
                endpoint,
            };
            candidates.extend(slices::endpoints(slice).map(of_port));
        }
    }
    candidates
}

fn affinity(spec: &ServiceSpec) -> Option<Duration> {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return None;
    }
    let configured = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    let seconds = configured.and_then(|client| client.timeout_seconds).unwrap_or(AFFINITY_SECONDS);
    Some(Duration::from_secs(seconds.max(1).unsigned_abs().into()))
}

/// Where the load balancer's packets arrive unchanged; with `ipMode: Proxy` they do not. An address of this node
/// stands for all of them, because clients may know the machine by another one.
fn balancer_places(service: &Service, node: &NodeView) -> Vec<Place> {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|status| status.ingress.as_deref()).unwrap_or_default();
    let virtual_ips = ingress.iter().filter(|i| i.ip_mode.as_deref() != Some("Proxy"));
    let mut places = Vec::new();
    for address in addresses(virtual_ips.filter_map(|i| i.ip.as_ref())) {
        let own = node.addresses.contains(&address);
        let place = if own { Place::Node(IpFamily::of(address)) } else { Place::Address(address) };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The addresses among these texts, each once.
fn addresses<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in texts.filter_map(|text| text.parse().ok()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// The families of these addresses, each once.
fn families(addresses: &[IpAddr]) -> Vec<IpFamily> {
    let mut families: Vec<IpFamily> = addresses.iter().map(|address| IpFamily::of(*address)).collect();
    families.dedup();
    families
}

pub(super) fn port_number(number: i32) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number != 0)
}

pub(super) fn protocol(name: &str) -> Option<Protocol> {
    match name {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(spec: Value) -> Arc<Service> {
        let object = json!({ "metadata": { "namespace": "shop", "name": "web" }, "spec": spec });
        Arc::new(serde_json::from_value(object).unwrap())
    }

    fn node() -> NodeView {
        let addresses = vec!["192.0.2.10".parse().unwrap()];
        NodeView { name: "here".to_owned(), zone: String::new(), addresses }
    }

    fn slice(ports: Value, endpoints: Value) -> Arc<EndpointSlice> {
        let labels = json!({ "kubernetes.io/service-name": "web" });
        Arc::new(
            serde_json::from_value(json!({
                "metadata": { "namespace": "shop", "name": "web-1", "labels": labels },
                "addressType": "IPv4", "ports": ports, "endpoints": endpoints,
            }))
            .unwrap(),
        )
    }

    fn http() -> Value {
        json!([{ "name": "http", "port": 8080, "protocol": "TCP" }])
    }

    /// One line per rule: `address:port/protocol -> endpoints`.
    fn lines(services: &[Arc<Service>], slices: &[Arc<EndpointSlice>]) -> Vec<String> {
        let line = |rule: &ServiceRule| {
            let Frontend { place, protocol, port, clients } = rule.frontend;
            let address = match place {
                Place::Address(address) => address.to_string(),
                Place::Node(IpFamily::V4) => "*".to_owned(),
                Place::Node(IpFamily::V6) => "*6".to_owned(),
            };
            let inside = if clients == Clients::Inside { " inside" } else { "" };
            let endpoints: Vec<String> = rule.endpoints.iter().map(ToString::to_string).collect();
            let to = if endpoints.is_empty() { format!("{:?}", rule.empty) } else { endpoints.join(",") };
            format!("{address}:{port}/{protocol:?}{inside} -> {to}")
        };
        rules(services, slices, &node()).iter().map(line).collect()
    }

    #[test]
    fn every_address_of_a_service_becomes_a_rule() {
        let mut balanced = (*service(json!({
            "type": "LoadBalancer", "clusterIP": "10.43.0.7", "clusterIPs": ["10.43.0.7", "fd00::7"],
            "loadBalancerSourceRanges": ["192.0.2.7/24", " fd01::/64 "],
            "externalIPs": ["203.0.113.5"],
            "ports": [{ "name": "http", "port": 80, "nodePort": 30080 }, { "name": "dns", "port": 53, "protocol": "UDP" }],
        })))
        .clone();
        balanced.status = serde_json::from_value(json!({ "loadBalancer": { "ingress": [
            { "ip": "198.51.100.1", "ipMode": "VIP" }, { "ip": "198.51.100.2", "ipMode": "Proxy" },
            { "hostname": "x" }, { "ip": "192.0.2.10" },
        ]}}))
        .unwrap();
        let slice = slice(http(), json!([{ "addresses": ["10.42.0.2"] }, { "addresses": ["10.42.0.3"] }]));
        let mut six = (*self::slice(http(), json!([{ "addresses": ["fd00::2"] }]))).clone();
        six.address_type = "IPv6".to_owned();
        let (balanced, slices) = (Arc::new(balanced), [slice, Arc::new(six)]);
        let sources: Vec<String> = rules(std::slice::from_ref(&balanced), &slices, &node())
            .iter()
            .filter(|rule| !rule.sources.is_empty() && rule.frontend.port == 80)
            .map(|rule| format!("{:?} {}+{}", rule.frontend.place, rule.sources[0], rule.sources[1]))
            .collect();
        assert_eq!(
            sources,
            ["Address(198.51.100.1) 192.0.2.0/24+fd01::/64", "Node(V4) 192.0.2.0/24+fd01::/64"]
        );
        assert_eq!(
            lines(&[balanced], &slices),
            [
                "10.43.0.7:80/Tcp -> 10.42.0.2:8080,10.42.0.3:8080",
                "fd00::7:80/Tcp -> [fd00::2]:8080",
                "203.0.113.5:80/Tcp -> 10.42.0.2:8080,10.42.0.3:8080",
                "198.51.100.1:80/Tcp -> 10.42.0.2:8080,10.42.0.3:8080",
                "*:80/Tcp -> 10.42.0.2:8080,10.42.0.3:8080",
                "*:30080/Tcp -> 10.42.0.2:8080,10.42.0.3:8080",
                "*6:30080/Tcp -> [fd00::2]:8080",
                "10.43.0.7:53/Udp -> Reject",
                "fd00::7:53/Udp -> Reject",
                "203.0.113.5:53/Udp -> Reject",
                "198.51.100.1:53/Udp -> Reject",
                "*:53/Udp -> Reject",
            ]
        );
    }

    #[test]
    fn services_without_a_cluster_ip_have_no_rules() {
        let ports = json!([{ "port": 80 }]);
        for spec in [
            json!({ "clusterIP": "None", "ports": ports }),
            json!({ "ports": ports }),
            json!({ "type": "ExternalName", "externalName": "example.com", "ports": ports }),
        ] {
            assert_eq!(lines(&[service(spec.clone())], &[]), Vec::<String>::new(), "{spec}");
        }
        let mut foreign = (*service(json!({ "clusterIP": "10.43.0.7", "ports": ports }))).clone();
        foreign.metadata.labels = Some([(OTHER_PROXY.to_owned(), "mesh".to_owned())].into());
        assert_eq!(lines(&[Arc::new(foreign)], &[]), Vec::<String>::new());
    }

    #[test]
    fn ready_endpoints_serve_and_leaving_ones_only_in_need() {
        let web = service(json!({ "clusterIP": "10.43.0.7", "ports": [{ "name": "http", "port": 80 }] }));
        let endpoint = |last: u8, ready: bool, serving: bool, terminating: bool| {
            json!({ "addresses": [format!("10.42.0.{last}")],
                "conditions": { "ready": ready, "serving": serving, "terminating": terminating } })
        };
        let leaving = endpoint(2, false, true, true);
        let dead = endpoint(3, false, false, true);
        let starting = endpoint(4, false, false, false);
        let ready = endpoint(5, true, true, false);
        for (endpoints, expected) in [
            (json!([leaving, dead, starting, ready]), "10.42.0.5:8080"),
            (json!([leaving, dead, starting]), "10.42.0.2:8080"),
            (json!([dead, starting]), "Reject"),
        ] {
            let lines = lines(std::slice::from_ref(&web), &[slice(http(), endpoints)]);
            assert_eq!(lines, [format!("10.43.0.7:80/Tcp -> {expected}")]);
        }
    }

    #[test]
    fn local_policies_leave_other_nodes_out() {
        let web = |internal: &str, external: &str| {
            service(json!({
                "type": "NodePort", "clusterIP": "10.43.0.7", "internalTrafficPolicy": internal,
                "externalTrafficPolicy": external, "ports": [{ "name": "http", "port": 80, "nodePort": 30080 }],
            }))
        };
        let here = json!({ "addresses": ["10.42.0.2"], "nodeName": "here" });
        let there = json!({ "addresses": ["10.42.1.2"], "nodeName": "there" });
        let both = slice(http(), json!([here, there]));
        let away = slice(http(), json!([there]));
        for (internal, external, slices, expected) in [
            (
                "Cluster",
                "Cluster",
                Some(&both),
                ["10.42.0.2:8080,10.42.1.2:8080", "10.42.0.2:8080,10.42.1.2:8080"],
            ),
            ("Local", "Cluster", Some(&both), ["10.42.0.2:8080", "10.42.0.2:8080,10.42.1.2:8080"]),
            ("Cluster", "Local", Some(&both), ["10.42.0.2:8080,10.42.1.2:8080", "10.42.0.2:8080"]),
            ("Local", "Local", Some(&away), ["Drop", "Drop"]),
            ("Local", "Local", None, ["Reject", "Reject"]),
        ] {
            let slices: Vec<_> = slices.into_iter().cloned().collect();
            let [cluster, outside] = expected;
            let lines = lines(&[web(internal, external)], &slices);
            assert_eq!(
                lines[..2],
                [format!("10.43.0.7:80/Tcp -> {cluster}"), format!("*:30080/Tcp -> {outside}")]
            );
            // Clients inside are sent anywhere.
            let all = if slices.is_empty() { "Reject" } else { "10.42.1.2:8080" };
            let inside = lines[2..]
                .iter()
                .all(|line| line.starts_with("*:30080/Tcp inside -> ") && line.ends_with(all));
            assert!(inside && lines.len() == if external == "Local" { 3 } else { 2 }, "{lines:?}");
        }
    }

    #[test]
    fn ports_are_matched_by_name_and_protocol() {
        let web = service(json!({ "clusterIP": "10.43.0.7", "ports": [
            { "name": "dns", "port": 53, "protocol": "UDP" }, { "name": "dns-tcp", "port": 53, "protocol": "TCP" },
        ]}));
        let ports = json!([{ "name": "dns", "port": 5353, "protocol": "UDP" }, { "name": "dns-tcp", "port": 5354, "protocol": "TCP" }]);
        let slice = slice(ports, json!([{ "addresses": ["10.42.0.2"] }]));
        assert_eq!(
            lines(&[web], &[slice]),
            ["10.43.0.7:53/Udp -> 10.42.0.2:5353", "10.43.0.7:53/Tcp -> 10.42.0.2:5354"]
        );
    }

    #[test]
    fn affinity_has_the_apis_default() {
        let of = |config: Value| {
            let mut spec = json!({ "clusterIP": "10.43.0.7", "ports": [{ "port": 80 }] });
            spec.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
            rules(&[service(spec)], &[], &node())[0].affinity.map(|life| life.as_secs())
        };
        assert_eq!(of(json!({})), None);
        assert_eq!(of(json!({ "sessionAffinity": "None" })), None);
        assert_eq!(of(json!({ "sessionAffinity": "ClientIP" })), Some(10_800));
        let config = json!({ "clientIP": { "timeoutSeconds": 30 } });
        assert_eq!(of(json!({ "sessionAffinity": "ClientIP", "sessionAffinityConfig": config })), Some(30));
    }

    #[test]
    fn health_ports_count_pods_of_this_node() {
        let web = service(json!({
            "type": "LoadBalancer", "clusterIP": "10.43.0.7", "externalTrafficPolicy": "Local",
            "healthCheckNodePort": 30500, "ports": [{ "name": "http", "port": 80 }],
        }));
        let endpoint = |last: u8, node: &str, ready: bool| json!({ "addresses": [format!("10.42.0.{last}")], "nodeName": node, "conditions": { "ready": ready } });
        let all = json!([endpoint(2, "here", true), endpoint(3, "here", false), endpoint(4, "there", true)]);
        let ports = json!([{ "name": "http", "port": 80 }, { "name": "more", "port": 81 }]);
        let health = health_ports(&[web], &[slice(ports, all)], &node());
        let expected =
            HealthPort { port: 30500, namespace: "shop".to_owned(), name: "web".to_owned(), local: 1 };
        assert_eq!(health, [expected]);
    }
}
