//! Work that ends: Jobs, and their removal some time after the end.
//!
//! What to do is decided by `plan`, a pure function; here it is carried out: first the status, so that every exit
//! is on record, then pods.

mod indexes;
mod plan;
mod pod;
mod policy;

use std::{collections::HashSet, sync::Arc, time::Duration};

use client::{Change, Events, Failure, Informer, Queue, failure};
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    Api, Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;
use tokio::task::JoinSet;

use self::plan::{New, Plan};
use crate::shared::{
    Context, Key, batch::slow_start, conditions::Condition, feed::feed, name, namespace, now, owners,
    seconds, uid, writes::Writes,
};

/// What a worker looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Task {
    Job(Key),
    /// A pod that waits to be counted by a Job that is gone or has ended.
    Stray(Key),
}

/// Keeps Jobs.
pub(crate) async fn run(context: Context) {
    let (jobs, pods) = (context.informers.of::<Job>(), context.informers.of::<Pod>());
    tokio::join!(jobs.synced(), pods.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    let all_pods = pods.clone();
    feed(&mut feeds, &jobs, &queue, move |change| {
        let mut tasks = vec![Task::Job(Key::of(&**change.object()))];
        if matches!(change, Change::Deleted(_)) {
            let job = change.object();
            let own = all_pods.list_in(namespace(&**job)).into_iter();
            let own =
                own.filter(|pod| owners::is_controlled_by(&pod.metadata, &**job) && pod::is_tracked(pod));
            tasks.extend(own.map(|pod| Task::Stray(Key::of(&*pod))));
        }
        tasks
    });
    let all = jobs.clone();
    feed(&mut feeds, &pods, &queue, move |change| interested(&all, change));
    let controller = Arc::new(Controller {
        events: context.events("job-controller"),
        context,
        jobs,
        pods,
        pod_writes: Writes::default(),
        own_writes: Writes::default(),
    });
    let reconcile = move |task: Task| {
        let controller = controller.clone();
        async move {
            match task {
                Task::Job(key) => controller.reconcile(&key).await,
                Task::Stray(key) => controller.release_stray(&key).await,
            }
        }
    };
    queue.run("job-controller", 8, reconcile).await;
}

fn interested(jobs: &Informer<Job>, change: &Change<Pod>) -> Vec<Task> {
    let selector = |job: &Job| owners::selector(job.spec.as_ref()?.selector.as_ref());
    let mut tasks: Vec<_> = owners::concerned(jobs, change, selector).into_iter().map(Task::Job).collect();
    if pod::is_tracked(change.object()) && !matches!(change, Change::Deleted(_)) {
        let owner = owners::controller_of(&change.object().metadata).filter(|owner| owner.kind == "Job");
        let job = owner.and_then(|owner| {
            jobs.get(Some(namespace(&**change.object())), &owner.name).filter(|job| uid(&**job) == owner.uid)
        });
        if job.is_none_or(|job| plan::is_finished(&job)) {
            tasks.push(Task::Stray(Key::of(&**change.object())));
        }
    }
    tasks
}

struct Controller {
    context: Context,
    events: Events,
    jobs: Informer<Job>,
    pods: Informer<Pod>,
    pod_writes: Writes,
    own_writes: Writes,
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let Some(job) = self.jobs.get(Some(&key.namespace), &key.name) else { return Ok(None) };
        let managed_elsewhere = job.spec.as_ref().and_then(|spec| spec.managed_by.as_deref());
        if managed_elsewhere.is_some_and(|manager| manager != "kubernetes.io/job-controller") {
            return Ok(None);
        }
        if plan::is_finished(&job) {
            return self.expire(&job).await;
        }
        for visible in
            [self.pod_writes.visible(uid(&*job), &self.pods), self.own_writes.visible(uid(&*job), &self.jobs)]
        {
            if let Err(wait) = visible {
                return Ok(Some(wait));
            }
        }
        let selector = job.spec.as_ref().and_then(|spec| owners::selector(spec.selector.as_ref()));
        let Some(selector) = selector else { return Ok(None) };
        let claims = owners::claim(&*job, &selector, self.pods.list_in(&key.namespace));
        let adopting = !claims.adopt.is_empty() || !claims.release.is_empty();
        let api = self.context.api::<Pod>(&key.namespace);
        let released: Vec<_> = claims.release.clone();
        let mut owned = claims.settle(&*job, &self.context.api(&key.namespace), &api).await?;
        for pod in released.iter().filter(|pod| pod::is_tracked(pod)) {
            self.untrack(&job, pod).await?;
        }
        if adopting {
            owned.iter().for_each(|pod| self.pod_writes.wrote(uid(&*job), &**pod));
        }
        let present: HashSet<_> = owned.iter().map(|pod| uid(&**pod)).collect();
        self.pod_writes.keep_removed(uid(&*job), &present);
        owned.retain(|pod| {
            crate::shared::pods::is_leaving(pod) || !self.pod_writes.is_removed(uid(&*job), uid(&**pod))
        });
        let plan = plan::plan(&job, &owned, now());
        let again = plan.again;
        match self.carry_out(&job, plan).await {
            Err(error) if failure(&error) == Failure::NamespaceTerminating => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(again),
        }
    }

    async fn carry_out(&self, job: &Job, plan: Plan) -> Result<(), kube::Error> {
        let jobs = self.context.api::<Job>(namespace(job));
        if job.status.as_ref() != Some(&plan.status) {
            let changed = Job { status: Some(plan.status), ..job.clone() };
            let written = jobs.replace_status(name(job), &PostParams::default(), &changed).await?;
            self.own_writes.wrote(uid(job), &written);
        }
        for told in plan.events {
            let object = job.object_ref(&());
            if told.warning {
                self.events.warning(object, &told.reason, told.message);
            } else {
                self.events.normal(object, &told.reason, told.message);
            }
        }
        let api = self.context.api::<Pod>(namespace(job));
        for pod in &plan.delete {
            self.delete(job, &api, pod).await?;
        }
        let created = self.create(job, &api, &plan.create).await;
        let (released, error) =
            slow_start(plan.release.len(), |at| self.untrack(job, &plan.release[at])).await;
        tracing::trace!(job = name(job), released, "pods counted");
        created.and(error.map_or(Ok(()), Err))
    }

    async fn create(&self, job: &Job, api: &Api<Pod>, new: &[New]) -> Result<(), kube::Error> {
        let make = |at: usize| {
            let new: &New = &new[at];
            async move {
                let made =
                    api.create(&PostParams::default(), &pod::new(job, new.index, new.failures)).await?;
                self.pod_writes.wrote(uid(job), &made);
                self.events.normal(
                    job.object_ref(&()),
                    "SuccessfulCreate",
                    format!("Created pod: {}", name(&made)),
                );
                Ok(())
            }
        };
        match slow_start(new.len(), make).await.1 {
            None => Ok(()),
            Some(error) => {
                if failure(&error) != Failure::NamespaceTerminating {
                    self.events.warning(
                        job.object_ref(&()),
                        "FailedCreate",
                        format!("Error creating: {error}"),
                    );
                }
                Err(error)
            }
        }
    }

    async fn delete(&self, job: &Job, api: &Api<Pod>, pod: &Pod) -> Result<(), kube::Error> {
        let only = Preconditions { uid: pod.metadata.uid.clone(), ..Preconditions::default() };
        let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
        match api.delete(name(pod), &params).await {
            Err(error) if !matches!(failure(&error), Failure::NotFound | Failure::Conflict) => Err(error),
            _ => {
                self.pod_writes.removed(uid(job), uid(pod));
                let message = format!("Deleted pod: {}", name(pod));
                self.events.normal(job.object_ref(&()), "SuccessfulDelete", message);
                Ok(())
            }
        }
    }

    /// Removes the finalizer: the pod is on record.
    async fn untrack(&self, job: &Job, pod: &Pod) -> Result<(), kube::Error> {
        if let Some(written) = self.remove_finalizer(pod).await? {
            self.pod_writes.wrote(uid(job), &written);
        }
        Ok(())
    }

    async fn remove_finalizer(&self, pod: &Pod) -> Result<Option<Pod>, kube::Error> {
        let kept: Vec<_> = pod
            .metadata
            .finalizers
            .iter()
            .flatten()
            .filter(|finalizer| *finalizer != pod::TRACKING)
            .collect();
        let patch = json!({"metadata": {"uid": uid(pod), "resourceVersion": pod.metadata.resource_version, "finalizers": kept}});
        let api = self.context.api::<Pod>(namespace(pod));
        match api.patch(name(pod), &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(written) => Ok(Some(written)),
            Err(error) if failure(&error) == Failure::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn release_stray(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let Some(pod) = self.pods.get(Some(&key.namespace), &key.name).filter(|pod| pod::is_tracked(pod))
        else {
            return Ok(None);
        };
        let owner = owners::controller_of(&pod.metadata).filter(|owner| owner.kind == "Job");
        let job = owner.and_then(|owner| {
            self.jobs.get(Some(&key.namespace), &owner.name).filter(|job| uid(&**job) == owner.uid)
        });
        if job.is_none_or(|job| plan::is_finished(&job)) {
            self.remove_finalizer(&pod).await?;
        }
        Ok(None)
    }

    /// Deletes a Job that has ended `ttlSecondsAfterFinished` ago.
    async fn expire(&self, job: &Job) -> Result<Option<Duration>, kube::Error> {
        let ttl = job.spec.as_ref().and_then(|spec| spec.ttl_seconds_after_finished);
        let (Some(ttl), None) = (ttl, &job.metadata.deletion_timestamp) else { return Ok(None) };
        let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let end = conditions
            .filter(|condition| {
                matches!(condition.type_.as_str(), "Complete" | "Failed") && condition.status() == "True"
            })
            .find_map(|condition| condition.last_transition_time.clone());
        let Some(end) = end else { return Ok(None) };
        let left = i64::from(ttl) - seconds(&end, now());
        if let Ok(left) = u64::try_from(left)
            && left > 0
        {
            return Ok(Some(Duration::from_secs(left)));
        }
        let only = Preconditions { uid: job.metadata.uid.clone(), ..Preconditions::default() };
        let params = DeleteParams { preconditions: Some(only), ..DeleteParams::foreground() };
        match self.context.api::<Job>(namespace(job)).delete(name(job), &params).await {
            Err(error) if failure(&error) != Failure::NotFound => Err(error),
            _ => Ok(None),
        }
    }
}
