//! One deployment from packed images to answering pods, in the order that keeps what runs alive.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};

use build::{Summary, Workspace};
use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::Client;
use kube::api::{Api, DeleteParams};
use kube::runtime::wait::{await_condition, conditions};

use crate::apply::{ApplyError, apply, prune};
use crate::manifests::{Site, foundations, migration_job, workloads};
use crate::migration::{self, MigrationError};
use crate::pack::{Packed, USER};
use crate::project::Project;
use crate::provenance::{self, RECORD};
use crate::rollout::{self, RolloutError};
use crate::{Event, Progress};

/// Why a deployment stopped. What ran before goes on running.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// An object was refused.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The database could not be migrated.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The scripts cannot be read.
    #[error(transparent)]
    Script(#[from] migrate::ScriptError),
    /// New pods do not come up.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    /// The volume's folder cannot be made.
    #[error("cannot make the volume {path}: {source}")]
    Volume {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The API refused.
    #[error("{0}")]
    Api(#[from] kube::Error),
    /// The namespace does not go.
    #[error("namespace {0} is still being deleted: {1}")]
    Deletion(String, String),
}

/// Where a project can be reached after its deployment.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// Applications with a port of the machine.
    pub ports: Vec<(String, i32)>,
}

/// Deploys `project` with the images `packed` to the cluster behind `client`. `volumes` is the folder of the node
/// for data that outlives pods.
pub async fn deploy(
    client: &Client,
    project: &Project,
    (workspace, summary): (&Workspace, &Summary),
    packed: &Packed,
    volumes: &Path,
    progress: Progress<'_>,
) -> Result<Deployed, DeployError> {
    let volume = database_volume(project, volumes)?;
    let site = Site { volume: volume.as_deref().and_then(Path::to_str) };
    let mut objects = foundations(project);
    apply(client, &objects, progress).await?;

    let mut version = None;
    if let (Some(database), Some((image, scripts))) = (&project.database, &packed.migration) {
        let job = migration_job(project, database, image, scripts, &site);
        migration::run(client, &job, progress).await?;
        version = Some(newest_version(&database.migrations)?);
    }

    let sources: Vec<_> = packed
        .apps
        .iter()
        .enumerate()
        .map(|(app, image)| (image.clone(), provenance::source(project, workspace, summary, app)))
        .collect();
    provenance::record(client, project, &sources, version).await?;

    let workloads = workloads(project, packed, &site);
    apply(client, &workloads, progress).await?;
    objects.extend(workloads);
    prune(client, &project.name, &objects, &[RECORD], progress).await?;
    let names: Vec<&str> = project.apps.iter().map(|app| app.name.as_str()).collect();
    rollout::follow(client, &project.name, &names, progress).await?;
    Ok(Deployed { ports: node_ports(client, project).await? })
}

/// Removes the application `project`: its namespace and everything in it. Its volumes stay. `false` when there
/// was nothing.
pub async fn down(client: &Client, project: &str, progress: Progress<'_>) -> Result<bool, DeployError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let Some(found) = namespaces.get_opt(project).await? else { return Ok(false) };
    let uid = found.metadata.uid.unwrap_or_default();
    namespaces.delete(project, &DeleteParams::default()).await?;
    await_condition(namespaces, project, conditions::is_deleted(&uid))
        .await
        .map_err(|e| DeployError::Deletion(project.to_owned(), e.to_string()))?;
    progress(Event::Removed { kind: "Namespace", name: project });
    Ok(true)
}

/// Makes the folder for the project's SQLite file, writable for its pods alone.
fn database_volume(project: &Project, volumes: &Path) -> Result<Option<PathBuf>, DeployError> {
    if project.database.as_ref().is_none_or(|database| database.volume.is_none()) {
        return Ok(None);
    }
    let path = volumes.join(&project.name).join("database");
    let id = u32::try_from(USER).ok();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(&path)
        .and_then(|()| fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)))
        .and_then(|()| chown(&path, id, id))
        .map_err(|source| DeployError::Volume { path: path.clone(), source })?;
    Ok(Some(path))
}

fn newest_version(migrations: &Path) -> Result<String, migrate::ScriptError> {
    let scripts = migrate::script::read(&[migrations.to_owned()])?;
    let newest = scripts.iter().rev().find_map(|script| match &script.kind {
        migrate::ScriptKind::Versioned(version) => Some(version.to_string()),
        migrate::ScriptKind::Repeatable => None,
    });
    Ok(newest.unwrap_or_else(|| "none".to_owned()))
}

async fn node_ports(client: &Client, project: &Project) -> Result<Vec<(String, i32)>, kube::Error> {
    let services: Api<Service> = Api::namespaced(client.clone(), &project.name);
    let mut ports = Vec::new();
    for app in project.apps.iter().filter(|app| app.config.node_port.is_some()) {
        let spec = services.get(&app.name).await?.spec.unwrap_or_default();
        let node_ports = spec.ports.unwrap_or_default().into_iter().filter_map(|port| port.node_port);
        ports.extend(node_ports.map(|port| (app.name.clone(), port)));
    }
    Ok(ports)
}
