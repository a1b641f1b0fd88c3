//! Budgets and CronJobs.

use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::{CronJob, Job},
    policy::v1::PodDisruptionBudget,
};
use kube::api::EvictParams;
use serde_json::json;

use crate::world::{World, deployment};

#[tokio::test]
async fn a_budget_counts_and_holds_evictions_back() {
    let world = World::start().await;
    world.create("apps/v1", "Deployment", deployment("web", 3, "i")).await;
    let budget = json!({"metadata": {"name": "b"}, "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    world.create("policy/v1", "PodDisruptionBudget", budget).await;
    let allowed = |count: i32| {
        move |budget: &PodDisruptionBudget| {
            let status = budget.status.clone().unwrap_or_default();
            status.disruptions_allowed == Some(count)
                && status.expected_pods == Some(3)
                && status.current_healthy == Some(2 + count)
        }
    };
    world.until::<PodDisruptionBudget>("b", "one allowed", allowed(1)).await;
    world.merge::<Deployment>("web", json!({"spec": {"replicas": 2}})).await;
    world
        .until::<PodDisruptionBudget>("b", "smaller", |budget| {
            budget.status.as_ref().and_then(|status| status.desired_healthy) == Some(1)
        })
        .await;
    let tight = json!({"spec": {"maxUnavailable": 0}});
    world.merge::<PodDisruptionBudget>("b", tight).await;
    world
        .until::<PodDisruptionBudget>("b", "none allowed", |budget| {
            budget.status.as_ref().and_then(|status| status.disruptions_allowed) == Some(0)
                && budget.status.as_ref().and_then(|status| status.observed_generation)
                    == budget.metadata.generation
        })
        .await;
    let pods = world.list::<k8s_openapi::api::core::v1::Pod>("app=web").await;
    let name = pods[0].metadata.name.clone().unwrap();
    let refused = world.api::<k8s_openapi::api::core::v1::Pod>().evict(&name, &EvictParams::default()).await;
    assert_eq!(client::failure(&refused.unwrap_err()), client::Failure::TooManyRequests);
}

#[tokio::test]
async fn a_cron_job_that_is_due_starts_one_job() {
    let world = World::start().await;
    // Every minute: due when the next minute begins.
    let cron = json!({"metadata": {"name": "tick"}, "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {
        "metadata": {"annotations": {"test/exit": "0"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}});
    world.create("batch/v1", "CronJob", cron).await;
    let jobs = world.until_all::<Job>("", "one", |jobs| !jobs.is_empty()).await;
    assert!(jobs[0].metadata.name.as_ref().unwrap().starts_with("tick-"));
    world
        .until::<CronJob>("tick", "done once", |cron| {
            let status = cron.status.clone().unwrap_or_default();
            status.last_successful_time.is_some()
                && status.last_schedule_time.is_some()
                && status.active.is_none()
        })
        .await;
}
