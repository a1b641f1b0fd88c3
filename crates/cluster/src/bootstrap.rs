//! Objects that a new cluster needs beside those the API server makes itself: the name server's Service.

use std::net::Ipv4Addr;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use crate::settings::Settings;

/// Makes or mends the objects; does nothing where they are as they should be.
pub(crate) async fn ensure(client: &kube::Client, settings: &Settings) -> Result<(), kube::Error> {
    let objects = name_server(settings.service_address(10), settings.node_address());
    for object in objects {
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("kind")));
        let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        api.patch(name, &PatchParams::apply("launchway").force(), &Patch::Apply(&object)).await?;
    }
    Ok(())
}

/// The Service that pods find in their resolv.conf, and the slice that leads to the node's own name server.
fn name_server(address: Ipv4Addr, node: Ipv4Addr) -> [Value; 2] {
    let ports = |target: bool| {
        [("dns", "UDP"), ("dns-tcp", "TCP")].map(|(name, protocol)| {
            let mut port = json!({ "name": name, "port": 53, "protocol": protocol });
            if target {
                port["targetPort"] = json!(53);
            }
            port
        })
    };
    [
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "kube-dns",
                "namespace": "kube-system",
                "labels": { "k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS" },
            },
            "spec": { "type": "ClusterIP", "clusterIP": address, "ports": ports(true) },
        }),
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kube-dns",
                "namespace": "kube-system",
                "labels": {
                    "kubernetes.io/service-name": "kube-dns",
                    "endpointslice.kubernetes.io/managed-by": "launchway.dev",
                },
            },
            "addressType": "IPv4",
            "endpoints": [{ "addresses": [node], "conditions": { "ready": true } }],
            "ports": ports(false),
        }),
    ]
}
