//! Mirrors: objects of the API that show static pods. What is written here; when, the manager decides.
//!
//! A mirror carries its static pod's UID in an annotation and belongs to the node. Deleting it ends nothing: it is
//! made again.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Client};

use super::{Key, MIRROR, mirrored};
use crate::pod::backoff;

/// What has to be done about a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Create,
    Delete,
    Nothing,
}

/// The next step for the mirror of a static pod: `wanted` of the folder, whether something of that name still runs,
/// and what the API has. Pure.
pub(crate) fn next(wanted: Option<&Pod>, runs: bool, mirror: Option<&Pod>) -> Step {
    match (wanted, mirror) {
        (Some(_), None) => Step::Create,
        (Some(pod), Some(mirror)) => {
            let shows = mirrored(mirror) == pod.metadata.uid.as_deref();
            // Somebody deletes it: gone at once, so that it can be made again.
            if shows && mirror.metadata.deletion_timestamp.is_none() { Step::Nothing } else { Step::Delete }
        }
        // It shows how the pod ends.
        (None, Some(_)) if runs => Step::Nothing,
        (None, Some(_)) => Step::Delete,
        (None, None) => Step::Nothing,
    }
}

/// Makes the mirror of a static pod; tries until it is there.
pub(crate) async fn create(client: Client, pod: std::sync::Arc<Pod>, node: String) {
    let mut tries = 0;
    loop {
        match try_create(&client, &pod, &node).await {
            Ok(()) => return,
            Err(error) if client::failure(&error) == client::Failure::AlreadyExists => return,
            Err(error) => {
                tracing::warn!(%error, pod = pod.metadata.name, "a static pod's mirror was not made; trying again");
                pause(&mut tries).await;
            }
        }
    }
}

async fn try_create(client: &Client, pod: &Pod, node: &str) -> Result<(), kube::Error> {
    let owner = Api::<Node>::all(client.clone()).get(node).await?;
    let mut annotations = pod.metadata.annotations.clone().unwrap_or_default();
    annotations.insert(MIRROR.to_owned(), pod.metadata.uid.clone().unwrap_or_default());
    let mirror = Pod {
        metadata: ObjectMeta {
            name: pod.metadata.name.clone(),
            namespace: pod.metadata.namespace.clone(),
            labels: pod.metadata.labels.clone(),
            annotations: Some(annotations),
            owner_references: Some(vec![OwnerReference {
                api_version: "v1".to_owned(),
                kind: "Node".to_owned(),
                name: node.to_owned(),
                uid: owner.metadata.uid.unwrap_or_default(),
                controller: Some(true),
                ..OwnerReference::default()
            }]),
            ..ObjectMeta::default()
        },
        ..pod.clone()
    };
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    api.create(&PostParams::default(), &mirror).await.map(drop)
}

/// Deletes a mirror at once, if it is still this very object; tries until it is gone.
pub(crate) async fn delete(client: Client, (namespace, name): Key, uid: String) {
    let mut tries = 0;
    let api: Api<Pod> = Api::namespaced(client, &namespace);
    let params = DeleteParams {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions { uid: Some(uid), resource_version: None }),
        ..DeleteParams::default()
    };
    loop {
        let Err(error) = api.delete(&name, &params).await else { return };
        if matches!(client::failure(&error), client::Failure::NotFound | client::Failure::Conflict) {
            return;
        }
        tracing::warn!(%error, pod = name, "a static pod's mirror was not deleted; trying again");
        pause(&mut tries).await;
    }
}

async fn pause(tries: &mut u32) {
    *tries += 1;
    let wait = Duration::try_from(backoff::short_delay(*tries)).unwrap_or(Duration::from_secs(1));
    tokio::time::sleep(wait).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_next_step() {
        let pod = |value| serde_json::from_value::<Pod>(value).unwrap();
        let wanted = pod(json!({"metadata": {"uid": "u"}}));
        let mirror = |uid: &str| pod(json!({"metadata": {"uid": "m", "annotations": {MIRROR: uid}}}));
        let deleted = pod(json!({"metadata": {"annotations": {MIRROR: "u"},
            "deletionTimestamp": "2026-01-01T00:00:00Z"}}));
        for (wanted, runs, mirror, step) in [
            (Some(&wanted), false, None, Step::Create),
            (Some(&wanted), true, Some(&mirror("u")), Step::Nothing),
            (Some(&wanted), true, Some(&mirror("old")), Step::Delete),
            (Some(&wanted), true, Some(&deleted), Step::Delete),
            (None, true, Some(&mirror("u")), Step::Nothing),
            (None, false, Some(&mirror("u")), Step::Delete),
            (None, false, None, Step::Nothing),
        ] {
            assert_eq!(next(wanted, runs, mirror), step);
        }
    }
}
