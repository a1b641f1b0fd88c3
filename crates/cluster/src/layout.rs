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

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.0.join("admin.kubeconfig")
    }

    /// Locked while a daemon runs; holds its process id.
    pub fn lock(&self) -> PathBuf {
        self.0.join("daemon.lock")
    }
}
