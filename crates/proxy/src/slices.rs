//! EndpointSlices as plain values.

use std::net::IpAddr;

use k8s_openapi::api::discovery::v1::EndpointSlice;

/// Label that names the Service which a slice belongs to.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Namespace and name of a Service.
pub(crate) type ServiceKey = (String, String);

/// One endpoint of a slice, its conditions with defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint<'a> {
    pub(crate) address: IpAddr,
    pub(crate) node: Option<&'a str>,
    pub(crate) ready: bool,
    pub(crate) serving: bool,
    pub(crate) terminating: bool,
    /// Zones and nodes whose clients it is meant for, if somebody says so.
    pub(crate) zones: Vec<&'a str>,
    pub(crate) nodes: Vec<&'a str>,
}

/// The Service that a slice belongs to.
pub(crate) fn service_of(slice: &EndpointSlice) -> Option<ServiceKey> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    Some((slice.metadata.namespace.clone()?, name.clone()))
}

/// The endpoints of a slice of addresses. Of several addresses of one endpoint the first counts, as for
/// kube-proxy; unknown conditions count as ready, serving as ready, and not terminating.
pub(crate) fn endpoints(slice: &EndpointSlice) -> impl Iterator<Item = Endpoint<'_>> {
    let ipv4 = slice.address_type == "IPv4";
    let endpoints = slice.endpoints.as_deref().filter(|_| ipv4 || slice.address_type == "IPv6");
    endpoints.unwrap_or_default().iter().filter_map(move |endpoint| {
        let conditions = endpoint.conditions.clone().unwrap_or_default();
        let ready = conditions.ready.unwrap_or(true);
        let address: IpAddr = endpoint.addresses.first()?.parse().ok()?;
        let hints = endpoint.hints.as_ref();
        let zones = hints.and_then(|hints| hints.for_zones.as_deref()).unwrap_or_default();
        let nodes = hints.and_then(|hints| hints.for_nodes.as_deref()).unwrap_or_default();
        (address.is_ipv4() == ipv4).then(|| Endpoint {
            address,
            node: endpoint.node_name.as_deref(),
            ready,
            serving: conditions.serving.unwrap_or(ready),
            terminating: conditions.terminating.unwrap_or(false),
            zones: zones.iter().map(|zone| zone.name.as_str()).collect(),
            nodes: nodes.iter().map(|node| node.name.as_str()).collect(),
        })
    })
}

/// The ports of a slice: name ("" if it has none), protocol, number. Ports without a number mean "all" and
/// cannot be forwarded to.
pub(crate) fn ports(slice: &EndpointSlice) -> impl Iterator<Item = (&str, &str, u16)> {
    slice.ports.as_deref().unwrap_or_default().iter().filter_map(|port| {
        let number = u16::try_from(port.port?).ok()?;
        Some((port.name.as_deref().unwrap_or(""), port.protocol.as_deref().unwrap_or("TCP"), number))
    })
}
