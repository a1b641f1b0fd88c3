//! What a node on another machine knows: its cluster, its name, where the API server is. Kept in its folder.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::facts::ClusterFacts;
use crate::layout::Home;
use crate::settings::SettingsError;

/// A node that is not on the machine of the control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentSettings {
    /// What all nodes of the cluster have in common.
    pub cluster: ClusterFacts,
    /// The node's name.
    pub node: String,
    /// `HOST:PORT` of the API server.
    pub server: String,
    /// The node's address, as the others know it.
    pub address: Ipv4Addr,
    /// Addresses of its pods, once it was given them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pod_cidrs: Vec<String>,
    /// The network namespace that it lives in, if it is one of several nodes on a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<PathBuf>,
    /// Folder of its images, if that is not its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<PathBuf>,
}

// === impl AgentSettings ===

impl AgentSettings {
    /// The settings of the node in `home`; `None` when there is none.
    pub fn read(home: &Home) -> Result<Option<Self>, SettingsError> {
        crate::settings::read(home.agent())
    }

    pub(crate) fn write(&self, home: &Home) -> Result<(), SettingsError> {
        crate::settings::write(home, &home.agent(), self)
    }

    /// The parent of its pods' cgroups. Several nodes may share a machine, so it carries the node's name.
    pub(crate) fn cgroup(&self) -> String {
        format!("{}.{}", self.cluster.cgroup(), self.node)
    }
}
