//! Nodes that fall silent, taints that drive pods away, and nodes that vanish.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod, ServiceAccount};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::world::World;

fn pod(name: &str, tolerations: Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {"tolerations": tolerations, "containers": [{"name": "c", "image": "i"}]}})
}

async fn running(world: &World, name: &str, tolerations: Value) {
    world.until::<ServiceAccount>("default", "there", |_| true).await;
    world.create("v1", "Pod", pod(name, tolerations)).await;
    let is_running =
        |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running");
    world.until::<Pod>(name, "running", is_running).await;
}

#[tokio::test]
async fn no_execute_taints_drive_pods_away_unless_tolerated() {
    let world = World::start().await;
    running(&world, "leaves", json!([])).await;
    running(&world, "stays", json!([{"key": "k", "operator": "Exists"}])).await;
    running(
        &world,
        "lingers",
        json!([{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}]),
    )
    .await;
    let nodes: Api<Node> = Api::all(world.client.clone());
    let taint = json!({"spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}});
    nodes.patch("node-1", &PatchParams::default(), &Patch::Merge(taint)).await.unwrap();
    let left = world.until_all::<Pod>("", "one left", |pods| pods.len() == 1).await;
    assert_eq!(left[0].metadata.name.as_deref(), Some("stays"));
}

#[tokio::test]
async fn a_silent_node_is_unreachable_and_its_pods_are_not_ready() {
    let world = World::start_with_grace(Duration::from_secs(2)).await;
    let leases = json!({"metadata": {"name": "kube-node-lease"}});
    let request = http::Request::post("/api/v1/namespaces").header("content-type", "application/json");
    // It may be there already.
    drop(world.client.request::<Value>(request.body(leases.to_string().into_bytes()).unwrap()).await);
    world.add_node("node-1", "4", "10").await;
    let patient = json!([{"operator": "Exists"}]);
    world.until::<ServiceAccount>("default", "there", |_| true).await;
    world.create("v1", "Pod", pod("p", patient)).await;
    world
        .until::<Pod>("p", "not ready on a silent node", |pod| {
            let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
            conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "False")
        })
        .await;
    let nodes: Api<Node> = Api::all(world.client.clone());
    loop {
        let node = nodes.get("node-1").await.unwrap();
        let keys: Vec<_> =
            node.spec.unwrap_or_default().taints.unwrap_or_default().into_iter().map(|t| t.key).collect();
        // It is the only one: nobody is driven away.
        if keys == ["node.kubernetes.io/unreachable"] {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_pod_deleted_before_it_had_a_node_goes() {
    let world = World::start_without_node().await;
    world.until::<ServiceAccount>("default", "there", |_| true).await;
    let mut held = pod("held", json!([]));
    held["metadata"]["finalizers"] = json!(["example.com/keep"]);
    world.create("v1", "Pod", held).await;
    world.delete::<Pod>("held", kube::api::DeleteParams::default()).await;
    world
        .until::<Pod>("held", "said to have failed", |pod| {
            pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Failed")
        })
        .await;
    world.merge::<Pod>("held", json!({"metadata": {"finalizers": null}})).await;
    world.until_all::<Pod>("", "gone", <[Pod]>::is_empty).await;
}
