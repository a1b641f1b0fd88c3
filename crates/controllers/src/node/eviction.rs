//! Pods leave nodes with `NoExecute` taints that they do not tolerate, at once or after `tolerationSeconds`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use client::{Events, Failure, Informer, Queue, failure};
use k8s_openapi::{
    api::core::v1::{Node, Pod, Taint, Toleration},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    Resource,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use scheduler::filters::taints::covers;
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use crate::shared::{Context, Key, feed::feed, name, now, pods, uid};

/// Evicts pods.
pub(crate) async fn run(context: Context) {
    let (nodes, pods) = (context.informers.of::<Node>(), context.informers.of::<Pod>());
    tokio::join!(nodes.synced(), pods.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &pods, &queue, |change| {
        let moved = change.previous().is_none_or(|old| {
            pods::node(old) != pods::node(change.object()) || old.spec != change.object().spec
        });
        Some(Key::of(&**change.object())).filter(|_| moved || matches!(change, client::Change::Deleted(_)))
    });
    let all = pods.clone();
    feed(&mut feeds, &nodes, &queue, move |change| {
        let before = change.previous().map(|node| no_execute(node)).unwrap_or_default();
        if before == no_execute(change.object()) {
            return Vec::new();
        }
        let node = name(&**change.object());
        all.list().iter().filter(|pod| pods::node(pod) == node).map(|pod| Key::of(&**pod)).collect()
    });
    let events = context.events("taint-eviction-controller");
    let controller = Arc::new(Controller { context, events, nodes, pods, since: Mutex::default() });
    let reconcile = move |key: Key| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("taint-eviction-controller", 8, reconcile).await;
}

fn no_execute(node: &Node) -> Vec<Taint> {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    taints.filter(|taint| taint.effect == "NoExecute").cloned().collect()
}

/// How long a pod may stay.
#[derive(Debug, PartialEq, Eq)]
enum Stay {
    Forever,
    For(Duration),
    No,
}

/// The shortest time that the tolerations in use allow; all taints must be tolerated.
fn stay(taints: &[Taint], tolerations: &[Toleration]) -> Stay {
    let mut shortest: Option<Duration> = None;
    for taint in taints {
        let value = taint.value.as_deref().unwrap_or_default();
        let mut used =
            tolerations.iter().filter(|one| covers(one, &taint.key, value, "NoExecute")).peekable();
        if used.peek().is_none() {
            return Stay::No;
        }
        for seconds in used.filter_map(|toleration| toleration.toleration_seconds) {
            let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
            shortest = Some(shortest.map_or(limit, |known| known.min(limit)));
        }
    }
    match shortest {
        None => Stay::Forever,
        Some(limit) if limit.is_zero() => Stay::No,
        Some(limit) => Stay::For(limit),
    }
}

struct Controller {
    context: Context,
    events: Events,
    nodes: Informer<Node>,
    pods: Informer<Pod>,
    /// Since when a pod's time is running, by UID.
    since: Mutex<HashMap<String, Instant>>,
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let pod = self.pods.get(Some(&key.namespace), &key.name);
        let Some(pod) = pod.filter(|pod| !pods::is_leaving(pod) && !pods::node(pod).is_empty()) else {
            self.sweep();
            return Ok(None);
        };
        let taints = self.nodes.get(None, pods::node(&pod)).map(|node| no_execute(&node)).unwrap_or_default();
        let tolerations = pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default();
        match stay(&taints, tolerations) {
            Stay::Forever => {
                if self.since.lock().unwrap_or_else(PoisonError::into_inner).remove(uid(&*pod)).is_some() {
                    let message = format!("Cancelling deletion of Pod {}/{}", key.namespace, key.name);
                    self.events.normal(pod.object_ref(&()), "TaintManagerEviction", message);
                }
                Ok(None)
            }
            Stay::For(limit) => {
                let since = {
                    let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
                    *since.entry(uid(&*pod).to_owned()).or_insert_with(Instant::now)
                };
                match limit.checked_sub(since.elapsed()) {
                    Some(left) if !left.is_zero() => Ok(Some(left)),
                    _ => self.evict(&pod).await.map(|()| None),
                }
            }
            Stay::No => self.evict(&pod).await.map(|()| None),
        }
    }

    /// Forgets pods that are gone.
    fn sweep(&self) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if !since.is_empty() {
            let there: Vec<_> = self.pods.list().iter().map(|pod| uid(&**pod).to_owned()).collect();
            since.retain(|uid, _| there.contains(uid));
        }
    }

    async fn evict(&self, pod: &Pod) -> Result<(), kube::Error> {
        let key = Key::of(pod);
        let message = format!("Marking for deletion Pod {}/{}", key.namespace, key.name);
        self.events.normal(pod.object_ref(&()), "TaintManagerEviction", message);
        let condition = json!({"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint", "lastTransitionTime": Time(now())});
        let patch = json!({"metadata": {"uid": uid(pod)}, "status": {"conditions": [condition]}});
        let api = self.context.api::<Pod>(&key.namespace);
        let marked =
            api.patch_status(&key.name, &PatchParams::default(), &Patch::Strategic(patch)).await.map(drop);
        let only = Preconditions { uid: pod.metadata.uid.clone(), ..Preconditions::default() };
        let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
        let result = match marked {
            Ok(()) => api.delete(&key.name, &params).await.map(drop),
            Err(error) => Err(error),
        };
        match result {
            Err(error) if !matches!(failure(&error), Failure::NotFound | Failure::Conflict) => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_taint_must_be_tolerated_and_the_shortest_time_counts() {
        let taint = |key: &str| Taint { key: key.into(), effect: "NoExecute".into(), ..Taint::default() };
        let tolerates = |key: &str, seconds: Option<i64>| Toleration {
            key: Some(key.into()),
            operator: Some("Exists".into()),
            toleration_seconds: seconds,
            ..Toleration::default()
        };
        let for_seconds = |seconds| Stay::For(Duration::from_secs(seconds));
        let both = [taint("a"), taint("b")];
        assert_eq!(stay(&[], &[]), Stay::Forever);
        assert_eq!(stay(&both, &[tolerates("a", None)]), Stay::No);
        assert_eq!(stay(&both, &[tolerates("a", None), tolerates("b", None)]), Stay::Forever);
        assert_eq!(stay(&both, &[tolerates("a", Some(300)), tolerates("b", Some(60))]), for_seconds(60));
        assert_eq!(stay(&both[..1], &[tolerates("a", Some(0)), tolerates("b", Some(60))]), Stay::No);
        assert_eq!(stay(&both[..1], &[tolerates("a", Some(9)), tolerates("b", Some(1))]), for_seconds(9));
    }
}
