//! The scheduler against the real API: waiting, waking, gates and preemption.

use k8s_openapi::api::core::v1::{Event, Pod, ServiceAccount};
use serde_json::{Value, json};

use crate::world::World;

fn pod(name: &str, extra: Value) -> Value {
    let mut pod = json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i",
        "resources": {"requests": {"cpu": "1"}}}]}});
    for (key, value) in extra.as_object().unwrap() {
        pod["spec"][key] = value.clone();
    }
    pod
}

fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref())
}

fn scheduled_message(pod: &Pod) -> Option<&str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == "PodScheduled")?.message.as_deref()
}

async fn account(world: &World) {
    world.until::<ServiceAccount>("default", "there", |_| true).await;
}

#[tokio::test]
async fn a_pod_waits_for_a_node_that_can_take_it() {
    let world = World::start_without_node().await;
    account(&world).await;
    world.create("v1", "Pod", pod("p", json!({}))).await;
    world
        .until::<Pod>("p", "refused", |pod| {
            scheduled_message(pod) == Some("no nodes available to schedule pods")
        })
        .await;
    world.add_node("small", "500m", "10").await;
    world
        .until::<Pod>("p", "refused for lack of room", |pod| {
            scheduled_message(pod)
                .is_some_and(|text| text.starts_with("0/1 nodes are available: 1 Insufficient cpu."))
        })
        .await;
    world
        .until_all::<Event>("", "told", |events| {
            events.iter().any(|event| event.reason.as_deref() == Some("FailedScheduling"))
        })
        .await;
    world.add_node("large", "2", "10").await;
    let placed = world
        .until::<Pod>("p", "running", |pod| {
            pod.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Running")
        })
        .await;
    assert_eq!(node(&placed), Some("large"));
    world
        .until_all::<Event>("", "told", |events| {
            let message = "Successfully assigned test/p to large";
            events.iter().any(|event| event.message.as_deref() == Some(message))
        })
        .await;
}

#[tokio::test]
async fn a_gated_pod_waits_for_its_gate() {
    let world = World::start().await;
    account(&world).await;
    world.create("v1", "Pod", pod("gated", json!({"schedulingGates": [{"name": "example.com/g"}]}))).await;
    world.create("v1", "Pod", pod("free", json!({}))).await;
    world.until::<Pod>("free", "placed", |pod| node(pod).is_some()).await;
    let gated = world.api::<Pod>().get("gated").await.unwrap();
    assert_eq!(node(&gated), None);
    world.merge::<Pod>("gated", json!({"spec": {"schedulingGates": null}})).await;
    world.until::<Pod>("gated", "placed", |pod| node(pod).is_some()).await;
}

#[tokio::test]
async fn an_important_pod_takes_the_place_of_a_lesser_one() {
    let world = World::start_without_node().await;
    account(&world).await;
    world.add_node("only", "2", "10").await;
    for (name, value) in [("low", 1), ("high", 1000)] {
        world
            .create(
                "scheduling.k8s.io/v1",
                "PriorityClass",
                json!({"metadata": {"name": name}, "value": value}),
            )
            .await;
    }
    for name in ["a", "b"] {
        world.create("v1", "Pod", pod(name, json!({"priorityClassName": "low"}))).await;
    }
    for name in ["a", "b"] {
        world.until::<Pod>(name, "placed", |pod| node(pod).is_some()).await;
    }
    world.create("v1", "Pod", pod("vip", json!({"priorityClassName": "high"}))).await;
    world.until::<Pod>("vip", "placed", |pod| node(pod) == Some("only")).await;
    let left = world.list::<Pod>("").await;
    let lesser = left.iter().filter(|pod| {
        pod.metadata.name.as_deref() != Some("vip") && pod.metadata.deletion_timestamp.is_none()
    });
    assert_eq!(lesser.count(), 1, "one had to go, not both");
}
