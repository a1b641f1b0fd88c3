//! Pods (or any other network namespaces) as neighbours of the node: one veth pair and one /32 route each.
//!
//! ```text
//!   pod's namespace                     node
//!   eth0 10.42.0.5/32  ===veth===  lw3f0c…  (no address; route 10.42.0.5/32)
//!   default via 169.254.1.1              lw0 10.42.0.1/32 (bridge without ports)
//! ```
//!
//! With IPv6 the same again: the pod has `fd00:10:42::5/128` and a default route to `fe80::1`. A pod's IPv6
//! address has the same place in its range as the IPv4 address in its own ([`Ipv6Config::partner`]), so there is
//! one record of who holds what.
//!
//! There is no bridge between pods, so every packet between two of them is routed by the node and passes its
//! rules; `br_netfilter` and its settings play no part. Both ends know each other's hardware address from
//! the start: nothing is ever asked by ARP or neighbour discovery. Packets with a source that is not the pod's
//! are dropped (`rp_filter`; IPv6 has none, so the service table does it), and 127.0.0.0/8 may be routed through
//! the veth (`route_localnet`), which is what lets a connection to 127.0.0.1 be redirected to a pod; the service
//! table drops what a pod itself would send there.
//!
//! Settings of the whole machine that are changed: `net.ipv4.ip_forward` is switched on, and with IPv6
//! `net.ipv6.conf.all.forwarding` (see `node.rs`). [`PodNetwork::teardown`] puts the earlier values back, unless
//! another installation of ours still has routes.
//!
//! If another program's filter drops forwarded packets by default (Docker's `FORWARD` policy does), pods reach
//! neither each other nor the outside: in nf_tables a drop in any table is final, and this crate changes no
//! table but its own. The remedy is an accept in that program's own configuration, such as its `DOCKER-USER`
//! chain.

mod node;
mod state;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

use crate::link::{self, End, Mac, Setting};
use crate::netlink::{self, Family, Request, Socket};
use crate::route::{self, Target};
use crate::{IpNet, Ipv4Net, namespace, sysctl};
use state::Addresses;

/// Prefix of the names of the node's ends of veth pairs; rules match on it.
pub const LINK_PREFIX: &str = "lw";
/// The device inside a pod.
const POD_DEVICE: &str = "eth0";
/// Every pod's gateway: a link-local address that nobody holds, reached by a fixed neighbour entry.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
/// Hardware address of the node's end of every pair; they share no link, so one is enough.
const NODE_END: Mac = Mac([0x02, 0x6c, 0x77, 0, 0, 1]);
/// The same for IPv6.
const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// How the node's side of the pod network is made.
#[derive(Debug, Clone)]
pub struct PodNetworkConfig {
    /// Name of the node's own device, at most 15 bytes: `lw0`.
    pub device: String,
    /// The node's address towards its pods; lies in `pod_cidr`.
    pub node_address: Ipv4Addr,
    /// Addresses of this node's pods.
    pub pod_cidr: Ipv4Net,
    /// Addresses of services: the node gets a route there, so that its own processes can use them.
    pub service_cidr: Ipv4Net,
    /// The same for IPv6; `None` gives pods IPv4 alone.
    pub ipv6: Option<Ipv6Config>,
    /// How many addresses at the end of `pod_cidr` are not for pods, beside the very last.
    pub reserved: u32,
    /// Folder (made if missing) for what must survive a restart: addresses in use, settings changed.
    pub state: PathBuf,
    /// Largest packet; `None` takes the MTU of the device of the default route.
    pub mtu: Option<u32>,
}

/// Addresses of the second family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Config {
    /// The node's address towards its pods; lies in `pod_cidr`.
    pub node_address: Ipv6Addr,
    /// Addresses of this node's pods.
    pub pod_cidr: IpNet,
    /// Addresses of pods of all nodes.
    pub cluster_cidr: IpNet,
    /// Addresses of services.
    pub service_cidr: IpNet,
}

impl Ipv6Config {
    /// The address whose place in `pod_cidr` is that of `address` in `pods`; `None` if it does not lie there or the
    /// range is too small.
    pub fn partner(&self, pods: Ipv4Net, address: Ipv4Addr) -> Option<Ipv6Addr> {
        let IpAddr::V6(base) = self.pod_cidr.network() else { return None };
        let place = address.to_bits().checked_sub(pods.network().to_bits())?;
        let partner = Ipv6Addr::from_bits(base.to_bits().checked_add(place.into())?);
        (pods.contains(address) && self.pod_cidr.contains(partner.into())).then_some(partner)
    }
}

/// What can go wrong with the pod network.
#[derive(Debug, Error)]
pub enum Error {
    /// The kernel refused.
    #[error(transparent)]
    Netlink(#[from] netlink::Error),
    /// The pod's namespace cannot be entered.
    #[error(transparent)]
    Namespace(#[from] namespace::Error),
    /// A kernel setting cannot be changed.
    #[error(transparent)]
    Sysctl(#[from] sysctl::Error),
    /// A state file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A state file holds a line that was not written by us.
    #[error("{path}: cannot read the line {line:?}; remove the file once no pod runs", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line.
        line: String,
    },
    /// The configuration contradicts itself.
    #[error("{0}")]
    Config(String),
    /// Pods and services would share addresses.
    #[error("the range for pods, {pods}, overlaps the one for services, {services}: choose another")]
    SameRange {
        /// Addresses of pods.
        pods: IpNet,
        /// Addresses of services.
        services: IpNet,
    },
    /// The machine reaches the addresses some other way already.
    #[error(
        "the range for {range}, {network}, overlaps the route {route} on device {device}: choose another range"
    )]
    Overlap {
        /// What the range is for.
        range: &'static str,
        /// The range.
        network: IpNet,
        /// The route that is in the way.
        route: IpNet,
        /// Its device.
        device: String,
    },
    /// A device of that name exists, and it is not known to be ours.
    #[error(
        "a device {device} exists that was not made here: choose another name, or remove it with `ip link delete {device}`"
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
    /// No address is free.
    #[error("all addresses of {cidr} are taken: delete pods or choose a wider range")]
    Exhausted {
        /// The range.
        cidr: Ipv4Net,
    },
    /// The id cannot be remembered.
    #[error("{0:?} cannot be an id: it must be a word without spaces")]
    Id(String),
}

/// The pods of one node on the network. Clones share one state.
#[derive(Debug, Clone)]
pub struct PodNetwork {
    config: Arc<PodNetworkConfig>,
    addresses: Arc<Mutex<Addresses>>,
}

impl PodNetwork {
    /// Reads the remembered state; changes nothing.
    pub fn open(config: PodNetworkConfig) -> Result<Self, Error> {
        if !config.pod_cidr.contains(config.node_address) {
            let PodNetworkConfig { node_address, pod_cidr, .. } = &config;
            return Err(Error::Config(format!("the node's address {node_address} must lie in {pod_cidr}")));
        }
        if config.device.is_empty() || config.device.len() > link::NAME_MAX {
            let text = format!("{:?} cannot name a device: 1 to {} bytes", config.device, link::NAME_MAX);
            return Err(Error::Config(text));
        }
        let mut config = config;
        if let Some(ipv6) = &config.ipv6 {
            if config.ipv6.and_then(|ipv6| ipv6.partner(config.pod_cidr, config.pod_cidr.last())).is_none()
                || !ipv6.pod_cidr.contains(ipv6.node_address.into())
            {
                let Ipv6Config { node_address, pod_cidr, .. } = ipv6;
                let text = format!(
                    "{pod_cidr} must hold {node_address} and as many addresses as {}",
                    config.pod_cidr
                );
                return Err(Error::Config(text));
            }
            if !sysctl::has_ipv6() {
                tracing::warn!("this machine has IPv6 switched off: pods get IPv4 addresses alone");
                config.ipv6 = None;
            }
        }
        let addresses =
            Addresses::load(&config.state, config.pod_cidr, config.node_address, config.reserved)?;
        Ok(Self { config: Arc::new(config), addresses: Arc::new(Mutex::new(addresses)) })
    }

    /// Makes the node's device, routes and settings; does nothing where they are there already.
    ///
    /// # Errors
    /// [`Error::Overlap`] if the machine reaches addresses of a range already, [`Error::DeviceTaken`] if a
    /// device of the name exists that was not made here; nothing was changed then.
    pub fn setup_node(&self) -> Result<(), Error> {
        node::set_up(&mut Socket::open(Family::Route)?, &self.config)
    }

    /// The IPv4 address that [`PodNetwork::attach`] will give `id`; it is remembered from now on.
    pub fn reserve(&self, id: &str) -> Result<Ipv4Addr, Error> {
        self.addresses().hold(id)
    }

    /// Connects the network namespace `netns` as `id` and returns its IPv4 address; see [`PodNetwork::partner`]
    /// for the other one.
    ///
    /// The address is remembered until [`PodNetwork::detach`], so the same id gets the same one again, also
    /// after a restart. Repeating it is cheap; a half-made connection is made again.
    pub fn attach(&self, id: &str, netns: impl AsFd) -> Result<Ipv4Addr, Error> {
        let address = self.addresses().hold(id)?;
        let name = link_name(id);
        let netns = netns.as_fd();
        let mut socket = Socket::open(Family::Route)?;
        if link::find(&mut socket, &name)?.is_some() {
            if namespace::run_in(netns, || is_connected(address, self.partner(address)))?? {
                return Ok(address);
            }
            link::delete(&mut socket, &name)?;
        }
        let connected = self.connect_node_end(&mut socket, &name, address, netns).and_then(|()| {
            namespace::run_in(netns, || connect_pod_end(address, self.partner(address)))??;
            Ok(())
        });
        if connected.is_err() {
            link::delete(&mut socket, &name)?;
        }
        connected.map(|()| address)
    }

    fn connect_node_end(
        &self,
        socket: &mut Socket,
        name: &str,
        address: Ipv4Addr,
        netns: BorrowedFd<'_>,
    ) -> Result<(), Error> {
        let mtu = node::mtu(socket, &self.config)?;
        let outer = End { name, mac: NODE_END };
        let inner = End { name: POD_DEVICE, mac: mac_of(address) };
        let mut request = Request::new();
        link::create_veth(&mut request, outer, inner, netns, mtu);
        socket.request(request)?;
        let device = index_of(socket, name)?;
        let mut request = Request::new();
        let settings =
            [(Setting::ReversePathFilter, 1), (Setting::RouteLocalnet, 1), (Setting::Forwarding, 1)];
        link::configure(&mut request, name, &settings);
        link::set_up(&mut request, name);
        let source = Some(self.config.node_address.into());
        route::add(&mut request, Ipv4Net::containing(address, 32), Target::Device(device), source);
        route::add_neighbour(&mut request, device, address, mac_of(address));
        if let (Some(ipv6), Some(partner)) = (&self.config.ipv6, self.partner(address)) {
            let source = Some(ipv6.node_address.into());
            route::add(&mut request, IpNet::single(partner.into()), Target::Device(device), source);
            route::add_neighbour(&mut request, device, partner, mac_of(address));
        }
        socket.request(request)?;
        Ok(())
    }

    /// The IPv6 address of the pod (or the node) with this IPv4 address; `None` without IPv6.
    pub fn partner(&self, address: Ipv4Addr) -> Option<Ipv6Addr> {
        self.config.ipv6.as_ref()?.partner(self.config.pod_cidr, address)
    }

    /// The node's IPv6 address towards its pods; `None` without IPv6.
    pub fn node_address6(&self) -> Option<Ipv6Addr> {
        self.config.ipv6.map(|ipv6| ipv6.node_address)
    }

    /// The address that `id` holds.
    pub fn address(&self, id: &str) -> Option<Ipv4Addr> {
        self.addresses().of(id)
    }

    /// Disconnects `id` and frees its address; no error if it was not there.
    pub fn detach(&self, id: &str) -> Result<(), Error> {
        link::delete(&mut Socket::open(Family::Route)?, &link_name(id))?;
        self.addresses().release(id)
    }

    /// After a restart: keeps the ids in `alive`, detaches every other remembered one and returns those.
    pub fn adopt(&self, alive: &[&str]) -> Result<Vec<String>, Error> {
        let mut gone = self.addresses().ids();
        gone.retain(|id| !alive.contains(&id.as_str()));
        for id in &gone {
            self.detach(id)?;
        }
        Ok(gone)
    }

    /// Removes everything that this made on the node, and restores the settings it changed. The state
    /// folder stays, empty.
    pub fn teardown(&self) -> Result<(), Error> {
        self.adopt(&[])?;
        node::tear_down(&mut Socket::open(Family::Route)?, &self.config)?;
        state::remove(&self.config.state)
    }

    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        // Nothing in here panics half-way through a change.
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pod's end; runs inside the pod's namespace. The default route comes last: see [`is_connected`].
fn connect_pod_end(address: Ipv4Addr, partner: Option<Ipv6Addr>) -> Result<(), Error> {
    let mut socket = Socket::open(Family::Route)?;
    let device = index_of(&mut socket, POD_DEVICE)?;
    let mut request = Request::new();
    link::set_up(&mut request, "lo");
    link::configure(&mut request, POD_DEVICE, &[]);
    route::add_address(&mut request, device, address, 32);
    link::set_up(&mut request, POD_DEVICE);
    route::add_neighbour(&mut request, device, GATEWAY, NODE_END);
    if let Some(partner) = partner {
        route::add_address(&mut request, device, partner, 128);
        route::add_neighbour(&mut request, device, GATEWAY6, NODE_END);
        let default = IpNet::containing(Ipv6Addr::UNSPECIFIED.into(), 0);
        route::add(&mut request, default, Target::Gateway(GATEWAY6.into(), device), None);
    }
    let default = IpNet::containing(Ipv4Addr::UNSPECIFIED.into(), 0);
    route::add(&mut request, default, Target::Gateway(GATEWAY.into(), device), None);
    socket.request(request)?;
    Ok(())
}

/// Whether the calling thread's namespace was connected to the end with these addresses.
fn is_connected(address: Ipv4Addr, partner: Option<Ipv6Addr>) -> Result<bool, Error> {
    let mut socket = Socket::open(Family::Route)?;
    let Some(device) = link::find(&mut socket, POD_DEVICE)? else { return Ok(false) };
    let held = route::addresses(&mut socket)?;
    let mut wanted = std::iter::once(IpAddr::from(address)).chain(partner.map(IpAddr::from));
    let addressed = wanted.all(|address| held.contains(&(device.index, address)));
    let mut routes = route::list(&mut socket)?.into_iter().filter(|r| r.destination.is_ipv4());
    Ok(addressed && routes.any(|r| r.destination.prefix() == 0 && r.device == Some(device.index)))
}

fn index_of(socket: &mut Socket, name: &str) -> Result<u32, Error> {
    let link = link::find(socket, name)?.ok_or_else(|| Error::DeviceGone { device: name.to_owned() })?;
    Ok(link.index)
}

/// A locally administered hardware address that no other of our addresses shares.
fn mac_of(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    Mac([0x02, 0x6c, a, b, c, d])
}

/// Name of the node's end: the prefix and ten hexadecimal digits of a hash (64-bit FNV-1a) of the id.
pub fn link_name(id: &str) -> String {
    format!("{LINK_PREFIX}{:010x}", fnv(id.as_bytes()) >> 24)
}

/// The 64-bit FNV-1a hash: short, and the same for ever.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable_and_fit() {
        assert_eq!(link_name(""), "lwcbf29ce484");
        assert_ne!(link_name("a"), link_name("b"));
        assert!(link_name("0b5b3d1c-77f0-4b3e-a6f2-5d8a8f3d1234").len() <= link::NAME_MAX);
    }

    #[test]
    fn both_addresses_have_the_same_place() {
        let ipv6 = Ipv6Config {
            node_address: "fd00:10:42::1".parse().unwrap(),
            pod_cidr: "fd00:10:42::/64".parse().unwrap(),
            cluster_cidr: "fd00:10:42::/56".parse().unwrap(),
            service_cidr: "fd00:10:43::/112".parse().unwrap(),
        };
        let pods = "10.42.0.0/16".parse().unwrap();
        let partner = |address: Ipv4Addr| ipv6.partner(pods, address).map(|partner| partner.to_string());
        assert_eq!(partner(Ipv4Addr::new(10, 42, 0, 1)).as_deref(), Some("fd00:10:42::1"));
        assert_eq!(partner(Ipv4Addr::new(10, 42, 1, 9)).as_deref(), Some("fd00:10:42::109"));
        assert_eq!(partner(Ipv4Addr::new(10, 43, 0, 0)), None);
        assert_eq!(partner(Ipv4Addr::new(10, 41, 0, 0)), None);
        let small = Ipv6Config { pod_cidr: "fd00:10:42::/120".parse().unwrap(), ..ipv6 };
        assert_eq!(small.partner(pods, Ipv4Addr::new(10, 42, 1, 0)), None);
    }

    #[test]
    fn a_contradicting_configuration_is_refused() {
        let config = PodNetworkConfig {
            device: "lw0".to_owned(),
            node_address: Ipv4Addr::new(10, 43, 0, 1),
            pod_cidr: "10.42.0.0/24".parse().unwrap(),
            service_cidr: "10.43.0.0/16".parse().unwrap(),
            ipv6: None,
            reserved: 0,
            state: PathBuf::from("/nonexistent"),
            mtu: None,
        };
        let error = PodNetwork::open(config.clone()).unwrap_err().to_string();
        assert_eq!(error, "the node's address 10.43.0.1 must lie in 10.42.0.0/24");
        let long = PodNetworkConfig {
            device: "a-name-of-16-byt".to_owned(),
            node_address: Ipv4Addr::new(10, 42, 0, 1),
            ..config
        };
        assert!(matches!(PodNetwork::open(long), Err(Error::Config(_))));
    }
}
