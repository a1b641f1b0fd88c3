//! Skeleton of the pods' network.

use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use thiserror::Error;

use crate::Ipv4Net;

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
    /// Folder (made if missing) for what must survive a restart: addresses in use, settings changed.
    pub state: PathBuf,
    /// Largest packet; `None` takes the MTU of the device of the default route.
    pub mtu: Option<u32>,
}

/// What can go wrong.
#[derive(Debug, Error)]
pub enum Error {
    /// Placeholder.
    #[error("not there yet")]
    Missing,
}

/// The pods of one node on the network.
#[derive(Debug, Clone)]
pub struct PodNetwork {
    config: PodNetworkConfig,
}

impl PodNetwork {
    /// Reads the remembered state; changes nothing.
    pub fn open(config: PodNetworkConfig) -> Result<Self, Error> {
        Ok(Self { config })
    }

    /// Makes the node's device, routes and settings; idempotent.
    pub fn setup_node(&self) -> Result<(), Error> {
        Err(Error::Missing)
    }

    /// Connects the network namespace `netns` as `id`; idempotent, the address is remembered.
    pub fn attach(&self, _id: &str, _netns: BorrowedFd<'_>) -> Result<Ipv4Addr, Error> {
        Err(Error::Missing)
    }

    /// The address that `id` holds.
    pub fn address(&self, _id: &str) -> Option<Ipv4Addr> {
        Some(self.config.node_address)
    }

    /// Disconnects `id` and frees its address; no error if it was not there.
    pub fn detach(&self, _id: &str) -> Result<(), Error> {
        Err(Error::Missing)
    }

    /// After a restart: keeps `alive`, detaches every other remembered id and says which.
    pub fn adopt(&self, _alive: &[&str]) -> Result<Vec<String>, Error> {
        Err(Error::Missing)
    }

    /// Removes everything that this made on the node, and restores the settings it changed.
    pub fn teardown(&self) -> Result<(), Error> {
        Err(Error::Missing)
    }
}
