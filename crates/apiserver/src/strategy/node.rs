//! Nodes and Leases.

use objects::validate::{self, FieldError, Reason};
use serde_json::{Value, json};

use super::fields::{default, has, is_empty, items, name_errors, number, put, set, text};
use super::{Ctx, Strategy};

/// Strategy of core/v1 Node.
pub(super) struct Node;
/// Strategy of coordination.k8s.io Lease.
pub(super) struct Lease;

impl Strategy for Node {
    fn default_spec(&self, object: &mut Value) {
        default(object, "spec", json!({}));
        if let Some(status) = object.get_mut("status").filter(|status| has(status, "capacity")) {
            let capacity = status.get("capacity").cloned().unwrap_or_default();
            default(status, "allocatable", capacity);
        }
        // The old single field and the list always say the same.
        if let Some(spec) = object.get_mut("spec") {
            let single = text(spec, "podCIDR").to_owned();
            if !single.is_empty() && is_empty(spec, "podCIDRs") {
                set(spec, "podCIDRs", json!([single]));
            } else if single.is_empty()
                && let Some(first) = items(spec, "podCIDRs").first().cloned()
            {
                set(spec, "podCIDR", first);
            }
        }
    }

    /// A kubelet registers its node together with the status.
    fn prepare_create(&self, _ctx: &Ctx<'_>, _object: &mut Value) {}

    fn takes_status_on_create(&self) -> bool {
        true
    }

    fn prepare_update(&self, ctx: &Ctx<'_>, new: &mut Value, old: &Value) {
        let kept = if ctx.subresource == Some("status") { "spec" } else { "status" };
        put(new, kept, old.get(kept).cloned());
        if ctx.subresource == Some("status") {
            taint_by_condition(new);
        }
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut seen = Vec::new();
        for (at, taint) in items(&object["spec"], "taints").iter().enumerate() {
            let path = format!("spec.taints[{at}]");
            let (key, effect) = (text(taint, "key"), text(taint, "effect"));
            name_errors(&mut errors, &format!("{path}.key"), key, validate::qualified_name(key));
            let value = text(taint, "value");
            name_errors(&mut errors, &format!("{path}.value"), value, validate::label_value(value));
            let allowed = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
            if effect.is_empty() {
                errors.push(FieldError::required(format!("{path}.effect"), ""));
            } else if !allowed.contains(&effect) {
                errors.push(FieldError::not_supported(format!("{path}.effect"), effect, &allowed));
            }
            if seen.contains(&(key, effect)) {
                let mut error = FieldError::new(path, Reason::Duplicate, taint.clone(), "");
                error.detail = "taints must be unique by key and effect pair".into();
                errors.push(error);
            }
            seen.push((key, effect));
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.validate_create(ctx, new);
        let (is, was) = (&new["spec"], &old["spec"]);
        if !is_empty(was, "podCIDRs") && is.get("podCIDRs") != was.get("podCIDRs") {
            let detail = "node updates may not change podCIDR except from \"\" to valid";
            errors.push(FieldError::forbidden("spec.podCIDRs", detail));
        }
        if !is_empty(was, "providerID") && is.get("providerID") != was.get("providerID") {
            let detail = "node updates may not change providerID except from \"\" to valid";
            errors.push(FieldError::forbidden("spec.providerID", detail));
        }
        errors
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["spec.unschedulable"]
    }

    fn field(&self, object: &Value, _path: &str) -> String {
        super::fields::flag(&object["spec"], "unschedulable").to_string()
    }
}

/// Conditions, the status by which each is trouble, and the taint that keeps new pods away meanwhile.
const TROUBLES: [(&str, bool, &str); 5] = [
    ("Ready", false, "node.kubernetes.io/not-ready"),
    ("MemoryPressure", true, "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", true, "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", true, "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", true, "node.kubernetes.io/network-unavailable"),
];

/// The taints that say what the conditions say. Upstream leaves this to a controller; done in the write of the
/// status itself there is no moment at which one is true and the other is not. A node of which nothing has been
/// heard (`Ready` unknown) is for the controller that watches leases.
fn taint_by_condition(node: &mut Value) {
    let conditions = node["status"].get("conditions").cloned().unwrap_or_default();
    let status = |kind: &str| {
        let list = conditions.as_array().into_iter().flatten();
        list.into_iter().find(|one| text(one, "type") == kind).map(|one| text(one, "status").to_owned())
    };
    let mut taints = items(&node["spec"], "taints").to_vec();
    for (kind, when, key) in TROUBLES {
        let Some(status) = status(kind) else { continue };
        let own = |taint: &Value| text(taint, "key") == key && text(taint, "effect") == "NoSchedule";
        let trouble = status == if when { "True" } else { "False" };
        if trouble && !taints.iter().any(own) {
            taints.push(json!({"key": key, "effect": "NoSchedule"}));
        } else if !trouble && status != "Unknown" {
            taints.retain(|taint| !own(taint));
        }
    }
    if let Some(spec) = node.get_mut("spec") {
        put(spec, "taints", Some(Value::Array(taints)).filter(|list| list != &json!([])));
    }
}

impl Strategy for Lease {
    fn prepare_create(&self, _ctx: &Ctx<'_>, _object: &mut Value) {}

    fn prepare_update(&self, _ctx: &Ctx<'_>, _new: &mut Value, _old: &Value) {}

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let spec = object.get("spec").unwrap_or(&Value::Null);
        if let Some(value) = number(spec, "leaseDurationSeconds").filter(|value| *value <= 0) {
            errors.push(FieldError::invalid("spec.leaseDurationSeconds", value, "must be greater than 0"));
        }
        if let Some(value) = number(spec, "leaseTransitions").filter(|value| *value < 0) {
            let detail = "must be greater than or equal to 0";
            errors.push(FieldError::invalid("spec.leaseTransitions", value, detail));
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, _old: &Value) -> Vec<FieldError> {
        self.validate_create(ctx, new)
    }

    fn create_on_update(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taints_follow_conditions() {
        let taint = |key: &str| json!({"key": format!("node.kubernetes.io/{key}"), "effect": "NoSchedule"});
        let own = json!({"key": "mine", "effect": "NoSchedule"});
        for (conditions, before, after) in [
            (json!([{"type": "Ready", "status": "True"}]), json!([taint("not-ready"), own]), json!([own])),
            (json!([{"type": "Ready", "status": "False"}]), json!([own]), json!([own, taint("not-ready")])),
            (
                json!([{"type": "Ready", "status": "Unknown"}]),
                json!([taint("not-ready")]),
                json!([taint("not-ready")]),
            ),
            (json!([{"type": "Ready", "status": "True"}]), json!([taint("not-ready")]), Value::Null),
            (json!([{"type": "DiskPressure", "status": "True"}]), json!([]), json!([taint("disk-pressure")])),
            (json!([]), json!([taint("not-ready")]), json!([taint("not-ready")])),
        ] {
            let mut node = json!({"spec": {"taints": before}, "status": {"conditions": conditions}});
            taint_by_condition(&mut node);
            assert_eq!(node["spec"]["taints"], after, "{conditions}");
        }
    }
}
