//! StatefulSets and DaemonSets.

use k8s_openapi::api::{
    apps::v1::{ControllerRevision, DaemonSet, StatefulSet},
    core::v1::Pod,
};
use kube::api::DeleteParams;
use serde_json::json;

use crate::world::{World, template};

fn names(pods: &[Pod]) -> Vec<String> {
    pods.iter().map(|pod| pod.metadata.name.clone().unwrap()).collect()
}

fn images(pods: &[Pod]) -> Vec<String> {
    pods.iter().map(|pod| pod.spec.as_ref().unwrap().containers[0].image.clone().unwrap()).collect()
}

#[tokio::test]
async fn a_stateful_set_keeps_names_through_scaling_and_updates() {
    let world = World::start().await;
    let set = json!({"metadata": {"name": "db"}, "spec": {"replicas": 3, "serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}}, "template": template("db", "image:1")}});
    world.create("apps/v1", "StatefulSet", set).await;
    let ready = |count: i32| {
        move |set: &StatefulSet| {
            let status = set.status.clone().unwrap_or_default();
            status.ready_replicas == Some(count)
                && status.replicas == count
                && status.observed_generation == set.metadata.generation
        }
    };
    world.until::<StatefulSet>("db", "three ready", ready(3)).await;
    let pods = world.list::<Pod>("app=db").await;
    assert_eq!(names(&pods), ["db-0", "db-1", "db-2"]);
    let created: Vec<_> = pods.iter().map(|pod| pod.metadata.creation_timestamp.clone().unwrap().0).collect();
    assert!(created.is_sorted(), "in order");

    let patch = json!({"spec": {"template": template("db", "image:2"),
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}});
    world.merge::<StatefulSet>("db", patch).await;
    world
        .until_all::<Pod>("app=db", "the last one updated", |pods| {
            images(pods) == ["image:1", "image:1", "image:2"]
        })
        .await;
    world.delete::<Pod>("db-0", DeleteParams::default()).await;
    world.until::<StatefulSet>("db", "three ready", ready(3)).await;
    world
        .until_all::<Pod>("app=db", "below the partition as before", |pods| {
            images(pods) == ["image:1", "image:1", "image:2"]
        })
        .await;
    let all = json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}});
    world.merge::<StatefulSet>("db", all).await;
    world
        .until::<StatefulSet>("db", "updated", |set| {
            let status = set.status.clone().unwrap_or_default();
            status.updated_replicas == Some(3)
                && status.current_revision == status.update_revision
                && ready(3)(set)
        })
        .await;
    assert_eq!(world.list::<ControllerRevision>("app=db").await.len(), 2);
    world.merge::<StatefulSet>("db", json!({"spec": {"replicas": 1}})).await;
    world.until::<StatefulSet>("db", "one ready", ready(1)).await;
    assert_eq!(names(&world.list::<Pod>("app=db").await), ["db-0"]);
}

#[tokio::test]
async fn a_daemon_set_follows_nodes_and_updates() {
    let world = World::start().await;
    let set = json!({"metadata": {"name": "agent"}, "spec": {"selector": {"matchLabels": {"app": "agent"}},
        "template": template("agent", "image:1")}});
    world.create("apps/v1", "DaemonSet", set).await;
    let available = |count: i32| {
        move |set: &DaemonSet| {
            let status = set.status.clone().unwrap_or_default();
            status.number_available == Some(count)
                && status.updated_number_scheduled == Some(count)
                && status.observed_generation == set.metadata.generation
        }
    };
    world.until::<DaemonSet>("agent", "on one node", available(1)).await;
    world.add_node("node-2", "4", "10").await;
    world.until::<DaemonSet>("agent", "on two nodes", available(2)).await;
    let pods = world.list::<Pod>("app=agent").await;
    let mut nodes: Vec<_> =
        pods.iter().map(|pod| pod.spec.as_ref().unwrap().node_name.clone().unwrap()).collect();
    nodes.sort();
    assert_eq!(nodes, ["node-1", "node-2"]);
    world.merge::<DaemonSet>("agent", json!({"spec": {"template": template("agent", "image:2")}})).await;
    world
        .until::<DaemonSet>("agent", "updated", |set| available(2)(set) && set.metadata.generation == Some(2))
        .await;
    world
        .until_all::<Pod>("app=agent", "of the new image", |pods| images(pods) == ["image:2", "image:2"])
        .await;
    let victim = names(&world.list::<Pod>("app=agent").await).remove(0);
    world.delete::<Pod>(&victim, DeleteParams::default()).await;
    world
        .until_all::<Pod>("app=agent", "replaced", |pods| pods.len() == 2 && !names(pods).contains(&victim))
        .await;
}
