//! Objects that a new cluster needs beside those the API server makes itself: the name server's Service, what nodes
//! may see and know, and the default StorageClass.

use std::net::Ipv4Addr;

use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ObjectMeta, Patch, PatchParams, PostParams,
};
use serde_json::{Value, json};

use crate::settings::Settings;

/// Makes or mends the objects; does nothing where they are as they should be.
pub(crate) async fn ensure(client: &kube::Client, settings: &Settings) -> Result<(), kube::Error> {
    let objects = std::iter::once(name_server(settings.service_address(10)))
        .chain(rights())
        .chain(std::iter::once(facts(settings)));
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

/// The ConfigMap by which nodes know what they have in common.
pub(crate) const FACTS: &str = "launchway";

fn facts(settings: &Settings) -> Value {
    let text = serde_json::to_string(&settings.facts()).unwrap_or_default();
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": FACTS, "namespace": "kube-system" },
        "data": { "cluster.json": text },
    })
}

/// Nodes look after service rules, names, network policies and ways to each other with the one identity they have;
/// machines that join look whether their name is free and what the cluster is like.
fn rights() -> Vec<Value> {
    let group = |name: &str| json!({"kind": "Group", "name": name, "apiGroup": "rbac.authorization.k8s.io"});
    let role = |kind: &str, name: &str, rules: Value| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "rules": rules});
    let binding = |kind: &str, name: &str, role: (&str, &str), groups: &[&str]| {
        let subjects: Vec<Value> = groups.iter().map(|name| group(name)).collect();
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "subjects": subjects,
            "roleRef": {"kind": role.0, "name": role.1, "apiGroup": "rbac.authorization.k8s.io"}})
    };
    let (nodes, machines) = ("system:nodes", "system:bootstrappers");
    let own = |mut object: Value| {
        object["metadata"]["namespace"] = json!("kube-system");
        object
    };
    let follow = json!(["get", "list", "watch"]);
    vec![
        role(
            "ClusterRole",
            "launchway:node-network",
            json!([
                {"apiGroups": [""], "resources": ["services", "endpoints", "pods", "namespaces", "nodes"], "verbs": follow},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": follow},
                {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies", "servicecidrs"], "verbs": follow},
            ]),
        ),
        binding(
            "ClusterRoleBinding",
            "launchway:node-network",
            ("ClusterRole", "launchway:node-network"),
            &[nodes],
        ),
        role(
            "ClusterRole",
            "launchway:get-nodes",
            json!([{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}]),
        ),
        binding(
            "ClusterRoleBinding",
            "launchway:get-nodes",
            ("ClusterRole", "launchway:get-nodes"),
            &[machines],
        ),
        own(role(
            "Role",
            "launchway:nodes",
            json!([{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [FACTS, "kube-dns"], "verbs": follow}]),
        )),
        own(binding("RoleBinding", "launchway:nodes", ("Role", "launchway:nodes"), &[nodes, machines])),
    ]
}

/// The Service that pods find in their resolv.conf; its slice is a controller's.
fn name_server(address: Ipv4Addr) -> Value {
    let ports = [("dns", "UDP"), ("dns-tcp", "TCP")]
        .map(|(name, protocol)| json!({ "name": name, "port": 53, "protocol": protocol }));
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": { "k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS" },
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "ports": ports,
            // A node's pods ask the node's own server, and another one's when that is away.
            "trafficDistribution": "PreferSameNode",
        },
    })
}
