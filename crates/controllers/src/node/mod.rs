//! What nodes are given, nodes that fall silent, and pods whose node is gone or does not want them.

pub(crate) mod eviction;
pub(crate) mod health;
pub(crate) mod ipam;
pub(crate) mod left;
pub(crate) mod name_servers;
pub(crate) mod pod_gc;
