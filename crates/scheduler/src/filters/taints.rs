//! Taints and tolerations.

use k8s_openapi::api::core::v1::{Pod, Taint, Toleration};

use super::Reason;
use crate::snapshot::{NodeInfo, PodInfo};

/// The first taint that keeps the pod away (`NoSchedule`, `NoExecute`) and that it does not tolerate.
pub(super) fn check(pod: &PodInfo, node: &NodeInfo) -> Result<(), Reason> {
    let keeping = |taint: &&Taint| taint.effect == "NoSchedule" || taint.effect == "NoExecute";
    match taints(node).iter().filter(keeping).find(|taint| !tolerates_taint(&pod.pod, taint)) {
        Some(taint) => {
            Err(Reason::Taint { key: taint.key.clone(), value: taint.value.clone().unwrap_or_default() })
        }
        None => Ok(()),
    }
}

/// The taints of a node.
#[must_use]
pub fn taints(node: &NodeInfo) -> &[Taint] {
    node.node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

/// Whether the pod tolerates `taint`.
#[must_use]
pub fn tolerates_taint(pod: &Pod, taint: &Taint) -> bool {
    tolerates(pod, &taint.key, taint.value.as_deref().unwrap_or_default(), &taint.effect)
}

/// Whether the pod tolerates a taint of that key, value and effect.
#[must_use]
pub fn tolerates(pod: &Pod, key: &str, value: &str, effect: &str) -> bool {
    let tolerations = pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default();
    tolerations.iter().any(|toleration| covers(toleration, key, value, effect))
}

/// Whether one toleration covers such a taint. An empty effect covers all effects; an empty key with `Exists`
/// covers all keys.
#[must_use]
pub fn covers(toleration: &Toleration, key: &str, value: &str, effect: &str) -> bool {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let (for_effect, for_key, for_value) =
        (text(&toleration.effect), text(&toleration.key), text(&toleration.value));
    if !for_effect.is_empty() && for_effect != effect {
        return false;
    }
    let operator = toleration.operator.as_deref().filter(|operator| !operator.is_empty()).unwrap_or("Equal");
    if for_key.is_empty() {
        return operator == "Exists";
    }
    let compare = || -> Option<std::cmp::Ordering> {
        Some(value.parse::<i64>().ok()?.cmp(&for_value.parse::<i64>().ok()?))
    };
    for_key == key
        && match operator {
            "Exists" => true,
            "Equal" => for_value == value,
            "Gt" => compare().is_some_and(std::cmp::Ordering::is_gt),
            "Lt" => compare().is_some_and(std::cmp::Ordering::is_lt),
            _ => false,
        }
}
