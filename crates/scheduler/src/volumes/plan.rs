//! What the claims of a pod need for a node, or why it cannot have it there. Pure.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};

use super::{VolumeState, matching};
use crate::snapshot::{PodInfo, Snapshot};

/// One thing to do for a claim before its pod is bound.
#[derive(Clone, Debug)]
pub enum Step {
    /// Tie this volume to the claim.
    Bind {
        /// The claim.
        claim: Arc<PersistentVolumeClaim>,
        /// Its volume.
        volume: Arc<PersistentVolume>,
    },
    /// Have a volume made on the pod's node.
    Provision {
        /// The claim.
        claim: Arc<PersistentVolumeClaim>,
    },
    /// The binding is under way: wait for it.
    Await {
        /// The claim.
        claim: Arc<PersistentVolumeClaim>,
    },
}

impl Step {
    /// The claim that it is about.
    #[must_use]
    pub fn claim(&self) -> &Arc<PersistentVolumeClaim> {
        match self {
            Step::Bind { claim, .. } | Step::Provision { claim } | Step::Await { claim } => claim,
        }
    }
}

/// Why claims keep a pod from a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A bound volume cannot be reached from there.
    Node,
    /// No volume suits, and none can be made.
    None,
    /// A claim is bound to a volume that does not exist.
    Gone,
}

/// The claims of one pod, looked up.
#[derive(Debug, Default)]
pub(crate) struct PodVolumes {
    bound: Vec<Option<Arc<PersistentVolume>>>,
    /// Smallest request first, so that large volumes are left for large requests.
    unbound: Vec<Arc<PersistentVolumeClaim>>,
    /// A claim for one pod alone is in use by another.
    pub(crate) in_use: bool,
}

impl PodVolumes {
    /// Looks up the claims of `pod`.
    ///
    /// # Errors
    /// With the reason that keeps the pod from every node, in upstream's words.
    pub(crate) fn of(snapshot: &Snapshot, pod: &PodInfo) -> Result<Self, String> {
        let (state, mut found) = (snapshot.volumes(), Self::default());
        let mut immediate = false;
        for wanted in &pod.claims {
            let name = &wanted.name;
            let Some(claim) = state.claim(pod.namespace(), name) else {
                return Err(if wanted.ephemeral {
                    format!(
                        "waiting for ephemeral volume controller to create the persistentvolumeclaim {name:?}"
                    )
                } else {
                    format!("persistentvolumeclaim {name:?} not found")
                });
            };
            let volume = matching::volume_name(claim);
            let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
            if phase == Some("Lost") {
                return Err(format!(
                    "persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"
                ));
            }
            if claim.metadata.deletion_timestamp.is_some() {
                return Err(format!("persistentvolumeclaim {name:?} is being deleted"));
            }
            let owners = claim.metadata.owner_references.iter().flatten();
            if wanted.ephemeral && !owners.clone().any(|owner| owner.uid == pod.uid()) {
                let (namespace, pod) =
                    (pod.namespace(), pod.pod.metadata.name.as_deref().unwrap_or_default());
                return Err(format!(
                    "PVC {namespace}/{name} was not created for pod {namespace}/{pod} (pod is not owner)"
                ));
            }
            found.in_use |= is_exclusive(claim) && used_elsewhere(snapshot, pod, name);
            if matching::is_bound(claim) {
                found.bound.push(state.volume(volume).cloned());
            } else {
                let class = state.class(matching::claim_class(claim));
                let waits = class.is_some_and(|class| matching::waits_for_consumer(class));
                immediate |= !waits || !volume.is_empty();
                found.unbound.push(claim.clone());
            }
        }
        if immediate {
            return Err("pod has unbound immediate PersistentVolumeClaims".into());
        }
        found.unbound.sort_by_cached_key(|claim| matching::requested(claim));
        Ok(found)
    }

    /// What is to be done for the pod on `node`.
    pub(crate) fn plan(&self, state: &VolumeState, node: &Node) -> Result<Vec<Step>, Conflict> {
        for volume in &self.bound {
            let volume = volume.as_ref().ok_or(Conflict::Gone)?;
            if !matching::reachable(volume, node) {
                return Err(Conflict::Node);
            }
        }
        let mut steps: Vec<Step> = Vec::new();
        for claim in &self.unbound {
            let name = node.metadata.name.as_deref();
            let chosen = state.chosen_node(claim);
            if chosen.is_some() && chosen != name {
                return Err(Conflict::None);
            }
            if matching::annotation(&**claim, matching::SELECTED_NODE).is_some() {
                steps.push(Step::Await { claim: claim.clone() });
                continue;
            }
            let taken = |volume: &str| {
                state.is_promised(volume, claim)
                    || steps.iter().any(|step| {
                        matches!(step, Step::Bind { volume: other, .. }
                            if other.metadata.name.as_deref() == Some(volume))
                    })
            };
            let step = match matching::best(claim, state.volumes(), Some(node), true, taken) {
                Some(volume) => Step::Bind { claim: claim.clone(), volume: volume.clone() },
                None => {
                    let class = state.class(matching::claim_class(claim)).ok_or(Conflict::None)?;
                    let makes = class.provisioner != matching::NO_PROVISIONER;
                    if !makes || !matching::class_reaches(class, node) {
                        return Err(Conflict::None);
                    }
                    Step::Provision { claim: claim.clone() }
                }
            };
            steps.push(step);
        }
        Ok(steps)
    }
}

impl VolumeState {
    /// What is to be done for the claims of `pod` before it is bound to `node`; nothing when it has none.
    #[must_use]
    pub fn plan(snapshot: &Snapshot, pod: &PodInfo, node: &str) -> Vec<Step> {
        let Some(node) = snapshot.node(node).filter(|_| !pod.claims.is_empty()) else { return Vec::new() };
        let found = PodVolumes::of(snapshot, pod).unwrap_or_default();
        found.plan(snapshot.volumes(), &node.node).unwrap_or_default()
    }
}

fn is_exclusive(claim: &PersistentVolumeClaim) -> bool {
    let modes = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_ref());
    modes.is_some_and(|modes| modes.iter().any(|mode| mode == "ReadWriteOncePod"))
}

fn used_elsewhere(snapshot: &Snapshot, pod: &PodInfo, claim: &str) -> bool {
    let others = snapshot.nodes().iter().flat_map(|node| &node.pods);
    others
        .filter(|other| other.uid() != pod.uid() && other.namespace() == pod.namespace())
        .any(|other| other.claims.iter().any(|used| used.name == claim))
}
