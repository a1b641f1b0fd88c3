//! What must hold for the containers of a pod spec: names, images, ports, environment, mounts, probes, resources.

use std::collections::{BTreeMap, BTreeSet};

use objects::quantity::Quantity;
use objects::validate::{self, FieldError, Reason};
use serde_json::Value;

use super::validate::host_network_port;
use super::{restarts, security};
use crate::strategy::fields::{
    flag, has, is_empty, items, name_errors, not_negative, number, one_of, port_name, port_number,
    port_or_name, text,
};

/// What a container's mounts may refer to: volume names, each with whether it is a claim in block mode.
pub(super) type Volumes = BTreeSet<String>;

/// Checks all lists of containers.
pub(super) fn all(errors: &mut Vec<FieldError>, spec: &Value, volumes: &Volumes, path: &str) {
    if items(spec, "containers").is_empty() {
        errors.push(FieldError::required(format!("{path}.containers"), ""));
    }
    let mut names = BTreeSet::new();
    let mut host_ports = BTreeSet::new();
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for (at, container) in items(spec, list).iter().enumerate() {
            let path = format!("{path}.{list}[{at}]");
            name(errors, container, &mut names, &path);
            one(errors, spec, container, volumes, &path);
            if list == "containers" {
                unique_host_ports(errors, container, &mut host_ports, &path);
            }
            kind_of_list(errors, container, list, &path);
        }
    }
}

fn name<'a>(errors: &mut Vec<FieldError>, container: &'a Value, names: &mut BTreeSet<&'a str>, path: &str) {
    let name = text(container, "name");
    let field = format!("{path}.name");
    if name.is_empty() {
        errors.push(FieldError::required(field, ""));
        return;
    }
    name_errors(errors, &field, name, validate::dns1123_label(name));
    if !names.insert(name) {
        errors.push(FieldError::new(field, Reason::Duplicate, name.into(), ""));
    }
}

fn one(errors: &mut Vec<FieldError>, spec: &Value, container: &Value, volumes: &Volumes, path: &str) {
    let image = text(container, "image");
    if image.is_empty() {
        errors.push(FieldError::required(format!("{path}.image"), ""));
    } else if image.trim() != image {
        let detail = "must not have leading or trailing whitespace";
        errors.push(FieldError::invalid(format!("{path}.image"), image, detail));
    }
    one_of(errors, container, "terminationMessagePolicy", path, &["FallbackToLogsOnError", "File"]);
    one_of(errors, container, "imagePullPolicy", path, &["Always", "IfNotPresent", "Never"]);
    ports(errors, container, flag(spec, "hostNetwork"), path);
    environment(errors, container, path);
    mounts(errors, container, volumes, path);
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(found) = container.get(key).filter(|found| found.is_object()) {
            probe(errors, found, key, &format!("{path}.{key}"));
        }
    }
    for key in ["postStart", "preStop"] {
        if let Some(found) = container.pointer(&format!("/lifecycle/{key}")).filter(|found| found.is_object())
        {
            handler(
                errors,
                found,
                &["exec", "httpGet", "tcpSocket", "sleep"],
                &format!("{path}.lifecycle.{key}"),
            );
            let grace = number(spec, "terminationGracePeriodSeconds").unwrap_or(30);
            if let Some(seconds) = found.get("sleep").and_then(|sleep| number(sleep, "seconds"))
                && !(0..=grace).contains(&seconds)
            {
                let detail =
                    format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
                errors.push(FieldError::invalid(format!("{path}.lifecycle.{key}.sleep"), seconds, detail));
            }
        }
    }
    resources(errors, container.get("resources").unwrap_or(&Value::Null), &format!("{path}.resources"));
    restarts::resize_policy(errors, spec, container, path);
    security::of_container(errors, spec, container, path);
}

/// Rules that depend on the list in which a container stands.
fn kind_of_list(errors: &mut Vec<FieldError>, container: &Value, list: &str, path: &str) {
    let restarts = text(container, "restartPolicy");
    let always = restarts == "Always";
    match list {
        "ephemeralContainers" => {
            for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "ports"] {
                if !is_empty(container, key) {
                    let detail = "cannot be set for an Ephemeral Container";
                    errors.push(FieldError::forbidden(format!("{path}.{key}"), detail));
                }
            }
        }
        "initContainers" if !always => {
            for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
                if has(container, key) {
                    let detail = "may not be set for init containers without restartPolicy=Always";
                    errors.push(FieldError::forbidden(format!("{path}.{key}"), detail));
                }
            }
        }
        _ => {}
    }
    if list != "ephemeralContainers" {
        restarts::policy(errors, container, path);
    }
}

fn ports(errors: &mut Vec<FieldError>, container: &Value, host_network: bool, path: &str) {
    let mut names = BTreeSet::new();
    for (at, port) in items(container, "ports").iter().enumerate() {
        let path = format!("{path}.ports[{at}]");
        let name = text(port, "name");
        if !name.is_empty() {
            name_errors(errors, &format!("{path}.name"), name, port_name(name));
            if !names.insert(name) {
                errors.push(FieldError::new(format!("{path}.name"), Reason::Duplicate, name.into(), ""));
            }
        }
        match number(port, "containerPort").unwrap_or_default() {
            0 => errors.push(FieldError::required(format!("{path}.containerPort"), "")),
            value => port_number(errors, value, &format!("{path}.containerPort")),
        }
        if host_network {
            host_network_port(errors, port, &path);
        } else if let Some(host) = number(port, "hostPort").filter(|host| *host != 0) {
            port_number(errors, host, &format!("{path}.hostPort"));
        }
        let protocol = text(port, "protocol");
        if protocol.is_empty() {
            errors.push(FieldError::required(format!("{path}.protocol"), ""));
        } else if !matches!(protocol, "TCP" | "UDP" | "SCTP") {
            let allowed = ["SCTP", "TCP", "UDP"];
            errors.push(FieldError::not_supported(format!("{path}.protocol"), protocol, &allowed));
        }
    }
}

fn unique_host_ports(
    errors: &mut Vec<FieldError>,
    container: &Value,
    taken: &mut BTreeSet<String>,
    path: &str,
) {
    for (at, port) in items(container, "ports").iter().enumerate() {
        let Some(host) = number(port, "hostPort").filter(|host| *host != 0) else { continue };
        let place = format!("{}/{}/{host}", text(port, "protocol"), text(port, "hostIP"));
        if !taken.insert(place.clone()) {
            errors.push(FieldError::new(
                format!("{path}.ports[{at}].hostPort"),
                Reason::Duplicate,
                place.into(),
                "",
            ));
        }
    }
}

/// Printable ASCII without `=`, as v1.34 and later take it.
fn variable_name(name: &str) -> Vec<String> {
    if name.bytes().all(|byte| (0x20..=0x7e).contains(&byte) && byte != b'=') {
        return Vec::new();
    }
    vec![
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
            .into(),
    ]
}

fn environment(errors: &mut Vec<FieldError>, container: &Value, path: &str) {
    for (at, variable) in items(container, "env").iter().enumerate() {
        let path = format!("{path}.env[{at}]");
        let name = text(variable, "name");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        } else {
            name_errors(errors, &format!("{path}.name"), name, variable_name(name));
        }
        if let Some(source) = variable.get("valueFrom").filter(|source| source.is_object()) {
            value_from(errors, variable, source, &format!("{path}.valueFrom"));
        }
    }
    for (at, source) in items(container, "envFrom").iter().enumerate() {
        let path = format!("{path}.envFrom[{at}]");
        let prefix = text(source, "prefix");
        name_errors(errors, &format!("{path}.prefix"), prefix, variable_name(prefix));
        let mut sources = 0;
        for key in ["configMapRef", "secretRef"] {
            if let Some(found) = source.get(key).filter(|found| found.is_object()) {
                sources += 1;
                if text(found, "name").is_empty() {
                    errors.push(FieldError::required(format!("{path}.{key}.name"), ""));
                }
            }
        }
        match sources {
            0 => errors.push(FieldError::invalid(
                path,
                "",
                "must specify one of: `configMapRef` or `secretRef`",
            )),
            1 => {}
            _ => errors.push(FieldError::invalid(
                path,
                "",
                "may not have more than one field specified at a time",
            )),
        }
    }
}

fn value_from(errors: &mut Vec<FieldError>, variable: &Value, source: &Value, path: &str) {
    const KINDS: [&str; 5] =
        ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
    let given = KINDS.iter().filter(|kind| has(source, kind)).count();
    if given == 0 {
        let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
        errors.push(FieldError::invalid(path, "", detail));
    } else if !is_empty(variable, "value") {
        errors.push(FieldError::invalid(path, "", "may not be specified when `value` is not empty"));
    } else if given > 1 {
        errors.push(FieldError::invalid(path, "", "may not have more than one field specified at a time"));
    }
    if let Some(field) = source.get("fieldRef").filter(|field| field.is_object()) {
        field_reference(errors, field, &format!("{path}.fieldRef"), &FIELDS_FOR_ENVIRONMENT);
    }
    for key in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(found) = source.get(key).filter(|found| found.is_object()) {
            for part in ["name", "key"] {
                if text(found, part).is_empty() {
                    errors.push(FieldError::required(format!("{path}.{key}.{part}"), ""));
                }
            }
        }
    }
    if let Some(found) = source.get("resourceFieldRef").filter(|found| found.is_object()) {
        resource_reference(errors, found, &format!("{path}.resourceFieldRef"));
    }
}

/// What the downward API gives as an environment variable …
const FIELDS_FOR_ENVIRONMENT: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// … and as a file.
pub(super) const FIELDS_FOR_FILES: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// Checks a reference to a field of the pod.
pub(super) fn field_reference(errors: &mut Vec<FieldError>, field: &Value, path: &str, allowed: &[&str]) {
    if text(field, "apiVersion").is_empty() {
        errors.push(FieldError::required(format!("{path}.apiVersion"), ""));
    }
    let wanted = text(field, "fieldPath");
    if wanted.is_empty() {
        errors.push(FieldError::required(format!("{path}.fieldPath"), ""));
        return;
    }
    let keyed = wanted.split_once("['").filter(|(_, rest)| rest.ends_with("']"));
    let known = match keyed {
        Some((map, _)) => matches!(map, "metadata.labels" | "metadata.annotations"),
        None => allowed.contains(&wanted),
    };
    if !known {
        errors.push(FieldError::not_supported(format!("{path}.fieldPath"), wanted, allowed));
    }
}

/// Checks a reference to a container's resource.
pub(super) fn resource_reference(errors: &mut Vec<FieldError>, reference: &Value, path: &str) {
    let resource = text(reference, "resource");
    if resource.is_empty() {
        errors.push(FieldError::required(format!("{path}.resource"), ""));
    } else if !["cpu", "memory", "ephemeral-storage", "hugepages-"].iter().any(|name| {
        resource
            .strip_prefix("limits.")
            .or(resource.strip_prefix("requests."))
            .is_some_and(|rest| rest.starts_with(name))
    }) {
        let allowed = [
            "limits.cpu",
            "limits.ephemeral-storage",
            "limits.memory",
            "requests.cpu",
            "requests.ephemeral-storage",
            "requests.memory",
        ];
        errors.push(FieldError::not_supported(format!("{path}.resource"), resource, &allowed));
    }
}

fn mounts(errors: &mut Vec<FieldError>, container: &Value, volumes: &Volumes, path: &str) {
    let mut places = BTreeSet::new();
    for (at, mount) in items(container, "volumeMounts").iter().enumerate() {
        let path = format!("{path}.volumeMounts[{at}]");
        let (name, place) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        } else if !volumes.contains(name) {
            errors.push(FieldError::new(format!("{path}.name"), Reason::NotFound, name.into(), ""));
        }
        if place.is_empty() {
            errors.push(FieldError::required(format!("{path}.mountPath"), ""));
        } else if !places.insert(place) {
            errors.push(FieldError::invalid(format!("{path}.mountPath"), place, "must be unique"));
        }
        for key in ["subPath", "subPathExpr"] {
            relative_path(errors, text(mount, key), &format!("{path}.{key}"));
        }
        if !is_empty(mount, "subPath") && !is_empty(mount, "subPathExpr") {
            let value = text(mount, "subPathExpr");
            errors.push(FieldError::invalid(
                format!("{path}.subPathExpr"),
                value,
                "subPathExpr and subPath are mutually exclusive",
            ));
        }
    }
}

/// Checks a path that must stay inside a volume.
pub(super) fn relative_path(errors: &mut Vec<FieldError>, value: &str, path: &str) {
    if value.starts_with('/') {
        errors.push(FieldError::invalid(path, value, "must be a relative path"));
    }
    if value.split('/').any(|part| part == "..") {
        errors.push(FieldError::invalid(path, value, "must not contain '..'"));
    }
}

fn probe(errors: &mut Vec<FieldError>, probe: &Value, kind: &str, path: &str) {
    let once = kind != "readinessProbe";
    handler(errors, probe, &["exec", "httpGet", "tcpSocket", "grpc"], path);
    for key in
        ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
    {
        not_negative(errors, probe, key, path);
    }
    if once && let Some(value) = number(probe, "successThreshold").filter(|value| *value != 1) {
        errors.push(FieldError::invalid(format!("{path}.successThreshold"), value, "must be 1"));
    }
    if let Some(grace) = number(probe, "terminationGracePeriodSeconds") {
        let field = format!("{path}.terminationGracePeriodSeconds");
        if !once {
            errors.push(FieldError::invalid(&field, grace, "must not be set for readinessProbes"));
        }
        if grace <= 0 {
            errors.push(FieldError::invalid(field, grace, "must be greater than 0"));
        }
    }
}

fn handler(errors: &mut Vec<FieldError>, handler: &Value, allowed: &[&str], path: &str) {
    let given: Vec<&&str> = allowed.iter().filter(|kind| has(handler, kind)).collect();
    if given.is_empty() {
        errors.push(FieldError::required(path, "must specify a handler type"));
    }
    for extra in given.iter().skip(1) {
        let detail = "may not specify more than 1 handler type";
        errors.push(FieldError::forbidden(format!("{path}.{extra}"), detail));
    }
    if let Some(exec) = handler.get("exec").filter(|exec| exec.is_object())
        && items(exec, "command").is_empty()
    {
        errors.push(FieldError::required(format!("{path}.exec.command"), ""));
    }
    for key in ["httpGet", "tcpSocket"] {
        if let Some(found) = handler.get(key).filter(|found| found.is_object()) {
            let port = found.get("port").unwrap_or(&Value::Null);
            port_or_name(errors, port, &format!("{path}.{key}.port"));
        }
    }
    if let Some(request) = handler.get("httpGet").filter(|request| request.is_object()) {
        one_of(errors, request, "scheme", &format!("{path}.httpGet"), &["HTTP", "HTTPS"]);
        for (at, header) in items(request, "httpHeaders").iter().enumerate() {
            let name = text(header, "name");
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                let detail = "a valid HTTP header must consist of alphanumeric characters or '-' \
                    (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
                errors.push(FieldError::invalid(format!("{path}.httpGet.httpHeaders[{at}]"), name, detail));
            }
        }
    }
    if let Some(grpc) = handler.get("grpc").filter(|grpc| grpc.is_object()) {
        port_number(errors, number(grpc, "port").unwrap_or_default(), &format!("{path}.grpc.port"));
    }
}

/// Checks requests and limits.
pub(crate) fn resources(errors: &mut Vec<FieldError>, resources: &Value, path: &str) {
    let limits = amounts(errors, resources, "limits", path);
    let requests = amounts(errors, resources, "requests", path);
    for (name, (request, shown)) in &requests {
        let field = format!("{path}.requests");
        match limits.get(name) {
            Some((limit, limit_shown)) if request > limit => {
                let detail = format!("must be less than or equal to {name} limit of {limit_shown}");
                errors.push(FieldError::invalid(field, *shown, detail));
            }
            Some((limit, _)) if request != limit && !overcommits(name) => {
                let detail = format!("must be equal to {name} limit of {}", limits[name].1);
                errors.push(FieldError::invalid(field, *shown, detail));
            }
            None if !overcommits(name) => {
                errors.push(FieldError::required(
                    format!("{path}.limits"),
                    "Limit must be set for non overcommitable resources",
                ));
            }
            _ => {}
        }
    }
}

/// Whether a request may be below its limit: the kubelet's own resources alone.
fn overcommits(name: &str) -> bool {
    !name.contains('/') && !name.starts_with("hugepages-")
}

fn amounts<'a>(
    errors: &mut Vec<FieldError>,
    resources: &'a Value,
    list: &str,
    path: &str,
) -> BTreeMap<&'a str, (Quantity, &'a str)> {
    let mut found = BTreeMap::new();
    for (name, value) in resources.get(list).and_then(Value::as_object).into_iter().flatten() {
        let field = format!("{path}.{list}[{name}]");
        name_errors(errors, &field, name, validate::qualified_name(name));
        if !name.contains('/')
            && !matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage")
            && !name.starts_with("hugepages-")
        {
            let detail = "must be a standard resource for containers";
            errors.push(FieldError::invalid(&field, name.as_str(), detail));
        }
        let shown = value.as_str().unwrap_or_default();
        match Quantity::parse(shown) {
            Ok(quantity) if quantity.sign() < 0 => {
                errors.push(FieldError::invalid(field, shown, "must be greater than or equal to 0"));
            }
            Ok(quantity) => {
                found.insert(name.as_str(), (quantity, shown));
            }
            Err(error) => errors.push(FieldError::invalid(field, shown, error.to_string())),
        }
    }
    found
}
