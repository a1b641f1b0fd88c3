//! The phase of a pod from the states of its containers, by upstream's rules. Pure.

use super::model::{ContainerState, Desired, Role, Run, Slot, State};

/// `Pending`, `Running`, `Succeeded` or `Failed`.
pub(crate) fn of(desired: &Desired, state: &State) -> &'static str {
    let (mut pending_init, mut failed_init) = (false, false);
    if !state.initialized {
        for slot in desired.inits() {
            let known = state.containers.get(&slot.spec.name);
            match (slot.role, known.map(|c| &c.run)) {
                (Role::Sidecar, _) => pending_init |= !known.is_some_and(ContainerState::started),
                (_, Some(Run::Exited(e))) if e.code == 0 && e.epoch == Some(state.epoch) => {}
                (_, Some(Run::Exited(e))) if e.code != 0 && !desired.restarts(slot, e.code) => {
                    failed_init = true;
                }
                _ => pending_init = true,
            }
        }
    }
    if failed_init {
        return "Failed";
    }

    let (mut running, mut waiting, mut stopped, mut succeeded) = (0, 0, 0, 0);
    for slot in desired.of(Role::Main) {
        let known = state.containers.get(&slot.spec.name);
        let again = |c: &ContainerState| restarting(desired, state, slot, c);
        match known {
            Some(c) => match &c.run {
                Run::Running { .. } => running += 1,
                Run::Exited(e) => {
                    stopped += 1;
                    succeeded += u32::from(e.code == 0 && !again(c));
                }
                // Between two runs the pod keeps the phase it had.
                Run::Waiting(_) | Run::Starting if c.last.is_some() => stopped += 1,
                Run::Waiting(_) | Run::Starting => waiting += 1,
            },
            None => waiting += 1,
        }
    }
    // An end is told when the last container has ended, sidecars included.
    let ending = state.ending.is_some() && !desired.of(Role::Sidecar).any(|s| is_active(state, s));
    // A sandbox made anew runs the init containers again; the pod stays as running as it was.
    if pending_init && stopped == 0 && running == 0 {
        return if ending { ended(stopped, succeeded, waiting) } else { "Pending" };
    }
    if ending && running == 0 {
        return ended(stopped, succeeded, waiting);
    }
    if waiting > 0 {
        return "Pending";
    }
    if running > 0 || desired.of(Role::Sidecar).any(|s| is_active(state, s)) && stopped < total(desired) {
        return "Running";
    }
    let any_again = desired.of(Role::Main).any(|slot| {
        state.containers.get(&slot.spec.name).is_some_and(|c| restarting(desired, state, slot, c))
    });
    match (any_again, stopped == succeeded) {
        (true, _) => "Running",
        // Sidecars still on their way out keep the pod running.
        _ if desired.of(Role::Sidecar).any(|s| is_active(state, s)) => "Running",
        (false, true) => "Succeeded",
        (false, false) => "Failed",
    }
}

/// Phase of a pod that is being ended and of which no main container runs any more.
fn ended(stopped: u32, succeeded: u32, waiting: u32) -> &'static str {
    if waiting == 0 && stopped > 0 && stopped == succeeded { "Succeeded" } else { "Failed" }
}

fn total(desired: &Desired) -> u32 {
    u32::try_from(desired.of(Role::Main).count()).unwrap_or(u32::MAX)
}

fn is_active(state: &State, slot: &Slot) -> bool {
    state.containers.get(&slot.spec.name).is_some_and(ContainerState::active)
}

fn restarting(desired: &Desired, state: &State, slot: &Slot, c: &ContainerState) -> bool {
    match &c.run {
        Run::Exited(e) => {
            let again = desired.restarts(slot, e.code) || (c.forced && desired.restarts_unhealthy(slot));
            state.ending.is_none() && (again || state.restarting_all)
        }
        Run::Waiting(_) | Run::Starting => state.ending.is_none(),
        Run::Running { .. } => false,
    }
}
