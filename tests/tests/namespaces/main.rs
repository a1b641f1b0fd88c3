//! Namespaces keep people and their things apart: names, deletion, rights of a second user, quotas, limits, Pod
//! Security, budgets, certificates.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod budgets;
mod certificates;
mod lives;
mod quotas;
mod security;
mod users;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::{Cluster, Ran, images};
use serde_json::{Value, json};

/// kubectl with a kubeconfig and standard input of its own.
fn kubectl(kubeconfig: &Path, arguments: &[&str], input: &str) -> Ran {
    let program = std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
    let mut child = Command::new(program)
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Applies objects as the administrator.
fn apply(cluster: &Cluster, objects: &[Value]) -> Ran {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    kubectl(&cluster.kubeconfig(), &["apply", "-f", "-"], &list)
}

fn applied(cluster: &Cluster, objects: &[Value]) {
    let ran = apply(cluster, objects);
    assert!(ran.success, "{}\n{}", ran.stderr, cluster.log());
}

/// A command that must fail; what it says.
fn refused(ran: Ran) -> String {
    assert!(!ran.success, "{}", ran.stdout);
    ran.stderr
}

fn pod(namespace: &str, name: &str, script: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [
            {"name": "main", "image": images::BUSYBOX, "command": ["sh", "-c", script]}]}})
}

fn config_map(namespace: &str, name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
        "data": {"key": value}})
}

fn await_running(cluster: &Cluster, namespace: &str, name: &str) {
    cluster.kubectl_ok(&[
        "wait",
        "-n",
        namespace,
        "--for=condition=Ready",
        &format!("pod/{name}"),
        "--timeout=60s",
    ]);
}
