//! As many pods as asked for: ReplicaSets, and ReplicationControllers by the same rules.
//!
//! Keeps: never two creations for one missing pod (own writes are awaited, see `shared::writes`); a pod of
//! another controller is never touched. Not here: replacing one template by another; see `deployment`.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    sync::Arc,
    time::Duration,
};

use client::{Events, Failure, Informer, Queue, failure};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus},
        core::v1::{
            Pod, PodTemplateSpec, ReplicationController, ReplicationControllerCondition,
            ReplicationControllerStatus,
        },
    },
    jiff::Timestamp,
};
use kube::{
    Resource,
    api::{DeleteParams, PostParams, Preconditions},
    core::Selector,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::task::JoinSet;

use crate::shared::{
    Context, Key,
    batch::slow_start,
    conditions::{self, Condition},
    feed::feed,
    name, namespace, now, owners,
    pods::{self, Availability},
    uid,
    writes::Writes,
};

/// So many pods at most are created or removed in one go.
const BURST: usize = 500;

/// Keeps ReplicaSets.
pub(crate) async fn run(context: Context) {
    Controller::<ReplicaSet>::run(context, "replicaset-controller").await;
}

/// Keeps ReplicationControllers.
pub(crate) async fn run_replication_controllers(context: Context) {
    Controller::<ReplicationController>::run(context, "replication-controller").await;
}

/// A kind that asks for a number of equal pods.
trait Replicated:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + DeserializeOwned
    + Serialize
    + Debug
    + Send
    + Sync
    + 'static
{
    fn selector(&self) -> Option<Selector>;
    fn template(&self) -> PodTemplateSpec;
    fn replicas(&self) -> i32;
    fn min_ready_seconds(&self) -> i32;
    fn status(&self) -> ReplicaSetStatus;
    fn with_status(&self, status: ReplicaSetStatus) -> Self;
}

impl Replicated for ReplicaSet {
    fn selector(&self) -> Option<Selector> {
        owners::selector(Some(&self.spec.selector))
    }
    fn template(&self) -> PodTemplateSpec {
        self.spec.template.clone().unwrap_or_default()
    }
    fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }
    fn min_ready_seconds(&self) -> i32 {
        self.spec.min_ready_seconds.unwrap_or(0)
    }
    fn status(&self) -> ReplicaSetStatus {
        self.status.clone().unwrap_or_default()
    }
    fn with_status(&self, status: ReplicaSetStatus) -> Self {
        Self { status: Some(status), ..self.clone() }
    }
}

impl Replicated for ReplicationController {
    fn selector(&self) -> Option<Selector> {
        let labels = self.spec.as_ref()?.selector.clone().filter(|labels| !labels.is_empty())?;
        Some(labels.into_iter().collect())
    }
    fn template(&self) -> PodTemplateSpec {
        self.spec.as_ref().and_then(|spec| spec.template.clone()).unwrap_or_default()
    }
    fn replicas(&self) -> i32 {
        self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
    }
    fn min_ready_seconds(&self) -> i32 {
        self.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
    }
    fn status(&self) -> ReplicaSetStatus {
        let status = self.status.clone().unwrap_or_default();
        let conditions = status.conditions.map(|conditions| {
            let convert = |condition: ReplicationControllerCondition| ReplicaSetCondition {
                type_: condition.type_.into(),
                status: condition.status.into(),
                reason: condition.reason,
                message: condition.message,
                last_transition_time: condition.last_transition_time,
            };
            conditions.into_iter().map(convert).collect()
        });
        ReplicaSetStatus {
            replicas: status.replicas,
            fully_labeled_replicas: status.fully_labeled_replicas,
            ready_replicas: status.ready_replicas,
            available_replicas: status.available_replicas,
            observed_generation: status.observed_generation,
            terminating_replicas: None,
            conditions,
        }
    }
    fn with_status(&self, status: ReplicaSetStatus) -> Self {
        let conditions = status.conditions.map(|conditions| {
            let convert = |condition: ReplicaSetCondition| ReplicationControllerCondition {
                type_: Condition::type_(&condition).to_owned(),
                status: Condition::status(&condition).to_owned(),
                reason: condition.reason,
                message: condition.message,
                last_transition_time: condition.last_transition_time,
            };
            conditions.into_iter().map(convert).collect()
        });
        let status = ReplicationControllerStatus {
            replicas: status.replicas,
            fully_labeled_replicas: status.fully_labeled_replicas,
            ready_replicas: status.ready_replicas,
            available_replicas: status.available_replicas,
            observed_generation: status.observed_generation,
            conditions,
        };
        Self { status: Some(status), ..self.clone() }
    }
}

struct Controller<S> {
    context: Context,
    events: Events,
    sets: Informer<S>,
    pods: Informer<Pod>,
    pod_writes: Writes,
    set_writes: Writes,
}

impl<S: Replicated> Controller<S> {
    async fn run(context: Context, component: &'static str) {
        let (sets, pods) = (context.informers.of::<S>(), context.informers.of::<Pod>());
        tokio::join!(sets.synced(), pods.synced());
        let queue = Queue::new();
        let mut feeds = JoinSet::new();
        feed(&mut feeds, &sets, &queue, |change| [Key::of(&**change.object())]);
        let all = sets.clone();
        feed(&mut feeds, &pods, &queue, move |change| owners::concerned(&all, change, S::selector));
        let controller = Arc::new(Self {
            events: context.events(component),
            context,
            sets,
            pods,
            pod_writes: Writes::default(),
            set_writes: Writes::default(),
        });
        let reconcile = move |key: Key| {
            let controller = controller.clone();
            async move { controller.reconcile(&key).await }
        };
        queue.run(component, 8, reconcile).await;
    }

    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let Some(set) = self.sets.get(Some(&key.namespace), &key.name) else { return Ok(None) };
        let set_uid = uid(&*set);
        for visible in
            [self.pod_writes.visible(set_uid, &self.pods), self.set_writes.visible(set_uid, &self.sets)]
        {
            if let Err(wait) = visible {
                return Ok(Some(wait));
            }
        }
        let Some(selector) = set.selector() else { return Ok(None) };
        let claims = owners::claim(&*set, &selector, self.pods.list_in(&key.namespace));
        let adopting = !claims.adopt.is_empty() || !claims.release.is_empty();
        let owned = claims
            .settle(&*set, &self.context.api::<S>(&key.namespace), &self.context.api::<Pod>(&key.namespace))
            .await?;
        if adopting {
            owned.iter().for_each(|pod| self.pod_writes.wrote(set_uid, &**pod));
        }
        let present: HashSet<_> = owned.iter().map(|pod| uid(&**pod)).collect();
        self.pod_writes.keep_removed(set_uid, &present);
        let active: Vec<_> = owned
            .iter()
            .filter(|pod| pods::is_active(pod) && !self.pod_writes.is_removed(set_uid, uid(&***pod)))
            .cloned()
            .collect();
        let managed =
            if set.meta().deletion_timestamp.is_none() { self.manage(&set, &active).await } else { Ok(()) };
        let (status, again) = new_status(&*set, &owned, &active, managed.as_ref().err(), now());
        if status != set.status() {
            let api = self.context.api::<S>(&key.namespace);
            let written =
                api.replace_status(&key.name, &PostParams::default(), &set.with_status(status)).await?;
            self.set_writes.wrote(set_uid, &written);
        }
        match managed {
            Err(error) if failure(&error) == Failure::NamespaceTerminating => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(again),
        }
    }

    /// Creates what is missing or removes what is too much.
    async fn manage(&self, set: &S, active: &[Arc<Pod>]) -> Result<(), kube::Error> {
        let wanted = usize::try_from(set.replicas()).unwrap_or(0);
        if active.len() < wanted {
            self.create(set, (wanted - active.len()).min(BURST)).await
        } else if active.len() > wanted {
            self.remove(set, active, (active.len() - wanted).min(BURST)).await
        } else {
            Ok(())
        }
    }

    async fn create(&self, set: &S, count: usize) -> Result<(), kube::Error> {
        let api = self.context.api::<Pod>(namespace(set));
        let owner = owners::controller_reference(set);
        let pod = pods::from_template(&set.template(), namespace(set), name(set), owner);
        let create = |_| async {
            let made = api.create(&PostParams::default(), &pod).await?;
            self.pod_writes.wrote(uid(set), &made);
            self.events.normal(
                set.object_ref(&()),
                "SuccessfulCreate",
                format!("Created pod: {}", name(&made)),
            );
            Ok(())
        };
        match slow_start(count, create).await.1 {
            None => Ok(()),
            Some(error) => {
                if failure(&error) != Failure::NamespaceTerminating {
                    self.events.warning(
                        set.object_ref(&()),
                        "FailedCreate",
                        format!("Error creating: {}", text(&error)),
                    );
                }
                Err(error)
            }
        }
    }

    async fn remove(&self, set: &S, active: &[Arc<Pod>], count: usize) -> Result<(), kube::Error> {
        let api = self.context.api::<Pod>(namespace(set));
        let mut ranked = active.to_vec();
        pods::rank_for_removal(&mut ranked, &self.siblings(set));
        let delete = |at: usize| {
            let (pod, api) = (&ranked[at], &api);
            async move {
                let only = Preconditions { uid: pod.metadata.uid.clone(), ..Preconditions::default() };
                let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
                match api.delete(name(&**pod), &params).await {
                    Ok(_) => {
                        self.pod_writes.removed(uid(set), uid(&**pod));
                        let message = format!("Deleted pod: {}", name(&**pod));
                        self.events.normal(set.object_ref(&()), "SuccessfulDelete", message);
                        Ok(())
                    }
                    Err(error) if matches!(failure(&error), Failure::NotFound | Failure::Conflict) => Ok(()),
                    Err(error) => Err(error),
                }
            }
        };
        match slow_start(count, delete).await.1 {
            None => Ok(()),
            Some(error) => {
                self.events.warning(
                    set.object_ref(&()),
                    "FailedDelete",
                    format!("Error deleting: {}", text(&error)),
                );
                Err(error)
            }
        }
    }

    /// Active pods per node of all sets under the same controller as `set`.
    fn siblings(&self, set: &S) -> HashMap<String, usize> {
        let family: HashSet<String> = match owners::controller_of(set.meta()) {
            Some(parent) => {
                let sets = self.sets.list_in(namespace(set));
                let related = sets.iter().filter(|other| {
                    owners::controller_of(other.meta()).is_some_and(|other| other.uid == parent.uid)
                });
                related.map(|set| uid(&**set).to_owned()).collect()
            }
            None => [uid(set).to_owned()].into(),
        };
        let mut counts = HashMap::new();
        for pod in self.pods.list_in(namespace(set)) {
            let related =
                owners::controller_of(&pod.metadata).is_some_and(|owner| family.contains(&owner.uid));
            if related && pods::is_active(&pod) && !pods::node(&pod).is_empty() {
                *counts.entry(pods::node(&pod).to_owned()).or_default() += 1;
            }
        }
        counts
    }
}

/// The server's message alone, where there is one.
fn text(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// The status that the pods call for, and when it will change by time alone.
fn new_status<S: Replicated>(
    set: &S,
    owned: &[Arc<Pod>],
    active: &[Arc<Pod>],
    failure: Option<&kube::Error>,
    now: Timestamp,
) -> (ReplicaSetStatus, Option<Duration>) {
    let labels = set.template().metadata.and_then(|meta| meta.labels).unwrap_or_default();
    let labelled = |pod: &&Arc<Pod>| {
        labels
            .iter()
            .all(|(key, value)| pod.metadata.labels.as_ref().and_then(|own| own.get(key)) == Some(value))
    };
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let (mut available, mut again) = (0, None);
    for pod in active {
        match pods::availability(pod, set.min_ready_seconds(), now) {
            Availability::Available => available += 1,
            Availability::In(seconds) => {
                let wait = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
                again = Some(again.map_or(wait, |known: Duration| known.min(wait)));
            }
            Availability::Unavailable => {}
        }
    }
    let before = set.status();
    let mut status = ReplicaSetStatus {
        replicas: number(active.len()),
        fully_labeled_replicas: Some(number(active.iter().filter(labelled).count())),
        ready_replicas: Some(number(active.iter().filter(|pod| pods::is_ready(pod)).count())),
        available_replicas: Some(available),
        observed_generation: set.meta().generation,
        terminating_replicas: before.terminating_replicas,
        conditions: before.conditions.clone(),
    };
    if S::kind(&()) == "ReplicaSet" {
        let leaving = owned.iter().filter(|pod| pods::is_leaving(pod) && !pods::is_finished(pod));
        status.terminating_replicas = Some(number(leaving.count()));
    }
    match failure {
        Some(error) => {
            let missing = number(active.len()) < set.replicas();
            let reason = if missing { "FailedCreate" } else { "FailedDelete" };
            let condition = Condition::new("ReplicaFailure", "True", reason, &text(error), now);
            conditions::set(&mut status.conditions, condition);
        }
        None => conditions::remove(&mut status.conditions, "ReplicaFailure"),
    }
    // Zero and absent mean the same; the server may leave out either.
    let same = |old: Option<i32>, new: &mut Option<i32>| {
        if old.is_none() && *new == Some(0) {
            *new = None;
        }
    };
    same(before.fully_labeled_replicas, &mut status.fully_labeled_replicas);
    same(before.ready_replicas, &mut status.ready_replicas);
    same(before.available_replicas, &mut status.available_replicas);
    same(before.terminating_replicas, &mut status.terminating_replicas);
    (status, again)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(replicas: i32) -> ReplicaSet {
        serde_json::from_value(
            json!({"metadata": {"name": "s", "generation": 3}, "spec": {"replicas": replicas,
            "minReadySeconds": 10, "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a", "extra": "x"}}}}}),
        )
        .unwrap()
    }

    fn pod(labels: serde_json::Value, ready_at: Option<&str>) -> Arc<Pod> {
        let conditions: Vec<_> = ready_at
            .map(|time| json!({"type": "Ready", "status": "True", "lastTransitionTime": time}))
            .into_iter()
            .collect();
        let pod =
            json!({"metadata": {"labels": labels}, "status": {"phase": "Running", "conditions": conditions}});
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn the_status_counts_ready_available_and_fully_labelled_pods() {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        let active = vec![
            pod(json!({"app": "a", "extra": "x"}), Some("2026-01-01T00:00:00Z")),
            pod(json!({"app": "a"}), Some("2026-01-01T00:00:57Z")),
            pod(json!({"app": "a"}), None),
        ];
        let (status, again) = new_status(&set(3), &active, &active, None, now);
        assert_eq!(
            (
                status.replicas,
                status.fully_labeled_replicas,
                status.ready_replicas,
                status.available_replicas
            ),
            (3, Some(1), Some(2), Some(1))
        );
        assert_eq!((status.observed_generation, again), (Some(3), Some(Duration::from_secs(7))));
    }

    #[test]
    fn a_refused_pod_shows_as_a_condition_and_goes_away() {
        let refused = kube::Error::Api(kube::core::Status::failure("exceeded quota", "Forbidden").boxed());
        let (status, _) = new_status(&set(2), &[], &[], Some(&refused), now());
        let condition = conditions::find(status.conditions.as_ref(), "ReplicaFailure").unwrap();
        assert_eq!((condition.reason(), condition.message()), ("FailedCreate", "exceeded quota"));
        let (status, _) = new_status(&set(2).with_status(status), &[], &[], None, now());
        assert_eq!(status.conditions, None);
    }
}
