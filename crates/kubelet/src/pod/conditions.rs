//! The conditions of a pod that the kubelet owns. Pure.
//!
//! `PodReadyToStartContainers`, `Initialized`, `Ready`, `ContainersReady`, `PodScheduled`, and the two of a resize.
//! Conditions of other owners (readiness gates, `DisruptionTarget`) are read and never written.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::model::Desired;
use super::resize::{Note, Resize};
use super::status::seconds;

/// What the conditions follow from.
pub(crate) struct Facts<'a> {
    pub(crate) phase: &'a str,
    pub(crate) init: &'a [ContainerStatus],
    pub(crate) main: &'a [ContainerStatus],
    pub(crate) sandbox_ready: bool,
    pub(crate) initialized: bool,
    pub(crate) resize: &'a Resize,
    /// Whether all containers are being ended to start over; `None` when no rule of theirs says so.
    pub(crate) restarts_all: Option<bool>,
}

struct Verdict {
    status: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

impl Verdict {
    fn yes() -> Verdict {
        Verdict { status: true, reason: None, message: None }
    }

    fn no(reason: &'static str, message: Option<String>) -> Verdict {
        Verdict { status: false, reason: Some(reason), message }
    }
}

/// The kubelet's own conditions, in upstream's order.
pub(crate) fn of(
    desired: &Desired,
    facts: &Facts<'_>,
    previous: &PodStatus,
    now: Timestamp,
) -> Vec<PodCondition> {
    let containers = containers_ready(facts);
    let ready = ready(desired, &containers, previous);
    let verdicts = [
        ("PodReadyToStartContainers", Verdict { status: facts.sandbox_ready, reason: None, message: None }),
        ("Initialized", initialized(facts)),
        ("Ready", ready),
        ("ContainersReady", containers),
        ("PodScheduled", Verdict::yes()),
    ];
    let condition = |type_: &str, holds: bool, note: Note| {
        let status = if holds { "True" } else { "False" };
        let before = previous.conditions.iter().flatten().find(|c| c.type_ == type_);
        let since = before
            .filter(|c| c.status == status)
            .and_then(|c| c.last_transition_time.clone())
            .unwrap_or_else(|| Time(seconds(now)));
        PodCondition {
            last_probe_time: None,
            last_transition_time: Some(since),
            message: note.message,
            observed_generation: note.generation,
            reason: note.reason,
            status: status.to_owned(),
            type_: type_.to_owned(),
        }
    };
    let generation = desired.pod.metadata.generation;
    let own = verdicts.into_iter().map(|(type_, verdict)| {
        let note = Note { reason: verdict.reason.map(str::to_owned), message: verdict.message, generation };
        condition(type_, verdict.status, note)
    });
    let starts_over = facts.restarts_all.map(|now| {
        let reason = now.then(|| "RestartAllContainersStarted".to_owned());
        let message = now.then(|| "container exited with restart policy rule".to_owned());
        condition("AllContainersRestarting", now, Note { reason, message, generation })
    });
    // These two are there while they are true and gone when they are not.
    let resize =
        [("PodResizePending", &facts.resize.pending), ("PodResizeInProgress", &facts.resize.progress)];
    let resize = resize.into_iter().filter_map(|(type_, note)| Some(condition(type_, true, note.clone()?)));
    own.chain(starts_over).chain(resize).collect()
}

fn initialized(facts: &Facts<'_>) -> Verdict {
    if facts.phase == "Succeeded" {
        return Verdict { reason: Some("PodCompleted"), ..Verdict::yes() };
    }
    if facts.initialized {
        return Verdict::yes();
    }
    let incomplete: Vec<&str> = facts.init.iter().filter(|s| !s.ready).map(|s| s.name.as_str()).collect();
    Verdict::no(
        "ContainersNotInitialized",
        Some(format!("containers with incomplete status: [{}]", incomplete.join(" "))),
    )
}

fn containers_ready(facts: &Facts<'_>) -> Verdict {
    match facts.phase {
        "Succeeded" => return Verdict::no("PodCompleted", None),
        "Failed" => return Verdict::no("PodFailed", None),
        _ => {}
    }
    // Running sidecars have a readiness of their own; finished init containers count as ready.
    let all = facts.init.iter().filter(|s| s.state.as_ref().is_some_and(|s| s.running.is_some()));
    let unready: Vec<&str> = all.chain(facts.main).filter(|s| !s.ready).map(|s| s.name.as_str()).collect();
    if unready.is_empty() {
        Verdict::yes()
    } else {
        Verdict::no(
            "ContainersNotReady",
            Some(format!("containers with unready status: [{}]", unready.join(" "))),
        )
    }
}

fn ready(desired: &Desired, containers: &Verdict, previous: &PodStatus) -> Verdict {
    if !containers.status {
        return Verdict { status: false, reason: containers.reason, message: containers.message.clone() };
    }
    let unmet: Vec<String> = desired
        .spec()
        .readiness_gates
        .iter()
        .flatten()
        .filter_map(|gate| {
            let condition = previous.conditions.iter().flatten().find(|c| c.type_ == gate.condition_type);
            match condition {
                None => Some(format!(
                    "corresponding condition of pod readiness gate \"{}\" does not exist.",
                    gate.condition_type
                )),
                Some(c) if c.status != "True" => Some(format!(
                    "the status of pod readiness gate \"{}\" is not \"True\", but {}",
                    gate.condition_type, c.status
                )),
                Some(_) => None,
            }
        })
        .collect();
    if unmet.is_empty() {
        Verdict::yes()
    } else {
        Verdict::no("ReadinessGatesNotReady", Some(unmet.join(", ")))
    }
}
