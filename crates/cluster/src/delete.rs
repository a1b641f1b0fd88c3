//! Takes a cluster away: daemon, pods, rules, devices, kubeconfig context, folder. Safe to repeat after a failure.

use std::fs;
use std::path::{Path, PathBuf};

use network::PodNetwork;
use network::overlay::Overlay;
use network::services::Table;

use crate::agent::AgentSettings;
use crate::control_plane::local_nodes::{home_of, port_of};
use crate::error::StartError;
use crate::kubeconfig::{self, KubeconfigError};
use crate::layout::Home;
use crate::node::{self, NodeConfig};
use crate::process::{self, ProcessError};
use crate::settings::{Settings, SettingsError};

/// Why a cluster could not be taken away whole. What was named is still there; repeat the command.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// Not root.
    #[error("deleting a cluster needs root; run it with sudo")]
    NotRoot,
    /// Its settings cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The daemon does not stop.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A part cannot be reached.
    #[error(transparent)]
    Part(#[from] StartError),
    /// Pods cannot be ended.
    #[error("container engine: {0}")]
    Engine(#[from] runtime::EngineError),
    /// The name server's process does not end.
    #[error("cannot end the name server: {0}; end the process launchway-names and repeat the command")]
    Names(#[source] std::io::Error),
    /// Devices or routes cannot be removed.
    #[error("pod network: {0}")]
    Network(#[from] network::pods::Error),
    /// Ways to other nodes cannot be removed.
    #[error(transparent)]
    Links(#[from] network::overlay::Error),
    /// A further node's namespace cannot be removed.
    #[error("further node: {0}")]
    Machine(#[from] network::machines::Error),
    /// Rules cannot be removed.
    #[error(transparent)]
    Services(#[from] network::services::Error),
    /// Network policy cannot be removed.
    #[error(transparent)]
    Policy(#[from] network::policy::Error),
    /// The context cannot be taken out.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// A mount or the folder cannot be removed.
    #[error("cannot remove {path}: {source}")]
    Folder {
        /// Mount or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Removes the cluster, or the node of a cluster elsewhere, in `home`; `false` when there is none.
pub async fn delete(home: &Home, step: &mut dyn FnMut(&str)) -> Result<bool, DeleteError> {
    if !rustix::process::geteuid().is_root() {
        return Err(DeleteError::NotRoot);
    }
    if let Some(agent) = AgentSettings::read(home)? {
        step("stopping the node");
        process::stop(home)?;
        step("ending pods");
        end_pods(home, &agent.cgroup()).await?;
        step("removing rules and devices");
        if let Some(node) = NodeConfig::agent(home, &agent)? {
            remove_network(&node)?;
        }
        step("removing its folder");
        remove_folder(home, &home.agent())?;
        return Ok(true);
    }
    let Some(settings) = Settings::read(home)? else { return Ok(false) };
    step("stopping the daemon");
    process::stop(home)?;
    step("ending pods");
    for name in local_nodes(home) {
        remove_local_node(home, &settings.name, &name).await?;
    }
    let node = NodeConfig::first(home, &settings)?;
    end_pods(home, &node.cgroup).await?;
    step("removing rules and devices");
    remove_network(&node)?;
    if let Some(path) = kubeconfig::user_path() {
        kubeconfig::remove(&path, &settings.name)?;
    }
    step("removing its folder");
    remove_folder(home, &home.settings())?;
    Ok(true)
}

/// Names of the further nodes that were made on this machine.
pub(crate) fn local_nodes(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.nodes()).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Removes a further node of this machine: its process, pods and namespace, with which its devices and rules go.
pub(crate) async fn remove_local_node(home: &Home, cluster: &str, name: &str) -> Result<(), DeleteError> {
    let node = home_of(home, name);
    process::stop(&node)?;
    if let Some(settings) = AgentSettings::read(&node)? {
        end_pods(&node, &settings.cgroup()).await?;
        if let Some(namespace) = settings.namespace {
            network::machines::disconnect(&port_of(cluster, name), &namespace)?;
        }
    }
    remove_folder(&node, &node.agent())
}

/// Ends the pods of a node, and its name server.
async fn end_pods(home: &Home, cgroup: &str) -> Result<(), DeleteError> {
    let options = runtime::Options { cgroup_parent: cgroup.to_owned(), ..runtime::Options::default() };
    let engine = runtime::Engine::open(home.path(), options).await?;
    for sandbox in engine.sandboxes() {
        engine.remove_sandbox(&sandbox.uid).await?;
    }
    engine.teardown()?;
    proxy::dns::stop(&home.names()).map(drop).map_err(DeleteError::Names)
}

/// Removes rules, routes and devices of a node.
fn remove_network(node: &NodeConfig) -> Result<(), DeleteError> {
    Table::new(node.table())?.teardown()?;
    network::announce::release(&node.device).map_err(network::pods::Error::from)?;
    network::policy::Table::new(&node.policy_table())?.teardown()?;
    Overlay::open(node::links::config(node))?.teardown()?;
    Ok(PodNetwork::open(node.network())?.teardown()?)
}

/// Removes the folder with everything in it, the file `last` after the rest: until then it can be repeated.
fn remove_folder(home: &Home, last: &Path) -> Result<(), DeleteError> {
    let folder = |path: &Path| {
        let path = path.to_owned();
        move |source| DeleteError::Folder { path, source }
    };
    for mount in mounts_below(home.path()) {
        rustix::mount::unmount(&mount, rustix::mount::UnmountFlags::DETACH)
            .map_err(|e| folder(&mount)(e.into()))?;
    }
    for entry in fs::read_dir(home.path()).map_err(folder(home.path()))?.flatten() {
        let path = entry.path();
        if path != last {
            let removed = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(folder(&path))?;
        }
    }
    fs::remove_dir_all(home.path()).map_err(folder(home.path()))
}

/// Mount points below `path`, innermost first.
fn mounts_below(path: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut mounts: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| point.starts_with(path) && point != path)
        .collect();
    mounts.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    mounts
}
