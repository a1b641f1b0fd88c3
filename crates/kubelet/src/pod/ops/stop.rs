//! The hooks of a container and its end.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::Outcome;
use crate::context::{Context, container_ref};
use crate::handlers::Target;
use crate::hooks;
use crate::pod::model::{Desired, Slot};

/// Runs `postStart`.
pub(crate) async fn post_start(ctx: Arc<Context>, desired: Desired, slot: Slot, target: Target) -> Outcome {
    let (name, id) = (slot.spec.name.clone(), target.id.clone());
    let handler = slot.spec.lifecycle.as_ref().and_then(|l| l.post_start.clone());
    let result = match &handler {
        Some(handler) => hooks::run(handler, &target).await,
        None => Ok(()),
    };
    if let Err(message) = &result {
        // What a command or server answered may hold secrets: for the node's own log, not for everybody.
        tracing::info!(pod = desired.name(), container = slot.spec.name, message, "postStart hook failed");
        let object = container_ref(&desired.pod, &slot);
        ctx.events.warning(object, "FailedPostStartHook", "PostStartHook failed".to_owned());
    }
    Outcome::Hooked { name, id, result }
}

/// Time between a pod's leaving the endpoints and its termination signal, for pods that a Service selects: requests
/// already sent to it, and those of proxies that have not heard yet, still find it. Pods that serve nothing are
/// signalled at once.
const DRAIN: Duration = Duration::from_millis(300);
/// What is left to a process after a `preStop` hook that used up the grace period.
const AFTER_HOOK: Duration = Duration::from_secs(2);
/// Pause before a kill is repeated when no exit was seen.
const KILL_AGAIN: Duration = Duration::from_secs(10);

/// What a container's end needs.
pub(crate) struct Stop {
    pub(crate) ctx: Arc<Context>,
    pub(crate) desired: Desired,
    pub(crate) slot: Slot,
    pub(crate) target: Target,
    /// When the container is killed; may move nearer while the stop is under way.
    pub(crate) deadline: watch::Receiver<Timestamp>,
    /// The pod leaves its Services: give them time to notice.
    pub(crate) drain: bool,
    /// Name or number of the signal that asks the process to end.
    pub(crate) signal: String,
}

/// Ends a container: hook, signal, kill. Goes on until the worker hears of the exit and drops it.
pub(crate) async fn stop(stop: Stop) {
    let Stop { ctx, desired, slot, target, mut deadline, drain, signal } = stop;
    let now = Timestamp::now();
    let mut extra = None;
    if *deadline.borrow() > now {
        if let Some(handler) = slot.spec.lifecycle.as_ref().and_then(|l| l.pre_stop.clone()) {
            let hook = hooks::run(&handler, &target);
            let ended = tokio::select! {
                result = hook => result,
                () = reached(&mut deadline) => Err("the grace period ended before the hook did".to_owned()),
            };
            if let Err(message) = ended {
                tracing::info!(
                    pod = desired.name(),
                    container = slot.spec.name,
                    message,
                    "preStop hook failed"
                );
                let object = container_ref(&desired.pod, &slot);
                ctx.events.warning(object, "FailedPreStopHook", "PreStopHook failed".to_owned());
            }
            extra = Some(tokio::time::Instant::now() + AFTER_HOOK);
        } else if drain {
            tokio::select! {
                () = tokio::time::sleep(DRAIN) => {}
                () = reached(&mut deadline) => {}
            }
        }
        let number = signal_number(&signal);
        if let Err(error) = ctx.engine.signal_container(&target.uid, &target.id, number).await {
            tracing::warn!(%error, pod = desired.name(), container = slot.spec.name, "signal not sent");
        }
        reached(&mut deadline).await;
        if let Some(extra) = extra {
            tokio::time::sleep_until(extra).await;
        }
    }
    loop {
        if let Err(error) = ctx.engine.kill_all(&target.uid, &target.id).await {
            tracing::warn!(%error, pod = desired.name(), container = slot.spec.name, "container not killed");
        }
        tokio::time::sleep(KILL_AGAIN).await;
    }
}

/// Waits for a moment that may move.
async fn reached(deadline: &mut watch::Receiver<Timestamp>) {
    loop {
        let at = *deadline.borrow_and_update();
        let left = Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
        tokio::select! {
            () = tokio::time::sleep(left) => return,
            changed = deadline.changed() => if changed.is_err() {
                // Nobody can move it any more: what is left is to wait for it.
                tokio::time::sleep(left).await;
                return;
            },
        }
    }
}

/// Number of a signal by its name or number; SIGTERM for what is neither.
fn signal_number(name: &str) -> i32 {
    const NAMES: [(&str, i32); 31] = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ILL", 4),
        ("TRAP", 5),
        ("ABRT", 6),
        ("BUS", 7),
        ("FPE", 8),
        ("KILL", 9),
        ("USR1", 10),
        ("SEGV", 11),
        ("USR2", 12),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
        ("STKFLT", 16),
        ("CHLD", 17),
        ("CONT", 18),
        ("STOP", 19),
        ("TSTP", 20),
        ("TTIN", 21),
        ("TTOU", 22),
        ("URG", 23),
        ("XCPU", 24),
        ("XFSZ", 25),
        ("VTALRM", 26),
        ("PROF", 27),
        ("WINCH", 28),
        ("IO", 29),
        ("PWR", 30),
        ("SYS", 31),
    ];
    if let Ok(number) = name.parse::<i32>() {
        return if (1..=64).contains(&number) { number } else { 15 };
    }
    let bare = name.strip_prefix("SIG").unwrap_or(name);
    let realtime = |base: i32, rest: &str| {
        if rest.is_empty() { Some(base) } else { rest.parse::<i32>().ok().map(|n| base + n) }
    };
    if let Some(number) = bare.strip_prefix("RTMIN").and_then(|rest| realtime(34, rest)) {
        return number;
    }
    if let Some(number) = bare.strip_prefix("RTMAX").and_then(|rest| realtime(64, rest)) {
        return number;
    }
    NAMES.iter().find(|(n, _)| *n == bare).map_or(15, |(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_name_and_number() {
        for (name, number) in [
            ("SIGTERM", 15),
            ("INT", 2),
            ("9", 9),
            ("SIGRTMIN+3", 37),
            ("RTMAX-2", 62),
            ("", 15),
            ("BOGUS", 15),
        ] {
            assert_eq!(signal_number(name), number, "{name}");
        }
    }
}
