//! What every API client in this workspace shares: informers, work queues, events.
//!
//! The way of one change: the API server's watch → [`watch()`] (reconnects, falls back, never gives up) →
//! [`Informer`] (the kind's objects in memory, one watch per kind and process) → [`Change`] →
//! [`Queue`] (one key once, one worker per key) → a reconcile function.
//!
//! Not here: what is done with a change. This crate knows no kind but core/v1 Event.
#![forbid(unsafe_code)]

mod events;
mod informer;
mod informers;
mod queue;
mod status;
mod watch;

pub use events::Events;
pub use informer::{Change, Informer};
pub use informers::Informers;
pub use kube::runtime::watcher::Config;
pub use queue::Queue;
pub use status::{Failure, failure};
pub use watch::watch;
