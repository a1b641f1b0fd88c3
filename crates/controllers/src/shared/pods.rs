//! Pods as workload controllers see them: active, ready, available, and which to remove first.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use k8s_openapi::{
    api::core::v1::{Pod, PodCondition, PodTemplateSpec},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
    jiff::Timestamp,
};

use super::created;

/// `Pending`, `Running`, `Succeeded`, `Failed` or empty.
pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// Whether the pod ran to its end, well or not.
pub(crate) fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether the pod was asked to go.
pub(crate) fn is_leaving(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Neither finished nor leaving.
pub(crate) fn is_active(pod: &Pod) -> bool {
    !is_finished(pod) && !is_leaving(pod)
}

/// The node that the pod is bound to; empty before.
pub(crate) fn node(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

/// A condition of the pod.
pub(crate) fn condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the pod's `Ready` condition holds.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition.status == "True")
}

/// Whether a pod has been ready long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Availability {
    Available,
    /// It will be after so many seconds, if nothing happens.
    In(i64),
    Unavailable,
}

/// Whether the pod has been ready for `min_ready` seconds at `now`.
pub(crate) fn availability(pod: &Pod, min_ready: i32, now: Timestamp) -> Availability {
    let Some(ready) = condition(pod, "Ready").filter(|condition| condition.status == "True") else {
        return Availability::Unavailable;
    };
    let Some(since) = &ready.last_transition_time else {
        return if min_ready == 0 { Availability::Available } else { Availability::Unavailable };
    };
    let left = i64::from(min_ready) - super::seconds(since, now);
    if min_ready == 0 || left <= 0 { Availability::Available } else { Availability::In(left) }
}

/// A new pod of `template` for an owner: `name` as given, or made from `prefix` by the server.
pub(crate) fn from_template(
    template: &PodTemplateSpec,
    namespace: &str,
    prefix: &str,
    owner: OwnerReference,
) -> Pod {
    let given = template.metadata.clone().unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{prefix}-")),
            namespace: Some(namespace.into()),
            labels: given.labels,
            annotations: given.annotations,
            finalizers: given.finalizers,
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

/// Sorts `pods` so that those to remove first come first.
///
/// As upstream: unscheduled, then pending, then not ready, then lower `controller.kubernetes.io/pod-deletion-cost`,
/// then more siblings on the same node (`siblings` counts related pods by node), then ready or made more recently,
/// then more restarts.
pub(crate) fn rank_for_removal(pods: &mut [Arc<Pod>], siblings: &HashMap<String, usize>) {
    pods.sort_by(|one, other| compare(one, other, siblings));
}

fn compare(one: &Pod, other: &Pod, siblings: &HashMap<String, usize>) -> Ordering {
    let assigned = |pod: &Pod| !node(pod).is_empty();
    let stage = |pod: &Pod| match phase(pod) {
        "Pending" | "" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    let near = |pod: &Pod| siblings.get(node(pod)).copied().unwrap_or(0);
    let ready_since = |pod: &Pod| {
        let ready = condition(pod, "Ready").filter(|condition| condition.status == "True");
        ready.and_then(|condition| condition.last_transition_time.as_ref()).map(|time| time.0)
    };
    let restarts = |pod: &Pod| {
        let states = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        states.map(|state| state.restart_count).max().unwrap_or(0)
    };
    assigned(one)
        .cmp(&assigned(other))
        .then_with(|| stage(one).cmp(&stage(other)))
        .then_with(|| is_ready(one).cmp(&is_ready(other)))
        .then_with(|| deletion_cost(one).cmp(&deletion_cost(other)))
        .then_with(|| near(other).cmp(&near(one)))
        .then_with(|| ready_since(other).cmp(&ready_since(one)))
        .then_with(|| restarts(other).cmp(&restarts(one)))
        .then_with(|| created(other).cmp(&created(one)))
        .then_with(|| one.metadata.name.cmp(&other.metadata.name))
}

fn deletion_cost(pod: &Pod) -> i32 {
    let annotations = pod.metadata.annotations.as_ref();
    let text = annotations.and_then(|all| all.get("controller.kubernetes.io/pod-deletion-cost"));
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, extra: Value) -> Arc<Pod> {
        let mut pod = json!({"metadata": {"name": name}, "spec": {"containers": [], "nodeName": "n"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True",
                "lastTransitionTime": "2026-01-01T00:00:10Z"}]}});
        json_patch::merge(&mut pod, &extra);
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn the_least_useful_pod_goes_first() {
        let ready_at = |time: &str| json!({"status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": time}]}});
        let mut pods = vec![
            pod("old", ready_at("2026-01-01T00:00:00Z")),
            pod("young", ready_at("2026-01-01T00:01:00Z")),
            pod(
                "restarting",
                json!({"status": {"containerStatuses": [{"name": "c", "image": "", "imageID": "", "ready": true, "restartCount": 3}]}}),
            ),
            pod("plain", json!({})),
            pod("crowded", json!({"spec": {"nodeName": "crowd"}})),
            pod(
                "costly",
                json!({"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "10"}}}),
            ),
            pod(
                "cheap",
                json!({"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-1"}}}),
            ),
            pod("unready", json!({"status": {"conditions": []}})),
            pod("pending", json!({"status": {"phase": "Pending", "conditions": []}})),
            pod(
                "unscheduled",
                json!({"spec": {"nodeName": ""}, "status": {"phase": "Pending", "conditions": []}}),
            ),
        ];
        rank_for_removal(&mut pods, &[("crowd".to_owned(), 5), ("n".to_owned(), 1)].into());
        let order: Vec<_> = pods.iter().map(|pod| pod.metadata.name.clone().unwrap()).collect();
        assert_eq!(
            order,
            [
                "unscheduled",
                "pending",
                "unready",
                "cheap",
                "crowded",
                "young",
                "restarting",
                "plain",
                "old",
                "costly"
            ]
        );
    }

    #[test]
    fn availability_waits_for_min_ready_seconds() {
        let pod = pod("p", json!({}));
        let at = |second: i64| Timestamp::from_second(1_767_225_600 + second).unwrap();
        assert_eq!(availability(&pod, 0, at(10)), Availability::Available);
        assert_eq!(availability(&pod, 5, at(12)), Availability::In(3));
        assert_eq!(availability(&pod, 5, at(15)), Availability::Available);
        let unready: Pod = serde_json::from_value(json!({"metadata": {}})).unwrap();
        assert_eq!(availability(&unready, 0, at(10)), Availability::Unavailable);
    }
}
