//! Further nodes on one machine: network namespaces that act as machines of their own, joined to the node's bridge.
//!
//! ```text
//!   the machine                              a further node's namespace
//!   lw0 10.42.0.1/32 (bridge)
//!     └ lwn…  (port)  ========veth========   eth0 10.42.0.254/32
//!   route 10.42.0.254/32 dev lw0             routes to 10.42.0.1 and to each sibling: dev eth0
//!                                            default via 10.42.0.1
//! ```
//!
//! All of them share a link, so the ways between their pods are plain routes. What goes outside leaves through the
//! first node, which knows their addresses as its own pods'. A namespace is kept by a file it is mounted on, so that
//! it outlives every process in it; after a reboot [`Machine::connect`] makes it anew.
//!
//! Not here: what runs in such a namespace, and IPv6: further nodes have IPv4 addresses among each other.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::link::{self, End, Mac};
use crate::netlink::{self, Family, Request, Socket};
use crate::route::{self, Target};
use crate::{Ipv4Net, namespace};

/// The device inside the namespace.
const DEVICE: &str = "eth0";
/// What the file system of namespaces calls itself (`NSFS_MAGIC`).
const NSFS: i64 = 0x6e73_6673;

/// A network namespace as a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The file that keeps the namespace; made if missing.
    pub namespace: PathBuf,
    /// The bridge that it is joined to.
    pub bridge: String,
    /// Name of its port there, at most 15 bytes.
    pub port: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The address of the machine it lives on, which leads everywhere else.
    pub gateway: Ipv4Addr,
    /// Addresses of the other such machines on the bridge.
    pub siblings: Vec<Ipv4Addr>,
}

/// What can go wrong with a machine.
#[derive(Debug, Error)]
pub enum Error {
    /// The kernel refused.
    #[error(transparent)]
    Netlink(#[from] netlink::Error),
    /// The namespace cannot be made or entered.
    #[error(transparent)]
    Namespace(#[from] namespace::Error),
    /// The file that keeps the namespace cannot be used.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A device is not there.
    #[error("device {device} is missing: start the first node before the others")]
    Missing {
        /// The device.
        device: String,
    },
}

impl Machine {
    /// Makes namespace, link, addresses and routes; does nothing where they are there already.
    pub fn connect(&self) -> Result<(), Error> {
        let netns = self.open_or_create()?;
        let mut socket = Socket::open(Family::Route)?;
        let bridge = find(&mut socket, &self.bridge)?;
        let connected = link::find(&mut socket, &self.port)?.is_some()
            && namespace::run_in(&netns, || link::find(&mut Socket::open(Family::Route)?, DEVICE))??
                .is_some();
        if !connected {
            link::delete(&mut socket, &self.port)?;
            let outer = End { name: &self.port, mac: mac_of(self.address, 1) };
            let inner = End { name: DEVICE, mac: mac_of(self.address, 2) };
            let mut request = Request::new();
            link::create_veth(&mut request, outer, inner, netns.as_fd(), bridge.mtu);
            socket.request(request)?;
        }
        let mut request = Request::new();
        link::configure(&mut request, &self.port, &[]);
        link::join(&mut request, &self.port, bridge.index);
        link::set_up(&mut request, &self.port);
        let own = Ipv4Net::containing(self.address, 32);
        route::add(&mut request, own, Target::Device(bridge.index), Some(self.gateway.into()));
        socket.request(request)?;
        namespace::run_in(&netns, || self.connect_inside())?
    }

    fn connect_inside(&self) -> Result<(), Error> {
        let mut socket = Socket::open(Family::Route)?;
        let device = find(&mut socket, DEVICE)?.index;
        let mut request = Request::new();
        link::set_up(&mut request, "lo");
        link::configure(&mut request, DEVICE, &[]);
        route::add_address(&mut request, device, self.address, 32);
        link::set_up(&mut request, DEVICE);
        for other in self.siblings.iter().chain([&self.gateway]) {
            let way = Ipv4Net::containing(*other, 32);
            route::add(&mut request, way, Target::Device(device), Some(self.address.into()));
        }
        let everywhere = Ipv4Net::containing(Ipv4Addr::UNSPECIFIED, 0);
        let target = Target::Gateway(self.gateway.into(), device);
        route::add(&mut request, everywhere, target, Some(self.address.into()));
        socket.request(request)?;
        Ok(())
    }

    fn open_or_create(&self) -> Result<OwnedFd, Error> {
        let path = &self.namespace;
        let fail = |action| {
            let path = path.clone();
            move |source| Error::File { action, path, source }
        };
        if is_kept(path) {
            return Ok(File::open(path).map_err(fail("open"))?.into());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(fail("create the folder of"))?;
        }
        File::create(path).map_err(fail("create"))?;
        let netns = namespace::create()?;
        let source = format!("/proc/self/fd/{}", netns.as_raw_fd());
        rustix::mount::mount_bind(source, path).map_err(|e| fail("keep the namespace at")(e.into()))?;
        Ok(netns)
    }
}

/// Removes the port of a machine and its namespace; no error if they are not there. Processes inside keep the
/// namespace, without a way out, until they end.
pub fn disconnect(port: &str, kept_at: &Path) -> Result<(), Error> {
    link::delete(&mut Socket::open(Family::Route)?, port)?;
    let fail = |action| {
        let path = kept_at.to_owned();
        move |source| Error::File { action, path, source }
    };
    if is_kept(kept_at) {
        rustix::mount::unmount(kept_at, rustix::mount::UnmountFlags::DETACH)
            .map_err(|e| fail("unmount")(e.into()))?;
    }
    match std::fs::remove_file(kept_at) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fail("remove")(error)),
        _ => Ok(()),
    }
}

/// Moves the calling thread, and all threads that it starts, into the namespace kept at `path` for good.
pub fn enter(path: &Path) -> Result<(), Error> {
    let file =
        File::open(path).map_err(|source| Error::File { action: "open", path: path.to_owned(), source })?;
    Ok(namespace::enter(file.as_fd())?)
}

/// Whether a namespace is mounted on the file.
fn is_kept(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|file_system| file_system.f_type == NSFS)
}

fn find(socket: &mut Socket, device: &str) -> Result<link::Link, Error> {
    link::find(socket, device)?.ok_or_else(|| Error::Missing { device: device.to_owned() })
}

/// A locally administered hardware address, one for each end.
fn mac_of(address: Ipv4Addr, end: u8) -> Mac {
    let [_, b, c, d] = address.octets();
    Mac([0x02, 0x6e, end, b, c, d])
}
