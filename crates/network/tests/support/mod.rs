//! A small world for tests that need root: a namespace as the machine, namespaces as pods, tiny servers.
//!
//! Nothing outside the namespaces made here is touched; they vanish with their descriptors.

#![allow(dead_code)] // each test file uses its part

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use network::netlink::{Family, Request, Socket};
use network::{Ipv6Config, PodNetwork, PodNetworkConfig, link, namespace};

pub(crate) const NODE: Ipv4Addr = Ipv4Addr::new(10, 42, 0, 1);
pub(crate) const NODE6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x10, 0x42, 0, 0, 0, 0, 1);
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test on a machine of its own: a fresh network namespace with loopback up.
pub(crate) fn machine<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    assert!(rustix::process::geteuid().is_root(), "this test makes network namespaces: run it as root");
    let netns = namespace::create().unwrap();
    namespace::run_in(&netns, || {
        up("lo");
        test()
    })
    .unwrap()
}

pub(crate) fn up(device: &str) {
    let mut request = Request::new();
    link::set_up(&mut request, device);
    Socket::open(Family::Route).unwrap().request(request).unwrap();
}

pub(crate) fn config(state: &Path) -> PodNetworkConfig {
    PodNetworkConfig {
        device: "lw0".to_owned(),
        node_address: NODE,
        pod_cidr: "10.42.0.0/24".parse().unwrap(),
        service_cidr: "10.43.0.0/16".parse().unwrap(),
        ipv6: Some(ipv6()),
        state: state.to_owned(),
        reserved: 0,
        mtu: None,
    }
}

pub(crate) fn ipv6() -> Ipv6Config {
    Ipv6Config {
        node_address: NODE6,
        pod_cidr: "fd00:10:42::/64".parse().unwrap(),
        cluster_cidr: "fd00:10:42::/56".parse().unwrap(),
        service_cidr: "fd00:10:43::/112".parse().unwrap(),
    }
}

/// A pod: a namespace that is attached to the network.
pub(crate) struct Pod {
    pub(crate) netns: OwnedFd,
    pub(crate) address: Ipv4Addr,
    pub(crate) address6: Ipv6Addr,
}

impl Pod {
    pub(crate) fn attach(network: &PodNetwork, id: &str) -> Self {
        let netns = namespace::create().unwrap();
        let address = network.attach(id, &netns).unwrap();
        Self { netns, address, address6: network.partner(address).unwrap() }
    }

    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        namespace::run_in(&self.netns, work).unwrap()
    }

    pub(crate) fn serve_tcp(&self, port: u16, name: &'static str) {
        serve_tcp_in(&self.netns, port, name);
    }

    pub(crate) fn serve_udp(&self, port: u16, name: &'static str) {
        let socket = self.run(move || UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)).unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((_, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(format!("{name} {}", from.ip().to_canonical()).as_bytes(), from);
            }
        });
    }
}

/// Answers each line on each connection with `NAME CLIENT-ADDRESS`; the threads end with the process.
pub(crate) fn serve_tcp_in(netns: impl AsFd, port: u16, name: &'static str) {
    let listener =
        namespace::run_in(netns, move || TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).unwrap()).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let Ok(peer) = stream.peer_addr() else { return };
                let mut byte = [0];
                while matches!(stream.read(&mut byte), Ok(1)) {
                    if byte == *b"\n" && writeln!(stream, "{name} {}", peer.ip().to_canonical()).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

/// A connection on which lines can be asked.
pub(crate) fn connect(to: (impl Into<IpAddr>, u16)) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from(to), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// One line sent, the answer returned.
pub(crate) fn ask_on(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(b"\n")?;
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 && byte != *b"\n" {
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// A new connection, one line, the answer.
pub(crate) fn ask(address: impl Into<IpAddr>, port: u16) -> std::io::Result<String> {
    ask_on(&mut connect((address, port))?)
}

/// One datagram, the answer.
pub(crate) fn ask_udp(socket: &UdpSocket, address: impl Into<IpAddr>, port: u16) -> std::io::Result<String> {
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(SocketAddr::from((address, port)))?;
    socket.send(b"?")?;
    let mut buffer = [0; 512];
    let length = socket.recv(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// Devices, routes and settings of the calling thread's namespace, to compare before and after.
pub(crate) fn snapshot() -> String {
    let mut socket = Socket::open(Family::Route).unwrap();
    let links: Vec<_> = link::list(&mut socket).unwrap().into_iter().map(|l| (l.name, l.up)).collect();
    let routes = network::route::list(&mut socket).unwrap();
    let addresses = network::route::addresses(&mut socket).unwrap();
    let forward = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"]
        .map(|key| network::sysctl::read(key).unwrap());
    format!("{links:?}\n{routes:?}\n{addresses:?}\n{forward:?}")
}
