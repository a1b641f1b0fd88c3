//! Is there room: CPU, memory, storage, extended resources, and the node's pod limit.

use super::Reason;
use crate::snapshot::{NodeInfo, PodInfo};

/// All resources that do not suffice. A resource that the pod does not ask for is never a reason.
pub(super) fn check(pod: &PodInfo, node: &NodeInfo) -> Result<(), Vec<Reason>> {
    let mut reasons = Vec::new();
    let limit = node.allocatable.get("pods");
    if i64::try_from(node.pods.len()).unwrap_or(i64::MAX) >= limit {
        reasons.push(Reason::TooManyPods);
    }
    for (name, wanted) in pod.requests.iter() {
        let free = node.allocatable.get(name) - node.used.get(name);
        if wanted > free {
            reasons.push(Reason::Insufficient(name.to_owned()));
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(reasons) }
}
