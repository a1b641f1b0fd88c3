//! Topology spread constraints that must hold (`DoNotSchedule`).

use std::collections::HashMap;

use k8s_openapi::api::core::v1::TopologySpreadConstraint;
use kube::core::{Expression, Selector, SelectorExt};

use super::{Reason, taints};
use crate::{
    affinity,
    snapshot::{NodeInfo, PodInfo, Snapshot},
};

/// The hard constraints of one pod with the counts of the cluster.
pub(super) struct Spread {
    constraints: Vec<Counted>,
}

struct Counted {
    key: String,
    max_skew: i64,
    counts: HashMap<String, i64>,
    least: i64,
    /// 1 if the pod itself counts.
    own: i64,
}

impl Spread {
    pub(super) fn new(snapshot: &Snapshot, pod: &PodInfo) -> Self {
        let constraints = constraints(pod, "DoNotSchedule");
        let keys: Vec<_> = constraints.iter().map(|constraint| constraint.topology_key.as_str()).collect();
        let counted = constraints.iter().map(|constraint| {
            let selector = selector(constraint, pod);
            let mut counts: HashMap<String, i64> = HashMap::new();
            for node in snapshot.nodes() {
                let labelled = keys.iter().all(|key| node.labels().contains_key(*key));
                if labelled && eligible(constraint, pod, node) {
                    let value = node.labels().get(&constraint.topology_key).cloned().unwrap_or_default();
                    *counts.entry(value).or_default() += matching(node, pod, selector.as_ref());
                }
            }
            let domains = i64::try_from(counts.len()).unwrap_or(i64::MAX);
            let enough = domains >= i64::from(constraint.min_domains.unwrap_or(1));
            let least = if enough { counts.values().min().copied().unwrap_or(0) } else { 0 };
            let own = selector.as_ref().is_some_and(|selector| selector.matches(pod.labels()));
            Counted {
                key: constraint.topology_key.clone(),
                max_skew: i64::from(constraint.max_skew),
                counts,
                least,
                own: i64::from(own),
            }
        });
        Self { constraints: counted.collect() }
    }

    pub(super) fn check(&self, node: &NodeInfo) -> Result<(), Reason> {
        for constraint in &self.constraints {
            let Some(value) = node.labels().get(&constraint.key) else { return Err(Reason::SpreadLabel) };
            let there = constraint.counts.get(value).copied().unwrap_or(0);
            if there + constraint.own - constraint.least > constraint.max_skew {
                return Err(Reason::Spread);
            }
        }
        Ok(())
    }
}

/// The pod's constraints with that `whenUnsatisfiable`.
pub(crate) fn constraints<'a>(pod: &'a PodInfo, when: &str) -> Vec<&'a TopologySpreadConstraint> {
    let all = pod.pod.spec.as_ref().and_then(|spec| spec.topology_spread_constraints.as_deref());
    all.unwrap_or_default().iter().filter(|constraint| constraint.when_unsatisfiable == when).collect()
}

/// Which pods are counted; `matchLabelKeys` narrow them to those with the pod's own values.
pub(crate) fn selector(constraint: &TopologySpreadConstraint, pod: &PodInfo) -> Option<Selector> {
    let mut selector = affinity::selector(constraint.label_selector.as_ref())?;
    let keys = constraint.match_label_keys.iter().flatten();
    selector.extend(
        keys.filter_map(|key| Some(Expression::In(key.clone(), [pod.labels().get(key)?.clone()].into()))),
    );
    Some(selector)
}

/// Whether the pods of `node` count: by default only nodes that the pod's selectors allow, whatever their taints.
pub(crate) fn eligible(constraint: &TopologySpreadConstraint, pod: &PodInfo, node: &NodeInfo) -> bool {
    let by_affinity = constraint.node_affinity_policy.as_deref() != Some("Ignore");
    let by_taints = constraint.node_taints_policy.as_deref() == Some("Honor");
    (!by_affinity || affinity::node_matches(&pod.pod, &node.node))
        && (!by_taints || taints::check(pod, node).is_ok())
}

/// How many pods of `node` count: of the pod's namespace, selected, and not on their way out.
pub(crate) fn matching(node: &NodeInfo, pod: &PodInfo, selector: Option<&Selector>) -> i64 {
    let Some(selector) = selector else { return 0 };
    let counts = |other: &&std::sync::Arc<PodInfo>| {
        other.namespace() == pod.namespace()
            && other.pod.metadata.deletion_timestamp.is_none()
            && selector.matches(other.labels())
    };
    i64::try_from(node.pods.iter().filter(counts).count()).unwrap_or(i64::MAX)
}
