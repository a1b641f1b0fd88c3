//! Puts the parts together: keys and certificates, bootstrap, daemon, kubeconfig, deletion.
//!
//! What is here: the folder of a cluster and its settings, the one process that runs all components, how that
//! process is started, found and stopped, the administrator's kubeconfig, and removal without a trace.
//! What is not here: anything a component does itself.
//!
//! Invariants: components meet only through the API; stopping or killing the daemon leaves pods running;
//! [`delete()`] removes everything a cluster made and nothing else.
#![forbid(unsafe_code)]

mod bootstrap;
mod daemon;
mod delete;
pub mod kubeconfig;
mod layout;
pub mod pki;
pub mod process;
mod settings;

pub use daemon::{StartError, await_node, run};
pub use delete::{DeleteError, delete};
pub use layout::Home;
pub use settings::{Settings, SettingsError, Wanted};
