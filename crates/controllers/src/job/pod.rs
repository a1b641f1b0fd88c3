//! The pods of a Job: how one is made, and what can be read off it. Pure.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, Pod},
    },
    jiff::Timestamp,
};

use crate::shared::{created, name, namespace, owners, pods};

/// Finalizer of a pod that was not counted yet.
pub(super) const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// Annotation and label with the index of a pod of an indexed Job.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// Annotation: how often the index had failed when the pod was made.
const INDEX_FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// The same for failures that the policy ignored.
const INDEX_IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

/// A new pod; `index` is for indexed Jobs, `failures` for limits per index.
pub(super) fn new(job: &Job, index: Option<i32>, failures: Option<(i32, i32)>) -> Pod {
    let spec = job.spec.as_ref();
    let template = spec.map(|spec| spec.template.clone()).unwrap_or_default();
    let prefix = match index {
        Some(index) => format!("{}-{index}", name(job)),
        None => name(job).to_owned(),
    };
    let mut pod = pods::from_template(&template, namespace(job), &prefix, owners::controller_reference(job));
    pod.metadata.finalizers.get_or_insert_default().push(TRACKING.into());
    let selected = spec.and_then(|spec| spec.selector.as_ref()?.match_labels.clone()).unwrap_or_default();
    let labels = pod.metadata.labels.get_or_insert_default();
    for (key, value) in selected {
        labels.entry(key).or_insert(value);
    }
    let Some(index) = index else { return pod };
    labels.insert(INDEX.into(), index.to_string());
    let annotations = pod.metadata.annotations.get_or_insert_default();
    annotations.insert(INDEX.into(), index.to_string());
    if let Some((counted, ignored)) = failures {
        annotations.insert(INDEX_FAILURES.into(), counted.to_string());
        if ignored > 0 {
            annotations.insert(INDEX_IGNORED.into(), ignored.to_string());
        }
    }
    if let Some(spec) = &mut pod.spec {
        spec.hostname = Some(prefix);
        for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
            let env = container.env.get_or_insert_default();
            if !env.iter().any(|variable| variable.name == "JOB_COMPLETION_INDEX") {
                env.push(index_variable());
            }
        }
    }
    pod
}

fn index_variable() -> EnvVar {
    let field = ObjectFieldSelector {
        field_path: format!("metadata.labels['{INDEX}']"),
        ..ObjectFieldSelector::default()
    };
    EnvVar {
        name: "JOB_COMPLETION_INDEX".into(),
        value_from: Some(EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() }),
        ..EnvVar::default()
    }
}

/// The completion index of a pod; none if it has none or it is not below `completions`.
pub(super) fn index(pod: &Pod, completions: i32) -> Option<i32> {
    let index = number(pod.metadata.annotations.as_ref(), INDEX)?;
    (0..completions).contains(&index).then_some(index)
}

/// How often the pod's index had failed before it: counted and ignored.
pub(super) fn failures_before(pod: &Pod) -> (i32, i32) {
    let annotations = pod.metadata.annotations.as_ref();
    (number(annotations, INDEX_FAILURES).unwrap_or(0), number(annotations, INDEX_IGNORED).unwrap_or(0))
}

fn number(annotations: Option<&BTreeMap<String, String>>, key: &str) -> Option<i32> {
    annotations?.get(key)?.parse().ok()
}

pub(super) fn is_tracked(pod: &Pod) -> bool {
    pod.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == TRACKING)
}

/// When the pod ended: when its last container did, as far as that is known.
pub(super) fn ended(pod: &Pod) -> Timestamp {
    let status = pod.status.as_ref();
    let containers = status.into_iter().flat_map(|status| status.container_statuses.iter().flatten());
    let last = containers
        .filter_map(|container| container.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref())
        .map(|time| time.0)
        .max();
    let leaving = pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let unready =
        || pods::condition(pod, "Ready").and_then(|ready| ready.last_transition_time.as_ref()).map(|t| t.0);
    last.or(leaving).or_else(unready).unwrap_or_else(|| created(pod))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_indexed_pod_knows_its_index_everywhere() {
        let job: Job =
            serde_json::from_value(json!({"metadata": {"name": "j", "namespace": "n", "uid": "u"}, "spec": {
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
            "template": {"spec": {"containers": [{"name": "c"}]}}}}))
            .unwrap();
        let pod = new(&job, Some(3), Some((1, 0)));
        assert_eq!(pod.metadata.generate_name.as_deref(), Some("j-3-"));
        assert_eq!((index(&pod, 4), index(&pod, 3), failures_before(&pod)), (Some(3), None, (1, 0)));
        let spec = pod.spec.as_ref().unwrap();
        assert_eq!(spec.hostname.as_deref(), Some("j-3"));
        assert_eq!(spec.containers[0].env.as_ref().unwrap()[0].name, "JOB_COMPLETION_INDEX");
        assert_eq!(pod.metadata.labels.as_ref().unwrap()["batch.kubernetes.io/controller-uid"], "u");
        assert!(is_tracked(&pod));
    }
}
