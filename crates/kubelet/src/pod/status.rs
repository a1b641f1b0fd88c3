//! `status` of a pod, computed from what the worker knows. Pure.
//!
//! Rules and texts follow upstream's kubelet (phase from container states, the five conditions it owns,
//! waiting reasons). Times of conditions move only when their status does, so that equal states give equal
//! statuses and nothing is written twice.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerState as ApiState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, HostIP, PodCondition, PodIP, PodStatus, VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::backoff;
use super::conditions::{self, Facts};
use super::model::{Cause, ContainerState, Desired, Exit, RESTART_ALL, Role, Run, Sandbox, Slot, State};
use super::phase;
use crate::spec::resources;

/// The status as it should be in the API. `previous` is the last one computed or read: conditions take
/// their transition times from it, and those of other owners are left to them.
pub(crate) fn compute(
    desired: &Desired,
    state: &State,
    previous: &PodStatus,
    host_ip: Ipv4Addr,
    now: Timestamp,
) -> PodStatus {
    if state.frozen {
        return previous.clone();
    }
    let statuses = |wanted: fn(Role) -> bool| -> Option<Vec<ContainerStatus>> {
        let list: Vec<_> = desired
            .slots
            .iter()
            .filter(|s| wanted(s.role))
            .map(|s| container_status(desired, state, s, now))
            .collect();
        (!list.is_empty()).then_some(list)
    };
    let init = statuses(|r| matches!(r, Role::Init | Role::Sidecar));
    let main = statuses(|r| r == Role::Main);
    let ephemeral = statuses(|r| r == Role::Ephemeral);

    let mut phase = phase::of(desired, state);
    let mut reason = None;
    let mut message = None;
    match state.ending.as_ref().map(|e| &e.cause) {
        Some(Cause::Deadline) => {
            phase = "Failed";
            reason = Some("DeadlineExceeded".to_owned());
            message = Some("Pod was active on the node longer than the specified deadline".to_owned());
        }
        Some(Cause::Rejected { reason: r, message: m }) => {
            phase = "Failed";
            reason = Some(r.clone());
            message = Some(format!("Pod was rejected: {m}"));
        }
        Some(Cause::Evicted { message: m, .. }) => {
            phase = "Failed";
            reason = Some("Evicted".to_owned());
            message = Some(m.clone());
        }
        _ => {}
    }

    let ip = state.ip().map(|ip| ip.to_string()).or_else(|| previous.pod_ip.clone());
    let facts = Facts {
        phase,
        init: init.as_deref().unwrap_or_default(),
        main: main.as_deref().unwrap_or_default(),
        sandbox_ready: matches!(state.sandbox, Sandbox::Ready { .. }),
        initialized: state.initialized || desired.inits().next().is_none(),
        resize: &state.resize,
        restarts_all: restarts_all(desired).then_some(state.restarting_all),
    };
    let mut conditions: Vec<PodCondition> = conditions::of(desired, &facts, previous, now);
    if let Some(Cause::Evicted { message, at }) = state.ending.as_ref().map(|e| &e.cause) {
        conditions.push(PodCondition {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
            reason: Some("TerminationByKubelet".to_owned()),
            message: Some(message.clone()),
            last_transition_time: Some(Time(seconds(*at))),
            observed_generation: desired.pod.metadata.generation,
            ..PodCondition::default()
        });
    }
    let whole = desired.spec().resources.clone();
    PodStatus {
        allocated_resources: whole.as_ref().and_then(|r| r.requests.clone()),
        resources: whole,
        conditions: Some(conditions),
        container_statuses: main,
        init_container_statuses: init,
        ephemeral_container_statuses: ephemeral,
        host_ip: Some(host_ip.to_string()),
        host_ips: Some(vec![HostIP { ip: host_ip.to_string() }]),
        message,
        observed_generation: desired.pod.metadata.generation,
        phase: Some(phase.to_owned()),
        pod_ips: ip.clone().map(|ip| vec![PodIP { ip }]),
        pod_ip: ip,
        qos_class: Some(resources::qos_class(desired.spec()).to_owned()),
        reason,
        start_time: Some(Time(seconds(state.start_time))),
        ..PodStatus::default()
    }
}

fn container_status(desired: &Desired, state: &State, slot: &Slot, now: Timestamp) -> ContainerStatus {
    let unknown = ContainerState::new();
    let known = state.containers.get(&slot.spec.name).unwrap_or(&unknown);
    let (current, last) = states(desired, state, slot, known, now);
    let id = match &known.run {
        Run::Running { id, .. } => Some(id.clone()),
        Run::Exited(exit) => Some(exit.id.clone()),
        _ => known.last.as_ref().map(|e| e.id.clone()),
    };
    let ready = match slot.role {
        // An init container counts as ready once it has succeeded.
        Role::Init => known.exit().is_some_and(|e| e.code == 0),
        Role::Ephemeral => false,
        _ => known.ready(),
    };
    let image = if known.image.is_empty() {
        slot.spec.image.clone().unwrap_or_default()
    } else {
        known.image.clone()
    };
    let allocated = slot.spec.resources.clone().unwrap_or_default();
    let requests = allocated.requests.clone();
    // Only a running container can have others than it was given.
    let resources = known.applied.clone().filter(|_| known.running()).unwrap_or(allocated);
    ContainerStatus {
        allocated_resources: requests.filter(|r| !r.is_empty()),
        container_id: id.filter(|id| !id.is_empty()).map(|id| format!("launchway://{id}")),
        image,
        image_id: known.image_id.clone(),
        last_state: Some(last),
        name: slot.spec.name.clone(),
        ready,
        resources: Some(resources),
        restart_count: i32::try_from(known.restarts).unwrap_or(i32::MAX),
        started: (slot.role != Role::Ephemeral).then(|| known.started()),
        state: Some(current),
        volume_mounts: slot.spec.volume_mounts.as_ref().filter(|m| !m.is_empty()).map(|mounts| {
            mounts
                .iter()
                .map(|m| VolumeMountStatus {
                    mount_path: m.mount_path.clone(),
                    name: m.name.clone(),
                    read_only: m.read_only.filter(|r| *r),
                    recursive_read_only: m.read_only.filter(|r| *r).map(|_| "Disabled".to_owned()),
                    ..VolumeMountStatus::default()
                })
                .collect()
        }),
        ..ContainerStatus::default()
    }
}

/// `state` and `lastState`.
fn states(
    desired: &Desired,
    state: &State,
    slot: &Slot,
    known: &ContainerState,
    now: Timestamp,
) -> (ApiState, ApiState) {
    let last = || known.last.as_ref().map(terminated).unwrap_or_default();
    match &known.run {
        Run::Running { started_at, .. } => {
            let running = ContainerStateRunning { started_at: Some(Time(seconds(*started_at))) };
            (ApiState { running: Some(running), ..ApiState::default() }, last())
        }
        Run::Waiting(w) if !w.reason.is_empty() => {
            let settled = w.since.is_some_and(|since| now.duration_since(since).as_secs() >= 1);
            let (reason, message) = match w.reason.as_str() {
                // What is shown changes from the error to the waiting for a new try, as upstream's does.
                "ErrImagePull" if w.tries > 1 || settled => (
                    "ImagePullBackOff",
                    Some(format!(
                        "Back-off pulling image \"{}\": ErrImagePull: {}",
                        slot.spec.image.as_deref().unwrap_or_default(),
                        w.message.as_deref().unwrap_or_default()
                    )),
                ),
                other => (other, w.message.clone()),
            };
            (waiting(reason, message), last())
        }
        Run::Waiting(_) | Run::Starting => {
            let inits = desired.inits().next().is_some();
            let reason = if inits { "PodInitializing" } else { "ContainerCreating" };
            (waiting(reason, None), last())
        }
        Run::Exited(exit) => {
            let again = state.ending.is_none()
                && (desired.restarts(slot, exit.code) || (known.forced && desired.restarts_unhealthy(slot)))
                && known.series > 0;
            if !again {
                return (terminated(exit), last());
            }
            let wait = backoff::restart_delay(known.series);
            let message = format!(
                "back-off {} restarting failed container={} pod={}_{}({})",
                duration(wait.as_secs()),
                slot.spec.name,
                desired.name(),
                desired.namespace(),
                desired.uid()
            );
            (waiting("CrashLoopBackOff", Some(message)), terminated(exit))
        }
    }
}

fn waiting(reason: &str, message: Option<String>) -> ApiState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ApiState { waiting: Some(waiting), ..ApiState::default() }
}

fn terminated(exit: &Exit) -> ApiState {
    let terminated = ContainerStateTerminated {
        container_id: (!exit.id.is_empty()).then(|| format!("launchway://{}", exit.id)),
        exit_code: exit.code,
        finished_at: Some(Time(seconds(exit.finished_at))),
        message: exit.message.clone(),
        reason: Some(exit.reason.clone()),
        // Upstream leaves the signal out and tells it by the exit code.
        signal: None,
        started_at: exit.started_at.map(|t| Time(seconds(t))),
    };
    ApiState { terminated: Some(terminated), ..ApiState::default() }
}

/// Go's way to write a duration of whole seconds: `10s`, `2m40s`.
fn duration(seconds: i64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, s) => format!("{s}s"),
        (m, s) => format!("{m}m{s}s"),
    }
}

/// Whether a rule of some container starts all of them over.
fn restarts_all(desired: &Desired) -> bool {
    let mut rules = desired.slots.iter().flat_map(|slot| slot.spec.restart_policy_rules.iter().flatten());
    rules.any(|rule| rule.action == RESTART_ALL)
}

/// API times have whole seconds.
pub(crate) fn seconds(t: Timestamp) -> Timestamp {
    Timestamp::from_second(t.as_second()).unwrap_or(t)
}
