//! From Services and EndpointSlices to rules. Pure; follows kube-proxy where the API leaves room.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use network::services::{Empty, Frontend, Protocol, ServiceRule};

use crate::slices::{self, ServiceKey};

/// Services with this label are another proxy's.
const OTHER_PROXY: &str = "service.kubernetes.io/service-proxy-name";
/// `sessionAffinityConfig.clientIP.timeoutSeconds` by default.
const AFFINITY_SECONDS: i32 = 10_800;

/// A candidate for a Service port.
struct Candidate {
    to: SocketAddrV4,
    here: bool,
    ready: bool,
    /// Terminating, but still serving: the last resort.
    leaving: bool,
}

/// The rules of a node named `node` for these Services, in the order of the Services.
///
/// Each port becomes one rule per cluster IP, external IP, load balancer IP and node port. Headless and
/// ExternalName Services have none. Where a traffic policy is `Local`, only endpoints on this node count;
/// clients get no answer (rather than a refusal) if all endpoints are elsewhere.
pub fn rules(services: &[Arc<Service>], slices: &[Arc<EndpointSlice>], node: &str) -> Vec<ServiceRule> {
    let mut by_service: HashMap<ServiceKey, Vec<&EndpointSlice>> = HashMap::new();
    for slice in slices {
        if let Some(key) = slices::service_of(slice) {
            by_service.entry(key).or_default().push(slice);
        }
    }
    let mut rules = Vec::new();
    for service in services {
        let Some(spec) = service.spec.as_ref() else { continue };
        let foreign = service.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(OTHER_PROXY));
        if foreign || spec.type_.as_deref() == Some("ExternalName") {
            continue;
        }
        let cluster_ips = addresses(spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip));
        if cluster_ips.is_empty() {
            continue; // headless, not allocated yet, or IPv6 alone
        }
        let key = (
            service.metadata.namespace.clone().unwrap_or_default(),
            service.metadata.name.clone().unwrap_or_default(),
        );
        let slices = by_service.get(&key).map_or(&[][..], Vec::as_slice);
        for port in spec.ports.iter().flatten() {
            port_rules(&mut rules, service, spec, port, &cluster_ips, slices, node);
        }
    }
    rules
}

fn port_rules(
    rules: &mut Vec<ServiceRule>,
    service: &Service,
    spec: &ServiceSpec,
    port: &ServicePort,
    cluster_ips: &[Ipv4Addr],
    slices: &[&EndpointSlice],
    node: &str,
) {
    let protocol_name = port.protocol.as_deref().unwrap_or("TCP");
    let (Some(protocol), Some(number)) = (protocol(protocol_name), port_number(port.port)) else { return };
    let candidates = candidates(slices, port.name.as_deref().unwrap_or(""), protocol_name, node);
    let internal_local = spec.internal_traffic_policy.as_deref() == Some("Local");
    let external_local = spec.external_traffic_policy.as_deref() == Some("Local");
    let affinity = affinity(spec);
    let mut push = |address: Option<Ipv4Addr>, port: u16, local: bool| {
        let endpoints = choose(&candidates, local);
        let elsewhere = local && endpoints.is_empty() && !choose(&candidates, false).is_empty();
        rules.push(ServiceRule {
            frontend: Frontend { address, protocol, port },
            endpoints,
            affinity,
            empty: if elsewhere { Empty::Drop } else { Empty::Reject },
        });
    };
    for address in cluster_ips {
        push(Some(*address), number, internal_local);
    }
    for address in addresses(spec.external_ips.iter().flatten()) {
        push(Some(address), number, external_local);
    }
    for address in balancer_addresses(service) {
        push(Some(address), number, external_local);
    }
    if let Some(node_port) = port.node_port.and_then(port_number) {
        push(None, node_port, external_local);
    }
}

/// Everything in the slices that could serve the port of this name and protocol.
fn candidates(slices: &[&EndpointSlice], name: &str, protocol: &str, node: &str) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for slice in slices {
        for (_, _, number) in slices::ports(slice).filter(|(n, p, _)| *n == name && *p == protocol) {
            candidates.extend(slices::endpoints(slice).map(|endpoint| Candidate {
                to: SocketAddrV4::new(endpoint.address, number),
                here: endpoint.node == Some(node),
                ready: endpoint.ready,
                leaving: endpoint.serving && endpoint.terminating,
            }));
        }
    }
    candidates
}

/// The ready endpoints (on this node if `local`); if there are none, those that terminate but still serve.
fn choose(candidates: &[Candidate], local: bool) -> Vec<SocketAddrV4> {
    let pick = |wanted: fn(&Candidate) -> bool| -> Vec<SocketAddrV4> {
        let mut picked: Vec<_> =
            candidates.iter().filter(|c| wanted(c) && (c.here || !local)).map(|c| c.to).collect();
        picked.sort();
        picked.dedup();
        picked
    };
    let ready = pick(|c| c.ready);
    if ready.is_empty() { pick(|c| c.leaving) } else { ready }
}

fn affinity(spec: &ServiceSpec) -> Option<Duration> {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return None;
    }
    let configured = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    let seconds = configured.and_then(|client| client.timeout_seconds).unwrap_or(AFFINITY_SECONDS);
    Some(Duration::from_secs(seconds.max(1).unsigned_abs().into()))
}

/// The load balancer's addresses whose packets arrive unchanged; with `ipMode: Proxy` they do not.
fn balancer_addresses(service: &Service) -> Vec<Ipv4Addr> {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|status| status.ingress.as_deref()).unwrap_or_default();
    let virtual_ips = ingress.iter().filter(|i| i.ip_mode.as_deref() != Some("Proxy"));
    addresses(virtual_ips.filter_map(|i| i.ip.as_ref()))
}

/// The IPv4 addresses among these texts, each once.
fn addresses<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<Ipv4Addr> {
    let mut addresses: Vec<Ipv4Addr> = Vec::new();
    for address in texts.filter_map(|text| text.parse().ok()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
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
            let Frontend { address, protocol, port } = rule.frontend;
            let address = address.map_or("*".to_owned(), |address| address.to_string());
            let endpoints: Vec<String> = rule.endpoints.iter().map(ToString::to_string).collect();
            let to = if endpoints.is_empty() { format!("{:?}", rule.empty) } else { endpoints.join(",") };
            format!("{address}:{port}/{protocol:?} -> {to}")
        };
        rules(services, slices, "here").iter().map(line).collect()
    }

    #[test]
    fn every_address_of_a_service_becomes_a_rule() {
        let mut balanced = (*service(json!({
            "type": "LoadBalancer", "clusterIP": "10.43.0.7", "clusterIPs": ["10.43.0.7", "fd00::7"],
            "externalIPs": ["203.0.113.5"],
            "ports": [{ "name": "http", "port": 80, "nodePort": 30080 }, { "name": "dns", "port": 53, "protocol": "UDP" }],
        })))
        .clone();
        balanced.status = serde_json::from_value(json!({ "loadBalancer": { "ingress": [
            { "ip": "198.51.100.1", "ipMode": "VIP" }, { "ip": "198.51.100.2", "ipMode": "Proxy" }, { "hostname": "x" },
        ]}}))
        .unwrap();
        let slice = slice(http(), json!([{ "addresses": ["10.42.0.2"] }, { "addresses": ["10.42.0.3"] }]));
        assert_eq!(
            lines(&[Arc::new(balanced)], &[slice]),
            [
                "10.43.0.7:80/Tcp -> 10.42.0.2:8080,10.42.0.3:8080",
                "203.0.113.5:80/Tcp -> 10.42.0.2:8080,10.42.0.3:8080",
                "198.51.100.1:80/Tcp -> 10.42.0.2:8080,10.42.0.3:8080",
                "*:30080/Tcp -> 10.42.0.2:8080,10.42.0.3:8080",
                "10.43.0.7:53/Udp -> Reject",
                "203.0.113.5:53/Udp -> Reject",
                "198.51.100.1:53/Udp -> Reject",
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
            json!({ "clusterIP": "fd00::7", "ports": ports }),
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
            let [cluster, node] = expected;
            assert_eq!(
                lines(&[web(internal, external)], &slices),
                [format!("10.43.0.7:80/Tcp -> {cluster}"), format!("*:30080/Tcp -> {node}")]
            );
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
            rules(&[service(spec)], &[], "here")[0].affinity.map(|life| life.as_secs())
        };
        assert_eq!(of(json!({})), None);
        assert_eq!(of(json!({ "sessionAffinity": "None" })), None);
        assert_eq!(of(json!({ "sessionAffinity": "ClientIP" })), Some(10_800));
        let config = json!({ "clientIP": { "timeoutSeconds": 30 } });
        assert_eq!(of(json!({ "sessionAffinity": "ClientIP", "sessionAffinityConfig": config })), Some(30));
    }
}
