//! Writes a project's objects by server-side apply and takes away what it no longer has.

use std::collections::BTreeSet;

use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
};
use kube::{Client, ResourceExt};
use serde_json::Value;

use crate::manifests::PROJECT_LABEL;
use crate::{Event, Progress};

/// Field manager of everything applied here.
pub(crate) const MANAGER: &str = "launchway";

/// Kinds that a project may have had earlier and no longer has; Jobs stay, as the record of migrations.
const PRUNED: [(&str, &str, &str); 4] =
    [("apps", "v1", "Deployment"), ("", "v1", "Service"), ("", "v1", "ConfigMap"), ("", "v1", "Secret")];

/// Why an object could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {name}: {error}")]
pub struct ApplyError {
    kind: String,
    name: String,
    error: kube::Error,
}

/// The API of `object`'s kind in its namespace, or cluster-wide where it has none.
pub(crate) fn api_for(client: &Client, object: &Value) -> Api<DynamicObject> {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("kind")));
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Applies `objects` in order; those that changed are told to `progress`.
pub(crate) async fn apply(
    client: &Client,
    objects: &[Value],
    progress: Progress<'_>,
) -> Result<(), ApplyError> {
    let parameters = PatchParams::apply(MANAGER).force();
    for object in objects {
        let kind = object["kind"].as_str().unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let failed = |error| ApplyError { kind: kind.to_owned(), name: name.to_owned(), error };
        let api = api_for(client, object);
        let before = api.get_opt(name).await.map_err(failed)?.and_then(|found| found.resource_version());
        let after = api.patch(name, &parameters, &Patch::Apply(object)).await.map_err(failed)?;
        if before.is_none() || before != after.resource_version() {
            progress(Event::Applied { kind, name });
        }
    }
    Ok(())
}

/// Deletes what carries the label of `project` in its namespace and is not among `objects`.
pub(crate) async fn prune(
    client: &Client,
    project: &str,
    objects: &[Value],
    keep: &[&str],
    progress: Progress<'_>,
) -> Result<(), ApplyError> {
    let wanted: BTreeSet<(&str, &str)> = objects
        .iter()
        .map(|o| (o["kind"].as_str().unwrap_or_default(), o["metadata"]["name"].as_str().unwrap_or_default()))
        .collect();
    let selector = ListParams::default().labels(&format!("{PROJECT_LABEL}={project}"));
    for (group, version, kind) in PRUNED {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), project, &resource);
        let failed = |name: &str| {
            let (kind, name) = (kind.to_owned(), name.to_owned());
            move |error| ApplyError { kind, name, error }
        };
        for found in api.list(&selector).await.map_err(failed("list"))? {
            let name = found.name_any();
            if !wanted.contains(&(kind, name.as_str())) && !keep.contains(&name.as_str()) {
                api.delete(&name, &DeleteParams::default()).await.map_err(failed(&name))?;
                progress(Event::Removed { kind, name: &name });
            }
        }
    }
    Ok(())
}
