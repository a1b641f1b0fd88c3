//! What engine and shim say to each other, as JSON in the frames of [`crate::wire`].
//!
//! The engine sends [`Request`]s with numbers of its own; the shim answers each with a [`Message::Reply`] of
//! that number, in the order in which things get done. In between it tells every connected engine what
//! happened. Both sides are the same program, but not always the same version of it: fields are only added.

use serde::{Deserialize, Serialize};

use crate::spec::{ContainerSpec, ExecSpec, Resources};
use crate::state::ContainerStatus;

/// One request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Comes back in the reply.
    pub(crate) number: u64,
    pub(crate) call: Call,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Call {
    /// Tells every container's state, then the reply.
    Hello,
    Create(Box<ContainerSpec>),
    Start {
        id: String,
    },
    Signal {
        id: String,
        signal: i32,
    },
    KillAll {
        id: String,
    },
    /// Answered when no process and no cgroup of the container is left.
    Remove {
        id: String,
    },
    /// Beside it travel the process's ends of the streams, in the order in, out, err, for those that
    /// `streams` marks. With a terminal its master travels beside the reply.
    Exec {
        id: String,
        spec: ExecSpec,
        streams: [bool; 3],
    },
    /// Ends the process of the exec with that request number.
    KillExec {
        exec: u64,
    },
    /// Beside it travel pipes for output and errors; beside the reply the container's input, if it has one and it
    /// is wanted or a terminal.
    Attach {
        id: String,
        #[serde(default = "yes")]
        stdin: bool,
    },
    Update {
        id: String,
        resources: Resources,
    },
    ReopenLog {
        id: String,
    },
    /// Kills and removes everything, answers, and ends the shim.
    Shutdown,
}

/// What a field means that an earlier version does not send.
fn yes() -> bool {
    true
}

/// What the shim sends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// The answer to a request.
    Reply { number: u64, result: Result<(), Fault> },
    /// A container is new or has changed.
    State(ContainerStatus),
    /// The exec with that request number is over.
    ExecExited { number: u64, code: i32 },
}

/// Why a request failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Fault {
    NotFound(String),
    Exists(String),
    State(String),
    Failed(String),
}

/// What the shim keeps about itself in `sandbox.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SandboxRecord {
    pub(crate) uid: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) pid: i32,
    /// Start of that process in clock ticks: ids are used again.
    pub(crate) start_ticks: u64,
    pub(crate) created_at: u64,
    pub(crate) host_network: bool,
    pub(crate) labels: std::collections::BTreeMap<String, String>,
    pub(crate) cgroup: crate::cgroup::Cgroup,
}

/// Names in a shim's folder.
pub(crate) mod names {
    /// What the sandbox is asked to be; written by the engine before the shim starts.
    pub(crate) const SPEC: &str = "spec.json";
    /// A [`super::SandboxRecord`]; its presence says that the sandbox was ready once.
    pub(crate) const RECORD: &str = "sandbox.json";
    /// The shim's socket.
    pub(crate) const SOCKET: &str = "socket";
    /// Folder with one file per container.
    pub(crate) const CONTAINERS: &str = "containers";
    /// Fallback place of the pod's shared memory.
    pub(crate) const SHARED_MEMORY: &str = "shm";
    /// Beside the shim's folder: one folder per container with the writable layer.
    pub(crate) const ROOTS: &str = "rootfs";
}

/// What is handed to the shim by `spec.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) sandbox: crate::spec::SandboxSpec,
    pub(crate) cgroup_parent: String,
}
