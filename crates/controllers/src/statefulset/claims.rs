//! Who a claim of a StatefulSet goes with: nobody, the set, or the pod. Pure.
//!
//! `persistentVolumeClaimRetentionPolicy` is carried out by owner references alone: the garbage collector removes a
//! claim when what owns it is gone. `whenDeleted: Delete` makes the set the owner; `whenScaled: Delete` makes a pod
//! that is to go for good the owner of its claims, before it is removed.

use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{PersistentVolumeClaim, Pod},
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};

use super::pod;
use crate::shared::{name, owners, uid};

/// Whether claims go when the set is deleted, and when it is scaled down.
pub(super) fn policy(set: &StatefulSet) -> (bool, bool) {
    let policy = set.spec.persistent_volume_claim_retention_policy.as_ref();
    let deletes = |field: Option<&String>| field.map(String::as_str) == Some("Delete");
    (
        deletes(policy.and_then(|policy| policy.when_deleted.as_ref())),
        deletes(policy.and_then(|policy| policy.when_scaled.as_ref())),
    )
}

/// The owners that the claim of `pod` should have; `None` if they are right. Owners that are neither the set nor a
/// pod of it are left alone. `condemned` says that the pod's ordinal is no longer wanted.
pub(super) fn owners(
    set: &StatefulSet,
    pod: &Pod,
    claim: &PersistentVolumeClaim,
    condemned: bool,
) -> Option<Vec<OwnerReference>> {
    let (with_set, with_pod) = policy(set);
    let wanted = match (with_set, with_pod && condemned) {
        (_, true) => Some(owners::controller_reference(pod)),
        (true, false) => Some(owners::controller_reference(set)),
        (false, false) => None,
    };
    let before = claim.metadata.owner_references.clone().unwrap_or_default();
    let is_ours =
        |owner: &OwnerReference| owner.uid == uid(set) || (owner.kind == "Pod" && owner.name == name(pod));
    let foreign: Vec<_> = before.iter().filter(|owner| !is_ours(owner)).cloned().collect();
    // Somebody else controls the claim: it is theirs to keep or to remove.
    if foreign.iter().any(|owner| owner.controller == Some(true)) {
        return None;
    }
    let after: Vec<_> = foreign.into_iter().chain(wanted).collect();
    let same = after.len() == before.len()
        && after
            .iter()
            .all(|owner| before.iter().any(|other| (&other.uid, &other.kind) == (&owner.uid, &owner.kind)));
    (!same).then_some(after)
}

/// Whether the claim still belongs to a pod of that name that is gone: it is about to be removed, and a new pod must
/// not start with it.
pub(super) fn is_stale(claim: &PersistentVolumeClaim, pod: &str, current: Option<&Pod>) -> bool {
    let owners = claim.metadata.owner_references.iter().flatten();
    owners
        .filter(|owner| owner.kind == "Pod" && owner.name == pod)
        .any(|owner| current.is_none_or(|current| uid(current) != owner.uid))
}

/// Whether the pod's ordinal is no longer wanted.
pub(super) fn is_condemned(set: &StatefulSet, pod: &Pod) -> bool {
    let first = set.spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or(0);
    let end = first.saturating_add(set.spec.replicas.unwrap_or(1));
    pod::ordinal(set, pod).is_some_and(|ordinal| !(first..end).contains(&ordinal))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(deleted: &str, scaled: &str) -> StatefulSet {
        serde_json::from_value(json!({"metadata": {"name": "db", "uid": "set"}, "spec": {"replicas": 1,
            "selector": {}, "template": {},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": deleted, "whenScaled": scaled}}}))
        .unwrap()
    }

    fn pod(ordinal: i32) -> Pod {
        serde_json::from_value(
            json!({"metadata": {"name": format!("db-{ordinal}"), "uid": format!("p{ordinal}")}}),
        )
        .unwrap()
    }

    fn claim(owners: Value) -> PersistentVolumeClaim {
        serde_json::from_value(json!({"metadata": {"name": "data-db-1", "ownerReferences": owners}})).unwrap()
    }

    fn owner(kind: &str, name: &str, uid: &str) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "name": name, "uid": uid, "controller": true})
    }

    #[test]
    fn the_policy_becomes_owners() {
        let (by_set, by_pod) = (owner("StatefulSet", "db", "set"), owner("Pod", "db-1", "p1"));
        for (deleted, scaled, ordinal, before, expected) in [
            ("Retain", "Retain", 0, json!([]), None),
            ("Retain", "Retain", 0, json!([by_set]), Some(vec![])),
            ("Delete", "Retain", 0, json!([]), Some(vec!["set"])),
            ("Delete", "Retain", 1, json!([by_set]), None),
            ("Retain", "Delete", 0, json!([]), None),
            ("Retain", "Delete", 1, json!([]), Some(vec!["p1"])),
            ("Delete", "Delete", 0, json!([by_set]), None),
            ("Delete", "Delete", 1, json!([by_set]), Some(vec!["p1"])),
            ("Delete", "Delete", 1, json!([by_pod]), None),
            ("Delete", "Delete", 0, json!([owner("Other", "x", "theirs")]), None),
        ] {
            let (set, pod) = (set(deleted, scaled), pod(ordinal));
            let after = owners(&set, &pod, &claim(before), is_condemned(&set, &pod));
            let uids = after.map(|after| after.into_iter().map(|owner| owner.uid).collect::<Vec<_>>());
            let expected = expected.map(|uids| uids.into_iter().map(str::to_owned).collect());
            assert_eq!(uids, expected, "{deleted} {scaled} {ordinal}");
        }
    }

    #[test]
    fn a_claim_of_a_pod_that_is_gone_is_not_for_its_successor() {
        let held = claim(json!([owner("Pod", "db-1", "former")]));
        assert!(is_stale(&held, "db-1", None));
        assert!(is_stale(&held, "db-1", Some(&pod(1))));
        assert!(!is_stale(&claim(json!([owner("Pod", "db-1", "p1")])), "db-1", Some(&pod(1))));
        assert!(!is_stale(&claim(json!([])), "db-1", None));
    }
}
