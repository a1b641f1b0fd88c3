//! The pod network in namespaces: reach, idempotence, adoption, clean removal. Needs root.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::net::{Ipv4Addr, Ipv6Addr};

use network::netlink::{Family, Request, Socket};
use network::pods::{Error, PodNetwork, link_name};
use network::{IpNet, Ipv4Net, PodNetworkConfig, link, namespace, route, sysctl};
use support::{NODE, NODE6, Pod, ask, config, machine, serve_tcp_in, snapshot};

#[test]
fn pods_and_node_reach_each_other() {
    machine(|| {
        let state = tempfile::tempdir().unwrap();
        let network = PodNetwork::open(config(state.path())).unwrap();
        network.setup_node().unwrap();
        network.setup_node().unwrap();
        let (a, b) = (Pod::attach(&network, "a"), Pod::attach(&network, "b"));
        a.serve_tcp(80, "a");
        b.serve_tcp(80, "b");
        serve_tcp_in(namespace::current().unwrap(), 81, "node");
        assert_eq!(ask(a.address, 80).unwrap(), format!("a {NODE}"));
        assert_eq!(a.run(|| ask(b.address, 80).unwrap()), format!("b {}", a.address));
        assert_eq!(b.run(|| ask(a.address, 80).unwrap()), format!("a {}", b.address));
        assert_eq!(a.run(|| ask(a.address, 80).unwrap()), format!("a {}", a.address));
        assert_eq!(a.run(|| ask(NODE, 81).unwrap()), format!("node {}", a.address));
        assert_eq!(a.run(|| ask(Ipv4Addr::LOCALHOST, 80).unwrap()), "a 127.0.0.1");
        // The same over IPv6.
        assert_eq!(ask(a.address6, 80).unwrap(), format!("a {NODE6}"));
        assert_eq!(a.run(|| ask(b.address6, 80).unwrap()), format!("b {}", a.address6));
        assert_eq!(a.run(|| ask(a.address6, 80).unwrap()), format!("a {}", a.address6));
        assert_eq!(a.run(|| ask(NODE6, 81).unwrap()), format!("node {}", a.address6));
        assert_eq!(a.run(|| ask(Ipv6Addr::LOCALHOST, 80).unwrap()), "a ::1");
    });
}

#[test]
fn a_machine_without_ipv6_has_pods_with_ipv4() {
    machine(|| {
        sysctl::write("net/ipv6/conf/all/disable_ipv6", "1").unwrap();
        let state = tempfile::tempdir().unwrap();
        let network = PodNetwork::open(config(state.path())).unwrap();
        network.setup_node().unwrap();
        let netns = namespace::create().unwrap();
        let address = network.attach("a", &netns).unwrap();
        assert_eq!(network.partner(address), None);
        serve_tcp_in(&netns, 80, "a");
        assert_eq!(ask(address, 80).unwrap(), format!("a {NODE}"));
        network.teardown().unwrap();
    });
}

#[test]
fn forwarding_costs_no_device_its_router_advertisements() {
    machine(|| {
        let mut request = Request::new();
        link::create_bridge(&mut request, "lan", 1500, link::Mac([2, 0, 0, 0, 0, 9]));
        Socket::open(Family::Route).unwrap().request(request).unwrap();
        let state = tempfile::tempdir().unwrap();
        let network = PodNetwork::open(config(state.path())).unwrap();
        network.setup_node().unwrap();
        assert_eq!(sysctl::read("net/ipv6/conf/all/forwarding").unwrap(), "1");
        assert_eq!(sysctl::read("net/ipv6/conf/lan/accept_ra").unwrap(), "2");
        network.teardown().unwrap();
        assert_eq!(sysctl::read("net/ipv6/conf/all/forwarding").unwrap(), "0");
        assert_eq!(sysctl::read("net/ipv6/conf/lan/accept_ra").unwrap(), "1");
    });
}

#[test]
fn an_address_without_a_pod_is_refused_at_once() {
    machine(|| {
        let state = tempfile::tempdir().unwrap();
        let network = PodNetwork::open(config(state.path())).unwrap();
        network.setup_node().unwrap();
        let a = Pod::attach(&network, "a");
        let nobody = (Ipv4Addr::new(10, 42, 0, 200), 80);
        let nobody6: Ipv6Addr = "fd00:10:42::c8".parse().unwrap();
        for error in [
            support::connect(nobody).unwrap_err(),
            a.run(|| support::connect(nobody).unwrap_err()),
            ask(nobody6, 80).unwrap_err(),
            a.run(|| ask(nobody6, 80).unwrap_err()),
        ] {
            // ICMPv6 calls it "no route".
            assert!(matches!(error.raw_os_error(), Some(libc::EHOSTUNREACH | libc::ENETUNREACH)), "{error}");
        }
    });
}

#[test]
fn attaching_again_keeps_the_connection_and_mends_a_half_made_one() {
    machine(|| {
        let state = tempfile::tempdir().unwrap();
        let network = PodNetwork::open(config(state.path())).unwrap();
        network.setup_node().unwrap();
        let a = Pod::attach(&network, "a");
        a.serve_tcp(80, "a");
        let mut stream = support::connect((a.address, 80)).unwrap();
        assert_eq!(network.attach("a", &a.netns).unwrap(), a.address);
        assert_eq!(support::ask_on(&mut stream).unwrap(), format!("a {NODE}"));
        let default: IpNet = "0.0.0.0/0".parse().unwrap();
        // Without its default route the pod's end counts as half made.
        a.run(|| route::delete(&mut Socket::open(Family::Route).unwrap(), default)).unwrap();
        assert_eq!(network.attach("a", &a.netns).unwrap(), a.address);
        assert_eq!(ask(a.address, 80).unwrap(), format!("a {NODE}"));
        // A new namespace for the same id (a restarted pod) gets the same address.
        let again = namespace::create().unwrap();
        assert_eq!(network.attach("a", &again).unwrap(), a.address);
        serve_tcp_in(&again, 80, "again");
        assert_eq!(ask(a.address, 80).unwrap(), format!("again {NODE}"));
    });
}

#[test]
fn a_restart_adopts_what_lives_and_releases_the_rest() {
    machine(|| {
        let state = tempfile::tempdir().unwrap();
        let network = PodNetwork::open(config(state.path())).unwrap();
        network.setup_node().unwrap();
        let (a, b) = (Pod::attach(&network, "a"), Pod::attach(&network, "b"));
        a.serve_tcp(80, "a");
        let mut stream = support::connect((a.address, 80)).unwrap();
        drop(network);

        let network = PodNetwork::open(config(state.path())).unwrap();
        network.setup_node().unwrap();
        assert_eq!(network.adopt(&["a", "new"]).unwrap(), ["b"]);
        assert_eq!((network.address("a"), network.address("b")), (Some(a.address), None));
        assert_eq!(support::ask_on(&mut stream).unwrap(), format!("a {NODE}"));
        let mut socket = Socket::open(Family::Route).unwrap();
        assert!(link::find(&mut socket, &link_name("b")).unwrap().is_none());
        assert_ne!(Pod::attach(&network, "c").address, b.address, "a freed address rests");
    });
}

#[test]
fn teardown_leaves_the_machine_as_it_was() {
    machine(|| {
        sysctl::write("net/ipv4/ip_forward", "0").unwrap();
        let before = snapshot();
        let state = tempfile::tempdir().unwrap();
        let network = PodNetwork::open(config(state.path())).unwrap();
        network.setup_node().unwrap();
        assert_eq!(sysctl::read("net/ipv4/ip_forward").unwrap(), "1");
        let pods = [Pod::attach(&network, "a"), Pod::attach(&network, "b")];
        network.detach("a").unwrap();
        network.detach("a").unwrap();
        network.detach("never there").unwrap();
        assert_ne!(snapshot(), before);
        network.teardown().unwrap();
        assert_eq!(snapshot(), before);
        for pod in &pods {
            let left = pod.run(|| link::find(&mut Socket::open(Family::Route).unwrap(), "eth0")).unwrap();
            assert_eq!(left, None);
        }
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
        network.teardown().unwrap();
    });
}

#[test]
fn ranges_and_devices_of_others_are_left_alone() {
    machine(|| {
        let mut request = Request::new();
        link::create_bridge(&mut request, "other", 1500, link::Mac([2, 0, 0, 0, 0, 1]));
        link::set_up(&mut request, "other");
        let mut socket = Socket::open(Family::Route).unwrap();
        socket.request(request).unwrap();
        let index = link::find(&mut socket, "other").unwrap().unwrap().index;
        let mut request = Request::new();
        let wide: Ipv4Net = "10.42.0.0/16".parse().unwrap();
        route::add(&mut request, wide, route::Target::Device(index), None);
        socket.request(request).unwrap();
        let before = snapshot();
        let state = tempfile::tempdir().unwrap();
        let network = PodNetwork::open(config(state.path())).unwrap();
        let error = network.setup_node().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the range for pods, 10.42.0.0/24, overlaps the route 10.42.0.0/16 on device other: choose another range"
        );
        route::delete(&mut socket, wide).unwrap();
        let taken = PodNetworkConfig { device: "other".to_owned(), ..config(state.path()) };
        let network = PodNetwork::open(taken).unwrap();
        assert!(matches!(network.setup_node(), Err(Error::DeviceTaken { .. })));
        let mut request = Request::new();
        route::add(&mut request, wide, route::Target::Device(index), None);
        socket.request(request).unwrap();
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn a_pod_cannot_send_with_another_source() {
    machine(|| {
        let state = tempfile::tempdir().unwrap();
        let network = PodNetwork::open(config(state.path())).unwrap();
        network.setup_node().unwrap();
        let (a, b) = (Pod::attach(&network, "a"), Pod::attach(&network, "b"));
        let receiver = b.run(|| std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 9)).unwrap());
        let target = b.address;
        let send = move |source: Ipv4Addr| {
            std::net::UdpSocket::bind((source, 0))
                .unwrap()
                .send_to(source.to_string().as_bytes(), (target, 9))
                .unwrap();
        };
        a.run(|| {
            let mut request = Request::new();
            let mut socket = Socket::open(Family::Route).unwrap();
            let device = link::find(&mut socket, "eth0").unwrap().unwrap().index;
            route::add_address(&mut request, device, Ipv4Addr::new(10, 42, 0, 99), 32);
            socket.request(request).unwrap();
        });
        receiver.set_read_timeout(Some(support::PATIENCE)).unwrap();
        let mut buffer = [0; 64];
        let mut heard = || {
            let length = receiver.recv(&mut buffer).unwrap();
            assert_eq!(String::from_utf8_lossy(&buffer[..length]), a.address.to_string());
        };
        // The first resolves the neighbour: asked for with the foreign address, it would not answer.
        a.run(|| send(a.address));
        heard();
        a.run(|| {
            send(Ipv4Addr::new(10, 42, 0, 99));
            send(a.address);
        });
        heard();
    });
}

#[test]
fn two_hundred_pods_come_and_go() {
    machine(|| {
        let state = tempfile::tempdir().unwrap();
        let network = PodNetwork::open(config(state.path())).unwrap();
        network.setup_node().unwrap();
        let namespaces: Vec<_> = (0..200).map(|_| namespace::create().unwrap()).collect();
        let mut times = Vec::new();
        for (number, netns) in namespaces.iter().enumerate() {
            let start = std::time::Instant::now();
            network.attach(&format!("pod-{number}"), netns).unwrap();
            times.push(start.elapsed());
        }
        times.sort();
        println!(
            "attach: median {:?}, 90th percentile {:?}, slowest {:?}",
            times[100], times[180], times[199]
        );
        let veths = |socket: &mut Socket| {
            link::list(socket).unwrap().iter().filter(|l| l.kind.as_deref() == Some("veth")).count()
        };
        let mut socket = Socket::open(Family::Route).unwrap();
        assert_eq!(veths(&mut socket), 200);
        network.teardown().unwrap();
        assert_eq!(veths(&mut socket), 0);
    });
}
