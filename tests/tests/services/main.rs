//! Services and the ways to them: every type, both address families, policies, load balancers, ends of backends.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod balancers;
mod choice;
mod datagrams;
mod ends;
mod families;
mod kinds;
mod spread;
mod world;
