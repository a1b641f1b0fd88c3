//! Host ports of pods as rules. Pure.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod};
use network::services::{Clients, Empty, Frontend, IpFamily, Place, ServiceRule};

use super::rules::{port_number, protocol};

/// The rules for `hostPort`s of the pods that run on `node`. Pods in the host's network need none; pods that
/// have ended or have no address yet get none.
pub fn host_ports(pods: &[Arc<Pod>], node: &str) -> Vec<ServiceRule> {
    pods.iter().flat_map(|pod| of_pod(pod, node)).collect()
}

fn of_pod(pod: &Pod, node: &str) -> Vec<ServiceRule> {
    let (Some(spec), Some(status)) = (&pod.spec, &pod.status) else { return Vec::new() };
    let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    if spec.node_name.as_deref() != Some(node) || spec.host_network == Some(true) || ended {
        return Vec::new();
    }
    let listed = status.pod_ips.iter().flatten().map(|ip| ip.ip.as_str());
    let mut addresses: Vec<IpAddr> = listed.filter_map(|ip| ip.parse().ok()).collect();
    if addresses.is_empty() {
        addresses.extend(status.pod_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok()));
    }
    // Init containers that go on running beside the others (sidecars) may have ports too.
    let sidecars =
        spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let containers: Vec<&Container> = sidecars.chain(&spec.containers).collect();
    let mut rules = Vec::new();
    for address in addresses {
        rules.extend(containers.iter().flat_map(|container| of_container(container, address)));
    }
    rules
}

/// The ports at one address of the pod; a host address of the other family is for the other address.
fn of_container(container: &Container, pod: IpAddr) -> Vec<ServiceRule> {
    let ports = container.ports.iter().flatten();
    ports
        .filter_map(|port| {
            let place = match port.host_ip.as_deref() {
                None | Some("") => Place::Node(IpFamily::of(pod)),
                Some(text) => match text.parse::<IpAddr>().ok()? {
                    any if any.is_unspecified() => Place::Node(IpFamily::of(any)),
                    address => Place::Address(address),
                },
            };
            if place.family() != IpFamily::of(pod) {
                return None;
            }
            let protocol = protocol(port.protocol.as_deref().unwrap_or("TCP"))?;
            let port_of_host = port_number(port.host_port?)?;
            let frontend = Frontend { place, protocol, port: port_of_host, clients: Clients::All };
            let endpoints = vec![SocketAddr::new(pod, port_number(port.container_port)?)];
            Some(ServiceRule {
                frontend,
                endpoints,
                affinity: None,
                empty: Empty::Reject,
                sources: Vec::new(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use network::services::Protocol;
    use serde_json::{Value, json};

    fn pod(spec: Value, status: Value) -> Arc<Pod> {
        let mut spec = spec;
        let ports = json!([
            { "containerPort": 80, "hostPort": 8080 },
            { "containerPort": 53, "hostPort": 5353, "hostIP": "127.0.0.1", "protocol": "UDP" },
            { "containerPort": 81, "hostPort": 8081, "hostIP": "::1" },
            { "containerPort": 82 },
        ]);
        spec["containers"] = json!([{ "name": "c", "ports": ports }]);
        Arc::new(serde_json::from_value(json!({ "spec": spec, "status": status })).unwrap())
    }

    #[test]
    fn running_pods_of_this_node_have_their_ports() {
        let running = json!({ "phase": "Running", "podIP": "10.42.0.2",
            "podIPs": [{ "ip": "10.42.0.2" }, { "ip": "fd00::2" }] });
        let frontends: Vec<Frontend> = host_ports(&[pod(json!({ "nodeName": "here" }), running)], "here")
            .iter()
            .map(|r| r.frontend)
            .collect();
        let frontend = |place, protocol, port| Frontend { place, protocol, port, clients: Clients::All };
        assert_eq!(
            frontends,
            [
                frontend(Place::Node(IpFamily::V4), Protocol::Tcp, 8080),
                frontend(Place::Address([127, 0, 0, 1].into()), Protocol::Udp, 5353),
                frontend(Place::Node(IpFamily::V6), Protocol::Tcp, 8080),
                frontend(Place::Address("::1".parse().unwrap()), Protocol::Tcp, 8081),
            ]
        );
    }

    #[test]
    fn other_pods_have_none() {
        let running = json!({ "phase": "Running", "podIP": "10.42.0.2" });
        for (spec, status) in [
            (json!({ "nodeName": "there" }), running.clone()),
            (json!({ "nodeName": "here", "hostNetwork": true }), running.clone()),
            (json!({ "nodeName": "here" }), json!({ "phase": "Succeeded", "podIP": "10.42.0.2" })),
            (json!({ "nodeName": "here" }), json!({ "phase": "Pending" })),
        ] {
            assert_eq!(host_ports(&[pod(spec.clone(), status)], "here"), [], "{spec}");
        }
    }
}
