//! Ways to the pods of the other nodes, kept as Nodes come, go and change their addresses.
//!
//! Woken by changes of Nodes alone, and by a pause after a failure. The ways stay when this ends, so that connections
//! go on.

use std::net::IpAddr;
use std::time::Duration;

use client::{Informer, Informers};
use k8s_openapi::api::core::v1::Node;
use network::IpNet;
use network::overlay::{Overlay, OverlayConfig, PORT, RemoteNode};

use super::NodeConfig;

/// Number of every cluster's tunnels.
const TUNNEL: u32 = 4242;
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(5);

/// How this node takes part.
pub(crate) fn config(node: &NodeConfig) -> OverlayConfig {
    let second = node.ipv6.as_ref().map(|ipv6| IpAddr::from(ipv6.node_address));
    OverlayConfig {
        device: node.tunnel.clone(),
        address: node.address.into(),
        sources: std::iter::once(IpAddr::from(node.pod_side)).chain(second).collect(),
        number: TUNNEL,
        port: PORT,
        always_tunnel: false,
    }
}

/// Keeps the ways; ends only with an error.
pub(super) async fn run(client: kube::Client, node: &NodeConfig) -> Result<std::convert::Infallible, String> {
    let nodes: Informer<Node> = Informers::new(client).of();
    let mut changes = nodes.subscribe();
    nodes.synced().await;
    let mut known = None;
    let mut overlay = Overlay::open(config(node)).map_err(|e| e.to_string())?;
    loop {
        while changes.try_recv().is_ok() {}
        let others = others(&nodes.list(), &node.name);
        let mut failed = false;
        if known.as_ref() != Some(&others) {
            let work = move || {
                let result = overlay.sync(&others);
                (overlay, others, result)
            };
            let (returned, tried, result) =
                tokio::task::spawn_blocking(work).await.map_err(|e| e.to_string())?;
            overlay = returned;
            match result {
                Ok(ways) => {
                    for (node, way) in tried.iter().zip(ways) {
                        tracing::info!(node = node.name, ?way, "way to the pods of a node");
                    }
                    known = Some(tried);
                }
                Err(error) => {
                    tracing::error!(%error, "ways to other nodes are not up to date");
                    failed = true;
                }
            }
        }
        let again = async {
            match failed {
                true => tokio::time::sleep(RETRY).await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            change = changes.recv() => drop(change.ok_or("the watch of Nodes ended")?),
            () = again => {}
        }
    }
}

/// All nodes but this one that have an address and ranges for their pods, by name.
fn others(nodes: &[std::sync::Arc<Node>], own: &str) -> Vec<RemoteNode> {
    let mut others: Vec<RemoteNode> = nodes.iter().filter_map(|node| remote(node)).collect();
    others.retain(|node| node.name != own);
    others.sort_by(|a, b| a.name.cmp(&b.name));
    others
}

fn remote(node: &Node) -> Option<RemoteNode> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    let of_pods = node.spec.as_ref()?.pod_cidrs.as_ref()?;
    let internal = addresses.iter().filter(|address| address.type_ == "InternalIP");
    Some(RemoteNode {
        name: node.metadata.name.clone()?,
        address: internal.filter_map(|address| address.address.parse().ok()).find(IpAddr::is_ipv4)?,
        pod_cidrs: of_pods.iter().filter_map(|range| range.parse::<IpNet>().ok()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn nodes_with_an_address_and_ranges_are_reached() {
        let node = |name: &str, cidrs: &[&str], address: &str| {
            let addresses =
                json!([{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]);
            let node = json!({"metadata": {"name": name}, "spec": {"podCIDRs": cidrs},
                "status": {"addresses": addresses}});
            Arc::new(serde_json::from_value::<Node>(node).unwrap())
        };
        let unready = Arc::new(serde_json::from_value::<Node>(json!({"metadata": {"name": "new"}})).unwrap());
        let nodes = [
            node("c", &["10.42.2.0/24", "fd00::/64"], "192.0.2.3"),
            unready,
            node("own", &["10.42.0.0/24"], "192.0.2.1"),
            node("b", &["10.42.1.0/24"], "192.0.2.2"),
        ];
        let found = others(&nodes, "own");
        let names: Vec<&str> = found.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["b", "c"]);
        assert_eq!(found[1].address.to_string(), "192.0.2.3");
        assert_eq!(found[1].pod_cidrs.len(), 2);
    }
}
