//! EndpointSlices as plain values. Only IPv4 slices count.

use std::net::Ipv4Addr;

use k8s_openapi::api::discovery::v1::EndpointSlice;

/// Label that names the Service which a slice belongs to.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Namespace and name of a Service.
pub(crate) type ServiceKey = (String, String);

/// One endpoint of a slice, its conditions with defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint<'a> {
    pub(crate) address: Ipv4Addr,
    pub(crate) hostname: Option<&'a str>,
    pub(crate) node: Option<&'a str>,
    pub(crate) ready: bool,
    pub(crate) serving: bool,
    pub(crate) terminating: bool,
}

/// The Service that a slice belongs to.
pub(crate) fn service_of(slice: &EndpointSlice) -> Option<ServiceKey> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    Some((slice.metadata.namespace.clone()?, name.clone()))
}

/// The endpoints of a slice. Of several addresses of one endpoint the first counts, as for kube-proxy;
/// unknown conditions count as ready, serving as ready, and not terminating.
pub(crate) fn endpoints(slice: &EndpointSlice) -> impl Iterator<Item = Endpoint<'_>> {
    let endpoints = slice.endpoints.as_deref().filter(|_| slice.address_type == "IPv4");
    endpoints.unwrap_or_default().iter().filter_map(|endpoint| {
        let conditions = endpoint.conditions.clone().unwrap_or_default();
        let ready = conditions.ready.unwrap_or(true);
        Some(Endpoint {
            address: endpoint.addresses.first()?.parse().ok()?,
            hostname: endpoint.hostname.as_deref().filter(|name| !name.is_empty()),
            node: endpoint.node_name.as_deref(),
            ready,
            serving: conditions.serving.unwrap_or(ready),
            terminating: conditions.terminating.unwrap_or(false),
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
