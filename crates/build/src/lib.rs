//! Packages, task graph, hashing, cache and runner.
#![forbid(unsafe_code)]
