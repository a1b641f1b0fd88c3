//! Which pods stand behind a Service, and on which ports. Pure; shared by EndpointSlices and Endpoints.

use std::sync::Arc;

use client::{Change, Informer};
use k8s_openapi::{
    api::{
        core::v1::{ObjectReference, Pod, Service, ServicePort},
        discovery::v1::EndpointPort,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::core::Selector;

use crate::shared::{Key, name, namespace, owners, pods, uid};

/// The Service's selector; `None` if its endpoints are not ours to make.
pub(super) fn selector(service: &Service) -> Option<Selector> {
    let labels = service.spec.as_ref()?.selector.clone().filter(|labels| !labels.is_empty())?;
    Some(labels.into_iter().collect())
}

pub(super) fn is_external_name(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("ExternalName"))
}

pub(super) fn is_headless(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.cluster_ip.as_deref() == Some("None"))
}

pub(super) fn publishes_unready(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.publish_not_ready_addresses == Some(true))
}

/// Pods that the Service selects and that have an address.
pub(super) fn backends(service: &Service, pods: &Informer<Pod>) -> Vec<Arc<Pod>> {
    let Some(selector) = selector(service) else { return Vec::new() };
    let mut backends = pods.list_in(namespace(service));
    backends.retain(|pod| {
        owners::selects(&selector, &pod.metadata) && !pods::is_finished(pod) && !addresses(pod).is_empty()
    });
    backends
}

/// All addresses of a pod.
pub(super) fn addresses(pod: &Pod) -> Vec<&str> {
    let Some(status) = &pod.status else { return Vec::new() };
    let listed: Vec<_> = status.pod_ips.iter().flatten().map(|ip| ip.ip.as_str()).collect();
    let listed = if listed.is_empty() { status.pod_ip.as_deref().into_iter().collect() } else { listed };
    listed.into_iter().filter(|ip| !ip.is_empty()).collect()
}

/// The Service's ports as they are on this pod; a named port that the pod lacks is left out.
pub(super) fn ports(service: &Service, pod: &Pod) -> Vec<EndpointPort> {
    let listed = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let mut ports: Vec<_> = listed
        .filter_map(|port| {
            Some(EndpointPort {
                name: Some(port.name.clone().unwrap_or_default()),
                port: Some(target(port, pod)?),
                protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".into())),
                app_protocol: port.app_protocol.clone(),
            })
        })
        .collect();
    ports.sort_by(|one, other| {
        (&one.name, one.port, &one.protocol).cmp(&(&other.name, other.port, &other.protocol))
    });
    ports
}

fn target(port: &ServicePort, pod: &Pod) -> Option<i32> {
    match &port.target_port {
        None => Some(port.port),
        Some(IntOrString::Int(0)) => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(wanted)) => {
            let spec = pod.spec.as_ref()?;
            let sidecars = spec.init_containers.iter().flatten();
            let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            let mut open =
                spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
            let found = open.find(|open| {
                open.name.as_deref() == Some(wanted) && open.protocol.as_deref().unwrap_or("TCP") == protocol
            });
            found.map(|open| open.container_port)
        }
    }
}

/// The pod's own host name, if the Service gives it one in DNS.
pub(super) fn hostname(service: &Service, pod: &Pod) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let ours = spec.subdomain.as_deref() == Some(name(service));
    spec.hostname.clone().filter(|hostname| ours && !hostname.is_empty())
}

pub(super) fn reference(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".into()),
        namespace: Some(namespace(pod).into()),
        name: Some(name(pod).into()),
        uid: Some(uid(pod).into()),
        ..ObjectReference::default()
    }
}

/// The Services that a change of a pod concerns: none if nothing changed that endpoints show.
pub(super) fn interested(services: &Informer<Service>, change: &Change<Pod>) -> Vec<Key> {
    let pod = change.object();
    if let Change::Modified { old, new } = change
        && shown(old) == shown(new)
    {
        return Vec::new();
    }
    let mut forms = vec![pod];
    forms.extend(change.previous().filter(|old| old.metadata.labels != pod.metadata.labels));
    let selects = |service: &Service| {
        selector(service)
            .is_some_and(|selector| forms.iter().any(|form| owners::selects(&selector, &form.metadata)))
    };
    let services = services.list_in(namespace(&**pod));
    services.iter().filter(|service| selects(service)).map(|service| Key::of(&**service)).collect()
}

type Shown<'a> =
    (Option<&'a std::collections::BTreeMap<String, String>>, Vec<&'a str>, bool, bool, bool, &'a str);

fn shown(pod: &Pod) -> Shown<'_> {
    (
        pod.metadata.labels.as_ref(),
        addresses(pod),
        pods::is_ready(pod),
        pods::is_leaving(pod),
        pods::is_finished(pod),
        pods::node(pod),
    )
}
