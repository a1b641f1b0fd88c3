//! The values a pod's worker plans with: what is wanted ([`Desired`]) and what is known ([`State`]).
//!
//! Nothing here does IO or reads the clock. A container's record survives its process: restart counts
//! and the last exit stay until the pod is gone.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec, ResourceRequirements};

use super::resize::Resize;

/// Which list of the pod's spec a container comes from, and so when it starts and whether it counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// Runs to completion before the next one.
    Init,
    /// Init container with `restartPolicy: Always`: keeps running beside the main containers.
    Sidecar,
    /// One of `spec.containers`.
    Main,
    /// Added later for debugging; never restarted.
    Ephemeral,
}

/// One container of a pod with its role.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) role: Role,
    pub(crate) spec: Container,
}

/// A pod as the API wants it, its containers in starting order.
#[derive(Clone, Debug)]
pub(crate) struct Desired {
    pub(crate) pod: Arc<Pod>,
    pub(crate) slots: Vec<Slot>,
}

impl Desired {
    pub(crate) fn new(pod: Arc<Pod>) -> Desired {
        let mut slots = Vec::new();
        if let Some(spec) = &pod.spec {
            for c in spec.init_containers.iter().flatten() {
                let role =
                    if c.restart_policy.as_deref() == Some("Always") { Role::Sidecar } else { Role::Init };
                slots.push(Slot { role, spec: c.clone() });
            }
            slots.extend(spec.containers.iter().map(|c| Slot { role: Role::Main, spec: c.clone() }));
            slots.extend(
                spec.ephemeral_containers
                    .iter()
                    .flatten()
                    .map(|c| Slot { role: Role::Ephemeral, spec: from_ephemeral(c) }),
            );
        }
        Desired { pod, slots }
    }

    pub(crate) fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|s| s.spec.name == name)
    }

    pub(crate) fn of(&self, role: Role) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(move |s| s.role == role)
    }

    /// Containers of `spec.initContainers`, in order.
    pub(crate) fn inits(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|s| matches!(s.role, Role::Init | Role::Sidecar))
    }

    pub(crate) fn spec(&self) -> &PodSpec {
        // The API server refuses pods without a spec; an empty one keeps callers free of that case.
        static EMPTY: std::sync::LazyLock<PodSpec> = std::sync::LazyLock::new(PodSpec::default);
        self.pod.spec.as_ref().unwrap_or(&EMPTY)
    }

    pub(crate) fn name(&self) -> &str {
        self.pod.metadata.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> &str {
        self.pod.metadata.namespace.as_deref().unwrap_or_default()
    }

    pub(crate) fn uid(&self) -> &str {
        self.pod.metadata.uid.as_deref().unwrap_or_default()
    }

    pub(crate) fn restart_policy(&self) -> &str {
        self.spec().restart_policy.as_deref().unwrap_or("Always")
    }

    /// Seconds between the termination signal and the kill, as the spec has it.
    pub(crate) fn grace(&self) -> i64 {
        self.spec().termination_grace_period_seconds.unwrap_or(30)
    }

    /// Whether the exit of this container is followed by a new start, the pod being alive.
    /// Rules of the container come before its policy, its policy before the pod's.
    pub(crate) fn restarts(&self, slot: &Slot, code: i32) -> bool {
        if slot.role == Role::Ephemeral {
            return false;
        }
        if rule(slot, code).is_some() {
            return true;
        }
        match slot.spec.restart_policy.as_deref().unwrap_or(self.restart_policy()) {
            "Never" => false,
            "OnFailure" => code != 0,
            // Init containers of an `Always` pod are retried only when they failed.
            _ => slot.role != Role::Init || code != 0,
        }
    }

    /// Whether the container may be started again after it was stopped for its own health.
    pub(crate) fn restarts_unhealthy(&self, slot: &Slot) -> bool {
        slot.spec.restart_policy.as_deref().unwrap_or(self.restart_policy()) != "Never"
    }
}

/// Action of the first of a container's rules that is about this exit code; every action starts it again.
pub(crate) fn rule(slot: &Slot, code: i32) -> Option<&str> {
    let matching = slot.spec.restart_policy_rules.iter().flatten().find(|rule| {
        rule.exit_codes.as_ref().is_some_and(|on| {
            let listed = on.values.iter().flatten().any(|v| *v == code);
            (on.operator == "In") == listed
        })
    });
    matching.map(|rule| rule.action.as_str())
}

/// The action that starts a pod's containers all over, init containers included.
pub(crate) const RESTART_ALL: &str = "RestartAllContainers";

fn from_ephemeral(c: &EphemeralContainer) -> Container {
    Container {
        args: c.args.clone(),
        command: c.command.clone(),
        env: c.env.clone(),
        env_from: c.env_from.clone(),
        image: c.image.clone(),
        image_pull_policy: c.image_pull_policy.clone(),
        name: c.name.clone(),
        security_context: c.security_context.clone(),
        stdin: c.stdin,
        stdin_once: c.stdin_once,
        termination_message_path: c.termination_message_path.clone(),
        termination_message_policy: c.termination_message_policy.clone(),
        tty: c.tty,
        volume_mounts: c.volume_mounts.clone(),
        working_dir: c.working_dir.clone(),
        ..Container::default()
    }
}

/// A step that is done once and tried again after a while when it failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Todo,
    Busy,
    Done,
    Failed { retry_at: Timestamp },
}

/// The pod's namespaces, address and shim.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Sandbox {
    Absent,
    Creating,
    Failed {
        retry_at: Timestamp,
    },
    /// `ip` is the node's address for pods on the host network.
    Ready {
        ip: Ipv4Addr,
    },
    /// Its shim died; must be cleaned up before another is made.
    Lost {
        retry_at: Timestamp,
    },
    Removing,
}

/// How one run of a container ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Exit {
    pub(crate) id: String,
    pub(crate) code: i32,
    pub(crate) signal: Option<i32>,
    /// `Completed`, `Error`, `OOMKilled`, `StartError`, `ContainerStatusUnknown`.
    pub(crate) reason: String,
    pub(crate) message: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Timestamp,
    /// The sandbox it ran in, by [`State::epoch`]; `None` for one before this daemon's time that is gone.
    pub(crate) epoch: Option<u32>,
}

/// Why a container does not run although it should.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Waiting {
    /// `ContainerCreating`, `PodInitializing`, `ErrImagePull`, `CreateContainerConfigError` …
    pub(crate) reason: String,
    pub(crate) message: Option<String>,
    /// When the next try is due; `None` = at once.
    pub(crate) retry_at: Option<Timestamp>,
    pub(crate) tries: u32,
    pub(crate) since: Option<Timestamp>,
}

impl Waiting {
    pub(crate) fn fresh() -> Waiting {
        Waiting { reason: String::new(), message: None, retry_at: None, tries: 0, since: None }
    }
}

/// Where one container stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Run {
    Waiting(Waiting),
    Starting,
    Running { id: String, started_at: Timestamp },
    Exited(Exit),
}

/// Why a run of a container is ended before the pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kill {
    /// The event's message.
    pub(crate) message: String,
    /// The container starts again whatever its exit code, unless its policy is `Never`.
    pub(crate) again: bool,
    /// Seconds between signal and kill; the pod's when `None`.
    pub(crate) grace: Option<i64>,
}

/// All that is known of one container.
#[derive(Clone, Debug)]
pub(crate) struct ContainerState {
    pub(crate) run: Run,
    /// The run before the present one.
    pub(crate) last: Option<Exit>,
    pub(crate) restarts: u32,
    /// Starts in a row that ended soon: the exponent of the back-off.
    pub(crate) series: u32,
    /// Failures in a row to get as far as a process.
    pub(crate) start_tries: u32,
    /// A stop is under way.
    pub(crate) stopping: bool,
    /// Somebody (probe, failed hook, resize) wants this run ended.
    pub(crate) kill: Option<Kill>,
    /// The present exit was our own wish, so the container starts again whatever its code.
    pub(crate) forced: bool,
    /// `postStart` returned, or there is none.
    pub(crate) hooked: bool,
    /// Startup probe passed, or there is none.
    pub(crate) startup_passed: bool,
    /// Last verdict of the readiness probe; true when there is none.
    pub(crate) ready_passed: bool,
    /// Resources that the present run has; `None` before one has begun.
    pub(crate) applied: Option<ResourceRequirements>,
    /// Reference shown in status (`image`) and its digest (`imageID`); empty before the first start.
    pub(crate) image: String,
    pub(crate) image_id: String,
}

impl ContainerState {
    pub(crate) fn new() -> ContainerState {
        ContainerState {
            run: Run::Waiting(Waiting::fresh()),
            last: None,
            restarts: 0,
            series: 0,
            start_tries: 0,
            stopping: false,
            kill: None,
            forced: false,
            hooked: false,
            startup_passed: false,
            ready_passed: false,
            applied: None,
            image: String::new(),
            image_id: String::new(),
        }
    }

    pub(crate) fn running(&self) -> bool {
        matches!(self.run, Run::Running { .. })
    }

    /// A process exists or may come into being at any moment.
    pub(crate) fn active(&self) -> bool {
        matches!(self.run, Run::Running { .. } | Run::Starting)
    }

    /// Running, its start hook done, its startup probe passed: `started` in the API.
    pub(crate) fn started(&self) -> bool {
        self.running() && self.hooked && self.startup_passed
    }

    pub(crate) fn ready(&self) -> bool {
        self.started() && self.ready_passed
    }

    pub(crate) fn exit(&self) -> Option<&Exit> {
        match &self.run {
            Run::Exited(exit) => Some(exit),
            _ => None,
        }
    }
}

/// Why a pod comes to its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// It has a deletion timestamp.
    Deleted,
    /// It is gone from the API: nothing to report to.
    Removed,
    /// `activeDeadlineSeconds` passed.
    Deadline,
    /// All its work is done, or has failed for good.
    Finished,
    /// The node refuses it; reason and message for the status.
    Rejected { reason: String, message: String },
    /// It takes more of the node than it may, since `at`.
    Evicted { message: String, at: Timestamp },
    /// Its phase was already final when this daemon first saw it.
    WasFinal,
}

/// A pod's end under way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Ending {
    pub(crate) cause: Cause,
    /// When everything still running is killed.
    pub(crate) deadline: Timestamp,
}

/// All that a worker knows of its pod.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) sandbox: Sandbox,
    /// Counts sandboxes of this pod: init containers run again in each.
    pub(crate) epoch: u32,
    pub(crate) volumes: Step,
    pub(crate) containers: BTreeMap<String, ContainerState>,
    pub(crate) ending: Option<Ending>,
    /// When the kubelet first took notice of the pod (`status.startTime`).
    pub(crate) start_time: Timestamp,
    /// The API holds the status that follows from this state.
    pub(crate) status_written: bool,
    /// Every init container has done its part in the present sandbox.
    pub(crate) initialized: bool,
    /// The status in the API is final and stays as it is.
    pub(crate) frozen: bool,
    /// The request that removes the object from the API is under way or done.
    pub(crate) deleting: bool,
    /// Where an in-place resize stands.
    pub(crate) resize: Resize,
    /// A container's exit asked for all of them to start over: they end first.
    pub(crate) restarting_all: bool,
}

impl State {
    pub(crate) fn new(start_time: Timestamp) -> State {
        State {
            sandbox: Sandbox::Absent,
            epoch: 0,
            volumes: Step::Todo,
            containers: BTreeMap::new(),
            ending: None,
            start_time,
            status_written: false,
            initialized: false,
            frozen: false,
            deleting: false,
            resize: Resize::default(),
            restarting_all: false,
        }
    }

    pub(crate) fn container(&mut self, name: &str) -> &mut ContainerState {
        self.containers.entry(name.to_owned()).or_insert_with(ContainerState::new)
    }

    pub(crate) fn ip(&self) -> Option<Ipv4Addr> {
        match self.sandbox {
            Sandbox::Ready { ip } => Some(ip),
            _ => None,
        }
    }
}
