//! The `scale` subresource: autoscaling/v1 Scale as a view on a workload's `spec.replicas`.

use objects::meta;
use objects::validate::FieldError;
use serde_json::{Value, json};

use super::fields::{number, set, text};

/// The Scale of a Deployment, ReplicaSet, StatefulSet or ReplicationController.
pub(crate) fn of_workload(object: &Value) -> Value {
    let mut metadata = json!({});
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object["metadata"].get(key) {
            metadata[key] = value.clone();
        }
    }
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let status = object.get("status").unwrap_or(&Value::Null);
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": number(spec, "replicas").unwrap_or_default()},
        "status": {
            "replicas": number(status, "replicas").unwrap_or_default(),
            "selector": selector_text(spec.get("selector").unwrap_or(&Value::Null)),
        },
    })
}

/// The workload with what a Scale asks for, or what is wrong with it. The Scale's resourceVersion and UID go on
/// being checked as preconditions.
pub(crate) fn apply(scale: &Value, object: &Value) -> Result<Value, Vec<FieldError>> {
    let replicas = number(&scale["spec"], "replicas").unwrap_or_default();
    if replicas < 0 {
        let detail = "must be greater than or equal to 0";
        return Err(vec![FieldError::invalid("spec.replicas", replicas, detail)]);
    }
    let mut changed = object.clone();
    if let Some(spec) = changed.get_mut("spec") {
        set(spec, "replicas", replicas);
    }
    for key in ["resourceVersion", "uid"] {
        let sent = text(&scale["metadata"], key);
        if !sent.is_empty() {
            meta::set(&mut changed, key, sent);
        }
    }
    Ok(changed)
}

/// A selector in object form (or a plain map of labels) as text.
fn selector_text(selector: &Value) -> String {
    let plain = selector.as_object().is_some_and(|map| map.values().all(Value::is_string));
    let labels = if plain { Some(selector) } else { selector.get("matchLabels") };
    let mut parts: Vec<String> = labels
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    for expression in super::fields::items(selector, "matchExpressions") {
        let key = text(expression, "key");
        let values: Vec<&str> =
            super::fields::items(expression, "values").iter().filter_map(Value::as_str).collect();
        parts.push(match text(expression, "operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    parts.sort();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let deployment = json!({"metadata": {"name": "a", "uid": "u", "resourceVersion": "5"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"b": "c", "a": "b"},
                "matchExpressions": [{"key": "t", "operator": "In", "values": ["x", "y"]}]}},
            "status": {"replicas": 1}});
        let mut scale = of_workload(&deployment);
        assert_eq!(scale["status"], json!({"replicas": 1, "selector": "a=b,b=c,t in (x,y)"}));
        scale["spec"]["replicas"] = json!(7);
        assert_eq!(apply(&scale, &deployment).unwrap()["spec"]["replicas"], 7);
        scale["spec"]["replicas"] = json!(-1);
        assert_eq!(apply(&scale, &deployment).unwrap_err()[0].field, "spec.replicas");
    }
}
