//! What must hold for the fields of a container that say when it is started anew.

use std::collections::BTreeSet;

use objects::validate::{FieldError, Reason};
use serde_json::Value;

use crate::strategy::fields::{has, items, text};

/// Checks `restartPolicy` and `restartPolicyRules`.
pub(super) fn policy(errors: &mut Vec<FieldError>, container: &Value, path: &str) {
    let policy = text(container, "restartPolicy");
    let rules = items(container, "restartPolicyRules");
    if policy.is_empty() && !rules.is_empty() {
        let detail = "must specify restartPolicy when restart rules are used";
        errors.push(FieldError::required(format!("{path}.restartPolicy"), detail));
    } else if !matches!(policy, "" | "Always" | "OnFailure" | "Never") {
        let allowed = ["Always", "Never", "OnFailure"];
        errors.push(FieldError::not_supported(format!("{path}.restartPolicy"), policy, &allowed));
    }
    for (at, rule) in items(container, "restartPolicyRules").iter().enumerate() {
        let path = format!("{path}.restartPolicyRules[{at}]");
        let action = text(rule, "action");
        if !matches!(action, "Restart" | "RestartAllContainers") {
            let allowed = ["Restart", "RestartAllContainers"];
            errors.push(FieldError::not_supported(format!("{path}.action"), action, &allowed));
        }
        if !has(rule, "exitCodes") {
            errors.push(FieldError::required(format!("{path}.exitCodes"), "must be specified"));
            continue;
        }
        let operator = text(&rule["exitCodes"], "operator");
        if !matches!(operator, "In" | "NotIn") {
            let field = format!("{path}.exitCodes.operator");
            errors.push(FieldError::not_supported(field, operator, &["In", "NotIn"]));
        }
    }
}

/// Whether a container that ended so is started again: its rules come before its policy, that before the pod's.
pub(super) fn starts_again(container: &Value, pod_policy: &str, exit: i64) -> bool {
    let ruled = items(container, "restartPolicyRules").iter().any(|rule| {
        let codes = &rule["exitCodes"];
        let listed = items(codes, "values").iter().any(|code| code.as_i64() == Some(exit));
        has(rule, "exitCodes") && (text(codes, "operator") == "In") == listed
    });
    let own = text(container, "restartPolicy");
    ruled
        || match if own.is_empty() { pod_policy } else { own } {
            "Never" => false,
            "OnFailure" => exit != 0,
            _ => true,
        }
}

/// Whether a rule of some container starts all containers of the pod over.
pub(super) fn any_starts_all(spec: &Value) -> bool {
    let lists = ["containers", "initContainers"];
    let mut rules =
        lists.iter().flat_map(|list| items(spec, list)).flat_map(|c| items(c, "restartPolicyRules"));
    rules.any(|rule| text(rule, "action") == "RestartAllContainers")
}

/// Checks `resizePolicy`.
pub(super) fn resize_policy(errors: &mut Vec<FieldError>, spec: &Value, container: &Value, path: &str) {
    let path = format!("{path}.resizePolicy");
    let mut seen = BTreeSet::new();
    for (at, one) in items(container, "resizePolicy").iter().enumerate() {
        let (resource, policy) = (text(one, "resourceName"), text(one, "restartPolicy"));
        if !seen.insert(resource) {
            errors.push(FieldError::new(format!("{path}[{at}]"), Reason::Duplicate, resource.into(), ""));
        }
        match resource {
            "cpu" | "memory" => {}
            "" => errors.push(FieldError::required(&path, "")),
            other => errors.push(FieldError::not_supported(&path, other, &["cpu", "memory"])),
        }
        match policy {
            "NotRequired" | "RestartContainer" => {}
            "" => errors.push(FieldError::required(&path, "")),
            other => {
                errors.push(FieldError::not_supported(&path, other, &["NotRequired", "RestartContainer"]));
            }
        }
        if text(spec, "restartPolicy") == "Never" && policy != "NotRequired" {
            let detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            errors.push(FieldError::invalid(&path, policy, detail));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_need_a_policy_and_codes() {
        let check = |container: Value| {
            let mut errors = Vec::new();
            policy(&mut errors, &container, "c");
            errors.into_iter().map(|e| e.field).collect::<Vec<_>>()
        };
        let rule = json!({"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}});
        assert!(check(json!({"restartPolicy": "Never", "restartPolicyRules": [rule]})).is_empty());
        assert_eq!(check(json!({"restartPolicyRules": [rule]})), ["c.restartPolicy"]);
        assert_eq!(check(json!({"restartPolicy": "Sometimes"})), ["c.restartPolicy"]);
        assert_eq!(
            check(json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Stop"}]})),
            ["c.restartPolicyRules[0].action", "c.restartPolicyRules[0].exitCodes"]
        );
    }

    #[test]
    fn resize_policies_name_each_resource_once() {
        let check = |restart: &str, list: Value| {
            let mut errors = Vec::new();
            let container = json!({"resizePolicy": list});
            resize_policy(&mut errors, &json!({"restartPolicy": restart}), &container, "c");
            errors.into_iter().map(|e| e.field).collect::<Vec<_>>()
        };
        let one = |name: &str, policy: &str| json!({"resourceName": name, "restartPolicy": policy});
        assert!(
            check("Always", json!([one("cpu", "NotRequired"), one("memory", "RestartContainer")])).is_empty()
        );
        assert_eq!(
            check("Always", json!([one("cpu", "NotRequired"), one("cpu", "NotRequired")])),
            ["c.resizePolicy[1]"]
        );
        assert_eq!(check("Never", json!([one("cpu", "RestartContainer")])), ["c.resizePolicy"]);
        assert_eq!(check("Always", json!([one("gpu", "Maybe")])), ["c.resizePolicy", "c.resizePolicy"]);
    }
}
