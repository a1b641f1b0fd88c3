//! Pods with a name of their own that outlives them: StatefulSets.
//!
//! Each pass does the one step that `plan` allows. Claims are made before the pod that mounts them, and never removed
//! here: who owns them says what they go with (`claims`), which by default is nothing.

mod claims;
mod plan;
mod pod;

use std::{collections::HashSet, sync::Arc, time::Duration};

use client::{Change, Events, Failure, Informer, Queue, failure};
use k8s_openapi::{
    api::{
        apps::v1::{ControllerRevision, StatefulSet, StatefulSetStatus},
        core::v1::{PersistentVolumeClaim, Pod, PodTemplateSpec},
    },
    jiff::Timestamp,
};
use kube::{
    Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::shared::{
    Context, Key,
    feed::feed,
    history::{self, History},
    name, namespace, now, owners,
    pods::{self, Availability},
    uid,
    writes::Writes,
};

/// Keeps StatefulSets.
pub(crate) async fn run(context: Context) {
    let (sets, pods) = (context.informers.of::<StatefulSet>(), context.informers.of::<Pod>());
    let revisions = context.informers.of::<ControllerRevision>();
    let claims = context.informers.of::<PersistentVolumeClaim>();
    tokio::join!(sets.synced(), pods.synced(), revisions.synced(), claims.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    let selector = |set: &StatefulSet| owners::selector(Some(&set.spec.selector));
    feed(&mut feeds, &sets, &queue, |change| [Key::of(&**change.object())]);
    let all = sets.clone();
    feed(&mut feeds, &pods, &queue, move |change| owners::concerned(&all, change, selector));
    let all = sets.clone();
    feed(&mut feeds, &revisions, &queue, move |change| owners::concerned(&all, change, |_| None));
    let all = sets.clone();
    feed(&mut feeds, &claims, &queue, move |change| {
        // A claim that is gone makes way for a new one.
        let Change::Deleted(claim) = change else { return Vec::new() };
        let mut sets = all.list_in(namespace(&**claim));
        sets.retain(|set| pod::may_own(set, name(&**claim)));
        sets.iter().map(|set| Key::of(&**set)).collect()
    });
    let controller = Arc::new(Controller {
        events: context.events("statefulset-controller"),
        context,
        sets,
        pods,
        revisions,
        claims,
        pod_writes: Writes::default(),
        own_writes: Writes::default(),
    });
    let reconcile = move |key: Key| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("statefulset-controller", 4, reconcile).await;
}

struct Controller {
    context: Context,
    events: Events,
    sets: Informer<StatefulSet>,
    pods: Informer<Pod>,
    revisions: Informer<ControllerRevision>,
    claims: Informer<PersistentVolumeClaim>,
    pod_writes: Writes,
    own_writes: Writes,
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let Some(set) = self.sets.get(Some(&key.namespace), &key.name) else { return Ok(None) };
        let own = uid(&*set);
        for visible in [self.pod_writes.visible(own, &self.pods), self.own_writes.visible(own, &self.sets)] {
            if let Err(wait) = visible {
                return Ok(Some(wait));
            }
        }
        let spec = &set.spec;
        let Some(selector) = owners::selector(Some(&spec.selector)) else { return Ok(None) };
        let mut claims = owners::claim(&*set, &selector, self.pods.list_in(&key.namespace));
        // A pod of a foreign name is never ours.
        claims.adopt.retain(|pod| pod::ordinal(&set, pod).is_some());
        let adopting = !claims.adopt.is_empty() || !claims.release.is_empty();
        let api = self.context.api::<Pod>(&key.namespace);
        let owned = claims.settle(&*set, &self.context.api(&key.namespace), &api).await?;
        if adopting {
            owned.iter().for_each(|pod| self.pod_writes.wrote(own, &**pod));
        }
        let before = set.status.clone().unwrap_or_default();
        let known = self.revisions.list_in(&key.namespace);
        let history =
            history::keep(&self.context, &*set, &selector, &spec.template, before.collision_count, known)
                .await?;
        let result = if set.metadata.deletion_timestamp.is_none() && !history.collided {
            self.step(&set, &owned, &history, &before).await
        } else {
            Ok(None)
        };
        let status = new_status(&set, &owned, &history, &before, now());
        if status != before {
            let changed = StatefulSet { status: Some(status), ..(*set).clone() };
            let api = self.context.api::<StatefulSet>(&key.namespace);
            let written = api.replace_status(&key.name, &PostParams::default(), &changed).await?;
            self.own_writes.wrote(own, &written);
        }
        let mut live: HashSet<_> = owned.iter().map(|pod| pod::revision(pod).to_owned()).collect();
        live.extend(before.current_revision);
        history.trim(&self.context, spec.revision_history_limit.unwrap_or(10), &live).await?;
        match result {
            Err(error) if failure(&error) == Failure::NamespaceTerminating => Ok(None),
            other => other,
        }
    }

    async fn step(
        &self,
        set: &StatefulSet,
        owned: &[Arc<Pod>],
        history: &History,
        before: &StatefulSetStatus,
    ) -> Result<Option<Duration>, kube::Error> {
        for pod in owned {
            self.settle_claims(set, pod).await?;
        }
        let plan = plan::plan(set, owned, name(&*history.current), now());
        for (ordinal, from_former) in &plan.create {
            let former = before.current_revision.as_deref().and_then(|former| history.named(former));
            let revision = former.filter(|_| *from_former).unwrap_or(&history.current);
            let template = history::template(revision).unwrap_or_default();
            self.create(set, &template, name(&**revision), *ordinal).await?;
        }
        for pod in &plan.delete {
            self.delete(set, pod).await?;
        }
        Ok(plan.again)
    }

    async fn create(
        &self,
        set: &StatefulSet,
        template: &PodTemplateSpec,
        revision: &str,
        ordinal: i32,
    ) -> Result<(), kube::Error> {
        let wanted = pod::new(set, template, revision, ordinal);
        if !self.make_claims(set, &wanted, ordinal).await? {
            return Ok(());
        }
        match self.context.api::<Pod>(namespace(set)).create(&PostParams::default(), &wanted).await {
            Ok(made) => {
                self.pod_writes.wrote(uid(set), &made);
                let message = format!("create Pod {} in StatefulSet {} successful", name(&made), name(set));
                self.events.normal(set.object_ref(&()), "SuccessfulCreate", message);
                Ok(())
            }
            Err(error) => {
                self.tell_failure(set, "create Pod", name(&wanted), &error);
                Err(error)
            }
        }
    }

    /// Makes the claims of a pod that is to be made; `false` while one of a former pod is still to go.
    async fn make_claims(&self, set: &StatefulSet, pod: &Pod, ordinal: i32) -> Result<bool, kube::Error> {
        let api = self.context.api::<PersistentVolumeClaim>(namespace(set));
        for mut claim in pod::claims(set, ordinal) {
            let there = self.claims.get(Some(namespace(set)), name(&claim));
            if there.is_some_and(|there| claims::is_stale(&there, name(pod), None)) {
                return Ok(false);
            }
            if claims::policy(set).0 {
                claim.metadata.owner_references = Some(vec![owners::controller_reference(set)]);
            }
            match api.create(&PostParams::default(), &claim).await {
                Ok(_) => {
                    let message = format!(
                        "create Claim {} Pod {} in StatefulSet {} success",
                        name(&claim),
                        name(pod),
                        name(set)
                    );
                    self.events.normal(set.object_ref(&()), "SuccessfulCreate", message);
                }
                Err(error) if failure(&error) == Failure::AlreadyExists => {}
                Err(error) => {
                    let which = format!("{} for Pod {}", name(&claim), name(pod));
                    self.tell_failure(set, "create Claim", &which, &error);
                    return Err(error);
                }
            }
        }
        Ok(true)
    }

    /// Gives the claims of a pod the owners that the set's retention policy asks for.
    async fn settle_claims(&self, set: &StatefulSet, pod: &Pod) -> Result<(), kube::Error> {
        let Some(ordinal) = pod::ordinal(set, pod) else { return Ok(()) };
        let condemned = claims::is_condemned(set, pod);
        let api = self.context.api::<PersistentVolumeClaim>(namespace(set));
        for claim in pod::claims(set, ordinal) {
            let there = self.claims.get(Some(namespace(set)), name(&claim));
            let Some(there) = there.filter(|there| there.metadata.deletion_timestamp.is_none()) else {
                continue;
            };
            let Some(owners) = claims::owners(set, pod, &there, condemned) else { continue };
            let patch = json!({"metadata": {"uid": there.metadata.uid,
                "resourceVersion": there.metadata.resource_version, "ownerReferences": owners}});
            match api.patch(name(&*there), &PatchParams::default(), &Patch::Merge(patch)).await {
                Err(error) if failure(&error) != Failure::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn tell_failure(&self, set: &StatefulSet, what: &str, which: &str, error: &kube::Error) {
        if failure(error) != Failure::NamespaceTerminating {
            let message = format!("{what} {which} in StatefulSet {} failed error: {error}", name(set));
            self.events.warning(set.object_ref(&()), "FailedCreate", message);
        }
    }

    async fn delete(&self, set: &StatefulSet, pod: &Pod) -> Result<(), kube::Error> {
        let only = Preconditions { uid: pod.metadata.uid.clone(), ..Preconditions::default() };
        let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
        match self.context.api::<Pod>(namespace(set)).delete(name(pod), &params).await {
            Err(error) if !matches!(failure(&error), Failure::NotFound | Failure::Conflict) => Err(error),
            Ok(answer) => {
                if let Some(leaving) = answer.left() {
                    self.pod_writes.wrote(uid(set), &leaving);
                }
                let message = format!("delete Pod {} in StatefulSet {} successful", name(pod), name(set));
                self.events.normal(set.object_ref(&()), "SuccessfulDelete", message);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The status that the pods call for. When all pods are of the current revision and ready, a rolling update is over.
fn new_status(
    set: &StatefulSet,
    owned: &[Arc<Pod>],
    history: &History,
    before: &StatefulSetStatus,
    now: Timestamp,
) -> StatefulSetStatus {
    let update = name(&*history.current).to_owned();
    let former = before.current_revision.clone().filter(|former| history.named(former).is_some());
    let mut current = former.unwrap_or_else(|| update.clone());
    let min_ready = set.spec.min_ready_seconds.unwrap_or(0);
    let staying: Vec<_> = owned.iter().filter(|pod| !pods::is_leaving(pod)).collect();
    let count = |pods: &[&Arc<Pod>], wanted: &dyn Fn(&Pod) -> bool| {
        i32::try_from(pods.iter().filter(|pod| wanted(pod)).count()).unwrap_or(i32::MAX)
    };
    let all: Vec<_> = owned.iter().collect();
    let ready = |pod: &Pod| pods::phase(pod) == "Running" && pods::is_ready(pod);
    let replicas = count(&all, &|_| true);
    let ready_replicas = count(&all, &ready);
    let updated = count(&staying, &|pod| pod::revision(pod) == update);
    if !plan::updates_on_delete(set)
        && updated == replicas
        && ready_replicas == replicas
        && replicas == plan::replicas(set)
    {
        current.clone_from(&update);
    }
    let some = |count: i32| Some(count).filter(|count| *count != 0);
    StatefulSetStatus {
        replicas,
        ready_replicas: some(ready_replicas),
        available_replicas: Some(count(&all, &|pod| {
            ready(pod) && pods::availability(pod, min_ready, now) == Availability::Available
        })),
        current_replicas: some(count(&staying, &|pod| pod::revision(pod) == current)),
        updated_replicas: some(updated),
        current_revision: Some(current),
        update_revision: Some(update),
        observed_generation: set.metadata.generation,
        collision_count: Some(before.collision_count.unwrap_or(0) + i32::from(history.collided)),
        conditions: before.conditions.clone(),
    }
}
