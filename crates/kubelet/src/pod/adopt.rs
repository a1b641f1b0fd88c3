//! A pod as it is found when its worker begins: what the API remembers and what the runtime still runs. Pure.
//!
//! The runtime's word wins over the API's: it has seen what happened while no daemon was there. What only the API
//! knows (restart counts, earlier runs) is taken from it.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus as ApiStatus, PodStatus};
use runtime::{ContainerState as Runs, ContainerStatus, ExitStatus, SandboxState};

use super::model::{Cause, ContainerState, Desired, Ending, Exit, Role, Run, Sandbox, State, Waiting};
use crate::spec::container::{IMAGE_ID_LABEL, IMAGE_LABEL};

/// The state to begin with. `address` is what the network remembers of the pod.
pub(crate) fn state(
    desired: &Desired,
    found: Option<&SandboxState>,
    address: Option<Ipv4Addr>,
    now: Timestamp,
) -> State {
    let none = PodStatus::default();
    let status = desired.pod.status.as_ref().unwrap_or(&none);
    let mut state = State::new(status.start_time.as_ref().map_or(now, |t| t.0));
    let api = |name: &str| {
        let lists = [
            &status.init_container_statuses,
            &status.container_statuses,
            &status.ephemeral_container_statuses,
        ];
        lists.into_iter().flat_map(|l| l.iter().flatten()).find(|s| s.name == name).cloned()
    };
    for slot in &desired.slots {
        let name = &slot.spec.name;
        let mut known = api(name).map(|s| from_api(&s, now)).unwrap_or_else(ContainerState::new);
        if let Some(sandbox) = found {
            let mut runs: Vec<&ContainerStatus> =
                sandbox.containers.iter().filter(|c| &c.name == name).collect();
            runs.sort_by_key(|c| c.attempt);
            if let Some(latest) = runs.pop() {
                from_runtime(&mut known, latest, runs.pop(), slot, api(name).as_ref());
            }
        }
        state.containers.insert(name.clone(), known);
    }

    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        state.ending = Some(Ending { cause: Cause::WasFinal, deadline: now });
        state.frozen = true;
    }
    if let Some(sandbox) = found {
        state.sandbox = match (sandbox.alive, address) {
            (true, Some(ip)) => Sandbox::Ready { ip },
            // Created, but not connected: the way on is the way from the start, each step of which is idempotent.
            (true, None) => Sandbox::Absent,
            (false, _) => Sandbox::Lost { retry_at: now },
        };
        // Main containers are created only after every init container did its part.
        let began = |c: &ContainerStatus| desired.of(Role::Main).any(|s| s.spec.name == c.name);
        state.initialized = sandbox.containers.iter().any(began);
    }
    state
}

fn from_api(status: &ApiStatus, now: Timestamp) -> ContainerState {
    let mut known = ContainerState::new();
    known.restarts = u32::try_from(status.restart_count).unwrap_or(0);
    known.image = status.image.clone();
    known.image_id = status.image_id.clone();
    known.last = status.last_state.as_ref().and_then(|s| s.terminated.as_ref()).map(exit_from_api);
    let state = status.state.clone().unwrap_or_default();
    if let Some(terminated) = &state.terminated {
        known.run = Run::Exited(exit_from_api(terminated));
    } else if let Some(running) = &state.running {
        // It ran when the daemon last looked, and the runtime knows nothing of it: the node was started anew.
        known.run = Run::Exited(Exit {
            id: bare(status.container_id.as_deref()),
            code: 137,
            signal: None,
            reason: "ContainerStatusUnknown".to_owned(),
            message: Some("The container could not be located when the pod was found again".to_owned()),
            started_at: running.started_at.as_ref().map(|t| t.0),
            finished_at: now,
            epoch: None,
        });
    } else if let Some(last) = known.last.take() {
        // Waiting for its next start: what is shown as the last run is the run that ended.
        known.series = known.restarts.min(6);
        known.run = Run::Exited(last);
    }
    known
}

fn exit_from_api(t: &ContainerStateTerminated) -> Exit {
    Exit {
        id: bare(t.container_id.as_deref()),
        code: t.exit_code,
        signal: t.signal,
        reason: t.reason.clone().unwrap_or_else(|| "Error".to_owned()),
        message: t.message.clone(),
        started_at: t.started_at.as_ref().map(|t| t.0),
        finished_at: t.finished_at.as_ref().map_or(Timestamp::UNIX_EPOCH, |t| t.0),
        epoch: None,
    }
}

fn bare(id: Option<&str>) -> String {
    id.and_then(|id| id.split_once("://")).map(|(_, id)| id.to_owned()).unwrap_or_default()
}

fn from_runtime(
    known: &mut ContainerState,
    latest: &ContainerStatus,
    previous: Option<&ContainerStatus>,
    slot: &super::model::Slot,
    api: Option<&ApiStatus>,
) {
    let label = |name: &str| latest.labels.get(name).cloned();
    known.image = label(IMAGE_LABEL).unwrap_or_else(|| known.image.clone());
    known.image_id = label(IMAGE_ID_LABEL).unwrap_or_else(|| known.image_id.clone());
    known.restarts = latest.attempt;
    known.series = latest.attempt.min(6);
    known.last = match previous.map(|p| (p, &p.state)) {
        Some((p, Runs::Exited(exit))) => Some(exit_of(&p.id, exit, Some(0))),
        _ => api.and_then(|s| s.last_state.as_ref()?.terminated.as_ref()).map(exit_from_api),
    };
    match &latest.state {
        Runs::Created => known.run = Run::Waiting(Waiting::fresh()),
        Runs::Running { started_at, .. } => {
            let same = api.is_some_and(|s| bare(s.container_id.as_deref()) == latest.id);
            known.hooked = true;
            known.startup_passed =
                slot.spec.startup_probe.is_none() || same && api.is_some_and(|s| s.started == Some(true));
            known.ready_passed = slot.spec.readiness_probe.is_none() || same && api.is_some_and(|s| s.ready);
            known.run = Run::Running { id: latest.id.clone(), started_at: millis(*started_at) };
        }
        Runs::Exited(exit) => {
            // The message was read when the exit was first seen, if it was.
            let mut exit = exit_of(&latest.id, exit, Some(0));
            let told = api.and_then(|s| s.state.as_ref()?.terminated.as_ref());
            exit.message =
                told.filter(|t| bare(t.container_id.as_deref()) == latest.id).and_then(|t| t.message.clone());
            known.run = Run::Exited(exit);
        }
    }
}

/// A run's end as the runtime tells it; the message is added by who can read files.
pub(crate) fn exit_of(id: &str, exit: &ExitStatus, epoch: Option<u32>) -> Exit {
    let reason = match exit {
        e if e.unknown => "ContainerStatusUnknown",
        e if e.oom_killed => "OOMKilled",
        e if e.code == 0 => "Completed",
        _ => "Error",
    };
    Exit {
        id: id.to_owned(),
        code: exit.code,
        signal: exit.signal,
        reason: reason.to_owned(),
        message: None,
        started_at: exit.started_at.map(millis),
        finished_at: millis(exit.finished_at),
        epoch,
    }
}

/// Milliseconds since 1970.
pub(crate) fn millis(ms: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_millis(i64::try_from(ms).unwrap_or(0))
}
