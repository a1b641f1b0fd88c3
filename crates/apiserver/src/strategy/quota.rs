//! ResourceQuotas: names that can be counted, amounts that make sense, scopes that fit and never change.

use std::collections::BTreeSet;

use objects::quantity::Quantity;
use objects::validate::{self, FieldError};
use serde_json::Value;

use super::fields::{items, text};
use super::{Ctx, Strategy};

/// Strategy of core/v1 ResourceQuota.
pub(super) struct ResourceQuota;

/// Names without a domain that a quota may have.
const STANDARD: [&str; 19] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "persistentvolumeclaims",
    "configmaps",
    "services.nodeports",
    "services.loadbalancers",
];

/// Standard names whose amounts are numbers of things.
const WHOLE: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// Names that scopes about the lifetime and priority of pods go with.
const COMPUTE: [&str; 7] =
    ["pods", "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

const SCOPES: [&str; 7] = [
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];

impl Strategy for ResourceQuota {
    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = amount_errors(&object["spec"], "spec", &["hard"]);
        errors.extend(scope_errors(&object["spec"]));
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        if ctx.subresource == Some("status") {
            return amount_errors(&new["status"], "status", &["hard", "used"]);
        }
        let mut errors = self.validate_create(ctx, new);
        let scopes = |object: &Value| -> BTreeSet<String> {
            items(&object["spec"], "scopes").iter().map(Value::to_string).collect()
        };
        if scopes(new) != scopes(old) {
            let value = new["spec"].get("scopes").cloned().unwrap_or_default();
            errors.push(FieldError::invalid("spec.scopes", value, "field is immutable"));
        }
        errors
    }
}

fn is_standard(name: &str) -> bool {
    STANDARD.contains(&name) || name.starts_with("hugepages-") || name.starts_with("requests.hugepages-")
}

fn amount_errors(object: &Value, path: &str, lists: &[&str]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for list in lists {
        for (name, value) in object.get(list).and_then(Value::as_object).into_iter().flatten() {
            let path = format!("{path}.{list}[{name}]");
            let found = validate::qualified_name(name).into_iter();
            errors.extend(found.map(|detail| FieldError::invalid(&path, name.as_str(), detail)));
            if !name.contains('/') && !is_standard(name) {
                let detail = "must be a standard resource for quota";
                errors.push(FieldError::invalid(&path, name.as_str(), detail));
            }
            let Some(amount) = value.as_str().and_then(|text| Quantity::parse(text).ok()) else { continue };
            if amount.sign() < 0 {
                let detail = "must be greater than or equal to 0";
                errors.push(FieldError::invalid(&path, amount.to_string(), detail));
            }
            let device =
                name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with("requests.");
            let whole = device || WHOLE.contains(&name.as_str());
            if whole && amount.milli() % 1000 != 0 {
                errors.push(FieldError::invalid(&path, amount.to_string(), "must be an integer"));
            }
        }
    }
    errors
}

/// Whether a scope goes with a standard name.
fn fits(scope: &str, name: &str) -> bool {
    match scope {
        "Terminating"
        | "NotTerminating"
        | "NotBestEffort"
        | "PriorityClass"
        | "CrossNamespacePodAffinity" => COMPUTE.contains(&name),
        "BestEffort" => name == "pods",
        "VolumeAttributesClass" => matches!(name, "persistentvolumeclaims" | "requests.storage"),
        _ => true,
    }
}

fn scope_errors(spec: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let hard: Vec<&String> =
        spec.get("hard").and_then(Value::as_object).into_iter().flat_map(|map| map.keys()).collect();
    let plain: Vec<&str> = items(spec, "scopes").iter().filter_map(Value::as_str).collect();
    let value = || spec.get("scopes").cloned().unwrap_or_default();
    for scope in &plain {
        if !SCOPES.contains(scope) {
            errors.push(FieldError::invalid("spec.scopes", value(), "unsupported scope"));
        }
        for _ in hard.iter().filter(|name| is_standard(name) && !fits(scope, name)) {
            let detail = "unsupported scope applied to resource";
            errors.push(FieldError::invalid("spec.scopes", value(), detail));
        }
    }
    if conflict(&plain) {
        errors.push(FieldError::invalid("spec.scopes", value(), "conflicting scopes"));
    }
    let path = "spec.scopeSelector.matchExpressions";
    let expressions = items(&spec["scopeSelector"], "matchExpressions");
    for one in expressions {
        let (scope, operator) = (text(one, "scopeName"), text(one, "operator"));
        if !SCOPES.contains(&scope) {
            errors.push(FieldError::invalid(format!("{path}.scopeName"), scope, "unsupported scope"));
        }
        for _ in hard.iter().filter(|name| is_standard(name) && !fits(scope, name)) {
            let selector = spec.get("scopeSelector").cloned().unwrap_or_default();
            errors.push(FieldError::invalid(path, selector, "unsupported scope applied to resource"));
        }
        if !matches!(scope, "PriorityClass" | "VolumeAttributesClass") && operator != "Exists" {
            let detail = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, \
                ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, \
                ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
            errors.push(FieldError::invalid(format!("{path}.operator"), operator, detail));
        }
        let values = items(one, "values");
        match operator {
            "In" | "NotIn" if values.is_empty() => {
                let detail =
                    "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
                errors.push(FieldError::required(format!("{path}.values"), detail));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail =
                    "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
                errors.push(FieldError::invalid(format!("{path}.values"), values.to_vec(), detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => errors.push(FieldError::invalid(
                format!("{path}.operator"),
                other,
                "not a valid selector operator",
            )),
        }
    }
    let named: Vec<&str> = expressions.iter().map(|one| text(one, "scopeName")).collect();
    if conflict(&named) {
        errors.push(FieldError::invalid(path, value(), "conflicting scopes"));
    }
    errors
}

/// Whether nothing can be in all of the scopes.
fn conflict(scopes: &[&str]) -> bool {
    let both = |one: &str, other: &str| scopes.contains(&one) && scopes.contains(&other);
    both("BestEffort", "NotBestEffort") || both("Terminating", "NotTerminating")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(spec: Value) -> Vec<String> {
        let mut errors = amount_errors(&spec, "spec", &["hard"]);
        errors.extend(scope_errors(&spec));
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_amounts_and_scopes() {
        assert_eq!(
            found(json!({"hard": {"pods": "5", "count/jobs.batch": "2", "requests.nvidia.com/gpu": "1"}})),
            [""; 0]
        );
        assert_eq!(
            found(json!({"hard": {"bananas": "5"}})),
            ["spec.hard[bananas]: Invalid value: \"bananas\": must be a standard resource for quota"]
        );
        assert_eq!(
            found(json!({"hard": {"pods": "1500m"}})),
            ["spec.hard[pods]: Invalid value: \"1500m\": must be an integer"]
        );
        assert_eq!(
            found(json!({"hard": {"cpu": "-1"}})),
            ["spec.hard[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"]
        );
        assert_eq!(
            found(json!({"hard": {"cpu": "1"}, "scopes": ["BestEffort"]})),
            ["spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to resource"]
        );
        assert_eq!(
            found(json!({"scopes": ["Terminating", "NotTerminating"]})),
            ["spec.scopes: Invalid value: [\"Terminating\",\"NotTerminating\"]: conflicting scopes"]
        );
        let selector = |one: Value| found(json!({"scopeSelector": {"matchExpressions": [one]}}));
        assert_eq!(
            selector(json!({"scopeName": "PriorityClass", "operator": "In", "values": ["a"]})),
            [""; 0]
        );
        assert_eq!(selector(json!({"scopeName": "PriorityClass", "operator": "In"})).len(), 1);
        assert_eq!(selector(json!({"scopeName": "BestEffort", "operator": "In", "values": ["a"]})).len(), 1);
    }
}
