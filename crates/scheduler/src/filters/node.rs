//! Is it the right node at all: cordon, name, selector and required node affinity.

use super::{Reason, taints};
use crate::{
    affinity,
    snapshot::{NodeInfo, PodInfo},
};

/// A cordoned node takes only pods that tolerate being on one.
pub(super) fn cordoned(pod: &PodInfo, node: &NodeInfo) -> Result<(), Reason> {
    let cordoned = node.node.spec.as_ref().is_some_and(|spec| spec.unschedulable == Some(true));
    if cordoned && !taints::tolerates(&pod.pod, "node.kubernetes.io/unschedulable", "", "NoSchedule") {
        return Err(Reason::Cordoned);
    }
    Ok(())
}

/// A pod that names a node goes there or nowhere.
pub(super) fn named(pod: &PodInfo, node: &NodeInfo) -> Result<(), Reason> {
    let wanted = pod.pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    if wanted.is_empty() || wanted == node.name() { Ok(()) } else { Err(Reason::OtherNode) }
}

/// `nodeSelector` and required node affinity.
pub(super) fn affinity(pod: &PodInfo, node: &NodeInfo) -> Result<(), Reason> {
    if affinity::node_matches(&pod.pod, &node.node) { Ok(()) } else { Err(Reason::NodeAffinity) }
}
