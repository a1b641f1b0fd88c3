//! Nodes that took leave: a node may not remove its own Node, but it may say that it left, and then it is removed here.

use std::time::Duration;

use client::{Failure, Queue, failure};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{DeleteParams, Preconditions};
use tokio::task::JoinSet;

use crate::shared::{Context, feed::feed, name};

/// Annotation of a Node whose machine has left the cluster.
pub const LEFT: &str = "launchway.dev/left";

/// Removes such nodes.
pub(crate) async fn run(context: Context) {
    let nodes = context.informers.of::<Node>();
    nodes.synced().await;
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &nodes, &queue, |change| {
        let node = change.object();
        has_left(node).then(|| name(&**node).to_owned())
    });
    let api: Api<Node> = Api::all(context.client.clone());
    let reconcile = move |key: String| {
        let (api, nodes) = (api.clone(), nodes.clone());
        async move {
            let Some(node) = nodes.get(None, &key).filter(|node| has_left(node)) else { return Ok(None) };
            let only = Preconditions { uid: node.metadata.uid.clone(), ..Preconditions::default() };
            match api.delete(&key, &DeleteParams::default().preconditions(only)).await {
                Err(error) if !matches!(failure(&error), Failure::NotFound | Failure::Conflict) => Err(error),
                _ => Ok(None::<Duration>),
            }
        }
    };
    queue.run("left-node-controller", 1, reconcile).await;
}

fn has_left(node: &Node) -> bool {
    node.metadata.annotations.as_ref().and_then(|all| all.get(LEFT)).is_some_and(|value| value == "true")
}
