//! The three ways of deleting an owner.

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{ConfigMap, Pod},
};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::world::{World, deployment};

async fn running(world: &World) {
    world.create("apps/v1", "Deployment", deployment("web", 3, "i")).await;
    world
        .until::<Deployment>("web", "available", |found| {
            found.status.as_ref().and_then(|status| status.available_replicas) == Some(3)
        })
        .await;
}

#[tokio::test]
async fn background_deletion_takes_dependents_along() {
    let world = World::start().await;
    running(&world).await;
    world.delete::<Deployment>("web", DeleteParams::background()).await;
    assert!(world.api::<Deployment>().get_opt("web").await.unwrap().is_none(), "the owner goes at once");
    world.until_all::<ReplicaSet>("", "gone", <[ReplicaSet]>::is_empty).await;
    world.until_all::<Pod>("", "gone", <[Pod]>::is_empty).await;
}

#[tokio::test]
async fn foreground_deletion_lets_dependents_go_first() {
    let world = World::start().await;
    running(&world).await;
    let pod = world.list::<Pod>("app=web").await[0].metadata.name.clone().unwrap();
    world.merge::<Pod>(&pod, json!({"metadata": {"finalizers": ["example.com/keep"]}})).await;
    world.delete::<Deployment>("web", DeleteParams::foreground()).await;
    world.until::<Pod>(&pod, "asked to go", |pod| pod.metadata.deletion_timestamp.is_some()).await;
    world.until_all::<Pod>("", "one is held back", |pods| pods.len() == 1).await;
    assert!(world.api::<Deployment>().get_opt("web").await.unwrap().is_some(), "the owner waits");
    assert_eq!(world.list::<ReplicaSet>("").await.len(), 1, "and so does the set");
    world.merge::<Pod>(&pod, json!({"metadata": {"finalizers": null}})).await;
    world.until_all::<Deployment>("", "gone", <[Deployment]>::is_empty).await;
    assert!(world.list::<ReplicaSet>("").await.is_empty(), "the owner goes last");
}

#[tokio::test]
async fn orphaned_dependents_stay() {
    let world = World::start().await;
    running(&world).await;
    world.delete::<Deployment>("web", DeleteParams::orphan()).await;
    world.until_all::<Deployment>("", "gone", <[Deployment]>::is_empty).await;
    let sets = world
        .until_all::<ReplicaSet>("", "free", |sets| {
            sets.iter().all(|set| set.metadata.owner_references.as_ref().is_none_or(Vec::is_empty))
        })
        .await;
    assert_eq!((sets.len(), world.list::<Pod>("app=web").await.len()), (1, 3));
}

fn owned(name: &str, owners: &[(&str, &str)]) -> Value {
    let references: Vec<_> = owners
        .iter()
        .map(|(name, uid)| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid}))
        .collect();
    json!({"metadata": {"name": name, "labels": {"in": "test"}, "ownerReferences": references}})
}

#[tokio::test]
async fn one_owner_is_enough_and_none_is_not() {
    let world = World::start().await;
    let mut uids = Vec::new();
    for name in ["one", "two"] {
        let made = world.create("v1", "ConfigMap", json!({"metadata": {"name": name}})).await;
        uids.push(made["metadata"]["uid"].as_str().unwrap().to_owned());
    }
    world.create("v1", "ConfigMap", owned("both", &[("one", &uids[0]), ("two", &uids[1])])).await;
    world.create("v1", "ConfigMap", owned("first", &[("one", &uids[0])])).await;
    world
        .create("v1", "ConfigMap", owned("stranger", &[("never", "00000000-0000-0000-0000-000000000000")]))
        .await;
    // Right name, another object: no owner either.
    world
        .create("v1", "ConfigMap", owned("mistaken", &[("two", "00000000-0000-0000-0000-000000000001")]))
        .await;
    world.delete::<ConfigMap>("one", DeleteParams::background()).await;
    let left = world.until_all::<ConfigMap>("in=test", "one left", |maps| maps.len() == 1).await;
    assert_eq!(left[0].metadata.name.as_deref(), Some("both"));
    world
        .until::<ConfigMap>("both", "rid of the lost owner", |map| {
            map.metadata
                .owner_references
                .as_ref()
                .is_some_and(|owners| owners.len() == 1 && owners[0].uid == uids[1])
        })
        .await;
}
