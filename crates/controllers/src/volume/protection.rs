//! Nothing in use is deleted: claims stay until no pod has them, volumes until no claim has them.
//!
//! Each carries a finalizer from its creation (admission sets it; objects without one get it here), which goes when
//! the object is to be deleted and nobody uses it. Before that the API is asked once more: a cache may lag behind.

use std::{sync::Arc, time::Duration};

use client::{Change, Failure, Informer, Queue, failure};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::{
    Api, Resource,
    api::{ListParams, Patch, PatchParams},
};
use scheduler::volumes::claims_of;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::shared::{Context, Key, feed::feed, name, namespace, pods};

const CLAIM: &str = "kubernetes.io/pvc-protection";
const VOLUME: &str = "kubernetes.io/pv-protection";

/// The patch that gives `object` its finalizer or takes it away; none if it is as it should be.
fn change(object: &impl Resource, finalizer: &str, used: bool) -> Option<Value> {
    let meta = object.meta();
    let mut finalizers = meta.finalizers.clone().unwrap_or_default();
    let has = finalizers.iter().any(|one| one == finalizer);
    match (meta.deletion_timestamp.is_some(), has) {
        (false, false) => finalizers.push(finalizer.to_owned()),
        (true, true) if !used => finalizers.retain(|one| one != finalizer),
        _ => return None,
    }
    Some(json!({"metadata": {"finalizers": finalizers, "resourceVersion": meta.resource_version}}))
}

fn settled(result: Result<(), kube::Error>) -> Result<Option<Duration>, kube::Error> {
    match result {
        Err(error) if failure(&error) == Failure::NotFound => Ok(None),
        other => other.map(|()| None),
    }
}

/// Keeps claims that pods use.
pub(crate) async fn run_claims(context: Context) {
    let claims = context.informers.of::<PersistentVolumeClaim>();
    let pods = context.informers.of::<Pod>();
    tokio::join!(claims.synced(), pods.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &claims, &queue, |change| [Key::of(&**change.object())]);
    feed(&mut feeds, &pods, &queue, |change| {
        let pod = change.object();
        let gone = matches!(change, Change::Deleted(_)) || pods::is_finished(pod);
        let used = if gone { claims_of(pod) } else { Vec::new() };
        used.into_iter().map(|claim| Key::new(namespace(&**pod), &claim.name)).collect::<Vec<_>>()
    });
    let keeper = Arc::new(Keeper { context, claims, pods });
    let reconcile = move |key: Key| {
        let keeper = keeper.clone();
        async move { settled(keeper.reconcile(&key).await) }
    };
    queue.run("persistentvolumeclaim-protection-controller", 2, reconcile).await;
}

struct Keeper {
    context: Context,
    claims: Informer<PersistentVolumeClaim>,
    pods: Informer<Pod>,
}

impl Keeper {
    async fn reconcile(&self, key: &Key) -> Result<(), kube::Error> {
        let Some(claim) = self.claims.get(Some(&key.namespace), &key.name) else { return Ok(()) };
        let leaving = claim.metadata.deletion_timestamp.is_some();
        let used = leaving && self.pods.list_in(&key.namespace).iter().any(|pod| uses(pod, &key.name));
        let Some(patch) = change(&*claim, CLAIM, used) else { return Ok(()) };
        if leaving {
            let live = self.context.api::<Pod>(&key.namespace).list(&ListParams::default()).await?;
            if live.items.iter().any(|pod| uses(pod, &key.name)) {
                return Ok(());
            }
        }
        let api = self.context.api::<PersistentVolumeClaim>(&key.namespace);
        api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
    }
}

/// Whether a pod on a node has the claim: until it is deleted, or, for a claim made for it, until it is finished. One
/// without a node will not be started with a claim that is going.
fn uses(pod: &Pod, claim: &str) -> bool {
    !pods::node(pod).is_empty()
        && claims_of(pod).iter().any(|used| used.name == claim && !(used.ephemeral && pods::is_finished(pod)))
}

/// Keeps volumes that are bound.
pub(crate) async fn run_volumes(context: Context) {
    let volumes = context.informers.of::<PersistentVolume>();
    volumes.synced().await;
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &volumes, &queue, |change| [name(&**change.object()).to_owned()]);
    let reconcile = move |key: String| {
        let (context, volumes) = (context.clone(), volumes.clone());
        async move {
            let Some(volume) = volumes.get(None, &key) else { return Ok(None) };
            let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
            let Some(patch) = change(&*volume, VOLUME, phase == Some("Bound")) else { return Ok(None) };
            let api: Api<PersistentVolume> = Api::all(context.client.clone());
            settled(api.patch(&key, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop))
        }
    };
    queue.run("persistentvolume-protection-controller", 2, reconcile).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finalizer_comes_at_once_and_goes_when_nobody_uses_it() {
        let object = |finalizers: &[&str], leaving: bool| -> PersistentVolume {
            let mut object = json!({"metadata": {"name": "v", "finalizers": finalizers}});
            if leaving {
                object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            }
            serde_json::from_value(object).unwrap()
        };
        let after = |finalizers: &[&str], leaving, used| {
            change(&object(finalizers, leaving), VOLUME, used)
                .map(|patch| patch["metadata"]["finalizers"].clone())
        };
        assert_eq!(after(&["x"], false, false), Some(json!(["x", VOLUME])));
        assert_eq!(after(&[VOLUME], false, false), None);
        assert_eq!(after(&["x", VOLUME], true, false), Some(json!(["x"])));
        assert_eq!(after(&[VOLUME], true, true), None);
        assert_eq!(after(&[], true, false), None);
    }

    #[test]
    fn a_pod_without_a_node_uses_nothing() {
        let pod = |node: &str, phase: &str| -> Pod {
            serde_json::from_value(json!({"metadata": {"name": "p"}, "status": {"phase": phase}, "spec": {
                "nodeName": node, "containers": [], "volumes": [
                    {"name": "a", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "own", "ephemeral": {}}]}}))
            .unwrap()
        };
        assert!(!uses(&pod("", "Pending"), "data"));
        assert!(uses(&pod("n", "Running"), "data") && uses(&pod("n", "Running"), "p-own"));
        assert!(uses(&pod("n", "Succeeded"), "data") && !uses(&pod("n", "Succeeded"), "p-own"));
    }
}
