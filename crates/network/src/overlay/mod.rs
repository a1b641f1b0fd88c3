//! Ways to the pods of other nodes: a plain route where a node is on the same link, a VXLAN tunnel elsewhere.
//!
//! ```text
//!   10.42.1.0/24 via 192.0.2.12 dev eth0            a node on the same link
//!   10.42.2.0/24 via 10.42.2.0 dev vxlw0 onlink     a node behind a router:
//!      neighbour 10.42.2.0 is 02:…                  its tunnel end's hardware address, made from its address,
//!      02:… on vxlw0 is behind 198.51.100.7         and where packets for that one are sent
//! ```
//!
//! Nothing is learnt or asked: every node knows every other one from the cluster's state, so there is no
//! flooding and no ARP. [`Overlay::sync`] compares with what the kernel says, not with what it said last;
//! repeating it is cheap, and after a restart it goes on where it was.
//!
//! What is not here: who the other nodes are, forwarding and masquerading (the pod network and the service
//! table see to them), and encryption: whoever can read the link can read the pods' packets.
//!
//! Invariants: routes made here carry [`PROTOCOL`] and nobody else's are touched; the device is made and removed
//! only with our number, port and hardware address. Where every node shares a link, there is no device.

mod device;
mod entries;
mod plan;

use std::collections::BTreeSet;
use std::net::IpAddr;

use thiserror::Error;

use crate::IpNet;
use crate::link::{self, Mac};
use crate::netlink::{self, Family, Request, Socket};
use device::Tunnel;
use plan::{Path, Wanted, plan};

/// Route protocol number of the ways to other nodes' pods.
pub const PROTOCOL: u8 = 109;
/// UDP port of tunnels unless configured otherwise: the one registered for VXLAN.
pub const PORT: u16 = 4789;
const ETHERNET_MTU: u32 = 1500;

/// How this node takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayConfig {
    /// Name of the tunnel's device, at most 15 bytes. It must not begin as the pods' own devices do
    /// ([`crate::pods::LINK_PREFIX`]).
    pub device: String,
    /// This node's address as the others know it; its family is the tunnel's.
    pub address: IpAddr,
    /// Addresses of this node inside its pod ranges, at most one of each family: what the node itself sends
    /// to other nodes' pods comes from there.
    pub sources: Vec<IpAddr>,
    /// Number that keeps the tunnels of several clusters apart (24 bits); the same on all nodes.
    pub number: u32,
    /// UDP port, the same on all nodes; [`PORT`] if nothing speaks against it.
    pub port: u16,
    /// Tunnel even where a link is shared: for networks that drop packets with addresses they did not give out,
    /// as those of most clouds do.
    pub always_tunnel: bool,
}

/// Another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteNode {
    /// Its name, for messages.
    pub name: String,
    /// Its address as seen from here, of the same family as [`OverlayConfig::address`].
    pub address: IpAddr,
    /// Addresses of its pods.
    pub pod_cidrs: Vec<IpNet>,
}

/// How the pods of a node are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By plain routes alone.
    Direct,
    /// At least partly through the tunnel.
    Tunnel,
}

/// What can go wrong with the ways to other nodes.
#[derive(Debug, Error)]
pub enum Error {
    /// The kernel refused.
    #[error("way to other nodes' pods: {0}")]
    Netlink(#[from] netlink::Error),
    /// A device of that name exists, and it is not ours.
    #[error(
        "a device {device} exists that is no tunnel of this cluster: choose another name, or remove it with `ip link delete {device}`"
    )]
    DeviceTaken {
        /// The device.
        device: String,
    },
    /// The device was deleted by somebody while we worked on it.
    #[error("device {device} vanished while it was being set up: try again")]
    DeviceGone {
        /// The device.
        device: String,
    },
    /// The name does not fit.
    #[error("{device:?} cannot name a tunnel: 1 to 15 bytes, and not beginning with \"lw\"")]
    Name {
        /// The name.
        device: String,
    },
    /// A node is reached over another family than ours.
    #[error("node {node} has the address {address}, this one {own}: give both an address of the same family")]
    Family {
        /// The other node.
        node: String,
        /// Its address.
        address: IpAddr,
        /// Ours.
        own: IpAddr,
    },
}

/// Keeps the ways to other nodes' pods. Holds no state but the configuration.
#[derive(Debug)]
pub struct Overlay {
    config: OverlayConfig,
    socket: Socket,
}

impl Overlay {
    /// Opens a netlink socket in the calling thread's network namespace; changes nothing.
    pub fn open(config: OverlayConfig) -> Result<Self, Error> {
        let name = &config.device;
        if name.is_empty() || name.len() > link::NAME_MAX || name.starts_with(crate::pods::LINK_PREFIX) {
            return Err(Error::Name { device: config.device });
        }
        Ok(Self { config, socket: Socket::open(Family::Route)? })
    }

    /// Makes the kernel know the ways to the pods of exactly these nodes; returns each one's, in their order.
    ///
    /// Call it again when a node comes, goes or changes its address. Ways that stay are not interrupted.
    pub fn sync(&mut self, nodes: &[RemoteNode]) -> Result<Vec<Way>, Error> {
        if let Some(node) = nodes.iter().find(|n| n.address.is_ipv4() != self.config.address.is_ipv4()) {
            let RemoteNode { name, address, .. } = node.clone();
            return Err(Error::Family { node: name, address, own: self.config.address });
        }
        let mut paths = Vec::with_capacity(nodes.len());
        for node in nodes {
            paths.push(self.path(node.address)?);
        }
        let wanted = plan(&self.config, nodes, &paths);
        let device = match wanted.needs_tunnel() {
            true => Some(self.set_up_device(&paths)?),
            false => None,
        };
        self.sync_neighbours(device, &wanted)?;
        self.sync_routes(device, &wanted)?;
        if device.is_none() {
            self.remove_device()?;
        }
        Ok(wanted.ways)
    }

    /// Removes all routes and the device; no error if there are none.
    pub fn teardown(&mut self) -> Result<(), Error> {
        self.sync(&[]).map(drop)
    }

    /// How the machine reaches another node now; `None` counts as far away.
    fn path(&mut self, address: IpAddr) -> Result<Option<Path>, Error> {
        let Some((device, gateway)) = entries::route_to(&mut self.socket, address)? else { return Ok(None) };
        Ok(Some(Path { device, shares_link: !gateway }))
    }

    /// Makes the device, or brings it up to date; its number. A device of ours whose settings cannot be changed
    /// is made anew.
    fn set_up_device(&mut self, paths: &[Option<Path>]) -> Result<u32, Error> {
        let mtu = self.mtu(paths)?;
        let name = self.config.device.clone();
        if let Some(found) = link::find(&mut self.socket, &name)? {
            let tunnel = device::find(&mut self.socket, &name)?.filter(is_ours);
            let Some(tunnel) = tunnel else { return Err(Error::DeviceTaken { device: name }) };
            if tunnel == self.tunnel() {
                if found.mtu != mtu || !found.up {
                    let mut request = Request::new();
                    device::set_mtu(&mut request, &name, mtu);
                    link::set_up(&mut request, &name);
                    self.socket.request(request)?;
                }
                return Ok(found.index);
            }
            link::delete(&mut self.socket, &name)?;
        }
        let mut request = Request::new();
        device::create(&mut request, &name, mtu, &self.tunnel());
        // 127.0.0.1 may be the client of a node port whose endpoint is behind the tunnel.
        link::configure(&mut request, &name, &[(link::Setting::RouteLocalnet, 1)]);
        link::set_up(&mut request, &name);
        self.socket.request(request)?;
        let made = link::find(&mut self.socket, &name)?;
        Ok(made.ok_or(Error::DeviceGone { device: name })?.index)
    }

    fn tunnel(&self) -> Tunnel {
        let OverlayConfig { number, port, address, .. } = self.config;
        Tunnel { number, port, local: address, mac: hardware_address(address) }
    }

    fn remove_device(&mut self) -> Result<(), Error> {
        let name = self.config.device.clone();
        if device::find(&mut self.socket, &name)?.is_some_and(|tunnel| is_ours(&tunnel)) {
            link::delete(&mut self.socket, &name)?;
        }
        Ok(())
    }

    /// Largest packet that fits into the tunnel on every way that is taken.
    fn mtu(&mut self, paths: &[Option<Path>]) -> Result<u32, Error> {
        let devices: BTreeSet<u32> = paths.iter().flatten().map(|path| path.device).collect();
        let links = link::list(&mut self.socket)?;
        let smallest = links.iter().filter(|link| devices.contains(&link.index)).map(|link| link.mtu).min();
        Ok(tunnel_mtu(smallest.unwrap_or(ETHERNET_MTU), self.config.address.is_ipv6()))
    }

    fn sync_neighbours(&mut self, device: Option<u32>, wanted: &Wanted) -> Result<(), Error> {
        let Some(device) = device else { return Ok(()) }; // they go with the device
        let mut request = Request::new();
        let behind = entries::forwarding(&mut self.socket, device)?;
        let neighbours = entries::neighbours(&mut self.socket, device)?;
        for (mac, node) in wanted.tunnels.difference(&behind) {
            entries::add_forwarding(&mut request, device, *mac, *node);
        }
        for (gateway, mac) in wanted.neighbours.difference(&neighbours) {
            entries::add_neighbour(&mut request, device, *gateway, *mac);
        }
        // Replaced where the same key leads elsewhere now; only what nobody wants is removed.
        let still = |mac: &Mac| wanted.tunnels.iter().any(|(wanted, _)| wanted == mac);
        for (mac, node) in behind.iter().filter(|(mac, _)| !still(mac)) {
            entries::delete_forwarding(&mut request, device, *mac, *node);
        }
        let still = |address: &IpAddr| wanted.neighbours.iter().any(|(wanted, _)| wanted == address);
        for (gateway, mac) in neighbours.iter().filter(|(gateway, _)| !still(gateway)) {
            entries::delete_neighbour(&mut request, device, *gateway, *mac);
        }
        self.socket.request(request)?;
        Ok(())
    }

    fn sync_routes(&mut self, device: Option<u32>, wanted: &Wanted) -> Result<(), Error> {
        let routes = wanted.routes(device);
        let there = entries::routes(&mut self.socket)?;
        let mut request = Request::new();
        for route in routes.iter().filter(|route| !there.contains(route)) {
            let source = self.config.sources.iter().find(|s| s.is_ipv4() == route.destination.is_ipv4());
            entries::add_route(&mut request, route, source.copied());
        }
        for route in there.iter().filter(|old| !routes.iter().any(|r| r.destination == old.destination)) {
            entries::delete_route(&mut request, route);
        }
        self.socket.request(request)?;
        Ok(())
    }
}

/// Whether a tunnel was made here: its hardware address is that of its own address.
fn is_ours(tunnel: &Tunnel) -> bool {
    tunnel.mac == hardware_address(tunnel.local)
}

/// First byte of hardware addresses made here: locally administered.
const FIRST_BYTE: u8 = 0x02;

/// The hardware address of the tunnel's end on the node with this address: 40 bits of a hash (64-bit FNV-1a).
pub fn hardware_address(address: IpAddr) -> Mac {
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let hash = octets.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let [_, _, _, a, b, c, d, e] = (hash ^ (hash >> 32)).to_be_bytes();
    Mac([FIRST_BYTE, a, b, c, d, e])
}

/// Largest packet inside a tunnel over a link whose largest packet is `link`: the outer Ethernet, IP, UDP and
/// VXLAN headers take 50 bytes over IPv4 and 70 over IPv6. Pods of a cluster with tunnels should have it from the
/// start ([`crate::PodNetworkConfig::mtu`]); others are told by ICMP.
pub fn tunnel_mtu(link: u32, ipv6: bool) -> u32 {
    link.saturating_sub(if ipv6 { 70 } else { 50 })
}
