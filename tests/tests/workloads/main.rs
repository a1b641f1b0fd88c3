//! Workloads, as a user of kubectl makes, changes and deletes them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod deletion;
mod deployments;
mod jobs;
mod sets;

use e2e::Cluster;
use e2e::objects::shell;
use serde_json::{Value, json};

/// A container that stays, and ends at once when it is asked to.
fn stays() -> Value {
    shell("c", "trap 'exit 0' TERM; sleep 1000 & wait")
}

/// A workload of `apps/v1` with a selector and pods that stay; `version` is a variable of theirs.
fn workload(kind: &str, name: &str, version: &str, spec: Value) -> Value {
    let mut container = stays();
    container["env"] = json!([{"name": "VERSION", "value": version}]);
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
            },
        },
    });
    if let (Value::Object(object), Value::Object(more)) = (&mut object["spec"], spec) {
        object.extend(more);
    }
    object
}

/// The living pods of an app, oldest first.
fn pods(cluster: &Cluster, app: &str) -> Vec<Value> {
    let list = cluster.get(&["pods", "-l", &format!("app={app}"), "--sort-by=.metadata.creationTimestamp"]);
    let list = list["items"].as_array().cloned().unwrap_or_default();
    list.into_iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect()
}

/// Names of those, sorted.
fn names(pods: &[Value]) -> Vec<String> {
    let mut names: Vec<String> =
        pods.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The version that a pod of [`workload`] has.
fn version(pod: &Value) -> &str {
    pod["spec"]["containers"][0]["env"][0]["value"].as_str().unwrap_or_default()
}
