//! persistentVolumeClaim volumes: from the claim to a path of this node.
//!
//! Only volumes that are a path of the node are known: `hostPath` and `local`. Who binds claims, and who makes
//! volumes for them, is not decided here.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::{Api, Client};

/// A claim's volume on this node.
pub(crate) struct Claimed {
    pub(crate) path: PathBuf,
    /// Type to check, as of a hostPath volume.
    pub(crate) kind: String,
    pub(crate) readonly: bool,
    /// Whether `fsGroup` is applied: to local volumes, not to hostPath.
    pub(crate) owned: bool,
}

/// Why a claim cannot be mounted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error("persistentvolumeclaim \"{0}\" not found")]
    NoClaim(String),
    #[error("persistentvolumeclaim \"{claim}\" is not bound to a volume (phase {phase})")]
    Unbound { claim: String, phase: String },
    #[error("persistentvolumeclaim \"{0}\" is being deleted")]
    Deleting(String),
    #[error("persistentvolume \"{volume}\" of claim \"{claim}\" not found")]
    NoVolume { claim: String, volume: String },
    #[error("persistentvolume \"{volume}\" is not bound to claim \"{claim}\", but to another of that name")]
    Misbound { claim: String, volume: String },
    #[error("persistentvolume \"{0}\" is of a kind that this node cannot mount; it knows hostPath and local")]
    Unsupported(String),
    #[error("persistentvolume \"{0}\" is a block device, which this node does not give to containers")]
    Block(String),
    #[error("cannot read {what}: {source}")]
    Api { what: String, source: Box<kube::Error> },
}

/// Finds the volume that a claim is bound to.
pub(crate) async fn resolve(client: &Client, namespace: &str, claim: &str) -> Result<Claimed, ClaimError> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    let failed = |what: String| move |e| ClaimError::Api { what, source: Box::new(e) };
    let found = api
        .get_opt(claim)
        .await
        .map_err(failed(format!("persistentvolumeclaim {namespace}/{claim}")))?
        .ok_or_else(|| ClaimError::NoClaim(claim.to_owned()))?;
    if found.metadata.deletion_timestamp.is_some() {
        return Err(ClaimError::Deleting(claim.to_owned()));
    }
    let uid = found.metadata.uid.clone();
    let phase = found.status.and_then(|s| s.phase).unwrap_or_else(|| "Pending".to_owned());
    let volume = found.spec.and_then(|s| s.volume_name).filter(|v| !v.is_empty() && phase == "Bound");
    let Some(volume) = volume else { return Err(ClaimError::Unbound { claim: claim.to_owned(), phase }) };

    let api: Api<PersistentVolume> = Api::all(client.clone());
    let spec = api
        .get_opt(&volume)
        .await
        .map_err(failed(format!("persistentvolume {volume}")))?
        .and_then(|v| v.spec)
        .ok_or_else(|| ClaimError::NoVolume { claim: claim.to_owned(), volume: volume.clone() })?;
    let holder = spec.claim_ref.as_ref().and_then(|reference| reference.uid.as_deref()).unwrap_or_default();
    if !holder.is_empty() && Some(holder) != uid.as_deref() {
        return Err(ClaimError::Misbound { claim: claim.to_owned(), volume });
    }
    if spec.volume_mode.as_deref() == Some("Block") {
        return Err(ClaimError::Block(volume));
    }
    let readonly = spec.access_modes.iter().flatten().all(|m| m == "ReadOnlyMany")
        && spec.access_modes.as_ref().is_some_and(|m| !m.is_empty());
    if let Some(path) = spec.host_path {
        let kind = path.type_.unwrap_or_default();
        return Ok(Claimed { path: path.path.into(), kind, readonly, owned: false });
    }
    if let Some(local) = spec.local {
        return Ok(Claimed { path: local.path.into(), kind: "Directory".to_owned(), readonly, owned: true });
    }
    Err(ClaimError::Unsupported(volume))
}
