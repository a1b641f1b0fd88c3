//! Where the cluster's name servers are: one on each node, at the node's address towards its pods, the first of its
//! range. Kept as the EndpointSlice `kube-dns` of the Service of that name; each node is led to its own server, and to
//! another node's when that node is not ready. Woken by changes of nodes alone.

use std::sync::Arc;
use std::time::Duration;

use client::Queue;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::shared::{Context, feed::feed, name};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-dns";

/// Keeps the slice; does nothing for a cluster whose name servers are somebody else's.
pub(crate) async fn run(context: Context) {
    if !context.options.name_servers {
        return std::future::pending().await;
    }
    let nodes = context.informers.of::<Node>();
    nodes.synced().await;
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &nodes, &queue, |change| {
        let same = change.previous().is_some_and(|old| endpoint(old) == endpoint(change.object()));
        (!same || matches!(change, client::Change::Deleted(_))).then_some(())
    });
    let reconcile = move |()| {
        let (context, nodes) = (context.clone(), nodes.clone());
        async move {
            let slice = slice(&nodes.list());
            let api = context.api::<EndpointSlice>(NAMESPACE);
            api.patch(NAME, &PatchParams::apply("launchway").force(), &Patch::Apply(slice)).await?;
            Ok::<Option<Duration>, kube::Error>(None)
        }
    };
    queue.run("name-server-controller", 1, reconcile).await;
}

/// The node's name server as an endpoint; none before the node was given its range.
fn endpoint(node: &Node) -> Option<Value> {
    let range = node.spec.as_ref()?.pod_cidr.as_deref()?;
    let network: std::net::Ipv4Addr = range.split('/').next()?.parse().ok()?;
    let address = std::net::Ipv4Addr::from_bits(network.to_bits() + 1);
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref());
    let ready = conditions.into_iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True");
    let node = name(node);
    Some(
        json!({"addresses": [address], "conditions": {"ready": ready, "serving": ready, "terminating": false},
        "nodeName": node, "hints": {"forNodes": [{"name": node}]}}),
    )
}

fn slice(nodes: &[Arc<Node>]) -> Value {
    let mut endpoints: Vec<Value> = nodes.iter().filter_map(|node| endpoint(node)).collect();
    endpoints.sort_by_key(|endpoint| endpoint["nodeName"].to_string());
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {
                "kubernetes.io/service-name": NAME,
                "endpointslice.kubernetes.io/managed-by": "launchway.dev",
            },
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_a_server_at_the_start_of_its_range() {
        let node = |name: &str, range: Value, ready: &str| {
            let node = json!({"metadata": {"name": name}, "spec": {"podCIDR": range},
                "status": {"conditions": [{"type": "Ready", "status": ready}]}});
            Arc::new(serde_json::from_value::<Node>(node).unwrap())
        };
        let nodes = [
            node("b", json!("10.42.1.0/24"), "Unknown"),
            node("a", json!("10.42.0.0/24"), "True"),
            node("new", Value::Null, "True"),
        ];
        let endpoints = slice(&nodes)["endpoints"].clone();
        assert_eq!(endpoints.as_array().unwrap().len(), 2);
        assert_eq!(
            (&endpoints[0]["addresses"][0], &endpoints[0]["conditions"]["ready"]),
            (&json!("10.42.0.1"), &json!(true))
        );
        assert_eq!(
            (&endpoints[1]["addresses"][0], &endpoints[1]["conditions"]["ready"]),
            (&json!("10.42.1.1"), &json!(false))
        );
        assert_eq!(endpoints[1]["hints"]["forNodes"][0]["name"], "b");
    }
}
