//! Where a request through `proxy` goes: out of the object's name in the path, `[scheme:]name[:port]`, and what the
//! store knows of it.

use super::super::{Call, node_proxy};
use crate::kubelets::Address;
use crate::status::Status;
use objects::meta;
use objects::registry::{self, Kind};
use serde_json::Value;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a target is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    /// Whatever certificate it shows: it is known by its address.
    Https,
}

/// A target.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// A node's kubelet, over the connection that this server has an identity for.
    Kubelet(Address),
    Plain {
        scheme: Scheme,
        host: String,
        port: u16,
    },
}

impl Location {
    /// Host and port as in a URL.
    pub(super) fn authority(&self) -> String {
        match self {
            Location::Kubelet(address) => address.to_string(),
            Location::Plain { host, port, .. } => match host.parse::<IpAddr>() {
                Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
                _ => format!("{host}:{port}"),
            },
        }
    }
}

/// The parts of `[scheme:]name[:port]`.
#[derive(Debug, PartialEq, Eq)]
struct Named<'a> {
    scheme: Option<Scheme>,
    name: &'a str,
    port: &'a str,
}

fn named(text: &str) -> Option<Named<'_>> {
    let parts: Vec<&str> = text.split(':').collect();
    let (scheme, name, port) = match parts.as_slice() {
        [name] => ("", *name, ""),
        [name, port] => ("", *name, *port),
        [scheme, name, port] => (*scheme, *name, *port),
        _ => return None,
    };
    let scheme = match scheme {
        "" => None,
        "http" => Some(Scheme::Http),
        "https" => Some(Scheme::Https),
        _ => return None,
    };
    (!name.is_empty()).then_some(Named { scheme, name, port })
}

/// Finds the target of a call.
pub(super) fn of(call: &Call) -> Result<Location, Status> {
    let text = call.target.name()?;
    let kind = call.target.kind;
    let wrong = || Status::bad_request(format!("invalid {} request {text:?}", kind.kind.to_lowercase()));
    let named = named(text).ok_or_else(wrong)?;
    match kind.plural {
        "pods" => pod(call, &named, wrong),
        "services" => service(call, &named),
        "nodes" => node(call, &named, wrong),
        _ => Err(Status::method_not_allowed()),
    }
}

fn pod(call: &Call, named: &Named<'_>, wrong: impl Fn() -> Status) -> Result<Location, Status> {
    let (kind, namespace) = (call.target.kind, call.target.namespace.as_deref());
    let pod =
        call.state.read(kind, namespace, named.name).ok_or_else(|| Status::not_found(kind, named.name))?;
    let scheme = named.scheme.unwrap_or(Scheme::Http);
    let port = match named.port {
        "" => first_port(&pod).unwrap_or(if scheme == Scheme::Https { 443 } else { 80 }),
        text => text.parse().map_err(|_| wrong())?,
    };
    let ip = pod.pointer("/status/podIP").and_then(Value::as_str).unwrap_or_default();
    if !reachable(ip) {
        return Err(Status::bad_request("address not allowed"));
    }
    Ok(Location::Plain { scheme, host: ip.to_owned(), port })
}

/// The first port that a container of the pod names.
fn first_port(pod: &Value) -> Option<u16> {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array)?;
    let port = containers.iter().find_map(|container| container.pointer("/ports/0/containerPort"))?;
    port.as_u64().and_then(|port| u16::try_from(port).ok())
}

/// Not the server's own loopback, nor what only its link knows.
fn reachable(ip: &str) -> bool {
    match ip.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => !(ip.is_loopback() || ip.is_link_local() || ip.octets()[..3] == [224, 0, 0]),
        Ok(IpAddr::V6(ip)) => {
            let link_local_multicast = ip.is_multicast() && matches!(ip.segments()[0] & 0xf, 1 | 2);
            !(ip.is_loopback() || ip.is_unicast_link_local() || link_local_multicast)
        }
        Err(_) => false,
    }
}

fn service(call: &Call, named: &Named<'_>) -> Result<Location, Status> {
    let (kind, namespace) = (call.target.kind, call.target.namespace.as_deref());
    let name = named.name;
    let service = call.state.read(kind, namespace, name).ok_or_else(|| Status::not_found(kind, name))?;
    // A number is the Service's port; endpoints know it by its name.
    let port = match named.port.parse::<u64>() {
        Ok(number) => {
            let ports = service.pointer("/spec/ports").and_then(Value::as_array);
            let found = ports.into_iter().flatten().find(|port| port["port"].as_u64() == Some(number));
            let found = found.ok_or_else(|| {
                Status::service_unavailable(format!("no service port {number} found for service {name:?}"))
            })?;
            found["name"].as_str().unwrap_or_default().to_owned()
        }
        Err(_) => named.port.to_owned(),
    };
    let slices = registry::by_resource("discovery.k8s.io", "v1", "endpointslices");
    let slices = slices.map(|kind| call.state.read_all(kind, namespace)).unwrap_or_default();
    let of_service = |slice: &&Value| meta::label(slice, "kubernetes.io/service-name") == Some(name);
    let targets: Vec<(String, u16)> =
        slices.iter().filter(of_service).flat_map(|slice| endpoints(slice, &port)).collect();
    let pods = registry::by_resource("", "v1", "pods");
    // Turn by turn: no endpoint is left out, none is preferred.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let first = NEXT.fetch_add(1, Ordering::Relaxed);
    let turns = (0..targets.len()).map(|turn| &targets[(first.wrapping_add(turn)) % targets.len()]);
    for (ip, port) in turns {
        // Only what is a pod: endpoints are written by people, too.
        if pods.is_some_and(|kind| is_of_pod(call, kind, namespace, &slices, ip)) && reachable(ip) {
            let scheme = named.scheme.unwrap_or(Scheme::Http);
            return Ok(Location::Plain { scheme, host: ip.clone(), port: *port });
        }
    }
    Err(Status::service_unavailable(format!("no endpoints available for service {name:?}")))
}

/// Addresses that are ready, with the port of that name.
fn endpoints(slice: &Value, port: &str) -> Vec<(String, u16)> {
    let list = |key: &str| slice[key].as_array().into_iter().flatten();
    let number = list("ports").find(|one| one["name"].as_str().unwrap_or_default() == port);
    let number = number.and_then(|one| one["port"].as_u64()).and_then(|number| u16::try_from(number).ok());
    let Some(number) = number else { return Vec::new() };
    let ready = list("endpoints").filter(|one| one.pointer("/conditions/ready") != Some(&Value::Bool(false)));
    let addresses = ready.filter_map(|one| one.pointer("/addresses/0")).filter_map(Value::as_str);
    addresses.map(|address| (address.to_owned(), number)).collect()
}

fn is_of_pod(call: &Call, pods: &'static Kind, namespace: Option<&str>, slices: &[Value], ip: &str) -> bool {
    let endpoints = slices.iter().flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
    let at = endpoints.filter(|one| one.pointer("/addresses/0").and_then(Value::as_str) == Some(ip));
    let mut names = at.filter(|one| one.pointer("/targetRef/kind").is_some_and(|kind| kind == "Pod"));
    names.any(|one| {
        let name = one.pointer("/targetRef/name").and_then(Value::as_str).unwrap_or_default();
        let pod = call.state.read(pods, namespace, name);
        let ips = pod.as_ref().and_then(|pod| pod.pointer("/status/podIPs")).and_then(Value::as_array);
        ips.into_iter().flatten().any(|one| one["ip"].as_str() == Some(ip))
    })
}

fn node(call: &Call, named: &Named<'_>, wrong: impl Fn() -> Status) -> Result<Location, Status> {
    let address = node_proxy::address_of(&call.state, call.target.kind, named.name)?;
    if named.port.is_empty() {
        return Ok(Location::Kubelet(address));
    }
    let port: u16 = named.port.parse().map_err(|_| wrong())?;
    if port == address.port() {
        return Ok(Location::Kubelet(address));
    }
    if address.host().parse::<IpAddr>().is_ok() && !reachable(address.host()) {
        return Err(Status::bad_request("address not allowed"));
    }
    let scheme = named.scheme.unwrap_or(Scheme::Http);
    Ok(Location::Plain { scheme, host: address.host().to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_with_scheme_and_port() {
        let of = |text| named(text).map(|n| (n.scheme, n.name, n.port));
        assert_eq!(of("a"), Some((None, "a", "")));
        assert_eq!(of("a:80"), Some((None, "a", "80")));
        assert_eq!(of("https:a:"), Some((Some(Scheme::Https), "a", "")));
        assert_eq!(of("ftp:a:80"), None);
        assert_eq!(of("a:b:c:d"), None);
        assert_eq!(of(":80"), None);
    }

    #[test]
    fn addresses_that_are_not_allowed() {
        for (ip, allowed) in [
            ("10.42.0.5", true),
            ("fd00::1", true),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("224.0.0.1", false),
            ("::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("", false),
        ] {
            assert_eq!(reachable(ip), allowed, "{ip}");
        }
    }

    #[test]
    fn endpoints_by_the_name_of_their_port() {
        let slice = json!({"ports": [{"name": "web", "port": 8080}, {"name": "", "port": 9}], "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": true}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": false}}, {"addresses": ["10.0.0.3"]}]});
        assert_eq!(endpoints(&slice, "web"), [("10.0.0.1".to_owned(), 8080), ("10.0.0.3".to_owned(), 8080)]);
        assert_eq!(endpoints(&slice, "")[0].1, 9);
        assert_eq!(endpoints(&slice, "x"), []);
    }
}
