//! Node selectors and pod affinity terms, read once into a form that is quick to match.
//!
//! Not here: what a match means for a placement; see [`crate::filters`] and [`crate::score`].

use k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodAffinityTerm, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Expression, Selector, SelectorExt};

use crate::snapshot::{Labels, PodInfo, Snapshot, labels};

/// Affinity of one pod to and against others.
#[derive(Debug, Default)]
pub struct Terms {
    /// Such pods must be near.
    pub required: Vec<Term>,
    /// Such pods must not be near.
    pub required_anti: Vec<Term>,
    /// Such pods should be near, with a weight; a negative weight means they should not.
    pub preferred: Vec<(i64, Term)>,
}

/// Which pods, and what "near" means.
#[derive(Debug)]
pub struct Term {
    /// Node label that makes places equal.
    pub topology_key: String,
    /// `None` selects nothing.
    selector: Option<Selector>,
    namespaces: Vec<String>,
    namespace_selector: Option<Selector>,
}

// === impl Terms ===

impl Terms {
    /// The terms of `pod`.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        let Some(affinity) = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()) else {
            return Self::default();
        };
        let mut terms = Self::default();
        if let Some(towards) = &affinity.pod_affinity {
            let required = towards.required_during_scheduling_ignored_during_execution.iter().flatten();
            terms.required.extend(required.map(|term| Term::new(pod, term)));
            let preferred = towards.preferred_during_scheduling_ignored_during_execution.iter().flatten();
            terms.preferred.extend(preferred.map(|term| weighted(pod, term, 1)));
        }
        if let Some(against) = &affinity.pod_anti_affinity {
            let required = against.required_during_scheduling_ignored_during_execution.iter().flatten();
            terms.required_anti.extend(required.map(|term| Term::new(pod, term)));
            let preferred = against.preferred_during_scheduling_ignored_during_execution.iter().flatten();
            terms.preferred.extend(preferred.map(|term| weighted(pod, term, -1)));
        }
        terms
    }
}

fn weighted(pod: &Pod, term: &WeightedPodAffinityTerm, sign: i64) -> (i64, Term) {
    (sign * i64::from(term.weight), Term::new(pod, &term.pod_affinity_term))
}

// === impl Term ===

impl Term {
    fn new(pod: &Pod, term: &PodAffinityTerm) -> Self {
        let mut selector = selector(term.label_selector.as_ref());
        if let Some(selector) = &mut selector {
            let own = labels(pod.metadata.labels.as_ref());
            let equal = term.match_label_keys.iter().flatten();
            let unequal = term.mismatch_label_keys.iter().flatten();
            selector.extend(
                equal.filter_map(|key| Some(Expression::In(key.clone(), [own.get(key)?.clone()].into()))),
            );
            selector.extend(
                unequal
                    .filter_map(|key| Some(Expression::NotIn(key.clone(), [own.get(key)?.clone()].into()))),
            );
        }
        let mut namespaces = term.namespaces.clone().unwrap_or_default();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.extend(pod.metadata.namespace.clone());
        }
        Self {
            topology_key: term.topology_key.clone(),
            selector,
            namespaces,
            namespace_selector: term
                .namespace_selector
                .as_ref()
                .and_then(|given| self::selector(Some(given))),
        }
    }

    /// Whether `pod` is one of those meant.
    #[must_use]
    pub fn matches(&self, pod: &PodInfo, snapshot: &Snapshot) -> bool {
        let namespace = pod.namespace();
        let in_scope = self.namespaces.iter().any(|name| name == namespace)
            || self
                .namespace_selector
                .as_ref()
                .is_some_and(|selector| selector.matches(snapshot.namespace_labels(namespace)));
        in_scope && self.selector.as_ref().is_some_and(|selector| selector.matches(pod.labels()))
    }
}

/// A label selector in matching form; one that is missing or broken selects nothing.
pub(crate) fn selector(given: Option<&LabelSelector>) -> Option<Selector> {
    given.and_then(|given| Selector::try_from(given.clone()).ok())
}

/// Whether `node` satisfies the pod's `nodeSelector` and required node affinity.
#[must_use]
pub fn node_matches(pod: &Pod, node: &Node) -> bool {
    let Some(spec) = &pod.spec else { return true };
    let on_node = labels(node.metadata.labels.as_ref());
    let simple = spec.node_selector.iter().flatten().all(|(key, value)| on_node.get(key) == Some(value));
    if !simple {
        return false;
    }
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    match affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref())
    {
        Some(required) => required.node_selector_terms.iter().any(|term| term_matches(term, node)),
        None => true,
    }
}

/// Whether `node` satisfies one node selector term; a term without requirements matches nothing.
#[must_use]
pub fn term_matches(term: &NodeSelectorTerm, node: &Node) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let on_node = labels(node.metadata.labels.as_ref());
    let name = node.metadata.name.as_deref();
    expressions.iter().all(|asked| requirement_matches(asked, label(on_node, &asked.key)))
        && fields.iter().all(|asked| asked.key == "metadata.name" && requirement_matches(asked, name))
}

fn label<'a>(labels: &'a Labels, key: &str) -> Option<&'a str> {
    labels.get(key).map(String::as_str)
}

fn requirement_matches(asked: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = asked.values.as_deref().unwrap_or_default();
    let listed = value.is_some_and(|value| values.iter().any(|other| other == value));
    let compare = || -> Option<std::cmp::Ordering> {
        let bound: i64 = values.first()?.parse().ok()?;
        Some(value?.parse::<i64>().ok()?.cmp(&bound))
    };
    match asked.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compare().is_some_and(std::cmp::Ordering::is_gt),
        "Lt" => compare().is_some_and(std::cmp::Ordering::is_lt),
        _ => false,
    }
}
