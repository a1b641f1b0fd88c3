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
