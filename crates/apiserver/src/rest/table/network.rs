//! Columns of services and what stands around them: endpoints, slices, ingresses, policies, addresses.

use super::cells::{NONE, UNSET, at, first_three, int, items, joined, labels, selector, text, text_or};
use super::{AGE, Column, NAME, column, wide};
use objects::meta;
use objects::registry::Kind;
use serde_json::{Value, json};

pub(super) fn columns(kind: &Kind) -> Option<&'static [Column]> {
    match (kind.group, kind.kind) {
        ("", "Service") => Some(SERVICE),
        ("", "Endpoints") => Some(ENDPOINTS),
        ("discovery.k8s.io", "EndpointSlice") => Some(ENDPOINT_SLICE),
        ("networking.k8s.io", "Ingress") => Some(INGRESS),
        ("networking.k8s.io", "IngressClass") => Some(INGRESS_CLASS),
        ("networking.k8s.io", "NetworkPolicy") => Some(NETWORK_POLICY),
        ("networking.k8s.io", "ServiceCIDR") => Some(SERVICE_CIDR),
        ("networking.k8s.io", "IPAddress") => Some(IP_ADDRESS),
        _ => None,
    }
}

static SERVICE: &[Column] = &[
    NAME,
    column("Type", |o| json!(text(o, "/spec/type"))),
    column("Cluster-IP", |o| text_or(o, "/spec/clusterIP", NONE)),
    column("External-IP", external_ip),
    column("Port(s)", |o| joined(items(o, "/spec/ports").iter().map(port), ",", NONE)),
    AGE,
    wide("Selector", |o| labels(at(o, "/spec/selector"))),
];

fn external_ip(service: &Value) -> Value {
    let external = items(service, "/spec/externalIPs").iter().filter_map(Value::as_str);
    match text(service, "/spec/type") {
        "ExternalName" => json!(text(service, "/spec/externalName")),
        "LoadBalancer" => joined(load_balancer(service).into_iter().chain(external), ",", "<pending>"),
        _ => joined(external, ",", NONE),
    }
}

/// Addresses or names in `status.loadBalancer`.
fn load_balancer(object: &Value) -> Vec<&str> {
    let address = |one: &'static str| move |ingress| text(ingress, one);
    items(object, "/status/loadBalancer/ingress")
        .iter()
        .map(|ingress| match address("/ip")(ingress) {
            "" => address("/hostname")(ingress),
            ip => ip,
        })
        .collect()
}

fn port(port: &Value) -> String {
    let (number, protocol) = (int(port, "/port"), text(port, "/protocol"));
    match int(port, "/nodePort") {
        0 => format!("{number}/{protocol}"),
        node => format!("{number}:{node}/{protocol}"),
    }
}

static ENDPOINTS: &[Column] = &[NAME, column("Endpoints", endpoints), AGE];

fn endpoints(object: &Value) -> Value {
    let mut found = Vec::new();
    for subset in items(object, "/subsets") {
        let ports = items(subset, "/ports");
        for address in items(subset, "/addresses") {
            let ip = text(address, "/ip");
            if ports.is_empty() {
                found.push(ip.to_owned());
            }
            found.extend(ports.iter().map(|port| format!("{ip}:{}", int(port, "/port"))));
        }
    }
    first_three(found, NONE)
}

static ENDPOINT_SLICE: &[Column] = &[
    NAME,
    column("AddressType", |o| json!(text(o, "/addressType"))),
    column("Ports", |o| {
        let numbers = items(o, "/ports").iter().map(|port| match at(port, "/port") {
            Value::Null => "*".to_owned(),
            number => number.to_string(),
        });
        first_three(numbers.collect(), UNSET)
    }),
    column("Endpoints", |o| {
        let addresses = items(o, "/endpoints").iter().flat_map(|one| items(one, "/addresses"));
        first_three(addresses.filter_map(Value::as_str).map(str::to_owned).collect(), UNSET)
    }),
    AGE,
];

static INGRESS: &[Column] = &[
    NAME,
    column("Class", |o| match text(o, "/spec/ingressClassName") {
        "" => json!(meta::annotation(o, "kubernetes.io/ingress.class").unwrap_or(NONE)),
        class => json!(class),
    }),
    column("Hosts", |o| {
        let hosts =
            items(o, "/spec/rules").iter().map(|rule| text(rule, "/host")).filter(|host| !host.is_empty());
        first_three(hosts.map(str::to_owned).collect(), "*")
    }),
    column("Address", |o| joined(load_balancer(o), ",", "")),
    column("Ports", |o| json!(if items(o, "/spec/tls").is_empty() { "80" } else { "80, 443" })),
    AGE,
];

static INGRESS_CLASS: &[Column] = &[
    NAME,
    column("Controller", |o| json!(text(o, "/spec/controller"))),
    column("Parameters", |o| match at(o, "/spec/parameters") {
        Value::Null => json!(NONE),
        reference => {
            let kind = match text(reference, "/apiGroup") {
                "" => text(reference, "/kind").to_owned(),
                group => format!("{}.{group}", text(reference, "/kind")),
            };
            json!(format!("{kind}/{}", text(reference, "/name")))
        }
    }),
    AGE,
];

static NETWORK_POLICY: &[Column] =
    &[NAME, column("Pod-Selector", |o| selector(at(o, "/spec/podSelector"))), AGE];

static SERVICE_CIDR: &[Column] = &[
    NAME,
    column("CIDRs", |o| joined(items(o, "/spec/cidrs").iter().filter_map(Value::as_str), ",", "")),
    AGE,
];

static IP_ADDRESS: &[Column] = &[
    NAME,
    column("ParentRef", |o| {
        let parent = at(o, "/spec/parentRef");
        let place = match text(parent, "/namespace") {
            "" => text(parent, "/resource").to_owned(),
            namespace => format!("{}/{namespace}", text(parent, "/resource")),
        };
        json!(format!("{place}/{}", text(parent, "/name")))
    }),
    AGE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_shows_ports_and_addresses() {
        let service = json!({"spec": {"type": "NodePort", "ports": [
            {"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}});
        let cells: Vec<Value> = SERVICE.iter().map(|column| (column.cell)(&service)).collect();
        assert_eq!(cells[1..5], [json!("NodePort"), json!(NONE), json!(NONE), json!("80:30080/TCP,53/UDP")]);
    }

    #[test]
    fn many_endpoints_are_cut() {
        let addresses: Vec<Value> = (1..=5).map(|n| json!({"ip": format!("10.0.0.{n}")})).collect();
        let object = json!({"subsets": [{"addresses": addresses, "ports": [{"port": 80}]}]});
        assert_eq!(endpoints(&object), "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...");
    }
}
