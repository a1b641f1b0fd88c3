//! Requests and limits: quality-of-service class, cgroup limits, OOM scores. Pure.
//!
//! CPU counts in thousandths, memory in bytes. Formulas are upstream's, so that a container's weight and
//! limits are the same as on any other node.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use objects::quantity::Quantity;
use runtime::Resources;

/// `cpu` in thousandths.
pub(crate) fn cpu(list: Option<&BTreeMap<String, ApiQuantity>>) -> Option<i64> {
    parse(list, "cpu").map(|q| q.milli())
}

/// `memory` in bytes.
pub(crate) fn memory(list: Option<&BTreeMap<String, ApiQuantity>>) -> Option<i64> {
    parse(list, "memory").map(|q| q.value())
}

/// One resource of a list; what cannot be read counts as absent (the API server refuses it anyway).
pub(crate) fn parse(list: Option<&BTreeMap<String, ApiQuantity>>, name: &str) -> Option<Quantity> {
    list.and_then(|l| l.get(name)).and_then(|q| Quantity::parse(&q.0).ok())
}

fn limits(r: &Option<ResourceRequirements>) -> Option<&BTreeMap<String, ApiQuantity>> {
    r.as_ref().and_then(|r| r.limits.as_ref())
}

fn requests(r: &Option<ResourceRequirements>) -> Option<&BTreeMap<String, ApiQuantity>> {
    r.as_ref().and_then(|r| r.requests.as_ref())
}

/// Main and init containers: those that count for class and pod limits.
fn counted(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    spec.containers.iter().chain(spec.init_containers.iter().flatten())
}

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub(crate) fn qos_class(spec: &PodSpec) -> &'static str {
    if let Some(pod) = &spec.resources
        && (pod.limits.as_ref().is_some_and(|l| !l.is_empty())
            || pod.requests.as_ref().is_some_and(|r| !r.is_empty()))
    {
        return if guaranteed(&spec.resources) { "Guaranteed" } else { "Burstable" };
    }
    let positive = |list| cpu(list).is_some_and(|v| v > 0) || memory(list).is_some_and(|v| v > 0);
    let any = counted(spec).any(|c| positive(requests(&c.resources)) || positive(limits(&c.resources)));
    if !any {
        "BestEffort"
    } else if counted(spec).all(|c| guaranteed(&c.resources)) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

fn guaranteed(r: &Option<ResourceRequirements>) -> bool {
    let (limits, requests) = (limits(r), requests(r));
    let same = |limit: Option<i64>, request: Option<i64>| {
        limit.is_some_and(|l| l > 0) && request.is_none_or(|r| Some(r) == limit)
    };
    same(cpu(limits), cpu(requests)) && same(memory(limits), memory(requests))
}

/// Weight of a CPU request: 1024 is one CPU, never below 2.
pub(crate) fn shares(milli: i64) -> u64 {
    u64::try_from(milli.saturating_mul(1024) / 1000).unwrap_or(0).clamp(2, 262_144)
}

/// Quota in microseconds of a 100 ms period, never below 1 ms.
pub(crate) fn quota(milli: i64) -> Option<i64> {
    (milli > 0).then(|| milli.saturating_mul(100).max(1000))
}

/// cgroup limits of one container.
pub(crate) fn container(container: &Container) -> Resources {
    let (limits, requests) = (limits(&container.resources), requests(&container.resources));
    let request = cpu(requests).or(cpu(limits)).unwrap_or(0);
    Resources {
        memory_limit: memory(limits).filter(|m| *m > 0).and_then(|m| u64::try_from(m).ok()),
        cpu_quota: cpu(limits).and_then(quota),
        cpu_shares: Some(shares(request)),
        ..Resources::default()
    }
}

/// cgroup limits of the whole pod: set only where every container has one, so that the sum means something.
pub(crate) fn pod(spec: &PodSpec, pids: Option<u64>) -> Resources {
    let overhead = |name: &str| {
        let q = parse(spec.overhead.as_ref(), name);
        match name {
            "cpu" => q.map_or(0, |q| q.milli()),
            _ => q.map_or(0, |q| q.value()),
        }
    };
    let own = spec.resources.as_ref();
    let own_limits = own.and_then(|r| r.limits.as_ref());
    let own_requests = own.and_then(|r| r.requests.as_ref());
    let cpu_limit = cpu(own_limits).or_else(|| total(spec, |c| cpu(limits(&c.resources))));
    let memory_limit = memory(own_limits).or_else(|| total(spec, |c| memory(limits(&c.resources))));
    let cpu_request = cpu(own_requests)
        .or_else(|| {
            total(spec, |c| Some(cpu(requests(&c.resources)).or(cpu(limits(&c.resources))).unwrap_or(0)))
        })
        .unwrap_or(0);
    Resources {
        memory_limit: memory_limit
            .filter(|m| *m > 0)
            .and_then(|m| u64::try_from(m + overhead("memory")).ok()),
        cpu_quota: cpu_limit.and_then(|c| quota(c + overhead("cpu"))),
        cpu_shares: Some(shares(cpu_request + overhead("cpu"))),
        pids,
        ..Resources::default()
    }
}

/// CPU in thousandths and memory in bytes that the pod asks for, overhead included.
pub(crate) fn pod_requests(spec: &PodSpec) -> (i64, i64) {
    let own = spec.resources.as_ref().and_then(|r| r.requests.as_ref());
    let sum = |of: fn(Option<&BTreeMap<String, ApiQuantity>>) -> Option<i64>| {
        let asked = of(own).or_else(|| {
            total(spec, |c| Some(of(requests(&c.resources)).or(of(limits(&c.resources))).unwrap_or(0)))
        });
        asked.unwrap_or(0).saturating_add(of(spec.overhead.as_ref()).unwrap_or(0))
    };
    (sum(cpu), sum(memory))
}

/// Name of the cgroup that pods of this class lie in; empty: directly below the parent of all.
pub(crate) fn class_group(class: &str) -> &'static str {
    match class {
        "Burstable" => "burstable",
        "BestEffort" => "besteffort",
        _ => "",
    }
}

/// What the pod needs at its worst moment: all main containers and sidecars together, or one init container with
/// the sidecars before it. `None` when one container has no value.
fn total(spec: &PodSpec, of: impl Fn(&Container) -> Option<i64>) -> Option<i64> {
    let mut main = 0_i64;
    for c in &spec.containers {
        main = main.saturating_add(of(c)?);
    }
    let (mut sidecars, mut peak) = (0_i64, 0_i64);
    for c in spec.init_containers.iter().flatten() {
        let value = of(c)?;
        if c.restart_policy.as_deref() == Some("Always") {
            sidecars = sidecars.saturating_add(value);
            peak = peak.max(sidecars);
        } else {
            peak = peak.max(sidecars.saturating_add(value));
        }
    }
    Some(peak.max(main.saturating_add(sidecars)))
}

/// Who is killed first when memory runs out: best-effort pods, then those that use more than they asked for.
pub(crate) fn oom_score_adj(spec: &PodSpec, container: &Container, node_memory: i64) -> i32 {
    if spec.priority.is_some_and(|p| p >= 2_000_000_000) {
        return -997;
    }
    match qos_class(spec) {
        "Guaranteed" => -997,
        "BestEffort" => 1000,
        _ => {
            let request = memory(requests(&container.resources)).unwrap_or(0);
            let adjust = 1000 - 1000_i64.saturating_mul(request) / node_memory.max(1);
            i32::try_from(adjust.clamp(3, 999)).unwrap_or(999)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(value: serde_json::Value) -> PodSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn classes() {
        for (resources, class) in [
            (json!({}), "BestEffort"),
            (json!({"requests": {"cpu": "100m"}}), "Burstable"),
            (json!({"limits": {"cpu": "1", "memory": "1Gi"}}), "Guaranteed"),
            (
                json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1024Mi"}}),
                "Guaranteed",
            ),
            (
                json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Mi"}}),
                "Burstable",
            ),
            (json!({"limits": {"memory": "1Gi"}}), "Burstable"),
            (json!({"requests": {"cpu": "0"}}), "BestEffort"),
        ] {
            let spec = spec(json!({"containers": [{"name": "c", "resources": resources}]}));
            assert_eq!(qos_class(&spec), class, "{resources}");
        }
    }

    #[test]
    fn limits_in_cgroup_terms() {
        let spec = spec(json!({"containers": [
            {"name": "a", "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"cpu": "250m"}}},
            {"name": "b", "resources": {"limits": {"cpu": "1", "memory": "64Mi"}}}]}));
        let a = container(&spec.containers[0]);
        assert_eq!((a.memory_limit, a.cpu_quota, a.cpu_shares), (Some(64 << 20), Some(50_000), Some(256)));
        let whole = pod(&spec, Some(100));
        assert_eq!((whole.memory_limit, whole.cpu_quota), (Some(128 << 20), Some(150_000)));
        assert_eq!((whole.cpu_shares, whole.pids), (Some(1280), Some(100)));
    }

    #[test]
    fn a_pod_has_no_limit_when_one_container_has_none() {
        let spec = spec(json!({"containers": [
            {"name": "a", "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}}}, {"name": "b"}]}));
        let whole = pod(&spec, None);
        assert_eq!((whole.memory_limit, whole.cpu_quota), (None, None));
        assert_eq!(container(&spec.containers[1]).cpu_shares, Some(2));
    }

    #[test]
    fn init_containers_count_by_their_peak() {
        let spec = spec(json!({
            "initContainers": [
                {"name": "s", "restartPolicy": "Always", "resources": {"limits": {"memory": "10"}}},
                {"name": "i", "resources": {"limits": {"memory": "100"}}}],
            "containers": [{"name": "a", "resources": {"limits": {"memory": "50"}}}]}));
        assert_eq!(pod(&spec, None).memory_limit, Some(110));
    }

    #[test]
    fn scores() {
        let node = 1000 << 20;
        let score = |value| {
            let spec = spec(value);
            oom_score_adj(&spec, &spec.containers[0], node)
        };
        assert_eq!(score(json!({"containers": [{"name": "c"}]})), 1000);
        assert_eq!(
            score(
                json!({"containers": [{"name": "c", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}]})
            ),
            -997
        );
        assert_eq!(
            score(json!({"containers": [{"name": "c", "resources": {"requests": {"memory": "500Mi"}}}]})),
            500
        );
        assert_eq!(score(json!({"priority": 2000001000, "containers": [{"name": "c"}]})), -997);
    }
}
