//! What a worker hears, and how its state follows.

use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use runtime::{ContainerState as Runs, ContainerStatus};

use super::{FORCED_GRACE, Shown, Wake, Worker, hold};
use crate::context::{container_ref, pod_ref};
use crate::pod::adopt;
use crate::pod::backoff;
use crate::pod::model::{Cause, Ending, Exit, Kill, RESTART_ALL, Run, Sandbox, Slot, Step, Waiting, rule};
use crate::pod::ops::{self, Outcome, StatusError};
use crate::pod::termination;
use crate::probes::{Kind, News, Report};
use crate::spec::container::{IMAGE_ID_LABEL, IMAGE_LABEL};
use crate::volumes::payload::references;
use crate::volumes::{Volumes, usage};

/// Seconds that an evicted pod's containers get between signal and kill, as upstream.
const EVICTION_GRACE: i64 = 1;

impl Worker {
    pub(super) fn hear(&mut self, message: Wake) {
        match message {
            Wake::Pod(pod) => self.pod_changed(pod),
            Wake::Removed => self.removed(),
            Wake::Container(status) => self.container_changed(&status),
            Wake::SandboxDead => self.sandbox_died(),
            Wake::Probe(report) => self.probed(report),
            Wake::Objects => {
                self.volumes_stale = true;
                self.retry(|reason| reason == "CreateContainerConfigError");
                if let Step::Failed { .. } = self.state.volumes {
                    self.state.volumes = Step::Todo;
                }
            }
            Wake::Images => {
                self.retry_images();
            }
            Wake::Room => {
                self.waiting_for_room = false;
                self.consider_resize();
            }
            Wake::Evict(message) => self.evict(message),
            Wake::Mirror(mirror) => self.mirrored(&mirror),
            Wake::Withdrawn => self.withdrawn(),
            Wake::Done(outcome) => self.done(outcome),
        }
    }

    fn retry(&mut self, matches: impl Fn(&str) -> bool) {
        for known in self.state.containers.values_mut() {
            if let Run::Waiting(waiting) = &mut known.run
                && matches(&waiting.reason)
            {
                waiting.retry_at = None;
            }
        }
    }

    /// Containers whose image is here now need not wait for the next try.
    fn retry_images(&mut self) {
        for slot in &self.desired.slots {
            let Some(known) = self.state.containers.get_mut(&slot.spec.name) else { continue };
            let Run::Waiting(waiting) = &mut known.run else { continue };
            if waiting.reason == "ErrImagePull" || waiting.reason == "ErrImageNeverPull" {
                let policy = slot.spec.image_pull_policy.as_deref().unwrap_or_default();
                let image = slot.spec.image.as_deref().unwrap_or_default();
                if self.ctx.images.is_here(image, policy) {
                    waiting.retry_at = None;
                }
            }
        }
    }

    fn pod_changed(&mut self, pod: Arc<Pod>) {
        let before = references(&self.desired.pod);
        let labels = |p: &Pod| (p.metadata.labels.clone(), p.metadata.annotations.clone());
        // Downward volumes show labels and annotations.
        if labels(&self.desired.pod) != labels(&pod) {
            self.volumes_stale = true;
            self.fields_stale = true;
        }
        self.wanted = pod;
        self.note_overruled();
        self.consider_resize();
        if references(&self.desired.pod) != before {
            let (holds, tasks) = hold(&self.ctx, &self.desired.pod, &self.sender);
            self.holds = Arc::new(holds);
            // The tasks of the old holds end with them; the new ones live as long as the worker.
            let mut tasks = tasks;
            self.operations.spawn(async move { while tasks.join_next().await.is_some() {} });
        }
        self.note_image_changes();
        self.note_deletion();
    }

    /// The control plane says of a silent node's pods that they are not ready. A node that is back says again how it
    /// is; what it wrote before that is no news.
    fn note_overruled(&mut self) {
        if self.writing {
            return;
        }
        let shown = self.wanted.status.iter().flat_map(|status| status.conditions.iter().flatten());
        for shown in shown.filter(|condition| condition.type_ == "Ready") {
            let written = self.written.conditions.iter_mut().flatten();
            for own in written.filter(|own| own.type_ == shown.type_ && own.status != shown.status) {
                if shown.last_transition_time.as_ref().map(|time| time.0)
                    >= own.last_transition_time.as_ref().map(|time| time.0)
                {
                    own.clone_from(shown);
                }
            }
        }
    }

    /// A container whose image was changed ends, and starts again with the new one.
    pub(super) fn note_image_changes(&mut self) {
        for slot in &self.desired.slots {
            let Some(known) = self.state.containers.get_mut(&slot.spec.name) else { continue };
            let wanted = slot.spec.image.as_deref().unwrap_or_default();
            if known.running() && !known.image.is_empty() && known.image != wanted && known.kill.is_none() {
                let message = format!("Container {} definition changed, will be restarted", slot.spec.name);
                known.kill = Some(Kill { message, again: true, grace: None });
            }
        }
    }

    /// Takes notice of a deletion timestamp, and of a grace period made shorter.
    pub(super) fn note_deletion(&mut self) {
        let meta = &self.desired.pod.metadata;
        let Some(due) = meta.deletion_timestamp.as_ref() else { return };
        let now = Timestamp::now();
        let grace = meta.deletion_grace_period_seconds.unwrap_or(self.desired.grace());
        // The timestamp is the end of the grace period, cut to whole seconds: a fresh one gives all of it, one that
        // is found later what is left.
        let left = due.0.duration_since(now).max(SignedDuration::ZERO);
        let whole = SignedDuration::from_secs(grace);
        let deadline = now + if left + SignedDuration::from_secs(2) > whole { whole } else { left };
        match &mut self.state.ending {
            Some(Ending { cause: Cause::Removed, .. }) => {}
            Some(ending) if ending.cause == Cause::Deleted => {
                if deadline < ending.deadline {
                    ending.deadline = deadline;
                    self.hurry(deadline);
                }
            }
            other => {
                // What was said about an end that is over stays said.
                let over = other.is_some() && !self.state.containers.values().any(|c| c.active());
                self.state.frozen |= over;
                *other = Some(Ending { cause: Cause::Deleted, deadline });
                self.hurry(deadline);
                self.probes.clear();
            }
        }
    }

    fn removed(&mut self) {
        let now = Timestamp::now();
        let soon = now + SignedDuration::from_secs(FORCED_GRACE);
        let deadline = self.state.ending.as_ref().map_or(soon, |e| e.deadline.min(soon));
        self.hurry(deadline);
        self.state.ending = Some(Ending { cause: Cause::Removed, deadline });
        // The scheduler counts it no more: what it sends here next must find room.
        self.claim = None;
        self.probes.clear();
    }

    /// A new mirror knows nothing yet.
    fn mirrored(&mut self, mirror: &Pod) {
        if let Shown::Mirror(shown) = &mut self.shown
            && *shown != mirror.metadata.uid
        {
            shown.clone_from(&mirror.metadata.uid);
            self.written = mirror.status.clone().unwrap_or_default();
            self.write_after = None;
        }
    }

    /// A static pod that is wanted no more ends as a deleted one does; nothing is told of it.
    fn withdrawn(&mut self) {
        let now = Timestamp::now();
        let whole = now + SignedDuration::from_secs(self.desired.grace());
        let deadline = self.state.ending.as_ref().map_or(whole, |e| e.deadline.min(whole));
        self.state.ending = Some(Ending { cause: Cause::Removed, deadline });
        self.probes.clear();
    }

    fn container_changed(&mut self, status: &ContainerStatus) {
        let Some(slot) = self.desired.slot(&status.name).cloned() else { return };
        let epoch = self.state.epoch;
        let known = self.state.container(&status.name);
        // News of a run that a later one has replaced.
        if status.attempt < known.restarts {
            return;
        }
        for (label, field) in [(IMAGE_LABEL, &mut known.image), (IMAGE_ID_LABEL, &mut known.image_id)] {
            if let Some(value) = status.labels.get(label) {
                field.clone_from(value);
            }
        }
        match &status.state {
            Runs::Created => {}
            // It never ran: cleared away before it was made anew, or its start failed, which the start itself tells.
            Runs::Exited(exit) if exit.started_at.is_none() => {}
            Runs::Running { started_at, .. } => {
                if matches!(known.run, Run::Starting) {
                    known.run =
                        Run::Running { id: status.id.clone(), started_at: adopt::millis(*started_at) };
                    self.began(&slot, &status.id);
                }
            }
            Runs::Exited(exit) => {
                if known.exit().is_some_and(|e| e.id == status.id) {
                    return;
                }
                // Its start has not been heard of yet: first things first.
                if let Some(waiting) = self.starts.get_mut(&status.name) {
                    *waiting = Some(status.clone());
                    return;
                }
                let restarts = known.restarts;
                let mut exit = adopt::exit_of(&status.id, exit, Some(epoch));
                exit.message = self.last_words(&slot, &exit, restarts);
                self.exited(&slot, exit);
            }
        }
    }

    fn began(&mut self, slot: &Slot, id: &str) {
        let known = self.state.container(&slot.spec.name);
        if !known.hooked
            && let Some(target) = self.target(slot, id)
        {
            self.spawn(ops::post_start(self.ctx.clone(), self.desired.clone(), slot.clone(), target));
        }
        self.probe(slot, id, false);
    }

    fn exited(&mut self, slot: &Slot, exit: Exit) {
        let name = &slot.spec.name;
        self.probes.remove(name);
        if let Some(stop) = self.stops.remove(name) {
            stop.task.abort();
        }
        let known = self.state.container(name);
        known.forced = known.kill.take().is_some_and(|kill| kill.again);
        known.stopping = false;
        known.ready_passed = false;
        known.series = backoff::series_after(known.series, exit.started_at, exit.finished_at);
        known.run = Run::Exited(exit.clone());
        if rule(slot, exit.code) == Some(RESTART_ALL) && self.state.ending.is_none() {
            self.state.restarting_all = true;
            return;
        }
        let again = self.desired.restarts(slot, exit.code)
            && self.state.ending.is_none()
            && !self.state.restarting_all;
        if again && self.state.container(name).series > 0 {
            let text = format!(
                "Back-off restarting failed container {name} in pod {}_{}({})",
                self.desired.name(),
                self.desired.namespace(),
                self.desired.uid()
            );
            self.ctx.events.warning(container_ref(&self.desired.pod, slot), "BackOff", text);
        }
    }

    pub(super) fn last_words(&self, slot: &Slot, exit: &Exit, attempt: u32) -> Option<String> {
        let file = ops::termination_path(&self.ctx, &self.desired, &slot.spec.name, attempt);
        let dir = self.ctx.log_dir(self.desired.namespace(), self.desired.name(), self.desired.uid());
        let log = dir.join(&slot.spec.name).join(format!("{attempt}.log"));
        let policy = slot.spec.termination_message_policy.as_deref();
        termination::message(&file, &log, policy == Some("FallbackToLogsOnError") && exit.code != 0)
    }

    fn sandbox_died(&mut self) {
        tracing::warn!(pod = self.desired.name(), "the pod's shim is dead");
        if self.state.ending.is_none() {
            let text = "Pod sandbox changed, it will be killed and re-created.";
            self.ctx.events.normal(pod_ref(&self.desired.pod), "SandboxChanged", text);
        }
        if matches!(self.state.sandbox, Sandbox::Ready { .. } | Sandbox::Creating) {
            self.state.sandbox = Sandbox::Lost { retry_at: Timestamp::now() };
        }
        let now = Timestamp::now();
        let epoch = self.state.epoch;
        for slot in self.desired.slots.clone() {
            let known = self.state.container(&slot.spec.name);
            if let Run::Running { id, started_at } = known.run.clone() {
                let exit = Exit {
                    id,
                    code: 137,
                    signal: None,
                    reason: "ContainerStatusUnknown".to_owned(),
                    message: Some("The pod's shim died; its containers were killed".to_owned()),
                    started_at: Some(started_at),
                    finished_at: now,
                    epoch: Some(epoch),
                };
                self.exited(&slot, exit);
            }
        }
    }

    fn probed(&mut self, report: Report) {
        let Some(slot) = self.desired.slot(&report.container).cloned() else { return };
        let known = self.state.container(&report.container);
        if !matches!(&known.run, Run::Running { id, .. } if *id == report.id) {
            return;
        }
        match (report.kind, report.news) {
            (kind, News::Unhealthy(text)) => {
                let message = format!("{} probe failed: {text}", kind.name());
                self.ctx.events.warning(container_ref(&self.desired.pod, &slot), "Unhealthy", message);
            }
            (kind, News::Warning(text)) => {
                let message = format!("{} probe warning: {text}", kind.name());
                self.ctx.events.warning(container_ref(&self.desired.pod, &slot), "ProbeWarning", message);
            }
            (Kind::Startup, News::Passed) => known.startup_passed = true,
            (Kind::Readiness, News::Passed) => known.ready_passed = true,
            (Kind::Readiness, News::Failed) => known.ready_passed = false,
            (Kind::Liveness, News::Passed) => {}
            (kind, News::Failed) => {
                let spec = &slot.spec;
                let probe = if kind == Kind::Startup { &spec.startup_probe } else { &spec.liveness_probe };
                let grace = probe.as_ref().and_then(|p| p.termination_grace_period_seconds);
                let mut message =
                    format!("Container {} failed {} probe", spec.name, kind.name().to_lowercase());
                if self.desired.restarts_unhealthy(&slot) {
                    message.push_str(", will be restarted");
                }
                known.kill = Some(Kill { message, again: true, grace });
            }
        }
    }

    fn done(&mut self, outcome: Outcome) {
        let now = Timestamp::now();
        match outcome {
            Outcome::Sandbox(result) => self.sandbox_made(result, now),
            Outcome::SandboxRemoved(Ok(())) => {
                self.state.sandbox = Sandbox::Absent;
                if self.state.ending.is_none() {
                    self.state.epoch += 1;
                    self.state.initialized = false;
                }
            }
            Outcome::SandboxRemoved(Err(error)) => {
                tracing::warn!(error, pod = self.desired.name(), "sandbox not removed; trying again");
                self.sandbox_tries += 1;
                let retry_at = now + backoff::short_delay(self.sandbox_tries);
                self.state.sandbox = Sandbox::Lost { retry_at };
            }
            Outcome::Volumes(result) => self.volumes_made(*result, now),
            Outcome::VolumesRemoved(Ok(())) => {
                self.state.volumes = Step::Todo;
                // Nothing will be made from them again.
                self.holds = Arc::default();
            }
            Outcome::VolumesRemoved(Err(error)) => {
                tracing::warn!(error, pod = self.desired.name(), "volumes not removed");
                // What cannot be removed now is removed when the daemon starts again; the pod need not stay for it.
                self.state.volumes = Step::Todo;
            }
            Outcome::Started { name, id, result } => self.started(&name, &id, result, now),
            Outcome::Hooked { name, id, result } => {
                let known = self.state.container(&name);
                if matches!(&known.run, Run::Running { id: current, .. } if *current == id) {
                    match result {
                        Ok(()) => known.hooked = true,
                        Err(_) => {
                            let message = "FailedPostStartHook".to_owned();
                            known.kill = Some(Kill { message, again: false, grace: None });
                        }
                    }
                }
            }
            Outcome::Status(status, result) => {
                self.writing = false;
                match result {
                    Ok(()) | Err(StatusError::Gone) => {
                        self.written = *status;
                        self.write_failures = 0;
                    }
                    Err(StatusError::Failed(error)) => {
                        tracing::warn!(error, pod = self.desired.name(), "status not written; trying again");
                        self.write_after = Some(now + backoff::short_delay(self.write_failures));
                        self.write_failures += 1;
                    }
                }
            }
            Outcome::Resized(result) => self.resized(result, now),
            Outcome::Deleted(Ok(())) => {}
            Outcome::Deleted(Err(error)) => {
                tracing::warn!(error, pod = self.desired.name(), "pod not deleted; trying again");
                self.state.deleting = false;
                self.delete_after = Some(now + backoff::short_delay(self.delete_failures));
                self.delete_failures += 1;
            }
        }
    }

    fn sandbox_made(&mut self, result: Result<Ipv4Addr, String>, now: Timestamp) {
        if self.state.sandbox != Sandbox::Creating {
            return;
        }
        self.state.sandbox = match result {
            Ok(ip) => {
                self.sandbox_tries = 0;
                Sandbox::Ready { ip }
            }
            Err(message) => {
                self.sandbox_tries += 1;
                tracing::warn!(pod = self.desired.name(), message, "sandbox not made");
                Sandbox::Failed { retry_at: now + backoff::short_delay(self.sandbox_tries) }
            }
        };
    }

    fn volumes_made(&mut self, result: Result<Volumes, String>, now: Timestamp) {
        self.mounting = false;
        match result {
            Ok(volumes) => {
                self.volumes = Arc::new(volumes);
                self.volume_tries = 0;
                self.state.volumes = Step::Done;
                self.watch_sizes();
            }
            Err(message) => {
                tracing::info!(pod = self.desired.name(), message, "volumes not mounted");
                self.volume_tries += 1;
                // Running containers keep what they have; the next change brings another try.
                if self.state.volumes != Step::Done {
                    let retry_at = now + backoff::retry_delay(self.volume_tries);
                    self.state.volumes = Step::Failed { retry_at };
                }
            }
        }
    }

    /// Begins to watch the volumes that may hold only so much.
    fn watch_sizes(&mut self) {
        let limits = usage::limits(&self.desired.pod, &self.volumes);
        if self.sizes_watched || limits.is_empty() {
            return;
        }
        self.sizes_watched = true;
        let sender = self.sender.clone();
        self.operations.spawn(async move {
            let message = usage::exceeded(limits).await;
            // A worker that is gone has nobody to evict.
            let _ = sender.send(Wake::Evict(message));
        });
    }

    /// The pod took more of the node than it may: it ends at once, and says why.
    fn evict(&mut self, message: String) {
        if self.state.ending.is_some() {
            return;
        }
        self.ctx.events.warning(pod_ref(&self.desired.pod), "Evicted", message.clone());
        let at = Timestamp::now();
        let deadline = at + SignedDuration::from_secs(EVICTION_GRACE);
        self.state.ending = Some(Ending { cause: Cause::Evicted { message, at }, deadline });
        self.probes.clear();
    }

    fn started(
        &mut self,
        name: &str,
        id: &str,
        result: Result<ops::Started, ops::StartError>,
        now: Timestamp,
    ) {
        let Some(slot) = self.desired.slot(name).cloned() else { return };
        let epoch = self.state.epoch;
        let exited = self.starts.remove(name).flatten();
        let known = self.state.container(name);
        match result {
            Ok(started) => {
                known.start_tries = 0;
                known.image = started.image;
                known.image_id = started.image_id;
                // The runtime's event usually came first.
                if matches!(known.run, Run::Starting) {
                    known.run = Run::Running { id: id.to_owned(), started_at: now };
                    self.began(&slot, id);
                }
                if let Some(status) = exited {
                    self.container_changed(&status);
                }
            }
            Err(error) if error.ran => {
                let exit = Exit {
                    id: id.to_owned(),
                    code: 128,
                    signal: None,
                    reason: error.reason,
                    message: Some(error.message),
                    started_at: None,
                    finished_at: now,
                    epoch: Some(epoch),
                };
                self.exited(&slot, exit);
            }
            Err(error) => {
                let tries = known.start_tries + 1;
                known.start_tries = tries;
                if error.reason == "ErrImagePull" {
                    let text = format!(
                        "Back-off pulling image \"{}\"",
                        slot.spec.image.as_deref().unwrap_or_default()
                    );
                    self.ctx.events.normal(container_ref(&self.desired.pod, &slot), "BackOff", text);
                }
                known.run = Run::Waiting(Waiting {
                    reason: error.reason,
                    message: Some(error.message),
                    retry_at: Some(now + backoff::retry_delay(tries)),
                    tries,
                    since: Some(now),
                });
            }
        }
    }
}
