//! `pods/resize`: the one way to change what a pod that exists asks for.
//!
//! Whether the node has room is the kubelet's to say. Here: nothing but CPU and memory changes, nothing is taken
//! away, and the class of service stays. Paths and texts are upstream's.

use objects::validate::FieldError;
use serde_json::{Value, json};

use super::{container, defaults, qos, validate};
use crate::strategy::fields::{has, is_empty, items, items_mut, put, set, text};

const LISTS: [&str; 2] = ["containers", "initContainers"];

/// Of what a client sent, resources and resize policies alone count. Containers that were added, removed or renamed
/// are left as they were sent, for [`check`] to refuse.
pub(super) fn keep_resources(new: &mut Value, old: &Value) {
    let sent = new.get("spec").cloned().unwrap_or_default();
    let before = old.get("spec").cloned().unwrap_or_default();
    if LISTS.iter().any(|list| items(&sent, list).len() != items(&before, list).len()) {
        return;
    }
    let mut spec = before.clone();
    for list in LISTS {
        for (container, sent) in items_mut(&mut spec, list).iter_mut().zip(items(&sent, list)) {
            put(container, "name", sent.get("name").cloned());
            put(container, "resources", sent.get("resources").cloned());
            put(container, "resizePolicy", sent.get("resizePolicy").cloned());
        }
    }
    // A client that knows nothing of resources of whole pods leaves them as they are.
    if has(&sent, "resources") {
        put(&mut spec, "resources", sent.get("resources").cloned());
        defaults::pod_level_requests(&mut spec);
    }
    set(new, "spec", spec);
}

/// Checks a resize.
pub(super) fn check(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    validate::pod_spec(&mut errors, &new["spec"], "spec");
    if qos::class(&new["spec"]) != qos::class(&old["spec"]) {
        let detail = "Pod QOS Class may not change as a result of resizing";
        errors.push(FieldError::invalid("spec", text(&new["status"], "qosClass"), detail));
    }
    if text(&old["spec"]["os"], "name") == "windows" {
        return vec![FieldError::forbidden("", "windows pods cannot be resized")];
    }
    whole_pod(&mut errors, &new["spec"], &old["spec"]);
    let order = order(&new["spec"], &old["spec"]);
    if !order.is_empty() {
        errors.extend(order);
        return errors;
    }
    for list in LISTS {
        let both = items(&new["spec"], list).iter().zip(items(&old["spec"], list));
        for (at, (after, before)) in both.enumerate() {
            let path = format!("spec.{list}[{at}]");
            let (wanted, had) = (&after["resources"], &before["resources"]);
            for (part, one) in [("requests", "resource requests"), ("limits", "resource limits")] {
                if removed(wanted, had, part) {
                    let detail = format!("{one} cannot be removed");
                    errors.push(FieldError::forbidden(format!("{path}.resources.{part}"), detail));
                }
            }
            let init = list == "initContainers";
            if fixed(wanted) != fixed(had) {
                errors.push(if init {
                    let detail = "only cpu and memory resources for init or sidecar containers are mutable";
                    FieldError::forbidden(&path, detail)
                } else {
                    FieldError::forbidden("spec", "only cpu and memory resources are mutable")
                });
            }
            let policies = items(after, "resizePolicy");
            let restarts = policies.iter().any(|p| text(p, "restartPolicy") == "RestartContainer");
            if init && wanted != had && restarts && text(after, "restartPolicy") != "Always" {
                let detail =
                    "non-sidecar init containers with a resize policy of RestartContainer cannot be resized";
                errors.push(FieldError::forbidden(path, detail));
            }
        }
    }
    errors
}

fn whole_pod(errors: &mut Vec<FieldError>, new: &Value, old: &Value) {
    if !has(old, "resources") && !has(new, "resources") {
        return;
    }
    let (wanted, had) = (&new["resources"], &old["resources"]);
    for part in ["requests", "limits"] {
        if removed(wanted, had, part) {
            let detail = format!("pod-level resource {part} cannot be removed");
            errors.push(FieldError::forbidden(format!("spec.resources.{part}"), detail));
        }
    }
    if fixed(wanted) != fixed(had) {
        errors.push(FieldError::forbidden("spec", "only cpu and memory resources are mutable at pod-level"));
    }
    container::resources(errors, wanted, "spec.resources");
}

fn order(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for list in LISTS {
        let (after, before) = (items(new, list), items(old, list));
        if after.len() != before.len() {
            let detail = format!("{list} may not be added or removed on resize");
            errors.push(FieldError::forbidden(format!("spec.{list}"), detail));
            continue;
        }
        for (at, (one, two)) in after.iter().zip(before).enumerate() {
            if text(one, "name") != text(two, "name") {
                let detail = format!("{list} may not be renamed or reordered on resize");
                errors.push(FieldError::forbidden(format!("spec.{list}[{at}].name"), detail));
            }
        }
    }
    errors
}

/// Whether a resource that was named is named no more.
fn removed(new: &Value, old: &Value, part: &str) -> bool {
    let names = old.get(part).and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name);
    names.into_iter().any(|name| new.get(part).is_none_or(|list| list.get(name).is_none()))
}

/// Resources without what may change.
fn fixed(resources: &Value) -> Value {
    let mut rest = resources.clone();
    for part in ["requests", "limits"] {
        if let Some(list) = rest.get_mut(part) {
            put(list, "cpu", None);
            put(list, "memory", None);
        }
        if is_empty(&rest, part) {
            put(&mut rest, part, None);
        }
    }
    if rest.is_null() { json!({}) } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(resources: Value) -> Value {
        json!({
            "spec": {"containers": [
                {"name": "a", "image": "i:1", "terminationMessagePolicy": "File", "imagePullPolicy": "Always",
                 "resources": resources},
            ], "restartPolicy": "Always", "dnsPolicy": "ClusterFirst"},
            "status": {"qosClass": "Burstable"},
        })
    }

    #[test]
    fn cpu_and_memory_change_and_nothing_else() {
        let old = pod(json!({"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}));
        let checked = |resources: Value| {
            let mut new = pod(resources);
            new["spec"]["containers"][0]["image"] = json!("other");
            keep_resources(&mut new, &old);
            assert_eq!(new["spec"]["containers"][0]["image"], "i:1");
            check(&new, &old).iter().map(|e| format!("{}: {}", e.field, e.detail)).collect::<Vec<_>>()
        };
        assert!(checked(json!({"requests": {"cpu": "2"}, "limits": {"memory": "2Gi"}})).is_empty());
        assert!(
            checked(json!({"requests": {"cpu": "2", "memory": "1"}, "limits": {"memory": "2Gi"}})).is_empty()
        );
        for (resources, wanted) in [
            (
                json!({"limits": {"memory": "1Gi"}}),
                "spec.containers[0].resources.requests: resource requests cannot be removed",
            ),
            (
                json!({"requests": {"cpu": "1", "example.com/gpu": "1"},
                       "limits": {"memory": "1Gi", "example.com/gpu": "1"}}),
                "spec: only cpu and memory resources are mutable",
            ),
            (
                json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}),
                "spec: Pod QOS Class may not change as a result of resizing",
            ),
        ] {
            assert_eq!(checked(resources), [wanted]);
        }
        let mut renamed = pod(json!({"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}));
        renamed["spec"]["containers"][0]["name"] = json!("b");
        keep_resources(&mut renamed, &old);
        assert_eq!(check(&renamed, &old)[0].field, "spec.containers[0].name");
    }
}
