//! Volumes as kubectl's users know them: every kind in a pod, live updates, claims with folders that outlive pods,
//! volumes made by hand, StatefulSets' claims, and scratch space with a limit.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod by_hand;
mod claims;
mod kinds;
mod nodes;
mod sets;

use std::path::PathBuf;

use e2e::{Cluster, images};
use serde_json::{Value, json};

/// A pod of one container that runs a script and ends at once when asked to.
pub(crate) fn pod(name: &str, script: &str, volumes: Value, mounts: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": {
        "terminationGracePeriodSeconds": 0, "volumes": volumes, "restartPolicy": "Never",
        "containers": [{"name": "c", "image": images::BUSYBOX, "command": ["sh", "-c", script], "volumeMounts": mounts}]}})
}

/// A pod that mounts `claim` at `/data` and stays.
pub(crate) fn consumer(name: &str, claim: &str) -> Value {
    pod(
        name,
        "sleep 100000",
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]),
        json!([{"name": "data", "mountPath": "/data"}]),
    )
}

pub(crate) fn claim(name: &str, class: Option<&str>, size: &str) -> Value {
    let mut claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}});
    if let Some(class) = class {
        claim["spec"]["storageClassName"] = json!(class);
    }
    claim
}

pub(crate) fn class(name: &str, mode: &str, policy: &str) -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": "launchway.dev/local", "volumeBindingMode": mode, "reclaimPolicy": policy})
}

pub(crate) fn exec(cluster: &Cluster, pod: &str, script: &str) -> String {
    cluster.kubectl_ok(&["exec", pod, "--", "sh", "-c", script])
}

pub(crate) fn wait_for(cluster: &Cluster, what: &str, condition: &str) {
    cluster.kubectl_ok(&["wait", what, &format!("--for={condition}"), "--timeout=60s"]);
}

/// Waits for the phase of a claim or volume.
pub(crate) fn phase(cluster: &Cluster, what: &str, phase: &str) {
    wait_for(cluster, what, &format!("jsonpath={{.status.phase}}={phase}"));
}

pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Waits until `kubectl describe` shows every one of `words`.
pub(crate) fn describes(cluster: &Cluster, what: &str, words: &[&str]) {
    let mut shown = String::new();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        shown.clone_from(&cluster.kubectl_ok(&["describe", what]));
        let missing: Vec<_> = words.iter().filter(|word| !squeezed(&shown).contains(**word)).collect();
        if missing.is_empty() {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{missing:?} are not in\n{shown}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// With every run of blanks as one.
pub(crate) fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The folder of the volume that `claim` is bound to.
pub(crate) fn folder(cluster: &Cluster, claim: &str) -> (String, PathBuf) {
    let volume = text(&cluster.get(&["pvc", claim]), "/spec/volumeName").to_owned();
    let path = PathBuf::from(text(&cluster.get(&["pv", &volume]), "/spec/local/path"));
    assert!(path.starts_with(cluster.home().join("volumes")), "{}", path.display());
    (volume, path)
}
