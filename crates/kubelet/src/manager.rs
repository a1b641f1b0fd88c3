//! From the watch on this node's pods to one worker per pod, and from the runtime's events to the right worker.
//!
//! Invariant: what runs on the node without a pod in the API is removed, but only after the API said what there is:
//! without an API server everything stays as it is.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use client::{Change, Informer};
use k8s_openapi::api::core::v1::Pod;
use runtime::Event;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinSet};

use crate::context::Context;
use crate::pod::worker::{self, Wake};
use crate::static_pods::{Folder, Key, key_of, mirror, mirrored};
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
    node: String,
    statics: BTreeMap<Key, Static>,
    /// The API said what there is.
    listed: bool,
}

/// A static pod by its name.
#[derive(Default)]
struct Static {
    /// As the folder has it.
    wanted: Option<Arc<Pod>>,
    /// What has a worker: the same, or one that has to end first.
    runs: Option<Arc<Pod>>,
    /// What the API has of that name.
    mirror: Option<Arc<Pod>>,
    /// What is done about the mirror, and for which pod.
    under_way: Option<(mirror::Step, Option<String>, AbortHandle)>,
}

/// Runs until it is dropped; with it end all workers, and no pod.
pub(crate) async fn run(
    ctx: Arc<Context>,
    pods: Informer<Pod>,
    mut events: mpsc::UnboundedReceiver<Event>,
    node: String,
    mut folder: Folder,
) {
    // Before the first worker makes anything: what is here now was made by an earlier daemon.
    let found = Leftovers::read(&ctx);
    let mut changes = pods.subscribe();
    let mut manager = Manager {
        ctx,
        pods: pods.clone(),
        workers: HashMap::new(),
        tasks: JoinSet::new(),
        owners: HashMap::new(),
        node,
        statics: BTreeMap::new(),
        listed: false,
    };
    manager.read_folder(&mut folder);
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
            Ok(()) = folder.changed() => manager.read_folder(&mut folder),
            // All pods of the first list are in `changes` before this is true, and those are taken first.
            () = pods.synced(), if !manager.listed => {
                manager.listed = true;
                manager.remove_orphans(&found);
                for key in manager.statics.keys().cloned().collect::<Vec<_>>() {
                    manager.settle(&key);
                }
            }
        }
    }
}

impl Manager {
    fn changed(&mut self, change: Change<Pod>) {
        match &change {
            Change::Added(pod) | Change::Modified { new: pod, .. } if mirrored(pod).is_some() => {
                let key = key_of(pod);
                self.statics.entry(key.clone()).or_default().mirror = Some(pod.clone());
                return self.settle(&key);
            }
            Change::Deleted(pod) if mirrored(pod).is_some() => {
                let key = key_of(pod);
                self.statics.entry(key.clone()).or_default().mirror = None;
                return self.settle(&key);
            }
            _ => {}
        }
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
            None => self.start(uid, pod, false, false),
        }
    }

    fn start(&mut self, uid: String, pod: Arc<Pod>, is_static: bool, late: bool) {
        let (sender, inbox) = mpsc::unbounded_channel();
        self.workers.insert(uid.clone(), sender.clone());
        let (ctx, owner) = (self.ctx.clone(), uid.clone());
        let task = async move {
            if late {
                tokio::time::sleep(AFTER_PANIC).await;
            }
            // Asked for after the inbox is in place: events since then are waiting there.
            let found = ctx.engine.sandbox(&owner);
            worker::run(ctx, pod, is_static, found, sender, inbox).await;
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
        let of_static = self.statics.iter_mut().find(|(_, one)| {
            one.runs.as_ref().is_some_and(|pod| pod.metadata.uid.as_deref() == Some(uid.as_str()))
        });
        let of_static = of_static.map(|(key, one)| (key.clone(), one.runs.take()));
        let Err(error) = ended else {
            if let Some((key, _)) = of_static {
                self.settle(&key);
            }
            return;
        };
        tracing::error!(%error, uid, "a pod's worker failed; another one adopts the pod");
        if let Some((key, Some(pod))) = of_static {
            self.start(uid, pod.clone(), true, true);
            self.statics.entry(key.clone()).or_default().runs = Some(pod);
            return self.settle(&key);
        }
        let pod = self.pods.list().into_iter().find(|p| p.metadata.uid.as_deref() == Some(uid.as_str()));
        if let Some(pod) = pod {
            self.start(uid, pod, false, true);
        }
    }

    fn read_folder(&mut self, folder: &mut Folder) {
        let mut found = folder.read();
        for (key, known) in &mut self.statics {
            known.wanted = found.remove(key);
        }
        for (key, pod) in found {
            self.statics.insert(key, Static { wanted: Some(pod), ..Static::default() });
        }
        for key in self.statics.keys().cloned().collect::<Vec<_>>() {
            self.settle(&key);
        }
    }

    /// Does what is to be done about a static pod: its worker, then its mirror.
    fn settle(&mut self, key: &Key) {
        let Some(known) = self.statics.get(key) else { return };
        let (wanted, runs) = (known.wanted.clone(), known.runs.clone());
        let uid = |pod: &Option<Arc<Pod>>| pod.as_ref().and_then(|pod| pod.metadata.uid.clone());
        match (&wanted, uid(&runs)) {
            (Some(pod), None) => {
                if let Some(uid) = uid(&wanted) {
                    self.start(uid, pod.clone(), true, false);
                }
                self.statics.entry(key.clone()).or_default().runs = wanted.clone();
            }
            // Another file, or none: the new pod starts when the old one has ended.
            (_, Some(old)) if Some(&old) != uid(&wanted).as_ref() => {
                if let Some(worker) = self.workers.get(&old) {
                    let _ = worker.send(Wake::Withdrawn);
                }
            }
            _ => {}
        }
        self.settle_mirror(key);
    }

    fn settle_mirror(&mut self, key: &Key) {
        let Some(known) = self.statics.get_mut(key) else { return };
        if let (Some(runs), Some(mirror)) = (&known.runs, &known.mirror)
            && mirrored(mirror) == runs.metadata.uid.as_deref()
            && let Some(worker) = runs.metadata.uid.as_ref().and_then(|uid| self.workers.get(uid))
        {
            let _ = worker.send(Wake::Mirror(mirror.clone()));
        }
        if !self.listed {
            return;
        }
        let step = mirror::next(known.wanted.as_deref(), known.runs.is_some(), known.mirror.as_deref());
        let about = match step {
            mirror::Step::Create => &known.wanted,
            mirror::Step::Delete | mirror::Step::Nothing => &known.mirror,
        };
        let about = about.clone();
        let uid = about.as_ref().and_then(|pod| pod.metadata.uid.clone());
        if let Some((doing, of, task)) = &known.under_way {
            if *doing == step && *of == uid && !task.is_finished() {
                return;
            }
            task.abort();
        }
        let client = self.ctx.client.clone();
        let task = match (step, about) {
            (mirror::Step::Create, Some(pod)) => {
                self.tasks.spawn(mirror::create(client, pod, self.node.clone()))
            }
            (mirror::Step::Delete, Some(_)) => {
                self.tasks.spawn(mirror::delete(client, key.clone(), uid.clone().unwrap_or_default()))
            }
            _ => {
                known.under_way = None;
                if known.wanted.is_none() && known.runs.is_none() && known.mirror.is_none() {
                    self.statics.remove(key);
                }
                return;
            }
        };
        known.under_way = Some((step, uid, task));
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
