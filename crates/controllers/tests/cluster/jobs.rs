//! Jobs: success, failure, and what is left of them.

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use serde_json::{Value, json};

use crate::world::World;

fn job(name: &str, exit: &str, spec: Value) -> Value {
    let mut job = json!({"metadata": {"name": name}, "spec": {"template": {
        "metadata": {"annotations": {"test/exit": exit}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}});
    for (key, value) in spec.as_object().unwrap() {
        job["spec"][key] = value.clone();
    }
    job
}

fn holds(type_: &'static str) -> impl Fn(&Job) -> bool {
    move |job| {
        let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().any(|condition| condition.type_ == type_ && condition.status == "True")
    }
}

#[tokio::test]
async fn jobs_complete_and_count_every_pod() {
    let world = World::start().await;
    world.create("batch/v1", "Job", job("many", "0", json!({"completions": 7, "parallelism": 3}))).await;
    let done = world.until::<Job>("many", "complete", holds("Complete")).await;
    let status = done.status.unwrap();
    assert_eq!((status.succeeded, status.failed, status.active), (Some(7), None, None));
    assert!(status.completion_time.is_some() && status.start_time.is_some());
    let pods = world.list::<Pod>("batch.kubernetes.io/job-name=many").await;
    assert_eq!(pods.len(), 7, "none too many");
    assert!(pods.iter().all(|pod| pod.metadata.finalizers.is_none()), "all are on record");

    let indexed = json!({"completionMode": "Indexed", "completions": 4, "parallelism": 4});
    world.create("batch/v1", "Job", job("indexed", "0", indexed)).await;
    let done = world.until::<Job>("indexed", "complete", holds("Complete")).await;
    assert_eq!(done.status.unwrap().completed_indexes.as_deref(), Some("0-3"));
}

#[tokio::test]
async fn a_failing_job_gives_up_and_says_why() {
    let world = World::start().await;
    world.create("batch/v1", "Job", job("broken", "1", json!({"backoffLimit": 0}))).await;
    let failed = world.until::<Job>("broken", "failed", holds("Failed")).await;
    let status = failed.status.unwrap();
    let reason = status.conditions.unwrap().into_iter().find(|c| c.type_ == "Failed").unwrap().reason;
    assert_eq!((status.failed, reason.as_deref()), (Some(1), Some("BackoffLimitExceeded")));
    assert_eq!(world.list::<Pod>("batch.kubernetes.io/job-name=broken").await.len(), 1);
}

#[tokio::test]
async fn a_finished_job_goes_after_its_time_and_takes_its_pods_along() {
    let world = World::start().await;
    let brief = job("brief", "0", json!({"ttlSecondsAfterFinished": 0}));
    world.create("batch/v1", "Job", brief).await;
    world.until_all::<Job>("", "gone", <[Job]>::is_empty).await;
    world.until_all::<Pod>("", "gone with it", <[Pod]>::is_empty).await;
}

#[tokio::test]
async fn a_job_deleted_in_mid_work_leaves_nothing() {
    let world = World::start().await;
    let mut endless = job("endless", "0", json!({"parallelism": 3}));
    endless["spec"]["template"]["metadata"] = json!({});
    world.create("batch/v1", "Job", endless).await;
    world
        .until::<Job>("endless", "running", |job| job.status.clone().unwrap_or_default().ready == Some(3))
        .await;
    world.delete::<Job>("endless", kube::api::DeleteParams::background()).await;
    world.until_all::<Pod>("", "gone", <[Pod]>::is_empty).await;
}
