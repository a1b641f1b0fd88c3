//! Service rules in namespaces: every way to an endpoint, changes under load, clean removal. Needs root.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use network::netlink::{Family, Request, Socket};
use network::services::{
    Clients, Empty, Frontend, IpFamily, Place, Protocol, ServiceRule, Table, TableConfig,
};
use network::{IpNet, PodNetwork, link, namespace, route, sysctl};
use support::{NODE, NODE6, Pod, ask, ask_on, ask_udp, config, connect, ipv6, machine, serve_tcp_in};

const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 43, 0, 7);
const SERVICE6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x10, 0x43, 0, 0, 0, 0, 7);
const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn table_config(name: &str) -> TableConfig {
    TableConfig {
        name: name.to_owned(),
        device: "lw0".to_owned(),
        node_address: NODE,
        pod_cidr: "10.42.0.0/24".parse().unwrap(),
        cluster_cidr: "10.42.0.0/16".parse().unwrap(),
        service_cidr: "10.43.0.0/16".parse().unwrap(),
        ipv6: Some(ipv6()),
    }
}

fn rule(address: Option<Ipv4Addr>, protocol: Protocol, port: u16, to: &[(Ipv4Addr, u16)]) -> ServiceRule {
    let place = address.map_or(Place::Node(IpFamily::V4), |address| Place::Address(address.into()));
    let to: Vec<(IpAddr, u16)> = to.iter().map(|(address, port)| ((*address).into(), *port)).collect();
    rule_at(place, protocol, port, &to)
}

fn rule_at(place: Place, protocol: Protocol, port: u16, to: &[(IpAddr, u16)]) -> ServiceRule {
    ServiceRule {
        frontend: Frontend { place, protocol, port, clients: Clients::All },
        endpoints: to.iter().map(|to| SocketAddr::from(*to)).collect(),
        affinity: None,
        empty: Empty::Reject,
        sources: Vec::new(),
    }
}

fn tcp(port: u16, to: &[(Ipv4Addr, u16)]) -> ServiceRule {
    rule(Some(SERVICE), Protocol::Tcp, port, to)
}

/// A machine with a node, two pods that serve TCP and UDP on port 80 as "a" and "b", and a table.
fn with_two_pods(test: impl FnOnce(&PodNetwork, &Pod, &Pod, &mut Table) + Send) {
    machine(|| {
        let state = tempfile::tempdir().unwrap();
        let network = PodNetwork::open(config(state.path())).unwrap();
        network.setup_node().unwrap();
        let (a, b) = (Pod::attach(&network, "a"), Pod::attach(&network, "b"));
        a.serve_tcp(80, "a");
        b.serve_tcp(80, "b");
        a.serve_udp(80, "a");
        b.serve_udp(80, "b");
        let mut table = Table::new(table_config("services-test")).unwrap();
        test(&network, &a, &b, &mut table);
    });
}

fn nft(arguments: &[&str]) -> String {
    let output = Command::new("/usr/sbin/nft").args(arguments).output();
    let output = output.expect("this test compares with nft: install the package nftables");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the kernel keeps tables for their owners; `nft` prints that as a flag or a number.
fn owned(listing: &str) -> bool {
    listing.lines().any(|line| line.trim().starts_with("flags "))
}

fn refused<T: std::fmt::Debug>(result: std::io::Result<T>) {
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn every_way_leads_to_an_endpoint() {
    with_two_pods(|_, a, b, table| {
        let outside = Ipv4Addr::new(198, 51, 100, 9);
        let external = Ipv4Addr::new(203, 0, 113, 5);
        let to_a = [(a.address, 80)];
        table
            .sync(&[
                tcp(80, &to_a),
                rule(None, Protocol::Tcp, 30080, &to_a),
                rule(None, Protocol::Udp, 30080, &to_a),
                rule(Some(SERVICE), Protocol::Udp, 80, &to_a),
                rule(Some(external), Protocol::Tcp, 443, &to_a),
                rule(Some(NODE), Protocol::Tcp, 8080, &to_a),
            ])
            .unwrap();
        let wan = attach_outside(outside);
        // From the node.
        assert_eq!(ask(SERVICE, 80).unwrap(), format!("a {NODE}"));
        assert_eq!(ask(LOCALHOST, 30080).unwrap(), format!("a {NODE}"));
        assert_eq!(ask(NODE, 30080).unwrap(), format!("a {NODE}"));
        assert_eq!(ask(NODE, 8080).unwrap(), format!("a {NODE}"));
        assert_eq!(ask(Ipv4Addr::new(198, 51, 100, 1), 30080).unwrap(), "a 198.51.100.1");
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        assert_eq!(ask_udp(&socket, SERVICE, 80).unwrap(), format!("a {NODE}"));
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(ask_udp(&socket, LOCALHOST, 30080).unwrap(), format!("a {NODE}"));
        // From another pod.
        for (address, port) in [(SERVICE, 80), (NODE, 30080), (external, 443), (NODE, 8080)] {
            assert_eq!(b.run(|| ask(address, port).unwrap()), format!("a {}", b.address), "{address}:{port}");
        }
        let through = b.run(|| ask_udp(&UdpSocket::bind("0.0.0.0:0").unwrap(), SERVICE, 80).unwrap());
        assert_eq!(through, format!("a {}", b.address));
        // From the pod itself: its own address would never be answered through the node.
        for (address, port) in [(SERVICE, 80), (NODE, 30080), (external, 443)] {
            assert_eq!(a.run(|| ask(address, port).unwrap()), format!("a {NODE}"), "{address}:{port}");
        }
        let hairpin = a.run(|| ask_udp(&UdpSocket::bind("0.0.0.0:0").unwrap(), SERVICE, 80).unwrap());
        assert_eq!(hairpin, format!("a {NODE}"));
        // From outside, whose address the pod sees.
        for (address, port) in [(Ipv4Addr::new(198, 51, 100, 1), 30080), (external, 443)] {
            let answer = namespace::run_in(&wan, || ask(address, port).unwrap()).unwrap();
            assert_eq!(answer, format!("a {outside}"), "{address}:{port}");
        }
        // To the outside: pods' addresses mean nothing there.
        serve_tcp_in(&wan, 80, "wan");
        assert_eq!(a.run(|| ask(outside, 80).unwrap()), "wan 198.51.100.1");
    });
}

/// A neighbour of the node at 198.51.100.1, with this address and a default route through the node.
fn attach_outside(address: Ipv4Addr) -> std::os::fd::OwnedFd {
    let netns = namespace::create().unwrap();
    let node = Ipv4Addr::new(198, 51, 100, 1);
    let ends = |name, last| link::End { name, mac: link::Mac([2, 0, 0, 0, 0, last]) };
    let subnet: IpNet = "198.51.100.0/24".parse().unwrap();
    let start = |name: &str, address: Ipv4Addr, gateway: Option<Ipv4Addr>| {
        let mut socket = Socket::open(Family::Route).unwrap();
        let device = link::find(&mut socket, name).unwrap().unwrap().index;
        let mut request = Request::new();
        link::set_up(&mut request, name);
        route::add_address(&mut request, device, address, 32);
        route::add(&mut request, subnet, route::Target::Device(device), Some(address.into()));
        if let Some(gateway) = gateway {
            let target = route::Target::Gateway(gateway.into(), device);
            route::add(&mut request, "0.0.0.0/0".parse::<IpNet>().unwrap(), target, None);
        }
        socket.request(request).unwrap();
    };
    let mut request = Request::new();
    use std::os::fd::AsFd;
    link::create_veth(&mut request, ends("wan0", 1), ends("eth0", 2), netns.as_fd(), 1500);
    Socket::open(Family::Route).unwrap().request(request).unwrap();
    start("wan0", node, None);
    namespace::run_in(&netns, || start("eth0", address, Some(node))).unwrap();
    netns
}

#[test]
fn endpoints_may_be_the_node_itself() {
    with_two_pods(|_, a, _, table| {
        let lan = Ipv4Addr::new(198, 51, 100, 1);
        let _wan = attach_outside(Ipv4Addr::new(198, 51, 100, 9));
        serve_tcp_in(namespace::current().unwrap(), 16443, "node");
        let dns = UdpSocket::bind((NODE, 53)).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((_, from)) = dns.recv_from(&mut buffer) {
                let _ = dns.send_to(format!("dns {}", from.ip()).as_bytes(), from);
            }
        });
        table
            .sync(&[
                tcp(443, &[(NODE, 16443)]),
                tcp(444, &[(lan, 16443)]),
                rule(None, Protocol::Tcp, 30443, &[(lan, 16443)]),
                rule(Some(SERVICE), Protocol::Udp, 53, &[(NODE, 53)]),
            ])
            .unwrap();
        for (address, port) in [(SERVICE, 443), (SERVICE, 444), (NODE, 30443), (lan, 30443)] {
            assert!(ask(address, port).unwrap().starts_with("node "), "{address}:{port}");
            let answer = a.run(|| ask(address, port).unwrap());
            assert_eq!(answer, format!("node {}", a.address), "{address}:{port}");
        }
        assert_eq!(ask(LOCALHOST, 30443).unwrap(), "node 127.0.0.1");
        let socket = || UdpSocket::bind("0.0.0.0:0").unwrap();
        assert_eq!(ask_udp(&socket(), SERVICE, 53).unwrap(), format!("dns {NODE}"));
        assert_eq!(a.run(|| ask_udp(&socket(), SERVICE, 53).unwrap()), format!("dns {}", a.address));
    });
}

#[test]
fn connections_are_spread_and_can_stay() {
    with_two_pods(|_, a, b, table| {
        let both = [(a.address, 80), (b.address, 80)];
        let sticky = |port, node: bool| ServiceRule {
            affinity: Some(Duration::from_secs(600)),
            ..rule((!node).then_some(SERVICE), Protocol::Tcp, port, &both)
        };
        table.sync(&[tcp(80, &both), sticky(81, false), sticky(30081, true)]).unwrap();
        let mut answers: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..200 {
            *answers.entry(ask(SERVICE, 80).unwrap()).or_default() += 1;
        }
        // Fewer than 50 of 200 happen less than once in 10^12 runs.
        assert!(answers.len() == 2 && answers.values().all(|n| *n >= 50), "{answers:?}");
        for (address, port) in [(SERVICE, 81), (NODE, 30081)] {
            let answers: BTreeSet<String> = (0..20).map(|_| ask(address, port).unwrap()).collect();
            assert_eq!(answers.len(), 1, "{answers:?}");
            // The endpoint goes: its clients move to the other one.
            let left = if answers.first().unwrap().starts_with('a') { b } else { a };
            let only = [(left.address, 80)];
            let mut rules = [tcp(80, &both), sticky(81, false), sticky(30081, true)];
            for rule in &mut rules[1..] {
                rule.endpoints = only.iter().map(|(a, p)| SocketAddr::from((*a, *p))).collect();
            }
            table.sync(&rules).unwrap();
            let answers: BTreeSet<String> = (0..20).map(|_| ask(address, port).unwrap()).collect();
            assert_eq!(answers.len(), 1);
            assert_eq!(answers.first().unwrap().starts_with('a'), left.address == a.address);
            // It comes back, and a new process takes the table over: clients stay where they are now.
            table.sync(&[tcp(80, &both), sticky(81, false), sticky(30081, true)]).unwrap();
            let next = Table::new(table_config("services-test")).unwrap();
            drop(std::mem::replace(table, next));
            table.sync(&[tcp(80, &both), sticky(81, false), sticky(30081, true)]).unwrap();
            for _ in 0..20 {
                assert_eq!(&ask(address, port).unwrap(), answers.first().unwrap());
            }
        }
    });
}

#[test]
fn a_removed_endpoint_keeps_its_connections_and_gets_no_new_ones() {
    with_two_pods(|_, a, b, table| {
        let both = [(a.address, 80), (b.address, 80)];
        let rules = |to: &[(Ipv4Addr, u16)]| [tcp(80, to), rule(Some(SERVICE), Protocol::Udp, 80, to)];
        table.sync(&rules(&both[..1])).unwrap();
        let mut kept = b.run(|| connect((SERVICE, 80)).unwrap());
        let datagrams = b.run(|| UdpSocket::bind("0.0.0.0:0").unwrap());
        assert!(ask_on(&mut kept).unwrap().starts_with("a "));
        assert!(ask_udp(&datagrams, SERVICE, 80).unwrap().starts_with("a "));
        table.sync(&rules(&both[1..])).unwrap();
        for _ in 0..10 {
            assert!(ask(SERVICE, 80).unwrap().starts_with("b "));
        }
        assert!(ask_on(&mut kept).unwrap().starts_with("a "));
        // A UDP flow never ends by itself, so it moves; b is its own client now.
        assert_eq!(ask_udp(&datagrams, SERVICE, 80).unwrap(), format!("b {NODE}"));
        table.sync(&[]).unwrap();
        assert!(ask_on(&mut kept).unwrap().starts_with("a "));
    });
}

#[test]
fn without_endpoints_clients_are_refused_at_once() {
    with_two_pods(|_, a, _, table| {
        let silent = ServiceRule { empty: Empty::Drop, ..tcp(82, &[]) };
        let udp = rule(Some(SERVICE), Protocol::Udp, 81, &[]);
        table.sync(&[tcp(81, &[]), udp.clone(), rule(None, Protocol::Tcp, 30081, &[]), silent]).unwrap();
        for (address, port) in
            [(SERVICE, 81), (NODE, 30081), (SERVICE, 9999), (Ipv4Addr::new(10, 43, 200, 1), 80)]
        {
            refused(ask(address, port));
            refused(a.run(|| ask(address, port)));
        }
        refused(ask(LOCALHOST, 30081));
        let socket = a.run(|| UdpSocket::bind("0.0.0.0:0").unwrap());
        refused(ask_udp(&socket, SERVICE, 81));
        let dropped = SocketAddr::from((SERVICE, 82));
        let error = std::net::TcpStream::connect_timeout(&dropped, Duration::from_millis(300)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock), "{error}");
        // The same socket is served as soon as there is somebody.
        table
            .sync(&[
                tcp(81, &[(a.address, 80)]),
                ServiceRule { endpoints: vec![SocketAddr::from((a.address, 80))], ..udp },
            ])
            .unwrap();
        assert!(ask(SERVICE, 81).unwrap().starts_with("a "));
        assert!(ask_udp(&socket, SERVICE, 81).unwrap().starts_with("a "));
    });
}

#[test]
fn a_pod_cannot_reach_what_the_node_serves_on_loopback() {
    with_two_pods(|_, a, _, table| {
        table.sync(&[rule(None, Protocol::Tcp, 30080, &[(a.address, 80)])]).unwrap();
        let secret = namespace::current().unwrap();
        serve_tcp_in(&secret, 7000, "secret");
        // The pod sends 127.0.0.1 out by its gateway, with its own source address.
        a.run(|| {
            sysctl::write("net/ipv4/conf/eth0/route_localnet", "1").unwrap();
            let mut socket = Socket::open(Family::Route).unwrap();
            let device = link::find(&mut socket, "eth0").unwrap().unwrap().index;
            for arguments in [
                vec!["rule", "add", "pref", "100", "lookup", "local"],
                vec!["rule", "del", "pref", "0"],
                vec!["rule", "add", "pref", "50", "to", "127.0.0.1/32", "lookup", "77"],
                vec![
                    "route",
                    "add",
                    "127.0.0.1/32",
                    "via",
                    "169.254.1.1",
                    "dev",
                    "eth0",
                    "onlink",
                    "table",
                    "77",
                ],
            ] {
                assert!(
                    Command::new("/usr/sbin/ip").args(&arguments).status().unwrap().success(),
                    "{device}"
                );
            }
        });
        let attempt = |port| {
            let socket = std::net::SocketAddr::from((LOCALHOST, port));
            a.run(move || std::net::TcpStream::connect_timeout(&socket, Duration::from_millis(300)).map(drop))
        };
        assert!(attempt(7000).is_err());
        // Without the guard it would have got through: the attempt is a real one.
        table.teardown().unwrap();
        attempt(7000).unwrap();
    });
}

#[test]
fn nft_reads_the_table_as_it_is_meant() {
    with_two_pods(|_, a, b, table| {
        let both = [(a.address, 80), (b.address, 8080)];
        let sticky = ServiceRule { affinity: Some(Duration::from_secs(60)), ..tcp(81, &both) };
        let remote = rule(None, Protocol::Udp, 30080, &[(Ipv4Addr::new(192, 0, 2, 9), 53)]);
        let only = ServiceRule { sources: vec!["192.0.2.0/24".parse().unwrap()], ..tcp(80, &both) };
        let inside = tcp(81, &both[..1]);
        let inside =
            ServiceRule { frontend: Frontend { clients: Clients::Inside, ..inside.frontend }, ..inside };
        let six = rule_at(Place::Address(SERVICE6.into()), Protocol::Tcp, 80, &[(a.address6.into(), 80)]);
        table.sync(&[only, sticky, remote, tcp(82, &[]), inside, six]).unwrap();
        let listing = nft(&["list", "table", "inet", "services-test"]);
        let squeezed = listing.split_whitespace().collect::<Vec<_>>().join(" ");
        for expected in [
            "0x00000000 . 10.43.0.7 . tcp . 80 : goto service-2",
            "10.43.0.7 . tcp . 81 : goto service-2-sticky",
            "10.43.0.7 . tcp . 81 : goto remember-60",
            "dnat ip to ip saddr . ip daddr . meta l4proto . th dport map @sticky",
            "update @sticky { ip saddr . ct original ip daddr . meta l4proto . ct original proto-dst timeout 1m : ip daddr . th dport }",
            "10.43.0.7 . tcp . 82 : goto refuse",
            "0x00000001 . 10.43.0.7 . tcp . 81 : goto service-1-inside",
            "0x00000000 . fd00:10:43::7 . tcp . 80 : goto service6-1",
            "0x00000000 . 10.43.0.7 . tcp . 80 : jump only-",
            "ip saddr 192.0.2.0/24 return drop",
            "udp . 30080 : goto node-port-1",
            "type mark . ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service",
            "0x00000000 . 10.43.0.7 . tcp . 80 . 0x00000000 : 10.42.0.2 . 80",
            "10.43.0.7 . tcp . 80 . 0x00000001 : 10.42.0.3 . 8080",
            "udp . 30080 . 0x00000000 : 192.0.2.9 . 53",
            "elements = { 192.0.2.9 }",
            "10.42.0.2 . 10.42.0.2",
            "type nat hook prerouting priority dstnat; policy accept;",
            "type nat hook output priority -100; policy accept;",
            "type nat hook postrouting priority srcnat; policy accept;",
            ". ip daddr . meta l4proto . th dport vmap @services",
            ". ip6 daddr . meta l4proto . th dport vmap @services6",
            "iifname \"lw*\" iifname != \"lw0\" jump inside",
            "fib saddr type local jump inside",
            "fib saddr . iif oif 0 drop",
            "dnat ip6 to",
            "snat ip6 to fd00:10:42::1",
            "fib daddr type local 0x",
            "ip daddr 10.43.0.0/16 goto refuse",
            ". ip daddr . meta l4proto . th dport . numgen random mod 2 map @endpoints",
            "meta l4proto tcp reject with tcp reset",
            "iifname != \"lo\" ip daddr 127.0.0.0/8 drop",
            "oifname \"lw*\" oifname != \"lw0\" return",
            "ip saddr 10.42.0.0/24 ip daddr != 10.42.0.0/16 masquerade fully-random",
            "snat ip to 10.42.0.1",
        ] {
            assert!(squeezed.contains(expected), "{expected:?} is not in\n{listing}");
        }
    });
}

#[test]
fn what_others_own_stays_and_what_they_delete_is_made_again() {
    with_two_pods(|_, a, _, table| {
        nft(&["add", "table", "inet", "foreign"]);
        nft(&["add", "chain", "inet", "foreign", "c"]);
        let foreign = nft(&["list", "table", "inet", "foreign"]);
        table.sync(&[tcp(80, &[(a.address, 80)])]).unwrap();
        table.sync(&[tcp(80, &[(a.address, 80)]), tcp(81, &[(a.address, 80)])]).unwrap();
        assert_eq!(nft(&["list", "table", "inet", "foreign"]), foreign);
        let owned = owned(&nft(&["list", "table", "inet", "services-test"]));
        println!("this kernel keeps tables for their owners: {owned}");
        nft(&["flush", "ruleset"]);
        if owned {
            assert!(ask(SERVICE, 81).unwrap().starts_with("a "), "an owner's table is not flushed");
        }
        // Flushed away or not: after the next change it is there.
        table.sync(&[tcp(80, &[(a.address, 80)])]).unwrap();
        assert!(ask(SERVICE, 80).unwrap().starts_with("a "));
        // Two processes do not take it from each other; the next one takes over without leftovers.
        let mut second = Table::new(table_config("services-test")).unwrap();
        if owned {
            let error = second.sync(&[]).unwrap_err().to_string();
            assert!(error.contains("another process owns the nf_tables table inet services-test"), "{error}");
            assert!(second.teardown().is_err());
        }
        assert!(ask(SERVICE, 80).unwrap().starts_with("a "));
        let unused = Table::new(table_config("services-unused")).unwrap();
        drop(std::mem::replace(table, unused));
        assert!(ask(SERVICE, 80).unwrap().starts_with("a "), "rules outlive the process");
        second.sync(&[tcp(83, &[(a.address, 80)])]).unwrap();
        refused(ask(SERVICE, 80));
        assert!(ask(SERVICE, 83).unwrap().starts_with("a "));
        nft(&["add", "table", "inet", "foreign"]);
        second.teardown().unwrap();
        second.teardown().unwrap();
        assert_eq!(nft(&["list", "tables"]).trim(), "table inet foreign");
    });
}

#[test]
fn a_thousand_services_with_ten_endpoints_each() {
    with_two_pods(|_, a, _, table| {
        let mut rules: Vec<ServiceRule> = (0..1000u32)
            .map(|number| {
                let to: Vec<_> = (0..10)
                    .map(|slot| {
                        (
                            Ipv4Addr::from_bits(
                                u32::from(Ipv4Addr::new(10, 42, 0, 4)) + (number + slot) % 240,
                            ),
                            80,
                        )
                    })
                    .collect();
                let address = Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(10, 43, 1, 0)) + number);
                rule(Some(address), Protocol::Tcp, 80, &to)
            })
            .collect();
        rules.push(tcp(80, &[(a.address, 80)]));
        let time = |table: &mut Table, rules: &[ServiceRule]| {
            let start = Instant::now();
            table.sync(rules).unwrap();
            start.elapsed()
        };
        let first = time(table, &rules);
        let same = time(table, &rules);
        rules[500].endpoints.pop();
        let change = time(table, &rules);
        drop(std::mem::replace(table, Table::new(table_config("services-test")).unwrap()));
        let anew = time(table, &rules);
        println!(
            "10,000 endpoints: first {first:?}, again {same:?}, one endpoint less {change:?}, replaced {anew:?}"
        );
        assert!(ask(SERVICE, 80).unwrap().starts_with("a "));
        let listing = nft(&["list", "map", "inet", "services-test", "endpoints"]);
        assert_eq!(listing.matches(" : 10.42.0.").count(), 10_000);
    });
}

/// A neighbour of the node at 2001:db8::1, with this address and a default route through the node.
fn attach_outside6(address: Ipv6Addr) -> std::os::fd::OwnedFd {
    let netns = attach_outside(Ipv4Addr::new(198, 51, 100, 9));
    let start = |device: &str, address: Ipv6Addr, gateway: Option<Ipv6Addr>| {
        let mut socket = Socket::open(Family::Route).unwrap();
        let device = link::find(&mut socket, device).unwrap().unwrap().index;
        let mut request = Request::new();
        route::add_address(&mut request, device, address, 64);
        if let Some(gateway) = gateway {
            let target = route::Target::Gateway(gateway.into(), device);
            route::add(&mut request, "::/0".parse::<IpNet>().unwrap(), target, None);
        }
        socket.request(request).unwrap();
    };
    let node = "2001:db8::1".parse().unwrap();
    start("wan0", node, None);
    namespace::run_in(&netns, || start("eth0", address, Some(node))).unwrap();
    netns
}

#[test]
fn every_way_leads_to_an_endpoint_over_ipv6_too() {
    with_two_pods(|_, a, b, table| {
        let outside: Ipv6Addr = "2001:db8::9".parse().unwrap();
        let (lan, external): (Ipv6Addr, Ipv6Addr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8:1::5".parse().unwrap());
        let to_a = [(a.address6.into(), 80)];
        let at = |address: Ipv6Addr, protocol, port| {
            rule_at(Place::Address(address.into()), protocol, port, &to_a)
        };
        let node = |protocol| rule_at(Place::Node(IpFamily::V6), protocol, 30080, &to_a);
        let sticky = ServiceRule {
            affinity: Some(Duration::from_secs(600)),
            endpoints: vec![SocketAddr::from((a.address6, 80)), SocketAddr::from((b.address6, 80))],
            ..at(SERVICE6, Protocol::Tcp, 81)
        };
        table
            .sync(&[
                at(SERVICE6, Protocol::Tcp, 80),
                at(SERVICE6, Protocol::Udp, 80),
                at(external, Protocol::Tcp, 443),
                node(Protocol::Tcp),
                node(Protocol::Udp),
                sticky,
                rule_at(Place::Address(SERVICE6.into()), Protocol::Tcp, 82, &[]),
            ])
            .unwrap();
        let wan = attach_outside6(outside);
        let udp = || UdpSocket::bind("[::]:0").unwrap();
        // From the node, another pod, the pod itself, and from outside, whose address the pod sees.
        assert_eq!(ask(SERVICE6, 80).unwrap(), format!("a {NODE6}"));
        assert_eq!(ask(NODE6, 30080).unwrap(), format!("a {NODE6}"));
        assert_eq!(ask_udp(&udp(), SERVICE6, 80).unwrap(), format!("a {NODE6}"));
        for (address, port) in [(SERVICE6, 80), (NODE6, 30080), (external, 443)] {
            assert_eq!(
                b.run(|| ask(address, port).unwrap()),
                format!("a {}", b.address6),
                "{address}:{port}"
            );
            assert_eq!(a.run(|| ask(address, port).unwrap()), format!("a {NODE6}"), "{address}:{port}");
        }
        for (address, port) in [(lan, 30080), (external, 443)] {
            let answer = namespace::run_in(&wan, || ask(address, port).unwrap()).unwrap();
            assert_eq!(answer, format!("a {outside}"), "{address}:{port}");
        }
        let answer = namespace::run_in(&wan, || ask_udp(&udp(), lan, 30080).unwrap()).unwrap();
        assert_eq!(answer, format!("a {outside}"));
        // To the outside: pods' addresses mean nothing there.
        serve_tcp_in(&wan, 80, "wan");
        assert_eq!(a.run(|| ask(outside, 80).unwrap()), format!("wan {lan}"));
        let answers: BTreeSet<String> = (0..20).map(|_| ask(SERVICE6, 81).unwrap()).collect();
        assert_eq!(answers.len(), 1, "{answers:?}");
        refused(ask(SERVICE6, 82));
        refused(a.run(|| ask(SERVICE6, 9999)));
        // Nothing is sent on from ::1, so it is refused rather than lost.
        refused(ask(Ipv6Addr::LOCALHOST, 30080));
        // A UDP flow moves when its endpoint goes.
        let socket = b.run(udp);
        assert!(ask_udp(&socket, SERVICE6, 80).unwrap().starts_with("a "));
        table
            .sync(&[rule_at(Place::Address(SERVICE6.into()), Protocol::Udp, 80, &[(b.address6.into(), 80)])])
            .unwrap();
        assert_eq!(ask_udp(&socket, SERVICE6, 80).unwrap(), format!("b {NODE6}"));
    });
}

#[test]
fn a_pod_cannot_send_with_another_ipv6_source() {
    with_two_pods(|_, a, b, table| {
        table.sync(&[]).unwrap();
        let forged: Ipv6Addr = "fd00:10:42::99".parse().unwrap();
        a.run(|| {
            let mut request = Request::new();
            let mut socket = Socket::open(Family::Route).unwrap();
            let device = link::find(&mut socket, "eth0").unwrap().unwrap().index;
            route::add_address(&mut request, device, forged, 128);
            socket.request(request).unwrap();
        });
        let receiver = b.run(|| UdpSocket::bind("[::]:9").unwrap());
        receiver.set_read_timeout(Some(support::PATIENCE)).unwrap();
        let send = |source: Ipv6Addr| {
            let to = (b.address6, 9);
            a.run(|| {
                UdpSocket::bind((source, 0)).unwrap().send_to(source.to_string().as_bytes(), to).unwrap()
            });
        };
        let received = || {
            let mut buffer = [0; 64];
            let length = receiver.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        send(forged);
        send(a.address6);
        assert_eq!(received(), a.address6.to_string());
        // Without the rules it would have got through.
        table.teardown().unwrap();
        send(forged);
        assert_eq!(received(), forged.to_string());
    });
}

#[test]
fn clients_inside_and_outside_may_have_different_endpoints() {
    with_two_pods(|_, a, b, table| {
        let wan = attach_outside(Ipv4Addr::new(198, 51, 100, 9));
        let lan = Ipv4Addr::new(198, 51, 100, 1);
        let outside = rule(None, Protocol::Tcp, 30080, &[(a.address, 80)]);
        let inside = rule(None, Protocol::Tcp, 30080, &[(b.address, 80)]);
        let inside =
            ServiceRule { frontend: Frontend { clients: Clients::Inside, ..inside.frontend }, ..inside };
        table.sync(&[outside, inside.clone()]).unwrap();
        let from_outside = || namespace::run_in(&wan, || ask(lan, 30080)).unwrap();
        assert_eq!(from_outside().unwrap(), "a 198.51.100.9");
        assert!(a.run(|| ask(NODE, 30080).unwrap()).starts_with("b "));
        assert!(ask(NODE, 30080).unwrap().starts_with("b "));
        assert!(ask(LOCALHOST, 30080).unwrap().starts_with("b "));
        // Outside there is nobody, and no refusal either.
        let silent = ServiceRule { empty: Empty::Drop, ..rule(None, Protocol::Tcp, 30080, &[]) };
        table.sync(&[silent, inside]).unwrap();
        let attempt = namespace::run_in(&wan, || {
            std::net::TcpStream::connect_timeout(&SocketAddr::from((lan, 30080)), Duration::from_millis(300))
        });
        let error = attempt.unwrap().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock), "{error}");
        assert!(ask(NODE, 30080).unwrap().starts_with("b "));
    });
}

#[test]
fn sources_say_who_may_use_a_front_end() {
    with_two_pods(|_, a, b, table| {
        let wan = attach_outside(Ipv4Addr::new(198, 51, 100, 9));
        let external = Ipv4Addr::new(203, 0, 113, 5);
        let only = |sources: &[&str]| {
            let sources = sources.iter().map(|range| range.parse().unwrap()).collect();
            let at = |place| ServiceRule {
                sources: Clone::clone(&sources),
                ..rule(place, Protocol::Tcp, 80, &[(a.address, 80)])
            };
            let (address, node) = (at(Some(external)), at(None));
            vec![address, node]
        };
        let attempt = |address: Ipv4Addr| {
            std::net::TcpStream::connect_timeout(&SocketAddr::from((address, 80)), Duration::from_millis(300))
                .map(drop)
        };
        let from_wan = |address| namespace::run_in(&wan, || attempt(address)).unwrap();
        let lan = Ipv4Addr::new(198, 51, 100, 1);
        table.sync(&only(&["198.51.100.0/28", "10.99.0.0/16"])).unwrap();
        from_wan(external).unwrap();
        from_wan(lan).unwrap();
        assert!(b.run(|| attempt(external)).is_err() && b.run(|| attempt(NODE)).is_err());
        table.sync(&only(&["10.42.0.0/16", "fd00::/8"])).unwrap();
        assert!(from_wan(external).is_err() && from_wan(lan).is_err());
        b.run(|| attempt(external)).unwrap();
        b.run(|| attempt(NODE)).unwrap();
        table.sync(&only(&["fd00::/8"])).unwrap();
        from_wan(external).unwrap();
    });
}
