//! What namespaces start with and end with, and the addresses behind Services.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Endpoints, Namespace, Pod, ServiceAccount},
    discovery::v1::{Endpoint, EndpointSlice},
    rbac::v1::ClusterRole,
};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

use crate::world::{World, deployment};

#[tokio::test]
async fn a_namespace_gets_its_account_and_certificates_back() {
    let world = World::start().await;
    for _ in 0..2 {
        let account = world.until::<ServiceAccount>("default", "there", |_| true).await;
        let map = world.until::<ConfigMap>("kube-root-ca.crt", "there", |_| true).await;
        assert_eq!(map.data.unwrap()["ca.crt"], "a certificate");
        world.delete::<ServiceAccount>("default", DeleteParams::default()).await;
        world.delete::<ConfigMap>("kube-root-ca.crt", DeleteParams::default()).await;
        world
            .until::<ServiceAccount>("default", "back", |found| found.metadata.uid != account.metadata.uid)
            .await;
    }
    world.until::<ConfigMap>("kube-root-ca.crt", "back", |_| true).await;
    world.merge::<ConfigMap>("kube-root-ca.crt", json!({"data": {"ca.crt": "forged", "more": "x"}})).await;
    world
        .until::<ConfigMap>("kube-root-ca.crt", "as before", |map| {
            map.data.as_ref().is_some_and(|data| data.len() == 1 && data["ca.crt"] == "a certificate")
        })
        .await;
}

fn ready(slices: &[EndpointSlice]) -> usize {
    let endpoints = slices.iter().flat_map(|slice| slice.endpoints.iter().flatten());
    let is_ready = |endpoint: &&Endpoint| endpoint.conditions.as_ref().is_some_and(|c| c.ready == Some(true));
    endpoints.filter(is_ready).count()
}

#[tokio::test]
async fn a_service_follows_its_pods() {
    let world = World::start().await;
    let service = json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"},
        "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}});
    world.create("v1", "Service", service).await;
    let mine = "kubernetes.io/service-name=web";
    let empty = world.until_all::<EndpointSlice>(mine, "there", |slices| slices.len() == 1).await;
    assert_eq!((ready(&empty), empty[0].address_type.as_str()), (0, "IPv4"));
    world.create("apps/v1", "Deployment", deployment("web", 3, "i")).await;
    let slices = world.until_all::<EndpointSlice>(mine, "complete", |slices| ready(slices) == 3).await;
    let port = &slices[0].ports.as_ref().unwrap()[0];
    assert_eq!((port.name.as_deref(), port.port), (Some("http"), Some(8080)));
    let endpoint = &slices[0].endpoints.as_ref().unwrap()[0];
    assert_eq!(endpoint.node_name.as_deref(), Some("node-1"));
    assert_eq!(endpoint.target_ref.as_ref().unwrap().kind.as_deref(), Some("Pod"));
    let legacy = world
        .until::<Endpoints>("web", "complete", |found| {
            found.subsets.iter().flatten().flat_map(|subset| subset.addresses.iter().flatten()).count() == 3
        })
        .await;
    assert_eq!(legacy.subsets.unwrap()[0].ports.as_ref().unwrap()[0].port, 8080);

    world.merge::<Deployment>("web", json!({"spec": {"replicas": 1}})).await;
    world.until_all::<EndpointSlice>(mine, "smaller", |slices| ready(slices) == 1).await;
    world.delete::<k8s_openapi::api::core::v1::Service>("web", DeleteParams::default()).await;
    world.until_all::<EndpointSlice>(mine, "gone with the service", <[EndpointSlice]>::is_empty).await;
    world.until_all::<Endpoints>("", "gone with the service", <[Endpoints]>::is_empty).await;
}

#[tokio::test]
async fn hand_made_endpoints_show_as_slices() {
    let world = World::start().await;
    world
        .create("v1", "Service", json!({"metadata": {"name": "db"}, "spec": {"ports": [{"port": 5432}]}}))
        .await;
    let addresses = json!({"metadata": {"name": "db"}, "subsets": [{"addresses": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}],
        "ports": [{"port": 5432}]}]});
    world.create("v1", "Endpoints", addresses).await;
    let mine = "kubernetes.io/service-name=db";
    let slices = world.until_all::<EndpointSlice>(mine, "complete", |slices| ready(slices) == 2).await;
    assert_eq!(slices.len(), 1);
    let fewer = json!({"subsets": [{"addresses": [{"ip": "192.0.2.2"}], "ports": [{"port": 5432}]}]});
    world.merge::<Endpoints>("db", fewer).await;
    world.until_all::<EndpointSlice>(mine, "smaller", |slices| ready(slices) == 1).await;
    world.delete::<Endpoints>("db", DeleteParams::default()).await;
    world.until_all::<EndpointSlice>(mine, "gone", <[EndpointSlice]>::is_empty).await;
}

#[tokio::test]
async fn a_role_is_the_sum_of_those_it_selects() {
    let world = World::start().await;
    let roles: Api<ClusterRole> = Api::all(world.client.clone());
    let role = |value| serde_json::from_value::<ClusterRole>(value).unwrap();
    let sum = role(json!({"metadata": {"name": "sum"}, "aggregationRule": {"clusterRoleSelectors": [
        {"matchLabels": {"example.com/in": "sum"}}]}, "rules": []}));
    let part = role(json!({"metadata": {"name": "part", "labels": {"example.com/in": "sum"}}, "rules": [
        {"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}]}));
    for role in [&sum, &part] {
        roles.create(&PostParams::default(), role).await.unwrap();
    }
    let informer =
        client::Informer::start(roles.clone(), client::Config::default().fields("metadata.name=sum"));
    let mut changes = informer.subscribe();
    while changes.recv().await.unwrap().object().rules != part.rules {}
    roles.delete("part", &DeleteParams::default()).await.unwrap();
    while changes.recv().await.unwrap().object().rules.as_ref().is_some_and(|rules| !rules.is_empty()) {}
}

#[tokio::test]
async fn a_deleted_namespace_is_emptied_and_goes() {
    let world = World::start().await;
    world.create("apps/v1", "Deployment", deployment("web", 3, "i")).await;
    world
        .create("v1", "ConfigMap", json!({"metadata": {"name": "kept", "finalizers": ["example.com/keep"]}}))
        .await;
    world.until_all::<Pod>("app=web", "running", |pods| pods.len() == 3).await;
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    namespaces.delete("test", &DeleteParams::default()).await.unwrap();
    world.until_all::<Pod>("", "gone", <[Pod]>::is_empty).await;
    world.until_all::<Deployment>("", "gone", <[Deployment]>::is_empty).await;
    world.until::<ConfigMap>("kept", "asked to go", |map| map.metadata.deletion_timestamp.is_some()).await;
    let waiting = loop {
        let found = namespaces.get("test").await.unwrap();
        let conditions = found.status.clone().unwrap_or_default().conditions.unwrap_or_default();
        if conditions.iter().any(|c| c.type_ == "NamespaceFinalizersRemaining" && c.status == "True") {
            break found;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(waiting.status.unwrap().phase.as_deref(), Some("Terminating"));
    world.merge::<ConfigMap>("kept", json!({"metadata": {"finalizers": null}})).await;
    while namespaces.get_opt("test").await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
}
