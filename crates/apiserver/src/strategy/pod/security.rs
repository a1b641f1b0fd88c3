//! What must hold for security contexts, of pods and of containers.

use objects::validate::FieldError;
use serde_json::Value;

use super::container::relative_path;
use crate::strategy::fields::{flag, has, items, number, text};

/// Checks the security context of a pod, and what its namespaces allow.
pub(super) fn of_pod(errors: &mut Vec<FieldError>, spec: &Value, path: &str) {
    let context = spec.get("securityContext").unwrap_or(&Value::Null);
    let path = format!("{path}.securityContext");
    for key in ["runAsUser", "runAsGroup", "fsGroup"] {
        id(errors, context, key, &path);
    }
    for (at, sysctl) in items(context, "sysctls").iter().enumerate() {
        let (name, path) = (text(sysctl, "name"), format!("{path}.sysctls[{at}].name"));
        if name.is_empty() {
            errors.push(FieldError::required(path, ""));
        } else if !sysctl_name(name) {
            let detail = "must have at most 253 characters and match regex \
                ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            errors.push(FieldError::invalid(path, name, detail));
        }
    }
    confinement(errors, context, &path);
    if !host_users(spec) {
        let whole = path.trim_end_matches(".securityContext");
        for (key, shown) in [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
            if flag(spec, key) {
                errors.push(FieldError::forbidden(format!("{whole}.{shown}"), "when `hostUsers` is false"));
            }
        }
    }
    if flag(spec, "hostPID") && flag(spec, "shareProcessNamespace") {
        let field = path.replace(".securityContext", ".shareProcessNamespace");
        errors.push(FieldError::invalid(
            field,
            true,
            "ShareProcessNamespace and HostPID cannot both be enabled",
        ));
    }
}

/// Segments of lower-case letters, digits, `-` and `_`, divided by dots or slashes.
fn sysctl_name(name: &str) -> bool {
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.len() <= 253
        && name.split(['.', '/']).all(|part| {
            let bytes = part.as_bytes();
            edge(bytes.first())
                && edge(bytes.last())
                && bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
        })
}

/// Whether the pod stays in the node's user namespace, as it does unless it says otherwise.
fn host_users(spec: &Value) -> bool {
    spec.get("hostUsers").and_then(Value::as_bool).unwrap_or(true)
}

/// Checks the security context of a container.
pub(super) fn of_container(errors: &mut Vec<FieldError>, spec: &Value, container: &Value, path: &str) {
    let context = container.get("securityContext").unwrap_or(&Value::Null);
    let path = format!("{path}.securityContext");
    for key in ["runAsUser", "runAsGroup"] {
        id(errors, context, key, &path);
    }
    let field = format!("{path}.procMount");
    match text(context, "procMount") {
        "" | "Default" => {}
        "Unmasked" if host_users(spec) => {
            let detail = "`hostUsers` must be false to use `Unmasked`";
            errors.push(FieldError::invalid(field, "Unmasked", detail));
        }
        "Unmasked" => {}
        other => errors.push(FieldError::not_supported(field, other, &["Default", "Unmasked"])),
    }
    confinement(errors, context, &path);
    let escalation = context.get("allowPrivilegeEscalation").and_then(Value::as_bool);
    if escalation == Some(false) {
        if flag(context, "privileged") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.push(FieldError::invalid(&path, context.clone(), detail));
        }
        let added = items(&context["capabilities"], "add");
        if added.iter().any(|one| one == "CAP_SYS_ADMIN") {
            let detail =
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.push(FieldError::invalid(&path, context.clone(), detail));
        }
    }
}

/// Checks the profiles of seccomp and AppArmor.
fn confinement(errors: &mut Vec<FieldError>, context: &Value, path: &str) {
    const KINDS: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];
    for (key, shown) in [("seccompProfile", "seccomp"), ("appArmorProfile", "AppArmor")] {
        let Some(profile) = context.get(key).filter(|profile| profile.is_object()) else { continue };
        let path = format!("{path}.{key}");
        let (kind, file) = (text(profile, "type"), text(profile, "localhostProfile"));
        if kind.is_empty() {
            let detail = format!("type is required when {key} is set");
            errors.push(FieldError::required(format!("{path}.type"), detail));
        } else if !KINDS.contains(&kind) {
            errors.push(FieldError::not_supported(format!("{path}.type"), kind, &KINDS));
        }
        let field = format!("{path}.localhostProfile");
        match (kind == "Localhost", has(profile, "localhostProfile")) {
            (true, _) if file.trim().is_empty() => {
                let detail = format!("must be set when {shown} type is Localhost");
                errors.push(FieldError::required(field, detail));
            }
            (true, true) if key == "seccompProfile" => relative_path(errors, file, &field),
            (false, true) => {
                let detail = format!("can only be set when {shown} type is Localhost");
                errors.push(FieldError::invalid(field, file, detail));
            }
            _ => {}
        }
    }
}

/// Checks a user or group number.
fn id(errors: &mut Vec<FieldError>, context: &Value, key: &str, path: &str) {
    if let Some(value) = number(context, key)
        && !(0..=i64::from(i32::MAX)).contains(&value)
    {
        let detail = "must be between 0 and 2147483647, inclusive";
        errors.push(FieldError::invalid(format!("{path}.{key}"), value, detail));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(check: impl FnOnce(&mut Vec<FieldError>)) -> Vec<String> {
        let mut errors = Vec::new();
        check(&mut errors);
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn profiles_name_a_file_only_where_one_is_meant() {
        for (profile, wanted) in [
            (json!({"type": "RuntimeDefault"}), vec![]),
            (json!({"type": "Localhost", "localhostProfile": "a/b.json"}), vec![]),
            (json!({"type": "Localhost"}), vec!["s.seccompProfile.localhostProfile"]),
            (
                json!({"type": "Localhost", "localhostProfile": "../x"}),
                vec!["s.seccompProfile.localhostProfile"],
            ),
            (
                json!({"type": "Unconfined", "localhostProfile": "x"}),
                vec!["s.seccompProfile.localhostProfile"],
            ),
            (json!({"type": "Strict"}), vec!["s.seccompProfile.type"]),
            (json!({}), vec!["s.seccompProfile.type"]),
        ] {
            let context = json!({"seccompProfile": profile});
            assert_eq!(fields(|errors| confinement(errors, &context, "s")), wanted, "{profile}");
        }
    }

    #[test]
    fn a_user_namespace_excludes_those_of_the_node_and_allows_all_of_proc() {
        let unmasked = json!({"securityContext": {"procMount": "Unmasked"}});
        let on_host = json!({"hostNetwork": true});
        assert_eq!(
            fields(|errors| of_container(errors, &on_host, &unmasked, "c")),
            ["c.securityContext.procMount"]
        );
        let own = json!({"hostUsers": false, "hostNetwork": true, "hostPID": true});
        assert!(fields(|errors| of_container(errors, &own, &unmasked, "c")).is_empty());
        assert_eq!(fields(|errors| of_pod(errors, &own, "spec")), ["spec.hostNetwork", "spec.HostPID"]);
    }
}
