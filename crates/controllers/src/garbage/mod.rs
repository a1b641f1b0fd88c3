//! Garbage collection: objects whose owners are gone go too, in the way the deletion asked for.
//!
//! One metadata-only watch per kind feeds the graph (`graph`, pure); workers look at what it points out.
//! Before anything is deleted the object is read again, and absent owners are confirmed by UID; the deletion
//! carries UID and resource version, so that an object that was adopted meanwhile stays.
//! Events are left out: they are many, own nothing and expire.

mod graph;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use client::{Config, Failure, Queue, failure};
use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{
    Client,
    api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy},
    runtime::watcher::Event,
};
use serde_json::json;
use tokio::{
    sync::{broadcast, mpsc, watch},
    task::{AbortHandle, JoinSet},
};

use self::graph::{FOREGROUND, Graph, ORPHAN, Place, Standing, Task, Uid};
use crate::shared::{
    Context,
    kinds::{Kind, Kinds, Meta},
};

/// How long the workers wait at the start for a kind that cannot be listed.
const PATIENCE: Duration = Duration::from_secs(30);
const WORKERS: usize = 16;

/// Collects garbage.
pub(crate) async fn run(context: Context) {
    let collector = Arc::new(Collector {
        client: context.client.clone(),
        kinds: context.kinds.clone(),
        graph: Mutex::default(),
        queue: Queue::new(),
        departures: context.departures.clone(),
    });
    let (ready, mut first_lists) = mpsc::unbounded_channel();
    let mut kinds = context.kinds.clone();
    let watching = {
        let collector = collector.clone();
        async move {
            let mut watches = Watches::default();
            loop {
                let current = kinds.borrow_and_update().clone();
                watches.follow(&current, &collector, &ready);
                if kinds.changed().await.is_err() {
                    return;
                }
            }
        }
    };
    let working = async {
        // Decisions before all kinds are known would be right, but some would take a second look.
        let all = async {
            let mut missing = context.kinds.clone();
            let wanted =
                missing.wait_for(|kinds| !kinds.is_empty()).await.map_or(0, |kinds| watched(&kinds).count());
            for _ in 0..wanted {
                first_lists.recv().await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, all).await;
        let worker = collector.clone();
        let work = move |task: Task| {
            let collector = worker.clone();
            async move { collector.work(&task).await.map(|()| None) }
        };
        collector.queue.run("garbage-collector", WORKERS, work).await;
    };
    tokio::join!(watching, working);
}

/// The kinds that take part.
fn watched(kinds: &Kinds) -> impl Iterator<Item = &Arc<Kind>> {
    kinds.iter().filter(|kind| kind.resource.kind != "Event")
}

#[derive(Default)]
struct Watches {
    tasks: JoinSet<()>,
    running: HashMap<String, (Arc<Kind>, AbortHandle)>,
}

impl Watches {
    /// Starts watches of new kinds and ends those of kinds that are gone.
    fn follow(&mut self, kinds: &Kinds, collector: &Arc<Collector>, ready: &mpsc::UnboundedSender<()>) {
        let current: HashMap<_, _> = watched(kinds).map(|kind| (kind.name(), kind)).collect();
        self.running.retain(|name, (known, task)| {
            let stays = current.get(name).is_some_and(|kind| *kind == known);
            if !stays {
                task.abort();
                let tasks = collector.graph().only(known, &HashSet::new()).0;
                collector.enqueue(tasks);
            }
            stays
        });
        for (name, kind) in current {
            if !self.running.contains_key(&name) {
                let watch = watch_kind(kind.clone(), collector.clone(), ready.clone());
                self.running.insert(name, (kind.clone(), self.tasks.spawn(watch)));
            }
        }
    }
}

async fn watch_kind(kind: Arc<Kind>, collector: Arc<Collector>, ready: mpsc::UnboundedSender<()>) {
    let mut events = std::pin::pin!(client::watch(kind.api(&collector.client, None), Config::default()));
    let mut listed = HashSet::new();
    while let Some(event) = events.next().await {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                listed.extend(object.metadata.uid.as_deref().map(Uid::from));
                collector.seen(&kind, &object.metadata);
            }
            Event::InitDone => {
                let (tasks, namespaces) = collector.graph().only(&kind, &std::mem::take(&mut listed));
                collector.enqueue(tasks);
                namespaces.into_iter().flatten().for_each(|namespace| collector.departed(&namespace));
                // Nobody counts any more after the start.
                let _ = ready.send(());
            }
            Event::Apply(object) => collector.seen(&kind, &object.metadata),
            Event::Delete(object) => {
                let tasks = collector.graph().gone(object.metadata.uid.as_deref().unwrap_or_default());
                collector.enqueue(tasks);
                if let Some(namespace) = &object.metadata.namespace {
                    collector.departed(namespace);
                }
            }
        }
    }
}

struct Collector {
    client: Client,
    kinds: watch::Receiver<Kinds>,
    graph: Mutex<Graph>,
    queue: Queue<Task>,
    departures: broadcast::Sender<Box<str>>,
}

/// What is to be done with an object, by the state of its owners.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    /// Keep it, but drop references that lead nowhere.
    Trim(Vec<String>),
    /// Delete it and let it wait for its own dependents.
    DeleteForeground,
    Delete,
}

impl Collector {
    fn graph(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(&self, tasks: Vec<Task>) {
        tasks.into_iter().for_each(|task| self.queue.add(task));
    }

    fn departed(&self, namespace: &str) {
        // Without a listener nobody waits.
        let _ = self.departures.send(namespace.into());
    }

    fn seen(&self, kind: &Arc<Kind>, meta: &ObjectMeta) {
        let tasks = self.graph().seen(kind, meta, |reference| self.kind_of(reference));
        self.enqueue(tasks);
    }

    /// The kind that a reference speaks of, whatever version it names.
    fn kind_of(&self, reference: &OwnerReference) -> Option<Arc<Kind>> {
        let group = reference.api_version.split_once('/').map_or("", |(group, _)| group);
        let kinds = self.kinds.borrow();
        kinds
            .iter()
            .find(|kind| kind.resource.group == group && kind.resource.kind == reference.kind)
            .cloned()
    }

    async fn work(&self, task: &Task) -> Result<(), kube::Error> {
        match task {
            Task::Collect(uid) => self.collect(uid).await,
            Task::Orphan(uid) => self.orphan(uid).await,
        }
    }

    async fn read(&self, place: &Place) -> Result<Option<Meta>, kube::Error> {
        place.kind.api(&self.client, place.namespace.as_deref()).get_opt(&place.name).await
    }

    async fn collect(&self, uid: &Uid) -> Result<(), kube::Error> {
        let known = self.graph().node(uid).map(|node| (node.place.clone(), node.rumour));
        let Some((place, rumour)) = known else { return Ok(()) };
        let live = self.read(&place).await?.filter(|live| live.metadata.uid.as_deref() == Some(&**uid));
        let Some(live) = live else {
            // For a real object the watch will say so too; for a rumour nobody else will.
            let tasks = self.graph().gone(uid);
            self.enqueue(tasks);
            return Ok(());
        };
        if rumour {
            return Ok(());
        }
        let meta = live.metadata;
        let finalizer = |name: &str| meta.finalizers.iter().flatten().any(|finalizer| finalizer == name);
        if meta.deletion_timestamp.is_some() {
            return if finalizer(FOREGROUND) {
                self.finish_foreground(uid, &place, &meta).await
            } else {
                Ok(())
            };
        }
        match self.judge(uid, &meta).await? {
            Verdict::Keep => Ok(()),
            Verdict::Trim(owners) => self.drop_owners(&place, &meta, &owners).await,
            Verdict::DeleteForeground => {
                self.unblock_cycle(uid, &place, &meta).await?;
                self.delete(&place, &meta, PropagationPolicy::Foreground, false).await
            }
            Verdict::Delete => {
                let policy = if finalizer(ORPHAN) {
                    PropagationPolicy::Orphan
                } else if finalizer(FOREGROUND) {
                    PropagationPolicy::Foreground
                } else {
                    PropagationPolicy::Background
                };
                self.delete(&place, &meta, policy, true).await
            }
        }
    }

    async fn judge(&self, uid: &Uid, meta: &ObjectMeta) -> Result<Verdict, kube::Error> {
        let references = meta.owner_references.as_deref().unwrap_or_default();
        if references.is_empty() {
            return Ok(Verdict::Keep);
        }
        let (mut present, mut waiting, mut absent) = (0, Vec::new(), Vec::new());
        for reference in references {
            match self.standing(reference, meta.namespace.as_deref()).await? {
                Standing::Present | Standing::Unknown => present += 1,
                Standing::Waiting => waiting.push(reference.uid.clone()),
                Standing::Absent => absent.push(reference.uid.clone()),
            }
        }
        if present > 0 {
            absent.append(&mut waiting);
            return Ok(if absent.is_empty() { Verdict::Keep } else { Verdict::Trim(absent) });
        }
        let has_dependents = !self.graph().dependents(uid).is_empty();
        Ok(if !waiting.is_empty() && has_dependents { Verdict::DeleteForeground } else { Verdict::Delete })
    }

    /// As the graph knows it; what it does not know is asked of the server. `Unknown` then means that the kind
    /// cannot be asked for.
    async fn standing(
        &self,
        reference: &OwnerReference,
        namespace: Option<&str>,
    ) -> Result<Standing, kube::Error> {
        let known = self.graph().standing(reference, namespace);
        if known != Standing::Unknown {
            return Ok(known);
        }
        let Some(kind) = self.kind_of(reference) else { return Ok(Standing::Unknown) };
        if kind.namespaced && namespace.is_none() {
            // A cluster-wide object cannot belong to one in a namespace; leave it alone.
            return Ok(Standing::Unknown);
        }
        let place = Place {
            namespace: namespace.filter(|_| kind.namespaced).map(Into::into),
            name: reference.name.as_str().into(),
            kind,
        };
        let live =
            self.read(&place).await?.filter(|live| live.metadata.uid.as_deref() == Some(&reference.uid));
        Ok(match live {
            None => {
                let tasks = self.graph().gone(&reference.uid);
                self.enqueue(tasks);
                Standing::Absent
            }
            Some(owner) => {
                let foreground =
                    owner.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FOREGROUND);
                if foreground && owner.metadata.deletion_timestamp.is_some() {
                    Standing::Waiting
                } else {
                    Standing::Present
                }
            }
        })
    }

    /// Lets an owner go whose blocking dependents are gone; else sees to it that they go.
    async fn finish_foreground(
        &self,
        uid: &Uid,
        place: &Place,
        meta: &ObjectMeta,
    ) -> Result<(), kube::Error> {
        let (empty, remaining) = {
            let graph = self.graph();
            let blocking = graph.blocking(uid);
            let remaining: Vec<_> =
                blocking.iter().filter(|(_, node)| !node.leaving).map(|(uid, _)| uid.clone()).collect();
            (blocking.is_empty(), remaining)
        };
        if empty {
            return self.remove_finalizer(place, meta, FOREGROUND).await;
        }
        remaining.into_iter().for_each(|uid| self.queue.add(Task::Collect(uid)));
        Ok(())
    }

    /// Objects that own each other in a ring would wait for each other: the one that goes first blocks nobody.
    async fn unblock_cycle(&self, uid: &Uid, place: &Place, meta: &ObjectMeta) -> Result<(), kube::Error> {
        let in_ring = self.graph().dependents(uid).iter().any(|(_, node)| node.foreground);
        if !in_ring {
            return Ok(());
        }
        let mut owners = meta.owner_references.clone().unwrap_or_default();
        owners.iter_mut().for_each(|owner| owner.block_owner_deletion = Some(false));
        self.patch(place, json!({"metadata": {"uid": meta.uid, "ownerReferences": owners}})).await
    }

    async fn drop_owners(
        &self,
        place: &Place,
        meta: &ObjectMeta,
        owners: &[String],
    ) -> Result<(), kube::Error> {
        let kept: Vec<_> =
            meta.owner_references.iter().flatten().filter(|owner| !owners.contains(&owner.uid)).collect();
        let patch = json!({"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version, "ownerReferences": kept}});
        self.patch(place, patch).await
    }

    async fn remove_finalizer(
        &self,
        place: &Place,
        meta: &ObjectMeta,
        name: &str,
    ) -> Result<(), kube::Error> {
        let kept: Vec<_> = meta.finalizers.iter().flatten().filter(|finalizer| *finalizer != name).collect();
        let patch = json!({"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version, "finalizers": kept}});
        self.patch(place, patch).await
    }

    async fn patch(&self, place: &Place, patch: serde_json::Value) -> Result<(), kube::Error> {
        let api = place.kind.api(&self.client, place.namespace.as_deref());
        match api.patch(&place.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Err(error) if failure(&error) != Failure::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    async fn delete(
        &self,
        place: &Place,
        meta: &ObjectMeta,
        policy: PropagationPolicy,
        unchanged: bool,
    ) -> Result<(), kube::Error> {
        let params = DeleteParams {
            propagation_policy: Some(policy),
            preconditions: Some(Preconditions {
                uid: meta.uid.clone(),
                resource_version: meta.resource_version.clone().filter(|_| unchanged),
            }),
            ..DeleteParams::default()
        };
        let api = place.kind.api(&self.client, place.namespace.as_deref());
        match api.delete(&place.name, &params).await {
            Err(error) if failure(&error) != Failure::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes the owner out of its dependents' references, then lets it go.
    async fn orphan(&self, uid: &Uid) -> Result<(), kube::Error> {
        let Some(place) = self.graph().node(uid).map(|node| node.place.clone()) else { return Ok(()) };
        let dependents: Vec<_> =
            self.graph().dependents(uid).into_iter().map(|(uid, node)| (uid, node.place.clone())).collect();
        for (dependent, place) in dependents {
            let Some(live) =
                self.read(&place).await?.filter(|live| live.metadata.uid.as_deref() == Some(&*dependent))
            else {
                continue;
            };
            self.drop_owners(&place, &live.metadata, &[uid.to_string()]).await?;
        }
        let live = self.read(&place).await?.filter(|live| live.metadata.uid.as_deref() == Some(&**uid));
        match live {
            Some(live) => self.remove_finalizer(&place, &live.metadata, ORPHAN).await,
            None => Ok(()),
        }
    }
}
