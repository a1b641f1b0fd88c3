//! Network policy between pods in namespaces: who reaches whom, by address, block and port, over both families; what
//! goes on regardless; and that nothing stays behind. Needs root.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use network::policy::{Allow, Peer, Peers, PodRules, PortRange, Ports, Rules, Table};
use network::services::Protocol;
use network::{Ipv6Config, PodNetwork, PodNetworkConfig};
use support::{NODE, Pod, config, machine};

const TABLE: &str = "policy-test";
/// A dropped packet is never answered; an answer takes microseconds.
const SILENCE: Duration = Duration::from_millis(400);

/// A machine with three pods that serve TCP and UDP on ports 80 and 81, and its table.
struct World {
    pods: [Pod; 3],
    second: [IpAddr; 3],
    table: Table,
    _state: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let ipv6 = Ipv6Config {
            node_address: "fd00:10:42::1".parse().unwrap(),
            pod_cidr: "fd00:10:42::/64".parse().unwrap(),
            cluster_cidr: "fd00:10:42::/56".parse().unwrap(),
            service_cidr: "fd00:10:43::/112".parse().unwrap(),
        };
        let config = PodNetworkConfig { ipv6: Some(ipv6), ..config(state.path()) };
        let network = PodNetwork::open(config).unwrap();
        network.setup_node().unwrap();
        let pods = ["a", "b", "c"].map(|id| Pod::attach(&network, id));
        let second = [0, 1, 2].map(|n: usize| network.partner(pods[n].address).unwrap().into());
        for pod in &pods {
            for port in [80, 81] {
                serve(pod, port);
            }
        }
        Self { pods, second, table: Table::new(TABLE).unwrap(), _state: state }
    }

    /// Who reaches whom at this port over TCP, IPv4 and IPv6: `ab` says that a reaches b.
    fn reach(&self, port: u16) -> String {
        let mut found = Vec::new();
        for (from, name) in ["a", "b", "c"].iter().enumerate() {
            for (to, other) in ["a", "b", "c"].iter().enumerate() {
                let target = self.pods[to].address.into();
                let first = self.pods[from].run(|| connects(target, port));
                let second = self.pods[from].run(|| connects(self.second[to], port));
                assert_eq!(first, second, "both families say the same of {name}{other}");
                found.extend(first.then(|| format!("{name}{other}")));
            }
        }
        found.join(" ")
    }

    /// The pod's rules under both of its addresses.
    fn sync(&mut self, rules: &mut Rules, pod: usize, of: PodRules) {
        rules.pods.insert(self.pods[pod].address.into(), of.clone());
        rules.pods.insert(self.second[pod], of);
        self.table.sync(rules).unwrap();
    }

    fn group(&self, members: &[usize]) -> BTreeSet<IpAddr> {
        members.iter().flat_map(|n| [self.pods[*n].address.into(), self.second[*n]]).collect()
    }
}

fn serve(pod: &Pod, port: u16) {
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let (tcp, udp) = pod.run(|| (TcpListener::bind(any).unwrap(), UdpSocket::bind(any).unwrap()));
    std::thread::spawn(move || {
        for stream in tcp.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut byte = [0];
                while matches!(stream.read(&mut byte), Ok(1)) && stream.write_all(&byte).is_ok() {}
            });
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 16];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            let _ = udp.send_to(&buffer[..length], from);
        }
    });
}

fn connects(address: IpAddr, port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::new(address, port), SILENCE).is_ok()
}

fn answers_udp(address: IpAddr, port: u16) -> bool {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let address = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    socket.send_to(b"?", (address, port)).unwrap();
    socket.recv(&mut [0; 16]).is_ok()
}

fn allow(peers: Peers, ports: Ports) -> Arc<[Allow]> {
    [Allow { peers, ports }].into()
}

fn ports(ranges: &[(Protocol, u16, u16)]) -> Ports {
    let range = |(protocol, first, last): &(Protocol, u16, u16)| PortRange {
        protocol: *protocol,
        first: *first,
        last: *last,
    };
    Ports::Only(ranges.iter().map(range).collect())
}

fn group(name: &str) -> Peer {
    Peer::Group(name.into())
}

fn block(network: &str, except: &[&str]) -> Peer {
    let except = except.iter().map(|text| text.parse().unwrap()).collect();
    Peer::Block { network: network.parse().unwrap(), except }
}

fn ingress(list: Arc<[Allow]>) -> PodRules {
    PodRules { ingress: Some(list), egress: None }
}

fn egress(list: Arc<[Allow]>) -> PodRules {
    PodRules { ingress: None, egress: Some(list) }
}

const ALL: &str = "aa ab ac ba bb bc ca cb cc";

#[test]
fn isolation_holds_for_the_pod_and_direction_that_it_is_said_of() {
    machine(|| {
        let mut world = World::new();
        let mut rules = Rules::default();
        world.table.sync(&rules).unwrap();
        assert_eq!(world.reach(80), ALL);
        let mut old = world.pods[1].run(|| TcpStream::connect((world.pods[0].address, 80)).unwrap());

        world.sync(&mut rules, 0, ingress([].into()));
        assert_eq!(world.reach(80), "aa ab ac bb bc cb cc", "nobody reaches a, but a itself");
        // What began before goes on; the node reaches its own pod.
        assert_eq!(echo(&mut old), "x");
        assert!(connects(world.pods[0].address.into(), 80) && connects(world.second[0], 80));

        world.sync(&mut rules, 0, egress([].into()));
        assert_eq!(world.reach(80), "aa ba bb bc ca cb cc");
        let node = TcpListener::bind((NODE, 82)).unwrap();
        assert!(world.pods[0].run(|| connects(NODE.into(), 82)), "a pod reaches its own node");
        drop(node);

        world.sync(&mut rules, 0, PodRules { ingress: Some([].into()), egress: Some([].into()) });
        assert_eq!(world.reach(80), "aa bb bc cb cc");
        world.table.sync(&Rules::default()).unwrap();
        assert_eq!(world.reach(80), ALL);
    });
}

#[test]
fn allowances_add_up_and_follow_the_members_of_groups() {
    machine(|| {
        let mut world = World::new();
        let mut rules = Rules::default();
        rules.groups.insert("front".into(), world.group(&[1]));
        let of_group = Allow { peers: Peers::Only(vec![group("front")]), ports: Ports::Any };
        let at_80 = Allow { peers: Peers::Anyone, ports: ports(&[(Protocol::Tcp, 80, 80)]) };
        world.sync(&mut rules, 0, ingress([of_group.clone()].into()));
        assert_eq!(world.reach(80), "aa ab ac ba bb bc cb cc");
        // Another member: one element, not another chain.
        let before = listing();
        rules.groups.insert("front".into(), world.group(&[1, 2]));
        world.table.sync(&rules).unwrap();
        assert_eq!(world.reach(80), ALL);
        assert_eq!(chains(&before), chains(&listing()));
        rules.groups.insert("front".into(), world.group(&[]));
        world.table.sync(&rules).unwrap();
        assert_eq!(world.reach(80), "aa ab ac bb bc cb cc");
        rules.groups.insert("front".into(), world.group(&[1]));
        world.sync(&mut rules, 0, ingress([of_group, at_80].into()));
        assert_eq!((world.reach(80).as_str(), world.reach(81).as_str()), (ALL, "aa ab ac ba bb bc cb cc"));
    });
}

#[test]
fn ports_are_told_apart_by_protocol_number_range_and_pod() {
    machine(|| {
        let mut world = World::new();
        let mut rules = Rules::default();
        let tcp_81 = ports(&[(Protocol::Tcp, 81, 81)]);
        world.sync(&mut rules, 0, ingress(allow(Peers::Anyone, tcp_81)));
        let closed = "aa ab ac bb bc cb cc";
        assert_eq!((world.reach(80).as_str(), world.reach(81).as_str()), (closed, ALL));
        let a = [world.pods[0].address.into(), world.second[0]];
        assert!(!a.iter().any(|address| world.pods[1].run(|| answers_udp(*address, 81))));
        let both = ports(&[(Protocol::Tcp, 80, 80), (Protocol::Udp, 81, 81), (Protocol::Sctp, 81, 81)]);
        world.sync(&mut rules, 0, ingress(allow(Peers::Anyone, both)));
        assert_eq!((world.reach(80).as_str(), world.reach(81).as_str()), (ALL, closed));
        assert!(a.iter().all(|address| world.pods[1].run(|| answers_udp(*address, 81))));
        assert!(!a.iter().any(|address| world.pods[1].run(|| answers_udp(*address, 80))));
        let range = ports(&[(Protocol::Tcp, 81, 90)]);
        world.sync(&mut rules, 0, ingress(allow(Peers::Anyone, range)));
        assert_eq!((world.reach(80).as_str(), world.reach(81).as_str()), (closed, ALL));

        // Ports of each peer of its own: 80 of b and 81 of c.
        let members = [(1, 80), (2, 81)];
        let members = members.iter().flat_map(|(pod, port)| {
            world
                .group(&[*pod])
                .into_iter()
                .map(|address| (address, Protocol::Tcp, *port))
                .collect::<Vec<_>>()
        });
        let members = members.collect();
        rules.ports.insert("http".into(), members);
        let named = Peers::Only(vec![Peer::Ports("http".into())]);
        world.sync(&mut rules, 0, egress(allow(named, Ports::Any)));
        assert_eq!(world.reach(80), "aa ab ba bb bc ca cb cc");
        assert_eq!(world.reach(81), "aa ac ba bb bc ca cb cc");
    });
}

#[test]
fn blocks_have_exceptions() {
    machine(|| {
        let mut world = World::new();
        let mut rules = Rules::default();
        let b = world.pods[1].address;
        let blocks = Peers::Only(vec![
            block("10.42.0.0/16", &[&format!("{b}/32")]),
            block("fd00:10:42::/56", &[&format!("{}/128", world.second[1])]),
        ]);
        world.sync(&mut rules, 0, ingress(allow(blocks.clone(), Ports::Any)));
        assert_eq!(world.reach(80), "aa ab ac bb bc ca cb cc");
        world.sync(&mut rules, 0, egress(allow(blocks, Ports::Any)));
        assert_eq!(world.reach(80), "aa ac ba bb bc ca cb cc");
        let everybody = Peers::Only(vec![block("0.0.0.0/0", &[]), block("::/0", &[])]);
        world.sync(&mut rules, 0, egress(allow(everybody, Ports::Any)));
        assert_eq!(world.reach(80), ALL);
        // One family alone: the other stays shut.
        world.sync(&mut rules, 0, egress(allow(Peers::Only(vec![block("0.0.0.0/0", &[])]), Ports::Any)));
        let (first, second) = (world.pods[1].address.into(), world.second[1]);
        assert!(world.pods[0].run(|| connects(first, 80) && !connects(second, 80)));
    });
}

#[test]
fn the_table_stays_with_its_owner_is_adopted_and_is_removed_whole() {
    machine(|| {
        let mut world = World::new();
        let mut rules = Rules::default();
        world.sync(&mut rules, 0, ingress([].into()));
        let before = listing();
        // The process goes, another one comes: the same table, and closed in between.
        drop(std::mem::replace(&mut world.table, Table::new(TABLE).unwrap()));
        assert_eq!(world.reach(80), "aa ab ac bb bc cb cc");
        world.table.sync(&rules).unwrap();
        assert_eq!(without_handles(&before), without_handles(&listing()));
        // Every change and its opposite leave what was there.
        let many = ports(&[(Protocol::Tcp, 1, 1), (Protocol::Udp, 2, 2), (Protocol::Tcp, 3, 9)]);
        rules.groups.insert("g".into(), world.group(&[1, 2]));
        rules.ports.insert("p".into(), [(world.second[1], Protocol::Tcp, 80)].into());
        let peers = vec![group("g"), Peer::Ports("p".into()), block("192.0.2.0/24", &["192.0.2.7/32"])];
        let all = allow(Peers::Only(peers), many);
        world.sync(&mut rules, 0, PodRules { ingress: Some(all.clone()), egress: Some(all) });
        assert_ne!(without_handles(&before), without_handles(&listing()));
        world.sync(&mut rules, 0, ingress([].into()));
        assert_eq!(without_handles(&before), without_handles(&listing()));
        world.table.teardown().unwrap();
        world.table.teardown().unwrap();
        assert_eq!(world.reach(80), ALL);
        assert!(
            !Command::new("nft").args(["list", "table", "inet", TABLE]).output().unwrap().status.success()
        );
    });
}

fn echo(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    stream.write_all(b"x").unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    String::from_utf8_lossy(&byte).into_owned()
}

/// The table as `nft` prints it, with handles.
fn listing() -> String {
    let output = Command::new("nft").args(["-a", "list", "table", "inet", TABLE]).output();
    let output = output.expect("nft is installed; `cargo xtask test` does it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Chains with their handles: the same ones are the same lines.
fn chains(listing: &str) -> Vec<&str> {
    listing.lines().filter(|line| line.trim_start().starts_with("chain")).collect()
}

fn without_handles(listing: &str) -> String {
    let cut = |line: &str| line.split(" # handle").next().unwrap_or_default().to_owned();
    listing.lines().map(cut).collect::<Vec<_>>().join("\n")
}
