//! What must hold for the volumes of a pod spec.

use objects::validate::{self, FieldError, Reason};
use serde_json::Value;

use super::container::{FIELDS_FOR_FILES, Volumes, field_reference, relative_path, resource_reference};
use crate::strategy::fields::{has, items, name_errors, number, text};

/// Checks the volumes and gives back their names.
pub(super) fn list(errors: &mut Vec<FieldError>, volumes: &[Value], path: &str) -> Volumes {
    let mut names = Volumes::new();
    for (at, volume) in volumes.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let name = text(volume, "name");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        } else {
            name_errors(errors, &format!("{path}.name"), name, validate::dns1123_label(name));
            if !names.insert(name.to_owned()) {
                errors.push(FieldError::new(format!("{path}.name"), Reason::Duplicate, name.into(), ""));
            }
        }
        source(errors, volume, &path);
    }
    names
}

fn source(errors: &mut Vec<FieldError>, volume: &Value, path: &str) {
    let sources: Vec<(&String, &Value)> = volume
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| *key != "name" && !value.is_null())
        .collect();
    if sources.is_empty() {
        errors.push(FieldError::required(path, "must specify a volume type"));
    }
    for (extra, _) in sources.iter().skip(1) {
        let detail = "may not specify more than 1 volume type";
        errors.push(FieldError::forbidden(format!("{path}.{extra}"), detail));
    }
    for (kind, source) in sources {
        let path = format!("{path}.{kind}");
        match kind.as_str() {
            "secret" => {
                required(errors, source, "secretName", &path);
                files(errors, source, &path);
            }
            "configMap" => {
                required(errors, source, "name", &path);
                files(errors, source, &path);
            }
            "hostPath" => {
                required(errors, source, "path", &path);
                if text(source, "path").split('/').any(|part| part == "..") {
                    errors.push(FieldError::invalid(
                        format!("{path}.path"),
                        text(source, "path"),
                        "must not contain '..'",
                    ));
                }
            }
            "persistentVolumeClaim" => required(errors, source, "claimName", &path),
            "nfs" => {
                required(errors, source, "server", &path);
                required(errors, source, "path", &path);
            }
            "csi" => required(errors, source, "driver", &path),
            "downwardAPI" => downward(errors, source, &path),
            "projected" => projected(errors, source, &path),
            _ => {}
        }
    }
}

fn required(errors: &mut Vec<FieldError>, source: &Value, key: &str, path: &str) {
    if text(source, key).is_empty() {
        errors.push(FieldError::required(format!("{path}.{key}"), ""));
    }
}

fn mode(errors: &mut Vec<FieldError>, object: &Value, key: &str, path: &str) {
    if let Some(value) = number(object, key)
        && !(0..=0o777).contains(&value)
    {
        let detail = "must be a number between 0 and 0777 (octal), both inclusive";
        errors.push(FieldError::invalid(format!("{path}.{key}"), value, detail));
    }
}

/// Keys to files, as secrets and config maps give them.
fn files(errors: &mut Vec<FieldError>, source: &Value, path: &str) {
    mode(errors, source, "defaultMode", path);
    for (at, item) in items(source, "items").iter().enumerate() {
        let path = format!("{path}.items[{at}]");
        required(errors, item, "key", &path);
        file_path(errors, item, &path);
        mode(errors, item, "mode", &path);
    }
}

fn file_path(errors: &mut Vec<FieldError>, item: &Value, path: &str) {
    required(errors, item, "path", path);
    relative_path(errors, text(item, "path"), &format!("{path}.path"));
}

fn downward(errors: &mut Vec<FieldError>, source: &Value, path: &str) {
    mode(errors, source, "defaultMode", path);
    for (at, item) in items(source, "items").iter().enumerate() {
        let path = format!("{path}.items[{at}]");
        file_path(errors, item, &path);
        mode(errors, item, "mode", &path);
        match (item.get("fieldRef"), item.get("resourceFieldRef")) {
            (Some(field), None) if !field.is_null() => {
                field_reference(errors, field, &format!("{path}.fieldRef"), &FIELDS_FOR_FILES);
            }
            (None, Some(resource)) if !resource.is_null() => {
                required(errors, resource, "containerName", &format!("{path}.resourceFieldRef"));
                resource_reference(errors, resource, &format!("{path}.resourceFieldRef"));
            }
            (Some(_), Some(_)) => {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.push(FieldError::invalid(path, "resource", detail));
            }
            _ => {
                let detail = "one of fieldRef and resourceFieldRef is required";
                errors.push(FieldError::required(path, detail));
            }
        }
    }
}

fn projected(errors: &mut Vec<FieldError>, source: &Value, path: &str) {
    mode(errors, source, "defaultMode", path);
    for (at, one) in items(source, "sources").iter().enumerate() {
        let path = format!("{path}.sources[{at}]");
        let kinds: Vec<&str> = [
            "secret",
            "configMap",
            "downwardAPI",
            "serviceAccountToken",
            "clusterTrustBundle",
            "podCertificate",
        ]
        .into_iter()
        .filter(|kind| has(one, kind))
        .collect();
        if kinds.is_empty() {
            let detail = "must specify one of: `secret`, `downwardAPI`, `configMap`, `serviceAccountToken`, \
                `clusterTrustBundle` or `podCertificate`";
            errors.push(FieldError::required(&path, detail));
        }
        for extra in kinds.iter().skip(1) {
            let detail = "may not specify more than 1 volume type per source";
            errors.push(FieldError::forbidden(format!("{path}.{extra}"), detail));
        }
        for kind in kinds {
            let (found, path) = (&one[kind], format!("{path}.{kind}"));
            match kind {
                "secret" | "configMap" => {
                    required(errors, found, "name", &path);
                    files(errors, found, &path);
                }
                "downwardAPI" => downward(errors, found, &path),
                "serviceAccountToken" => token(errors, found, &path),
                _ => {}
            }
        }
    }
}

fn token(errors: &mut Vec<FieldError>, source: &Value, path: &str) {
    required(errors, source, "path", path);
    relative_path(errors, text(source, "path"), &format!("{path}.path"));
    let seconds = number(source, "expirationSeconds").unwrap_or_default();
    let field = format!("{path}.expirationSeconds");
    if seconds < 600 {
        errors.push(FieldError::invalid(field, seconds, "may not specify a duration less than 10 minutes"));
    } else if seconds > 1 << 32 {
        errors.push(FieldError::invalid(
            field,
            seconds,
            "may not specify a duration larger than 2^32 seconds",
        ));
    }
}
