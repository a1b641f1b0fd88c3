//! One pod's life on the node: a pure planner, a pure status, and the worker that does what they say.

mod adopt;
pub(crate) mod backoff;
mod conditions;
pub(crate) mod model;
mod ops;
mod phase;
mod plan;
#[cfg(test)]
mod plan_tests;
mod resize;
mod status;
mod termination;
pub(crate) mod worker;
pub(crate) use status::seconds;
