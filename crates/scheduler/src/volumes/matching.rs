//! Which volume suits a claim. Pure.
//!
//! The rules are upstream's: a volume reserved for the claim comes first; of the others that are free and fit in
//! class, mode, access, labels and size, the one with the fewest access modes, then the smallest.

use std::sync::Arc;

use k8s_openapi::{
    api::{
        core::v1::{Node, ObjectReference, PersistentVolume, PersistentVolumeClaim},
        storage::v1::StorageClass,
    },
    apimachinery::pkg::api::resource::Quantity as Text,
};
use kube::core::SelectorExt;
use objects::quantity::Quantity;
use serde_json::{Value, json};

use crate::{affinity, snapshot::labels};

/// Annotation of a claim whose binding is complete on both sides.
pub const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// Annotation of a claim or volume whose binding was chosen by the cluster, not by a person.
pub const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// Annotation of a claim: the node that the scheduler chose for its first consumer.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// Provisioner name of classes whose volumes are made by hand.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";
/// Where the class was named before there was a field for it.
const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// An annotation's value.
#[must_use]
pub fn annotation<'a>(object: &'a impl kube::Resource, key: &str) -> Option<&'a str> {
    object.meta().annotations.as_ref()?.get(key).map(String::as_str)
}

/// The class that a claim asks for; empty for none.
#[must_use]
pub fn claim_class(claim: &PersistentVolumeClaim) -> &str {
    let field = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    annotation(claim, BETA_CLASS).or(field).unwrap_or_default()
}

/// The class of a volume; empty for none.
#[must_use]
pub fn volume_class(volume: &PersistentVolume) -> &str {
    let field = volume.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    annotation(volume, BETA_CLASS).or(field).unwrap_or_default()
}

/// The name of the volume that the claim is bound to or asks for; empty for none.
#[must_use]
pub fn volume_name(claim: &PersistentVolumeClaim) -> &str {
    claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).unwrap_or_default()
}

/// Whether the claim has its volume, on both sides.
#[must_use]
pub fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    !volume_name(claim).is_empty() && annotation(claim, BIND_COMPLETED).is_some()
}

/// Whether claims of the class wait until a pod that uses them is placed.
#[must_use]
pub fn waits_for_consumer(class: &StorageClass) -> bool {
    class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer")
}

/// The claim that a volume is reserved for or bound to.
#[must_use]
pub fn claim_reference(volume: &PersistentVolume) -> Option<&ObjectReference> {
    volume.spec.as_ref()?.claim_ref.as_ref()
}

/// The reference that ties a volume to `claim`, as the API has it.
#[must_use]
pub fn reference_to(claim: &PersistentVolumeClaim) -> Value {
    let meta = &claim.metadata;
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": meta.namespace, "name": meta.name,
        "uid": meta.uid, "resourceVersion": meta.resource_version,
    })
}

/// Whether the volume is bound to this very claim or reserved for its name.
#[must_use]
pub fn is_reserved_for(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    claim_reference(volume).is_some_and(|reference| {
        let uid = reference.uid.as_deref().unwrap_or_default();
        reference.namespace == claim.metadata.namespace
            && reference.name == claim.metadata.name
            && (uid.is_empty() || Some(uid) == claim.metadata.uid.as_deref())
    })
}

fn amount(text: Option<&Text>) -> Quantity {
    text.and_then(|text| Quantity::parse(&text.0).ok()).unwrap_or_else(Quantity::zero)
}

/// How much the claim asks for.
#[must_use]
pub fn requested(claim: &PersistentVolumeClaim) -> Quantity {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    amount(resources.and_then(|resources| resources.requests.as_ref()?.get("storage")))
}

/// How much the volume holds.
#[must_use]
pub fn capacity(volume: &PersistentVolume) -> Quantity {
    amount(volume.spec.as_ref().and_then(|spec| spec.capacity.as_ref()?.get("storage")))
}

fn modes(given: Option<&Vec<String>>) -> &[String] {
    given.map(Vec::as_slice).unwrap_or_default()
}

fn is_block(mode: Option<&String>) -> bool {
    mode.map(String::as_str) == Some("Block")
}

/// Why a volume that a claim names cannot be its volume.
///
/// # Errors
/// With the words of upstream's event.
pub fn satisfies(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Result<(), String> {
    let (Some(has), Some(asks)) = (&volume.spec, &claim.spec) else { return Err("it has no spec".into()) };
    if volume.metadata.deletion_timestamp.is_some() {
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        return Err(format!("the volume is marked for deletion {name:?}"));
    }
    if capacity(volume) < requested(claim) {
        return Err("requested PV is too small".into());
    }
    if volume_class(volume) != claim_class(claim) {
        return Err("storageClassName does not match".into());
    }
    if is_block(has.volume_mode.as_ref()) != is_block(asks.volume_mode.as_ref()) {
        return Err("incompatible volumeMode".into());
    }
    let offered = modes(has.access_modes.as_ref());
    if !modes(asks.access_modes.as_ref()).iter().all(|mode| offered.contains(mode)) {
        return Err("incompatible accessMode".into());
    }
    Ok(())
}

/// Whether a pod on `node` can reach the volume.
#[must_use]
pub fn reachable(volume: &PersistentVolume, node: &Node) -> bool {
    let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
    match affinity.and_then(|affinity| affinity.required.as_ref()) {
        Some(required) => required.node_selector_terms.iter().any(|term| affinity::term_matches(term, node)),
        None => true,
    }
}

/// Whether the class makes volumes that `node` can reach.
#[must_use]
pub fn class_reaches(class: &StorageClass, node: &Node) -> bool {
    let topologies = class.allowed_topologies.as_deref().unwrap_or_default();
    let on_node = labels(node.metadata.labels.as_ref());
    topologies.is_empty()
        || topologies.iter().any(|term| {
            let asked = term.match_label_expressions.as_deref().unwrap_or_default();
            asked.iter().all(|one| on_node.get(&one.key).is_some_and(|value| one.values.contains(value)))
        })
}

/// The volume to bind to `claim`. With a node, only volumes that it reaches; without one, for a claim that waits for
/// its consumer (`waits`), only a volume reserved for it. `taken` are left out.
#[must_use]
pub fn best<'a>(
    claim: &PersistentVolumeClaim,
    volumes: impl Iterator<Item = &'a Arc<PersistentVolume>>,
    node: Option<&Node>,
    waits: bool,
    taken: impl Fn(&str) -> bool,
) -> Option<&'a Arc<PersistentVolume>> {
    let selector = claim.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let selector = selector.map(|given| affinity::selector(Some(given)));
    let mut candidates = Vec::new();
    for volume in volumes {
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        let reserved = is_reserved_for(volume, claim);
        if taken(name) || (!reserved && claim_reference(volume).is_some()) {
            continue;
        }
        let in_reach = node.is_none_or(|node| reachable(volume, node));
        if reserved && fits(volume, claim) {
            return in_reach.then_some(volume);
        }
        let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
        let labelled = match &selector {
            None => true,
            Some(selector) => {
                let on_volume = labels(volume.metadata.labels.as_ref());
                selector.as_ref().is_some_and(|selector| selector.matches(on_volume))
            }
        };
        let free = phase == Some("Available") && !(waits && node.is_none());
        if free && labelled && in_reach && satisfies(volume, claim).is_ok() {
            let count = volume.spec.as_ref().map_or(0, |spec| modes(spec.access_modes.as_ref()).len());
            candidates.push((count, capacity(volume), name, volume));
        }
    }
    candidates
        .into_iter()
        .min_by(|one, other| (one.0, &one.1, one.2).cmp(&(other.0, &other.1, other.2)))
        .map(|(.., volume)| volume)
}

/// What a volume must be even when it is reserved for the claim; class and labels are then its maker's choice.
fn fits(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let mode = |mode: Option<&String>| is_block(mode);
    let has = mode(volume.spec.as_ref().and_then(|spec| spec.volume_mode.as_ref()));
    let asks = mode(claim.spec.as_ref().and_then(|spec| spec.volume_mode.as_ref()));
    volume.metadata.deletion_timestamp.is_none() && has == asks && capacity(volume) >= requested(claim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str, size: &str, modes: &[&str], extra: Value) -> Arc<PersistentVolume> {
        let mut volume = json!({"metadata": {"name": name, "labels": {"kind": name}},
            "spec": {"capacity": {"storage": size}, "accessModes": modes}, "status": {"phase": "Available"}});
        merge(&mut volume, extra);
        Arc::new(serde_json::from_value(volume).unwrap())
    }

    fn merge(base: &mut Value, extra: Value) {
        match (base, extra) {
            (Value::Object(base), Value::Object(extra)) => {
                for (key, value) in extra {
                    merge(base.entry(key).or_insert(Value::Null), value);
                }
            }
            (base, extra) => *base = extra,
        }
    }

    fn claim(extra: Value) -> PersistentVolumeClaim {
        let mut claim = json!({"metadata": {"name": "c", "namespace": "n", "uid": "u"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}}});
        merge(&mut claim, extra);
        serde_json::from_value(claim).unwrap()
    }

    fn chosen(claim: &PersistentVolumeClaim, volumes: &[Arc<PersistentVolume>]) -> String {
        let found = best(claim, volumes.iter(), None, false, |_| false);
        found.map_or("none", |volume| volume.metadata.name.as_deref().unwrap()).to_owned()
    }

    #[test]
    fn the_closest_fit_is_chosen() {
        let volumes = [
            volume("large", "100Gi", &["ReadWriteOnce"], json!({})),
            volume("right", "6Gi", &["ReadWriteOnce"], json!({})),
            volume("shared", "5Gi", &["ReadWriteOnce", "ReadWriteMany"], json!({})),
            volume("small", "1Gi", &["ReadWriteOnce"], json!({})),
            volume("block", "5Gi", &["ReadWriteOnce"], json!({"spec": {"volumeMode": "Block"}})),
            volume("classy", "5Gi", &["ReadWriteOnce"], json!({"spec": {"storageClassName": "fast"}})),
            volume("used", "5Gi", &["ReadWriteOnce"], json!({"status": {"phase": "Released"}})),
        ];
        assert_eq!(chosen(&claim(json!({})), &volumes), "right");
        assert_eq!(chosen(&claim(json!({"spec": {"accessModes": ["ReadWriteMany"]}})), &volumes), "shared");
        assert_eq!(chosen(&claim(json!({"spec": {"storageClassName": "fast"}})), &volumes), "classy");
        assert_eq!(chosen(&claim(json!({"spec": {"volumeMode": "Block"}})), &volumes), "block");
        let labelled = json!({"spec": {"selector": {"matchLabels": {"kind": "large"}}}});
        assert_eq!(chosen(&claim(labelled), &volumes), "large");
        let huge = json!({"spec": {"resources": {"requests": {"storage": "1Ti"}}}});
        assert_eq!(chosen(&claim(huge), &volumes), "none");
    }

    #[test]
    fn a_reservation_counts_for_its_claim_alone() {
        let to = |uid: &str| json!({"spec": {"claimRef": {"namespace": "n", "name": "c", "uid": uid}, "storageClassName": "x"}});
        let free = volume("free", "5Gi", &["ReadWriteOnce"], json!({}));
        let by_name = volume("by-name", "9Gi", &["ReadWriteOnce"], to(""));
        let ours = volume("ours", "9Gi", &["ReadWriteOnce"], to("u"));
        let former = volume("former", "5Gi", &["ReadWriteOnce"], to("another"));
        assert_eq!(chosen(&claim(json!({})), &[free.clone(), by_name]), "by-name");
        assert_eq!(chosen(&claim(json!({})), &[free.clone(), ours]), "ours");
        assert_eq!(chosen(&claim(json!({})), &[former, free]), "free");
    }

    #[test]
    fn a_claim_that_waits_gets_nothing_without_a_node() {
        let at = |host: &str| {
            json!({"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": [host]}]}]}}}})
        };
        let volumes = [
            volume("a", "5Gi", &["ReadWriteOnce"], at("node-a")),
            volume("b", "5Gi", &["ReadWriteOnce"], at("node-b")),
        ];
        let node: Node = serde_json::from_value(
            json!({"metadata": {"name": "node-b", "labels": {"kubernetes.io/hostname": "node-b"}}}),
        )
        .unwrap();
        let name = |found: Option<&Arc<PersistentVolume>>| found.and_then(|v| v.metadata.name.clone());
        let claim = claim(json!({}));
        assert_eq!(name(best(&claim, volumes.iter(), None, true, |_| false)), None);
        assert_eq!(name(best(&claim, volumes.iter(), Some(&node), true, |_| false)).as_deref(), Some("b"));
        assert_eq!(name(best(&claim, volumes.iter(), Some(&node), true, |name| name == "b")), None);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let asked = claim(json!({}));
        for (extra, why) in [
            (json!({"spec": {"capacity": {"storage": "1Gi"}}}), "requested PV is too small"),
            (json!({"spec": {"storageClassName": "x"}}), "storageClassName does not match"),
            (json!({"spec": {"volumeMode": "Block"}}), "incompatible volumeMode"),
            (json!({"spec": {"accessModes": ["ReadOnlyMany"]}}), "incompatible accessMode"),
        ] {
            assert_eq!(satisfies(&volume("v", "5Gi", &["ReadWriteOnce"], extra), &asked).unwrap_err(), why);
        }
    }
}
