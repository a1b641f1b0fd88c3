//! Placement of pods on nodes: a pure core, snapshot in, decision out, and a thin loop.
//!
//! Here: filters, scores, preemption ([`schedule()`], [`preempt::preempt`]) as functions of a [`snapshot::Snapshot`], and
//! [`run()`], which keeps the snapshot current, asks the core and writes bindings.
//! Claims of pods and their volumes are looked at in [`volumes`].
//! Not here: device claims; nor anything that happens on the node.
//!
//! Invariants: the core knows no clock, no IO and no randomness; a decision counts for the next one before
//! it is written; a refused pod waits for an event that could help it, never for a timer alone.
#![forbid(unsafe_code)]

pub mod affinity;
pub mod filters;
mod pending;
pub mod preempt;
pub mod resources;
mod run;
mod schedule;
pub mod score;
pub mod snapshot;
pub mod volumes;

pub use run::run;
pub use schedule::{Placement, Unschedulable, schedule};

/// What a scheduler is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Pods that name this scheduler are placed.
    pub name: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { name: "default-scheduler".into() }
    }
}
