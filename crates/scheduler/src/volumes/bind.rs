//! The claims of a placed pod get their volumes, before the pod is bound: what was planned is written, then waited for.
//!
//! Waiting is for changes of claims, told by the scheduler's loop; it ends when all claims are bound, when one of them
//! lost its node again (its provisioner gave up), or after ten minutes, as upstream.

use std::time::Duration;

use client::Informer;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::sync::watch;

use super::{Step, matching};

/// How long claims may take to be bound.
const PATIENCE: Duration = Duration::from_secs(600);

/// Why a pod's claims did not get their volumes.
#[derive(Debug)]
pub(crate) enum BindError {
    /// The API refused a write; often because somebody was faster.
    Api(kube::Error),
    /// A claim is gone or on its way out.
    Gone(String),
    /// No volume could be made for the claim on the node.
    GaveUp(String),
    /// It took too long.
    Late,
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BindError::Api(error) => write!(f, "binding volumes: {error}"),
            BindError::Gone(claim) => write!(f, "binding volumes: PVC {claim:?} is gone or being deleted"),
            BindError::GaveUp(claim) => {
                write!(f, "binding volumes: provisioning failed for PVC {claim:?}")
            }
            BindError::Late => f.write_str("binding volumes: context deadline exceeded"),
        }
    }
}

/// What binding works with.
#[derive(Clone)]
pub(crate) struct Binder {
    pub(crate) client: Client,
    pub(crate) claims: Informer<PersistentVolumeClaim>,
    /// Moves with every change of a claim.
    pub(crate) changes: watch::Receiver<()>,
}

impl Binder {
    /// Takes the steps and waits until every claim has its volume.
    pub(crate) async fn bind(mut self, node: &str, steps: &[Step]) -> Result<(), BindError> {
        let mut written = 0;
        for step in steps {
            let version = match step {
                Step::Bind { claim, volume } => self.tie(claim, volume).await,
                Step::Provision { claim } => self.choose(claim, node).await,
                Step::Await { .. } => continue,
            };
            written = written.max(version.map_err(BindError::Api)?);
        }
        let waiting = async {
            loop {
                self.changes.borrow_and_update();
                if self.is_done(node, steps, written)? {
                    return Ok(());
                }
                if self.changes.changed().await.is_err() {
                    return Err(BindError::Late);
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or(Err(BindError::Late))
    }

    fn is_done(&self, node: &str, steps: &[Step], written: u64) -> Result<bool, BindError> {
        let mut all = true;
        for step in steps {
            let meta = &step.claim().metadata;
            let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref().unwrap_or_default());
            let claim = self.claims.get(namespace, name).filter(|claim| {
                claim.metadata.uid == meta.uid && claim.metadata.deletion_timestamp.is_none()
            });
            let Some(claim) = claim else { return Err(BindError::Gone(name.to_owned())) };
            if matching::is_bound(&claim) {
                continue;
            }
            // Only what is as new as our own writes can tell that they were taken back.
            let current = self.claims.revision() >= written;
            let chosen = matching::annotation(&*claim, matching::SELECTED_NODE);
            if current && !matches!(step, Step::Bind { .. }) && chosen != Some(node) {
                return Err(BindError::GaveUp(name.to_owned()));
            }
            all = false;
        }
        Ok(all)
    }

    /// Reserves the volume for the claim; the binder among the controllers does the rest.
    async fn tie(
        &self,
        claim: &PersistentVolumeClaim,
        volume: &PersistentVolume,
    ) -> Result<u64, kube::Error> {
        let api: Api<PersistentVolume> = Api::all(self.client.clone());
        let mut patch = json!({
            "metadata": {"resourceVersion": volume.metadata.resource_version},
            "spec": {"claimRef": matching::reference_to(claim)},
        });
        if matching::claim_reference(volume).is_none() {
            patch["metadata"]["annotations"] = json!({matching::BOUND_BY_CONTROLLER: "yes"});
        }
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(0)
    }

    /// Tells the provisioner where the volume is to be.
    async fn choose(&self, claim: &PersistentVolumeClaim, node: &str) -> Result<u64, kube::Error> {
        let namespace = claim.metadata.namespace.as_deref().unwrap_or_default();
        let api: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), namespace);
        let patch = json!({"metadata": {
            "resourceVersion": claim.metadata.resource_version,
            "annotations": {matching::SELECTED_NODE: node},
        }});
        let name = claim.metadata.name.as_deref().unwrap_or_default();
        let made = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(made.meta().resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0))
    }
}
