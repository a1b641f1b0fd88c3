//! Builds a monorepo the way Turborepo does: packages, a task graph, hashes, a cache, a parallel runner.
//!
//! What is here: `turbo.json` and `package.json` workspaces ([`discover`]), the graph of tasks ([`plan`], pure),
//! the content hash of each task, the local cache of outputs and logs, and the runner ([`run()`]).
//! Scripts run by `sh -c` directly: no package manager has to be installed, and none is started per task.
//!
//! What is not here: remote caches, filters, `watch`, lockfile closures, and Turborepo's exact hash format.
//! This crate knows nothing about images or clusters.
//!
//! Invariant: a task's hash covers everything its script may read (files, declared environment, the hashes of
//! the tasks before it), so equal hashes mean equal outputs; a failed task is never cached.
#![forbid(unsafe_code)]

mod cache;
mod config;
mod graph;
mod hash;
mod inputs;
mod process;
mod run;
mod workspace;

pub use cache::CacheError;
pub use config::{ConfigError, TaskConfig, TurboConfig};
pub use graph::{PlanError, Task, TaskGraph, TaskId, plan};
pub use run::{Event, Reporter, RunError, RunOptions, Summary, TaskResult, run};
pub use workspace::{DiscoverError, Package, Workspace, discover};
