//! What the daemon and the name server's process say to each other: one JSON value a line, over a unix socket.
//!
//! The daemon says [`Say`], the process [`Tell`]. The process greets first. A feed is `Begin`, changes,
//! `Complete`, and changes from then on; what was known before is answered until `Complete`, and then all at once
//! replaced by what the feed said.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// From the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Say {
    /// A feed begins, from nothing.
    Begin(Setup),
    /// One object changed.
    Change(Change),
    /// Who is asked about names that are not the cluster's.
    Resolve(Resolve),
    /// Everything was told.
    Complete,
    /// Hand the sockets over to the process that asks; answered beside the sockets by [`Tell::Sockets`].
    HandOver,
    /// The sockets arrived and are served: end.
    Taken,
    /// How are you?
    Status,
    /// End.
    Stop,
}

/// From the name server's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Tell {
    /// First word on every connection.
    Hello {
        /// Which program this is; see [`super::process::identity`].
        identity: String,
    },
    /// The feed is complete, and its names are answered.
    Serving,
    /// The feed is complete, and cannot be served.
    Failed {
        /// Why.
        reason: String,
    },
    /// The addresses of the sockets that come along: UDP and TCP of each, in order.
    Sockets {
        /// Where they listen.
        addresses: Vec<SocketAddr>,
    },
    /// Answer to [`Say::Status`].
    Status(Status),
}

/// How the name server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Its process.
    pub pid: u32,
    /// When it began to answer, in seconds since 1970; `None` before.
    pub serving_since: Option<u64>,
    /// Whether a daemon tells it of changes. Without one it answers what it knew last.
    pub fed: bool,
    /// Services that it knows.
    pub services: usize,
    /// Questions answered so far.
    pub answered: u64,
}

/// What a name server needs to know to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Setup {
    pub(super) listen: Vec<SocketAddr>,
    pub(super) domain: String,
    pub(super) servers: Vec<IpAddr>,
    pub(super) ranges: Vec<String>,
    pub(super) ttl: u32,
    pub(super) resolv_conf: PathBuf,
}

/// Servers for names that are not the cluster's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resolve {
    /// Servers for everything; `None`: those of the node's resolv.conf.
    pub upstream: Option<Vec<SocketAddr>>,
    /// Domains with servers of their own.
    pub stubs: Vec<(String, Vec<SocketAddr>)>,
}

/// One difference in what is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// A namespace.
    Namespace {
        /// Its name.
        name: String,
        /// Whether it is there.
        there: bool,
    },
    /// A Service.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What its name leads to; `None` if it is gone, or leads nowhere yet.
        entry: Option<Entry>,
    },
    /// An EndpointSlice.
    Slice {
        /// Its namespace.
        namespace: String,
        /// Its own name.
        name: String,
        /// Its endpoints; `None` if it is gone.
        content: Option<Slice>,
    },
    /// A pod of this node that completes names by the cluster's usual search list.
    Pod {
        /// Its address.
        address: IpAddr,
        /// Its namespace; `None` if it is gone.
        namespace: Option<String>,
    },
}

/// What a Service's name leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Entry {
    /// The addresses and ports of the Service itself.
    Cluster {
        /// Its addresses, of either family.
        addresses: Vec<IpAddr>,
        /// Its ports.
        ports: Vec<Port>,
    },
    /// Its endpoints.
    Headless,
    /// Another name.
    External(String),
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its name in lower case, "" if it has none.
    pub name: String,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Its number.
    pub number: u16,
}

/// The endpoints of an EndpointSlice that may be named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Name of its Service.
    pub service: String,
    /// Ready endpoints: address, and host name in lower case.
    pub endpoints: Vec<(IpAddr, String)>,
    /// Ports of each.
    pub ports: Vec<Port>,
}

/// A value as a line.
pub(super) fn line(value: &impl Serialize) -> Vec<u8> {
    // Strings, numbers and lists alone: serialization cannot fail.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
