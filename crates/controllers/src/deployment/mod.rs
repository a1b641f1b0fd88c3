//! One template rolled out over ReplicaSets.
//!
//! A pass decides once, from the cache: make the set of the current template, grow it, shrink the others,
//! write the status. The next pass comes when a set's status moves. Sizes are worked out in `plan`,
//! revisions in `revision`, conditions in `status`; here is only the order of things and the IO.
//! Not here: pods. A Deployment never touches one; it only waits for old ones to go when it recreates.

mod plan;
mod revision;
mod status;

use std::{sync::Arc, time::Duration};

use client::{Change, Events, Failure, Informer, Queue, failure};
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::Pod,
};
use kube::{
    Api, Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;
use tokio::task::JoinSet;

use self::{
    plan::{DESIRED, MAXIMUM, Resize},
    revision::REVISION,
    status::Note,
};
use crate::shared::{
    Context, Key, conditions::Condition, feed::feed, name, namespace, now, owners, pods, uid, writes::Writes,
};

/// Keeps Deployments.
pub(crate) async fn run(context: Context) {
    let (deployments, sets, pods) = (
        context.informers.of::<Deployment>(),
        context.informers.of::<ReplicaSet>(),
        context.informers.of::<Pod>(),
    );
    tokio::join!(deployments.synced(), sets.synced(), pods.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &deployments, &queue, |change| [Key::of(&**change.object())]);
    let all = deployments.clone();
    feed(&mut feeds, &sets, &queue, move |change| {
        owners::concerned(&all, change, |deployment| owners::selector(Some(&deployment.spec.selector)))
    });
    let known = sets.clone();
    feed(&mut feeds, &pods, &queue, move |change| pod_gone(&known, change));
    let controller = Arc::new(Controller {
        events: context.events("deployment-controller"),
        context,
        deployments,
        sets,
        pods,
        set_writes: Writes::default(),
        own_writes: Writes::default(),
    });
    let reconcile = move |key: Key| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("deployment-controller", 8, reconcile).await;
}

/// The Deployment whose pod has just gone: it may wait for that to recreate.
fn pod_gone(sets: &Informer<ReplicaSet>, change: &Change<Pod>) -> Option<Key> {
    let pod = change.object();
    let gone = matches!(change, Change::Deleted(_)) || pods::is_finished(pod);
    let owner = owners::controller_of(&pod.metadata).filter(|owner| gone && owner.kind == "ReplicaSet")?;
    let set = sets.get(Some(namespace(&**pod)), &owner.name)?;
    let parent = owners::controller_of(&set.metadata).filter(|parent| parent.kind == "Deployment")?;
    Some(Key::new(namespace(&**pod), &parent.name))
}

struct Controller {
    context: Context,
    events: Events,
    deployments: Informer<Deployment>,
    sets: Informer<ReplicaSet>,
    pods: Informer<Pod>,
    set_writes: Writes,
    own_writes: Writes,
}

/// One Deployment in one pass.
struct Pass<'a> {
    controller: &'a Controller,
    deployment: Arc<Deployment>,
    sets: Api<ReplicaSet>,
    new: Option<Arc<ReplicaSet>>,
    old: Vec<Arc<ReplicaSet>>,
    note: Option<Note>,
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let Some(deployment) = self.deployments.get(Some(&key.namespace), &key.name) else { return Ok(None) };
        let own = uid(&*deployment);
        for visible in
            [self.set_writes.visible(own, &self.sets), self.own_writes.visible(own, &self.deployments)]
        {
            if let Err(wait) = visible {
                return Ok(Some(wait));
            }
        }
        let Some(selector) = owners::selector(Some(&deployment.spec.selector)) else { return Ok(None) };
        let api = self.context.api::<ReplicaSet>(&key.namespace);
        let claims = owners::claim(&*deployment, &selector, self.sets.list_in(&key.namespace));
        let owned = claims.settle(&*deployment, &self.context.api(&key.namespace), &api).await?;
        let (new, old) = revision::split(&deployment, owned);
        let mut pass = Pass { controller: self, sets: api, new, old, note: None, deployment };
        if pass.deployment.metadata.deletion_timestamp.is_some() {
            return pass.write_status(false).await;
        }
        pass.note_pause();
        let result = pass.advance().await;
        match result {
            Err(error) if failure(&error) == Failure::NamespaceTerminating => Ok(None),
            other => other,
        }
    }
}

impl Pass<'_> {
    /// Does the next thing that can be done.
    async fn advance(&mut self) -> Result<Option<Duration>, kube::Error> {
        let paused = self.deployment.spec.paused == Some(true);
        let all: Vec<_> = self.all().cloned().collect();
        if paused || plan::was_scaled(&self.deployment, &all) {
            if self.new.is_some() {
                self.keep_annotations().await?;
            }
            let resizes = plan::rescale(&self.deployment, self.new.as_ref(), &self.old);
            self.resize_all(resizes).await?;
            // Sets whose size is right still have to learn the new numbers.
            self.refresh_numbers().await?;
            if paused {
                self.clean_up().await?;
            }
            return self.write_status(false).await;
        }
        if plan::recreates(&self.deployment) { self.recreate().await } else { self.roll().await }
    }

    async fn roll(&mut self) -> Result<Option<Duration>, kube::Error> {
        self.ensure_new().await?;
        let Some(new) = self.new.clone() else { return self.write_status(true).await };
        let to = plan::grow_new(&self.deployment, Some(&new), &self.old);
        if to != plan::size(&new) {
            self.resize(Resize { set: new, to }).await?;
            return self.write_status(true).await;
        }
        let resizes = plan::shrink_old(&self.deployment, &new, &self.old);
        if !resizes.is_empty() {
            self.resize_all(resizes).await?;
            return self.write_status(true).await;
        }
        self.finish().await
    }

    async fn recreate(&mut self) -> Result<Option<Duration>, kube::Error> {
        let active: Vec<_> = self.old.iter().filter(|set| plan::size(set) > 0).cloned().collect();
        if !active.is_empty() {
            let resizes = active.into_iter().map(|set| Resize { set, to: 0 }).collect();
            self.resize_all(resizes).await?;
            return self.write_status(true).await;
        }
        if self.old_pods_remain() {
            return self.write_status(true).await;
        }
        self.ensure_new().await?;
        if let Some(new) = self.new.clone()
            && plan::size(&new) != plan::wanted(&self.deployment)
        {
            let to = plan::wanted(&self.deployment);
            self.resize(Resize { set: new, to }).await?;
            return self.write_status(true).await;
        }
        self.finish().await
    }

    async fn finish(&mut self) -> Result<Option<Duration>, kube::Error> {
        let (status, _) =
            status::compute(&self.deployment, self.new.as_ref(), &self.old, true, self.note.clone(), now());
        if status::is_complete(&self.deployment, &status) {
            self.clean_up().await?;
        }
        self.write_status(true).await
    }

    fn all(&self) -> impl Iterator<Item = &Arc<ReplicaSet>> {
        self.new.iter().chain(&self.old)
    }

    /// Pods of other templates that have not ended yet.
    fn old_pods_remain(&self) -> bool {
        let pods = self.controller.pods.list_in(namespace(&*self.deployment));
        let of_old = |pod: &Arc<Pod>| {
            owners::controller_of(&pod.metadata)
                .is_some_and(|owner| self.old.iter().any(|set| uid(&**set) == owner.uid))
        };
        pods.iter().any(|pod| of_old(pod) && !pods::is_finished(pod))
    }

    /// Says in the `Progressing` condition that the rollout was paused or resumed.
    fn note_pause(&mut self) {
        if !status::has_deadline(&self.deployment) {
            return;
        }
        let known = status::progress(&self.deployment).map(Condition::reason).unwrap_or_default();
        let paused = self.deployment.spec.paused == Some(true);
        if paused && known != "DeploymentPaused" && known != "ProgressDeadlineExceeded" {
            self.note = Some(Note {
                status: "Unknown",
                reason: "DeploymentPaused",
                message: "Deployment is paused".into(),
            });
        } else if !paused && known == "DeploymentPaused" {
            self.note = Some(Note {
                status: "Unknown",
                reason: "DeploymentResumed",
                message: "Deployment is resumed".into(),
            });
        }
    }

    /// Makes the set of the current template if there is none; else keeps its annotations current.
    async fn ensure_new(&mut self) -> Result<(), kube::Error> {
        if self.new.is_some() {
            return self.keep_annotations().await;
        }
        let wanted = revision::new_set(&self.deployment, &self.old);
        let made = match self.sets.create(&PostParams::default(), &wanted).await {
            Ok(made) => made,
            Err(error) if failure(&error) == Failure::AlreadyExists => {
                let there = self.sets.get(name(&wanted)).await?;
                let ours = owners::is_controlled_by(&there.metadata, &*self.deployment);
                if !(ours && revision::is_current(&self.deployment, &there)) {
                    return self.count_collision(error).await;
                }
                there
            }
            Err(error) => {
                let message = format!("Failed to create new replica set \"{}\": {error}", name(&wanted));
                self.controller.events.warning(
                    self.deployment.object_ref(&()),
                    "ReplicaSetCreateError",
                    &*message,
                );
                if status::has_deadline(&self.deployment) && failure(&error) != Failure::NamespaceTerminating
                {
                    self.note = Some(Note { status: "False", reason: "ReplicaSetCreateError", message });
                    self.write_status(false).await?;
                }
                return Err(error);
            }
        };
        self.controller.set_writes.wrote(uid(&*self.deployment), &made);
        if plan::size(&made) > 0 {
            self.tell_scaling(&made, 0, plan::size(&made));
        }
        if status::has_deadline(&self.deployment) {
            let message = format!("Created new replica set \"{}\"", name(&made));
            self.note = Some(Note { status: "True", reason: "NewReplicaSetCreated", message });
        }
        self.adopt_revision(&made).await?;
        self.new = Some(Arc::new(made));
        Ok(())
    }

    /// The name is taken by a set of another template: the next name will differ.
    async fn count_collision(&self, error: kube::Error) -> Result<(), kube::Error> {
        let mut changed = (*self.deployment).clone();
        let status = changed.status.get_or_insert_default();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        let api = self.controller.context.api::<Deployment>(namespace(&*self.deployment));
        let written = api.replace_status(name(&changed), &PostParams::default(), &changed).await?;
        self.controller.own_writes.wrote(uid(&*self.deployment), &written);
        Err(error)
    }

    async fn keep_annotations(&mut self) -> Result<(), kube::Error> {
        let Some(new) = self.new.clone() else { return Ok(()) };
        let wanted = revision::annotations(&self.deployment, Some(&new), &self.old);
        let min_ready = self.deployment.spec.min_ready_seconds.unwrap_or(0);
        let same = new.metadata.annotations.as_ref() == Some(&wanted)
            && new.spec.min_ready_seconds.unwrap_or(0) == min_ready;
        let current = if same {
            new
        } else {
            let patch = json!({"metadata": {"uid": uid(&*new), "annotations": wanted},
                               "spec": {"minReadySeconds": min_ready}});
            Arc::new(self.patch_set(&new, patch).await?)
        };
        self.adopt_revision(&current).await?;
        self.new = Some(current);
        Ok(())
    }

    /// The Deployment carries the revision of its current set.
    async fn adopt_revision(&mut self, set: &ReplicaSet) -> Result<(), kube::Error> {
        let number = revision::revision(&set.metadata);
        if revision::revision(&self.deployment.metadata) == number {
            return Ok(());
        }
        let api = self.controller.context.api::<Deployment>(namespace(&*self.deployment));
        let patch = json!({"metadata": {"uid": uid(&*self.deployment),
                                        "annotations": {REVISION: number.to_string()}}});
        let written =
            api.patch(name(&*self.deployment), &PatchParams::default(), &Patch::Merge(patch)).await?;
        self.controller.own_writes.wrote(uid(&*self.deployment), &written);
        let mut current = (*self.deployment).clone();
        current.metadata = written.metadata;
        self.deployment = Arc::new(current);
        Ok(())
    }

    async fn resize_all(&mut self, resizes: Vec<Resize>) -> Result<(), kube::Error> {
        for resize in resizes {
            self.resize(resize).await?;
        }
        Ok(())
    }

    async fn resize(&mut self, resize: Resize) -> Result<(), kube::Error> {
        let before = plan::size(&resize.set);
        let patch = json!({"metadata": {"uid": uid(&*resize.set), "resourceVersion": resize.set.metadata.resource_version,
                                        "annotations": self.numbers()},
                           "spec": {"replicas": resize.to}});
        let written = Arc::new(self.patch_set(&resize.set, patch).await?);
        self.tell_scaling(&written, before, resize.to);
        self.replace(written);
        Ok(())
    }

    /// Writes the Deployment's numbers to active sets that have older ones.
    async fn refresh_numbers(&mut self) -> Result<(), kube::Error> {
        let numbers = self.numbers();
        let stale: Vec<_> = self.all().filter(|set| plan::size(set) > 0).cloned().collect();
        for set in stale {
            let known = set.metadata.annotations.as_ref();
            let current = [DESIRED, MAXIMUM].iter().all(|key| {
                known.and_then(|known| known.get(*key)).map(String::as_str) == numbers[*key].as_str()
            });
            if !current {
                let patch = json!({"metadata": {"uid": uid(&*set), "annotations": numbers}});
                let written = Arc::new(self.patch_set(&set, patch).await?);
                self.replace(written);
            }
        }
        Ok(())
    }

    fn numbers(&self) -> serde_json::Value {
        json!({DESIRED: plan::wanted(&self.deployment).to_string(), MAXIMUM: plan::max_total(&self.deployment).to_string()})
    }

    async fn patch_set(&self, set: &ReplicaSet, patch: serde_json::Value) -> Result<ReplicaSet, kube::Error> {
        let written = self.sets.patch(name(set), &PatchParams::default(), &Patch::Merge(patch)).await?;
        self.controller.set_writes.wrote(uid(&*self.deployment), &written);
        Ok(written)
    }

    fn replace(&mut self, written: Arc<ReplicaSet>) {
        for set in self.new.iter_mut().chain(&mut self.old) {
            if uid(&**set) == uid(&*written) {
                *set = written.clone();
            }
        }
    }

    fn tell_scaling(&self, set: &ReplicaSet, from: i32, to: i32) {
        let direction = if to > from { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {} from {from} to {to}", name(set));
        self.controller.events.normal(self.deployment.object_ref(&()), "ScalingReplicaSet", message);
    }

    /// Removes sets that the history limit does not keep.
    async fn clean_up(&mut self) -> Result<(), kube::Error> {
        for set in plan::surplus(&self.deployment, &self.old) {
            let only = Preconditions { uid: set.metadata.uid.clone(), ..Preconditions::default() };
            let params = DeleteParams { preconditions: Some(only), ..DeleteParams::background() };
            match self.sets.delete(name(&*set), &params).await {
                Err(error) if failure(&error) != Failure::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    async fn write_status(&self, rolling: bool) -> Result<Option<Duration>, kube::Error> {
        let (status, again) = status::compute(
            &self.deployment,
            self.new.as_ref(),
            &self.old,
            rolling,
            self.note.clone(),
            now(),
        );
        if self.deployment.status.as_ref() != Some(&status) {
            let mut changed = (*self.deployment).clone();
            changed.status = Some(status);
            let api = self.controller.context.api::<Deployment>(namespace(&changed));
            let written = api.replace_status(name(&changed), &PostParams::default(), &changed).await?;
            self.controller.own_writes.wrote(uid(&changed), &written);
        }
        Ok(again)
    }
}
