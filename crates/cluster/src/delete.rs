//! Takes a cluster away: daemon, pods, rules, devices, kubeconfig context, folder. Safe to repeat after a failure.

use std::fs;
use std::path::{Path, PathBuf};

use network::PodNetwork;
use network::services::Table;

use crate::error::StartError;
use crate::kubeconfig::{self, KubeconfigError};
use crate::layout::Home;
use crate::node::NodeConfig;
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
    /// Rules cannot be removed.
    #[error(transparent)]
    Services(#[from] network::services::Error),
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

/// Removes the cluster in `home`; `false` when there is none.
pub async fn delete(home: &Home, step: &mut dyn FnMut(&str)) -> Result<bool, DeleteError> {
    if !rustix::process::geteuid().is_root() {
        return Err(DeleteError::NotRoot);
    }
    let Some(settings) = Settings::read(home)? else { return Ok(false) };
    step("stopping the daemon");
    process::stop(home)?;
    step("ending pods");
    let node = NodeConfig::first(home, &settings)?;
    let engine = runtime::Engine::open(home.path(), node.engine()).await?;
    for sandbox in engine.sandboxes() {
        engine.remove_sandbox(&sandbox.uid).await?;
    }
    engine.teardown()?;
    proxy::dns::stop(&home.names()).map_err(DeleteError::Names)?;
    step("removing rules and devices");
    Table::new(node.table())?.teardown()?;
    network::announce::release(&node.device).map_err(network::pods::Error::from)?;
    PodNetwork::open(node.network())?.teardown()?;
    if let Some(path) = kubeconfig::user_path() {
        kubeconfig::remove(&path, &settings.name)?;
    }
    step("removing its folder");
    let folder = |path: &Path| {
        let path = path.to_owned();
        move |source| DeleteError::Folder { path, source }
    };
    for mount in mounts_below(home.path()) {
        rustix::mount::unmount(&mount, rustix::mount::UnmountFlags::DETACH)
            .map_err(|e| folder(&mount)(e.into()))?;
    }
    // The settings go last: until then the deletion can be repeated.
    for entry in fs::read_dir(home.path()).map_err(folder(home.path()))?.flatten() {
        let path = entry.path();
        if path != home.settings() {
            let removed = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(folder(&path))?;
        }
    }
    fs::remove_dir_all(home.path()).map_err(folder(home.path()))?;
    Ok(true)
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
