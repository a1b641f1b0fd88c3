//! In-place resize: what a pod was given beside what it now asks for, and what an operation has to change. Pure.
//!
//! A pod runs with its *allocated* resources; those of its spec are a wish until the node has room for them. The
//! allocation is not kept anywhere of its own: a daemon that starts reads it from the status it wrote. Only CPU and
//! memory can be resized, so nothing else is compared. Texts of conditions and events are upstream's.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceRequirements};
use runtime::Resources;
use serde::Serialize;

use crate::allocations::Share;
use crate::spec::resources::{self, cpu, memory};

/// `status` of one of the two conditions about a resize.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
    /// Generation of the pod that it is about.
    pub(crate) generation: Option<i64>,
}

/// Where a resize stands; both are `None` when nothing was asked that is not so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resize {
    /// `PodResizePending`: asked for, and there is no room.
    pub(crate) pending: Option<Note>,
    /// `PodResizeInProgress`: given, and not yet so everywhere.
    pub(crate) progress: Option<Note>,
}

/// The resources that a pod was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allocated {
    containers: BTreeMap<String, ResourceRequirements>,
    pod: Option<ResourceRequirements>,
}

impl Allocated {
    /// What the spec asks for.
    pub(crate) fn wanted(spec: &PodSpec) -> Allocated {
        let one = |c: &Container| (c.name.clone(), c.resources.clone().unwrap_or_default());
        Allocated { containers: containers(spec).map(one).collect(), pod: spec.resources.clone() }
    }

    /// What the pod's status says that it has, else what its spec asks for.
    pub(crate) fn found(pod: &Pod) -> Allocated {
        let Some(spec) = &pod.spec else { return Allocated::default() };
        let mut found = Allocated::wanted(spec);
        let Some(status) = &pod.status else { return found };
        let lists = [&status.container_statuses, &status.init_container_statuses];
        for container in lists.into_iter().flat_map(|list| list.iter().flatten()) {
            if let (Some(known), Some(has)) =
                (found.containers.get_mut(&container.name), &container.resources)
            {
                known.clone_from(has);
            }
        }
        if found.pod.is_some() && status.resources.is_some() {
            found.pod.clone_from(&status.resources);
        }
        found
    }

    /// Whether nothing that can be resized differs.
    pub(crate) fn same(&self, other: &Allocated) -> bool {
        let pods = (self.pod.clone().unwrap_or_default(), other.pod.clone().unwrap_or_default());
        let equal = |name, one| other.containers.get(name).is_some_and(|two| same(one, two));
        same(&pods.0, &pods.1) && self.containers.iter().all(|(name, one)| equal(name, one))
    }

    /// The pod with these resources in place of those of its spec.
    pub(crate) fn overlay(&self, pod: &Arc<Pod>) -> Arc<Pod> {
        let Some(spec) = &pod.spec else { return pod.clone() };
        if self.same(&Allocated::wanted(spec)) {
            return pod.clone();
        }
        let mut pod = Pod::clone(pod);
        if let Some(spec) = &mut pod.spec {
            let lists = spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten());
            for container in lists {
                if let Some(has) = self.containers.get(&container.name) {
                    container.resources = Some(has.clone());
                }
            }
            spec.resources.clone_from(&self.pod);
        }
        Arc::new(pod)
    }
}

fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    spec.init_containers.iter().flatten().chain(&spec.containers)
}

/// Whether CPU and memory, requests and limits, are equal.
pub(crate) fn same(one: &ResourceRequirements, two: &ResourceRequirements) -> bool {
    let numbers = |r: &ResourceRequirements| {
        let (limits, requests) = (r.limits.as_ref(), r.requests.as_ref());
        [cpu(limits), memory(limits), cpu(requests), memory(requests)]
    };
    numbers(one) == numbers(two)
}

/// Whether the container's resize policy has it started anew for this change.
pub(crate) fn needs_restart(container: &Container, has: &ResourceRequirements) -> bool {
    let wanted = container.resources.clone().unwrap_or_default();
    container.resize_policy.iter().flatten().filter(|p| p.restart_policy == "RestartContainer").any(
        |policy| {
            let get = match policy.resource_name.as_str() {
                "cpu" => cpu,
                _ => memory,
            };
            let both = |r: &ResourceRequirements| (get(r.limits.as_ref()), get(r.requests.as_ref()));
            both(&wanted) != both(has)
        },
    )
}

/// The pod's share of the node.
pub(crate) fn share(spec: &PodSpec) -> Share {
    let (cpu, memory) = resources::pod_requests(spec);
    Share { class: resources::qos_class(spec), cpu, memory }
}

/// Of the new limits those that are no smaller than the old: safe to set for a group before the groups below it.
pub(crate) fn grown(old: &Resources, new: &Resources) -> Resources {
    let at_least = |old: Option<i64>, new: Option<i64>| new.filter(|new| old.is_some_and(|old| *new >= old));
    let memory = |r: &Resources| r.memory_limit.and_then(|m| i64::try_from(m).ok());
    Resources {
        memory_limit: at_least(memory(old), memory(new)).and_then(|m| u64::try_from(m).ok()),
        cpu_quota: at_least(old.cpu_quota, new.cpu_quota),
        cpu_shares: new.cpu_shares,
        ..Resources::default()
    }
}

/// Whether the new memory limit is below the old one, or the first.
pub(crate) fn shrinks_memory(old: &Resources, new: &Resources) -> bool {
    new.memory_limit.is_some_and(|new| old.memory_limit.is_none_or(|old| new < old))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    init_containers: Vec<Entry<'a>>,
    containers: Vec<Entry<'a>>,
    generation: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    resources: ResourceRequirements,
}

/// Text of an event about a resize: `prefix: {resources as JSON}`.
pub(crate) fn told(prefix: &str, pod: &Pod, error: &str) -> String {
    let entry = |c: &Container| c.resources.clone().unwrap_or_default();
    let Some(spec) = &pod.spec else { return prefix.to_owned() };
    let inits = spec.init_containers.as_deref().unwrap_or_default();
    let summary = Summary {
        init_containers: inits.iter().map(|c| Entry { name: &c.name, resources: entry(c) }).collect(),
        containers: spec.containers.iter().map(|c| Entry { name: &c.name, resources: entry(c) }).collect(),
        generation: pod.metadata.generation.unwrap_or_default(),
        error,
    };
    serde_json::to_string(&summary).map_or_else(|_| prefix.to_owned(), |json| format!("{prefix}: {json}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(limit: &str, status: &str) -> Arc<Pod> {
        let of = |cpu: &str| json!({"limits": {"cpu": cpu}, "requests": {"cpu": "100m"}});
        let pod = json!({
            "metadata": {"generation": 3},
            "spec": {"containers": [{"name": "a", "resources": of(limit), "resizePolicy": [
                {"resourceName": "cpu", "restartPolicy": "NotRequired"},
                {"resourceName": "memory", "restartPolicy": "RestartContainer"}]}]},
            "status": {"containerStatuses": [{"name": "a", "image": "", "imageID": "", "ready": true,
                "restartCount": 0, "resources": of(status)}]},
        });
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn a_pod_runs_with_what_its_status_says() {
        let pod = pod("400m", "0.2");
        let allocated = Allocated::found(&pod);
        let wanted = Allocated::wanted(pod.spec.as_ref().unwrap());
        assert!(!allocated.same(&wanted));
        let shown = allocated.overlay(&pod);
        let limits = shown.spec.as_ref().unwrap().containers[0].resources.as_ref().unwrap().limits.as_ref();
        assert_eq!(cpu(limits), Some(200));
        assert!(Arc::ptr_eq(&wanted.overlay(&pod), &pod));
        // Different ways to write the same are the same.
        assert!(
            Allocated::found(&self::pod("200m", "0.2")).same(&Allocated::found(&self::pod("0.2", "200m")))
        );
    }

    #[test]
    fn policies_say_what_needs_a_restart() {
        let pod = pod("400m", "");
        let container = &pod.spec.as_ref().unwrap().containers[0];
        let has = |value| serde_json::from_value::<ResourceRequirements>(value).unwrap();
        assert!(!needs_restart(container, &has(json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}))));
        let more = json!({"limits": {"cpu": "400m", "memory": "1Gi"}, "requests": {"cpu": "100m"}});
        assert!(needs_restart(container, &has(more)));
    }

    #[test]
    fn a_group_grows_before_and_shrinks_after_those_below() {
        let limits =
            |memory, quota| Resources { memory_limit: memory, cpu_quota: quota, ..Resources::default() };
        let (small, big) = (limits(Some(1), Some(1000)), limits(Some(2), Some(2000)));
        assert_eq!(grown(&small, &big), big);
        assert_eq!(grown(&big, &small), limits(None, None));
        assert_eq!(grown(&limits(None, None), &big), limits(None, None));
        assert!(shrinks_memory(&big, &small) && shrinks_memory(&limits(None, None), &small));
        assert!(!shrinks_memory(&small, &big) && !shrinks_memory(&small, &limits(None, None)));
    }

    #[test]
    fn events_show_the_resources() {
        assert_eq!(
            told("Pod resize started", &pod("1", "1"), ""),
            "Pod resize started: {\"containers\":[{\"name\":\"a\",\"resources\":{\"limits\":{\"cpu\":\"1\"},\
             \"requests\":{\"cpu\":\"100m\"}}}],\"generation\":3}"
        );
    }
}
