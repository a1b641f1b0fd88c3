//! Which of the possible nodes is best.
//!
//! Each aspect gives 0 to 100 points, weighted as upstream's default profile: taints 3, node affinity,
//! spreading and pod affinity 2, free resources and their balance 1.

use std::{collections::HashMap, sync::Arc};

use kube::Resource;

use crate::{
    affinity::{self, Term},
    filters::{spread, taints},
    snapshot::{NodeInfo, PodInfo, Snapshot},
};

const FULL: f64 = 100.0;

/// Points for each of `nodes`, in their order.
#[must_use]
pub fn scores(snapshot: &Snapshot, pod: &PodInfo, nodes: &[&Arc<NodeInfo>]) -> Vec<f64> {
    let aspects = [
        (3.0, inverted(raw(nodes, |node| untolerated(pod, node)))),
        (2.0, scaled(raw(nodes, |node| preferred_labels(pod, node)))),
        (2.0, spreading(snapshot, pod, nodes)),
        (2.0, neighbours(snapshot, pod, nodes)),
        (1.0, raw(nodes, |node| free(pod, node))),
        (1.0, raw(nodes, |node| balance(pod, node))),
    ];
    let mut sums = vec![0.0; nodes.len()];
    for (weight, points) in aspects {
        sums.iter_mut().zip(points).for_each(|(sum, points)| *sum += weight * points);
    }
    sums
}

fn raw(nodes: &[&Arc<NodeInfo>], points: impl Fn(&NodeInfo) -> f64) -> Vec<f64> {
    nodes.iter().map(|node| points(node)).collect()
}

/// The largest becomes 100; all stay equal if nothing stands out.
fn scaled(points: Vec<f64>) -> Vec<f64> {
    let most = points.iter().copied().fold(0.0, f64::max);
    if most <= 0.0 { vec![0.0; points.len()] } else { points.iter().map(|p| p / most * FULL).collect() }
}

/// The smaller the better.
fn inverted(points: Vec<f64>) -> Vec<f64> {
    scaled(points).iter().map(|points| FULL - points).collect()
}

fn untolerated(pod: &PodInfo, node: &NodeInfo) -> f64 {
    let soft = taints::taints(node).iter().filter(|taint| taint.effect == "PreferNoSchedule");
    soft.filter(|taint| !taints::tolerates_taint(&pod.pod, taint)).count() as f64
}

fn preferred_labels(pod: &PodInfo, node: &NodeInfo) -> f64 {
    let affinity = pod.pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()?.node_affinity.as_ref());
    let preferred =
        affinity.and_then(|given| given.preferred_during_scheduling_ignored_during_execution.as_deref());
    let matching = preferred.unwrap_or_default().iter().filter(|term| {
        let empty = term.preference == Default::default();
        empty || affinity::term_matches(&term.preference, &node.node)
    });
    matching.map(|term| f64::from(term.weight)).sum()
}

/// How much CPU and memory stay free.
fn free(pod: &PodInfo, node: &NodeInfo) -> f64 {
    let shares = used_shares(pod, node);
    shares.iter().map(|share| (1.0 - share).max(0.0) * FULL).sum::<f64>() / shares.len() as f64
}

/// How evenly CPU and memory would be used.
fn balance(pod: &PodInfo, node: &NodeInfo) -> f64 {
    let [cpu, memory] = used_shares(pod, node);
    (1.0 - (cpu.min(1.0) - memory.min(1.0)).abs() / 2.0) * FULL
}

fn used_shares(pod: &PodInfo, node: &NodeInfo) -> [f64; 2] {
    ["cpu", "memory"].map(|name| {
        let there = node.allocatable.get(name);
        let used = node.usual.get(name).saturating_add(pod.usual.get(name));
        if there <= 0 { 1.0 } else { used as f64 / there as f64 }
    })
}

/// Soft spread constraints; a pod without any is kept away from others of its own controller.
fn spreading(snapshot: &Snapshot, pod: &PodInfo, nodes: &[&Arc<NodeInfo>]) -> Vec<f64> {
    let soft = spread::constraints(pod, "ScheduleAnyway");
    let mut crowd = vec![0.0; nodes.len()];
    for constraint in &soft {
        let selector = spread::selector(constraint, pod);
        let mut counts: HashMap<&str, i64> = HashMap::new();
        for node in snapshot.nodes().iter().filter(|node| spread::eligible(constraint, pod, node)) {
            if let Some(value) = node.labels().get(&constraint.topology_key) {
                *counts.entry(value).or_default() += spread::matching(node, pod, selector.as_ref());
            }
        }
        // Fewer domains weigh less, so that zones do not drown nodes.
        let weight = (counts.len() as f64 + 2.0).ln();
        for (crowd, node) in crowd.iter_mut().zip(nodes) {
            let value = node.labels().get(&constraint.topology_key);
            let there = value.and_then(|value| counts.get(value.as_str())).copied().unwrap_or(0);
            *crowd += there as f64 * weight;
        }
    }
    if soft.is_empty()
        && let Some(owner) = controller(pod)
    {
        for (crowd, node) in crowd.iter_mut().zip(nodes) {
            *crowd = node.pods.iter().filter(|other| controller(other) == Some(owner)).count() as f64;
        }
    }
    inverted(crowd)
}

fn controller(pod: &PodInfo) -> Option<&str> {
    let owners = pod.pod.meta().owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.as_str())
}

/// Preferred affinity in both directions; required affinity of pods that are there draws a little.
fn neighbours(snapshot: &Snapshot, pod: &PodInfo, nodes: &[&Arc<NodeInfo>]) -> Vec<f64> {
    let mut places: HashMap<(String, String), f64> = HashMap::new();
    for node in snapshot.nodes() {
        for other in &node.pods {
            for (weight, term) in pod.terms.preferred.iter().filter(|(_, term)| term.matches(other, snapshot))
            {
                draw(&mut places, node, term, *weight as f64);
            }
            for (weight, term) in other.terms.preferred.iter().filter(|(_, term)| term.matches(pod, snapshot))
            {
                draw(&mut places, node, term, *weight as f64);
            }
            for term in other.terms.required.iter().filter(|term| term.matches(pod, snapshot)) {
                draw(&mut places, node, term, 1.0);
            }
        }
    }
    let points = raw(nodes, |node| {
        let labels = node.labels().iter().map(|(key, value)| (key.clone(), value.clone()));
        if places.is_empty() { 0.0 } else { labels.filter_map(|place| places.get(&place)).sum() }
    });
    let least = points.iter().copied().fold(f64::INFINITY, f64::min).min(0.0);
    scaled(points.iter().map(|points| points - least).collect())
}

fn draw(places: &mut HashMap<(String, String), f64>, node: &NodeInfo, term: &Term, weight: f64) {
    if let Some(value) = node.labels().get(&term.topology_key) {
        *places.entry((term.topology_key.clone(), value.clone())).or_default() += weight;
    }
}
