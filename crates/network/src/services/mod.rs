//! Skeleton of service rules.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use thiserror::Error;

use crate::Ipv4Net;

/// A transport protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Where a service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Frontend {
    /// The address, or `None` for every address of the node, 127.0.0.1 included (node ports, host ports).
    pub address: Option<Ipv4Addr>,
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
}

/// What a client gets when a service has no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Empty {
    /// A TCP reset or an ICMP "port unreachable": refused at once.
    #[default]
    Reject,
    /// Nothing: another node may answer for this address.
    Drop,
}

/// One front end and the endpoints behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRule {
    /// Where clients connect to.
    pub frontend: Frontend,
    /// Who answers; chosen at random per connection. Order does not matter.
    pub endpoints: Vec<SocketAddrV4>,
    /// How long a client (by source address) stays with its endpoint; `None` for no stickiness.
    pub affinity: Option<Duration>,
    /// What happens without endpoints.
    pub empty: Empty,
}

/// What a [`Table`] needs to know of the node.
#[derive(Debug, Clone)]
pub struct TableConfig {
    /// Name of the nf_tables table, family `inet`; nothing outside it is touched.
    pub name: String,
    /// The node's address towards its pods: source of connections that must come back through the node.
    pub node_address: Ipv4Addr,
    /// Addresses of this node's pods: what leaves from here for elsewhere gets the node's address.
    pub pod_cidr: Ipv4Net,
    /// Addresses of pods of all nodes (the same as `pod_cidr` with one node): never masqueraded among each other.
    pub cluster_cidr: Ipv4Net,
    /// Addresses of services: what has no rule is refused at once.
    pub service_cidr: Ipv4Net,
}

/// What can go wrong.
#[derive(Debug, Error)]
pub enum Error {
    /// Placeholder.
    #[error("not there yet")]
    Missing,
}

/// Service rules as one nf_tables table.
#[derive(Debug)]
pub struct Table {
    _config: TableConfig,
}

impl Table {
    /// Opens a netlink socket; the kernel's table is first touched by [`Table::sync`].
    pub fn new(config: TableConfig) -> Result<Self, Error> {
        Ok(Self { _config: config })
    }

    /// Makes the kernel's table say exactly `rules`, in one atomic transaction, writing only what differs
    /// from the last sync. The first sync replaces the whole table without a gap.
    pub fn sync(&mut self, _rules: &[ServiceRule]) -> Result<(), Error> {
        Err(Error::Missing)
    }

    /// Removes the table; no error if it is not there.
    pub fn teardown(&mut self) -> Result<(), Error> {
        Err(Error::Missing)
    }
}
