//! Are the host ports free.

use super::Reason;
use crate::snapshot::{HostPort, NodeInfo, PodInfo};

pub(super) fn check(pod: &PodInfo, node: &NodeInfo) -> Result<(), Reason> {
    let mut taken = node.pods.iter().flat_map(|other| &other.ports);
    let conflict =
        !pod.ports.is_empty() && taken.any(|used| pod.ports.iter().any(|wanted| clash(wanted, used)));
    if conflict { Err(Reason::Ports) } else { Ok(()) }
}

/// The same port and protocol clash on the same address, or if one of them listens on all.
fn clash(one: &HostPort, other: &HostPort) -> bool {
    one.port == other.port
        && one.protocol == other.protocol
        && (one.address == other.address || one.address == "0.0.0.0" || other.address == "0.0.0.0")
}
