//! Required affinity to and against other pods, in both directions.

use std::collections::HashMap;

use super::Reason;
use crate::{
    affinity::Term,
    snapshot::{NodeInfo, PodInfo, Snapshot},
};

/// How many pods count for each place, a place being a node label and its value.
#[derive(Default)]
struct Places(HashMap<(String, String), usize>);

/// What the cluster says about one pod.
pub(super) struct InterPod {
    keys: Vec<String>,
    anti_keys: Vec<String>,
    /// Pods that match all required terms, by place of each term.
    near: Places,
    /// Pods that match a required anti term.
    unwanted: Places,
    /// Places where a pod is against this one.
    hostile: Places,
    /// The pod matches its own terms and nothing else does: the first of its group may go anywhere.
    first_of_group: bool,
}

impl InterPod {
    pub(super) fn new(snapshot: &Snapshot, pod: &PodInfo) -> Self {
        let terms = &pod.terms;
        let (mut near, mut unwanted, mut hostile) = (Places::default(), Places::default(), Places::default());
        let asks = !terms.required.is_empty() || !terms.required_anti.is_empty();
        for node in snapshot.nodes() {
            if !asks && node.repelling == 0 {
                continue;
            }
            for other in &node.pods {
                for term in other.terms.required_anti.iter().filter(|term| term.matches(pod, snapshot)) {
                    hostile.count(node, term);
                }
                if !asks {
                    continue;
                }
                if !terms.required.is_empty()
                    && terms.required.iter().all(|term| term.matches(other, snapshot))
                {
                    terms.required.iter().for_each(|term| near.count(node, term));
                }
                for term in terms.required_anti.iter().filter(|term| term.matches(other, snapshot)) {
                    unwanted.count(node, term);
                }
            }
        }
        Self {
            first_of_group: near.0.is_empty()
                && terms.required.iter().all(|term| term.matches(pod, snapshot)),
            keys: terms.required.iter().map(|term| term.topology_key.clone()).collect(),
            anti_keys: terms.required_anti.iter().map(|term| term.topology_key.clone()).collect(),
            near,
            unwanted,
            hostile,
        }
    }

    pub(super) fn check(&self, node: &NodeInfo) -> Result<(), Reason> {
        let labelled = self.keys.iter().all(|key| node.labels().contains_key(key));
        let together = self.keys.iter().all(|key| self.near.at(node, key));
        if !(self.keys.is_empty() || labelled && (together || self.first_of_group)) {
            return Err(Reason::Affinity);
        }
        if self.anti_keys.iter().any(|key| self.unwanted.at(node, key)) {
            return Err(Reason::AntiAffinity);
        }
        let hostile =
            !self.hostile.0.is_empty() && node.labels().keys().any(|key| self.hostile.at(node, key));
        if hostile { Err(Reason::ExistingAntiAffinity) } else { Ok(()) }
    }
}

impl Places {
    fn count(&mut self, node: &NodeInfo, term: &Term) {
        if let Some(value) = node.labels().get(&term.topology_key) {
            *self.0.entry((term.topology_key.clone(), value.clone())).or_default() += 1;
        }
    }

    fn at(&self, node: &NodeInfo, key: &str) -> bool {
        let Some(value) = node.labels().get(key) else { return false };
        self.0.contains_key(&(key.to_owned(), value.clone()))
    }
}
