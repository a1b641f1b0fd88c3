//! Claims and volumes are tied together, and volumes whose claim is gone are given back.
//!
//! A queue of claims and volumes; each is looked at when it changes, or when something it waits for does. Every write
//! names the revision that it builds on, so that whoever was slower looks again. Volume first, claim second, as
//! upstream: a claim that says it is bound always is.

use std::{sync::Arc, time::Duration};

use client::{Change, Events, Failure, Informer, Queue, failure};
use k8s_openapi::api::{
    core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod},
    storage::v1::StorageClass,
};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use scheduler::volumes::{
    claims_of,
    matching::{self, claim_class, claim_reference, volume_name},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    expand,
    local::{self, Local},
    plan::{self, ClaimStep, Known, VolumeStep},
};
use crate::shared::{Context, Key, feed::feed, name, namespace, pods};

/// Annotation of a class: claims that name none get it.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
/// Annotations of a claim that say who is to make its volume; the older one is still read by provisioners.
const PROVISIONER: [&str; 2] =
    ["volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner"];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Task {
    Claim(Key),
    Volume(String),
}

/// Binds claims to volumes.
pub(crate) async fn run(context: Context) {
    let informers = &context.informers;
    let claims = informers.of::<PersistentVolumeClaim>();
    let volumes = informers.of::<PersistentVolume>();
    let (classes, nodes, pods) =
        (informers.of::<StorageClass>(), informers.of::<Node>(), informers.of::<Pod>());
    tokio::join!(claims.synced(), volumes.synced(), classes.synced(), nodes.synced(), pods.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    let feeding = Feeding { claims: claims.clone(), volumes: volumes.clone() };
    feed(&mut feeds, &claims, &queue, claim_tasks);
    let all = feeding.clone();
    feed(&mut feeds, &volumes, &queue, move |change| all.volume_tasks(change));
    let all = feeding.clone();
    feed(&mut feeds, &classes, &queue, move |_| all.waiting_claims());
    feed(&mut feeds, &nodes, &queue, move |change| feeding.node_tasks(change));
    let events = context.events("persistentvolume-controller");
    let local = Local::new(context.clone(), nodes, volumes.clone());
    let binder =
        Arc::new(Binder { context, events, claims, volumes, classes, pods, local, queue: queue.clone() });
    let reconcile = move |task: Task| {
        let binder = binder.clone();
        async move {
            let result = match &task {
                Task::Claim(key) => binder.claim(key).await,
                Task::Volume(name) => binder.volume(name).await,
            };
            match result {
                // Somebody was faster: their write brings the object back here.
                Err(error) if failure(&error) == Failure::Conflict => Ok(Some(Duration::from_millis(100))),
                other => other,
            }
        }
    };
    queue.run("persistentvolume-binder-controller", 4, reconcile).await;
}

/// Which tasks a change brings.
#[derive(Clone)]
struct Feeding {
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
}

fn claim_tasks(change: &Change<PersistentVolumeClaim>) -> Vec<Task> {
    let claim = change.object();
    let volume = volume_name(claim);
    let volume = (!volume.is_empty()).then(|| Task::Volume(volume.to_owned()));
    [Task::Claim(Key::of(&**claim))].into_iter().chain(volume).collect()
}

impl Feeding {
    fn volume_tasks(&self, change: &Change<PersistentVolume>) -> Vec<Task> {
        let volume = change.object();
        let mut tasks = vec![Task::Volume(name(&**volume).to_owned())];
        match claim_reference(volume) {
            Some(reference) => {
                let text = |field: &Option<String>| field.clone().unwrap_or_default();
                let key = Key { namespace: text(&reference.namespace), name: text(&reference.name) };
                tasks.push(Task::Claim(key));
            }
            // It is free: somebody may be waiting for it.
            None => tasks.extend(self.waiting_claims()),
        }
        tasks
    }

    fn waiting_claims(&self) -> Vec<Task> {
        let mut claims = self.claims.list();
        claims.retain(|claim| !matching::is_bound(claim));
        claims.iter().map(|claim| Task::Claim(Key::of(&**claim))).collect()
    }

    /// A node that is new, gone or ready again: folders may be made there, or taken away.
    fn node_tasks(&self, change: &Change<Node>) -> Vec<Task> {
        let ready = |node: &Node| local::takes_volumes(node);
        if let Change::Modified { old, new } = change
            && ready(old) == ready(new)
        {
            return Vec::new();
        }
        let node = name(&**change.object());
        let mut left = self.volumes.list();
        left.retain(|volume| local::node_of(volume) == Some(node) && local::is_to_go(volume));
        let left = left.iter().map(|volume| Task::Volume(name(&**volume).to_owned()));
        self.waiting_claims().into_iter().chain(left).collect()
    }
}

struct Binder {
    context: Context,
    events: Events,
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
    classes: Informer<StorageClass>,
    pods: Informer<Pod>,
    local: Local,
    queue: Queue<Task>,
}

type Again = Result<Option<Duration>, kube::Error>;

impl Binder {
    async fn claim(&self, key: &Key) -> Again {
        let Some(claim) = self.claims.get(Some(&key.namespace), &key.name) else {
            // Its volume may be left behind.
            for volume in self.volumes.list() {
                let reference = claim_reference(&volume);
                if reference.is_some_and(|reference| {
                    reference.namespace.as_deref() == Some(&key.namespace)
                        && reference.name.as_deref() == Some(&key.name)
                }) {
                    self.queue.add(Task::Volume(name(&*volume).to_owned()));
                }
            }
            return Ok(None);
        };
        if claim.metadata.deletion_timestamp.is_some() && !matching::is_bound(&claim) {
            return Ok(None);
        }
        if self.give_default_class(&claim).await? {
            return Ok(None);
        }
        let class = self.classes.get(None, claim_class(&claim));
        let all = self.volumes.list();
        let known = Known { volumes: &all, class: class.clone(), consumer: self.consumer(&claim) };
        match plan::claim_step(&claim, &known) {
            ClaimStep::Bind(volume) => {
                let bound = self.bind(&claim, &volume).await?;
                expand::grow(&self.context, &self.events, &bound, &volume, class.as_deref()).await?;
                Ok(None)
            }
            ClaimStep::Wait(note) => {
                if let Some((type_, reason, text)) = note {
                    self.tell(&claim, type_, reason, text);
                }
                self.set_claim_phase(&claim, "Pending").await
            }
            ClaimStep::Provision(class) => self.provision(&claim, &class).await,
            ClaimStep::Lost(reason, text) => {
                if phase(&claim) != "Lost" {
                    self.tell(&claim, "Warning", reason, text.to_owned());
                }
                self.set_claim_phase(&claim, "Lost").await
            }
        }
    }

    fn tell(&self, claim: &PersistentVolumeClaim, type_: &str, reason: &str, text: String) {
        let object = claim.object_ref(&());
        match type_ {
            "Normal" => self.events.normal(object, reason, text),
            _ => self.events.warning(object, reason, text),
        }
    }

    /// A waiting claim that names no class, not even none, gets the default one as soon as there is one.
    async fn give_default_class(&self, claim: &PersistentVolumeClaim) -> Result<bool, kube::Error> {
        let spec = claim.spec.as_ref();
        let named = spec.is_none_or(|spec| spec.storage_class_name.is_some());
        if named || !volume_name(claim).is_empty() || !claim_class(claim).is_empty() {
            return Ok(false);
        }
        let mut defaults = self.classes.list();
        defaults.retain(|class| matching::annotation(&**class, DEFAULT_CLASS) == Some("true"));
        defaults.sort_by(|one, other| {
            let age = |class: &StorageClass| {
                class.metadata.creation_timestamp.as_ref().map(|time| std::cmp::Reverse(time.0))
            };
            age(one).cmp(&age(other)).then_with(|| name(&**one).cmp(name(&**other)))
        });
        let Some(class) = defaults.first() else { return Ok(false) };
        self.patch_claim(claim, json!({"spec": {"storageClassName": name(&**class)}})).await?;
        Ok(true)
    }

    /// A pod that uses the claim and waits for a node.
    fn consumer(&self, claim: &PersistentVolumeClaim) -> Option<String> {
        if matching::is_bound(claim) {
            return None;
        }
        let pods = self.pods.list_in(namespace(claim));
        let waiting = pods.iter().find(|pod| {
            pods::node(pod).is_empty()
                && !pods::is_finished(pod)
                && claims_of(pod).iter().any(|used| used.name == name(claim))
        })?;
        Some(name(&**waiting).to_owned())
    }

    /// Ties both sides together, as far as they are not yet. Returns the claim as it is then.
    async fn bind(
        &self,
        claim: &PersistentVolumeClaim,
        volume: &PersistentVolume,
    ) -> Result<PersistentVolumeClaim, kube::Error> {
        let reference = claim_reference(volume);
        let mut volume = volume.clone();
        if reference.is_none_or(|reference| reference.uid != claim.metadata.uid) {
            let mut patch = json!({"spec": {"claimRef": matching::reference_to(claim)}});
            if reference.is_none() {
                patch["metadata"] = json!({"annotations": {matching::BOUND_BY_CONTROLLER: "yes"}});
            }
            volume = self.patch_volume(&volume, patch).await?;
        }
        self.set_phase(&volume, "Bound").await?;
        let mut claim = claim.clone();
        let mut annotations = serde_json::Map::new();
        let mut patch = json!({});
        if volume_name(&claim).is_empty() {
            patch["spec"] = json!({"volumeName": name(&volume)});
            annotations.insert(matching::BOUND_BY_CONTROLLER.into(), "yes".into());
        }
        if matching::annotation(&claim, matching::BIND_COMPLETED).is_none() {
            annotations.insert(matching::BIND_COMPLETED.into(), "yes".into());
        }
        if !annotations.is_empty() {
            patch["metadata"] = json!({"annotations": annotations});
            claim = self.patch_claim(&claim, patch).await?;
        }
        if phase(&claim) != "Bound" {
            let spec = volume.spec.as_ref();
            let status = json!({
                "phase": "Bound",
                "accessModes": spec.and_then(|spec| spec.access_modes.clone()),
                "capacity": spec.and_then(|spec| spec.capacity.clone()),
            });
            claim = self.patch_claim_status(&claim, status).await?;
        }
        Ok(claim)
    }

    async fn provision(&self, claim: &PersistentVolumeClaim, class: &StorageClass) -> Again {
        let provisioner = class.provisioner.as_str();
        // In-tree names stand for code that upstream no longer has either.
        if provisioner.starts_with("kubernetes.io/") {
            let text = format!("no volume plugin matched name: {provisioner}");
            self.tell(claim, "Warning", "ProvisioningFailed", text);
            return self.set_claim_phase(claim, "Pending").await;
        }
        let mut claim = claim.clone();
        if PROVISIONER.iter().any(|key| matching::annotation(&claim, key) != Some(provisioner)) {
            let annotations: serde_json::Map<String, Value> =
                PROVISIONER.iter().map(|key| ((*key).to_owned(), json!(provisioner))).collect();
            claim = self.patch_claim(&claim, json!({"metadata": {"annotations": annotations}})).await?;
            let text = format!(
                "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually \
                 by the system administrator. If volume creation is delayed, please verify that the provisioner is \
                 running and correctly registered."
            );
            self.tell(&claim, "Normal", "ExternalProvisioning", text);
        }
        if provisioner == local::PROVISIONER { self.local.provision(&claim, class).await } else { Ok(None) }
    }

    async fn volume(&self, volume: &str) -> Again {
        let Some(volume) = self.volumes.get(None, volume) else {
            return Ok(None);
        };
        let reference = claim_reference(&volume);
        let claim = reference.and_then(|reference| {
            self.claims.get(reference.namespace.as_deref(), reference.name.as_deref().unwrap_or_default())
        });
        let mut step = plan::volume_step(&volume, claim.as_deref());
        // The cache may lag behind a claim that was made just now: what cannot be taken back is asked for twice.
        if step == VolumeStep::Reclaim && phase_of(&volume) != "Released" {
            let fresh = match reference {
                Some(reference) => {
                    let namespace = reference.namespace.as_deref().unwrap_or_default();
                    let api = self.context.api::<PersistentVolumeClaim>(namespace);
                    api.get_opt(reference.name.as_deref().unwrap_or_default()).await?
                }
                None => None,
            };
            step = plan::volume_step(&volume, fresh.as_ref());
        }
        match step {
            VolumeStep::Phase(phase) => {
                self.set_phase(&volume, phase).await?;
                if phase == "Available" { self.local.finish(&volume).await } else { Ok(None) }
            }
            VolumeStep::TellClaim => {
                if let Some(claim) = claim {
                    self.queue.add(Task::Claim(Key::of(&*claim)));
                }
                Ok(None)
            }
            VolumeStep::Reclaim => {
                let volume = match phase_of(&volume) {
                    "Released" | "Failed" => (*volume).clone(),
                    _ => self.set_phase(&volume, "Released").await?,
                };
                self.reclaim(&volume).await
            }
            VolumeStep::Unbind => {
                let by_us = matching::annotation(&*volume, matching::BOUND_BY_CONTROLLER).is_some();
                let patch = if by_us {
                    json!({"spec": {"claimRef": null},
                        "metadata": {"annotations": {matching::BOUND_BY_CONTROLLER: null}}})
                } else {
                    json!({"spec": {"claimRef": {"uid": null, "resourceVersion": null}}})
                };
                let freed = self.patch_volume(&volume, patch).await?;
                self.set_phase(&freed, "Available").await?;
                Ok(None)
            }
        }
    }

    /// What the reclaim policy of a volume says, now that its claim is gone.
    async fn reclaim(&self, volume: &PersistentVolume) -> Again {
        if local::is_ours(volume) {
            return self.local.finish(volume).await;
        }
        // A volume of another provisioner is that provisioner's to delete.
        let foreign = matching::annotation(volume, plan::PROVISIONED_BY).is_some();
        let (reason, text) = match plan::policy(volume) {
            "Delete" if !foreign => {
                let text = format!(
                    "error getting deleter volume plugin for volume {:?}: no deletable volume plugin matched",
                    name(volume)
                );
                ("VolumeFailedDelete", text)
            }
            "Recycle" => ("VolumeFailedRecycle", "No recycler plugin found for the volume!".to_owned()),
            _ => return Ok(None),
        };
        if phase_of(volume) != "Failed" {
            self.events.warning(volume.object_ref(&()), reason, text.clone());
            let status = json!({"phase": "Failed", "message": text});
            self.patch_volume_status(volume, status).await?;
        }
        Ok(None)
    }

    async fn set_claim_phase(&self, claim: &PersistentVolumeClaim, wanted: &str) -> Again {
        if phase(claim) != wanted {
            let status = match wanted {
                "Lost" => json!({"phase": wanted, "accessModes": null, "capacity": null}),
                _ => json!({"phase": wanted}),
            };
            self.patch_claim_status(claim, status).await?;
        }
        Ok(None)
    }

    async fn set_phase(
        &self,
        volume: &PersistentVolume,
        wanted: &str,
    ) -> Result<PersistentVolume, kube::Error> {
        if phase_of(volume) == wanted {
            return Ok(volume.clone());
        }
        self.patch_volume_status(volume, json!({"phase": wanted, "message": null, "reason": null})).await
    }

    async fn patch_volume(
        &self,
        volume: &PersistentVolume,
        mut patch: Value,
    ) -> Result<PersistentVolume, kube::Error> {
        patch["metadata"]["resourceVersion"] = json!(volume.metadata.resource_version);
        let api: Api<PersistentVolume> = Api::all(self.context.client.clone());
        api.patch(name(volume), &PatchParams::default(), &Patch::Merge(patch)).await
    }

    async fn patch_volume_status(
        &self,
        volume: &PersistentVolume,
        status: Value,
    ) -> Result<PersistentVolume, kube::Error> {
        let patch =
            json!({"metadata": {"resourceVersion": volume.metadata.resource_version}, "status": status});
        let api: Api<PersistentVolume> = Api::all(self.context.client.clone());
        api.patch_status(name(volume), &PatchParams::default(), &Patch::Merge(patch)).await
    }

    async fn patch_claim(
        &self,
        claim: &PersistentVolumeClaim,
        mut patch: Value,
    ) -> Result<PersistentVolumeClaim, kube::Error> {
        patch["metadata"]["resourceVersion"] = json!(claim.metadata.resource_version);
        let api = self.context.api::<PersistentVolumeClaim>(namespace(claim));
        api.patch(name(claim), &PatchParams::default(), &Patch::Merge(patch)).await
    }

    async fn patch_claim_status(
        &self,
        claim: &PersistentVolumeClaim,
        status: Value,
    ) -> Result<PersistentVolumeClaim, kube::Error> {
        let patch =
            json!({"metadata": {"resourceVersion": claim.metadata.resource_version}, "status": status});
        let api = self.context.api::<PersistentVolumeClaim>(namespace(claim));
        api.patch_status(name(claim), &PatchParams::default(), &Patch::Merge(patch)).await
    }
}

fn phase(claim: &PersistentVolumeClaim) -> &str {
    claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

fn phase_of(volume: &PersistentVolume) -> &str {
    volume.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}
