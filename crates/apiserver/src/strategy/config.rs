//! Secrets, ConfigMaps and ServiceAccounts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use objects::meta;
use objects::validate::{FieldError, Reason};
use serde_json::{Value, json};

use super::fields::{default, flag, has, immutable, is_empty, set, text};
use super::{Ctx, Strategy};

/// Strategy of core/v1 Secret.
pub(super) struct Secret;
/// Strategy of core/v1 ConfigMap.
pub(super) struct ConfigMap;

/// Bytes that the data of one Secret or ConfigMap may have.
const LIMIT: usize = 1 << 20;

/// What is wrong with a key in `data`; empty if nothing.
fn key_errors(key: &str) -> Vec<String> {
    let mut found = Vec::new();
    if key.len() > 253 {
        found.push("must be no more than 253 characters".to_owned());
    }
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if key.is_empty() || !key.bytes().all(good) {
        found.push(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
             'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                .to_owned(),
        );
    }
    match key {
        "." => found.push("must not be '.'".to_owned()),
        ".." => found.push("must not be '..'".to_owned()),
        _ if key.starts_with("..") => found.push("must not start with '..'".to_owned()),
        _ => {}
    }
    found
}

fn keys(errors: &mut Vec<FieldError>, object: &Value, map: &str) {
    for key in object.get(map).and_then(Value::as_object).into_iter().flat_map(|map| map.keys()) {
        let details = key_errors(key).into_iter();
        errors
            .extend(details.map(|detail| FieldError::invalid(format!("{map}[{key}]"), key.as_str(), detail)));
    }
}

/// Bytes of all values of a map; base64 counts as what it stands for.
fn size(object: &Value, map: &str, encoded: bool) -> usize {
    let values = object.get(map).and_then(Value::as_object).into_iter().flat_map(|map| map.values());
    values.filter_map(Value::as_str).map(|text| if encoded { text.len() / 4 * 3 } else { text.len() }).sum()
}

/// Once immutable, always immutable, and so is what it holds.
fn sealed(errors: &mut Vec<FieldError>, new: &Value, old: &Value, maps: &[&str]) {
    if !flag(old, "immutable") {
        return;
    }
    let detail = "field is immutable when `immutable` is set";
    if !flag(new, "immutable") {
        errors.push(FieldError::forbidden("immutable", detail));
    }
    for map in maps {
        let (is, was) = (new.get(map).unwrap_or(&Value::Null), old.get(map).unwrap_or(&Value::Null));
        if is != was {
            errors.push(FieldError::forbidden(*map, detail));
        }
    }
}

// === impl Secret ===

impl Strategy for Secret {
    fn default_spec(&self, object: &mut Value) {
        if is_empty(object, "type") {
            set(object, "type", "Opaque");
        }
        let plain = object.as_object_mut().and_then(|map| map.remove("stringData"));
        if let Some(Value::Object(plain)) = plain
            && !plain.is_empty()
        {
            default(object, "data", json!({}));
            if let Some(data) = object.get_mut("data") {
                for (key, value) in plain {
                    set(data, &key, STANDARD.encode(value.as_str().unwrap_or_default()));
                }
            }
        }
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        keys(&mut errors, object, "data");
        if size(object, "data", true) > LIMIT {
            errors.push(FieldError::new(
                "data",
                Reason::TooLong,
                "".into(),
                format!("may not be more than {LIMIT} bytes"),
            ));
        }
        let data = object.get("data").unwrap_or(&Value::Null);
        let decoded = |key: &str| STANDARD.decode(text(data, key)).unwrap_or_default();
        let mut needs = |key: &str| {
            if !has(data, key) {
                errors.push(FieldError::required(format!("data[{key}]"), ""));
            }
        };
        match text(object, "type") {
            "kubernetes.io/service-account-token" => {
                let name = "kubernetes.io/service-account.name";
                if meta::annotation(object, name).unwrap_or_default().is_empty() {
                    errors.push(FieldError::required(format!("metadata.annotations[{name}]"), ""));
                }
            }
            "kubernetes.io/tls" => {
                needs("tls.crt");
                needs("tls.key");
            }
            "kubernetes.io/ssh-auth" => needs("ssh-privatekey"),
            "kubernetes.io/basic-auth" if !has(data, "username") && !has(data, "password") => {
                errors.push(FieldError::required("data[username]", ""));
                errors.push(FieldError::required("data[password]", ""));
            }
            kind @ ("kubernetes.io/dockerconfigjson" | "kubernetes.io/dockercfg") => {
                let key = if kind.ends_with("json") { ".dockerconfigjson" } else { ".dockercfg" };
                needs(key);
                if has(data, key) && serde_json::from_slice::<Value>(&decoded(key)).is_err() {
                    let detail = "invalid character in the docker configuration: it is not JSON";
                    errors.push(FieldError::invalid(
                        format!("data[{key}]"),
                        "<secret contents redacted>",
                        detail,
                    ));
                }
            }
            _ => {}
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        immutable(&mut errors, new, old, "type", "");
        for error in &mut errors {
            error.field = "type".into();
        }
        sealed(&mut errors, new, old, &["data"]);
        errors.extend(self.validate_create(ctx, new));
        errors
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["type"]
    }
}

// === impl ConfigMap ===

impl Strategy for ConfigMap {
    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        keys(&mut errors, object, "data");
        keys(&mut errors, object, "binaryData");
        let data = object.get("data").unwrap_or(&Value::Null);
        for key in object.get("binaryData").and_then(Value::as_object).into_iter().flat_map(|map| map.keys())
        {
            if has(data, key) {
                let (field, detail) = (format!("data[{key}]"), "duplicate of key present in binaryData");
                errors.push(FieldError::invalid(field, key.as_str(), detail));
            }
        }
        if size(object, "data", false) + size(object, "binaryData", true) > LIMIT {
            errors.push(FieldError::new(
                "",
                Reason::TooLong,
                "".into(),
                format!("may not be more than {LIMIT} bytes"),
            ));
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        sealed(&mut errors, new, old, &["data", "binaryData"]);
        errors.extend(self.validate_create(ctx, new));
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn string_data_becomes_data() {
        let mut secret = json!({"data": {"a": "eA=="}, "stringData": {"b": "y", "a": "z"}});
        Secret.default_spec(&mut secret);
        assert_eq!(secret, json!({"type": "Opaque", "data": {"a": "eg==", "b": "eQ=="}}));
    }

    #[test]
    fn keys_are_file_names() {
        for (key, good) in [
            ("a", true),
            ("A.b-c_d", true),
            ("..data", false),
            ("", false),
            ("a/b", false),
            (".", false),
            (".a", true),
        ] {
            assert_eq!(key_errors(key).is_empty(), good, "{key:?}");
        }
    }

    #[test]
    fn sealed_means_sealed() {
        let old = json!({"immutable": true, "data": {"a": "x"}});
        for (new, bad) in [
            (json!({"immutable": true, "data": {"a": "x"}}), vec![]),
            (json!({"immutable": true, "data": {"a": "y"}}), vec!["data"]),
            (json!({"data": {"a": "x"}}), vec!["immutable"]),
        ] {
            let mut errors = Vec::new();
            sealed(&mut errors, &new, &old, &["data"]);
            assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), bad, "{new}");
        }
    }
}
