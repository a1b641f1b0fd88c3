//! The decision: a snapshot and a pod in, a node or the reasons against every node out.
//!
//! Pure and deterministic: among equal nodes the emptier one, then the first by name.

use std::{collections::BTreeMap, fmt};

use crate::{
    filters::{Filters, Reason},
    score,
    snapshot::{PodInfo, Snapshot},
};

/// Where the pod goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Name of the node.
    pub node: String,
    /// How many nodes were possible.
    pub feasible: usize,
}

/// Why it goes nowhere. The text is that of a `FailedScheduling` event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unschedulable {
    /// The reasons against each node, by name.
    pub reasons: BTreeMap<String, Vec<Reason>>,
}

impl Unschedulable {
    /// All reasons, each once.
    pub fn kinds(&self) -> impl Iterator<Item = &Reason> {
        self.reasons.values().flatten()
    }
}

impl fmt::Display for Unschedulable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reasons.is_empty() {
            return f.write_str("no nodes available to schedule pods");
        }
        // What keeps the pod from all nodes alike is said once, without a count.
        if let Some(Reason::Claims(why)) = self.kinds().find(|reason| matches!(reason, Reason::Claims(_))) {
            return write!(f, "0/{} nodes are available: {why}.", self.reasons.len());
        }
        let reasons = self.kinds().map(ToString::to_string);
        f.write_str(&tally(self.reasons.len(), reasons))
    }
}

impl std::error::Error for Unschedulable {}

/// `0/3 nodes are available: 1 Insufficient cpu, 2 Too many pods.`
pub(crate) fn tally(nodes: usize, reasons: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut texts: Vec<_> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    texts.sort();
    format!("0/{nodes} nodes are available: {}.", texts.join(", "))
}

/// Finds the best node for `pod`.
///
/// # Errors
/// With the reasons against every node, if none is possible.
pub fn schedule(snapshot: &Snapshot, pod: &PodInfo) -> Result<Placement, Unschedulable> {
    let filters = Filters::new(snapshot, pod);
    let (mut feasible, mut reasons) = (Vec::new(), BTreeMap::new());
    for node in snapshot.nodes() {
        match filters.check(node) {
            Ok(()) => feasible.push(node),
            Err(why) => {
                reasons.insert(node.name().to_owned(), why);
            }
        }
    }
    let placed = |node: &str| Placement { node: node.to_owned(), feasible: feasible.len() };
    match feasible.as_slice() {
        [] => Err(Unschedulable { reasons }),
        [only] => Ok(placed(only.name())),
        several => {
            let scores = score::scores(snapshot, pod, several);
            let best = several.iter().zip(scores).max_by(|(one, a), (other, b)| {
                a.total_cmp(b)
                    .then_with(|| other.pods.len().cmp(&one.pods.len()))
                    .then_with(|| other.name().cmp(one.name()))
            });
            best.map(|(node, _)| placed(node.name())).ok_or(Unschedulable { reasons })
        }
    }
}
