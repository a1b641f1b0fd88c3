//! What a pod asks for and what a node has, as numbers.
//!
//! CPU counts in thousandths of a core, memory and storage in bytes, everything else in units.
//! Not here: whether it fits; see [`crate::filters::fit`].

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, Pod},
    apimachinery::pkg::api::resource::Quantity,
};

/// Amounts by resource name. A name that is missing stands for zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources(BTreeMap<String, i64>);

/// What a container without requests is taken to use when nodes are compared: 100m and 200 MB, as upstream.
const USUAL_CPU: i64 = 100;
const USUAL_MEMORY: i64 = 200 * 1024 * 1024;

impl Resources {
    /// Reads amounts as they stand in the API; what cannot be read counts as zero.
    #[must_use]
    pub fn read(amounts: Option<&BTreeMap<String, Quantity>>) -> Self {
        let amounts = amounts.into_iter().flatten();
        Self(amounts.map(|(name, amount)| (name.clone(), number(name, &amount.0))).collect())
    }

    /// The amount of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// All amounts above zero.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().filter(|(_, amount)| **amount > 0).map(|(name, amount)| (name.as_str(), *amount))
    }

    /// Adds `other`.
    pub fn add(&mut self, other: &Resources) {
        for (name, amount) in &other.0 {
            let sum = self.0.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*amount);
        }
    }

    /// Takes `other` away; never below zero.
    pub fn subtract(&mut self, other: &Resources) {
        for (name, amount) in &other.0 {
            if let Some(rest) = self.0.get_mut(name) {
                *rest = rest.saturating_sub(*amount).max(0);
            }
        }
    }

    fn raise_to(&mut self, other: &Resources) {
        for (name, amount) in &other.0 {
            let most = self.0.entry(name.clone()).or_default();
            *most = (*most).max(*amount);
        }
    }

    fn set(&mut self, name: &str, amount: i64) {
        self.0.insert(name.to_owned(), amount);
    }
}

fn number(name: &str, text: &str) -> i64 {
    let Ok(quantity) = objects::quantity::Quantity::parse(text) else { return 0 };
    if name == "cpu" { quantity.milli() } else { quantity.value() }
}

/// What `pod` needs on its node.
///
/// Per resource: the larger of what runs at the same time (containers and sidecars) and what any init
/// container needs beside the sidecars started before it; a request for the whole pod replaces that; the
/// runtime class's overhead comes on top. A container being resized counts with what it has if that is more.
#[must_use]
pub fn requests(pod: &Pod) -> Resources {
    total(pod, &|container| container_requests(pod, container))
}

/// As [`requests`], but a container that asks for no CPU or memory counts with a usual amount, so that
/// nodes full of such pods look fuller than empty ones.
#[must_use]
pub fn usual_requests(pod: &Pod) -> Resources {
    total(pod, &|container| {
        let mut needs = container_requests(pod, container);
        for (name, usual) in [("cpu", USUAL_CPU), ("memory", USUAL_MEMORY)] {
            if !needs.0.contains_key(name) {
                needs.set(name, usual);
            }
        }
        needs
    })
}

fn total(pod: &Pod, needs: &dyn Fn(&Container) -> Resources) -> Resources {
    let Some(spec) = &pod.spec else { return Resources::default() };
    let mut running = Resources::default();
    for container in &spec.containers {
        running.add(&needs(container));
    }
    let (mut sidecars, mut peak) = (Resources::default(), Resources::default());
    for container in spec.init_containers.iter().flatten() {
        let mut at_once = needs(container);
        if container.restart_policy.as_deref() == Some("Always") {
            sidecars.add(&at_once);
            peak.raise_to(&sidecars);
        } else {
            at_once.add(&sidecars);
            peak.raise_to(&at_once);
        }
    }
    running.add(&sidecars);
    running.raise_to(&peak);
    if let Some(whole) = &spec.resources {
        for (name, amount) in Resources::read(whole.requests.as_ref()).0 {
            running.set(&name, amount);
        }
    }
    running.add(&Resources::read(spec.overhead.as_ref()));
    running
}

fn container_requests(pod: &Pod, container: &Container) -> Resources {
    let asked = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let mut needs = Resources::read(asked);
    let status = pod.status.as_ref();
    let states = status.into_iter().flat_map(|status| {
        status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten())
    });
    if let Some(state) = states.into_iter().find(|state| state.name == container.name) {
        needs.raise_to(&Resources::read(state.allocated_resources.as_ref()));
    }
    needs
}
