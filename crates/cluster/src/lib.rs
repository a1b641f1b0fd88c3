//! Puts the parts together: keys and certificates, bootstrap, daemon, kubeconfig, deletion.
//!
//! What is here: the folder of a cluster and its settings, the components of control plane and node and the process
//! that runs them, how that process is started, found and stopped, the administrator's kubeconfig, backups, and removal
//! without a trace.
//! What is not here: anything a component does itself.
//!
//! Invariants: components meet only through the API; stopping or killing the daemon leaves pods running;
//! [`delete()`] removes everything a cluster made and nothing else.
#![forbid(unsafe_code)]

mod agent;
pub mod backup;
mod bootstrap;
mod components;
pub mod control;
mod control_plane;
mod daemon;
mod delete;
pub mod doctor;
mod error;
mod facts;
mod join;
pub mod kubeconfig;
mod layout;
mod leave;
mod node;
pub mod pki;
pub mod process;
mod settings;
pub mod tokens;
pub mod users;

pub use agent::{AgentSettings, agent_client, enter_namespace, run_agent};
pub use components::{ComponentError, Components, Life, State, Status};
pub use daemon::{await_node, run};
pub use delete::{DeleteError, delete};
pub use error::StartError;
pub use facts::ClusterFacts;
pub use join::{BadToken, JoinError, JoinOptions, JoinToken, Pin, join};
pub use layout::Home;
pub use leave::{LeaveError, leave};
pub use proxy::dns::main as names_main;
pub use settings::{Settings, SettingsError, Wanted};
