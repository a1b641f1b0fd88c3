//! The quality-of-service class of a pod.

use objects::quantity::Quantity;
use serde_json::Value;

use crate::strategy::fields::items;

fn quantity(resources: &Value, list: &str, name: &str) -> Option<Quantity> {
    let value = resources.get(list)?.get(name)?;
    let parsed = match value {
        Value::String(text) => Quantity::parse(text).ok()?,
        other => Quantity::parse(&other.to_string()).ok()?,
    };
    (!parsed.is_zero()).then_some(parsed)
}

/// `Guaranteed` when every container limits CPU and memory and requests just that, `BestEffort` when none names
/// either, else `Burstable`. Pod-level resources, if there, decide alone.
pub(crate) fn class(spec: &Value) -> &'static str {
    let pod_level = spec.get("resources").filter(|resources| {
        ["requests", "limits"]
            .iter()
            .any(|list| ["cpu", "memory"].iter().any(|name| quantity(resources, list, name).is_some()))
    });
    let all: Vec<&Value> = match pod_level {
        Some(resources) => vec![resources],
        None => items(spec, "initContainers")
            .iter()
            .chain(items(spec, "containers"))
            .map(|container| container.get("resources").unwrap_or(&Value::Null))
            .collect(),
    };
    let (mut any, mut guaranteed) = (false, true);
    for resources in all {
        for name in ["cpu", "memory"] {
            let (request, limit) =
                (quantity(resources, "requests", name), quantity(resources, "limits", name));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && request.is_none_or(|request| Some(request) == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn classes() {
        let full = json!({"limits": {"cpu": "1", "memory": "1"}, "requests": {"cpu": "1", "memory": "1"}});
        for (containers, want) in [
            (json!([{}]), "BestEffort"),
            (json!([{"resources": full}]), "Guaranteed"),
            (json!([{"resources": full}, {}]), "Burstable"),
            (json!([{"resources": {"requests": {"cpu": "1"}}}]), "Burstable"),
            (json!([{"resources": {"limits": {"cpu": "1"}}}]), "Burstable"),
            (json!([{"resources": {"limits": {"example.com/gpu": "1"}}}]), "BestEffort"),
        ] {
            assert_eq!(class(&json!({"containers": containers})), want, "{containers}");
        }
    }
}
