//! Objects as a user of kubectl makes, watches and reads them.

use serde_json::Value;

use crate::{Cluster, eventually};

/// A started cluster with the busybox image.
pub fn started() -> Cluster {
    let cluster = Cluster::new();
    cluster.ok(&["cluster", "start"]);
    crate::images::busybox(&cluster);
    cluster
}

/// `kubectl apply` of these objects, in this order.
pub fn apply(cluster: &Cluster, objects: &[Value]) {
    let file = cluster.folder().join("apply.json");
    std::fs::write(&file, objects.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")).unwrap();
    cluster.kubectl_ok(&["apply", "-f", file.to_str().unwrap()]);
}

/// The error of `kubectl apply` of this object, which must be refused.
pub fn refused(cluster: &Cluster, object: &Value) -> String {
    let file = cluster.folder().join("refused.json");
    std::fs::write(&file, object.to_string()).unwrap();
    let ran = cluster.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    assert!(!ran.success, "must be refused: {object}");
    ran.stderr
}

/// A pod of the default namespace.
pub fn pod(name: &str, spec: Value) -> Value {
    serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

/// A container of the busybox image that runs a shell script.
pub fn shell(name: &str, script: &str) -> Value {
    serde_json::json!({"name": name, "image": crate::images::BUSYBOX, "command": ["sh", "-c", script]})
}

/// The same with more fields.
pub fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

/// Waits until one object (`["pod", "web"]`) is as it should be; shows it if it never is.
pub fn until(cluster: &Cluster, object: &[&str], what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(what, || {
            let ran = cluster.kubectl(&[&["get", "-o", "json"], object].concat());
            last = serde_json::from_str(&ran.stdout).unwrap_or(Value::Null);
            (!last.is_null() && is(&last)).then(|| last.clone())
        })
    }));
    found.unwrap_or_else(|_| panic!("{object:?}: {what}: never; it is\n{last:#}\n{}", seen(cluster, object)))
}

/// Waits for a pod's phase.
pub fn until_phase(cluster: &Cluster, name: &str, phase: &str) -> Value {
    until(cluster, &["pod", name], phase, |pod| pod["status"]["phase"] == phase)
}

/// Waits until a pod is ready.
pub fn until_ready(cluster: &Cluster, name: &str) -> Value {
    until(cluster, &["pod", name], "ready", |pod| condition(pod, "Ready")["status"] == "True")
}

/// Waits until there is no such object.
pub fn until_gone(cluster: &Cluster, object: &[&str]) {
    eventually(&format!("{object:?} is gone"), || {
        let ran = cluster.kubectl(&[&["get"], object].concat());
        ran.stderr.contains("NotFound").then_some(())
    });
}

/// A condition of an object; null when it has none of that type.
pub fn condition(object: &Value, type_: &str) -> Value {
    let list = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    list.into_iter().find(|condition| condition["type"] == type_).unwrap_or_default()
}

/// The status of a container, of whichever kind.
pub fn container(pod: &Value, name: &str) -> Value {
    let lists = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];
    let statuses = lists.iter().flat_map(|list| pod["status"][list].as_array().cloned().unwrap_or_default());
    statuses.into_iter().find(|status| status["name"] == name).unwrap_or_default()
}

/// Events about an object, as `reason: message`.
pub fn events(cluster: &Cluster, name: &str) -> Vec<String> {
    let selector = format!("involvedObject.name={name}");
    let list = cluster.get(&["events", "--field-selector", &selector]);
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let list = list["items"].as_array().cloned().unwrap_or_default();
    list.iter().map(|event| format!("{}: {}", text(event, "reason"), text(event, "message"))).collect()
}

/// Waits for an event that begins so; all of it.
pub fn until_event(cluster: &Cluster, name: &str, begin: &str) -> String {
    let mut last = Vec::new();
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(begin, || {
            last = events(cluster, name);
            last.iter().find(|event| event.starts_with(begin)).cloned()
        })
    }));
    found.unwrap_or_else(|_| panic!("{name} has no event {begin:?}, but\n{}", last.join("\n")))
}

/// What a command in a container of a pod prints.
pub fn exec(cluster: &Cluster, pod: &str, container: &str, command: &[&str]) -> String {
    let output = cluster.kubectl_ok(&[&["exec", pod, "-c", container, "--"], command].concat());
    output.trim_end().to_owned()
}

/// The log of a container.
pub fn logs(cluster: &Cluster, pod: &str, container: &str) -> String {
    cluster.kubectl_ok(&["logs", pod, "-c", container])
}

fn seen(cluster: &Cluster, object: &[&str]) -> String {
    object.get(1).map(|name| events(cluster, name).join("\n")).unwrap_or_default()
}
