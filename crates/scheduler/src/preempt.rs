//! Making room: which less important pods would have to go.
//!
//! Pure, as [`crate::schedule()`]. Not here: removing them; see [`crate::run()`].

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{api::policy::v1::PodDisruptionBudget, jiff::Timestamp};
use kube::core::SelectorExt;

use crate::{
    affinity,
    filters::{Filters, Reason},
    schedule::{Unschedulable, tally},
    snapshot::{NodeInfo, PodInfo, Snapshot},
};

/// A node and the pods that would have to leave it.
#[derive(Clone, Debug)]
pub struct Preemption {
    /// Name of the node.
    pub node: String,
    /// Most important first.
    pub victims: Vec<Arc<PodInfo>>,
    violations: usize,
}

/// Finds the node where making room does least harm.
///
/// Considered are nodes whose reasons against the pod could go away with their pods. Least harm: fewest
/// broken budgets, then the lowest of the highest priorities, the lowest sum of priorities, the fewest
/// victims, the youngest ones, as upstream.
///
/// # Errors
/// With the text that follows `preemption: ` in the event, if there is no such node.
pub fn preempt(
    snapshot: &Snapshot,
    pod: &PodInfo,
    refused: &Unschedulable,
    budgets: &[Arc<PodDisruptionBudget>],
) -> Result<Preemption, String> {
    let mut against: BTreeMap<&str, &str> = BTreeMap::new();
    let never = pod.pod.spec.as_ref().is_some_and(|spec| spec.preemption_policy.as_deref() == Some("Never"));
    if never {
        return Err("not eligible due to preemptionPolicy=Never.".into());
    }
    let mut candidates = Vec::new();
    for node in snapshot.nodes() {
        let reasons = refused.reasons.get(node.name()).map(Vec::as_slice).unwrap_or_default();
        if !reasons.iter().all(Reason::preemptible) {
            against.insert(node.name(), "Preemption is not helpful for scheduling");
            continue;
        }
        match victims_on(snapshot, pod, node, budgets) {
            Some(preemption) => candidates.push(preemption),
            None => {
                against.insert(node.name(), "No preemption victims found for incoming pod");
            }
        }
    }
    candidates.sort_by_key(harm);
    candidates
        .into_iter()
        .next()
        .ok_or_else(|| tally(snapshot.nodes().len(), against.values().map(|reason| (*reason).to_owned())))
}

type Harm = (usize, i32, i64, usize, std::cmp::Reverse<Option<Timestamp>>);

fn harm(preemption: &Preemption) -> Harm {
    let priorities = preemption.victims.iter().map(|victim| victim.priority());
    // Shifted so that more victims of negative priority do not look like less harm.
    let sum = priorities.clone().map(|priority| i64::from(priority) - i64::from(i32::MIN)).sum();
    let highest = priorities.max().unwrap_or(i32::MIN);
    let important = preemption.victims.iter().filter(|victim| victim.priority() == highest);
    let earliest = important.filter_map(|victim| victim.started()).min();
    (preemption.violations, highest, sum, preemption.victims.len(), std::cmp::Reverse(earliest))
}

/// Takes all less important pods off the node, then lets back as many as possible, those with a broken
/// budget and the most important ones first.
fn victims_on(
    snapshot: &Snapshot,
    pod: &PodInfo,
    node: &NodeInfo,
    budgets: &[Arc<PodDisruptionBudget>],
) -> Option<Preemption> {
    let mut lesser: Vec<_> =
        node.pods.iter().filter(|other| other.priority() < pod.priority()).cloned().collect();
    if lesser.is_empty() {
        return None;
    }
    let mut trial = snapshot.clone();
    for victim in &lesser {
        trial.remove_pod(node.name(), victim.uid());
    }
    if !fits(&trial, pod, node.name()) {
        return None;
    }
    lesser.sort_by_key(|victim| (std::cmp::Reverse(victim.priority()), victim.started()));
    let (protected, free) = split_by_budget(lesser, budgets);
    let (mut victims, mut violations) = (Vec::new(), 0);
    for (candidate, budgeted) in
        protected.into_iter().map(|pod| (pod, true)).chain(free.into_iter().map(|pod| (pod, false)))
    {
        trial.add_pod(node.name(), candidate.clone());
        if !fits(&trial, pod, node.name()) {
            trial.remove_pod(node.name(), candidate.uid());
            violations += usize::from(budgeted);
            victims.push(candidate);
        }
    }
    victims.sort_by_key(|victim| std::cmp::Reverse(victim.priority()));
    (!victims.is_empty()).then(|| Preemption { node: node.name().to_owned(), victims, violations })
}

fn fits(snapshot: &Snapshot, pod: &PodInfo, node: &str) -> bool {
    snapshot.node(node).is_some_and(|node| Filters::new(snapshot, pod).check(node).is_ok())
}

/// First those whose removal would break a budget.
fn split_by_budget(
    pods: Vec<Arc<PodInfo>>,
    budgets: &[Arc<PodDisruptionBudget>],
) -> (Vec<Arc<PodInfo>>, Vec<Arc<PodInfo>>) {
    let mut left: Vec<_> = budgets
        .iter()
        .map(|budget| budget.status.as_ref().map_or(0, |status| status.disruptions_allowed.unwrap_or(0)))
        .collect();
    pods.into_iter().partition(|pod| {
        let mut broken = false;
        for (budget, left) in budgets.iter().zip(&mut left) {
            let selector = budget.spec.as_ref().and_then(|spec| affinity::selector(spec.selector.as_ref()));
            let covers = budget.metadata.namespace.as_deref() == Some(pod.namespace())
                && selector.is_some_and(|selector| selector.matches(pod.labels()));
            if covers {
                *left -= 1;
                broken |= *left < 0;
            }
        }
        broken
    })
}
