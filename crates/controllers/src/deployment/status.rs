//! The status of a Deployment, as `kubectl rollout status` reads it. Pure.

use std::{sync::Arc, time::Duration};

use k8s_openapi::{
    api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet},
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::Timestamp,
};

use super::plan;
use crate::shared::{
    conditions::{self, Condition},
    name, seconds,
};

const PROGRESSING: &str = "Progressing";
/// The reason of a finished rollout.
const COMPLETE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";

/// Something that happened in this pass and that the `Progressing` condition should say.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) status: &'static str,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// Whether progress is watched; not with an endless deadline.
pub(super) fn has_deadline(deployment: &Deployment) -> bool {
    deployment.spec.progress_deadline_seconds.is_some_and(|seconds| seconds != i32::MAX)
}

/// The condition about progress, if there is one.
pub(super) fn progress(deployment: &Deployment) -> Option<&DeploymentCondition> {
    conditions::find(deployment.status.as_ref()?.conditions.as_ref(), PROGRESSING)
}

/// The status that the sets call for, and when it may change by time alone.
///
/// `rolling` is false while only `replicas` changed or the Deployment is paused: then progress is not judged.
pub(super) fn compute(
    deployment: &Deployment,
    new: Option<&Arc<ReplicaSet>>,
    old: &[Arc<ReplicaSet>],
    rolling: bool,
    note: Option<Note>,
    now: Timestamp,
) -> (DeploymentStatus, Option<Duration>) {
    let before = deployment.status.clone().unwrap_or_default();
    let mut status = counts(deployment, &before, new, old);
    status.conditions = before.conditions.clone();
    let enough = status.available_replicas.unwrap_or(0)
        >= plan::wanted(deployment) - plan::max_unavailable(deployment);
    let (state, reason, text) = if enough {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    put(&mut status, "Available", state, reason, text, now);
    if let Some(note) = note {
        put(&mut status, PROGRESSING, note.status, note.reason, &note.message, now);
    } else if rolling && has_deadline(deployment) {
        judge_progress(deployment, &before, &mut status, new, now);
    }
    let failed = new
        .into_iter()
        .chain(old)
        .find_map(|set| conditions::find(set.status.as_ref()?.conditions.as_ref(), "ReplicaFailure"));
    match failed {
        Some(failed) => {
            let (state, reason) = (Condition::status(failed), Condition::reason(failed));
            put(&mut status, "ReplicaFailure", state, reason, Condition::message(failed), now);
        }
        None => conditions::remove(&mut status.conditions, "ReplicaFailure"),
    }
    let again = if rolling { check_again(deployment, &status, now) } else { None };
    (status, again)
}

fn counts(
    deployment: &Deployment,
    before: &DeploymentStatus,
    new: Option<&Arc<ReplicaSet>>,
    old: &[Arc<ReplicaSet>],
) -> DeploymentStatus {
    let all = || new.into_iter().chain(old).filter_map(|set| set.status.as_ref());
    let sizes: i32 = new.into_iter().chain(old).map(|set| plan::size(set)).sum();
    let available: i32 = all().filter_map(|status| status.available_replicas).sum();
    // Zero counts are left out, as in the wire form of upstream.
    let some = |count: i32| (count != 0).then_some(count);
    DeploymentStatus {
        observed_generation: deployment.metadata.generation,
        replicas: some(all().map(|status| status.replicas).sum()),
        updated_replicas: some(new.and_then(|set| set.status.as_ref()).map_or(0, |status| status.replicas)),
        ready_replicas: some(all().filter_map(|status| status.ready_replicas).sum()),
        available_replicas: some(available),
        unavailable_replicas: some((sizes - available).max(0)),
        terminating_replicas: some(all().filter_map(|status| status.terminating_replicas).sum())
            .or(before.terminating_replicas.filter(|known| *known == 0)),
        collision_count: before.collision_count,
        conditions: None,
    }
}

fn put(status: &mut DeploymentStatus, type_: &str, state: &str, reason: &str, text: &str, now: Timestamp) {
    let mut condition = DeploymentCondition::new(type_, state, reason, text, now);
    condition.last_update_time = Some(Time(now));
    conditions::set(&mut status.conditions, condition);
}

fn judge_progress(
    deployment: &Deployment,
    before: &DeploymentStatus,
    status: &mut DeploymentStatus,
    new: Option<&Arc<ReplicaSet>>,
    now: Timestamp,
) {
    let known = progress(deployment);
    let settled = status.replicas == status.updated_replicas
        && known.is_some_and(|known| Condition::reason(known) == COMPLETE);
    if settled && is_complete(deployment, status) {
        return;
    }
    if settled && status.replicas == status.updated_replicas {
        return;
    }
    let subject = match new {
        Some(set) => format!("ReplicaSet \"{}\"", name(&**set)),
        None => format!("Deployment \"{}\"", name(deployment)),
    };
    if is_complete(deployment, status) {
        let text = format!("{subject} has successfully progressed.");
        put(status, PROGRESSING, "True", COMPLETE, &text, now);
    } else if has_moved(before, status) {
        // Each step forward renews the deadline, so the time of the update moves even if the text does not.
        let text = format!("{subject} is progressing.");
        let since = known.filter(|known| Condition::status(*known) == "True");
        let since = since.and_then(|known| known.last_transition_time.clone());
        conditions::remove(&mut status.conditions, PROGRESSING);
        let mut condition = DeploymentCondition::new(PROGRESSING, "True", "ReplicaSetUpdated", &text, now);
        condition.last_update_time = Some(Time(now));
        condition.last_transition_time = since.or(condition.last_transition_time);
        status.conditions.get_or_insert_default().push(condition);
    } else if is_late(deployment, known, now) {
        let text = format!("{subject} has timed out progressing.");
        put(status, PROGRESSING, "False", TIMED_OUT, &text, now);
    }
}

/// Whether all pods are of the current template, available, and none too many.
pub(super) fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let wanted = plan::wanted(deployment);
    [status.updated_replicas, status.replicas, status.available_replicas]
        .into_iter()
        .all(|count| count.unwrap_or(0) == wanted)
        && status.observed_generation >= deployment.metadata.generation
}

fn has_moved(before: &DeploymentStatus, status: &DeploymentStatus) -> bool {
    let count = |count: Option<i32>| count.unwrap_or(0);
    let old = |status: &DeploymentStatus| count(status.replicas) - count(status.updated_replicas);
    count(status.updated_replicas) > count(before.updated_replicas)
        || old(status) < old(before)
        || count(status.ready_replicas) > count(before.ready_replicas)
        || count(status.available_replicas) > count(before.available_replicas)
}

fn is_late(deployment: &Deployment, known: Option<&DeploymentCondition>, now: Timestamp) -> bool {
    let Some(known) = known else { return false };
    match Condition::reason(known) {
        COMPLETE => false,
        TIMED_OUT => true,
        _ => time_left(deployment, known, now).is_some_and(|left| left < 0),
    }
}

fn time_left(deployment: &Deployment, known: &DeploymentCondition, now: Timestamp) -> Option<i64> {
    let deadline = deployment.spec.progress_deadline_seconds?;
    let since = known.last_update_time.as_ref().or(known.last_transition_time.as_ref())?;
    Some(i64::from(deadline) - seconds(since, now))
}

fn check_again(deployment: &Deployment, status: &DeploymentStatus, now: Timestamp) -> Option<Duration> {
    let known = conditions::find(status.conditions.as_ref(), PROGRESSING)?;
    if !has_deadline(deployment)
        || is_complete(deployment, status)
        || matches!(Condition::reason(known), COMPLETE | TIMED_OUT)
    {
        return None;
    }
    let left = time_left(deployment, known, now)?;
    // One more second: whole seconds hide up to one.
    Some(Duration::from_secs(u64::try_from(left + 1).unwrap_or(0).max(1)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    fn deployment(status: DeploymentStatus) -> Deployment {
        let deployment = json!({"metadata": {"name": "d", "generation": 2}, "spec": {"replicas": 2, "selector": {},
            "template": {}, "progressDeadlineSeconds": 60,
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}});
        Deployment { status: Some(status), ..serde_json::from_value(deployment).unwrap() }
    }

    fn set(name: &str, status: Value) -> Arc<ReplicaSet> {
        let replicas = status["replicas"].clone();
        Arc::new(
            serde_json::from_value(json!({"metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {}}, "status": status}))
            .unwrap(),
        )
    }

    fn reasons(status: &DeploymentStatus) -> Vec<(String, String)> {
        let conditions = status.conditions.iter().flatten();
        conditions.map(|c| (Condition::status(c).to_owned(), Condition::reason(c).to_owned())).collect()
    }

    #[test]
    fn a_rollout_progresses_and_completes() {
        let half = set("new", json!({"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}));
        let old = [set("old", json!({"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}))];
        let (status, again) = compute(&deployment(Default::default()), Some(&half), &old, true, None, at(0));
        assert_eq!(
            (status.replicas, status.updated_replicas, status.observed_generation),
            (Some(3), Some(1), Some(2))
        );
        assert_eq!(again, Some(Duration::from_secs(61)));
        assert!(reasons(&status).contains(&("True".into(), "ReplicaSetUpdated".into())));

        let done = set("new", json!({"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}));
        let empty = [set("old", json!({"replicas": 0}))];
        let (status, again) = compute(&deployment(status), Some(&done), &empty, true, None, at(10));
        assert_eq!(again, None);
        assert_eq!(
            reasons(&status),
            [("True".into(), "MinimumReplicasAvailable".into()), ("True".into(), COMPLETE.into())]
        );
        let (same, _) = compute(&deployment(status.clone()), Some(&done), &empty, true, None, at(99));
        assert_eq!(same, status, "nothing to write when nothing happens");
    }

    #[test]
    fn a_stuck_rollout_times_out() {
        let stuck = set("new", json!({"replicas": 2}));
        let note = Note { status: "True", reason: "NewReplicaSetCreated", message: String::new() };
        let (status, _) =
            compute(&deployment(Default::default()), Some(&stuck), &[], true, Some(note), at(0));
        let (status, again) = compute(&deployment(status), Some(&stuck), &[], true, None, at(0));
        assert_eq!(again, Some(Duration::from_secs(61)));
        let (status, _) = compute(&deployment(status), Some(&stuck), &[], true, None, at(60));
        assert!(!reasons(&status).iter().any(|(_, reason)| reason == TIMED_OUT));
        let (status, again) = compute(&deployment(status), Some(&stuck), &[], true, None, at(61));
        assert!(reasons(&status).contains(&("False".into(), TIMED_OUT.into())), "{status:?}");
        assert_eq!(again, None);
    }
}
