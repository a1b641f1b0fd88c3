//! How many pods may go of their own accord right now: the status of PodDisruptionBudgets.
//!
//! The eviction of a pod is granted by the API server on the strength of this status; here it is only worked out.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use client::{Change, Events, Informer, Queue};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet, StatefulSet},
        core::v1::{Pod, ReplicationController},
        policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus},
    },
    apimachinery::pkg::{
        apis::meta::v1::{Condition, Time},
        util::intstr::IntOrString,
    },
    jiff::Timestamp,
};
use kube::{
    Resource,
    api::PostParams,
    core::{Selector, SelectorExt},
};
use tokio::task::JoinSet;

use crate::shared::{
    Context, Key, feed::feed, name, namespace, now, owners, pods, seconds, share, uid, writes::Writes,
};

/// After so many seconds a granted eviction that did not happen no longer counts.
const GRANT: i64 = 120;

/// Keeps the status of budgets.
pub(crate) async fn run(context: Context) {
    let (budgets, pods) = (context.informers.of::<PodDisruptionBudget>(), context.informers.of::<Pod>());
    let scales = Scales {
        deployments: context.informers.of(),
        sets: context.informers.of(),
        stateful_sets: context.informers.of(),
        controllers: context.informers.of(),
    };
    tokio::join!(
        budgets.synced(),
        pods.synced(),
        scales.deployments.synced(),
        scales.sets.synced(),
        scales.stateful_sets.synced(),
        scales.controllers.synced()
    );
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &budgets, &queue, |change| [Key::of(&**change.object())]);
    let all = budgets.clone();
    feed(&mut feeds, &pods, &queue, move |change| covering(&all, change));
    // A new scale changes what is expected.
    scales.feed(&mut feeds, &budgets, &queue);
    let events = context.events("controllermanager");
    let controller =
        Arc::new(Controller { context, budgets, pods, scales, events, writes: Writes::default() });
    let reconcile = move |key: Key| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("disruption-controller", 2, reconcile).await;
}

/// A selector that is there but empty covers all pods of the namespace; a missing one covers none.
fn selector(budget: &PodDisruptionBudget) -> Option<Selector> {
    let given = budget.spec.as_ref()?.selector.clone()?;
    Selector::try_from(given).ok()
}

fn covering(budgets: &Informer<PodDisruptionBudget>, change: &Change<Pod>) -> Vec<Key> {
    let forms = [change.previous(), Some(change.object())];
    let none = BTreeMap::new();
    let covers = |budget: &PodDisruptionBudget| {
        let selector = selector(budget);
        selector.is_some_and(|selector| {
            forms.iter().flatten().any(|pod| selector.matches(pod.metadata.labels.as_ref().unwrap_or(&none)))
        })
    };
    let budgets = budgets.list_in(namespace(&**change.object()));
    budgets.iter().filter(|budget| covers(budget)).map(|budget| Key::of(&**budget)).collect()
}

/// Where the size of a pod's controller is found.
struct Scales {
    deployments: Informer<Deployment>,
    sets: Informer<ReplicaSet>,
    stateful_sets: Informer<StatefulSet>,
    controllers: Informer<ReplicationController>,
}

impl Scales {
    fn feed(&self, feeds: &mut JoinSet<()>, budgets: &Informer<PodDisruptionBudget>, queue: &Queue<Key>) {
        fn resized<K: Resource>(
            budgets: Informer<PodDisruptionBudget>,
            size: fn(&K) -> Option<i32>,
        ) -> impl Fn(&Change<K>) -> Vec<Key> {
            move |change| {
                let before = change.previous().and_then(|old| size(old));
                if before == size(change.object()) {
                    return Vec::new();
                }
                budgets
                    .list_in(namespace(&**change.object()))
                    .iter()
                    .map(|budget| Key::of(&**budget))
                    .collect()
            }
        }
        feed(feeds, &self.deployments, queue, resized(budgets.clone(), |one: &Deployment| one.spec.replicas));
        feed(feeds, &self.sets, queue, resized(budgets.clone(), |one: &ReplicaSet| one.spec.replicas));
        feed(
            feeds,
            &self.stateful_sets,
            queue,
            resized(budgets.clone(), |one: &StatefulSet| one.spec.replicas),
        );
        feed(
            feeds,
            &self.controllers,
            queue,
            resized(budgets.clone(), |one: &ReplicationController| one.spec.as_ref()?.replicas),
        );
    }

    /// UID and size of what controls the pod in the end; none for a pod on its own.
    fn of(&self, pod: &Pod) -> Option<(String, i32)> {
        let (space, owner) = (Some(namespace(pod)), owners::controller_of(&pod.metadata)?);
        let size = |replicas: Option<i32>| replicas.unwrap_or(1);
        match owner.kind.as_str() {
            "ReplicaSet" => {
                let set = self.sets.get(space, &owner.name).filter(|set| uid(&**set) == owner.uid)?;
                let above = owners::controller_of(&set.metadata).filter(|above| above.kind == "Deployment");
                let deployment = above.and_then(|above| self.deployments.get(space, &above.name));
                Some(match deployment {
                    Some(deployment) => (uid(&*deployment).to_owned(), size(deployment.spec.replicas)),
                    None => (owner.uid.clone(), size(set.spec.replicas)),
                })
            }
            "StatefulSet" => {
                Some((owner.uid.clone(), size(self.stateful_sets.get(space, &owner.name)?.spec.replicas)))
            }
            "ReplicationController" => {
                let found = self.controllers.get(space, &owner.name)?;
                Some((owner.uid.clone(), size(found.spec.as_ref()?.replicas)))
            }
            _ => None,
        }
    }

    /// How many pods there should be in all. Pods on their own count for nothing; a pod whose controller has no size
    /// that is known makes the number unknown: the error says which.
    fn expected(&self, pods: &[Arc<Pod>]) -> Result<i32, String> {
        let mut scales = BTreeMap::new();
        for pod in pods {
            match self.of(pod) {
                Some((uid, size)) => drop(scales.insert(uid, size)),
                None if owners::controller_of(&pod.metadata).is_none() => {}
                None => return Err(format!("found no controllers for pod {:?}", name(&**pod))),
            }
        }
        Ok(scales.values().sum())
    }
}

struct Controller {
    context: Context,
    budgets: Informer<PodDisruptionBudget>,
    pods: Informer<Pod>,
    scales: Scales,
    events: Events,
    writes: Writes,
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let Some(budget) = self.budgets.get(Some(&key.namespace), &key.name) else { return Ok(None) };
        if let Err(wait) = self.writes.visible(uid(&*budget), &self.budgets) {
            return Ok(Some(wait));
        }
        let Some(selector) = selector(&budget) else { return Ok(None) };
        let none = BTreeMap::new();
        let mut covered = self.pods.list_in(&key.namespace);
        covered.retain(|pod| {
            !pods::is_finished(pod) && selector.matches(pod.metadata.labels.as_ref().unwrap_or(&none))
        });
        let (status, again) = if covered.is_empty() {
            self.tell(&budget, false, "NoPods", "No matching pods found");
            new_status(&budget, &covered, 0, now())
        } else {
            match self.expected(&budget, &covered) {
                Ok(expected) => new_status(&budget, &covered, expected, now()),
                Err(reason) => {
                    let text = format!("Failed to calculate the number of expected pods: {reason}");
                    self.tell(&budget, true, "CalculateExpectedPodCountFailed", &text);
                    (failed_status(&budget, &reason, now()), None)
                }
            }
        };
        if budget.status.as_ref() != Some(&status) {
            let changed = PodDisruptionBudget { status: Some(status), ..(*budget).clone() };
            let api = self.context.api::<PodDisruptionBudget>(&key.namespace);
            let written = api.replace_status(&key.name, &PostParams::default(), &changed).await?;
            self.writes.wrote(uid(&*budget), &written);
        }
        Ok(again)
    }

    /// How many pods there should be, as far as the budget depends on it.
    fn expected(&self, budget: &PodDisruptionBudget, covered: &[Arc<Pod>]) -> Result<i32, String> {
        let spec = budget.spec.as_ref();
        let counts = spec.is_some_and(|spec| {
            spec.max_unavailable.is_some() || matches!(spec.min_available, Some(IntOrString::String(_)))
        });
        if counts { self.scales.expected(covered) } else { Ok(0) }
    }

    fn tell(&self, budget: &PodDisruptionBudget, warns: bool, reason: &str, text: &str) {
        if warns {
            self.events.warning(budget.object_ref(&()), reason, text);
        } else {
            self.events.normal(budget.object_ref(&()), reason, text);
        }
    }
}

/// The status of a budget whose pods cannot be counted: nothing may go until they can.
fn failed_status(budget: &PodDisruptionBudget, reason: &str, now: Timestamp) -> PodDisruptionBudgetStatus {
    let mut status = budget.status.clone().unwrap_or_default();
    status.disruptions_allowed = Some(0);
    status.observed_generation = budget.metadata.generation;
    // A new status has all numbers.
    status.current_healthy.get_or_insert(0);
    status.desired_healthy.get_or_insert(0);
    status.expected_pods.get_or_insert(0);
    set_condition(budget, &mut status, ("False", "SyncFailed", reason), now);
    status
}

/// Puts the one condition of a budget into its status.
fn set_condition(
    budget: &PodDisruptionBudget,
    status: &mut PodDisruptionBudgetStatus,
    (state, reason, message): (&str, &str, &str),
    now: Timestamp,
) {
    let conditions = status.conditions.get_or_insert_default();
    let known = conditions.iter().find(|known| known.type_ == "DisruptionAllowed");
    let since = known.filter(|known| known.status == state).map(|known| known.last_transition_time.clone());
    let condition = Condition {
        type_: "DisruptionAllowed".into(),
        status: state.into(),
        reason: reason.into(),
        message: message.into(),
        observed_generation: budget.metadata.generation,
        last_transition_time: since.unwrap_or(Time(now)),
    };
    conditions.retain(|known| known.type_ != "DisruptionAllowed");
    conditions.push(condition);
}

/// `expected` is the sum of the sizes of the pods' controllers.
fn new_status(
    budget: &PodDisruptionBudget,
    covered: &[Arc<Pod>],
    expected: i32,
    now: Timestamp,
) -> (PodDisruptionBudgetStatus, Option<Duration>) {
    let before = budget.status.clone().unwrap_or_default();
    let spec = budget.spec.clone().unwrap_or_default();
    let count = i32::try_from(covered.len()).unwrap_or(i32::MAX);
    let (expected, desired) = match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => (expected, (expected - share(Some(most), expected, true)).max(0)),
        (None, Some(IntOrString::Int(least))) => (count, *least),
        (None, Some(least)) => (expected, share(Some(least), expected, true)),
        (None, None) => (count, 0),
    };
    let (mut disrupted, mut again) = (before.disrupted_pods.clone().unwrap_or_default(), None);
    disrupted.retain(|granted, since| {
        let there = covered.iter().any(|pod| name(&**pod) == granted && !pods::is_leaving(pod));
        let left = GRANT - seconds(since, now);
        if there && left > 0 {
            let wait = Duration::from_secs(u64::try_from(left).unwrap_or(1));
            again = Some(again.map_or(wait, |known: Duration| known.min(wait)));
        }
        there && left > 0
    });
    let healthy = covered.iter().filter(|pod| {
        !pods::is_leaving(pod) && !disrupted.contains_key(name(&***pod)) && pods::is_ready(pod)
    });
    let healthy = i32::try_from(healthy.count()).unwrap_or(i32::MAX);
    let allowed = if expected <= 0 { 0 } else { (healthy - desired).max(0) };
    let (state, reason) =
        if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let mut status = PodDisruptionBudgetStatus {
        current_healthy: Some(healthy),
        desired_healthy: Some(desired),
        expected_pods: Some(expected),
        disruptions_allowed: Some(allowed),
        disrupted_pods: Some(disrupted).filter(|disrupted| !disrupted.is_empty()),
        observed_generation: budget.metadata.generation,
        conditions: before.conditions,
    };
    set_condition(budget, &mut status, (state, reason, ""), now);
    (status, again)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, ready: bool) -> Arc<Pod> {
        let ready = if ready { "True" } else { "False" };
        Arc::new(
            serde_json::from_value(json!({"metadata": {"name": name},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}}))
            .unwrap(),
        )
    }

    fn shown(
        spec: Value,
        status: Value,
        expected: i32,
    ) -> (Option<i32>, Option<i32>, Option<i32>, Option<i32>) {
        let budget =
            serde_json::from_value(json!({"metadata": {"name": "b"}, "spec": spec, "status": status}))
                .unwrap();
        let pods = [pod("a", true), pod("b", true), pod("c", false)];
        let at = "2026-01-01T00:01:00Z".parse().unwrap();
        let (status, _) = new_status(&budget, &pods, expected, at);
        (status.expected_pods, status.current_healthy, status.desired_healthy, status.disruptions_allowed)
    }

    #[test]
    fn numbers_and_percentages() {
        let some = |a, b, c, d| (Some(a), Some(b), Some(c), Some(d));
        assert_eq!(shown(json!({"minAvailable": 1}), json!({}), 3), some(3, 2, 1, 1));
        assert_eq!(shown(json!({"minAvailable": "50%"}), json!({}), 5), some(5, 2, 3, 0));
        assert_eq!(shown(json!({"maxUnavailable": 2}), json!({}), 3), some(3, 2, 1, 1));
        assert_eq!(shown(json!({"maxUnavailable": "10%"}), json!({}), 3), some(3, 2, 2, 0));
        assert_eq!(shown(json!({"maxUnavailable": 1}), json!({}), 0), some(0, 2, 0, 0));
    }

    #[test]
    fn what_cannot_be_counted_allows_nothing() {
        let budget = json!({"metadata": {"name": "b", "generation": 3}, "spec": {"maxUnavailable": 1},
            "status": {"disruptionsAllowed": 2, "currentHealthy": 4}});
        let at = "2026-01-01T00:01:00Z".parse().unwrap();
        let status = failed_status(&serde_json::from_value(budget).unwrap(), "found no controllers", at);
        assert_eq!((status.disruptions_allowed, status.observed_generation), (Some(0), Some(3)));
        let condition = &status.conditions.unwrap()[0];
        assert_eq!(
            (condition.reason.as_str(), condition.message.as_str()),
            ("SyncFailed", "found no controllers")
        );
    }

    #[test]
    fn a_granted_eviction_counts_until_it_happens_or_expires() {
        let granted = |time: &str| json!({"disruptedPods": {"a": time}});
        let allowed = |status| shown(json!({"minAvailable": 1}), status, 3).3;
        assert_eq!(allowed(granted("2026-01-01T00:00:30Z")), Some(0));
        assert_eq!(allowed(granted("2025-12-31T23:58:00Z")), Some(1));
    }
}
