//! Where a cluster keeps its things: one folder, known sub-folders, nothing elsewhere.

use std::path::{Path, PathBuf};

/// The folder of a cluster (`/var/lib/launchway`, or `LAUNCHWAY_HOME`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// A cluster's folder at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The state's log.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Keys and certificates.
    pub fn pki(&self) -> PathBuf {
        self.0.join("pki")
    }

    /// Images.
    pub fn images(&self) -> PathBuf {
        self.0.join("images")
    }

    /// What the pod network remembers.
    pub fn network(&self) -> PathBuf {
        self.0.join("network")
    }

    /// The name server's own process.
    pub fn names(&self) -> PathBuf {
        self.0.join("names")
    }

    /// Volumes of applications that outlive their pods.
    pub fn volumes(&self) -> PathBuf {
        self.0.join("volumes")
    }

    /// The daemon's log.
    pub fn log(&self) -> PathBuf {
        self.0.join("daemon.log")
    }

    /// Settings the cluster was made with.
    pub fn settings(&self) -> PathBuf {
        self.0.join("cluster.json")
    }

    /// Settings of a node that belongs to a cluster elsewhere.
    pub fn agent(&self) -> PathBuf {
        self.0.join("agent.json")
    }

    /// Further nodes on this machine, a folder like this one each.
    pub fn nodes(&self) -> PathBuf {
        self.0.join("nodes")
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.0.join("admin.kubeconfig")
    }

    /// There while a backup is being restored; what is beside it is no cluster then.
    pub(crate) fn restoring(&self) -> PathBuf {
        self.0.join(".restoring")
    }

    /// Where the daemon is asked for its components.
    pub(crate) fn control(&self) -> PathBuf {
        self.0.join("daemon.sock")
    }

    /// Locked while a daemon runs; holds its process id.
    pub fn lock(&self) -> PathBuf {
        self.0.join("daemon.lock")
    }
}
