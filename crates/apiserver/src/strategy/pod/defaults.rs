//! Defaults of a pod spec, as the API server applies them to pods and to every template that holds one.
//!
//! Source of the rules: the v1.37 API reference and `kubectl get -o yaml` of what a v1.37 server stores. Two sets
//! exist: [`pod_spec`] for pods and templates alike, and [`pod`] for what only a pod itself gets (service links,
//! requests from limits, host ports of host-network pods).

use objects::quantity::Quantity;
use serde_json::{Value, json};

use crate::strategy::fields::{default, flag, has, is_empty, items, items_mut, number, set, text};

/// The lists of a pod spec that hold containers.
pub(crate) const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Defaults of a whole pod.
pub(crate) fn pod(object: &mut Value) {
    let Some(spec) = object.get_mut("spec") else { return };
    pod_spec(spec);
    default(spec, "enableServiceLinks", true);
    let host_network = flag(spec, "hostNetwork");
    for list in ["initContainers", "containers"] {
        for container in items_mut(spec, list) {
            requests_from_limits(container);
            if host_network {
                for port in items_mut(container, "ports") {
                    if number(port, "hostPort").unwrap_or_default() == 0 {
                        let value = port.get("containerPort").cloned().unwrap_or_default();
                        set(port, "hostPort", value);
                    }
                }
            }
        }
    }
    pod_level_requests(spec);
}

/// Of a pod with limits as a whole: requests that it does not name are those of its containers together, or else its
/// limits.
pub(super) fn pod_level_requests(spec: &mut Value) {
    let Some(limits) = spec.pointer("/resources/limits").and_then(Value::as_object).cloned() else { return };
    for name in ["cpu", "memory"] {
        let value =
            together(spec, name).map(|sum| sum.to_string().into()).or_else(|| limits.get(name).cloned());
        if let (Some(value), Some(resources)) = (value, spec.get_mut("resources")) {
            default(resources, "requests", json!({}));
            if let Some(requests) = resources.get_mut("requests") {
                default(requests, name, value);
            }
        }
    }
}

/// What the containers ask for at the worst moment: all main ones and sidecars, or one init container beside the
/// sidecars before it. `None` when none asks.
fn together(spec: &Value, name: &str) -> Option<Quantity> {
    let asked = |container: &Value| {
        let text = container.pointer("/resources/requests")?.get(name)?.as_str()?;
        Quantity::parse(text).ok()
    };
    let sum = |one: Option<Quantity>, more: Option<Quantity>| match (one, more) {
        (Some(one), Some(more)) => Some(one + more),
        (one, more) => one.or(more),
    };
    let (mut sidecars, mut peak) = (None, None);
    for container in items(spec, "initContainers") {
        if text(container, "restartPolicy") == "Always" {
            sidecars = sum(sidecars, asked(container));
            peak = peak.max(sidecars);
        } else {
            peak = peak.max(sum(sidecars, asked(container)));
        }
    }
    let main = items(spec, "containers").iter().map(asked).fold(None, sum);
    peak.max(sum(main, sidecars))
}

/// Defaults of a pod template at `object[key]`.
pub(crate) fn template(object: &mut Value, key: &str) {
    if let Some(spec) = object.get_mut(key).and_then(|template| template.get_mut("spec")) {
        pod_spec(spec);
    }
}

/// Defaults of a pod spec wherever it stands.
pub(crate) fn pod_spec(spec: &mut Value) {
    default(spec, "restartPolicy", "Always");
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "schedulerName", "default-scheduler");
    default(spec, "securityContext", json!({}));
    service_account(spec);
    for list in CONTAINER_LISTS {
        for one in items_mut(spec, list) {
            container(one);
        }
    }
    for one in items_mut(spec, "volumes") {
        volume(one);
    }
}

/// The old field `serviceAccount` and `serviceAccountName` always show the same.
pub(crate) fn service_account(spec: &mut Value) {
    let name = [text(spec, "serviceAccountName"), text(spec, "serviceAccount")]
        .into_iter()
        .find(|name| !name.is_empty())
        .map(str::to_owned);
    if let Some(name) = name {
        set(spec, "serviceAccountName", name.clone());
        set(spec, "serviceAccount", name);
    }
}

fn container(container: &mut Value) {
    if is_empty(container, "imagePullPolicy") {
        let policy = pull_policy(text(container, "image"));
        set(container, "imagePullPolicy", policy);
    }
    if is_empty(container, "terminationMessagePath") {
        set(container, "terminationMessagePath", "/dev/termination-log");
    }
    if is_empty(container, "terminationMessagePolicy") {
        set(container, "terminationMessagePolicy", "File");
    }
    default(container, "resources", json!({}));
    for port in items_mut(container, "ports") {
        if is_empty(port, "protocol") {
            set(port, "protocol", "TCP");
        }
    }
    for variable in items_mut(container, "env") {
        if let Some(source) = variable.get_mut("valueFrom") {
            field_reference(source);
            if let Some(file) = source.get_mut("fileKeyRef") {
                default(file, "optional", false);
            }
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(one) = container.get_mut(name).filter(|one| one.is_object()) {
            probe(one);
        }
    }
    if let Some(lifecycle) = container.get_mut("lifecycle") {
        for name in ["postStart", "preStop"] {
            if let Some(handler) = lifecycle.get_mut(name) {
                http_get(handler);
            }
        }
    }
}

/// `Always` for images that are named without digest and with the tag `latest` or none.
fn pull_policy(image: &str) -> &'static str {
    if image.contains('@') {
        return "IfNotPresent";
    }
    let last = image.rsplit('/').next().unwrap_or_default();
    match last.split_once(':') {
        None | Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
    }
}

fn probe(probe: &mut Value) {
    for (key, value) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        if number(probe, key).unwrap_or_default() == 0 {
            set(probe, key, value);
        }
    }
    http_get(probe);
    if let Some(grpc) = probe.get_mut("grpc").filter(|grpc| grpc.is_object()) {
        default(grpc, "service", "");
    }
}

fn http_get(handler: &mut Value) {
    if let Some(request) = handler.get_mut("httpGet").filter(|request| request.is_object()) {
        if is_empty(request, "path") {
            set(request, "path", "/");
        }
        if is_empty(request, "scheme") {
            set(request, "scheme", "HTTP");
        }
    }
}

fn field_reference(source: &mut Value) {
    if let Some(field) = source.get_mut("fieldRef").filter(|field| field.is_object())
        && is_empty(field, "apiVersion")
    {
        set(field, "apiVersion", "v1");
    }
}

/// A limit without a request is the request too.
fn requests_from_limits(container: &mut Value) {
    let Some(resources) = container.get_mut("resources").filter(|resources| resources.is_object()) else {
        return;
    };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else { return };
    if limits.is_empty() {
        return;
    }
    default(resources, "requests", json!({}));
    if let Some(requests) = resources.get_mut("requests") {
        for (name, limit) in limits {
            default(requests, &name, limit);
        }
    }
}

fn volume(volume: &mut Value) {
    let named_only =
        volume.as_object().is_some_and(|map| map.iter().all(|(key, value)| key == "name" || value.is_null()));
    if named_only {
        set(volume, "emptyDir", json!({}));
    }
    for (source, mode) in
        [("secret", 0o644), ("configMap", 0o644), ("downwardAPI", 0o644), ("projected", 0o644)]
    {
        if let Some(source) = volume.get_mut(source).filter(|source| source.is_object()) {
            default(source, "defaultMode", mode);
        }
    }
    if let Some(path) = volume.get_mut("hostPath").filter(|path| path.is_object()) {
        default(path, "type", "");
    }
    if let Some(downward) = volume.get_mut("downwardAPI") {
        items_mut(downward, "items").iter_mut().for_each(field_reference);
    }
    if let Some(projected) = volume.get_mut("projected") {
        for source in items_mut(projected, "sources") {
            if let Some(token) = source.get_mut("serviceAccountToken").filter(|token| token.is_object()) {
                default(token, "expirationSeconds", 3600);
            }
            if let Some(downward) = source.get_mut("downwardAPI") {
                items_mut(downward, "items").iter_mut().for_each(field_reference);
            }
        }
    }
    if let Some(image) = volume.get_mut("image").filter(|image| image.is_object())
        && !has(image, "pullPolicy")
    {
        let policy = pull_policy(text(image, "reference"));
        set(image, "pullPolicy", policy);
    }
    if let Some(iscsi) = volume.get_mut("iscsi").filter(|iscsi| iscsi.is_object()) {
        default(iscsi, "iscsiInterface", "default");
    }
    if let Some(spec) = volume.pointer_mut("/ephemeral/volumeClaimTemplate/spec") {
        default(spec, "volumeMode", "Filesystem");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_policy_follows_the_tag() {
        for (image, policy) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            ("registry:5000/nginx", "Always"),
            ("registry:5000/nginx:1", "IfNotPresent"),
            ("nginx@sha256:00", "IfNotPresent"),
            ("", "Always"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }

    #[test]
    fn a_bare_pod_gets_what_upstream_stores() {
        let mut object = json!({"spec": {
            "containers": [{
                "name": "a", "image": "nginx:1",
                "ports": [{"containerPort": 80}],
                "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                "resources": {"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": "100m"}},
                "readinessProbe": {"httpGet": {"port": 80}},
            }],
            "volumes": [{"name": "v"}, {"name": "s", "secret": {"secretName": "x"}}],
            "serviceAccount": "old",
        }});
        pod(&mut object);
        let want = json!({"spec": {
            "containers": [{
                "name": "a", "image": "nginx:1", "imagePullPolicy": "IfNotPresent",
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "env": [{"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}],
                "resources": {
                    "limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": "100m", "memory": "64Mi"}
                },
                "readinessProbe": {
                    "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
                    "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3
                },
            }],
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}}],
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "terminationGracePeriodSeconds": 30,
            "schedulerName": "default-scheduler", "securityContext": {}, "enableServiceLinks": true,
            "serviceAccount": "old", "serviceAccountName": "old",
        }});
        assert_eq!(object, want);
    }

    #[test]
    fn a_pod_with_limits_asks_for_what_its_containers_do() {
        let mut object = json!({"spec": {
            "resources": {"limits": {"cpu": "2", "memory": "1Gi"}},
            "initContainers": [{"image": "a:1", "restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}}],
            "containers": [{"image": "a:1", "resources": {"requests": {"cpu": "250m"}}}, {"image": "a:1"}],
        }});
        pod(&mut object);
        assert_eq!(object["spec"]["resources"]["requests"], json!({"cpu": "350m", "memory": "1Gi"}));
    }

    #[test]
    fn host_network_ports_are_host_ports_and_defaulting_is_idempotent() {
        let mut object = json!({"spec": {
            "hostNetwork": true, "containers": [{"image": "a:1", "ports": [{"containerPort": 80}]}]
        }});
        pod(&mut object);
        assert_eq!(object["spec"]["containers"][0]["ports"][0]["hostPort"], 80);
        let once = object.clone();
        pod(&mut object);
        assert_eq!(object, once);
    }
}
