//! What holds a pod back, and what takes its place.

use e2e::objects::{
    apply, condition, pod, shell, started, until, until_event, until_gone, until_ready, with,
};
use serde_json::json;

use crate::STAY;

#[test]
fn gates_hold_pods_back() {
    let cluster = started();
    let stay = json!([shell("c", STAY)]);
    apply(
        &cluster,
        &[
            pod(
                "ready-gate",
                json!({"containers": stay, "readinessGates": [{"conditionType": "example.com/ok"}]}),
            ),
            pod("gated", json!({"containers": stay, "schedulingGates": [{"name": "example.com/wait"}]})),
        ],
    );
    let held = until(&cluster, &["pod", "ready-gate"], "waits for its gate", |pod| {
        condition(pod, "Ready")["reason"] == "ReadinessGatesNotReady"
    });
    assert_eq!(
        condition(&held, "Ready")["message"],
        "corresponding condition of pod readiness gate \"example.com/ok\" does not exist."
    );
    assert_eq!(condition(&held, "ContainersReady")["status"], "True");
    assert_eq!(condition(&held, "PodReadyToStartContainers")["status"], "True");
    let ok = json!({"status": {"conditions": [{"type": "example.com/ok", "status": "True"}]}}).to_string();
    cluster.kubectl_ok(&["patch", "pod", "ready-gate", "--subresource=status", "-p", &ok]);
    let ready = until_ready(&cluster, "ready-gate");
    assert_eq!(ready["status"]["observedGeneration"], ready["metadata"]["generation"]);

    let gated = cluster.get(&["pod", "gated"]);
    assert_eq!(condition(&gated, "PodScheduled")["reason"], "SchedulingGated");
    let shown = cluster.kubectl_ok(&["get", "pod", "gated"]);
    assert!(shown.contains("SchedulingGated"), "{shown}");
    cluster.kubectl_ok(&[
        "patch",
        "pod",
        "gated",
        "--type=json",
        "-p",
        r#"[{"op":"remove","path":"/spec/schedulingGates"}]"#,
    ]);
    until_ready(&cluster, "gated");
}

#[test]
fn important_pods_take_the_place_of_lesser_ones() {
    let cluster = started();
    let node = cluster.get(&["nodes"])["items"][0].clone();
    let cpus = node["status"]["allocatable"]["cpu"].as_str().unwrap().parse::<u32>().unwrap();
    let most = format!("{}m", cpus * 1000 * 6 / 10);
    let class = |name: &str, value: i64| json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value});
    let big = |class: &str| {
        let container = with(shell("c", STAY), json!({"resources": {"requests": {"cpu": most}}}));
        json!({"priorityClassName": class, "containers": [container], "terminationGracePeriodSeconds": 5})
    };
    apply(&cluster, &[class("low", 1), class("high", 1000), pod("lesser", big("low"))]);
    until_ready(&cluster, "lesser");
    apply(&cluster, &[pod("important", big("high"))]);
    let important = until_ready(&cluster, "important");
    assert_eq!(important["spec"]["priority"], 1000);
    until_gone(&cluster, &["pod", "lesser"]);
    until_event(&cluster, "lesser", "Preempted: Preempted by pod");
    apply(&cluster, &[pod("too-late", big("low"))]);
    let waits = until(&cluster, &["pod", "too-late"], "cannot be placed", |pod| {
        condition(pod, "PodScheduled")["reason"] == "Unschedulable"
    });
    let message = condition(&waits, "PodScheduled")["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("0/1 nodes are available: 1 Insufficient cpu."), "{message}");
}
