//! The asynchronous face: sandboxes, containers, exec, events and stats over the shims' sockets.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use crate::spec::{ContainerSpec, ExecSpec, Resources, SandboxSpec};
use crate::state::{Event, SandboxState, Stats};

/// How an [`Engine`] works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Program and first arguments that start a shim; its folder is appended.
    pub shim_command: Vec<PathBuf>,
    /// Where the pods' cgroups are made, below every hierarchy's root (or this process's own cgroup where
    /// the root refuses).
    pub cgroup_parent: String,
}

impl Default for Options {
    fn default() -> Self {
        Options { shim_command: vec!["/proc/self/exe".into(), "shim".into()], cgroup_parent: "/launchway".into() }
    }
}

/// Why a call failed. The text names pod or container and the step.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such sandbox or container.
    #[error("{0} does not exist")]
    NotFound(String),
    /// It exists already.
    #[error("{0} exists already")]
    Exists(String),
    /// The state forbids it, as in exec into a container that has exited.
    #[error("{0}")]
    State(String),
    /// The specification is wrong, or a step of setting up failed.
    #[error("{0}")]
    Failed(String),
    /// The pod's shim is dead.
    #[error("the shim of pod {0} is dead; remove the sandbox and create it again")]
    ShimDead(String),
}

/// A created sandbox.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// The pod's UID.
    pub uid: String,
    /// Process of the shim; its `/proc/<pid>/ns/net` is the pod's network namespace.
    pub pid: i32,
}

/// A running exec'ed process, or an attachment to a container's first process.
#[derive(Debug)]
pub struct Exec {
    /// Write here what the process reads; dropping it closes its standard input (without terminal).
    pub stdin: Option<tokio::net::unix::pipe::Sender>,
    /// Output; with a terminal, output and errors.
    pub stdout: Option<tokio::net::unix::pipe::Receiver>,
    /// Errors; none with a terminal.
    pub stderr: Option<tokio::net::unix::pipe::Receiver>,
}

/// The container engine. Clones share everything.
#[derive(Clone, Debug)]
pub struct Engine {}

impl Engine {
    /// Opens the engine over `home` (`home/pods/<uid>/shim` are the shims' folders) and connects to every
    /// shim that lives there. Containers whose shim is dead are killed and reported as unknown.
    pub async fn open(_home: &Path, _options: Options) -> Result<Engine, EngineError> {
        Ok(Engine {})
    }
    /// Starts the shim of a pod.
    pub async fn create_sandbox(&self, _spec: &SandboxSpec) -> Result<Sandbox, EngineError> {
        Err(EngineError::Failed("not there".into()))
    }
    /// Kills and removes everything of a pod: containers, cgroup, shim, its folder. Fine when it is gone already.
    pub async fn remove_sandbox(&self, _uid: &str) -> Result<(), EngineError> {
        Ok(())
    }
    /// Sets a container up, up to the point where only its program is to be started.
    pub async fn create_container(&self, _uid: &str, _spec: &ContainerSpec) -> Result<(), EngineError> {
        Ok(())
    }
    /// Starts the program of a created container.
    pub async fn start_container(&self, _uid: &str, _id: &str) -> Result<(), EngineError> {
        Ok(())
    }
    /// Sends a signal to the container's first process. Fine when it has exited.
    pub async fn signal_container(&self, _uid: &str, _id: &str, _signal: i32) -> Result<(), EngineError> {
        Ok(())
    }
    /// Kills every process of the container.
    pub async fn kill_all(&self, _uid: &str, _id: &str) -> Result<(), EngineError> {
        Ok(())
    }
    /// Kills what is left of the container and removes it. Fine when it is gone already.
    pub async fn remove_container(&self, _uid: &str, _id: &str) -> Result<(), EngineError> {
        Ok(())
    }
    /// Runs a further process in a running container.
    pub async fn exec(&self, _uid: &str, _id: &str, _spec: &ExecSpec) -> Result<Exec, EngineError> {
        Err(EngineError::Failed("not there".into()))
    }
    /// Joins the output (and input) of a container's first process, from now on.
    pub async fn attach(&self, _uid: &str, _id: &str) -> Result<Exec, EngineError> {
        Err(EngineError::Failed("not there".into()))
    }
    /// Changes a container's limits.
    pub async fn update_resources(&self, _uid: &str, _id: &str, _resources: &Resources) -> Result<(), EngineError> {
        Ok(())
    }
    /// Opens the log file anew, after somebody renamed it.
    pub async fn reopen_log(&self, _uid: &str, _id: &str) -> Result<(), EngineError> {
        Ok(())
    }
    /// Every sandbox with every container.
    pub fn sandboxes(&self) -> Vec<SandboxState> {
        Vec::new()
    }
    /// One sandbox.
    pub fn sandbox(&self, _uid: &str) -> Option<SandboxState> {
        None
    }
    /// State changes from now on. Never lossy.
    pub fn events(&self) -> mpsc::UnboundedReceiver<Event> {
        mpsc::unbounded_channel().1
    }
    /// What the pod (`id` `None`) or one container used.
    pub fn stats(&self, _uid: &str, _id: Option<&str>) -> Result<Stats, EngineError> {
        Ok(Stats::default())
    }
    /// The pod's network namespace, for setting up its addresses; none with the node's network.
    pub fn network_namespace(&self, _uid: &str) -> Result<OwnedFd, EngineError> {
        Err(EngineError::Failed("not there".into()))
    }
    /// Removes the cgroup parent; for the end of a cluster, when every sandbox is removed.
    pub fn teardown(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

impl Exec {
    /// Exit code of the process (128 + signal).
    pub async fn wait(&mut self) -> Result<i32, EngineError> {
        Ok(0)
    }
    /// Changes the terminal's size.
    pub async fn resize(&self, _rows: u16, _columns: u16) -> Result<(), EngineError> {
        Ok(())
    }
}
