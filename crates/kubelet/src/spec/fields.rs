//! Fields of a pod as text: `fieldRef` and `resourceFieldRef`, for environment and downward volumes. Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

use k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};
use objects::quantity::Quantity;

use super::resources;

/// What a field may refer to beyond the pod itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) host_ip: Ipv4Addr,
    pub(crate) host_ip6: Option<Ipv6Addr>,
    pub(crate) pod_ip: Option<Ipv4Addr>,
    pub(crate) pod_ip6: Option<Ipv6Addr>,
    /// Allocatable of the node: the default of a container's limits. Thousandths.
    pub(crate) node_cpu: i64,
    /// Bytes.
    pub(crate) node_memory: i64,
}

/// Value of a `fieldPath`; `None` when there is no such field.
pub(crate) fn field(pod: &Pod, path: &str, facts: &Facts) -> Option<String> {
    let meta = &pod.metadata;
    let text = |t: &Option<String>| Some(t.clone().unwrap_or_default());
    match path {
        "metadata.name" => text(&meta.name),
        "metadata.namespace" => text(&meta.namespace),
        "metadata.uid" => text(&meta.uid),
        "metadata.labels" => Some(map_lines(meta.labels.as_ref())),
        "metadata.annotations" => Some(map_lines(meta.annotations.as_ref())),
        "spec.nodeName" => text(&pod.spec.as_ref()?.node_name),
        "spec.serviceAccountName" => text(&pod.spec.as_ref()?.service_account_name),
        "status.hostIP" => Some(facts.host_ip.to_string()),
        "status.hostIPs" => Some(joined(Some(facts.host_ip), facts.host_ip6)),
        "status.podIP" => Some(joined(facts.pod_ip, None)),
        "status.podIPs" => Some(joined(facts.pod_ip, facts.pod_ip6)),
        _ => {
            let (kind, key) = path.strip_suffix("']")?.split_once("['")?;
            let map = match kind {
                "metadata.labels" => meta.labels.as_ref(),
                "metadata.annotations" => meta.annotations.as_ref(),
                _ => return None,
            };
            Some(map.and_then(|m| m.get(key)).cloned().unwrap_or_default())
        }
    }
}

/// Addresses as a list in one text.
fn joined(first: Option<Ipv4Addr>, second: Option<Ipv6Addr>) -> String {
    let texts = first.map(|ip| ip.to_string()).into_iter().chain(second.map(|ip| ip.to_string()));
    texts.collect::<Vec<_>>().join(",")
}

/// Value of a `resourceFieldRef` for this container; `None` when there is no such resource.
pub(crate) fn resource(
    container: &Container,
    reference: &ResourceFieldSelector,
    facts: &Facts,
) -> Option<String> {
    let (kind, name) = reference.resource.split_once('.')?;
    let own = container.resources.as_ref();
    let limits = own.and_then(|r| r.limits.as_ref());
    let requests = own.and_then(|r| r.requests.as_ref());
    let limit = resources::parse(limits, name);
    let value = match (kind, name) {
        ("limits", "cpu") => limit.map_or(facts.node_cpu, |q| q.milli()),
        ("limits", "memory") => limit.map_or(facts.node_memory, |q| q.value()),
        ("requests", "cpu") => resources::parse(requests, name).or(limit).map_or(0, |q| q.milli()),
        ("requests", "memory") => resources::parse(requests, name).or(limit).map_or(0, |q| q.value()),
        ("limits" | "requests", _) => {
            let list = if kind == "limits" { limits } else { requests };
            resources::parse(list, name).or(limit).map_or(0, |q| q.value())
        }
        _ => return None,
    };
    let divisor =
        reference.divisor.as_ref().and_then(|d| Quantity::parse(&d.0).ok()).filter(|d| !d.is_zero());
    // Both sides in thousandths for CPU, else in whole units; a divisor of 0 or none is 1. Rounded up.
    let (value, divisor) = match (name, divisor) {
        ("cpu", d) => (value, d.map_or(1000, |d| d.milli())),
        (_, d) => (value, d.map_or(1, |d| d.value())),
    };
    let divisor = divisor.max(1);
    Some((value / divisor + i64::from(value % divisor != 0)).to_string())
}

/// One `key="value"` line per entry, sorted, values quoted as Go does.
fn map_lines(map: Option<&std::collections::BTreeMap<String, String>>) -> String {
    let lines: Vec<String> = map.into_iter().flatten().map(|(k, v)| format!("{k}={}", quote(v))).collect();
    lines.join("\n")
}

fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn facts() -> Facts {
        Facts {
            host_ip: Ipv4Addr::new(192, 0, 2, 1),
            host_ip6: Some(Ipv6Addr::LOCALHOST),
            pod_ip: Some(Ipv4Addr::new(10, 42, 0, 9)),
            pod_ip6: "fd00::9".parse().ok(),
            node_cpu: 2000,
            node_memory: 1 << 30,
        }
    }

    #[test]
    fn fields_of_the_pod() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u",
                "labels": {"b": "2", "a": "x\"y\nz"}, "annotations": {"k/e.y": "v"}},
            "spec": {"nodeName": "node", "serviceAccountName": "sa", "containers": []}}))
        .unwrap();
        for (path, value) in [
            ("metadata.name", "p"),
            ("metadata.uid", "u"),
            ("metadata.labels", "a=\"x\\\"y\\nz\"\nb=\"2\""),
            ("metadata.labels['b']", "2"),
            ("metadata.labels['none']", ""),
            ("metadata.annotations['k/e.y']", "v"),
            ("spec.nodeName", "node"),
            ("spec.serviceAccountName", "sa"),
            ("status.podIP", "10.42.0.9"),
            ("status.podIPs", "10.42.0.9,fd00::9"),
            ("status.hostIPs", "192.0.2.1,::1"),
        ] {
            assert_eq!(field(&pod, path, &facts()).as_deref(), Some(value), "{path}");
        }
        assert_eq!(field(&pod, "spec.bogus", &facts()), None);
    }

    #[test]
    fn resources_with_divisors_and_defaults() {
        let container: Container = serde_json::from_value(json!({"name": "c", "resources": {
            "limits": {"cpu": "1250m", "memory": "64Mi"}, "requests": {"cpu": "250m", "memory": "32Mi"}}}))
        .unwrap();
        let bare = Container::default();
        let ask = |c: &Container, resource: &str, divisor: &str| {
            let selector: ResourceFieldSelector =
                serde_json::from_value(json!({"resource": resource, "divisor": divisor})).unwrap();
            resource_of(c, &selector)
        };
        fn resource_of(c: &Container, s: &ResourceFieldSelector) -> Option<String> {
            resource(c, s, &facts())
        }
        assert_eq!(ask(&container, "limits.cpu", "0").as_deref(), Some("2"));
        assert_eq!(ask(&container, "limits.cpu", "1m").as_deref(), Some("1250"));
        assert_eq!(ask(&container, "requests.cpu", "1m").as_deref(), Some("250"));
        assert_eq!(ask(&container, "limits.memory", "1Mi").as_deref(), Some("64"));
        assert_eq!(ask(&container, "requests.memory", "0").as_deref(), Some("33554432"));
        assert_eq!(ask(&bare, "limits.cpu", "0").as_deref(), Some("2"));
        assert_eq!(ask(&bare, "limits.memory", "0").as_deref(), Some("1073741824"));
        assert_eq!(ask(&bare, "nonsense", "0"), None);
    }
}
