//! One pod's life on the node: a pure planner, a pure status, and the worker that does what they say.

pub(crate) mod backoff;
mod conditions;
pub(crate) mod model;
mod phase;
pub(crate) mod plan;
pub(crate) mod status;
