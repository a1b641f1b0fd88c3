//! Roles and bindings: names, rules, and the reference that never changes. Escalation is refused by admission.

use objects::validate::{self, FieldError};
use serde_json::Value;

use super::fields::{is_empty, items, items_mut, label_selector, name_errors, set, text};
use super::{Ctx, Strategy};

/// Strategy of Role and ClusterRole.
pub(super) struct Role;
/// Strategy of RoleBinding and ClusterRoleBinding.
pub(super) struct Binding;

/// The API group of all four kinds.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

impl Strategy for Role {
    fn check_name(&self) -> fn(&str) -> Vec<String> {
        validate::path_segment
    }

    fn validate_create(&self, ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for (at, rule) in items(object, "rules").iter().enumerate() {
            rule_errors(&mut errors, rule, ctx.kind.namespaced, &format!("rules[{at}]"));
        }
        if let Some(aggregation) = object.get("aggregationRule").filter(|rule| rule.is_object()) {
            let selectors = items(aggregation, "clusterRoleSelectors");
            if selectors.is_empty() {
                let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
                errors.push(FieldError::required("aggregationRule.clusterRoleSelectors", detail));
            }
            for (at, selector) in selectors.iter().enumerate() {
                label_selector(&mut errors, selector, &format!("aggregationRule.clusterRoleSelectors[{at}]"));
            }
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, _old: &Value) -> Vec<FieldError> {
        self.validate_create(ctx, new)
    }
}

fn rule_errors(errors: &mut Vec<FieldError>, rule: &Value, namespaced: bool, path: &str) {
    if items(rule, "verbs").is_empty() {
        errors.push(FieldError::required(format!("{path}.verbs"), "verbs must contain at least one value"));
    }
    if !items(rule, "nonResourceURLs").is_empty() {
        if namespaced {
            let detail = "namespaced rules cannot apply to non-resource URLs";
            errors.push(FieldError::invalid(
                format!("{path}.nonResourceURLs"),
                rule["nonResourceURLs"].clone(),
                detail,
            ));
        }
        if ["apiGroups", "resources", "resourceNames"].iter().any(|key| !is_empty(rule, key)) {
            let detail = "rules cannot apply to both regular resources and non-resource URLs";
            errors.push(FieldError::invalid(
                format!("{path}.nonResourceURLs"),
                rule["nonResourceURLs"].clone(),
                detail,
            ));
        }
        return;
    }
    if items(rule, "apiGroups").is_empty() {
        let detail = "resource rules must supply at least one api group";
        errors.push(FieldError::required(format!("{path}.apiGroups"), detail));
    }
    if items(rule, "resources").is_empty() {
        let detail = "resource rules must supply at least one resource";
        errors.push(FieldError::required(format!("{path}.resources"), detail));
    }
}

impl Strategy for Binding {
    fn check_name(&self) -> fn(&str) -> Vec<String> {
        validate::path_segment
    }

    fn default_spec(&self, object: &mut Value) {
        if let Some(reference) = object.get_mut("roleRef").filter(|reference| is_empty(reference, "apiGroup"))
        {
            set(reference, "apiGroup", GROUP);
        }
        for subject in items_mut(object, "subjects") {
            if matches!(text(subject, "kind"), "User" | "Group") && is_empty(subject, "apiGroup") {
                set(subject, "apiGroup", GROUP);
            }
        }
    }

    fn validate_create(&self, ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let reference = object.get("roleRef").unwrap_or(&Value::Null);
        let (group, kind, name) =
            (text(reference, "apiGroup"), text(reference, "kind"), text(reference, "name"));
        if group != GROUP {
            errors.push(FieldError::not_supported("roleRef.apiGroup", group, &[GROUP]));
        }
        let kinds: &[&str] = if ctx.kind.namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
        if !kinds.contains(&kind) {
            errors.push(FieldError::not_supported("roleRef.kind", kind, kinds));
        }
        if name.is_empty() {
            errors.push(FieldError::required("roleRef.name", ""));
        } else {
            name_errors(&mut errors, "roleRef.name", name, validate::path_segment(name));
        }
        for (at, subject) in items(object, "subjects").iter().enumerate() {
            subject_errors(&mut errors, subject, &format!("subjects[{at}]"));
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.validate_create(ctx, new);
        if new.get("roleRef") != old.get("roleRef") {
            let value = new.get("roleRef").cloned().unwrap_or_default();
            errors.push(FieldError::invalid("roleRef", value, "cannot change roleRef"));
        }
        errors
    }
}

fn subject_errors(errors: &mut Vec<FieldError>, subject: &Value, path: &str) {
    let (kind, name) = (text(subject, "kind"), text(subject, "name"));
    if name.is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    }
    match kind {
        "ServiceAccount" => {
            let found = validate::dns1123_subdomain(name);
            if !name.is_empty() {
                name_errors(errors, &format!("{path}.name"), name, found);
            }
            if text(subject, "namespace").is_empty() {
                errors.push(FieldError::required(format!("{path}.namespace"), ""));
            }
        }
        "User" | "Group" => {
            let group = text(subject, "apiGroup");
            if group != GROUP {
                errors.push(FieldError::not_supported(format!("{path}.apiGroup"), group, &[GROUP]));
            }
        }
        other => {
            let allowed = ["ServiceAccount", "User", "Group"];
            errors.push(FieldError::not_supported(format!("{path}.kind"), other, &allowed));
        }
    }
}
