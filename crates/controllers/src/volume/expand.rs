//! A bound claim that asks for more than it has gets it, where its class allows that.
//!
//! Only volumes of the embedded provisioner: a folder has no size of its own, so only the numbers change. Whether a
//! claim may ask at all is for the API server to say.

use client::Events;
use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim},
    storage::v1::StorageClass,
};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use scheduler::volumes::matching;
use serde_json::json;

use super::local;
use crate::shared::{Context, name, namespace};

/// Lets the volume, then the claim grow to what is asked for.
pub(super) async fn grow(
    context: &Context,
    events: &Events,
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
    class: Option<&StorageClass>,
) -> Result<(), kube::Error> {
    let has = claim.status.as_ref().and_then(|status| status.capacity.as_ref()?.get("storage").cloned());
    let asked = matching::requested(claim);
    let allowed = class.is_some_and(|class| class.allow_volume_expansion == Some(true));
    let enough =
        has.is_some_and(|has| has.0.parse().is_ok_and(|has: objects::quantity::Quantity| has >= asked));
    if enough || !allowed || !local::is_ours(volume) {
        return Ok(());
    }
    let size = json!({"storage": asked.to_string()});
    if matching::capacity(volume) < asked {
        let api: Api<PersistentVolume> = Api::all(context.client.clone());
        let patch = json!({"metadata": {"uid": volume.metadata.uid}, "spec": {"capacity": size}});
        api.patch(name(volume), &PatchParams::default(), &Patch::Merge(patch)).await?;
    }
    let api = context.api::<PersistentVolumeClaim>(namespace(claim));
    let patch = json!({"metadata": {"uid": claim.metadata.uid}, "status": {"capacity": size}});
    api.patch_status(name(claim), &PatchParams::default(), &Patch::Merge(patch)).await?;
    events.normal(claim.object_ref(&()), "VolumeResizeSuccessful", "Resize volume succeeded");
    Ok(())
}
