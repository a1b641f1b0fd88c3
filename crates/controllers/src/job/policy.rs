//! What a failed pod means for its Job, and when indexes that succeeded are enough. Pure.

use std::collections::BTreeSet;

use k8s_openapi::api::{
    batch::v1::{Job, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule},
    core::v1::{ContainerStatus, Pod},
};

use super::indexes;
use crate::shared::{name, namespace, pods};

/// What a failed pod means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It counts towards the limit.
    Count,
    /// It does not count.
    Ignore,
    /// Its index has failed for good.
    FailIndex,
    /// The Job has failed, for this reason.
    FailJob(String),
}

/// The first rule of the Job's failure policy that matches decides.
pub(super) fn meaning(job: &Job, pod: &Pod) -> Meaning {
    let rules =
        job.spec.as_ref().and_then(|spec| spec.pod_failure_policy.as_ref()).map(|policy| &policy.rules);
    for (at, rule) in rules.into_iter().flatten().enumerate() {
        let Some(why) = matches(rule, pod) else { continue };
        return match rule.action.as_str() {
            "Ignore" => Meaning::Ignore,
            "FailIndex" => Meaning::FailIndex,
            "FailJob" => Meaning::FailJob(format!("{why} matching FailJob rule at index {at}")),
            _ => Meaning::Count,
        };
    }
    Meaning::Count
}

fn matches(rule: &PodFailurePolicyRule, pod: &Pod) -> Option<String> {
    let place = format!("{}/{}", namespace(pod), name(pod));
    if let Some(codes) = &rule.on_exit_codes {
        let status = pod.status.as_ref()?;
        let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
        let (container, code) = containers.filter_map(|container| exit(codes, container)).next()?;
        return Some(format!("Container {container} for pod {place} failed with exit code {code}"));
    }
    rule.on_pod_conditions.iter().flatten().find_map(|pattern| {
        let wanted = pattern.status.as_deref().unwrap_or("True");
        let condition = pods::condition(pod, &pattern.type_)?;
        (condition.status == wanted).then(|| format!("Pod {place} has condition {}", pattern.type_))
    })
}

fn exit<'a>(
    codes: &PodFailurePolicyOnExitCodesRequirement,
    container: &'a ContainerStatus,
) -> Option<(&'a str, i32)> {
    let code = container.state.as_ref()?.terminated.as_ref()?.exit_code;
    let meant = codes.container_name.as_ref().is_none_or(|name| *name == container.name);
    let listed = codes.values.contains(&code);
    let matched = if codes.operator == "NotIn" { !listed } else { listed };
    (code != 0 && meant && matched).then_some((container.name.as_str(), code))
}

/// The first rule of the Job's success policy that the finished indexes satisfy.
pub(super) fn success(job: &Job, completed: &BTreeSet<i32>, completions: i32) -> Option<usize> {
    let rules = job.spec.as_ref()?.success_policy.as_ref()?.rules.as_slice();
    rules.iter().position(|rule| match &rule.succeeded_indexes {
        Some(text) => {
            let wanted = indexes::parse(Some(text), completions);
            let count =
                rule.succeeded_count.map_or(wanted.len(), |count| usize::try_from(count).unwrap_or(0));
            wanted.intersection(completed).count() >= count
        }
        None => {
            rule.succeeded_count.is_some_and(|count| completed.len() >= usize::try_from(count).unwrap_or(0))
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(spec: Value) -> Job {
        let mut job = json!({"metadata": {}, "spec": {"template": {}}});
        json_patch::merge(&mut job, &json!({"spec": spec}));
        serde_json::from_value(job).unwrap()
    }

    fn failed(code: i32, condition: &str) -> Pod {
        serde_json::from_value(
            json!({"metadata": {"name": "p", "namespace": "n"}, "status": {"phase": "Failed",
            "conditions": [{"type": condition, "status": "True"}],
            "containerStatuses": [{"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": code}}}]}}),
        )
        .unwrap()
    }

    #[test]
    fn the_first_matching_rule_decides() {
        let job = job(json!({"podFailurePolicy": {"rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
            {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [3]}},
            {"action": "FailJob", "onExitCodes": {"containerName": "c", "operator": "NotIn", "values": [1, 2]}}]}}));
        assert_eq!(meaning(&job, &failed(9, "DisruptionTarget")), Meaning::Ignore);
        assert_eq!(meaning(&job, &failed(3, "x")), Meaning::FailIndex);
        assert_eq!(meaning(&job, &failed(1, "x")), Meaning::Count);
        assert_eq!(
            meaning(&job, &failed(42, "x")),
            Meaning::FailJob(
                "Container c for pod n/p failed with exit code 42 matching FailJob rule at index 2".into()
            )
        );
    }

    #[test]
    fn some_indexes_can_be_enough() {
        let job = job(json!({"successPolicy": {"rules": [
            {"succeededIndexes": "0-2", "succeededCount": 2}, {"succeededIndexes": "9"}, {"succeededCount": 5}]}}));
        for (completed, expected) in [("0", None), ("0,2", Some(0)), ("9", Some(1)), ("3-7", Some(2))] {
            assert_eq!(success(&job, &indexes::parse(Some(completed), 10), 10), expected, "{completed}");
        }
    }
}
