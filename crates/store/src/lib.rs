//! Revisioned key-value store with etcd's model: a durable log, all live state in memory.
#![forbid(unsafe_code)]
