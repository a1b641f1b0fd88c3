//! Pods that nobody else removes: on a node that is gone or out of service, deleted before they had one, or finished and
//! too many.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use client::{Failure, Informer, Queue, failure};
use k8s_openapi::{
    api::core::v1::{Node, Pod},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use crate::shared::{Context, Key, created, feed::feed, name, now, pods, uid};

/// Taint of a node that was shut down, put there by an administrator (KEP-2268).
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
/// How long a node must be missing before its pods are removed: it may be registering itself anew.
const QUARANTINE: Duration = Duration::from_secs(40);

/// Whether an administrator says that the node, which is not ready, is switched off: what is to leave it has left.
fn is_out_of_service(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    !conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True")
        && taints.into_iter().any(|taint| taint.key == OUT_OF_SERVICE)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Task {
    Pod(Key),
    /// Count finished pods.
    Finished,
}

/// Removes such pods.
pub(crate) async fn run(context: Context) {
    let (nodes, pods) = (context.informers.of::<Node>(), context.informers.of::<Pod>());
    tokio::join!(nodes.synced(), pods.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &pods, &queue, |change| {
        let pod = change.object();
        let mut tasks = Vec::new();
        let is_new = |is: fn(&Pod) -> bool| is(pod) && !change.previous().is_some_and(|old| is(old));
        if is_new(|pod| !pods::node(pod).is_empty()) || is_new(pods::is_leaving) {
            tasks.push(Task::Pod(Key::of(&**pod)));
        }
        if is_new(pods::is_finished) {
            tasks.push(Task::Finished);
        }
        tasks
    });
    let all = pods.clone();
    feed(&mut feeds, &nodes, &queue, move |change| {
        let node = change.object();
        let news = matches!(change, client::Change::Deleted(_))
            || is_out_of_service(node) && !change.previous().is_some_and(|old| is_out_of_service(old));
        if !news {
            return Vec::new();
        }
        let on_it = all.list().into_iter().filter(|pod| pods::node(pod) == name(&**node));
        on_it.map(|pod| Task::Pod(Key::of(&*pod))).collect()
    });
    let controller = Arc::new(Controller { context, nodes, pods, missing: Mutex::default() });
    let reconcile = move |task: Task| {
        let controller = controller.clone();
        async move {
            match task {
                Task::Pod(key) => controller.look_at(&key).await,
                Task::Finished => controller.limit_finished().await.map(|()| None),
            }
        }
    };
    queue.run("pod-garbage-collector-controller", 4, reconcile).await;
}

struct Controller {
    context: Context,
    nodes: Informer<Node>,
    pods: Informer<Pod>,
    /// Since when a node is missing.
    missing: Mutex<HashMap<String, Instant>>,
}

impl Controller {
    async fn look_at(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let Some(pod) = self.pods.get(Some(&key.namespace), &key.name) else { return Ok(None) };
        let node = pods::node(&pod);
        if node.is_empty() {
            if pods::is_leaving(&pod) {
                self.remove(&pod, None).await?;
            }
            return Ok(None);
        }
        let left = {
            let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
            match self.nodes.get(None, node) {
                Some(found) if pods::is_leaving(&pod) && is_out_of_service(&found) => Duration::ZERO,
                Some(_) => {
                    missing.remove(node);
                    return Ok(None);
                }
                None => QUARANTINE
                    .saturating_sub(missing.entry(node.to_owned()).or_insert_with(Instant::now).elapsed()),
            }
        };
        if !left.is_zero() {
            return Ok(Some(left));
        }
        if self.nodes.get(None, node).is_some() {
            self.remove(&pod, None).await?;
            return Ok(None);
        }
        let nodes: Api<Node> = Api::all(self.context.client.clone());
        if nodes.get_metadata_opt(node).await?.is_none() {
            self.remove(&pod, Some("PodGC: node no longer exists")).await?;
        }
        Ok(None)
    }

    /// Removes the pod for good; one that was running is said to have failed first, so that its owner counts it.
    async fn remove(&self, pod: &Pod, disruption: Option<&str>) -> Result<(), kube::Error> {
        let key = Key::of(pod);
        let api = self.context.api::<Pod>(&key.namespace);
        let mut result = Ok(());
        if !pods::is_finished(pod) {
            let conditions: Vec<_> = disruption
                .iter()
                .map(|message| {
                    json!({"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC",
                                      "message": message, "lastTransitionTime": Time(now())})
                })
                .collect();
            let patch = json!({"metadata": {"uid": uid(pod)}, "status": {"phase": "Failed", "conditions": conditions}});
            result = api
                .patch_status(&key.name, &PatchParams::default(), &Patch::Strategic(patch))
                .await
                .map(drop);
        }
        let only = Preconditions { uid: pod.metadata.uid.clone(), ..Preconditions::default() };
        let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default().grace_period(0) };
        if result.is_ok() {
            result = api.delete(&key.name, &params).await.map(drop);
        }
        match result {
            Err(error) if !matches!(failure(&error), Failure::NotFound | Failure::Conflict) => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the oldest finished pods beyond the limit.
    async fn limit_finished(&self) -> Result<(), kube::Error> {
        let mut finished = self.pods.list();
        finished.retain(|pod| pods::is_finished(pod));
        let surplus = finished.len().saturating_sub(self.context.options.finished_pods);
        if surplus == 0 {
            return Ok(());
        }
        finished.sort_by_key(|pod| created(&**pod));
        for pod in &finished[..surplus] {
            self.remove(pod, None).await?;
        }
        Ok(())
    }
}
