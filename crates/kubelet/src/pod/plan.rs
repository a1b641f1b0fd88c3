//! What to do next for one pod: a pure function of what is wanted and what is known.
//!
//! The planner never waits and never forgets: it is asked again after every event and says the same
//! until the state changes. Work under way is visible in the state (`Busy`, `Starting`, `stopping`), so no
//! action is given twice.

use jiff::{SignedDuration, Timestamp};

use super::backoff;
use super::model::{Cause, ContainerState, Desired, Ending, Role, Run, Sandbox, Slot, State, Step};

/// One thing for the worker to begin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    CreateSandbox,
    MountVolumes,
    Start {
        name: String,
    },
    /// Ask the container to end, and kill it at `deadline`.
    Stop {
        name: String,
        deadline: Timestamp,
    },
    /// All init containers have done their part.
    Initialized,
    /// Every container has ended that is to start over.
    Renew,
    /// The pod comes to its end for this cause.
    End(Ending),
    RemoveSandbox,
    UnmountVolumes,
    /// Remove the object from the API.
    Delete,
    /// Nothing is left to do for this pod, ever.
    Forget,
    /// Ask again at this time.
    WakeAt(Timestamp),
}

/// The next steps for a pod; empty when it only has to wait for events.
pub(crate) fn plan(desired: &Desired, state: &State, now: Timestamp) -> Vec<Action> {
    let mut actions = Vec::new();
    match &state.ending {
        Some(ending) => plan_end(desired, state, ending, now, &mut actions),
        None => plan_life(desired, state, now, &mut actions),
    }
    actions
}

fn plan_life(desired: &Desired, state: &State, now: Timestamp, actions: &mut Vec<Action>) {
    if let Some(seconds) = desired.spec().active_deadline_seconds {
        let deadline = state.start_time + SignedDuration::from_secs(seconds);
        if now >= deadline {
            let kill = now + SignedDuration::from_secs(desired.grace());
            actions.push(Action::End(Ending { cause: Cause::Deadline, deadline: kill }));
            return;
        }
        actions.push(Action::WakeAt(deadline));
    }
    if state.restarting_all {
        let mut waiting = false;
        for slot in desired.slots.iter().filter(|slot| slot.role != Role::Ephemeral) {
            let Some(container) = state.containers.get(&slot.spec.name).filter(|c| c.active()) else {
                continue;
            };
            waiting = true;
            if container.running() && !container.stopping {
                actions.push(Action::Stop { name: slot.spec.name.clone(), deadline: now });
            }
        }
        if !waiting {
            actions.push(Action::Renew);
        }
        return;
    }
    if finished(desired, state) {
        let kill = now + SignedDuration::from_secs(desired.grace());
        actions.push(Action::End(Ending { cause: Cause::Finished, deadline: kill }));
        return;
    }

    match &state.volumes {
        Step::Todo => actions.push(Action::MountVolumes),
        Step::Failed { retry_at, .. } => {
            due(now, Some(*retry_at), actions, || Action::MountVolumes);
        }
        Step::Busy | Step::Done => {}
    }
    match &state.sandbox {
        Sandbox::Absent => actions.push(Action::CreateSandbox),
        Sandbox::Failed { retry_at, .. } => {
            due(now, Some(*retry_at), actions, || Action::CreateSandbox);
        }
        Sandbox::Lost { retry_at } => {
            due(now, Some(*retry_at), actions, || Action::RemoveSandbox);
        }
        Sandbox::Creating | Sandbox::Removing | Sandbox::Ready { .. } => {}
    }
    if !matches!(state.sandbox, Sandbox::Ready { .. }) || state.volumes != Step::Done {
        return;
    }

    // They look into pods that do not come up, too.
    for slot in desired.of(Role::Ephemeral) {
        plan_container(desired, state, slot, now, actions);
    }
    if !state.initialized && !plan_init(desired, state, now, actions) {
        return;
    }
    if !state.initialized {
        actions.push(Action::Initialized);
    }
    let steady = |slot: &&Slot| slot.role == Role::Main || state.initialized && slot.role == Role::Sidecar;
    for slot in desired.slots.iter().filter(steady) {
        plan_container(desired, state, slot, now, actions);
        // A `postStart` hook holds back the containers after it until it returned, as upstream's kubelet does.
        let hook =
            slot.role == Role::Main && slot.spec.lifecycle.as_ref().is_some_and(|l| l.post_start.is_some());
        let known = state.containers.get(&slot.spec.name);
        if hook && !known.is_some_and(|c| c.hooked || c.exit().is_some()) {
            break;
        }
    }
}

/// Brings init containers forward; true when all have done their part.
fn plan_init(desired: &Desired, state: &State, now: Timestamp, actions: &mut Vec<Action>) -> bool {
    for slot in desired.inits() {
        let container = state.containers.get(&slot.spec.name);
        let done = match slot.role {
            Role::Sidecar => container.is_some_and(ContainerState::started),
            _ => container.and_then(ContainerState::exit).is_some_and(|e| passed(e.code, e.epoch, state)),
        };
        // A sidecar that started is watched like any other container while later ones initialise.
        if !done || slot.role == Role::Sidecar {
            plan_container(desired, state, slot, now, actions);
        }
        if !done {
            return false;
        }
    }
    true
}

fn passed(code: i32, epoch: Option<u32>, state: &State) -> bool {
    code == 0 && epoch == Some(state.epoch)
}

fn plan_container(desired: &Desired, state: &State, slot: &Slot, now: Timestamp, actions: &mut Vec<Action>) {
    let name = slot.spec.name.clone();
    let Some(container) = state.containers.get(&name) else {
        actions.push(Action::Start { name });
        return;
    };
    match &container.run {
        Run::Starting => {}
        Run::Waiting(waiting) => {
            due(now, waiting.retry_at, actions, || Action::Start { name });
        }
        Run::Running { .. } => {
            if let Some(kill) = container.kill.as_ref().filter(|_| !container.stopping) {
                let deadline = now + SignedDuration::from_secs(kill.grace.unwrap_or(desired.grace()));
                actions.push(Action::Stop { name, deadline });
            }
        }
        Run::Exited(exit) => {
            // An init container that succeeded in an earlier sandbox has to run again in this one.
            let again = slot.role == Role::Init && exit.epoch != Some(state.epoch);
            let wanted = again
                || desired.restarts(slot, exit.code)
                || (container.forced && desired.restarts_unhealthy(slot));
            if wanted {
                let wait = if again && exit.code == 0 {
                    SignedDuration::ZERO
                } else {
                    backoff::restart_delay(container.series)
                };
                due(now, Some(exit.finished_at + wait), actions, || Action::Start { name });
            }
        }
    }
}

fn due(now: Timestamp, at: Option<Timestamp>, actions: &mut Vec<Action>, action: impl FnOnce() -> Action) {
    match at {
        Some(at) if at > now => actions.push(Action::WakeAt(at)),
        _ => actions.push(action()),
    }
}

/// True when no main container will ever run again by itself.
fn finished(desired: &Desired, state: &State) -> bool {
    let for_good = |slot: &Slot| {
        state.containers.get(&slot.spec.name).is_some_and(|c| {
            let again = |code| desired.restarts(slot, code) || c.forced && desired.restarts_unhealthy(slot);
            c.exit().is_some_and(|e| !again(e.code))
        })
    };
    let init_failed = |slot: &Slot| {
        state.containers.get(&slot.spec.name).is_some_and(|c| {
            c.exit().is_some_and(|e| {
                e.code != 0 && e.epoch == Some(state.epoch) && !desired.restarts(slot, e.code)
            })
        })
    };
    if !state.initialized && desired.of(Role::Init).any(init_failed) {
        return true;
    }
    desired.of(Role::Main).next().is_some() && desired.of(Role::Main).all(for_good)
}

fn plan_end(desired: &Desired, state: &State, ending: &Ending, now: Timestamp, actions: &mut Vec<Action>) {
    let active = |slot: &&Slot| state.containers.get(&slot.spec.name).is_some_and(ContainerState::active);
    let mut stop = |slot: &Slot| {
        let container = state.containers.get(&slot.spec.name);
        if container.is_some_and(|c| c.running() && !c.stopping) {
            actions.push(Action::Stop { name: slot.spec.name.clone(), deadline: ending.deadline });
        }
    };
    let mut waiting = false;
    for slot in desired.slots.iter().filter(|s| s.role != Role::Sidecar).filter(active) {
        stop(slot);
        waiting = true;
    }
    if waiting {
        return;
    }
    // Sidecars go last, in the reverse order of their start, each after the one that may need it.
    let sidecars: Vec<&Slot> = desired.of(Role::Sidecar).filter(active).collect();
    if let Some(last) = sidecars.last() {
        stop(last);
        return;
    }

    let reported = state.status_written || ending.cause == Cause::Removed;
    match (&state.sandbox, &state.volumes) {
        (Sandbox::Creating | Sandbox::Removing, _) | (_, Step::Busy) => return,
        // The exit codes live in the sandbox's folder until the API has them.
        (Sandbox::Lost { retry_at }, _) if reported => {
            due(now, Some(*retry_at), actions, || Action::RemoveSandbox);
            return;
        }
        (Sandbox::Ready { .. } | Sandbox::Lost { .. } | Sandbox::Failed { .. }, _) => {
            if reported {
                actions.push(Action::RemoveSandbox);
            }
            return;
        }
        (Sandbox::Absent, Step::Done | Step::Failed { .. }) => {
            if reported {
                actions.push(Action::UnmountVolumes);
            }
            return;
        }
        (Sandbox::Absent, Step::Todo) => {}
    }
    match ending.cause {
        Cause::Removed => actions.push(Action::Forget),
        Cause::Deleted if reported && !state.deleting => actions.push(Action::Delete),
        _ => {}
    }
}
