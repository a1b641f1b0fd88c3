//! What a pod costs: one pod, and what its containers request and are limited to, as long as it runs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Amounts, add, amounts, selected};
use crate::quantity::{Format, Quantity};

/// Names that are about pods alone, besides their number in storage.
const NAMES: [&str; 10] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
];

/// Names that every container must give a value for as soon as a quota has them.
const NEEDED: [&str; 6] = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

/// Resources that a pod as a whole can name.
const OF_PODS: [&str; 2] = ["cpu", "memory"];

/// Whether a name in a quota is about pods.
pub(super) fn counts(name: &str) -> bool {
    NAMES.contains(&name)
        || name.starts_with("hugepages-")
        || name.starts_with("requests.hugepages-")
        || name.strip_prefix("requests.").is_some_and(is_extended)
}

/// Whether a resource is no resource of Kubernetes' own, but somebody's devices.
fn is_extended(name: &str) -> bool {
    let implicit = name.starts_with("deviceclass.resource.kubernetes.io/");
    implicit || (name.contains('/') && !name.contains("kubernetes.io/"))
}

pub(super) fn usage(pod: &Value, now: i64) -> Amounts {
    if !runs(pod, now) {
        return Amounts::new();
    }
    let (requests, limits) = (resources(pod, "requests"), resources(pod, "limits"));
    names_of(&requests, &limits)
}

/// Whether the pod has neither ended nor outstayed the end of its grace.
fn runs(pod: &Value, now: i64) -> bool {
    if matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded")) {
        return false;
    }
    let metadata = &pod["metadata"];
    let deleted: Option<jiff::Timestamp> =
        metadata["deletionTimestamp"].as_str().and_then(|text| text.parse().ok());
    match (deleted, metadata["deletionGracePeriodSeconds"].as_i64()) {
        (Some(at), Some(grace)) => now <= at.as_second() + grace,
        _ => true,
    }
}

/// Requests and limits under the names that quotas have for them.
fn names_of(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut found = Amounts::from([("pods".to_owned(), Quantity::new(1, Format::DecimalSi))]);
    for name in ["cpu", "memory", "ephemeral-storage"] {
        if let Some(amount) = requests.get(name) {
            found.insert(name.to_owned(), *amount);
            found.insert(format!("requests.{name}"), *amount);
        }
        if let Some(amount) = limits.get(name) {
            found.insert(format!("limits.{name}"), *amount);
        }
    }
    for (name, amount) in requests {
        if name.starts_with("hugepages-") {
            found.insert(name.clone(), *amount);
            found.insert(format!("requests.{name}"), *amount);
        } else if is_extended(name) {
            found.insert(format!("requests.{name}"), *amount);
        }
    }
    found
}

fn items<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What a pod needs at once of `list` (`requests` or `limits`): its containers and sidecars together, or an init
/// container with the sidecars before it if that is more; what the pod as a whole names counts instead, and the
/// runtime's overhead comes on top. While a resize is under way the larger of wanted and given counts.
pub fn resources(pod: &Value, list: &str) -> Amounts {
    let status = |path: &str| -> BTreeMap<&str, &Value> {
        items(pod, path).iter().filter_map(|one| Some((one["name"].as_str()?, one))).collect()
    };
    let (running, starting) = (status("/status/containerStatuses"), status("/status/initContainerStatuses"));
    let mut sum = Amounts::new();
    for container in items(pod, "/spec/containers") {
        add(&mut sum, &of_container(container, &running, list));
    }
    let (mut sidecars, mut largest) = (Amounts::new(), Amounts::new());
    for container in items(pod, "/spec/initContainers") {
        let own = of_container(container, &starting, list);
        let mut at_once = own.clone();
        if container["restartPolicy"] == "Always" {
            add(&mut sum, &own);
            add(&mut sidecars, &own);
            at_once.clone_from(&sidecars);
        } else {
            add(&mut at_once, &sidecars);
        }
        most(&mut largest, &at_once);
    }
    most(&mut sum, &largest);
    for (name, amount) in amounts(pod.pointer(&format!("/spec/resources/{list}"))) {
        if OF_PODS.contains(&name.as_str()) || name.starts_with("hugepages-") {
            sum.insert(name, amount);
        }
    }
    let mut overhead = amounts(pod.pointer("/spec/overhead"));
    if list == "limits" {
        overhead.retain(|name, _| sum.get(name).is_some_and(|limit| !limit.is_zero()));
    }
    add(&mut sum, &overhead);
    sum
}

fn of_container(container: &Value, statuses: &BTreeMap<&str, &Value>, list: &str) -> Amounts {
    let mut own = amounts(container.pointer(&format!("/resources/{list}")));
    let status = container["name"].as_str().and_then(|name| statuses.get(name));
    if let Some(status) = status {
        most(&mut own, &amounts(status.pointer(&format!("/resources/{list}"))));
        if list == "requests" {
            most(&mut own, &amounts(status.get("allocatedResources")));
        }
    }
    own
}

fn most(to: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        to.entry(name.clone()).and_modify(|most| *most = (*most).max(*amount)).or_insert(*amount);
    }
}

/// What the containers of a pod fail to name of what a quota has `names` for, in upstream's words; none if nothing.
pub fn missing(names: &[&str], pod: &Value) -> Option<String> {
    let as_a_whole = ["requests", "limits"].iter().any(|list| {
        amounts(pod.pointer(&format!("/spec/resources/{list}")))
            .keys()
            .any(|name| OF_PODS.contains(&name.as_str()) || name.starts_with("hugepages-"))
    });
    if as_a_whole {
        return None;
    }
    let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for container in items(pod, "/spec/containers").iter().chain(items(pod, "/spec/initContainers")) {
        let given = names_of(
            &amounts(container.pointer("/resources/requests")),
            &amounts(container.pointer("/resources/limits")),
        );
        for name in names.iter().filter(|name| NEEDED.contains(name) && !given.contains_key(**name)) {
            lacking.entry(name).or_default().push(container["name"].as_str().unwrap_or_default());
        }
    }
    let parts: Vec<String> = lacking
        .into_iter()
        .map(|(name, mut containers)| {
            containers.sort_unstable();
            containers.dedup();
            format!("{name} for: {}", containers.join(","))
        })
        .collect();
    (!parts.is_empty()).then(|| format!("must specify {}", parts.join("; ")))
}

/// Whether one scope, in the form of a selector's expression, takes in the pod.
pub(super) fn in_scope(wanted: &Value, pod: &Value) -> bool {
    let spec = &pod["spec"];
    let terminating = spec["activeDeadlineSeconds"].as_i64().is_some_and(|seconds| seconds >= 0);
    match wanted["scopeName"].as_str().unwrap_or_default() {
        "Terminating" => terminating,
        "NotTerminating" => !terminating,
        "BestEffort" => is_best_effort(pod),
        "NotBestEffort" => !is_best_effort(pod),
        "CrossNamespacePodAffinity" => reaches_out(spec),
        "PriorityClass" => {
            selected(wanted, spec["priorityClassName"].as_str().filter(|name| !name.is_empty()))
        }
        _ => false,
    }
}

/// Whether no container asks for CPU or memory.
fn is_best_effort(pod: &Value) -> bool {
    if let Some(class) = pod["status"]["qosClass"].as_str().filter(|class| !class.is_empty()) {
        return class == "BestEffort";
    }
    let names = |resources: Option<&Value>| {
        ["requests", "limits"].iter().any(|list| {
            let amounts = amounts(resources.and_then(|resources| resources.get(list)));
            OF_PODS.iter().any(|name| amounts.get(*name).is_some_and(|amount| !amount.is_zero()))
        })
    };
    let containers = items(pod, "/spec/containers").iter().chain(items(pod, "/spec/initContainers"));
    !names(pod.pointer("/spec/resources")) && !containers.into_iter().any(|one| names(one.get("resources")))
}

/// Whether the pod wants to be near or far from pods of other namespaces.
fn reaches_out(spec: &Value) -> bool {
    let crosses = |term: &Value| {
        term["namespaces"].as_array().is_some_and(|list| !list.is_empty())
            || term["namespaceSelector"].is_object()
    };
    ["podAffinity", "podAntiAffinity"].iter().any(|kind| {
        let affinity = &spec["affinity"][kind];
        items(affinity, "/requiredDuringSchedulingIgnoredDuringExecution").iter().any(crosses)
            || items(affinity, "/preferredDuringSchedulingIgnoredDuringExecution")
                .iter()
                .any(|one| crosses(&one["podAffinityTerm"]))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::shown;
    use super::*;

    fn container(cpu: &str) -> Value {
        json!({"name": "c", "resources": {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}})
    }

    #[test]
    fn sidecars_add_and_init_containers_raise() {
        let mut sidecar = container("100m");
        sidecar["restartPolicy"] = "Always".into();
        let pod = json!({"spec": {
            "containers": [container("200m"), container("300m")],
            "initContainers": [container("50m"), sidecar, container("800m")],
            "overhead": {"cpu": "10m"},
        }});
        assert_eq!(shown(&resources(&pod, "requests")), json!({"cpu": "910m"}));
        let small = json!({"spec": {"containers": [container("2")], "initContainers": [container("1")]}});
        assert_eq!(
            shown(&usage(&small, 0)),
            json!({"cpu": "2", "limits.cpu": "2", "pods": "1", "requests.cpu": "2"})
        );
        let whole =
            json!({"spec": {"resources": {"requests": {"cpu": "3"}}, "containers": [container("1")]}});
        assert_eq!(shown(&resources(&whole, "requests")), json!({"cpu": "3"}));
    }

    #[test]
    fn an_ended_pod_costs_nothing() {
        let pod = |phase: &str| json!({"status": {"phase": phase}, "spec": {"containers": [container("1")]}});
        assert!(usage(&pod("Succeeded"), 0).is_empty());
        assert!(!usage(&pod("Running"), 0).is_empty());
        let leaving = json!({"metadata": {"deletionTimestamp": "1970-01-01T00:01:00Z", "deletionGracePeriodSeconds": 30}});
        assert!(!usage(&leaving, 90).is_empty());
        assert!(usage(&leaving, 91).is_empty());
    }

    #[test]
    fn what_a_quota_counts_must_be_named() {
        let pod = json!({"spec": {"containers": [container("1"), {"name": "b"}, {"name": "a"}]}});
        assert_eq!(
            missing(&["limits.memory", "cpu", "pods"], &pod).as_deref(),
            Some("must specify cpu for: a,b; limits.memory for: a,b,c")
        );
        assert_eq!(missing(&["pods", "ephemeral-storage"], &pod), None);
    }

    #[test]
    fn scopes_part_pods() {
        let scope =
            |name: &str, pod: &Value| in_scope(&json!({"scopeName": name, "operator": "Exists"}), pod);
        let plain = json!({"spec": {"containers": [{"name": "a"}]}});
        let busy = json!({"spec": {"activeDeadlineSeconds": 5, "priorityClassName": "high", "containers": [container("1")],
            "affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"namespaces": ["x"]}]}}}});
        for (name, of_plain, of_busy) in [
            ("BestEffort", true, false),
            ("NotBestEffort", false, true),
            ("Terminating", false, true),
            ("NotTerminating", true, false),
            ("PriorityClass", false, true),
            ("CrossNamespacePodAffinity", false, true),
        ] {
            assert_eq!((scope(name, &plain), scope(name, &busy)), (of_plain, of_busy), "{name}");
        }
        let among =
            |operator: &str| json!({"scopeName": "PriorityClass", "operator": operator, "values": ["high"]});
        assert!(in_scope(&among("In"), &busy) && !in_scope(&among("In"), &plain));
        assert!(!in_scope(&among("NotIn"), &busy) && in_scope(&among("NotIn"), &plain));
    }
}
