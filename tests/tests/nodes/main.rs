//! Several nodes: on one machine, and on machines that join; what becomes of pods when a node goes away, and how it
//! comes back. Machines are network namespaces here, each with links and routes of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod joined;
mod local;
mod world;
