//! Conversion between the versions in which one kind is served.
//!
//! Most kinds of v1.37 that have several versions have the same fields in all of them, so that only `apiVersion`
//! changes. The exceptions are spelt out here: events (core and events.k8s.io) and HorizontalPodAutoscaler v1.

use objects::registry::Kind;
use serde_json::{Map, Value, json};

/// Fields of core/v1 Event and their names in events.k8s.io/v1.
const EVENT_FIELDS: [(&str, &str); 6] = [
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("involvedObject", "regarding"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("message", "note"),
    ("source", "deprecatedSource"),
];

/// `object` of version `from` as version `to`.
pub(super) fn between(mut object: Value, from: &'static Kind, to: &'static Kind) -> Value {
    match (from.group, from.kind, from.version, to.version) {
        ("", "Event", ..) if to.group == "events.k8s.io" => {
            rename(&mut object, |(core, events)| (core, events));
            rename_one(&mut object, "reportingComponent", "reportingController");
        }
        ("events.k8s.io", "Event", ..) if to.group.is_empty() => {
            rename(&mut object, |(core, events)| (events, core));
            rename_one(&mut object, "reportingController", "reportingComponent");
        }
        ("autoscaling", "HorizontalPodAutoscaler", "v1", "v2") => autoscaler_to_v2(&mut object),
        ("autoscaling", "HorizontalPodAutoscaler", "v2", "v1") => autoscaler_to_v1(&mut object),
        _ => {}
    }
    objects::meta::set_type(&mut object, &to.api_version(), to.kind);
    object
}

fn rename(object: &mut Value, pick: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str)) {
    for (from, to) in EVENT_FIELDS.map(pick) {
        rename_one(object, from, to);
    }
}

fn rename_one(object: &mut Value, from: &str, to: &str) {
    if let Some(map) = object.as_object_mut()
        && let Some(value) = map.remove(from)
    {
        map.insert(to.into(), value);
    }
}

/// v1 knows one metric, the average CPU use in percent.
fn autoscaler_to_v2(object: &mut Value) {
    if let Some(target) = take(object, "spec", "targetCPUUtilizationPercentage") {
        object["spec"]["metrics"] = json!([{"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": target}}}]);
    }
    if let Some(current) = take(object, "status", "currentCPUUtilizationPercentage") {
        object["status"]["currentMetrics"] = json!([{"type": "Resource", "resource": {"name": "cpu",
            "current": {"averageUtilization": current}}}]);
    }
}

fn autoscaler_to_v1(object: &mut Value) {
    let cpu = |metrics: Option<Value>, part: &str| {
        metrics.as_ref().and_then(Value::as_array)?.iter().find_map(|metric| {
            let resource = metric.get("resource").filter(|resource| resource["name"] == "cpu")?;
            resource[part].get("averageUtilization").cloned()
        })
    };
    if let Some(percent) = cpu(take(object, "spec", "metrics"), "target") {
        object["spec"]["targetCPUUtilizationPercentage"] = percent;
    }
    if let Some(percent) = cpu(take(object, "status", "currentMetrics"), "current") {
        object["status"]["currentCPUUtilizationPercentage"] = percent;
    }
    take(object, "spec", "behavior");
    take(object, "status", "conditions");
}

fn take(object: &mut Value, part: &str, field: &str) -> Option<Value> {
    object
        .get_mut(part)
        .and_then(Value::as_object_mut)
        .and_then(|map: &mut Map<String, Value>| map.remove(field))
}
