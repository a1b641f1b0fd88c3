//! From a running pod back to its source: recorded at every deployment, told by [`why`].
//!
//! The record is a ConfigMap beside the pods, one entry an image digest: it can say of pods of any version that
//! still runs where they came from, whatever the repository looks like now.

use std::collections::{BTreeMap, BTreeSet};

use build::{Summary, Workspace};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::apply::MANAGER;
use crate::manifests::PROJECT_LABEL;
use crate::project::Project;

/// Name of the ConfigMap in the project's namespace.
pub(crate) const RECORD: &str = "launchway-provenance";
/// Key of the list of migrations; other keys are digests.
const MIGRATIONS: &str = "migrations";

/// Where an image came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The application.
    pub app: String,
    /// Hash of each package's files, by package, for the package itself and all it depends on.
    pub packages: BTreeMap<String, String>,
    /// Hash of each task that took part, by `package#task`.
    pub tasks: BTreeMap<String, String>,
    /// When this image was first deployed (RFC 3339).
    pub deployed: String,
}

/// A migration that the database got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrated {
    /// Highest version, or `none`.
    pub version: String,
    /// When (RFC 3339).
    pub at: String,
}

/// What is known of a running pod.
#[derive(Debug, Clone)]
pub struct Why {
    /// The pod.
    pub pod: String,
    /// Its namespace.
    pub namespace: String,
    /// Its containers with image and source.
    pub containers: Vec<(String, String, Option<Source>)>,
    /// The database's version now, with the time it got it.
    pub migration: Option<Migrated>,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// No such pod.
    #[error("there is no pod {0}; list them with `kubectl get pods -A -l launchway.dev/project`")]
    NoPod(String),
    /// The name is in several namespaces.
    #[error("pod {0} exists in the namespaces {1}; name one with --namespace")]
    Several(String, String),
    /// The API refused.
    #[error("{0}")]
    Api(#[from] kube::Error),
}

/// The source of `app`'s image: its package with all packages and tasks below it.
pub(crate) fn source(project: &Project, workspace: &Workspace, summary: &Summary, app: usize) -> Source {
    let app = &project.apps[app];
    let mut packages = BTreeSet::new();
    let mut open = vec![app.package.clone()];
    while let Some(name) = open.pop() {
        if let Some(package) = workspace.packages.get(&name)
            && packages.insert(name)
        {
            open.extend(package.dependencies.iter().cloned());
        }
    }
    let tasks = summary.tasks.iter().filter(|(id, _)| packages.contains(&id.package));
    Source {
        app: app.name.clone(),
        tasks: tasks.map(|(id, task)| (id.to_string(), task.hash.clone())).collect(),
        packages: packages
            .iter()
            .filter_map(|name| Some((name.clone(), summary.packages.get(name)?.clone())))
            .collect(),
        deployed: jiff::Timestamp::now().to_string(),
    }
}

/// Adds `sources` (by image reference with digest) and the database's version to the record.
pub(crate) async fn record(
    client: &Client,
    project: &Project,
    sources: &[(String, Source)],
    version: Option<String>,
) -> Result<(), kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), &project.name);
    let mut data = api.get_opt(RECORD).await?.and_then(|found| found.data).unwrap_or_default();
    for (image, source) in sources {
        // The first deployment of a digest is the one that counts.
        data.entry(key(image)).or_insert_with(|| json!(source).to_string());
    }
    if let Some(version) = version {
        let last: Option<Migrated> = data.get(MIGRATIONS).and_then(|text| serde_json::from_str(text).ok());
        if last.is_none_or(|last| last.version != version) {
            let now = Migrated { version, at: jiff::Timestamp::now().to_string() };
            data.insert(MIGRATIONS.to_owned(), json!(now).to_string());
        }
    }
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": RECORD, "namespace": project.name, "labels": { PROJECT_LABEL: project.name } },
        "data": data,
    });
    api.patch(RECORD, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object)).await?;
    Ok(())
}

/// Digest of an image reference as a ConfigMap key, which may not contain a colon.
fn key(image: &str) -> String {
    image.rsplit('@').next().unwrap_or(image).replace(':', "-")
}

/// Tells of the pod `name` (with or without `pod/`) what its containers were made from.
pub async fn why(client: &Client, name: &str, namespace: Option<&str>) -> Result<Why, WhyError> {
    let name = name.trim_start_matches("pods/").trim_start_matches("pod/");
    let pods: Api<Pod> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let found = pods.list(&ListParams::default().fields(&format!("metadata.name={name}"))).await?.items;
    let pod = match found.as_slice() {
        [] => return Err(WhyError::NoPod(name.to_owned())),
        [pod] => pod,
        many => {
            let namespaces: Vec<String> = many.iter().filter_map(ResourceExt::namespace).collect();
            return Err(WhyError::Several(name.to_owned(), namespaces.join(", ")));
        }
    };
    let namespace = pod.namespace().unwrap_or_default();
    let record: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let data = record.get_opt(RECORD).await?.and_then(|found| found.data).unwrap_or_default();
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| {
        let image = container.image.clone().unwrap_or_default();
        let source = data.get(&key(&image)).and_then(|text| serde_json::from_str(text).ok());
        (container.name.clone(), image, source)
    });
    Ok(Why {
        pod: name.to_owned(),
        containers: containers.collect(),
        migration: data.get(MIGRATIONS).and_then(|text| serde_json::from_str(text).ok()),
        namespace,
    })
}
