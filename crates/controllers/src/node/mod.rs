//! Nodes that fall silent, and pods whose node is gone or does not want them.

pub(crate) mod eviction;
pub(crate) mod health;
pub(crate) mod pod_gc;
