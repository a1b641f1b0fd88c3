//! Small tools on untyped objects for defaulting and validation.
//!
//! Every reader treats a missing or wrongly typed field as absent, every writer leaves what is not a map alone, so
//! nothing here panics whatever the object looks like.

use objects::validate::{self, FieldError};
use serde_json::Value;

/// Sets a field that is absent or null.
pub(crate) fn default(object: &mut Value, key: &str, value: impl Into<Value>) {
    if let Some(map) = object.as_object_mut() {
        let field = map.entry(key).or_insert(Value::Null);
        if field.is_null() {
            *field = value.into();
        }
    }
}

/// Sets a field whatever it was.
pub(crate) fn set(object: &mut Value, key: &str, value: impl Into<Value>) {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value.into());
    }
}

/// Sets a field, or removes it for `None`.
pub(crate) fn put(object: &mut Value, key: &str, value: Option<Value>) {
    match value {
        Some(value) => set(object, key, value),
        None => remove(object, key),
    }
}

/// Removes a field.
pub(crate) fn remove(object: &mut Value, key: &str) {
    if let Some(map) = object.as_object_mut() {
        map.remove(key);
    }
}

/// A text field; empty where absent.
pub(crate) fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A boolean field; false where absent.
pub(crate) fn flag(object: &Value, key: &str) -> bool {
    object.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// A whole number.
pub(crate) fn number(object: &Value, key: &str) -> Option<i64> {
    object.get(key).and_then(Value::as_i64)
}

/// The elements of a list field; none where absent.
pub(crate) fn items<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The elements of a list field, to be changed.
pub(crate) fn items_mut<'a>(object: &'a mut Value, key: &str) -> &'a mut [Value] {
    object.get_mut(key).and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default()
}

/// Whether a field is there and not null.
pub(crate) fn has(object: &Value, key: &str) -> bool {
    object.get(key).is_some_and(|value| !value.is_null())
}

/// Whether a field is absent, null, or an empty text, list or map.
pub(crate) fn is_empty(object: &Value, key: &str) -> bool {
    match object.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

/// A text field that must be one of `allowed`. An absent one is reported as missing.
pub(crate) fn one_of(errors: &mut Vec<FieldError>, object: &Value, key: &str, path: &str, allowed: &[&str]) {
    let value = text(object, key);
    if value.is_empty() {
        errors.push(FieldError::required(format!("{path}.{key}"), ""));
    } else if !allowed.contains(&value) {
        errors.push(FieldError::not_supported(format!("{path}.{key}"), value, allowed));
    }
}

/// A number that, if there, must not be negative.
pub(crate) fn not_negative(errors: &mut Vec<FieldError>, object: &Value, key: &str, path: &str) {
    if let Some(value) = number(object, key).filter(|value| *value < 0) {
        errors.push(FieldError::invalid(
            format!("{path}.{key}"),
            value,
            "must be greater than or equal to 0",
        ));
    }
}

/// A field that must equal the old one.
pub(crate) fn immutable(errors: &mut Vec<FieldError>, new: &Value, old: &Value, key: &str, path: &str) {
    let (new, old) = (new.get(key).unwrap_or(&Value::Null), old.get(key).unwrap_or(&Value::Null));
    if new != old {
        errors.push(FieldError::invalid(format!("{path}.{key}"), new.clone(), "field is immutable"));
    }
}

/// Adds an error for each text that a name check gives back.
pub(crate) fn name_errors(errors: &mut Vec<FieldError>, path: &str, value: &str, found: Vec<String>) {
    errors.extend(found.into_iter().map(|detail| FieldError::invalid(path, value, detail)));
}

/// Checks a label selector in object form.
pub(crate) fn label_selector(errors: &mut Vec<FieldError>, selector: &Value, path: &str) {
    errors.extend(validate::labels(selector.get("matchLabels"), &format!("{path}.matchLabels")));
    for (at, expression) in items(selector, "matchExpressions").iter().enumerate() {
        let path = format!("{path}.matchExpressions[{at}]");
        let empty = items(expression, "values").is_empty();
        match text(expression, "operator") {
            "In" | "NotIn" if empty => errors.push(FieldError::required(
                format!("{path}.values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            )),
            "Exists" | "DoesNotExist" if !empty => errors.push(FieldError::forbidden(
                format!("{path}.values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )),
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                errors.push(FieldError::invalid(
                    format!("{path}.operator"),
                    other,
                    "not a valid selector operator",
                ));
            }
        }
        let key = text(expression, "key");
        name_errors(errors, &format!("{path}.key"), key, validate::qualified_name(key));
    }
}

/// What is wrong with a port's name (RFC 6335); empty if nothing.
pub(crate) fn port_name(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    if name.len() > 15 {
        found.push("must be no more than 15 characters".to_owned());
    }
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        found.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        found.push("must contain at least one letter (a-z)".to_owned());
    }
    if name.contains("--") {
        found.push("must not contain consecutive hyphens".to_owned());
    }
    if name.starts_with('-') || name.ends_with('-') {
        found.push("must not begin or end with a hyphen".to_owned());
    }
    found
}

/// Checks a port number.
pub(crate) fn port_number(errors: &mut Vec<FieldError>, value: i64, path: &str) {
    if !(1..=65535).contains(&value) {
        errors.push(FieldError::invalid(path, value, "must be between 1 and 65535, inclusive"));
    }
}

/// Checks a field that holds a port's number or name.
pub(crate) fn port_or_name(errors: &mut Vec<FieldError>, value: &Value, path: &str) {
    match value {
        Value::Number(number) => port_number(errors, number.as_i64().unwrap_or_default(), path),
        Value::String(name) => name_errors(errors, path, name, port_name(name)),
        _ => errors.push(FieldError::required(path, "")),
    }
}

/// Name of a thing inside an object such as `spec.nodeName` that must be a subdomain of RFC 1123 if present.
pub(crate) fn subdomain(errors: &mut Vec<FieldError>, object: &Value, key: &str, path: &str) {
    let value = text(object, key);
    if !value.is_empty() {
        name_errors(errors, &format!("{path}.{key}"), value, validate::dns1123_subdomain(value));
    }
}
