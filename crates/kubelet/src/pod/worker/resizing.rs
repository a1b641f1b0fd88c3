//! A worker's part in resizing its pod in place: what to allow, what to begin, what to say.
//!
//! A wish that the node has no room for waits until other pods give back what they hold; one that was granted is
//! carried out container by container, and is tried again when the kernel refuses it.

use jiff::Timestamp;

use super::{Wake, Worker};
use crate::context::pod_ref;
use crate::pod::backoff;
use crate::pod::model::{Desired, Kill, Role, Run, Sandbox};
use crate::pod::ops;
use crate::pod::resize::{self, Allocated, Note, Resize};
use crate::spec::resources;

impl Worker {
    /// Gives the pod what its spec asks for where the node has room, and follows the spec in everything else.
    pub(super) fn consider_resize(&mut self) {
        self.allow_resize();
        self.desired = Desired::new(self.allocated.overlay(&self.wanted));
    }

    fn allow_resize(&mut self) {
        let Some(spec) = &self.wanted.spec else { return };
        let wanted = Allocated::wanted(spec);
        if self.state.ending.is_some() || wanted.same(&self.allocated) {
            self.state.resize.pending = None;
            return;
        }
        let share = resize::share(spec);
        let generation = self.wanted.metadata.generation;
        let Some(message) = self.ctx.allocations.misfit(self.desired.uid(), share) else {
            self.allocated = wanted;
            if let Some(claim) = &self.claim {
                claim.set(share);
            }
            self.state.resize =
                Resize { pending: None, progress: Some(Note { reason: None, message: None, generation }) };
            self.resize_after = None;
            self.resize_failures = 0;
            let text = resize::told("Pod resize started", &self.wanted, "");
            self.ctx.events.normal(pod_ref(&self.wanted), "ResizeStarted", text);
            return;
        };
        if self.state.resize.pending.as_ref().is_none_or(|note| note.generation != generation) {
            let text = resize::told("Pod resize Deferred", &self.wanted, &message);
            self.ctx.events.warning(pod_ref(&self.wanted), "ResizeDeferred", text);
        }
        let reason = Some("Deferred".to_owned());
        self.state.resize.pending = Some(Note { reason, message: Some(message), generation });
        self.wait_for_room();
    }

    /// Asks to be woken once, by the next change of what other pods hold.
    fn wait_for_room(&mut self) {
        if std::mem::replace(&mut self.waiting_for_room, true) {
            return;
        }
        let (mut changes, sender) = (self.ctx.allocations.changes(), self.sender.clone());
        self.operations.spawn(async move {
            if changes.changed().await.is_ok() {
                // A worker that is gone waits for nothing.
                let _ = sender.send(Wake::Room);
            }
        });
    }

    /// Begins what is still to be done for a resize that was allowed, or says that it is complete.
    pub(super) fn carry_out_resize(&mut self, now: Timestamp) {
        let waits = self.resize_after.is_some_and(|at| at > now);
        if self.state.resize.progress.is_none() || self.resizing || waits || self.state.ending.is_some() {
            return;
        }
        self.resize_after = None;
        let (mut changes, mut settled) = (Vec::new(), self.state.sandbox != Sandbox::Creating);
        for slot in self.desired.slots.iter().filter(|slot| slot.role != Role::Ephemeral) {
            let Some(known) = self.state.containers.get_mut(&slot.spec.name) else { continue };
            settled &= !matches!(known.run, Run::Starting);
            let Run::Running { id, .. } = &known.run else { continue };
            let wanted = slot.spec.resources.clone().unwrap_or_default();
            let has = known.applied.get_or_insert_with(|| wanted.clone());
            if resize::same(has, &wanted) {
                continue;
            }
            settled = false;
            if resize::needs_restart(&slot.spec, has) {
                let message = format!("Container {} resize requires restart", slot.spec.name);
                known.kill.get_or_insert(Kill { message, again: true, grace: None });
                continue;
            }
            let mut before = slot.spec.clone();
            before.resources = Some(has.clone());
            changes.push(ops::Change {
                name: slot.spec.name.clone(),
                id: id.clone(),
                from: resources::container(&before),
                to: resources::container(&slot.spec),
                wanted,
            });
        }
        let limits = resources::pod(self.desired.spec(), None);
        let ready = matches!(self.state.sandbox, Sandbox::Ready { .. });
        if ready && (!changes.is_empty() || limits != self.limits) {
            self.resizing = true;
            let (ctx, uid) = (self.ctx.clone(), self.desired.uid().to_owned());
            self.spawn(ops::resize(ctx, uid, self.limits.clone(), limits, changes));
        } else if settled {
            self.state.resize.progress = None;
            let text = resize::told("Pod resize completed", &self.desired.pod, "");
            self.ctx.events.normal(pod_ref(&self.desired.pod), "ResizeCompleted", text);
        }
    }

    pub(super) fn resized(&mut self, result: Result<ops::Resized, String>, now: Timestamp) {
        self.resizing = false;
        match result {
            Ok(done) => {
                self.limits = done.limits;
                self.resize_failures = 0;
                for change in done.changes {
                    let known = self.state.container(&change.name);
                    if matches!(&known.run, Run::Running { id, .. } if *id == change.id) {
                        known.applied = Some(change.wanted);
                    }
                }
                if let Some(note) = &mut self.state.resize.progress {
                    (note.reason, note.message) = (None, None);
                }
            }
            Err(message) => {
                self.resize_failures += 1;
                self.resize_after = Some(now + backoff::retry_delay(self.resize_failures));
                let Some(note) = &mut self.state.resize.progress else { return };
                note.reason = Some("Error".to_owned());
                if note.message.as_ref() != Some(&message) {
                    let text = resize::told("Pod resize error", &self.desired.pod, &message);
                    self.ctx.events.warning(pod_ref(&self.desired.pod), "ResizeError", text);
                    note.message = Some(message);
                }
            }
        }
    }
}
