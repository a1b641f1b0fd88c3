//! What may change in a pod: images, deadlines shortened, tolerations and gates; little else, and never the shape.

use objects::validate::FieldError;
use serde_json::Value;

use super::restarts;
use super::validate::tolerations;
use crate::strategy::fields::{has, items, items_mut, number, put, set, text};

/// Checks an update of the pod itself.
pub(super) fn spec(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (new, old) = (new.get("spec").unwrap_or(&Value::Null), old.get("spec").unwrap_or(&Value::Null));
    for list in ["containers", "initContainers"] {
        if items(new, list).len() != items(old, list).len() {
            let detail = "pod updates may not add or remove containers";
            errors.push(FieldError::forbidden(format!("spec.{list}"), detail));
            return errors;
        }
        for (at, container) in items(new, list).iter().enumerate() {
            if text(container, "image").is_empty() {
                errors.push(FieldError::required(format!("spec.{list}[{at}].image"), ""));
            }
        }
    }
    deadline(&mut errors, new, old);
    only_added(&mut errors, new, old);
    only_removed(&mut errors, new, old);
    if comparable(new, old) != *old {
        errors.push(FieldError::forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`, \
             `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, \
             `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative), \
             `spec.tolerations` (only additions to existing tolerations)",
        ));
    }
    errors
}

/// The new spec with everything that may differ taken from the old one.
fn comparable(new: &Value, old: &Value) -> Value {
    let mut new = new.clone();
    for list in ["containers", "initContainers"] {
        let before = items(old, list);
        for (at, container) in items_mut(&mut new, list).iter_mut().enumerate() {
            put(container, "image", before.get(at).and_then(|one| one.get("image")).cloned());
        }
    }
    for key in ["activeDeadlineSeconds", "tolerations"] {
        put(&mut new, key, old.get(key).cloned());
    }
    let gated = !items(old, "schedulingGates").is_empty();
    if gated {
        // A pod that waits behind gates may still be steered to a smaller set of nodes.
        for key in ["schedulingGates", "nodeSelector", "affinity"] {
            put(&mut new, key, old.get(key).cloned());
        }
    }
    if number(old, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0)
        && number(&new, "terminationGracePeriodSeconds") == Some(1)
    {
        put(&mut new, "terminationGracePeriodSeconds", old.get("terminationGracePeriodSeconds").cloned());
    }
    new
}

fn deadline(errors: &mut Vec<FieldError>, new: &Value, old: &Value) {
    let (after, before) = (number(new, "activeDeadlineSeconds"), number(old, "activeDeadlineSeconds"));
    let field = "spec.activeDeadlineSeconds";
    match (after, before) {
        (Some(after), _) if after < 1 => {
            errors.push(FieldError::invalid(field, after, "must be between 1 and 2147483647, inclusive"));
        }
        (Some(after), Some(before)) if after > before => {
            let detail = "must be less than or equal to previous value";
            errors.push(FieldError::invalid(field, after, detail));
        }
        (None, Some(_)) => {
            errors.push(FieldError::invalid(
                field,
                Value::Null,
                "must not update from a positive integer to nil value",
            ));
        }
        _ => {}
    }
}

/// Tolerations may be added; those that exist may only change their seconds.
fn only_added(errors: &mut Vec<FieldError>, new: &Value, old: &Value) {
    let (after, before) = (items(new, "tolerations"), items(old, "tolerations"));
    if after == before {
        return;
    }
    tolerations(errors, after, "spec.tolerations");
    let timeless = |toleration: &Value| {
        let mut copy = toleration.clone();
        put(&mut copy, "tolerationSeconds", None);
        copy
    };
    for toleration in before {
        if !after.iter().any(|one| timeless(one) == timeless(toleration)) {
            let detail = "existing toleration can not be modified except its tolerationSeconds";
            errors.push(FieldError::forbidden("spec.tolerations", detail));
            break;
        }
    }
}

fn only_removed(errors: &mut Vec<FieldError>, new: &Value, old: &Value) {
    for gate in items(new, "schedulingGates") {
        if !items(old, "schedulingGates").contains(gate) {
            let name = text(gate, "name");
            let detail = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            errors.push(FieldError::forbidden("spec.schedulingGates", detail));
        }
    }
}

/// Checks a write of the status: the node is decided by binding alone.
pub(super) fn status(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if new["spec"].get("nodeName") != old["spec"].get("nodeName") {
        errors.push(FieldError::forbidden("status.nodeName", "may not be changed directly"));
    }
    if !has(&old["status"], "containerStatuses") {
        return errors;
    }
    // Where nothing starts it again, a container that ended stays ended.
    if restarts::any_starts_all(&old["spec"]) {
        return errors;
    }
    let policy = text(&old["spec"], "restartPolicy");
    for (at, before) in items(&old["status"], "containerStatuses").iter().enumerate() {
        let exit = before.pointer("/state/terminated/exitCode").and_then(Value::as_i64);
        let Some(exit) = exit else { continue };
        let mut containers = items(&old["spec"], "containers").iter();
        let spec = containers.find(|one| one["name"] == before["name"]).unwrap_or(&Value::Null);
        if restarts::starts_again(spec, policy, exit) {
            continue;
        }
        let after =
            items(&new["status"], "containerStatuses").iter().find(|one| one["name"] == before["name"]);
        if after.is_some_and(|after| !has(&after["state"], "terminated")) {
            let field = format!("status.containerStatuses[{at}].state");
            errors.push(FieldError::forbidden(field, "may not be transitioned to non-terminated state"));
        }
    }
    errors
}

/// Of what a client sent to `ephemeralcontainers`, that list alone counts.
pub(super) fn keep_ephemeral_containers(new: &mut Value, old: &Value) {
    let mut spec = old.get("spec").cloned().unwrap_or_default();
    put(&mut spec, "ephemeralContainers", new.pointer("/spec/ephemeralContainers").cloned());
    set(new, "spec", spec);
}

/// Checks an update of the ephemeral containers: they can be added, never changed or removed.
pub(super) fn ephemeral_containers(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    super::validate::pod_spec(&mut errors, &new["spec"], "spec");
    let after = items(&new["spec"], "ephemeralContainers");
    for before in items(&old["spec"], "ephemeralContainers") {
        let name = text(before, "name");
        match after.iter().find(|one| text(one, "name") == name) {
            None => {
                let detail = format!("existing ephemeral containers {name:?} may not be removed\n");
                errors.push(FieldError::forbidden("spec.ephemeralContainers", detail));
            }
            Some(one) if one != before => {
                let detail = format!("existing ephemeral containers {name:?} may not be changed\n");
                errors.push(FieldError::forbidden("spec.ephemeralContainers", detail));
            }
            Some(_) => {}
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn base() -> Value {
        json!({"spec": {
            "containers": [{"name": "a", "image": "x:1"}], "nodeName": "n",
            "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3}],
            "activeDeadlineSeconds": 10,
        }})
    }

    #[test]
    fn what_may_change_and_what_may_not() {
        for (path, value, allowed) in [
            ("/spec/containers/0/image", json!("x:2"), true),
            ("/spec/containers/0/image", json!(""), false),
            ("/spec/containers/0/name", json!("b"), false),
            ("/spec/nodeName", json!("m"), false),
            ("/spec/activeDeadlineSeconds", json!(5), true),
            ("/spec/activeDeadlineSeconds", json!(11), false),
            ("/spec/tolerations/0/tolerationSeconds", json!(9), true),
            ("/spec/tolerations/0/key", json!("other"), false),
        ] {
            let mut new = base();
            *new.pointer_mut(path).unwrap() = value.clone();
            let errors = spec(&new, &base());
            assert_eq!(errors.is_empty(), allowed, "{path} = {value}: {errors:?}");
        }
    }

    #[test]
    fn an_ended_container_stays_ended() {
        let old = json!({"spec": {"restartPolicy": "Never"}, "status": {"containerStatuses": [
            {"name": "a", "state": {"terminated": {"exitCode": 1}}}]}});
        let mut new = old.clone();
        assert!(status(&new, &old).is_empty());
        new["status"]["containerStatuses"][0]["state"] = json!({"running": {}});
        assert_eq!(status(&new, &old)[0].field, "status.containerStatuses[0].state");
        // A container's own policy and rules come before the pod's.
        let rules = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}]);
        for (container, allowed) in [
            (json!({"name": "a", "restartPolicy": "Always"}), true),
            (json!({"name": "a", "restartPolicy": "Never", "restartPolicyRules": rules}), true),
            (json!({"name": "a", "restartPolicy": "Never"}), false),
        ] {
            let mut old = old.clone();
            old["spec"]["containers"] = json!([container]);
            assert_eq!(status(&new, &old).is_empty(), allowed, "{container}");
        }
    }
}
