//! From nodes to routes, neighbours and tunnel ends. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::IpNet;
use crate::link::Mac;

use super::{OverlayConfig, RemoteNode, Way, hardware_address};

/// How the machine reaches an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    /// By this device.
    pub(super) device: u32,
    /// Whether the address is on the device's link, with no router between.
    pub(super) shares_link: bool,
}

/// A route to pods of another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeRoute {
    pub(super) destination: IpNet,
    pub(super) gateway: IpAddr,
    pub(super) device: u32,
}

/// What the kernel should know. In routes, a device of `None` is the tunnel's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    routes: Vec<(IpNet, IpAddr, Option<u32>)>,
    /// Gateways on the tunnel's device.
    pub(super) neighbours: BTreeSet<(IpAddr, Mac)>,
    /// Which node a hardware address is behind.
    pub(super) tunnels: BTreeSet<(Mac, IpAddr)>,
    /// How each node's pods are reached, in the nodes' order.
    pub(super) ways: Vec<Way>,
}

impl Wanted {
    pub(super) fn needs_tunnel(&self) -> bool {
        !self.tunnels.is_empty()
    }

    /// The routes, given the number of the tunnel's device.
    pub(super) fn routes(&self, tunnel: Option<u32>) -> Vec<NodeRoute> {
        let whole = |(destination, gateway, device): &(IpNet, IpAddr, Option<u32>)| {
            let device = device.or(tunnel)?;
            Some(NodeRoute { destination: *destination, gateway: *gateway, device })
        };
        self.routes.iter().filter_map(whole).collect()
    }
}

/// `paths` are those to the nodes, in the same order.
pub(super) fn plan(config: &OverlayConfig, nodes: &[RemoteNode], paths: &[Option<Path>]) -> Wanted {
    let mut wanted = Wanted::default();
    for (node, path) in nodes.iter().zip(paths) {
        let direct = path.filter(|path| path.shares_link && !config.always_tunnel);
        let mut way = Way::Direct;
        for range in &node.pod_cidrs {
            // A route of one family leads to a gateway of the same; the tunnel carries both.
            match direct.filter(|_| range.is_ipv4() == node.address.is_ipv4()) {
                Some(path) => wanted.routes.push((*range, node.address, Some(path.device))),
                None => {
                    way = Way::Tunnel;
                    let mac = hardware_address(node.address);
                    // The range's first address is nobody's: no pod has it.
                    wanted.routes.push((*range, range.network(), None));
                    wanted.neighbours.insert((range.network(), mac));
                    wanted.tunnels.insert((mac, node.address));
                }
            }
        }
        wanted.ways.push(way);
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, address: &str, pods: &[&str]) -> RemoteNode {
        let pod_cidrs = pods.iter().map(|range| range.parse().unwrap()).collect();
        RemoteNode { name: name.to_owned(), address: address.parse().unwrap(), pod_cidrs }
    }

    fn config(always_tunnel: bool) -> OverlayConfig {
        OverlayConfig {
            device: "vxlw0".to_owned(),
            address: "192.0.2.1".parse().unwrap(),
            sources: vec![],
            number: 7,
            port: super::super::PORT,
            always_tunnel,
        }
    }

    #[test]
    fn neighbours_on_the_link_get_routes_and_others_tunnels() {
        let nodes = [
            node("near", "192.0.2.2", &["10.42.1.0/24"]),
            node("far", "198.51.100.3", &["10.42.2.0/24", "fd00:0:0:2::/64"]),
            node("lost", "203.0.113.9", &["10.42.3.0/24"]),
        ];
        let path = |shares_link| Some(Path { device: 2, shares_link });
        let wanted = plan(&config(false), &nodes, &[path(true), path(false), None]);
        assert_eq!(wanted.ways, [Way::Direct, Way::Tunnel, Way::Tunnel]);
        let routes = wanted.routes(Some(9));
        let lines: Vec<String> =
            routes.iter().map(|r| format!("{} via {} dev {}", r.destination, r.gateway, r.device)).collect();
        assert_eq!(
            lines,
            [
                "10.42.1.0/24 via 192.0.2.2 dev 2",
                "10.42.2.0/24 via 10.42.2.0 dev 9",
                "fd00:0:0:2::/64 via fd00:0:0:2:: dev 9",
                "10.42.3.0/24 via 10.42.3.0 dev 9"
            ]
        );
        assert_eq!((wanted.tunnels.len(), wanted.neighbours.len()), (2, 3));
        assert!(wanted.tunnels.contains(&(hardware_address(nodes[1].address), nodes[1].address)));
    }

    #[test]
    fn a_shared_link_needs_no_tunnel_unless_told_so_or_of_another_family() {
        let path = [Some(Path { device: 2, shares_link: true })];
        let plain = [node("near", "192.0.2.2", &["10.42.1.0/24"])];
        assert!(!plan(&config(false), &plain, &path).needs_tunnel());
        assert!(plan(&config(true), &plain, &path).needs_tunnel());
        let dual = [node("near", "192.0.2.2", &["10.42.1.0/24", "fd00:0:0:1::/64"])];
        let wanted = plan(&config(false), &dual, &path);
        assert_eq!(
            (wanted.ways[0], wanted.routes(None).len(), wanted.routes(Some(9)).len()),
            (Way::Tunnel, 1, 2)
        );
    }
}
