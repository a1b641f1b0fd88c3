//! The loop around the pure core: changes in, decisions out.
//!
//! One task owns snapshot and queue, so there are no locks and decisions see each other. A placed pod counts
//! at once (assumed), before its binding is written; writing goes on beside the next decision.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use client::{Change, Config, Events, Failure, Informer, failure};
use k8s_openapi::{
    api::{
        core::v1::{
            Binding, EphemeralVolumeSource, Namespace, Node, ObjectReference, PersistentVolume,
            PersistentVolumeClaim, Pod, Volume,
        },
        policy::v1::PodDisruptionBudget,
        storage::v1::StorageClass,
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    Options,
    pending::{Pending, Wake},
    preempt::{Preemption, preempt},
    schedule::{Unschedulable, schedule},
    snapshot::{PodInfo, Snapshot},
    volumes::{BindError, Binder, Step, VolumeState},
};

/// Places pods until the future is dropped. `client` has the identity `system:kube-scheduler`.
pub async fn run(client: Client, options: Options) {
    let pods = Informer::start_with(Api::all(client.clone()), Config::default(), trim);
    let nodes = Informer::<Node>::start(Api::all(client.clone()), Config::default());
    let namespaces = Informer::<Namespace>::start(Api::all(client.clone()), Config::default());
    let budgets = Informer::<PodDisruptionBudget>::start(Api::all(client.clone()), Config::default());
    let claims = Informer::<PersistentVolumeClaim>::start(Api::all(client.clone()), Config::default());
    let volumes = Informer::<PersistentVolume>::start(Api::all(client.clone()), Config::default());
    let classes = Informer::<StorageClass>::start(Api::all(client.clone()), Config::default());
    tokio::join!(pods.synced(), nodes.synced(), namespaces.synced(), budgets.synced());
    tokio::join!(claims.synced(), volumes.synced(), classes.synced());
    let (mut claim_changes, mut volume_changes) = (claims.subscribe(), volumes.subscribe());
    let mut class_changes = classes.subscribe();
    let (claims_changed, changes) = watch::channel(());
    let (mut pod_changes, mut node_changes) = (pods.subscribe(), nodes.subscribe());
    let mut namespace_changes = namespaces.subscribe();
    let (outcomes, mut outcome) = mpsc::unbounded_channel();
    let mut scheduler = Scheduler {
        events: Events::new(client.clone(), &options.name, None),
        binder: Binder { client: client.clone(), claims, changes },
        claims_changed,
        client,
        options,
        budgets,
        outcomes,
        snapshot: Snapshot::default(),
        placed: HashMap::new(),
        assumed: HashSet::new(),
        nominated: HashMap::new(),
        pending: Pending::default(),
    };
    loop {
        let deadline = scheduler.pending.deadline();
        let next = scheduler.pending.first();
        tokio::select! {
            biased;
            Some(change) = namespace_changes.recv() => scheduler.namespace_changed(&change),
            Some(change) = node_changes.recv() => scheduler.node_changed(&change),
            Some(change) = claim_changes.recv() => scheduler.claim_changed(&change),
            Some(change) = volume_changes.recv() => scheduler.volume_changed(&change),
            Some(change) = class_changes.recv() => scheduler.class_changed(&change),
            Some(change) = pod_changes.recv() => scheduler.pod_changed(&change),
            Some(outcome) = outcome.recv() => scheduler.bound(outcome),
            () = std::future::ready(()), if next.is_some() => {
                if let Some(info) = next {
                    scheduler.place(&info);
                    // Let the bindings go out between decisions.
                    tokio::task::yield_now().await;
                }
            }
            () = sleep_until(deadline) => scheduler.pending.promote(Instant::now()),
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

struct Scheduler {
    client: Client,
    options: Options,
    events: Events,
    budgets: Informer<PodDisruptionBudget>,
    outcomes: mpsc::UnboundedSender<Outcome>,
    binder: Binder,
    claims_changed: watch::Sender<()>,
    snapshot: Snapshot,
    /// Where each pod is, by UID; its node may be unknown.
    placed: HashMap<String, (String, Arc<PodInfo>)>,
    /// Placed by us, not yet confirmed by the server.
    assumed: HashSet<String>,
    /// Pods for which room is being made, and where.
    nominated: HashMap<String, (String, Arc<PodInfo>)>,
    pending: Pending,
}

/// How a binding ended.
struct Outcome {
    info: Arc<PodInfo>,
    /// What was to be done for its claims.
    steps: Vec<Step>,
    result: Result<(), BindError>,
}

impl Scheduler {
    fn namespace_changed(&mut self, change: &Change<Namespace>) {
        let meta = &change.object().metadata;
        let name = meta.name.as_deref().unwrap_or_default();
        match change {
            Change::Deleted(_) => self.snapshot.set_namespace(name, None),
            Change::Modified { old, new } if old.metadata.labels == new.metadata.labels => {}
            _ => {
                self.snapshot.set_namespace(name, Some(meta.labels.clone().unwrap_or_default()));
                self.pending.wake(Wake::Nodes, Instant::now());
            }
        }
    }

    fn node_changed(&mut self, change: &Change<Node>) {
        let name = change.object().metadata.name.as_deref().unwrap_or_default();
        match change {
            Change::Deleted(_) => {
                self.snapshot.remove_node(name);
                return;
            }
            Change::Modified { old, new } if same_for_placing(old, new) => return,
            Change::Modified { new, .. } => self.snapshot.put_node(new.clone()),
            Change::Added(node) => {
                self.snapshot.put_node(node.clone());
                // Pods may have been seen before their node.
                for (_, info) in self.placed.values().filter(|(node, _)| node == name) {
                    self.snapshot.remove_pod(name, info.uid());
                    self.snapshot.add_pod(name, info.clone());
                }
            }
        }
        self.pending.wake(Wake::Nodes, Instant::now());
    }

    fn claim_changed(&mut self, change: &Change<PersistentVolumeClaim>) {
        let there = !matches!(change, Change::Deleted(_));
        self.snapshot.volumes_mut().set_claim(change.object(), there);
        self.claims_changed.send_replace(());
        self.pending.wake(Wake::Volumes, Instant::now());
    }

    fn volume_changed(&mut self, change: &Change<PersistentVolume>) {
        let there = !matches!(change, Change::Deleted(_));
        self.snapshot.volumes_mut().set_volume(change.object(), there);
        self.pending.wake(Wake::Volumes, Instant::now());
    }

    fn class_changed(&mut self, change: &Change<StorageClass>) {
        let there = !matches!(change, Change::Deleted(_));
        self.snapshot.volumes_mut().set_class(change.object(), there);
        self.pending.wake(Wake::Volumes, Instant::now());
    }

    fn pod_changed(&mut self, change: &Change<Pod>) {
        let pod = change.object();
        let Some(uid) = pod.metadata.uid.clone() else { return };
        let (spec, status) = (pod.spec.as_ref(), pod.status.as_ref());
        let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or_default();
        let node = spec.and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
        let over = matches!(change, Change::Deleted(_)) || phase == "Succeeded" || phase == "Failed";
        if over {
            self.pending.remove(&uid);
            let promised = self.nominated.remove(&uid).is_some();
            if self.leave(&uid) || promised {
                self.pending.wake(Wake::Gone, Instant::now());
            }
        } else if !node.is_empty() {
            self.pending.remove(&uid);
            self.nominated.remove(&uid);
            self.assumed.remove(&uid);
            let before = self.placed.get(&uid).map(|(node, info)| (node.clone(), info.clone()));
            let info = Arc::new(PodInfo::new(pod.clone()));
            let shrunk = before.as_ref().is_some_and(|(_, before)| before.requests != info.requests);
            let same = before.as_ref().is_some_and(|(_, before)| before.labels() == info.labels());
            self.leave(&uid);
            self.settle(node, info);
            if shrunk {
                self.pending.wake(Wake::Gone, Instant::now());
            }
            if !same {
                self.pending.wake(Wake::Placed, Instant::now());
            }
        } else if self.assumed.contains(&uid) {
            // Bound by us; the server will confirm.
        } else if self.is_ours(pod) {
            let changed = change.previous().is_none_or(|old| {
                old.spec != pod.spec
                    || old.metadata.labels != pod.metadata.labels
                    || self.pending.get(&uid).is_none()
            });
            self.pending.put(Arc::new(PodInfo::new(pod.clone())), changed);
        } else {
            self.pending.remove(&uid);
        }
    }

    /// Named for this scheduler, not gated, not on its way out.
    fn is_ours(&self, pod: &Pod) -> bool {
        let Some(spec) = &pod.spec else { return false };
        let gated = spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty());
        spec.scheduler_name.as_deref().unwrap_or("default-scheduler") == self.options.name
            && !gated
            && pod.metadata.deletion_timestamp.is_none()
    }

    fn settle(&mut self, node: &str, info: Arc<PodInfo>) {
        self.snapshot.add_pod(node, info.clone());
        self.placed.insert(info.uid().to_owned(), (node.to_owned(), info));
    }

    fn leave(&mut self, uid: &str) -> bool {
        self.assumed.remove(uid);
        let Some((node, _)) = self.placed.remove(uid) else { return false };
        self.snapshot.remove_pod(&node, uid);
        true
    }

    /// One decision.
    fn place(&mut self, info: &Arc<PodInfo>) {
        let view = self.view_for(info);
        match schedule(&view, info) {
            Ok(placement) => {
                let steps = VolumeState::plan(&view, info, &placement.node);
                // A view that is still there would make the node be copied.
                drop(view);
                if !steps.is_empty() {
                    self.snapshot.volumes_mut().promise(&placement.node, &steps);
                }
                self.pending.remove(info.uid());
                self.nominated.remove(info.uid());
                self.settle(&placement.node, info.clone());
                self.assumed.insert(info.uid().to_owned());
                self.pending.wake(Wake::Placed, Instant::now());
                self.bind(info.clone(), placement.node, steps);
            }
            Err(refused) => self.refuse(info, &view, &refused),
        }
    }

    /// The snapshot with the pods for which room is being made, as far as they come before `info`.
    fn view_for(&self, info: &PodInfo) -> Snapshot {
        let mut view = self.snapshot.clone();
        for (node, other) in self.nominated.values() {
            if other.uid() != info.uid() && other.priority() >= info.priority() {
                view.add_pod(node, other.clone());
            }
        }
        view
    }

    fn refuse(&mut self, info: &Arc<PodInfo>, view: &Snapshot, refused: &Unschedulable) {
        let making_room = self.nominated.get(info.uid()).is_some_and(|(node, _)| {
            let on_node = self.snapshot.node(node).map(|node| node.pods.as_slice()).unwrap_or_default();
            on_node.iter().any(|other| {
                other.pod.metadata.deletion_timestamp.is_some() && other.priority() < info.priority()
            })
        });
        let attempt = if making_room {
            Err("not eligible due to a terminating pod on the nominated node.".to_owned())
        } else {
            preempt(view, info, refused, &self.budgets.list())
        };
        let mut message = refused.to_string();
        let mut nominee = self.nominated.get(info.uid()).map(|(node, _)| node.clone());
        match attempt {
            Ok(preemption) => {
                nominee = Some(preemption.node.clone());
                self.nominated.insert(info.uid().to_owned(), (preemption.node.clone(), info.clone()));
                self.evict(info, preemption);
            }
            Err(why) if !refused.reasons.is_empty() => {
                message.push_str(" preemption: ");
                message.push_str(&why);
            }
            Err(_) => {}
        }
        self.pending.park(info.uid(), refused.kinds().cloned(), Instant::now());
        self.events.warning(info.pod.object_ref(&()), "FailedScheduling", message.clone());
        self.report(info, message, nominee);
    }

    /// Writes the pod's `PodScheduled` condition if it says something new.
    fn report(&self, info: &PodInfo, message: String, nominee: Option<String>) {
        let status = info.pod.status.as_ref();
        let known = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
        let known = known.into_iter().find(|condition| condition.type_ == "PodScheduled");
        let same_nominee = status.and_then(|status| status.nominated_node_name.clone()) == nominee;
        if known.is_some_and(|known| known.message.as_deref() == Some(&message)) && same_nominee {
            return;
        }
        let since = known
            .filter(|known| known.status == "False")
            .and_then(|known| known.last_transition_time.clone());
        let condition = json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
            "lastTransitionTime": since.unwrap_or_else(|| Time(Timestamp::now())),
            "observedGeneration": info.pod.metadata.generation,
        });
        let patch = json!({"metadata": {"uid": info.uid()},
                           "status": {"conditions": [condition], "nominatedNodeName": nominee}});
        let (api, name) = self.pod_api(info);
        tokio::spawn(async move {
            if let Err(error) =
                api.patch_status(&name, &PatchParams::default(), &Patch::Strategic(patch)).await
            {
                tracing::debug!(pod = name, %error, "status not written");
            }
        });
    }

    fn bind(&self, info: Arc<PodInfo>, node: String, steps: Vec<Step>) {
        let (api, name) = self.pod_api(&info);
        let (outcomes, events) = (self.outcomes.clone(), self.events.clone());
        let binder = (!steps.is_empty()).then(|| self.binder.clone());
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: info.pod.metadata.namespace.clone(),
                uid: info.pod.metadata.uid.clone(),
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                kind: Some("Node".into()),
                name: Some(node.clone()),
                ..Default::default()
            },
        };
        tokio::spawn(async move {
            let mut result = match binder {
                Some(binder) => binder.bind(&node, &steps).await,
                None => Ok(()),
            };
            if result.is_ok() {
                result = write_binding(&api, &name, &binding).await.map_err(BindError::Api);
            }
            if result.is_ok() {
                let message = format!("Successfully assigned {}/{name} to {node}", info.namespace());
                events.normal(info.pod.object_ref(&()), "Scheduled", message);
            }
            // The loop may be gone; then nobody cares.
            let _ = outcomes.send(Outcome { info, steps, result });
        });
    }

    fn bound(&mut self, outcome: Outcome) {
        let Outcome { info, steps, result } = outcome;
        let Err(error) = result else { return };
        if !steps.is_empty() {
            self.snapshot.volumes_mut().withdraw(&steps);
        }
        if !matches!(error, BindError::Api(_)) {
            let message = format!("running PreBind plugin \"VolumeBinding\": {error}");
            self.events.warning(info.pod.object_ref(&()), "FailedScheduling", message);
        }
        tracing::warn!(pod = ?info.pod.metadata.name, %error, "binding failed");
        if !self.assumed.contains(info.uid()) {
            return;
        }
        self.leave(info.uid());
        self.pending.wake(Wake::Gone, Instant::now());
        let gone = matches!(&error, BindError::Api(error) if failure(error) == Failure::NotFound);
        if !gone || !steps.is_empty() {
            let uid = info.uid().to_owned();
            self.pending.put(info, true);
            self.pending.rest(&uid, Instant::now());
        }
    }

    /// Removes the victims; each learns why through a condition and an event.
    fn evict(&self, info: &PodInfo, preemption: Preemption) {
        for victim in preemption.victims {
            let (api, name) = self.pod_api(&victim);
            let message = format!("Preempted by pod {} on node {}", info.uid(), preemption.node);
            self.events.normal(victim.pod.object_ref(&()), "Preempted", message);
            let condition = json!({
                "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
                "message": format!("{}: preempting to accommodate a higher priority pod", self.options.name),
                "lastTransitionTime": Time(Timestamp::now()),
            });
            let patch = json!({"metadata": {"uid": victim.uid()}, "status": {"conditions": [condition]}});
            let uid = victim.pod.metadata.uid.clone();
            tokio::spawn(async move {
                let patch = Patch::Strategic(patch);
                let marked = api.patch_status(&name, &PatchParams::default(), &patch).await.map(drop);
                let only = Preconditions { uid, ..Preconditions::default() };
                let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
                let removed = api.delete(&name, &params).await.map(drop);
                if let Err(error) = marked.and(removed)
                    && failure(&error) != Failure::NotFound
                {
                    tracing::warn!(pod = name, %error, "preemption failed");
                }
            });
        }
    }

    fn pod_api(&self, info: &PodInfo) -> (Api<Pod>, String) {
        let name = info.pod.metadata.name.clone().unwrap_or_default();
        (Api::namespaced(self.client.clone(), info.namespace()), name)
    }
}

async fn write_binding(api: &Api<Pod>, name: &str, binding: &Binding) -> Result<(), kube::Error> {
    let _: serde_json::Value =
        api.create_subresource("binding", name, &PostParams::default(), binding).await?;
    Ok(())
}

/// Whether a change of the node (a heartbeat, mostly) is without meaning for placing pods.
fn same_for_placing(old: &Node, new: &Node) -> bool {
    let room = |node: &Node| node.status.as_ref().and_then(|status| status.allocatable.clone());
    let rules = |node: &Node| {
        let spec = node.spec.as_ref()?;
        Some((spec.unschedulable.unwrap_or(false), spec.taints.clone().unwrap_or_default()))
    };
    old.metadata.labels == new.metadata.labels && room(old) == room(new) && rules(old) == rules(new)
}

/// Drops what no placement depends on, so that a waiting pod costs little memory.
fn trim(pod: &mut Pod) {
    pod.metadata.annotations = None;
    if let Some(spec) = &mut pod.spec {
        for volume in spec.volumes.iter_mut().flatten() {
            let kept = Volume {
                name: std::mem::take(&mut volume.name),
                persistent_volume_claim: volume.persistent_volume_claim.take(),
                ephemeral: volume.ephemeral.take().map(|_| EphemeralVolumeSource::default()),
                ..Volume::default()
            };
            *volume = kept;
        }
        let claims = |volume: &Volume| volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some();
        spec.volumes = spec.volumes.take().map(|mut all| {
            all.retain(claims);
            all.shrink_to_fit();
            all
        });
        spec.ephemeral_containers = None;
        for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
            let kept = k8s_openapi::api::core::v1::Container {
                name: std::mem::take(&mut container.name),
                resources: container.resources.take(),
                ports: container.ports.take(),
                restart_policy: container.restart_policy.take(),
                ..Default::default()
            };
            *container = kept;
        }
    }
    if let Some(status) = &mut pod.status {
        let states =
            status.container_statuses.iter_mut().chain(&mut status.init_container_statuses).flatten();
        for state in states {
            let kept = k8s_openapi::api::core::v1::ContainerStatus {
                name: std::mem::take(&mut state.name),
                allocated_resources: state.allocated_resources.take(),
                ..Default::default()
            };
            *state = kept;
        }
    }
}
