//! Columns of pods and pod templates. The status column tells the one thing that matters most about a pod, by
//! upstream's rules: what holds initialization, else what holds a container, else the phase.

use super::cells::{NONE, at, containers, int, items, labels, since, text, text_or};
use super::{AGE, Column, NAME, column, wide};
use objects::meta;
use objects::registry::Kind;
use serde_json::{Value, json};

pub(super) fn columns(kind: &Kind) -> Option<&'static [Column]> {
    match (kind.group, kind.kind) {
        ("", "Pod") => Some(POD),
        ("", "PodTemplate") => Some(POD_TEMPLATE),
        _ => None,
    }
}

static POD: &[Column] = &[
    NAME,
    column("Ready", |pod| json!(Summary::of(pod).ready)),
    column("Status", |pod| json!(Summary::of(pod).reason)),
    column("Restarts", |pod| json!(Summary::of(pod).restarts)),
    AGE,
    wide("IP", |pod| text_or(pod, "/status/podIP", NONE)),
    wide("Node", |pod| text_or(pod, "/spec/nodeName", NONE)),
    wide("Nominated Node", |pod| text_or(pod, "/status/nominatedNodeName", NONE)),
    wide("Readiness Gates", readiness_gates),
];

static POD_TEMPLATE: &[Column] = &[
    NAME,
    column("Containers", |o| containers(at(o, "/template/spec"), "name")),
    column("Images", |o| containers(at(o, "/template/spec"), "image")),
    column("Pod Labels", |o| labels(at(o, "/template/metadata/labels"))),
];

fn readiness_gates(pod: &Value) -> Value {
    let gates = items(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return json!(NONE);
    }
    let passed =
        gates.iter().filter(|gate| condition(pod, text(gate, "/conditionType")) == Some("True")).count();
    json!(format!("{passed}/{}", gates.len()))
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a str> {
    items(pod, "/status/conditions").iter().find(|one| one["type"] == kind).map(|one| text(one, "/status"))
}

/// What a line about a pod says.
struct Summary {
    ready: String,
    reason: String,
    restarts: String,
}

/// Counts over containers while they are looked at.
#[derive(Default)]
struct Count {
    ready: usize,
    restarts: i64,
    last_restart: String,
}

// === impl Count ===

impl Count {
    fn add(&mut self, status: &Value) {
        self.restarts += int(status, "/restartCount");
        let finished = text(status, "/lastState/terminated/finishedAt");
        if finished > self.last_restart.as_str() {
            self.last_restart = finished.to_owned();
        }
    }
}

// === impl Summary ===

impl Summary {
    fn of(pod: &Value) -> Self {
        let phase = text(pod, "/status/phase");
        let mut reason = match text(pod, "/status/reason") {
            "" => phase.to_owned(),
            reason => reason.to_owned(),
        };
        let gated = |one: &&Value| one["type"] == "PodScheduled" && one["reason"] == "SchedulingGated";
        if items(pod, "/status/conditions").iter().any(|one| gated(&one)) {
            reason = "SchedulingGated".into();
        }
        let sidecars: Vec<&str> = items(pod, "/spec/initContainers")
            .iter()
            .filter(|container| container["restartPolicy"] == "Always")
            .map(|container| text(container, "/name"))
            .collect();
        let total = items(pod, "/spec/containers").len() + sidecars.len();
        let (mut init, mut side) = (Count::default(), Count::default());
        let initializing = initializing(pod, &sidecars, &mut init, &mut side);
        let mut count = init;
        if let Some(why) = &initializing {
            reason.clone_from(why);
        }
        if initializing.is_none() || condition(pod, "Initialized") == Some("True") {
            let ready = count.ready;
            count = Count { ready, ..side };
            running(pod, &mut reason, &mut count);
        }
        if meta::deletion_timestamp(pod).is_some() {
            if text(pod, "/status/reason") == "NodeLost" {
                reason = "Unknown".into();
            } else if phase != "Succeeded" && phase != "Failed" {
                reason = "Terminating".into();
            }
        }
        let mut restarts = count.restarts.to_string();
        if count.restarts != 0 && !count.last_restart.is_empty() {
            let ago = since(&count.last_restart);
            restarts = format!("{restarts} ({} ago)", ago.as_str().unwrap_or_default());
        }
        Self { ready: format!("{}/{total}", count.ready), reason, restarts }
    }
}

/// What holds the initialization, if anything does.
fn initializing(pod: &Value, sidecars: &[&str], init: &mut Count, side: &mut Count) -> Option<String> {
    for (index, status) in items(pod, "/status/initContainerStatuses").iter().enumerate() {
        let sidecar = sidecars.contains(&text(status, "/name"));
        init.add(status);
        if sidecar {
            side.add(status);
        }
        let terminated = at(status, "/state/terminated");
        if !terminated.is_null() && int(terminated, "/exitCode") == 0 {
            continue;
        }
        if sidecar && status["started"] == true {
            init.ready += usize::from(status["ready"] == true);
            continue;
        }
        let waiting = text(status, "/state/waiting/reason");
        return Some(if !terminated.is_null() {
            format!("Init:{}", end_of(terminated))
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            format!("Init:{waiting}")
        } else {
            format!("Init:{index}/{}", items(pod, "/spec/initContainers").len())
        });
    }
    None
}

/// What holds a container, with the first container's word coming last.
fn running(pod: &Value, reason: &mut String, count: &mut Count) {
    let mut any_running = false;
    for status in items(pod, "/status/containerStatuses").iter().rev() {
        count.add(status);
        let (waiting, terminated) = (text(status, "/state/waiting/reason"), at(status, "/state/terminated"));
        if !waiting.is_empty() {
            *reason = waiting.to_owned();
        } else if !terminated.is_null() {
            *reason = end_of(terminated);
        } else if status["ready"] == true && !at(status, "/state/running").is_null() {
            any_running = true;
            count.ready += 1;
        }
    }
    if reason == "Completed" && any_running {
        *reason = if condition(pod, "Ready") == Some("True") { "Running" } else { "NotReady" }.into();
    }
}

/// How a container ended.
fn end_of(terminated: &Value) -> String {
    match (text(terminated, "/reason"), int(terminated, "/signal")) {
        ("", 0) => format!("ExitCode:{}", int(terminated, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(pod: Value) -> (String, String, String) {
        let summary = Summary::of(&pod);
        (summary.ready, summary.reason, summary.restarts)
    }

    fn strings(ready: &str, reason: &str, restarts: &str) -> (String, String, String) {
        (ready.into(), reason.into(), restarts.into())
    }

    #[test]
    fn a_running_pod_counts_ready_containers() {
        let pod = json!({"spec": {"containers": [{}, {}]}, "status": {"phase": "Running", "containerStatuses": [
            {"ready": true, "restartCount": 1, "state": {"running": {}}},
            {"ready": false, "restartCount": 0, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}});
        assert_eq!(summary(pod), strings("1/2", "CrashLoopBackOff", "1"));
    }

    #[test]
    fn initialization_comes_before_containers() {
        let pod = json!({"spec": {"containers": [{}], "initContainers": [{"name": "a"}, {"name": "b"}]},
            "status": {"phase": "Pending", "initContainerStatuses": [
                {"name": "a", "state": {"terminated": {"exitCode": 0}}},
                {"name": "b", "state": {"running": {}}}]}});
        assert_eq!(summary(pod), strings("0/1", "Init:1/2", "0"));
    }

    #[test]
    fn a_deleted_pod_is_terminating_unless_it_ended() {
        let mut pod = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"containers": [{}]}, "status": {"phase": "Running"}});
        assert_eq!(summary(pod.clone()), strings("0/1", "Terminating", "0"));
        pod["status"]["phase"] = json!("Succeeded");
        assert_eq!(summary(pod), strings("0/1", "Succeeded", "0"));
    }
}
