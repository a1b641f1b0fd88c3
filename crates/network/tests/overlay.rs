//! Ways between nodes that are namespaces: on one link by routes, behind a router through the tunnel. Needs root.
//!
//! ```text
//!   n1 192.0.2.1 ┐                    ┌ n3 198.51.100.3
//!                ├ router (forwards) ─┘
//!   n2 192.0.2.2 ┘
//! ```

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

use network::overlay::{Error, Overlay, OverlayConfig, PORT, RemoteNode, Way};
use network::{Ipv6Config, PodNetwork, PodNetworkConfig, namespace, sysctl};
use support::{Pod, up};

/// Runs `ip ARGUMENTS`, words separated by spaces.
fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.expect("ip is installed; `cargo xtask test` does it");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

struct Node {
    number: u8,
    netns: OwnedFd,
    pod: Pod,
    pod6: IpAddr,
    _state: tempfile::TempDir,
}

impl Node {
    /// A node with a pod that answers on UDP port 9, on the link of its family's gateway.
    fn new(number: u8, netns: OwnedFd) -> Self {
        let state = tempfile::tempdir().unwrap();
        let (pod, pod6) = namespace::run_in(&netns, || {
            let ipv6 = Ipv6Config {
                node_address: format!("fd00:0:0:{number}::1").parse().unwrap(),
                pod_cidr: format!("fd00:0:0:{number}::/64").parse().unwrap(),
                cluster_cidr: "fd00::/56".parse().unwrap(),
                service_cidr: "fd00:43::/112".parse().unwrap(),
            };
            let network = PodNetwork::open(PodNetworkConfig {
                node_address: Ipv4Addr::new(10, 42, number, 1),
                pod_cidr: format!("10.42.{number}.0/24").parse().unwrap(),
                ipv6: Some(ipv6),
                ..support::config(state.path())
            })
            .unwrap();
            network.setup_node().unwrap();
            let pod = Pod::attach(&network, "pod");
            let pod6 = network.partner(pod.address).unwrap().into();
            (pod, pod6)
        })
        .unwrap();
        let socket = pod.run(|| UdpSocket::bind("[::]:9").unwrap());
        std::thread::spawn(move || {
            let mut buffer = vec![0; 2000];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..length], from);
            }
        });
        Self { number, netns, pod, pod6, _state: state }
    }

    fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        namespace::run_in(&self.netns, work).unwrap()
    }

    fn overlay(&self, address: &str, always_tunnel: bool) -> Overlay {
        let number = self.number;
        let sources = vec![
            format!("10.42.{number}.1").parse().unwrap(),
            format!("fd00:0:0:{number}::1").parse().unwrap(),
        ];
        let config = OverlayConfig {
            device: "vxlw0".to_owned(),
            address: address.parse().unwrap(),
            sources,
            number: 7,
            port: PORT,
            always_tunnel,
        };
        self.run(|| Overlay::open(config).unwrap())
    }

    /// Which pods of others answer this node's pod a packet of 1300 bytes, and this node itself.
    fn reaches(&self, other: &Node) -> [bool; 4] {
        let asks = |address: IpAddr| {
            let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(800))).unwrap();
            let sent = socket.send_to(&[7; 1300], (address, 9));
            sent.is_ok() && socket.recv(&mut [0; 2000]).is_ok_and(|length| length == 1300)
        };
        let (first, second) = (other.pod.address.into(), other.pod6);
        [
            self.pod.run(|| asks(first)),
            self.pod.run(|| asks(second)),
            self.run(|| asks(first)),
            self.run(|| asks(second)),
        ]
    }

    fn devices(&self) -> String {
        self.run(|| ip("-d -o link show type vxlan"))
    }
}

/// Waits until everything is answered: the machines' own neighbours may have to be found first.
fn assert_reaches(from: &Node, to: &Node) {
    let mut found = [false; 4];
    for _ in 0..20 {
        found = from.reaches(to);
        if found == [true; 4] {
            return;
        }
    }
    panic!("n{} to n{}: {found:?}", from.number, to.number);
}

fn remote(number: u8, address: &str) -> RemoteNode {
    let pod_cidrs = [format!("10.42.{number}.0/24"), format!("fd00:0:0:{number}::/64")];
    RemoteNode {
        name: format!("n{number}"),
        address: address.parse().unwrap(),
        pod_cidrs: pod_cidrs.iter().map(|range| range.parse().unwrap()).collect(),
    }
}

/// Three nodes; the addresses are those of the picture, or of IPv6 in the same places.
fn world(ipv6: bool) -> ([Node; 3], [&'static str; 3], OwnedFd) {
    assert!(rustix::process::geteuid().is_root(), "this test makes network namespaces: run it as root");
    let router = namespace::create().unwrap();
    let spaces = [1, 2, 3].map(|_| namespace::create().unwrap());
    let addresses = match ipv6 {
        false => ["192.0.2.1", "192.0.2.2", "198.51.100.3"],
        true => ["2001:db8:1::1", "2001:db8:1::2", "2001:db8:2::3"],
    };
    let (near, far, width) = match ipv6 {
        false => ("192.0.2.254", "198.51.100.254", 24),
        true => ("2001:db8:1::fe", "2001:db8:2::fe", 64),
    };
    namespace::run_in(&router, || {
        up("lo");
        sysctl::write("net/ipv4/ip_forward", "1").unwrap();
        sysctl::write("net/ipv6/conf/all/forwarding", "1").unwrap();
        for device in ["near", "far"] {
            ip(&format!("link add {device} type bridge"));
            ip(&format!("link set {device} up"));
        }
        let flag = if ipv6 { " nodad" } else { "" };
        ip(&format!("address add {near}/{width} dev near{flag}"));
        ip(&format!("address add {far}/{width} dev far{flag}"));
    })
    .unwrap();
    for (at, space) in spaces.iter().enumerate() {
        let (bridge, gateway) = if at == 2 { ("far", far) } else { ("near", near) };
        namespace::run_in(&router, || {
            // A descriptor of this process: `ip` opens it by its path.
            let path = format!("/proc/{}/fd/{}", std::process::id(), space.as_raw_fd());
            ip(&format!("link add port{at} type veth peer name eth0 netns {path}"));
            ip(&format!("link set port{at} master {bridge} up"));
        })
        .unwrap();
        namespace::run_in(space, || {
            up("lo");
            let flag = if ipv6 { " nodad" } else { "" };
            ip(&format!("address add {}/{width} dev eth0{flag}", addresses[at]));
            up("eth0");
            ip(&format!("{}route add default via {gateway}", if ipv6 { "-6 " } else { "" }));
        })
        .unwrap();
    }
    let mut number = 0;
    let nodes = spaces.map(|space| {
        number += 1;
        Node::new(number, space)
    });
    (nodes, addresses, router)
}

fn others(of: u8, addresses: &[&str; 3]) -> Vec<RemoteNode> {
    (1..=3).filter(|n| *n != of).map(|n| remote(n, addresses[usize::from(n) - 1])).collect()
}

#[test]
fn pods_of_all_nodes_reach_each_other_over_the_way_that_fits() {
    let (nodes, addresses, _router) = world(false);
    let mut overlays = [0, 1, 2].map(|n: usize| nodes[n].overlay(addresses[n], false));
    assert_eq!(nodes[0].reaches(&nodes[2]), [false; 4], "without the ways there are none");
    for (overlay, node) in overlays.iter_mut().zip(&nodes) {
        let remotes = others(node.number, &addresses);
        node.run(|| overlay.sync(&remotes).unwrap());
        // Again changes nothing.
        let before = node.run(|| ip("route show table all") + &ip("-6 route show") + &ip("neighbour show"));
        node.run(|| overlay.sync(&remotes).unwrap());
        let after = node.run(|| ip("route show table all") + &ip("-6 route show") + &ip("neighbour show"));
        let steady = |text: &str| {
            text.lines()
                .filter(|l| l.contains("vxlw0") || l.contains("10.42"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(steady(&before), steady(&after));
    }
    for from in &nodes {
        for to in nodes.iter().filter(|to| to.number != from.number) {
            assert_reaches(from, to);
        }
    }
    let route = nodes[0].run(|| ip("route get 10.42.2.9"));
    assert!(route.contains("via 192.0.2.2 dev eth0"), "on one link without a tunnel: {route}");
    let route = nodes[0].run(|| ip("route get 10.42.3.9"));
    assert!(route.contains("dev vxlw0"), "{route}");
    assert!(nodes[0].devices().contains("mtu 1450"), "{}", nodes[0].devices());

    // A node that goes is forgotten, and the tunnel with the last that needs it.
    let near = [remote(2, addresses[1])];
    let ways = nodes[0].run(|| overlays[0].sync(&near).unwrap());
    assert_eq!(ways, [Way::Tunnel], "IPv6 pods of a node with an IPv4 address");
    assert!(!nodes[0].run(|| ip("route show")).contains("10.42.3.0/24"));
    assert!(nodes[0].run(|| ip("-4 neighbour show dev vxlw0")).is_empty());
    let plain = RemoteNode { pod_cidrs: vec!["10.42.2.0/24".parse().unwrap()], ..near[0].clone() };
    assert_eq!(nodes[0].run(|| overlays[0].sync(&[plain]).unwrap()), [Way::Direct]);
    assert_eq!(nodes[0].devices(), "");
    assert!(nodes[0].pod.run(|| true) && nodes[0].reaches(&nodes[1])[0]);
    nodes[0].run(|| overlays[0].teardown().unwrap());
    assert!(!nodes[0].run(|| ip("route show")).contains("10.42.2.0/24"));
}

#[test]
fn a_tunnel_over_ipv6_carries_both_families() {
    let (nodes, addresses, _router) = world(true);
    for node in &nodes {
        let mut overlay = node.overlay(addresses[usize::from(node.number) - 1], true);
        let ways = node.run(|| overlay.sync(&others(node.number, &addresses)).unwrap());
        assert_eq!(ways, [Way::Tunnel, Way::Tunnel], "also on a shared link, if so configured");
        assert!(node.devices().contains("mtu 1430"), "{}", node.devices());
    }
    for (from, to) in [(0, 1), (0, 2), (2, 1)] {
        assert_reaches(&nodes[from], &nodes[to]);
    }
}

#[test]
fn what_is_not_ours_stays() {
    let (nodes, addresses, _router) = world(false);
    let node = &nodes[0];
    node.run(|| ip("link add vxlw0 type vxlan id 7 dstport 4789 dev eth0"));
    node.run(|| ip("route add 10.42.9.0/24 via 192.0.2.2"));
    let mut overlay = node.overlay(addresses[0], false);
    let error = node.run(|| overlay.sync(&others(1, &addresses)).unwrap_err());
    assert!(matches!(error, Error::DeviceTaken { .. }), "{error}");
    node.run(|| overlay.teardown().unwrap());
    assert!(node.devices().contains("vxlw0"));
    assert!(node.run(|| ip("route show")).contains("10.42.9.0/24"));
    let wrong = remote(2, "2001:db8::2");
    let error = node.run(|| overlay.sync(&[wrong]).unwrap_err()).to_string();
    assert!(error.starts_with("node n2 has the address 2001:db8::2, this one 192.0.2.1"), "{error}");
}
