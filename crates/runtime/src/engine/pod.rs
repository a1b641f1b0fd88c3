//! One sandbox as the engine knows it, and the task that watches its shim.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot, watch};

use super::EngineError;
use super::connection::{Closed, Connection, lock};
use crate::files::{now_ms, replace, start_ticks};
use crate::protocol::{Call, Fault, SandboxRecord, names};
use crate::state::{ContainerState, ContainerStatus, Event, ExitStatus, SandboxState};
use crate::sys;

/// Everybody who hears of changes.
#[derive(Debug, Default)]
pub(super) struct Subscribers(Mutex<Vec<mpsc::UnboundedSender<Event>>>);

impl Subscribers {
    pub(super) fn subscribe(&self) -> mpsc::UnboundedReceiver<Event> {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.0).push(sender);
        receiver
    }

    fn tell(&self, event: &Event) {
        lock(&self.0).retain(|subscriber| subscriber.send(event.clone()).is_ok());
    }
}

/// One sandbox.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) folder: PathBuf,
    pub(super) record: SandboxRecord,
    containers: Mutex<BTreeMap<String, ContainerStatus>>,
    connection: Mutex<Option<Arc<Connection>>>,
    /// Turns false when the shim is dead and its containers are told as ended.
    alive: watch::Sender<bool>,
    /// It is being removed: its end is no accident.
    removing: AtomicBool,
    subscribers: Arc<Subscribers>,
}

impl Pod {
    /// Takes over the sandbox of a shim's folder: connects to the shim, or, when that is dead, ends what is
    /// left of its containers. `None` when there never was a whole sandbox there.
    pub(super) async fn adopt(folder: &Path, subscribers: Arc<Subscribers>) -> Option<Arc<Pod>> {
        let record: SandboxRecord =
            serde_json::from_slice(&tokio::fs::read(folder.join(names::RECORD)).await.ok()?).ok()?;
        let pod = Arc::new(Pod {
            folder: folder.to_path_buf(),
            containers: Mutex::new(stored(&folder.join(names::CONTAINERS))),
            connection: Mutex::new(None),
            alive: watch::Sender::new(true),
            removing: AtomicBool::new(false),
            record,
            subscribers,
        });
        // The start time tells the shim from a later process with the same id.
        let pidfd = sys::pidfd_open(pod.record.pid)
            .ok()
            .filter(|_| start_ticks(pod.record.pid) == Some(pod.record.start_ticks))
            // SAFETY: an OwnedFd owns its descriptor for as long as it is registered.
            .and_then(|pidfd| unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }.ok());
        let Some(pidfd) = pidfd else {
            pod.shim_died();
            return Some(pod);
        };
        let end = pod.connect().await;
        if end.is_none() {
            // Dead, or ending: known at once, or in a moment.
            const A_MOMENT: Duration = Duration::from_secs(1);
            if tokio::time::timeout(A_MOMENT, pidfd.readable()).await.is_ok() {
                pod.shim_died();
                return Some(pod);
            }
        }
        tokio::spawn(watch_shim(Arc::downgrade(&pod), pidfd, end));
        Some(pod)
    }

    /// Connects and hears every container's state. `None` when that fails, as it does when the shim is ending.
    async fn connect(self: &Arc<Self>) -> Option<oneshot::Receiver<()>> {
        let weak = Arc::downgrade(self);
        let news = move |status: ContainerStatus| {
            if let Some(pod) = weak.upgrade() {
                pod.changed(status);
            }
        };
        let (connection, end) = Connection::open(&self.folder, news).ok()?;
        let (greeted, _) = connection.call(Call::Hello).await.ok()?;
        greeted.ok()?;
        *lock(&self.connection) = Some(connection);
        Some(end)
    }

    fn changed(&self, status: ContainerStatus) {
        let previous = lock(&self.containers).insert(status.id.clone(), status.clone());
        if previous.as_ref() != Some(&status) {
            self.subscribers.tell(&Event::Container { uid: self.record.uid.clone(), status });
        }
    }

    /// The shim is dead: nobody will ever know how its running containers end, so they are ended.
    fn shim_died(&self) {
        if !self.removing.load(Ordering::Acquire) {
            self.record.cgroup.kill();
            let lost: Vec<ContainerStatus> = lock(&self.containers)
                .values()
                .filter(|status| !matches!(status.state, ContainerState::Exited(_)))
                .cloned()
                .collect();
            for mut status in lost {
                status.state = ContainerState::Exited(ExitStatus {
                    code: 137,
                    signal: Some(libc::SIGKILL),
                    oom_killed: false,
                    started_at: match status.state {
                        ContainerState::Running { started_at, .. } => Some(started_at),
                        _ => None,
                    },
                    finished_at: now_ms(),
                    unknown: true,
                });
                let path = self.folder.join(names::CONTAINERS).join(format!("{}.json", status.id));
                if let Ok(json) = serde_json::to_vec(&status)
                    && let Err(error) = replace(&path, &json, true)
                {
                    tracing::warn!(%error, path = %path.display(), "a container's end could not be kept");
                }
                self.changed(status);
            }
        }
        *lock(&self.connection) = None;
        self.alive.send_replace(false);
        if !self.removing.load(Ordering::Acquire) {
            self.subscribers.tell(&Event::SandboxDead { uid: self.record.uid.clone() });
        }
    }

    /// The connection to the living shim.
    pub(super) fn connection(&self) -> Result<Arc<Connection>, EngineError> {
        lock(&self.connection).clone().ok_or_else(|| EngineError::ShimDead(self.record.uid.clone()))
    }

    /// Sends a call and waits for its outcome.
    pub(super) async fn call(&self, call: Call) -> Result<Vec<OwnedFd>, EngineError> {
        let reply = self.connection()?.call(call).await;
        self.outcome(reply)
    }

    pub(super) fn outcome(
        &self,
        reply: Result<(Result<(), Fault>, Vec<OwnedFd>), Closed>,
    ) -> Result<Vec<OwnedFd>, EngineError> {
        let (result, descriptors) = reply.map_err(|Closed| EngineError::ShimDead(self.record.uid.clone()))?;
        result.map(|()| descriptors).map_err(|fault| match fault {
            Fault::NotFound(what) => EngineError::NotFound(what),
            Fault::Exists(what) => EngineError::Exists(what),
            Fault::State(text) => EngineError::State(text),
            Fault::Failed(text) => EngineError::Failed(text),
        })
    }

    pub(super) fn is_alive(&self) -> bool {
        *self.alive.borrow()
    }

    /// From now on the shim's end is wanted.
    pub(super) fn begin_removal(&self) {
        self.removing.store(true, Ordering::Release);
    }

    /// Returns when the shim is dead.
    pub(super) async fn dead(&self) {
        // The sender lives in this pod: it cannot be gone.
        let _ = self.alive.subscribe().wait_for(|alive| !alive).await;
    }

    pub(super) fn status(&self, id: &str) -> Option<ContainerStatus> {
        lock(&self.containers).get(id).cloned()
    }

    pub(super) fn forget(&self, id: &str) {
        lock(&self.containers).remove(id);
    }

    pub(super) fn state(&self) -> SandboxState {
        let record = &self.record;
        SandboxState {
            uid: record.uid.clone(),
            name: record.name.clone(),
            namespace: record.namespace.clone(),
            pid: record.pid,
            alive: self.is_alive(),
            host_network: record.host_network,
            created_at: record.created_at,
            labels: record.labels.clone(),
            containers: lock(&self.containers).values().cloned().collect(),
        }
    }
}

/// Waits for the shim's end; connects again when only the connection ended.
async fn watch_shim(pod: Weak<Pod>, pidfd: AsyncFd<OwnedFd>, mut end: Option<oneshot::Receiver<()>>) {
    // A shim that cuts an engine off lives on; one that is ending closes its sockets first. One that cannot be
    // reached is tried ever more rarely.
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(60);
    let mut pause = FIRST;
    loop {
        let connection_ended = async {
            if let Some(end) = &mut end {
                let _ = end.await;
            }
            tokio::time::sleep(pause).await;
        };
        tokio::select! {
            biased;
            _ = pidfd.readable() => {
                if let Some(pod) = pod.upgrade() {
                    // Files are written and processes killed: not for the threads that serve everybody.
                    let _ = tokio::task::spawn_blocking(move || pod.shim_died()).await;
                }
                return;
            }
            () = connection_ended => {
                let Some(pod) = pod.upgrade() else { return };
                end = pod.connect().await;
                pause = if end.is_some() { FIRST } else { (pause * 2).min(LONGEST) };
            }
        }
    }
}

/// The container states in a shim's folder.
fn stored(folder: &Path) -> BTreeMap<String, ContainerStatus> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json"))
        .filter_map(|entry| {
            serde_json::from_slice::<ContainerStatus>(&std::fs::read(entry.path()).ok()?).ok()
        })
        .map(|status| (status.id.clone(), status))
        .collect()
}
