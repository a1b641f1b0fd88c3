//! Objects that a new cluster needs beside those the API server makes itself: the name server's Service and the
//! default StorageClass.

use std::net::Ipv4Addr;

use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ObjectMeta, Patch, PatchParams, PostParams,
};
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
    default_class(client).await
}

/// The class of claims that name none: folders of the node that the claim's first pod is placed on. Made once: what an
/// administrator changes in it stays.
async fn default_class(client: &kube::Client) -> Result<(), kube::Error> {
    let api: Api<StorageClass> = Api::all(client.clone());
    let class = StorageClass {
        metadata: ObjectMeta {
            name: Some("local".to_owned()),
            annotations: Some(
                [("storageclass.kubernetes.io/is-default-class".to_owned(), "true".to_owned())].into(),
            ),
            ..ObjectMeta::default()
        },
        provisioner: controllers::LOCAL_PROVISIONER.to_owned(),
        reclaim_policy: Some("Delete".to_owned()),
        volume_binding_mode: Some("WaitForFirstConsumer".to_owned()),
        allow_volume_expansion: Some(true),
        ..StorageClass::default()
    };
    match api.create(&PostParams::default(), &class).await {
        Err(error) if client::failure(&error) != client::Failure::AlreadyExists => Err(error),
        _ => Ok(()),
    }
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
