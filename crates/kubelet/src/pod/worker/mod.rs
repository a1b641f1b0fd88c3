//! The task that lives as long as its pod is known to this node.
//!
//! It takes one message after another, changes its [`State`], asks the planner, and begins what the planner says. It
//! never waits for an operation: each runs in a task of its own and ends in a message. Dropping the worker drops what
//! it has under way and leaves the pod's containers running.

mod admit;
mod hear;
mod resizing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client::Change;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use runtime::{ContainerStatus, SandboxState};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::adopt;
use super::backoff;
use super::model::{Cause, ContainerState, Desired, Ending, Role, Run, Sandbox, Slot, State, Step, Waiting};
use super::ops::{self, Outcome};
use super::plan::{Action, plan};
use super::resize::{self, Allocated};
use super::status;
use crate::allocations::Claim;
use crate::context::{Context, container_ref, pod_ref};
use crate::handlers::Target;
use crate::probes::{self, Probes, Report};
use crate::spec::container::STOP_SIGNAL_LABEL;
use crate::spec::resources;
use crate::volumes::payload::references;
use crate::volumes::{self, Holds, Volumes};

/// What a worker hears.
pub(crate) enum Wake {
    /// The pod as the API has it now.
    Pod(Arc<Pod>),
    /// The API has it no more.
    Removed,
    /// A container changed.
    Container(ContainerStatus),
    /// The pod's shim died.
    SandboxDead,
    Probe(Report),
    /// A ConfigMap or Secret that the pod refers to changed.
    Objects,
    /// Names in the content store changed.
    Images,
    /// Other pods gave back some of the node.
    Room,
    /// The pod takes more than it may; these words say of what.
    Evict(String),
    /// What shows this static pod in the API.
    Mirror(Arc<Pod>),
    /// The file of this static pod is gone or another.
    Withdrawn,
    /// An operation ended.
    Done(Outcome),
}

/// Where a pod's status is written.
enum Shown {
    /// To itself.
    Here,
    /// To the mirror of a static pod, by its UID; nowhere before there is one.
    Mirror(Option<String>),
}

/// A pod removed by force gets this long between signal and kill.
const FORCED_GRACE: i64 = 2;
/// How long after its image failed a container's status shows the error itself.
const SETTLE: SignedDuration = SignedDuration::from_secs(1);

pub(crate) struct Worker {
    ctx: Arc<Context>,
    /// The pod as the API has it; `desired` is the same with the resources that it was given.
    wanted: Arc<Pod>,
    desired: Desired,
    state: State,
    allocated: Allocated,
    /// Share of the node; none for a pod that runs no more.
    claim: Option<Claim>,
    /// Limits that the pod's cgroup has.
    limits: runtime::Resources,
    /// A resize operation is under way, has to wait until a time, failed that often; room is waited for.
    resizing: bool,
    resize_after: Option<Timestamp>,
    resize_failures: u32,
    waiting_for_room: bool,
    shown: Shown,
    /// Status last computed.
    status: PodStatus,
    /// Status that the API is known to have; and the number of failures to change it.
    written: PodStatus,
    writing: bool,
    write_failures: u32,
    write_after: Option<Timestamp>,
    holds: Arc<Holds>,
    volumes: Arc<Volumes>,
    volumes_stale: bool,
    /// Labels or annotations changed, which downward volumes show.
    fields_stale: bool,
    /// A mount operation is under way.
    mounting: bool,
    /// Sizes of volumes with a limit are watched.
    sizes_watched: bool,
    sandbox_tries: u32,
    volume_tries: u32,
    probes: HashMap<String, Probes>,
    stops: HashMap<String, Stopping>,
    /// Starts under way, each with the exit that the runtime told meanwhile.
    starts: HashMap<String, Option<ContainerStatus>>,
    delete_after: Option<Timestamp>,
    delete_failures: u32,
    /// Turns true when the pod ends: what has not come by then is not waited for.
    given_up: watch::Sender<bool>,
    operations: JoinSet<()>,
    sender: mpsc::UnboundedSender<Wake>,
}

/// A stop under way.
struct Stopping {
    task: AbortHandle,
    deadline: watch::Sender<Timestamp>,
}

/// Runs a pod's worker to its end: the pod is gone, from the API and from the node.
pub(crate) async fn run(
    ctx: Arc<Context>,
    pod: Arc<Pod>,
    is_static: bool,
    found: Option<SandboxState>,
    sender: mpsc::UnboundedSender<Wake>,
    mut inbox: mpsc::UnboundedReceiver<Wake>,
) {
    let mut worker = Worker::new(ctx, pod, found, sender);
    if is_static {
        worker.shown = Shown::Mirror(None);
    }
    while let Some(wake_at) = worker.step() {
        let timer = async {
            match wake_at {
                Some(at) => {
                    let left = at.duration_since(Timestamp::now());
                    tokio::time::sleep(Duration::try_from(left).unwrap_or(Duration::ZERO)).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = inbox.recv() => {
                let Some(message) = message else { return };
                worker.hear(message);
                // What came meanwhile belongs to the same step: one status for all of it.
                while let Ok(message) = inbox.try_recv() {
                    worker.hear(message);
                }
            }
            () = timer => {}
            Some(_) = worker.operations.join_next() => {}
        }
    }
    worker.clean_up().await;
}

impl Worker {
    fn new(
        ctx: Arc<Context>,
        pod: Arc<Pod>,
        found: Option<SandboxState>,
        sender: mpsc::UnboundedSender<Wake>,
    ) -> Worker {
        let now = Timestamp::now();
        let allocated = Allocated::found(&pod);
        let desired = Desired::new(allocated.overlay(&pod));
        let address = match found.as_ref().map(|s| s.host_network) {
            Some(true) => Some(ctx.node_address),
            Some(false) => ctx.network.address(desired.uid()),
            None => None,
        };
        let state = adopt::state(&desired, found.as_ref(), address, now);
        let status = pod.status.clone().unwrap_or_default();
        let (holds, mut operations) =
            if state.frozen { Default::default() } else { hold(&ctx, &pod, &sender) };
        let (mut images, waker) = (ctx.images.changes(), sender.clone());
        operations.spawn(async move {
            while images.changed().await.is_ok() && waker.send(Wake::Images).is_ok() {}
        });
        let claim =
            (!state.frozen).then(|| ctx.allocations.claim(desired.uid(), resize::share(desired.spec())));
        let limits = resources::pod(desired.spec(), None);
        let mut worker = Worker {
            ctx,
            wanted: pod.clone(),
            desired,
            state,
            allocated,
            claim,
            limits,
            resizing: false,
            resize_after: None,
            resize_failures: 0,
            waiting_for_room: false,
            shown: Shown::Here,
            written: status.clone(),
            status,
            writing: false,
            write_failures: 0,
            write_after: None,
            holds: Arc::new(holds),
            volumes: Arc::default(),
            volumes_stale: false,
            fields_stale: false,
            mounting: false,
            given_up: watch::Sender::new(false),
            sizes_watched: false,
            sandbox_tries: 0,
            volume_tries: 0,
            probes: HashMap::new(),
            stops: HashMap::new(),
            starts: HashMap::new(),
            delete_after: None,
            delete_failures: 0,
            operations,
            sender,
        };
        worker.resume();
        worker.note_image_changes();
        worker.note_deletion();
        worker.admit();
        worker.consider_resize();
        worker
    }

    /// Takes up what was going on before this worker: probes of running containers, messages of those that ended
    /// unseen.
    fn resume(&mut self) {
        for slot in self.desired.slots.clone() {
            let name = slot.spec.name.clone();
            let Some(known) = self.state.containers.get(&name) else { continue };
            match known.run.clone() {
                Run::Running { id, .. } => {
                    let passed = known.startup_passed;
                    self.state.container(&name).applied =
                        Some(slot.spec.resources.clone().unwrap_or_default());
                    self.probe(&slot, &id, passed);
                }
                Run::Exited(exit) if exit.epoch.is_some() && exit.message.is_none() => {
                    let message = self.last_words(&slot, &exit, known.restarts);
                    if let Run::Exited(exit) = &mut self.state.container(&name).run {
                        exit.message = message;
                    }
                }
                _ => {}
            }
        }
    }

    /// Brings status and actions up to date; the time at which to do so again without a message. `None` = the end.
    fn step(&mut self) -> Option<Option<Timestamp>> {
        let now = Timestamp::now();
        if self.state.ending.is_some() {
            self.given_up.send_if_modified(|given_up| !std::mem::replace(given_up, true));
        }
        let mut wake_at = None;
        let mut wake = |at: Timestamp| wake_at = Some(wake_at.map_or(at, |w: Timestamp| w.min(at)));
        self.carry_out_resize(now);
        self.refresh_status(now);
        // Some actions change what the others follow from; they are few, and each is given once.
        loop {
            self.state.status_written = !self.writing && self.status == self.written;
            let mut again = false;
            for action in plan(&self.desired, &self.state, now) {
                match action {
                    Action::WakeAt(at) => wake(at),
                    Action::Forget => return None,
                    Action::Delete => match self.delete_after {
                        Some(at) if at > now => wake(at),
                        _ => self.begin_delete(),
                    },
                    other => again |= self.begin(other, now),
                }
            }
            if !again {
                break;
            }
            self.refresh_status(now);
        }
        if self.state.ending.is_some() && !self.state.containers.values().any(ContainerState::active) {
            self.claim = None;
        }
        if let Some(at) = self.resize_after.filter(|at| *at > now) {
            wake(at);
        }
        self.write_status(now);
        if let Some(at) = self.write_after.filter(|at| *at > now) {
            wake(at);
        }
        self.keep_volumes(now, &mut wake);
        for known in self.state.containers.values() {
            if let Run::Waiting(Waiting { since: Some(since), .. }) = &known.run
                && now < *since + SETTLE
            {
                wake(*since + SETTLE);
            }
        }
        Some(wake_at)
    }

    fn refresh_status(&mut self, now: Timestamp) {
        // Readiness gates are other owners' conditions: always as the API has them.
        let mut previous = self.status.clone();
        let own = |type_: &str| {
            matches!(
                type_,
                "PodReadyToStartContainers"
                    | "Initialized"
                    | "Ready"
                    | "ContainersReady"
                    | "PodScheduled"
                    | "AllContainersRestarting"
                    | "PodResizePending"
                    | "PodResizeInProgress"
            )
        };
        let foreign = self.desired.pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
        let foreign = foreign.filter(|c| !own(&c.type_)).cloned();
        let conditions = previous.conditions.get_or_insert_with(Vec::new);
        conditions.retain(|c| own(&c.type_));
        conditions.extend(foreign);
        self.status = status::compute(&self.desired, &self.state, &previous, self.ctx.node_address, now);
        self.ctx.add_second_addresses(&mut self.status);
    }

    fn write_status(&mut self, now: Timestamp) {
        let gone = self.state.ending.as_ref().is_some_and(|e| e.cause == Cause::Removed);
        if self.writing || gone || self.status == self.written || self.write_after.is_some_and(|at| at > now)
        {
            return;
        }
        let uid = match &self.shown {
            Shown::Here => self.desired.uid().to_owned(),
            Shown::Mirror(Some(uid)) => uid.clone(),
            Shown::Mirror(None) => return,
        };
        self.writing = true;
        self.write_after = None;
        let (ctx, desired) = (self.ctx.clone(), self.desired.clone());
        self.spawn(ops::write_status(ctx, desired, uid, self.written.clone(), self.status.clone()));
    }

    /// Renews contents that changed or run out.
    fn keep_volumes(&mut self, now: Timestamp, wake: &mut impl FnMut(Timestamp)) {
        if self.state.ending.is_some() || self.state.volumes != Step::Done {
            return;
        }
        if self.mounting {
            return;
        }
        let due = self.volumes.renew_at();
        if self.volumes_stale && self.holds.versions() == self.volumes.versions && !self.fields_stale {
            self.volumes_stale = false;
        }
        if self.volumes_stale || due.is_some_and(|at| at <= now) {
            self.mount();
        } else if let Some(at) = due {
            wake(at);
        }
    }

    /// True when the state changed in a way that another plan follows from.
    fn begin(&mut self, action: Action, now: Timestamp) -> bool {
        match action {
            Action::CreateSandbox => {
                self.state.sandbox = Sandbox::Creating;
                self.limits = resources::pod(self.desired.spec(), None);
                self.spawn(ops::create_sandbox(self.ctx.clone(), self.desired.clone()));
            }
            Action::MountVolumes => self.mount(),
            Action::Start { name } => self.begin_start(&name),
            Action::Stop { name, deadline } => self.begin_stop(&name, deadline, now),
            Action::Initialized => {
                self.state.initialized = true;
                return true;
            }
            Action::Renew => {
                self.renew();
                return true;
            }
            Action::End(ending) => {
                self.end(ending);
                return true;
            }
            Action::RemoveSandbox => {
                self.state.sandbox = Sandbox::Removing;
                self.spawn(ops::remove_sandbox(self.ctx.clone(), self.desired.uid().to_owned()));
            }
            // What is being written now would be back after its removal; its end brings another step.
            Action::UnmountVolumes if self.mounting => {}
            Action::UnmountVolumes => {
                self.state.volumes = Step::Busy;
                self.spawn(ops::unmount(self.ctx.clone(), self.desired.uid().to_owned()));
            }
            Action::Delete | Action::Forget | Action::WakeAt(_) => {}
        }
        false
    }

    fn mount(&mut self) {
        self.volumes_stale = false;
        self.fields_stale = false;
        self.mounting = true;
        self.state.volumes = match &self.state.volumes {
            // Containers go on using what is there while it is brought up to date.
            Step::Done => Step::Done,
            _ => Step::Busy,
        };
        let (ctx, pod) = (self.ctx.clone(), self.desired.pod.clone());
        let given_up = self.given_up.subscribe();
        self.spawn(ops::mount(ctx, pod, self.holds.clone(), (*self.volumes).clone(), given_up));
    }

    fn begin_start(&mut self, name: &str) {
        let (Some(slot), Some(ip)) = (self.desired.slot(name).cloned(), self.state.ip()) else { return };
        let known = self.state.container(name);
        if let Run::Exited(exit) = &known.run {
            known.last = Some(exit.clone());
            known.restarts += 1;
            known.series = backoff::series_after(known.series, exit.started_at, exit.finished_at) + 1;
        }
        known.run = Run::Starting;
        known.forced = false;
        known.kill = None;
        known.hooked = slot.spec.lifecycle.as_ref().is_none_or(|l| l.post_start.is_none());
        known.startup_passed = slot.spec.startup_probe.is_none();
        known.ready_passed = slot.spec.readiness_probe.is_none();
        known.applied = Some(slot.spec.resources.clone().unwrap_or_default());
        let attempt = known.restarts;
        self.starts.insert(name.to_owned(), None);
        let start = ops::Start {
            ctx: self.ctx.clone(),
            desired: self.desired.clone(),
            slot,
            attempt,
            holds: self.holds.clone(),
            volumes: self.volumes.clone(),
            ip,
            given_up: self.given_up.subscribe(),
        };
        self.spawn(ops::start(start));
    }

    fn begin_stop(&mut self, name: &str, deadline: Timestamp, now: Timestamp) {
        let Some(slot) = self.desired.slot(name).cloned() else { return };
        let known = self.state.container(name);
        let Run::Running { id, .. } = known.run.clone() else { return };
        let reason = known.kill.as_ref().map(|kill| kill.message.clone());
        let drain = known.ready_passed && self.state.ending.is_some();
        self.state.container(name).stopping = true;
        self.probes.remove(name);
        let message = reason.unwrap_or_else(|| format!("Stopping container {name}"));
        self.ctx.events.normal(container_ref(&self.desired.pod, &slot), "Killing", message);
        let (mover, limit) = watch::channel(deadline);
        let own = slot.spec.lifecycle.as_ref().and_then(|l| l.stop_signal.clone());
        let signal = own.or_else(|| self.image_signal(&id)).unwrap_or_default();
        let Some(target) = self.target(&slot, &id) else { return };
        let stop = ops::Stop {
            ctx: self.ctx.clone(),
            desired: self.desired.clone(),
            slot,
            target,
            deadline: limit,
            drain: drain && deadline > now && self.ctx.serves(&self.desired.pod),
            signal,
        };
        let task = self.operations.spawn(ops::stop(stop));
        self.stops.insert(name.to_owned(), Stopping { task, deadline: mover });
    }

    /// The signal that the container's image names.
    fn image_signal(&self, id: &str) -> Option<String> {
        let sandbox = self.ctx.engine.sandbox(self.desired.uid())?;
        sandbox.containers.into_iter().find(|c| c.id == id)?.labels.remove(STOP_SIGNAL_LABEL)
    }

    /// Moves the deadline of every stop under way nearer.
    fn hurry(&self, deadline: Timestamp) {
        for stop in self.stops.values() {
            stop.deadline.send_if_modified(|at| {
                let nearer = deadline < *at;
                if nearer {
                    *at = deadline;
                }
                nearer
            });
        }
    }

    /// Lets every container begin anew, as in a new sandbox: init containers first, and nobody waits.
    fn renew(&mut self) {
        self.state.restarting_all = false;
        self.state.epoch += 1;
        self.state.initialized = false;
        for slot in self.desired.slots.iter().filter(|slot| slot.role != Role::Ephemeral) {
            let known = self.state.container(&slot.spec.name);
            if let Run::Exited(exit) = &known.run {
                known.last = Some(exit.clone());
                known.restarts += 1;
                known.series = 0;
                known.run = Run::Waiting(Waiting {
                    reason: "RestartingAllContainers".to_owned(),
                    message: Some(
                        "The container is removed because RestartAllContainers in place".to_owned(),
                    ),
                    ..Waiting::fresh()
                });
            }
        }
    }

    fn begin_delete(&mut self) {
        self.state.deleting = true;
        self.spawn(ops::delete(self.ctx.clone(), self.desired.clone()));
    }

    fn end(&mut self, ending: Ending) {
        if ending.cause == Cause::Deadline {
            let text = "Pod was active on the node longer than the specified deadline";
            self.ctx.events.normal(pod_ref(&self.desired.pod), "DeadlineExceeded", text);
        }
        self.state.ending = Some(ending);
    }

    fn spawn(&mut self, operation: impl Future<Output = Outcome> + Send + 'static) {
        let sender = self.sender.clone();
        self.operations.spawn(async move {
            let outcome = operation.await;
            // A worker that is gone wants no outcome.
            let _ = sender.send(Wake::Done(outcome));
        });
    }

    fn target(&self, slot: &Slot, id: &str) -> Option<Target> {
        Some(Target {
            engine: self.ctx.engine.clone(),
            uid: self.desired.uid().to_owned(),
            id: id.to_owned(),
            ip: self.state.ip()?,
            container: slot.spec.clone(),
        })
    }

    fn probe(&mut self, slot: &Slot, id: &str, startup_passed: bool) {
        if self.state.ending.is_some() {
            return;
        }
        let started = match &self.state.container(&slot.spec.name).run {
            Run::Running { started_at, .. } => *started_at,
            _ => return,
        };
        let running_for =
            Duration::try_from(Timestamp::now().duration_since(started)).unwrap_or(Duration::ZERO);
        let Some(target) = self.target(slot, id) else { return };
        let begun = probes::start(target, running_for, startup_passed, self.sender.clone(), Wake::Probe);
        match begun {
            Some(probes) => self.probes.insert(slot.spec.name.clone(), probes),
            None => self.probes.remove(&slot.spec.name),
        };
    }
}

impl Worker {
    /// Deletes what the pod leaves behind once nobody can ask for it any more.
    async fn clean_up(&mut self) {
        self.operations.abort_all();
        let dir = self.ctx.pod_dir(self.desired.uid());
        let removed = tokio::task::spawn_blocking(move || volumes::remove_tree(&dir)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%error, pod = self.desired.name(), "the pod's folder was not removed");
        }
        let logs = self.ctx.log_dir(self.desired.namespace(), self.desired.name(), self.desired.uid());
        match tokio::fs::remove_dir_all(&logs).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %logs.display(), "logs not removed");
            }
            _ => {}
        }
    }
}

/// Holds what the pod refers to, and tells the worker of changes.
fn hold(ctx: &Arc<Context>, pod: &Pod, sender: &mpsc::UnboundedSender<Wake>) -> (Holds, JoinSet<()>) {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let (maps, secrets) = references(pod);
    let holds = Holds {
        config_maps: maps.iter().map(|name| ctx.config_maps.hold(namespace, name)).collect(),
        secrets: secrets.iter().map(|name| ctx.secrets.hold(namespace, name)).collect(),
    };
    let mut tasks = JoinSet::new();
    for hold in &holds.config_maps {
        tasks.spawn(tell(hold.changes(), sender.clone()));
    }
    for hold in &holds.secrets {
        tasks.spawn(tell(hold.changes(), sender.clone()));
    }
    (holds, tasks)
}

async fn tell<K>(mut changes: mpsc::UnboundedReceiver<Change<K>>, sender: mpsc::UnboundedSender<Wake>) {
    while changes.recv().await.is_some() && sender.send(Wake::Objects).is_ok() {}
}
