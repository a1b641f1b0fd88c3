//! The asynchronous face: sandboxes, containers, exec, events and stats over the shims' sockets.

mod connection;
mod dial;
mod exec;
mod pod;

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use rustix::pipe::PipeFlags;
use tokio::sync::mpsc;

pub use exec::{Exec, Input, Output};

use crate::cgroup::{Cgroup, Hierarchies};
use crate::child::reason;
use crate::files::{remove_folder, replace};
use crate::protocol::{Call, Start, names};
use crate::spec::{ContainerSpec, ExecSpec, Resources, SandboxSpec};
use crate::state::{Event, SandboxState, Stats};
use crate::sys;
use connection::lock;
use exec::{End, asynchronous};
use pod::{Pod, Subscribers};

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
        Options {
            shim_command: vec!["/proc/self/exe".into(), "shim".into()],
            cgroup_parent: "/launchway".into(),
        }
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

/// The container engine. Clones share everything.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `<home>/pods`.
    pods_folder: PathBuf,
    options: Options,
    /// The shim's program behind a read-only mount of its own: what a container finds as `/proc/1/exe` before
    /// its program runs, it cannot write to.
    program: Option<OwnedFd>,
    /// `None` marks a sandbox that is being made.
    pods: Mutex<BTreeMap<String, Option<Arc<Pod>>>>,
    subscribers: Arc<Subscribers>,
}

fn failed(step: impl Into<String>) -> impl FnOnce(std::io::Error) -> EngineError {
    let step = step.into();
    move |error| EngineError::Failed(format!("{step}: {}", reason(&error)))
}

/// Runs what waits for the disk or the kernel beside the tasks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| EngineError::Failed(error.to_string()))
}

// === sandboxes ===

impl Engine {
    /// Opens the engine over `home` (`home/pods/<uid>/shim` are the shims' folders) and connects to every
    /// shim that lives there. Containers whose shim is dead are killed and reported as unknown.
    pub async fn open(home: &Path, options: Options) -> Result<Engine, EngineError> {
        let pods_folder = home.join("pods");
        fs::create_dir_all(&pods_folder).map_err(failed(format!("cannot make {}", pods_folder.display())))?;
        let subscribers = Arc::new(Subscribers::default());
        let mut pods = BTreeMap::new();
        let entries =
            fs::read_dir(&pods_folder).map_err(failed(format!("cannot list {}", pods_folder.display())))?;
        for entry in entries.flatten() {
            let uid = entry.file_name().to_string_lossy().into_owned();
            if let Some(pod) = Pod::adopt(&entry.path().join("shim"), subscribers.clone()).await {
                pods.insert(uid, Some(pod));
            }
        }
        let program = options.shim_command.first().and_then(|path| protected(path));
        let inner = Inner { pods_folder, options, program, pods: Mutex::new(pods), subscribers };
        Ok(Engine { inner: Arc::new(inner) })
    }

    /// Starts the shim of a pod. The pod's folder may exist already; what is in it is left alone.
    pub async fn create_sandbox(&self, spec: &SandboxSpec) -> Result<Sandbox, EngineError> {
        let uid = spec.uid.clone();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if uid.is_empty() || uid.len() > 128 || uid.starts_with('.') || !uid.chars().all(plain) {
            return Err(EngineError::Failed(format!(
                "pod UID {uid:?} must be letters, digits, '-', '_' and '.'"
            )));
        }
        {
            let mut pods = lock(&self.inner.pods);
            if pods.contains_key(&uid) {
                return Err(EngineError::Exists(format!("the sandbox of pod {uid}")));
            }
            pods.insert(uid.clone(), None);
        }
        // Also when this call is given up half-way.
        let reservation = Reservation { inner: &self.inner, uid: &uid, keep: None };
        let folder = self.inner.shim_folder(&uid);
        let started = self.start_shim(spec, &folder).await;
        let pod = match started {
            Ok(()) => Pod::adopt(&folder, self.inner.subscribers.clone()).await,
            Err(error) => {
                let _ = remove_folder(&folder);
                return Err(error);
            }
        };
        let pod = pod.ok_or_else(|| EngineError::Failed(format!("the shim of pod {uid} left no record")))?;
        let pid = pod.record.pid;
        reservation.keep(pod);
        Ok(Sandbox { uid, pid })
    }

    async fn start_shim(&self, spec: &SandboxSpec, folder: &Path) -> Result<(), EngineError> {
        let uid = &spec.uid;
        let step = |what: &str| failed(format!("pod {uid}: {what}"));
        // What an earlier shim left that never got ready.
        remove_folder(folder).map_err(step("cannot clear the shim's folder"))?;
        fs::create_dir_all(folder).map_err(step("cannot make the shim's folder"))?;
        let start = Start { sandbox: spec.clone(), cgroup_parent: self.inner.options.cgroup_parent.clone() };
        let json = serde_json::to_vec(&start).map_err(|error| EngineError::Failed(error.to_string()))?;
        replace(&folder.join(names::SPEC), &json, false)
            .map_err(step("cannot write the shim's specification"))?;
        let errors =
            fs::File::create(folder.join("errors")).map_err(step("cannot make the shim's folder"))?;
        let Some((program, arguments)) = self.inner.options.shim_command.split_first() else {
            return Err(EngineError::Failed("no shim command is configured".into()));
        };
        // By way of this process's descriptors: the child's own are closed before it runs the program.
        let protected = self.inner.program.as_ref();
        let protected = protected.map(|fd| format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd()));
        let mut command =
            tokio::process::Command::new(protected.map_or_else(|| program.clone(), PathBuf::from));
        command.args(arguments).arg(folder).env_clear().current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let child = command.spawn().map_err(step("cannot start the shim"))?;
        let output = child.wait_with_output().await.map_err(step("cannot start the shim"))?;
        match String::from_utf8_lossy(&output.stdout).as_ref() {
            "ready" => Ok(()),
            "" => Err(EngineError::Failed(format!(
                "pod {uid}: the shim ended at once: {}",
                fs::read_to_string(folder.join("errors")).unwrap_or_default().trim()
            ))),
            text => Err(EngineError::Failed(format!("pod {uid}: {text}"))),
        }
    }

    /// Kills and removes everything of a pod: containers, cgroup, shim, its folders. Fine when it is gone.
    pub async fn remove_sandbox(&self, uid: &str) -> Result<(), EngineError> {
        let Ok(pod) = self.pod(uid) else { return Ok(()) };
        pod.begin_removal();
        if let Ok(connection) = pod.connection() {
            // A shim that does not answer is ended; what it leaves is removed below in any case.
            const ENOUGH: std::time::Duration = std::time::Duration::from_secs(10);
            let answered = tokio::time::timeout(ENOUGH, connection.call(Call::Shutdown)).await;
            if answered.is_err() {
                tracing::warn!(uid, "the pod's shim does not answer and is killed");
            }
            if !matches!(answered, Ok(Ok((Ok(()), _)))) {
                let _ = sys::kill(pod.record.pid, libc::SIGKILL);
            }
            pod.dead().await;
        } else if pod.is_alive() {
            let _ = sys::kill(pod.record.pid, libc::SIGKILL);
            pod.dead().await;
        }
        let removed = blocking({
            let pod = pod.clone();
            move || {
                pod.record.cgroup.kill();
                pod.record.cgroup.remove().map_err(|error| EngineError::Failed(error.to_string()))?;
                // Only there on kernels that cannot share a detached mount.
                let _ = sys::unmount(&pod.folder.join(names::SHARED_MEMORY));
                let roots = pod.folder.with_file_name(names::ROOTS);
                let step = |what: &Path| failed(format!("cannot remove {}", what.display()));
                remove_folder(&roots).map_err(step(&roots))?;
                remove_folder(&pod.folder).map_err(step(&pod.folder))
            }
        })
        .await?;
        removed?;
        // The pod's own folder goes too when nobody else keeps anything in it.
        if let Some(folder) = pod.folder.parent() {
            let _ = fs::remove_dir(folder);
        }
        lock(&self.inner.pods).remove(uid);
        Ok(())
    }

    /// Every sandbox with every container.
    pub fn sandboxes(&self) -> Vec<SandboxState> {
        lock(&self.inner.pods).values().flatten().map(|pod| pod.state()).collect()
    }

    /// One sandbox.
    pub fn sandbox(&self, uid: &str) -> Option<SandboxState> {
        self.pod(uid).ok().map(|pod| pod.state())
    }

    /// State changes from now on; none is lost or merged. Drop it to end it.
    pub fn events(&self) -> mpsc::UnboundedReceiver<Event> {
        self.inner.subscribers.subscribe()
    }

    /// The pod's network namespace, for setting up its addresses. With `host_network` it is the node's.
    pub fn network_namespace(&self, uid: &str) -> Result<OwnedFd, EngineError> {
        let pod = self.pod(uid)?;
        if !pod.is_alive() {
            return Err(EngineError::ShimDead(uid.into()));
        }
        let path = format!("/proc/{}/ns/net", pod.record.pid);
        fs::File::open(&path).map(OwnedFd::from).map_err(failed(format!("cannot open {path}")))
    }

    /// Changes the limits of a pod as a whole; values that are `None` stay.
    pub fn update_sandbox(&self, uid: &str, resources: &Resources) -> Result<(), EngineError> {
        let group = &self.pod(uid)?.record.cgroup;
        group.apply(resources).map_err(|error| EngineError::Failed(error.to_string()))
    }

    /// Makes the group that pods of a class lie in ([`SandboxSpec::class`]) and sets its limits.
    pub fn update_class(&self, class: &str, resources: &Resources) -> Result<(), EngineError> {
        let path = format!("{}/{class}", self.inner.options.cgroup_parent.trim_end_matches('/'));
        let hierarchies = Hierarchies::detect()
            .ok_or_else(|| EngineError::Failed("no cgroup file system is mounted".into()))?;
        let group = Cgroup::create(&hierarchies, &path).and_then(|group| group.apply(resources));
        group.map_err(|error| EngineError::Failed(error.to_string()))
    }

    /// Removes the cgroup parent and the classes' groups; for the end of a cluster, when every sandbox is removed.
    pub fn teardown(&self) -> Result<(), EngineError> {
        let hierarchies = Hierarchies::detect();
        let parent = hierarchies.and_then(|h| Cgroup::create(&h, &self.inner.options.cgroup_parent).ok());
        if let Some(parent) = parent {
            parent.remove_if_empty();
        }
        Ok(())
    }

    fn pod(&self, uid: &str) -> Result<Arc<Pod>, EngineError> {
        let pods = lock(&self.inner.pods);
        let pod = pods.get(uid).cloned().flatten();
        pod.ok_or_else(|| EngineError::NotFound(format!("the sandbox of pod {uid}")))
    }
}

/// A read-only mount of one program, attached nowhere. `None` on kernels that cannot; then the path is used.
fn protected(program: &Path) -> Option<OwnedFd> {
    let mount = sys::open_tree(program, false).ok()?;
    let readonly = sys::MountChange { set: sys::ATTR_RDONLY, ..Default::default() };
    sys::set_mount(mount.as_fd(), &readonly).ok().map(|()| mount)
}

impl Inner {
    fn shim_folder(&self, uid: &str) -> PathBuf {
        self.pods_folder.join(uid).join("shim")
    }
}

/// A pod's place in the table while its shim starts; given back when that fails or is given up.
struct Reservation<'a> {
    inner: &'a Inner,
    uid: &'a str,
    keep: Option<Arc<Pod>>,
}

impl Reservation<'_> {
    fn keep(mut self, pod: Arc<Pod>) {
        self.keep = Some(pod);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut pods = lock(&self.inner.pods);
        match self.keep.take() {
            Some(pod) => pods.insert(self.uid.into(), Some(pod)),
            None => pods.remove(self.uid),
        };
    }
}

// === containers ===

impl Engine {
    /// Sets a container up, up to the point where only its program is to be started.
    pub async fn create_container(&self, uid: &str, spec: &ContainerSpec) -> Result<(), EngineError> {
        self.pod(uid)?.call(Call::Create(Box::new(spec.clone()))).await.map(drop)
    }

    /// Starts the program of a created container. When it cannot be exec'ed the container has exited (128).
    pub async fn start_container(&self, uid: &str, id: &str) -> Result<(), EngineError> {
        self.pod(uid)?.call(Call::Start { id: id.into() }).await.map(drop)
    }

    /// Sends a signal to the container's first process. Fine when it has exited.
    pub async fn signal_container(&self, uid: &str, id: &str, signal: i32) -> Result<(), EngineError> {
        self.pod(uid)?.call(Call::Signal { id: id.into(), signal }).await.map(drop)
    }

    /// Kills every process of the container; its end is told as an event.
    pub async fn kill_all(&self, uid: &str, id: &str) -> Result<(), EngineError> {
        self.pod(uid)?.call(Call::KillAll { id: id.into() }).await.map(drop)
    }

    /// Kills what is left of the container and removes it (not its log). Fine when it is gone already.
    pub async fn remove_container(&self, uid: &str, id: &str) -> Result<(), EngineError> {
        let Ok(pod) = self.pod(uid) else { return Ok(()) };
        match pod.call(Call::Remove { id: id.into() }).await {
            Ok(_) | Err(EngineError::NotFound(_)) => {}
            Err(EngineError::ShimDead(_)) => {
                let group = pod.record.cgroup.below(id);
                let state = pod.folder.join(names::CONTAINERS).join(format!("{id}.json"));
                blocking(move || {
                    group.kill();
                    let _ = fs::remove_file(state);
                    group.remove().map_err(|error| EngineError::Failed(error.to_string()))
                })
                .await??;
            }
            Err(error) => return Err(error),
        }
        let root = pod.folder.with_file_name(names::ROOTS).join(id);
        let text = format!("cannot remove {}", root.display());
        blocking(move || remove_folder(&root)).await?.map_err(failed(text))?;
        pod.forget(id);
        Ok(())
    }

    /// Runs a further process in a running container, confined as the container is.
    pub async fn exec(&self, uid: &str, id: &str, spec: &ExecSpec) -> Result<Exec, EngineError> {
        let pod = self.pod(uid)?;
        let name = pod.status(id).map_or_else(|| id.to_string(), |status| status.name);
        let step = move |what: &str| failed(format!("container {name}: {what}"));
        let connection = pod.connection()?;
        let pipe = || rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(std::io::Error::from);
        let pipe = || pipe().map_err(step("cannot make a pipe"));
        let (mut ours, mut theirs) = ([None, None, None], Vec::new());
        let wanted = [spec.stdin && !spec.tty, !spec.tty, !spec.tty];
        for (number, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
            let (read, write) = pipe()?;
            let (own, other) = if number == 0 { (write, read) } else { (read, write) };
            ours[number] = Some(asynchronous(own).map_err(step("cannot use a pipe"))?);
            theirs.push(other);
        }
        let number = connection.number();
        let exit = connection.exit_of(number);
        let call = Call::Exec { id: id.into(), spec: spec.clone(), streams: wanted };
        // From here on the process is ended when the caller gives up, now or later.
        let mut exec = Exec {
            stdin: None,
            stdout: None,
            stderr: None,
            terminal: None,
            end: End::Exec { number, connection, exit, code: None },
        };
        let End::Exec { connection, .. } = &exec.end else { unreachable!("made as that") };
        let mut received = pod.outcome(connection.send(number, call, theirs).await)?;
        let terminal = match received.pop() {
            Some(master) => Some(asynchronous(master).map_err(step("cannot use the terminal"))?),
            None => None,
        };
        let [stdin, stdout, stderr] = ours;
        let stdin = if spec.stdin { stdin.or_else(|| terminal.clone()) } else { None };
        exec.stdin = stdin.map(|fd| Input { fd: Some(fd) });
        exec.stdout = stdout.or_else(|| terminal.clone()).map(|fd| Output { fd });
        exec.stderr = stderr.map(|fd| Output { fd });
        exec.terminal = terminal;
        Ok(exec)
    }

    /// Joins the output of a container's first process, from now on; with `stdin` also its input. The first one to
    /// take the input of a container with `stdin_once` ends that input when it leaves.
    pub async fn attach(&self, uid: &str, id: &str, stdin: bool) -> Result<Exec, EngineError> {
        let pod = self.pod(uid)?;
        let status = pod.status(id).ok_or_else(|| EngineError::NotFound(format!("container {id}")))?;
        let step = |what: &str| failed(format!("container {}: {what}", status.name));
        let events = self.events();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..if status.tty { 1 } else { 2 } {
            let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)
                .map_err(std::io::Error::from)
                .map_err(step("cannot make a pipe"))?;
            ours.push(Output { fd: asynchronous(read).map_err(step("cannot use a pipe"))? });
            theirs.push(write);
        }
        let connection = pod.connection()?;
        let reply = connection.send(connection.number(), Call::Attach { id: id.into(), stdin }, theirs).await;
        let input = match pod.outcome(reply)?.pop() {
            Some(input) => Some(asynchronous(input).map_err(step("cannot use the input"))?),
            None => None,
        };
        let mut outputs = ours.into_iter();
        Ok(Exec {
            terminal: input.clone().filter(|_| status.tty),
            stdin: input.filter(|_| status.stdin && stdin).map(|fd| Input { fd: Some(fd) }),
            stdout: outputs.next(),
            stderr: outputs.next(),
            end: End::Attach { uid: uid.into(), id: id.into(), events, code: None },
        })
    }

    /// Changes a container's limits; values that are `None` stay.
    pub async fn update_resources(
        &self,
        uid: &str,
        id: &str,
        resources: &Resources,
    ) -> Result<(), EngineError> {
        self.pod(uid)?.call(Call::Update { id: id.into(), resources: resources.clone() }).await.map(drop)
    }

    /// Opens the log file anew, after somebody renamed it.
    pub async fn reopen_log(&self, uid: &str, id: &str) -> Result<(), EngineError> {
        self.pod(uid)?.call(Call::ReopenLog { id: id.into() }).await.map(drop)
    }

    /// The folder that holds what a container changed in its root: overlayfs' upper one, until it is removed.
    pub fn upper_dir(&self, uid: &str, id: &str) -> Result<PathBuf, EngineError> {
        let pod = self.pod(uid)?;
        let roots = pod.folder.with_file_name(names::ROOTS);
        match pod.status(id) {
            Some(_) => Ok(roots.join(id).join("upper")),
            None => Err(EngineError::NotFound(format!("container {id}"))),
        }
    }

    /// What the pod (`id` `None`) or one container used.
    pub fn stats(&self, uid: &str, id: Option<&str>) -> Result<Stats, EngineError> {
        let pod = self.pod(uid)?;
        match id {
            None => Ok(pod.record.cgroup.stats()),
            Some(id) if pod.status(id).is_some() => Ok(pod.record.cgroup.below(id).stats()),
            Some(id) => Err(EngineError::NotFound(format!("container {id}"))),
        }
    }
}
