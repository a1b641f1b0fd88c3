//! Deployments and their sets.

use k8s_openapi::api::{
    apps::v1::{Deployment, DeploymentStatus, ReplicaSet},
    core::v1::Pod,
};
use kube::api::DeleteParams;
use serde_json::json;

use crate::world::{World, deployment, template};

fn status(deployment: &Deployment) -> DeploymentStatus {
    deployment.status.clone().unwrap_or_default()
}

/// What `kubectl rollout status` waits for.
fn is_rolled_out(deployment: &Deployment) -> bool {
    let (status, wanted) = (status(deployment), deployment.spec.replicas);
    status.observed_generation >= deployment.metadata.generation
        && status.updated_replicas == wanted
        && status.replicas == wanted
        && status.available_replicas == wanted
}

fn image(pod: &Pod) -> String {
    pod.spec.as_ref().unwrap().containers[0].image.clone().unwrap()
}

fn revision(set: &ReplicaSet) -> String {
    set.metadata.annotations.as_ref().unwrap()["deployment.kubernetes.io/revision"].clone()
}

#[tokio::test]
async fn a_deployment_rolls_out_scales_and_goes_back() {
    let world = World::start().await;
    world.create("apps/v1", "Deployment", deployment("web", 3, "image:1")).await;
    let first = world.until::<Deployment>("web", "rolled out", is_rolled_out).await;
    let conditions: Vec<_> =
        status(&first).conditions.unwrap().into_iter().map(|c| (c.type_, c.reason)).collect();
    let reason = |type_: &str, reason: &str| (Some(type_.to_owned()), Some(reason.to_owned()));
    assert!(conditions.contains(&reason("Available", "MinimumReplicasAvailable")), "{conditions:?}");

    world.merge::<Deployment>("web", json!({"spec": {"template": template("web", "image:2")}})).await;
    let second = world
        .until::<Deployment>("web", "rolled out again", |found| {
            is_rolled_out(found) && found.metadata.generation == Some(2)
        })
        .await;
    assert_eq!(second.metadata.annotations.as_ref().unwrap()["deployment.kubernetes.io/revision"], "2");
    let done = reason("Progressing", "NewReplicaSetAvailable");
    world
        .until::<Deployment>("web", "said to be complete", |found| {
            status(found).conditions.unwrap_or_default().into_iter().any(|c| (c.type_, c.reason) == done)
        })
        .await;
    world
        .until_all::<Pod>("app=web", "three pods of the new image", |pods| {
            pods.len() == 3 && pods.iter().all(|pod| image(pod) == "image:2")
        })
        .await;

    world.merge::<Deployment>("web", json!({"spec": {"replicas": 6}})).await;
    world
        .until::<Deployment>("web", "scaled up", |found| {
            is_rolled_out(found) && found.spec.replicas == Some(6)
        })
        .await;
    world.merge::<Deployment>("web", json!({"spec": {"replicas": 1}})).await;
    world
        .until::<Deployment>("web", "scaled down", |found| {
            is_rolled_out(found) && found.spec.replicas == Some(1)
        })
        .await;

    world.merge::<Deployment>("web", json!({"spec": {"template": template("web", "image:1")}})).await;
    world
        .until::<Deployment>("web", "back", |found| {
            is_rolled_out(found) && found.metadata.generation == Some(5)
        })
        .await;
    let sets = world.list::<ReplicaSet>("app=web").await;
    let mut revisions: Vec<_> = sets.iter().map(|set| (revision(set), set.spec.replicas)).collect();
    revisions.sort();
    assert_eq!(revisions, [("2".into(), Some(0)), ("3".into(), Some(1))], "the first set was used again");
}

#[tokio::test]
async fn recreate_never_mixes_versions_and_history_is_limited() {
    let world = World::start().await;
    let mut wanted = deployment("db", 2, "image:1");
    wanted["spec"]["strategy"] = json!({"type": "Recreate"});
    wanted["spec"]["revisionHistoryLimit"] = json!(1);
    world.create("apps/v1", "Deployment", wanted).await;
    world.until::<Deployment>("db", "rolled out", is_rolled_out).await;
    for generation in 2..=4 {
        let image = format!("image:{generation}");
        world.merge::<Deployment>("db", json!({"spec": {"template": template("db", &image)}})).await;
        world
            .until::<Deployment>("db", "rolled out", |found| {
                is_rolled_out(found) && found.metadata.generation == Some(generation)
            })
            .await;
        let pods = world.list::<Pod>("app=db").await;
        assert!(
            pods.iter().all(|pod| self::image(pod) == image),
            "an old pod outlived the start of a new one"
        );
    }
    world.until_all::<ReplicaSet>("app=db", "two sets", |sets| sets.len() == 2).await;
}

#[tokio::test]
async fn a_paused_deployment_scales_but_does_not_roll() {
    let world = World::start().await;
    world.create("apps/v1", "Deployment", deployment("web", 1, "image:1")).await;
    world.until::<Deployment>("web", "rolled out", is_rolled_out).await;
    let patch = json!({"spec": {"paused": true, "replicas": 3, "template": template("web", "image:2")}});
    world.merge::<Deployment>("web", patch).await;
    world
        .until::<Deployment>("web", "scaled while paused", |found| {
            let reasons: Vec<_> =
                status(found).conditions.unwrap_or_default().into_iter().filter_map(|c| c.reason).collect();
            status(found).available_replicas == Some(3) && reasons.contains(&"DeploymentPaused".to_owned())
        })
        .await;
    assert!(world.list::<Pod>("app=web").await.iter().all(|pod| image(pod) == "image:1"));
    world.merge::<Deployment>("web", json!({"spec": {"paused": false}})).await;
    world.until::<Deployment>("web", "rolled out after the pause", is_rolled_out).await;
    world
        .until_all::<Pod>("app=web", "the new image", |pods| {
            pods.len() == 3 && pods.iter().all(|pod| image(pod) == "image:2")
        })
        .await;
}

#[tokio::test]
async fn a_set_adopts_releases_and_replaces_pods() {
    let world = World::start().await;
    let mut orphan = template("web", "image:0");
    orphan["metadata"]["name"] = json!("orphan");
    // The namespace's account comes first.
    world.until::<k8s_openapi::api::core::v1::ServiceAccount>("default", "there", |_| true).await;
    world.create("v1", "Pod", orphan).await;
    let set = json!({"metadata": {"name": "set"}, "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
        "template": template("web", "image:1")}});
    world.create("apps/v1", "ReplicaSet", set).await;
    let ready =
        |count| move |set: &ReplicaSet| set.status.clone().unwrap_or_default().ready_replicas == Some(count);
    world.until::<ReplicaSet>("set", "two ready", ready(2)).await;
    let pods = world.list::<Pod>("app=web").await;
    let owned =
        |pod: &Pod| pod.metadata.owner_references.as_ref().is_some_and(|owners| owners[0].name == "set");
    assert!(pods.len() == 2 && pods.iter().all(owned), "the orphan was adopted and counted");

    world.merge::<Pod>("orphan", json!({"metadata": {"labels": {"app": "other"}}})).await;
    world.until::<Pod>("orphan", "released", |pod| !owned(pod)).await;
    world.until_all::<Pod>("app=web", "replaced", |pods| pods.len() == 2).await;

    let victim = world.list::<Pod>("app=web").await[0].metadata.name.clone().unwrap();
    world.delete::<Pod>(&victim, DeleteParams::default()).await;
    world
        .until_all::<Pod>("app=web", "replaced", |pods| {
            pods.len() == 2 && pods.iter().all(|pod| pod.metadata.name.as_deref() != Some(&*victim))
        })
        .await;
    world.merge::<ReplicaSet>("set", json!({"spec": {"replicas": 40}})).await;
    world.until::<ReplicaSet>("set", "forty ready", ready(40)).await;
    assert_eq!(world.list::<Pod>("app=web").await.len(), 40, "none too many");
}
