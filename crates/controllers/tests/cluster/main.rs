//! API server, controllers and scheduler together, in one process, in the flows that people use.

#![allow(clippy::unwrap_used)]

mod certificates;
mod clocks;
mod garbage;
mod jobs;
mod nodes;
mod placing;
mod quotas;
mod rollouts;
mod services;
mod sets;
mod world;
