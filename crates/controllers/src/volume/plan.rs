//! What a claim and a volume need next. Pure; the rules are upstream's.

use std::sync::Arc;

use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim},
    storage::v1::StorageClass,
};
use scheduler::volumes::matching::{
    self, annotation, claim_class, claim_reference, is_bound, is_reserved_for, volume_name,
};

use crate::shared::name;

/// Annotation of a volume: who made it.
pub(super) const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

/// What to tell the claim's owner: type, reason, text.
pub(super) type Note = (&'static str, &'static str, String);

/// The next step for a claim.
#[derive(Debug)]
pub(super) enum ClaimStep {
    /// Tie it to this volume, or finish doing so.
    Bind(Arc<PersistentVolume>),
    /// It has to wait.
    Wait(Option<Note>),
    /// Somebody has to make a volume.
    Provision(Arc<StorageClass>),
    /// Its data is gone.
    Lost(&'static str, &'static str),
}

/// The next step for a volume.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum VolumeStep {
    /// Be in this phase.
    Phase(&'static str),
    /// Be bound; the claim has yet to say so.
    TellClaim,
    /// Its claim is gone: what its reclaim policy says.
    Reclaim,
    /// Its claim took another volume: be free again.
    Unbind,
}

/// What is known beside the claim.
pub(super) struct Known<'a> {
    pub(super) volumes: &'a [Arc<PersistentVolume>],
    /// The claim's class, if it exists.
    pub(super) class: Option<Arc<StorageClass>>,
    /// A pod that uses the claim and has no node yet.
    pub(super) consumer: Option<String>,
}

/// What to do for a claim that is not on its way out.
pub(super) fn claim_step(claim: &PersistentVolumeClaim, known: &Known<'_>) -> ClaimStep {
    let wanted = volume_name(claim);
    let volume = known.volumes.iter().find(|volume| name(&***volume) == wanted);
    if annotation(claim, matching::BIND_COMPLETED).is_some() {
        return bound(claim, volume);
    }
    if !wanted.is_empty() {
        return asking_for(claim, wanted, volume);
    }
    let waits = known.class.as_ref().is_some_and(|class| matching::waits_for_consumer(class));
    if let Some(volume) = matching::best(claim, known.volumes.iter(), None, waits, |_| false) {
        return ClaimStep::Bind(volume.clone());
    }
    let asked = claim_class(claim);
    if waits && annotation(claim, matching::SELECTED_NODE).is_none() {
        return ClaimStep::Wait(Some(match &known.consumer {
            Some(pod) => ("Normal", "WaitForPodScheduled", format!("waiting for pod {pod} to be scheduled")),
            None => {
                let text = "waiting for first consumer to be created before binding";
                ("Normal", "WaitForFirstConsumer", text.to_owned())
            }
        }));
    }
    match &known.class {
        Some(class) => ClaimStep::Provision(class.clone()),
        None if asked.is_empty() => {
            let text = "no persistent volumes available for this claim and no storage class is set";
            ClaimStep::Wait(Some(("Normal", "FailedBinding", text.to_owned())))
        }
        None => {
            let text = format!("storageclass.storage.k8s.io {asked:?} not found");
            ClaimStep::Wait(Some(("Warning", "ProvisioningFailed", text)))
        }
    }
}

fn bound(claim: &PersistentVolumeClaim, volume: Option<&Arc<PersistentVolume>>) -> ClaimStep {
    if volume_name(claim).is_empty() {
        let text = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
        return ClaimStep::Lost("ClaimLost", text);
    }
    let Some(volume) = volume else {
        let text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
        return ClaimStep::Lost("ClaimLost", text);
    };
    match claim_reference(volume) {
        Some(reference) if reference.uid != claim.metadata.uid => {
            let text = "Two claims are bound to the same volume, this one is bound incorrectly";
            ClaimStep::Lost("ClaimMisbound", text)
        }
        _ => ClaimStep::Bind(volume.clone()),
    }
}

/// The claim names the volume it wants.
fn asking_for(
    claim: &PersistentVolumeClaim,
    wanted: &str,
    volume: Option<&Arc<PersistentVolume>>,
) -> ClaimStep {
    let Some(volume) = volume else { return ClaimStep::Wait(None) };
    if claim_reference(volume).is_none() {
        return match matching::satisfies(volume, claim) {
            Ok(()) => ClaimStep::Bind(volume.clone()),
            Err(why) => {
                let text = format!("Cannot bind to requested volume {wanted:?}: {why}");
                ClaimStep::Wait(Some(("Warning", "VolumeMismatch", text)))
            }
        };
    }
    if is_reserved_for(volume, claim) {
        return ClaimStep::Bind(volume.clone());
    }
    let text = format!("volume {wanted:?} already bound to a different claim.");
    ClaimStep::Wait(Some(("Warning", "FailedBinding", text)))
}

/// What to do for a volume; `claim` is the one of the name that it refers to.
pub(super) fn volume_step(volume: &PersistentVolume, claim: Option<&PersistentVolumeClaim>) -> VolumeStep {
    let Some(reference) = claim_reference(volume) else { return VolumeStep::Phase("Available") };
    let uid = reference.uid.as_deref().unwrap_or_default();
    if uid.is_empty() {
        return VolumeStep::Phase("Available");
    }
    let Some(claim) = claim.filter(|claim| claim.metadata.uid.as_deref() == Some(uid)) else {
        return VolumeStep::Reclaim;
    };
    match volume_name(claim) {
        "" => VolumeStep::TellClaim,
        own if own == name(volume) && is_bound(claim) => VolumeStep::Phase("Bound"),
        own if own == name(volume) => VolumeStep::TellClaim,
        _ if annotation(volume, PROVISIONED_BY).is_some() && policy(volume) == "Delete" => {
            VolumeStep::Reclaim
        }
        _ => VolumeStep::Unbind,
    }
}

/// `Retain`, `Delete` or `Recycle`.
pub(super) fn policy(volume: &PersistentVolume) -> &str {
    let spec = volume.spec.as_ref();
    spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref()).unwrap_or("Retain")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn volume(value: Value) -> Arc<PersistentVolume> {
        let mut volume = json!({"metadata": {"name": "v"}, "status": {"phase": "Available"}, "spec": {
            "capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"]}});
        json_patch::merge(&mut volume, &value);
        Arc::new(serde_json::from_value(volume).unwrap())
    }

    fn claim(value: Value) -> PersistentVolumeClaim {
        let mut claim = json!({"metadata": {"name": "c", "namespace": "n", "uid": "u"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
        json_patch::merge(&mut claim, &value);
        serde_json::from_value(claim).unwrap()
    }

    fn class(mode: &str) -> Option<Arc<StorageClass>> {
        let class = json!({"metadata": {"name": "fast"}, "provisioner": "x/y", "volumeBindingMode": mode});
        Some(Arc::new(serde_json::from_value(class).unwrap()))
    }

    /// The step in one word, with the reason of its event.
    fn step(asked: Value, volumes: &[Arc<PersistentVolume>], class: Option<Arc<StorageClass>>) -> String {
        let known = Known { volumes, class, consumer: None };
        match claim_step(&claim(asked), &known) {
            ClaimStep::Bind(volume) => format!("bind {}", name(&*volume)),
            ClaimStep::Wait(None) => "wait".into(),
            ClaimStep::Wait(Some((_, reason, _))) => format!("wait {reason}"),
            ClaimStep::Provision(class) => format!("provision {}", name(&*class)),
            ClaimStep::Lost(reason, _) => format!("lost {reason}"),
        }
    }

    #[test]
    fn a_claim_goes_from_pending_to_bound_or_lost() {
        let fast = json!({"spec": {"storageClassName": "fast"}});
        let wants = |extra: Value| {
            let mut asked = json!({"spec": {"volumeName": "v"}});
            json_patch::merge(&mut asked, &extra);
            asked
        };
        let complete = json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}});
        let owned =
            |uid: &str| volume(json!({"spec": {"claimRef": {"namespace": "n", "name": "c", "uid": uid}}}));
        for (asked, volumes, class, expected) in [
            (json!({}), vec![], None, "wait FailedBinding"),
            (json!({}), vec![volume(json!({}))], None, "bind v"),
            (fast.clone(), vec![volume(json!({}))], None, "wait ProvisioningFailed"),
            (fast.clone(), vec![], class("Immediate"), "provision fast"),
            (fast.clone(), vec![], class("WaitForFirstConsumer"), "wait WaitForFirstConsumer"),
            (
                json!({"spec": {"storageClassName": "fast"},
                    "metadata": {"annotations": {"volume.kubernetes.io/selected-node": "a"}}}),
                vec![],
                class("WaitForFirstConsumer"),
                "provision fast",
            ),
            (fast, vec![owned("u")], class("WaitForFirstConsumer"), "bind v"),
            (wants(json!({})), vec![], None, "wait"),
            (wants(json!({})), vec![volume(json!({}))], None, "bind v"),
            (wants(json!({})), vec![owned("")], None, "bind v"),
            (wants(json!({})), vec![owned("other")], None, "wait FailedBinding"),
            (
                wants(json!({"spec": {"resources": {"requests": {"storage": "9Gi"}}}})),
                vec![volume(json!({}))],
                None,
                "wait VolumeMismatch",
            ),
            (wants(complete.clone()), vec![owned("u")], None, "bind v"),
            (wants(complete.clone()), vec![owned("other")], None, "lost ClaimMisbound"),
            (wants(complete.clone()), vec![], None, "lost ClaimLost"),
            (complete, vec![], None, "lost ClaimLost"),
        ] {
            assert_eq!(step(asked.clone(), &volumes, class), expected, "{asked}");
        }
    }

    #[test]
    fn a_volume_follows_its_claim() {
        let tied = |extra: Value| {
            let mut value = json!({"spec": {"claimRef": {"namespace": "n", "name": "c", "uid": "u"}}});
            json_patch::merge(&mut value, &extra);
            volume(value)
        };
        let complete = |name: &str| {
            claim(json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
                "spec": {"volumeName": name}}))
        };
        let made = json!({"metadata": {"annotations": {"pv.kubernetes.io/provisioned-by": "x"}},
            "spec": {"persistentVolumeReclaimPolicy": "Delete"}});
        let other = claim(json!({"metadata": {"uid": "another"}}));
        for (volume, claim, expected) in [
            (volume(json!({})), None, VolumeStep::Phase("Available")),
            (tied(json!({"spec": {"claimRef": {"uid": null}}})), None, VolumeStep::Phase("Available")),
            (tied(json!({})), None, VolumeStep::Reclaim),
            (tied(json!({})), Some(other), VolumeStep::Reclaim),
            (tied(json!({})), Some(claim(json!({}))), VolumeStep::TellClaim),
            (tied(json!({})), Some(complete("v")), VolumeStep::Phase("Bound")),
            (tied(json!({})), Some(complete("w")), VolumeStep::Unbind),
            (tied(made), Some(complete("w")), VolumeStep::Reclaim),
        ] {
            assert_eq!(volume_step(&volume, claim.as_ref()), expected);
        }
    }
}
