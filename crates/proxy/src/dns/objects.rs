//! From the API's objects to what a name server has to know of them. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::wire::{Change, Entry, Port, Resolve, Slice};
use crate::slices;

/// Port of name servers that are given without one.
const PORT: u16 = 53;

/// A Service that is there.
pub(super) fn service(service: &Service) -> Option<Change> {
    let (namespace, name) = key(&service.metadata)?;
    Some(Change::Service { namespace, name, entry: entry(service) })
}

/// A Service that is gone.
pub(super) fn no_service(service: &Service) -> Option<Change> {
    let (namespace, name) = key(&service.metadata)?;
    Some(Change::Service { namespace, name, entry: None })
}

/// An EndpointSlice that is there.
pub(super) fn slice(slice: &EndpointSlice) -> Option<Change> {
    let (namespace, name) = key(&slice.metadata)?;
    Some(Change::Slice { namespace, name, content: content(slice) })
}

/// An EndpointSlice that is gone.
pub(super) fn no_slice(slice: &EndpointSlice) -> Option<Change> {
    let (namespace, name) = key(&slice.metadata)?;
    Some(Change::Slice { namespace, name, content: None })
}

fn key(metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> Option<(String, String)> {
    Some((metadata.namespace.clone()?, metadata.name.clone()?))
}

/// `None` for Services without an address so far.
fn entry(service: &Service) -> Option<Entry> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        return spec.external_name.clone().map(Entry::External);
    }
    let texts: Vec<&String> = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip).collect();
    if texts.iter().any(|text| *text == "None") {
        return Some(Entry::Headless);
    }
    let addresses: BTreeSet<IpAddr> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    let ports = spec.ports.iter().flatten().filter_map(|port| {
        let number = u16::try_from(port.port).ok()?;
        Some(port_of(port.name.as_deref().unwrap_or(""), port.protocol.as_deref().unwrap_or("TCP"), number))
    });
    let addresses: Vec<IpAddr> = addresses.into_iter().collect();
    (!addresses.is_empty()).then(|| Entry::Cluster { addresses, ports: ports.collect() })
}

/// The ready endpoints of a slice (which are all of them where a Service publishes addresses that are not
/// ready: the controller says so). Without a host name an endpoint is called by its address.
fn content(slice: &EndpointSlice) -> Option<Slice> {
    let (_, service) = slices::service_of(slice)?;
    let endpoints = slice.endpoints.iter().flatten().filter_map(|endpoint| {
        let ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true);
        let address: IpAddr = endpoint.addresses.first()?.parse().ok()?;
        let hostname = endpoint.hostname.as_deref().filter(|name| !name.is_empty());
        let hostname = hostname.map_or_else(|| dashed(address), str::to_ascii_lowercase);
        ready.then_some((address, hostname))
    });
    let ports = slices::ports(slice).map(|(name, protocol, number)| port_of(name, protocol, number));
    Some(Slice { service, endpoints: endpoints.collect(), ports: ports.collect() })
}

/// `10-42-0-7`, `fd00--7`.
pub(super) fn dashed(address: IpAddr) -> String {
    address.to_string().replace(['.', ':'], "-")
}

fn port_of(name: &str, protocol: &str, number: u16) -> Port {
    Port { name: name.to_ascii_lowercase(), protocol: protocol.to_ascii_lowercase(), number }
}

/// The addresses of a pod with the cluster's usual search list, and its namespace. Pods on the node's network,
/// with another DNS policy or with search domains of their own complete names differently.
pub(super) fn searching(pod: &Pod) -> Vec<(IpAddr, String)> {
    let (Some(namespace), Some(spec), Some(status)) = (&pod.metadata.namespace, &pod.spec, &pod.status)
    else {
        return Vec::new();
    };
    let own_list = spec.dns_config.as_ref().and_then(|config| config.searches.as_ref());
    let usual = spec.host_network != Some(true)
        && spec.dns_policy.as_deref().unwrap_or("ClusterFirst") == "ClusterFirst"
        && own_list.is_none_or(Vec::is_empty);
    let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let texts = status.pod_ips.iter().flatten().map(|ip| &ip.ip);
    let addresses = texts.filter(|_| usual && !ended).filter_map(|text| text.parse().ok());
    addresses.map(|address| (address, namespace.clone())).collect()
}

/// What the ConfigMap `kube-system/kube-dns` says about names that are not the cluster's. Its keys are those that
/// Kubernetes documents for it: `upstreamNameservers`, a JSON list of addresses, and `stubDomains`, a JSON object
/// from a domain to such a list. An address may carry a port: `192.0.2.7`, `192.0.2.7:5353`, `[2001:db8::7]:5353`.
///
/// # Errors
/// A text for the reader, if a key is not as described; the map is then to be ignored as a whole.
pub(super) fn resolve(map: &ConfigMap) -> Result<Resolve, String> {
    let empty = BTreeMap::new();
    let data = map.data.as_ref().unwrap_or(&empty);
    let mut resolve = Resolve::default();
    if let Some(text) = data.get("upstreamNameservers").filter(|text| !text.trim().is_empty()) {
        let list: Vec<String> = serde_json::from_str(text).map_err(|error| {
            format!("upstreamNameservers: {error}; write a JSON list of addresses, such as [\"192.0.2.1\"]")
        })?;
        let list = servers("upstreamNameservers", &list)?;
        resolve.upstream = (!list.is_empty()).then_some(list);
    }
    if let Some(text) = data.get("stubDomains").filter(|text| !text.trim().is_empty()) {
        let map: BTreeMap<String, Vec<String>> = serde_json::from_str(text).map_err(|error| {
            format!(
                "stubDomains: {error}; write a JSON object, such as {{\"corp.example\": [\"192.0.2.1\"]}}"
            )
        })?;
        for (domain, list) in map {
            let domain = domain.trim_matches('.').to_ascii_lowercase();
            let usable = !domain.is_empty()
                && domain.len() < 254
                && domain.split('.').all(|label| (1..=63).contains(&label.len()) && label.is_ascii());
            if !usable {
                return Err(format!("stubDomains: {domain:?} is no domain"));
            }
            let list = servers(&format!("stubDomains {domain}"), &list)?;
            resolve.stubs.push((domain, list));
        }
    }
    Ok(resolve)
}

fn servers(place: &str, texts: &[String]) -> Result<Vec<SocketAddr>, String> {
    let server = |text: &String| {
        let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, PORT));
        address.or_else(|_| text.parse()).map_err(|_| {
            format!("{place}: {text:?} is no address; write 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:5353")
        })
    };
    texts.iter().map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(data: serde_json::Value) -> Result<Resolve, String> {
        resolve(&serde_json::from_value(json!({ "data": data })).unwrap())
    }

    #[test]
    fn the_config_map_says_who_is_asked() {
        assert_eq!(parse(json!({})), Ok(Resolve::default()));
        let resolve = parse(json!({
            "upstreamNameservers": "[\"192.0.2.1\", \"[2001:db8::1]:5353\"]",
            "stubDomains": "{\"Corp.Example.\": [\"10.0.0.53:54\"], \"empty.example\": []}",
        }))
        .unwrap();
        assert_eq!(
            resolve.upstream.unwrap(),
            ["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:5353".parse().unwrap()]
        );
        assert_eq!(
            resolve.stubs,
            [
                ("corp.example".to_owned(), vec!["10.0.0.53:54".parse().unwrap()]),
                ("empty.example".to_owned(), vec![])
            ]
        );
        assert_eq!(parse(json!({ "upstreamNameservers": "[]" })).unwrap().upstream, None);
        for (data, part) in [
            (json!({ "upstreamNameservers": "8.8.8.8" }), "JSON list"),
            (json!({ "upstreamNameservers": "[\"dns.example\"]" }), "\"dns.example\" is no address"),
            (json!({ "stubDomains": "[]" }), "JSON object"),
            (json!({ "stubDomains": "{\"..\": []}" }), "is no domain"),
            (json!({ "stubDomains": "{\"a\": [\"x\"]}" }), "stubDomains a"),
        ] {
            let error = parse(data).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn pods_with_the_usual_search_list() {
        let found = |spec: serde_json::Value| {
            let mut spec = spec;
            spec["containers"] = json!([]);
            let pod = json!({ "metadata": { "namespace": "shop", "name": "p" }, "spec": spec, "status": {
                "phase": "Running", "podIPs": [{ "ip": "10.42.0.7" }, { "ip": "fd00::7" }] } });
            searching(&serde_json::from_value(pod).unwrap()).len()
        };
        assert_eq!(found(json!({})), 2);
        assert_eq!(found(json!({ "dnsConfig": { "options": [{ "name": "ndots", "value": "1" }] } })), 2);
        assert_eq!(found(json!({ "dnsPolicy": "Default" })), 0);
        assert_eq!(found(json!({ "dnsPolicy": "None" })), 0);
        assert_eq!(found(json!({ "hostNetwork": true })), 0);
        assert_eq!(found(json!({ "dnsConfig": { "searches": ["corp.example"] } })), 0);
    }
}
