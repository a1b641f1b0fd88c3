//! Links, addresses, routes and service rules over netlink.
//!
//! What is here: pods' (and later virtual machines') attachment to the node, the node's own device and
//! routes, and an nf_tables table that turns service addresses into endpoints. All of it speaks netlink
//! through one small message builder; no program is started and no file outside the given state folder is
//! written, `/proc/sys` apart.
//!
//! What is not: Kubernetes. Callers translate their objects into [`pods::PodNetwork`] ids and
//! [`services::ServiceRule`]s.
//!
//! Invariants:
//! * Own what you create, touch nothing else: devices, routes, the table and the settings that this crate
//!   changed are known by name, by route protocol or by a record on disk, and only
//!   those are removed again.
//! * Every call blocks for well under a millisecond to a few milliseconds (netlink answers while it is being
//!   asked); callers on an async runtime use a blocking thread.

pub mod announce;
pub mod cidr;
pub mod conntrack;
pub mod link;
pub mod machines;
pub mod namespace;
pub mod netlink;
pub mod nft;
pub mod overlay;
pub mod pods;
pub mod policy;
pub mod route;
pub mod services;
pub mod sysctl;

pub use cidr::{IpNet, Ipv4Net};
pub use pods::{Ipv6Config, PodNetwork, PodNetworkConfig};
