//! What the scheduler knows of claims, volumes and classes, with what it has promised and not yet seen written.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim, Pod},
    storage::v1::StorageClass,
};

use super::{Step, matching};

/// A claim that a pod mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodClaim {
    /// Name of the claim, in the pod's namespace.
    pub name: String,
    /// It is made for this pod, from a template in the pod's spec.
    pub ephemeral: bool,
}

/// The claims of a pod, in the order of its volumes.
#[must_use]
pub fn claims_of(pod: &Pod) -> Vec<PodClaim> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes
        .filter_map(|volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
            (Some(source), _) => Some(PodClaim { name: source.claim_name.clone(), ephemeral: false }),
            (None, Some(_)) => {
                let pod = pod.metadata.name.as_deref().unwrap_or_default();
                Some(PodClaim { name: format!("{pod}-{}", volume.name), ephemeral: true })
            }
            (None, None) => None,
        })
        .collect()
}

/// Namespace and name.
type Key = (String, String);

/// Claims, volumes and classes at one moment. A plain value, as the rest of the snapshot.
#[derive(Clone, Debug, Default)]
pub struct VolumeState {
    claims: HashMap<Key, Arc<PersistentVolumeClaim>>,
    volumes: HashMap<String, Arc<PersistentVolume>>,
    classes: HashMap<String, Arc<StorageClass>>,
    /// Volumes promised to claims, and nodes chosen for claims whose volume is yet to be made.
    promised: HashMap<String, Key>,
    chosen: HashMap<Key, String>,
}

fn key(claim: &PersistentVolumeClaim) -> Key {
    let meta = &claim.metadata;
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

impl VolumeState {
    /// Takes over a claim, or forgets it.
    pub fn set_claim(&mut self, claim: &Arc<PersistentVolumeClaim>, there: bool) {
        let key = key(claim);
        if there && !matching::is_bound(claim) {
            self.claims.insert(key, claim.clone());
            return;
        }
        // Bound or gone: what was promised is done with.
        self.release(&key);
        if there {
            self.claims.insert(key, claim.clone());
        } else {
            self.claims.remove(&key);
        }
    }

    /// Takes over a volume, or forgets it.
    pub fn set_volume(&mut self, volume: &Arc<PersistentVolume>, there: bool) {
        let name = volume.metadata.name.clone().unwrap_or_default();
        if there {
            self.volumes.insert(name, volume.clone());
        } else {
            self.promised.remove(&name);
            self.volumes.remove(&name);
        }
    }

    /// Takes over a class, or forgets it.
    pub fn set_class(&mut self, class: &Arc<StorageClass>, there: bool) {
        let name = class.metadata.name.clone().unwrap_or_default();
        if there {
            self.classes.insert(name, class.clone());
        } else {
            self.classes.remove(&name);
        }
    }

    /// Counts the steps of a decision as taken.
    pub fn promise(&mut self, node: &str, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Bind { claim, volume } => {
                    self.promised.insert(volume.metadata.name.clone().unwrap_or_default(), key(claim));
                }
                Step::Provision { claim } => {
                    self.chosen.insert(key(claim), node.to_owned());
                }
                Step::Await { .. } => {}
            }
        }
    }

    /// Takes promises back: the decision came to nothing.
    pub fn withdraw(&mut self, steps: &[Step]) {
        for step in steps {
            self.release(&key(step.claim()));
        }
    }

    fn release(&mut self, claim: &Key) {
        self.chosen.remove(claim);
        self.promised.retain(|_, owner| owner != claim);
    }

    pub(super) fn claim(&self, namespace: &str, name: &str) -> Option<&Arc<PersistentVolumeClaim>> {
        self.claims.get(&(namespace.to_owned(), name.to_owned()))
    }

    pub(super) fn volume(&self, name: &str) -> Option<&Arc<PersistentVolume>> {
        self.volumes.get(name)
    }

    pub(super) fn volumes(&self) -> impl Iterator<Item = &Arc<PersistentVolume>> {
        self.volumes.values()
    }

    pub(super) fn class(&self, name: &str) -> Option<&Arc<StorageClass>> {
        self.classes.get(name)
    }

    /// Whether the volume is promised to another claim.
    pub(super) fn is_promised(&self, volume: &str, claim: &PersistentVolumeClaim) -> bool {
        self.promised.get(volume).is_some_and(|owner| *owner != key(claim))
    }

    /// The node that was chosen for a claim whose volume is yet to be made.
    pub(super) fn chosen_node<'a>(&'a self, claim: &'a PersistentVolumeClaim) -> Option<&'a str> {
        let promised = self.chosen.get(&key(claim)).map(String::as_str);
        promised.or_else(|| matching::annotation(claim, matching::SELECTED_NODE))
    }
}
