//! Why a cluster, or a node of one, does not start.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::components::ComponentError;
use crate::kubeconfig::KubeconfigError;
use crate::pki::PkiError;
use crate::process::ProcessError;
use crate::settings::SettingsError;

/// Why a cluster did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Not root.
    #[error("a cluster needs root, for namespaces, cgroups and network rules; run it with sudo")]
    NotRoot,
    /// Settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Another daemon runs.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The control socket cannot be made.
    #[error(transparent)]
    Control(#[from] crate::control::ControlError),
    /// Keys are damaged.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The state cannot be opened.
    #[error("state of the cluster: {0}")]
    Store(#[from] store::OpenError),
    /// An address is taken.
    #[error(
        "cannot listen on {address}: {source}; end the program that uses it, or choose another port with --api-port"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The pod network cannot be set up.
    #[error("pod network: {0}")]
    Network(#[from] network::pods::Error),
    /// Service rules cannot be set up.
    #[error(transparent)]
    Services(#[from] network::services::Error),
    /// Containers cannot be run here.
    #[error("container engine: {0}")]
    Engine(#[from] runtime::EngineError),
    /// The content store cannot be opened.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// First objects could not be written.
    #[error("API server: {0}")]
    Objects(#[from] kube::Error),
    /// A component did not come up.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The node, or a step towards it, failed.
    #[error("{what}: {reason}")]
    Part {
        /// Which part.
        what: &'static str,
        /// Its reason.
        reason: String,
    },
    /// The administrator's kubeconfig cannot be written.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// The system refused.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// Listens for the API server.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}
