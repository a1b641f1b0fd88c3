//! What a sandbox and its containers are at a moment, as the shim keeps it on disk and tells it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A pod's sandbox with its containers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SandboxState {
    /// The pod's UID.
    pub uid: String,
    /// The pod's name.
    pub name: String,
    /// The pod's namespace.
    pub namespace: String,
    /// Process of the shim; its `/proc/<pid>/ns/net` is the pod's.
    pub pid: i32,
    /// The shim runs. When it does not, the sandbox can only be removed.
    pub alive: bool,
    /// The pod stays in the node's network namespace.
    pub host_network: bool,
    /// Milliseconds since 1970 at which the sandbox was ready.
    pub created_at: u64,
    /// As given in [`crate::SandboxSpec`].
    pub labels: BTreeMap<String, String>,
    /// Every container that was created and not removed.
    pub containers: Vec<ContainerStatus>,
}

/// One container: identity and state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerStatus {
    /// As in [`crate::ContainerSpec`].
    pub id: String,
    /// Name in the pod.
    pub name: String,
    /// How many containers of this name came before.
    pub attempt: u32,
    /// Where its output goes.
    pub log_path: Option<PathBuf>,
    /// It has a terminal.
    pub tty: bool,
    /// Its standard input is kept open.
    pub stdin: bool,
    /// Milliseconds since 1970.
    pub created_at: u64,
    /// As given in [`crate::ContainerSpec`].
    pub labels: BTreeMap<String, String>,
    /// Wishes that the node did not permit (rlimits, OOM score), in words.
    pub warnings: Vec<String>,
    /// What it is doing.
    pub state: ContainerState,
}

/// Life of a container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status")]
pub enum ContainerState {
    /// Set up, its program not yet started.
    Created,
    /// Its program runs.
    Running {
        /// On the node.
        pid: i32,
        /// Milliseconds since 1970.
        started_at: u64,
    },
    /// It is over.
    Exited(ExitStatus),
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExitStatus {
    /// Exit code; 128 + signal when a signal ended it; 137 when nobody saw its end.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The kernel killed in its cgroup for want of memory.
    pub oom_killed: bool,
    /// Milliseconds since 1970; `None` when it never started.
    pub started_at: Option<u64>,
    /// Milliseconds since 1970.
    pub finished_at: u64,
    /// The shim died before the container: the code is not known.
    pub unknown: bool,
}

/// A change that a shim told.
#[derive(Debug, Clone)]
pub enum Event {
    /// A container changed its state.
    Container {
        /// The pod's UID.
        uid: String,
        /// The container after the change.
        status: ContainerStatus,
    },
    /// A pod's shim died; its containers have been killed and were told as exited before this.
    SandboxDead {
        /// The pod's UID.
        uid: String,
    },
}

/// What a cgroup used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// CPU time since the start, in nanoseconds.
    pub cpu_ns: u64,
    /// Memory charged, in bytes.
    pub memory_usage: u64,
    /// Memory charged less inactive file pages, in bytes: what counts for eviction.
    pub memory_working_set: u64,
    /// Anonymous memory in bytes.
    pub memory_rss: u64,
    /// Processes and threads.
    pub pids: u64,
}
