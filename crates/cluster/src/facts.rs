//! What all nodes of a cluster have in common, and what follows from it. Published in the cluster as the ConfigMap
//! `launchway` in `kube-system`, where machines that join read it.

use std::net::{IpAddr, Ipv4Addr};

use controllers::NodeRange;
use network::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// Prefix length of a node's part of the pods' IPv4 range.
const NODE_PREFIX: u8 = 24;
/// The same for IPv6.
const NODE_PREFIX6: u8 = 64;

/// What all nodes of a cluster have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterFacts {
    /// The cluster's name.
    pub name: String,
    /// Addresses of the pods of all nodes.
    pub pod_cidr: String,
    /// Addresses of services; the tenth is the name server's.
    pub service_cidr: String,
    /// IPv6 addresses of pods; none in a cluster with IPv4 alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_cidr6: Option<String>,
    /// IPv6 addresses of services; there are both or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_cidr6: Option<String>,
    /// How long a node may be silent before it counts as unreachable, in seconds.
    pub node_grace: u64,
}

// === impl ClusterFacts ===

impl ClusterFacts {
    /// A node's own device: a bridge without ports. At most 15 characters, as the kernel wants.
    pub fn device(&self) -> String {
        if self.name == "launchway" {
            "lw0".to_owned()
        } else {
            format!("lw-{}", self.name).chars().take(15).collect()
        }
    }

    /// The tunnel to other nodes; no device of a pod's, so it begins otherwise.
    pub fn tunnel(&self) -> String {
        format!("v{}", self.device()).chars().take(15).collect()
    }

    /// The nftables table, family `inet`.
    pub fn table(&self) -> String {
        if self.name == "launchway" { self.name.clone() } else { format!("launchway-{}", self.name) }
    }

    /// The parent of all pods' cgroups on the first node.
    pub fn cgroup(&self) -> String {
        format!("/{}", self.table())
    }

    /// Address `offset` of the service range (0 is the network itself).
    pub fn service_address(&self, offset: u32) -> Ipv4Addr {
        nth(&self.service_cidr, offset)
    }

    /// The ranges that nodes' ranges are cut from, one of each family. A range of one node's size is that node's.
    pub fn node_ranges(&self) -> Vec<NodeRange> {
        let range = |text: &String, least: u8| {
            let range: IpNet = text.parse().ok()?;
            let (network, prefix) = (range.network(), range.prefix());
            Some(NodeRange { network, prefix, node_prefix: least.max(prefix) })
        };
        let second = self.pod_cidr6.as_ref().and_then(|text| range(text, NODE_PREFIX6));
        range(&self.pod_cidr, NODE_PREFIX).into_iter().chain(second).collect()
    }

    /// The ranges of the first node: the start of each.
    pub fn first_ranges(&self) -> Vec<String> {
        self.node_ranges().iter().map(|range| format!("{}/{}", range.network, range.node_prefix)).collect()
    }

    /// How many further nodes the machine of the first can hold: their addresses are taken from the end of its
    /// range. None where that range is all there is.
    pub fn local_nodes(&self) -> u32 {
        let divisible = self.node_ranges().first().is_some_and(|range| range.prefix < range.node_prefix);
        if divisible { 14 } else { 0 }
    }

    /// Address of the further node `number` (2 is the first of them) on the machine of the first.
    pub fn local_address(&self, number: u32) -> Option<Ipv4Addr> {
        let first: Ipv4Net = self.first_ranges().first()?.parse().ok()?;
        let place = number.checked_sub(2).filter(|place| *place < self.local_nodes())?;
        Some(Ipv4Addr::from_bits(first.last().to_bits() - 1 - place))
    }
}

/// Address `offset` of a range.
pub(crate) fn nth(range: &str, offset: u32) -> Ipv4Addr {
    // Ranges are checked when settings are made; a damaged one gives addresses that fail to bind, loudly.
    match range.parse().map(|range: IpNet| range.network()) {
        Ok(IpAddr::V4(base)) => Ipv4Addr::from_bits(base.to_bits().wrapping_add(offset)),
        _ => Ipv4Addr::UNSPECIFIED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pods: &str, pods6: Option<&str>) -> ClusterFacts {
        ClusterFacts {
            name: "launchway".to_owned(),
            pod_cidr: pods.to_owned(),
            service_cidr: "10.43.0.0/16".to_owned(),
            pod_cidr6: pods6.map(str::to_owned),
            service_cidr6: None,
            node_grace: 50,
        }
    }

    #[test]
    fn the_first_node_has_the_start_of_each_range() {
        let facts = facts("10.42.0.0/16", Some("fd00:10:42::/56"));
        assert_eq!(facts.first_ranges(), ["10.42.0.0/24", "fd00:10:42::/64"]);
        assert_eq!(facts.local_address(2), Some(Ipv4Addr::new(10, 42, 0, 254)));
        assert_eq!(facts.local_address(15), Some(Ipv4Addr::new(10, 42, 0, 241)));
        assert_eq!((facts.local_address(1), facts.local_address(16)), (None, None));
        assert_eq!(facts.service_address(10), Ipv4Addr::new(10, 43, 0, 10));
    }

    #[test]
    fn a_range_of_one_nodes_size_has_room_for_one() {
        let facts = facts("10.52.0.0/24", None);
        assert_eq!((facts.first_ranges(), facts.local_nodes()), (vec!["10.52.0.0/24".to_owned()], 0));
        assert_eq!(facts.local_address(2), None);
    }
}
