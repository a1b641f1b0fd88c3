//! Which ReplicaSet stands for the current template, how it is made, and the numbering of revisions. Pure.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec},
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde_json::Value;

use super::plan::{self, DESIRED, MAXIMUM};
use crate::shared::{created, hash, name, namespace, owners};

/// The number of a revision, on sets and on the Deployment.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Numbers that a set had before.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The label that keeps the pods of different templates apart.
pub(super) const HASH: &str = "pod-template-hash";

/// Annotations of a Deployment that say nothing about its sets.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAXIMUM,
    "deprecated.deployment.rollback.to",
];

/// The revision of a set; 0 if it has none.
pub(super) fn revision(meta: &ObjectMeta) -> i64 {
    let text = meta.annotations.as_ref().and_then(|annotations| annotations.get(REVISION));
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Splits sets into the one of the current template (the oldest, if there are several) and the others.
pub(super) fn split(
    deployment: &Deployment,
    mut sets: Vec<Arc<ReplicaSet>>,
) -> (Option<Arc<ReplicaSet>>, Vec<Arc<ReplicaSet>>) {
    sets.sort_by_key(|set| (created(&**set), name(&**set).to_owned()));
    let wanted = comparable(&deployment.spec.template);
    let at =
        sets.iter().position(|set| set.spec.template.as_ref().is_some_and(|own| comparable(own) == wanted));
    let new = at.map(|at| sets.remove(at));
    (new, sets)
}

/// Whether a set is made from the Deployment's current template.
pub(super) fn is_current(deployment: &Deployment, set: &ReplicaSet) -> bool {
    set.spec.template.as_ref().is_some_and(|own| comparable(own) == comparable(&deployment.spec.template))
}

/// A template without the hash label and without empty fields.
fn comparable(template: &PodTemplateSpec) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template.metadata.as_mut().and_then(|meta| meta.labels.as_mut()) {
        labels.remove(HASH);
    }
    let mut value = serde_json::to_value(&template).unwrap_or_default();
    prune(&mut value);
    value
}

fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(prune);
            fields.retain(|_, field| {
                !(field.is_null()
                    || field.as_object().is_some_and(serde_json::Map::is_empty)
                    || field.as_array().is_some_and(Vec::is_empty))
            });
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// The annotations that the set of the current template should have, given those it has.
pub(super) fn annotations(
    deployment: &Deployment,
    existing: Option<&ReplicaSet>,
    old: &[Arc<ReplicaSet>],
) -> BTreeMap<String, String> {
    let next = old.iter().map(|set| revision(&set.metadata)).max().unwrap_or(0) + 1;
    let mut annotations = existing.and_then(|set| set.metadata.annotations.clone()).unwrap_or_default();
    for (key, value) in deployment.metadata.annotations.iter().flatten() {
        if !OWN.contains(&key.as_str()) {
            annotations.insert(key.clone(), value.clone());
        }
    }
    match existing {
        None => {
            annotations.insert(DESIRED.into(), plan::wanted(deployment).to_string());
            annotations.insert(MAXIMUM.into(), plan::max_total(deployment).to_string());
            annotations.insert(REVISION.into(), next.to_string());
        }
        Some(set) if revision(&set.metadata) < next => {
            let before = annotations.insert(REVISION.into(), next.to_string());
            if let Some(before) = before.filter(|before| !before.is_empty()) {
                let history = annotations.entry(HISTORY.into()).or_default();
                if !history.is_empty() {
                    history.push(',');
                }
                history.push_str(&before);
            }
        }
        Some(_) => {}
    }
    annotations
}

/// A ReplicaSet for the current template.
pub(super) fn new_set(deployment: &Deployment, old: &[Arc<ReplicaSet>]) -> ReplicaSet {
    let collisions = deployment.status.as_ref().and_then(|status| status.collision_count);
    let hash = hash::short(&deployment.spec.template, collisions);
    let mut template = deployment.spec.template.clone();
    let meta = template.metadata.get_or_insert_default();
    meta.labels.get_or_insert_default().insert(HASH.into(), hash.clone());
    let labels = meta.labels.clone();
    let mut selector = deployment.spec.selector.clone();
    selector.match_labels.get_or_insert_default().insert(HASH.into(), hash.clone());
    ReplicaSet {
        metadata: ObjectMeta {
            name: Some(format!("{}-{hash}", name(deployment))),
            namespace: Some(namespace(deployment).into()),
            labels,
            annotations: Some(annotations(deployment, None, old)),
            owner_references: Some(vec![owners::controller_reference(deployment)]),
            ..ObjectMeta::default()
        },
        spec: ReplicaSetSpec {
            replicas: Some(plan::grow_new(deployment, None, old)),
            min_ready_seconds: deployment.spec.min_ready_seconds,
            selector,
            template: Some(template),
        },
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(image: &str) -> Deployment {
        serde_json::from_value(json!({"metadata": {"name": "d", "namespace": "n", "uid": "u",
            "annotations": {"note": "x", REVISION: "7", "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": image}]}}}}))
        .unwrap()
    }

    fn made(image: &str, old: &[Arc<ReplicaSet>]) -> Arc<ReplicaSet> {
        Arc::new(new_set(&deployment(image), old))
    }

    #[test]
    fn a_set_carries_hash_owner_and_the_deployments_annotations() {
        let set = made("one", &[]);
        let hash = set.metadata.labels.as_ref().unwrap()[HASH].clone();
        assert_eq!(set.metadata.name.as_deref(), Some(format!("d-{hash}").as_str()));
        assert_eq!(set.spec.selector.match_labels.as_ref().unwrap()[HASH], hash);
        assert_eq!(set.metadata.owner_references.as_ref().unwrap()[0].kind, "Deployment");
        let annotations = set.metadata.annotations.as_ref().unwrap();
        assert_eq!(
            annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>(),
            [(DESIRED, "3"), (MAXIMUM, "4"), (REVISION, "1"), ("note", "x")]
        );
        assert_eq!(set.spec.replicas, Some(3));
    }

    #[test]
    fn going_back_reuses_the_old_set_under_a_new_number() {
        let one = made("one", &[]);
        let two = made("two", std::slice::from_ref(&one));
        assert_eq!(revision(&two.metadata), 2);
        let (new, old) = split(&deployment("one"), vec![two.clone(), one.clone()]);
        let new = new.unwrap();
        assert_eq!((new.metadata.name.clone(), old.len()), (one.metadata.name.clone(), 1));
        let annotations = annotations(&deployment("one"), Some(&new), &old);
        assert_eq!((annotations[REVISION].as_str(), annotations[HISTORY].as_str()), ("3", "1"));
        assert!(split(&deployment("three"), vec![one, two]).0.is_none());
    }
}
