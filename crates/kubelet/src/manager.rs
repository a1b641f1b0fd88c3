//! From the watch on this node's pods to one worker per pod, and from the runtime's events to the right worker.
//!
//! Invariant: what runs on the node without a pod in the API is removed, but only after the API said what there is:
//! without an API server everything stays as it is.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use client::{Change, Informer};
use k8s_openapi::api::core::v1::Pod;
use runtime::Event;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};

use crate::context::Context;
use crate::pod::worker::{self, Wake};
use crate::volumes;

/// Pause before a worker that failed is started again.
const AFTER_PANIC: std::time::Duration = std::time::Duration::from_secs(5);
/// What a container nobody asks for any more gets between signal and kill.
const ORPHAN_GRACE: std::time::Duration = std::time::Duration::from_secs(2);

struct Manager {
    ctx: Arc<Context>,
    pods: Informer<Pod>,
    /// By the pod's UID.
    workers: HashMap<String, mpsc::UnboundedSender<Wake>>,
    tasks: JoinSet<()>,
    /// Whose task is whose.
    owners: HashMap<Id, String>,
}

/// Runs until it is dropped; with it end all workers, and no pod.
pub(crate) async fn run(ctx: Arc<Context>, pods: Informer<Pod>, mut events: mpsc::UnboundedReceiver<Event>) {
    // Before the first worker makes anything: what is here now was made by an earlier daemon.
    let found = Leftovers::read(&ctx);
    let mut changes = pods.subscribe();
    let mut manager = Manager {
        ctx,
        pods: pods.clone(),
        workers: HashMap::new(),
        tasks: JoinSet::new(),
        owners: HashMap::new(),
    };
    let mut cleaned = false;
    loop {
        tokio::select! {
            biased;
            change = changes.recv() => match change {
                Some(change) => manager.changed(change),
                None => return,
            },
            event = events.recv() => match event {
                Some(event) => manager.told(event),
                None => return,
            },
            Some(ended) = manager.tasks.join_next_with_id() => manager.ended(ended),
            // All pods of the first list are in `changes` before this is true, and those are taken first.
            () = pods.synced(), if !cleaned => {
                cleaned = true;
                manager.remove_orphans(&found);
            }
        }
    }
}

impl Manager {
    fn changed(&mut self, change: Change<Pod>) {
        match change {
            Change::Added(pod) => self.update(pod),
            Change::Modified { old, new } => {
                // Deleted and made again under the same name while nobody looked.
                if old.metadata.uid != new.metadata.uid {
                    self.removed(&old);
                }
                self.update(new);
            }
            Change::Deleted(pod) => self.removed(&pod),
        }
    }

    fn update(&mut self, pod: Arc<Pod>) {
        let Some(uid) = pod.metadata.uid.clone() else { return };
        match self.workers.get(&uid) {
            Some(worker) => {
                let _ = worker.send(Wake::Pod(pod));
            }
            None => self.start(uid, pod, false),
        }
    }

    fn start(&mut self, uid: String, pod: Arc<Pod>, late: bool) {
        let (sender, inbox) = mpsc::unbounded_channel();
        self.workers.insert(uid.clone(), sender.clone());
        let (ctx, owner) = (self.ctx.clone(), uid.clone());
        let task = async move {
            if late {
                tokio::time::sleep(AFTER_PANIC).await;
            }
            // Asked for after the inbox is in place: events since then are waiting there.
            let found = ctx.engine.sandbox(&owner);
            worker::run(ctx, pod, found, sender, inbox).await;
        };
        let id = self.tasks.spawn(task).id();
        self.owners.insert(id, uid);
    }

    fn removed(&mut self, pod: &Pod) {
        if let Some(worker) = pod.metadata.uid.as_ref().and_then(|uid| self.workers.get(uid)) {
            let _ = worker.send(Wake::Removed);
        }
    }

    fn told(&mut self, event: Event) {
        let (uid, wake) = match event {
            Event::Container { uid, status } => (uid, Wake::Container(status)),
            Event::SandboxDead { uid } => (uid, Wake::SandboxDead),
        };
        if let Some(worker) = self.workers.get(&uid) {
            let _ = worker.send(wake);
        }
    }

    fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(uid) = self.owners.remove(&id) else { return };
        self.workers.remove(&uid);
        let Err(error) = ended else { return };
        tracing::error!(%error, uid, "a pod's worker failed; another one adopts the pod");
        let pod = self.pods.list().into_iter().find(|p| p.metadata.uid.as_deref() == Some(uid.as_str()));
        if let Some(pod) = pod {
            self.start(uid, pod, true);
        }
    }

    /// Ends what runs for pods that the API does not know, and clears what such pods left on disk.
    fn remove_orphans(&mut self, found: &Leftovers) {
        for sandbox in self.ctx.engine.sandboxes() {
            if !self.workers.contains_key(&sandbox.uid) {
                tracing::info!(
                    pod = sandbox.name,
                    namespace = sandbox.namespace,
                    "removing a pod that is gone"
                );
                let ctx = self.ctx.clone();
                self.tasks.spawn(remove(ctx, sandbox));
            }
        }
        let gone = |uid: &str| !self.workers.contains_key(uid) && self.ctx.engine.sandbox(uid).is_none();
        let pods: Vec<PathBuf> =
            found.pods.iter().filter(|(uid, _)| gone(uid)).map(|(_, p)| p.clone()).collect();
        let logs: Vec<PathBuf> =
            found.logs.iter().filter(|(uid, _)| gone(uid)).map(|(_, p)| p.clone()).collect();
        self.tasks.spawn(async move {
            let work = move || clear_folders(&pods, &logs);
            if let Err(error) = tokio::task::spawn_blocking(work).await {
                tracing::warn!(%error, "left-over folders not cleared");
            }
        });
    }
}

/// Folders of pods and of their logs, by the pods' UIDs.
struct Leftovers {
    pods: Vec<(String, PathBuf)>,
    logs: Vec<(String, PathBuf)>,
}

impl Leftovers {
    fn read(ctx: &Context) -> Leftovers {
        let list = |folder: PathBuf| -> Vec<(String, PathBuf)> {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            // A log folder's name ends in the UID.
            let uid = |name: &str| name.rsplit('_').next().unwrap_or_default().to_owned();
            entries.map(|e| (uid(&e.file_name().to_string_lossy()), e.path())).collect()
        };
        Leftovers { pods: list(ctx.home.join("pods")), logs: list(ctx.home.join("logs/pods")) }
    }
}

async fn remove(ctx: Arc<Context>, sandbox: runtime::SandboxState) {
    let uid = &sandbox.uid;
    let running: Vec<&runtime::ContainerStatus> = sandbox
        .containers
        .iter()
        .filter(|c| matches!(c.state, runtime::ContainerState::Running { .. }))
        .collect();
    for container in &running {
        let _ = ctx.engine.signal_container(uid, &container.id, 15).await;
    }
    if !running.is_empty() {
        tokio::time::sleep(ORPHAN_GRACE).await;
    }
    if let Err(error) = ctx.engine.remove_sandbox(uid).await {
        tracing::warn!(%error, pod = sandbox.name, "sandbox not removed");
        return;
    }
    let (dir, logs) = (ctx.pod_dir(uid), ctx.log_dir(&sandbox.namespace, &sandbox.name, uid));
    let uid = uid.clone();
    let work = move || {
        let detached = ctx.network.detach(&uid).map_err(|e| e.to_string());
        let removed = volumes::remove_tree(&dir).map_err(|e| e.to_string());
        let _ = std::fs::remove_dir_all(&logs);
        detached.and(removed)
    };
    if let Ok(Err(error)) = tokio::task::spawn_blocking(work).await {
        tracing::warn!(error, pod = sandbox.name, "not everything of a pod that is gone could be removed");
    }
}

fn clear_folders(pods: &[PathBuf], logs: &[PathBuf]) {
    for path in pods {
        if let Err(error) = volumes::remove_tree(path) {
            tracing::warn!(%error, path = %path.display(), "left-over folder not removed");
        }
    }
    for path in logs {
        if let Err(error) = std::fs::remove_dir_all(path) {
            tracing::warn!(%error, path = %path.display(), "left-over logs not removed");
        }
    }
}
