//! LimitRanger: containers without requests and limits get a namespace's defaults; what is outside its bounds is
//! refused.

use std::collections::BTreeMap;

use objects::quantity::Quantity;
use objects::registry;
use serde_json::{Value, json};

use crate::status::Status;
use crate::strategy::Ctx;
use crate::strategy::fields::{default, items, items_mut, text};

type Amounts = BTreeMap<String, Quantity>;

fn amounts(object: &Value, list: &str) -> Amounts {
    let map = object.get(list).and_then(Value::as_object).into_iter().flatten();
    map.filter_map(|(name, value)| Some((name.clone(), Quantity::parse(value.as_str()?).ok()?))).collect()
}

/// The items of all ranges of the namespace.
fn rules(ctx: &Ctx<'_>) -> Vec<Value> {
    let Some(kind) = registry::by_resource("", "v1", "limitranges") else { return Vec::new() };
    let ranges = ctx.server.read_all(kind, ctx.namespace);
    ranges.iter().flat_map(|range| items(&range["spec"], "limits").to_vec()).collect()
}

fn answer(ctx: &Ctx<'_>, mut faults: Vec<String>) -> Result<(), Status> {
    let detail = match faults.len() {
        0 => return Ok(()),
        1 => faults.remove(0),
        _ => format!("[{}]", faults.join(", ")),
    };
    Err(Status::forbidden(ctx.kind, ctx.name, &detail))
}

/// Sets defaults in a new pod and checks it.
pub(super) fn pod(ctx: &Ctx<'_>, pod: &mut Value) -> Result<(), Status> {
    let rules = rules(ctx);
    if rules.is_empty() {
        return Ok(());
    }
    let mut notes = Vec::new();
    for rule in rules.iter().filter(|rule| text(rule, "type") == "Container") {
        set_defaults(rule, pod, &mut notes);
    }
    if !notes.is_empty() {
        let annotations = objects::meta::metadata_mut(pod).entry("annotations").or_insert_with(|| json!({}));
        crate::strategy::fields::set(
            annotations,
            "kubernetes.io/limit-ranger",
            format!("LimitRanger plugin set: {}", notes.join("; ")),
        );
    }
    answer(ctx, pod_faults(&rules, pod))
}

fn set_defaults(rule: &Value, pod: &mut Value, notes: &mut Vec<String>) {
    let Some(spec) = pod.get_mut("spec") else { return };
    for (list, title) in [("containers", "container"), ("initContainers", "init container")] {
        for container in items_mut(spec, list) {
            let name = text(container, "name").to_owned();
            default(container, "resources", json!({}));
            let Some(resources) = container.get_mut("resources") else { continue };
            for (to, from, what) in
                [("requests", "defaultRequest", "request"), ("limits", "default", "limit")]
            {
                let mut added = Vec::new();
                for (resource, amount) in rule.get(from).and_then(Value::as_object).into_iter().flatten() {
                    default(resources, to, json!({}));
                    let Some(target) = resources.get_mut(to) else { continue };
                    if target.get(resource).is_none() {
                        default(target, resource, amount.clone());
                        added.push(resource.clone());
                    }
                }
                if !added.is_empty() {
                    notes.push(format!("{} {what} for {title} {name}", added.join(", ")));
                }
            }
        }
    }
}

fn pod_faults(rules: &[Value], pod: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    for rule in rules {
        match text(rule, "type") {
            "Container" => {
                for list in ["containers", "initContainers"] {
                    for container in items(spec, list) {
                        let resources = container.get("resources").unwrap_or(&Value::Null);
                        bounds(
                            rule,
                            &amounts(resources, "requests"),
                            &amounts(resources, "limits"),
                            &mut faults,
                        );
                    }
                }
            }
            "Pod" => bounds(rule, &total(spec, "requests"), &total(spec, "limits"), &mut faults),
            _ => {}
        }
    }
    faults
}

/// What a pod needs at once: all its containers together, or its largest init container.
fn total(spec: &Value, list: &str) -> Amounts {
    let mut sum = Amounts::new();
    let of = |container: &Value| amounts(container.get("resources").unwrap_or(&Value::Null), list);
    for (name, amount) in items(spec, "containers").iter().flat_map(of) {
        let entry = sum.entry(name);
        entry.and_modify(|sum| *sum = *sum + amount).or_insert(amount);
    }
    for (name, amount) in items(spec, "initContainers").iter().flat_map(of) {
        let entry = sum.entry(name);
        entry.and_modify(|sum| *sum = (*sum).max(amount)).or_insert(amount);
    }
    sum
}

fn bounds(rule: &Value, requests: &Amounts, limits: &Amounts, faults: &mut Vec<String>) {
    let kind = text(rule, "type");
    for (name, least) in amounts(rule, "min") {
        match (requests.get(&name), limits.get(&name)) {
            (None, _) => {
                faults.push(format!("minimum {name} usage per {kind} is {least}.  No request is specified"))
            }
            (Some(request), _) if *request < least => {
                faults.push(format!("minimum {name} usage per {kind} is {least}, but request is {request}"));
            }
            (_, Some(limit)) if *limit < least => {
                faults.push(format!("minimum {name} usage per {kind} is {least}, but limit is {limit}"));
            }
            _ => {}
        }
    }
    for (name, most) in amounts(rule, "max") {
        match (limits.get(&name), requests.get(&name)) {
            (None, _) => {
                faults.push(format!("maximum {name} usage per {kind} is {most}.  No limit is specified"))
            }
            (Some(limit), _) if *limit > most => {
                faults.push(format!("maximum {name} usage per {kind} is {most}, but limit is {limit}"));
            }
            (_, Some(request)) if *request > most => {
                faults.push(format!("maximum {name} usage per {kind} is {most}, but request is {request}"));
            }
            _ => {}
        }
    }
    for (name, ratio) in amounts(rule, "maxLimitRequestRatio") {
        match (requests.get(&name), limits.get(&name)) {
            (Some(request), Some(limit)) if !request.is_zero() => {
                let provided = limit.milli() as f64 / request.milli() as f64;
                if provided > ratio.milli() as f64 / 1000.0 {
                    faults.push(format!(
                        "{name} max limit to request ratio per {kind} is {ratio}, but provided ratio is {provided:.6}"
                    ));
                }
            }
            _ => faults.push(format!(
                "{name} max limit to request ratio per {kind} is {ratio}, but no request or limit is specified"
            )),
        }
    }
}

/// Checks a new claim's size.
pub(super) fn claim(ctx: &Ctx<'_>, claim: &Value) -> Result<(), Status> {
    let requests = amounts(&claim["spec"]["resources"], "requests");
    let mut faults = Vec::new();
    for rule in rules(ctx).iter().filter(|rule| text(rule, "type") == "PersistentVolumeClaim") {
        let Some(size) = requests.get("storage") else { continue };
        if let Some(least) = amounts(rule, "min").get("storage").filter(|least| size < *least) {
            faults.push(format!(
                "minimum storage usage per PersistentVolumeClaim is {least}, but request is {size}"
            ));
        }
        if let Some(most) = amounts(rule, "max").get("storage").filter(|most| size > *most) {
            faults.push(format!(
                "maximum storage usage per PersistentVolumeClaim is {most}, but request is {size}"
            ));
        }
    }
    answer(ctx, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fill_gaps_alone() {
        let rule = json!({"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m", "memory": "1Gi"}});
        let mut pod =
            json!({"spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": "50m"}}}]}});
        let mut notes = Vec::new();
        set_defaults(&rule, &mut pod, &mut notes);
        let want = json!({"requests": {"cpu": "50m", "memory": "1Gi"}, "limits": {"cpu": "500m"}});
        assert_eq!(pod["spec"]["containers"][0]["resources"], want);
        assert_eq!(notes, ["memory request for container a", "cpu limit for container a"]);
    }

    #[test]
    fn bounds_are_kept() {
        let rules = [
            json!({"type": "Container", "max": {"cpu": "1"}, "min": {"cpu": "100m"}}),
            json!({"type": "Pod", "max": {"memory": "1Gi"}}),
        ];
        let pod = |cpu: &str, memory: &str| {
            let amounts = json!({"cpu": cpu, "memory": memory});
            let one = json!({"resources": {"requests": amounts, "limits": amounts}});
            json!({"spec": {"containers": [one, one]}})
        };
        for (cpu, memory, faults) in
            [("500m", "256Mi", 0), ("2", "256Mi", 2), ("10m", "256Mi", 2), ("1", "768Mi", 1)]
        {
            let found = pod_faults(&rules, &pod(cpu, memory));
            assert_eq!(found.len(), faults, "{cpu} {memory} {found:?}");
        }
        let found = pod_faults(&rules[..1], &pod("2", "1"));
        assert_eq!(found[0], "maximum cpu usage per Container is 1, but limit is 2");
    }
}
