//! The cluster's name server: names of Services and pods from the API's objects, everything else from other
//! servers.
//!
//! It answers in a process of its own ([`main`], the product's binary with another first argument), so that names are
//! answered while no daemon runs. The daemon's part is [`run`]: it finds or starts that process, and feeds it with
//! every change of the objects.
//!
//! The parts: [`Zone`] is what is known, changed one [`Change`] at a time; `objects` turns the API's objects into
//! changes; [`answer()`] is the pure way from a packet to a packet; `server` puts both on UDP and TCP, `process` is
//! the process around it, `feed` the daemon's part of it, and `control` how it is asked from outside.
//!
//! A pod's search list takes one question instead of one for each domain in it: the server knows the namespace of the
//! pod that asks, goes through the list itself when the first domain is in vain, and answers with an alias to the
//! first name that exists.
//!
//! Not here: DNSSEC signatures of our own, zone transfers.

mod answer;
mod cache;
mod control;
mod feed;
mod objects;
mod process;
mod server;
mod upstream;
mod wire;
mod zone;

#[cfg(test)]
mod tests;

pub use answer::answer;
pub use control::{status, stop};
pub use feed::{Config, Error, run};
pub use process::main;
pub use wire::{Change, Entry, Port, Slice, Status};
pub use zone::{DomainError, Zone, ZoneConfig};
