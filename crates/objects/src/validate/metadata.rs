//! The parts of `metadata` that every kind shares, and label selectors.

use serde_json::{Map, Value};

use super::{FieldError, Reason, dns1123_label, label_value, qualified_name};
use crate::meta;

/// Bytes that all keys and values of annotations may have together.
const MAX_ANNOTATIONS: usize = 256 * 1024;

fn entries(map: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    map.and_then(Value::as_object).into_iter().flatten()
}

/// Checks a map of labels at `field`.
pub fn labels(labels: Option<&Value>, field: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in entries(labels) {
        let value = value.as_str().unwrap_or_default();
        errors.extend(
            qualified_name(key).into_iter().map(|what| FieldError::invalid(field, key.as_str(), what)),
        );
        errors.extend(label_value(value).into_iter().map(|what| FieldError::invalid(field, value, what)));
    }
    errors
}

/// Checks a map of annotations at `field`: keys, and 256 KiB in all.
pub fn annotations(annotations: Option<&Value>, field: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut size = 0;
    for (key, value) in entries(annotations) {
        let problems = qualified_name(&key.to_lowercase());
        errors.extend(problems.into_iter().map(|what| FieldError::invalid(field, key.as_str(), what)));
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > MAX_ANNOTATIONS {
        errors.push(FieldError::too_long(field, MAX_ANNOTATIONS));
    }
    errors
}

/// Checks finalizers at `field`.
pub fn finalizers(object: &Value, field: &str) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = meta::finalizers(object)
        .flat_map(|name| {
            qualified_name(name).into_iter().map(move |what| FieldError::invalid(field, name, what))
        })
        .collect();
    let has = |name: &str| meta::finalizers(object).any(|one| one == name);
    if has("orphan") && has("foregroundDeletion") {
        let value: Vec<&str> = meta::finalizers(object).collect();
        let what = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(field, value, what));
    }
    errors
}

/// Checks owner references at `field`.
pub fn owner_references(object: &Value, field: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut controller: Option<String> = None;
    for (at, owner) in meta::owner_references(object).iter().enumerate() {
        let text = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
        for name in ["apiVersion", "kind", "name", "uid"] {
            if text(name).is_empty() {
                errors.push(FieldError::required(format!("{field}[{at}].{name}"), "must not be empty"));
            }
        }
        let version = text("apiVersion");
        if version.matches('/').count() > 1 || version.ends_with('/') {
            let what = "must be <group>/<version> or <version>";
            errors.push(FieldError::invalid(format!("{field}[{at}].apiVersion"), version, what));
        }
        if text("kind") == "Event" && matches!(version, "v1" | "events.k8s.io/v1") {
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            let what = format!("{group}/{version}, Kind=Event is disallowed from being an owner");
            errors.push(FieldError::invalid(format!("{field}[{at}]"), owner.clone(), what));
        }
        if owner.get("controller").and_then(Value::as_bool) == Some(true) {
            let name = format!("{}/{}", text("kind"), text("name"));
            match &controller {
                Some(first) => {
                    let what = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {name}"
                    );
                    errors.push(FieldError::invalid(field, meta::owner_references(object).to_vec(), what));
                }
                None => controller = Some(name),
            }
        }
    }
    errors
}

/// Checks `metadata` as every kind has it: `name` (by `check_name`; generated names are made already), namespace
/// by scope, labels, annotations, finalizers, owner references.
pub fn object_meta(object: &Value, namespaced: bool, check_name: fn(&str) -> Vec<String>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let prefix = meta::generate_name(object);
    if !prefix.is_empty() {
        // What follows the prefix is alphanumeric, so a trailing dash is no fault.
        let probe = prefix.strip_suffix('-').map_or_else(|| prefix.to_owned(), |base| format!("{base}a"));
        let problems = check_name(&probe);
        errors.extend(
            problems.into_iter().map(|what| FieldError::invalid("metadata.generateName", prefix, what)),
        );
    }
    match meta::name(object) {
        "" => errors.push(FieldError::required("metadata.name", "name or generateName is required")),
        name => {
            let problems = check_name(name);
            errors.extend(problems.into_iter().map(|what| FieldError::invalid("metadata.name", name, what)));
        }
    }
    match (namespaced, meta::namespace(object)) {
        (true, "") => errors.push(FieldError::required("metadata.namespace", "")),
        (true, namespace) => {
            let problems = dns1123_label(namespace);
            let invalid = |what| FieldError::invalid("metadata.namespace", namespace, what);
            errors.extend(problems.into_iter().map(invalid));
        }
        (false, "") => {}
        (false, _) => errors.push(FieldError::forbidden("metadata.namespace", "not allowed on this type")),
    }
    if meta::generation(object) < 0 {
        errors.push(FieldError::negative("metadata.generation", meta::generation(object)));
    }
    let metadata = object.get("metadata");
    let field = |name: &str| metadata.and_then(|metadata| metadata.get(name));
    errors.extend(labels(field("labels"), "metadata.labels"));
    errors.extend(annotations(field("annotations"), "metadata.annotations"));
    errors.extend(owner_references(object, "metadata.ownerReferences"));
    errors.extend(finalizers(object, "metadata.finalizers"));
    errors
}

/// Checks a label selector in object form at `field`.
pub fn label_selector(selector: &Value, field: &str) -> Vec<FieldError> {
    let mut errors = labels(selector.get("matchLabels"), &format!("{field}.matchLabels"));
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    let empty = Map::new();
    for (at, expression) in expressions.into_iter().flatten().enumerate() {
        let place = format!("{field}.matchExpressions[{at}]");
        let expression = expression.as_object().unwrap_or(&empty);
        let text = |name: &str| expression.get(name).and_then(Value::as_str).unwrap_or_default();
        let values =
            expression.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        match text("operator") {
            "In" | "NotIn" if values.is_empty() => {
                let what = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.push(FieldError::required(format!("{place}.values"), what));
            }
            "In" | "NotIn" => {}
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let what = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(FieldError::forbidden(format!("{place}.values"), what));
            }
            "Exists" | "DoesNotExist" => {}
            other => {
                let what = "not a valid selector operator";
                errors.push(FieldError::new(
                    format!("{place}.operator"),
                    Reason::Invalid,
                    other.into(),
                    what,
                ));
            }
        }
        let key = text("key");
        let invalid = |what| FieldError::invalid(format!("{place}.key"), key, what);
        errors.extend(qualified_name(key).into_iter().map(invalid));
        for (at, value) in values.iter().enumerate() {
            let value = value.as_str().unwrap_or_default();
            let invalid = |what| FieldError::invalid(format!("{place}.values[{at}]"), value, what);
            errors.extend(label_value(value).into_iter().map(invalid));
        }
    }
    errors
}
