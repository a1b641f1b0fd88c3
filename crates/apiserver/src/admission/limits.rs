//! LimitRanger: containers without requests and limits get a namespace's defaults; what is outside its bounds is
//! refused. Several ranges are applied one after another, in the order of their names; the first that refuses speaks.

use objects::quota::{self, Amounts};
use objects::registry;
use serde_json::{Value, json};

use crate::status::Status;
use crate::strategy::Ctx;
use crate::strategy::fields::{default, items, items_mut, text};

fn amounts(object: &Value, list: &str) -> Amounts {
    quota::amounts(object.get(list))
}

/// The items of each range of the namespace.
fn ranges(ctx: &Ctx<'_>) -> Vec<Vec<Value>> {
    let Some(kind) = registry::by_resource("", "v1", "limitranges") else { return Vec::new() };
    let ranges = ctx.server.read_all(kind, ctx.namespace);
    ranges.iter().map(|range| items(&range["spec"], "limits").to_vec()).collect()
}

fn answer(ctx: &Ctx<'_>, mut faults: Vec<String>) -> Result<(), Status> {
    // Containers with the same fault are told of once.
    let mut told = Vec::new();
    faults.retain(|fault| {
        let new = !told.contains(fault);
        told.push(fault.clone());
        new
    });
    let detail = match faults.len() {
        0 => return Ok(()),
        1 => faults.remove(0),
        _ => format!("[{}]", faults.join(", ")),
    };
    Err(Status::forbidden(ctx.kind, ctx.name, &detail))
}

/// Sets defaults in a new pod and checks it.
pub(super) fn pod(ctx: &Ctx<'_>, pod: &mut Value) -> Result<(), Status> {
    let ranges = ranges(ctx);
    for range in &ranges {
        let mut notes = Vec::new();
        for rule in range.iter().filter(|rule| text(rule, "type") == "Container") {
            set_defaults(rule, pod, &mut notes);
        }
        if !notes.is_empty() {
            let annotations =
                objects::meta::metadata_mut(pod).entry("annotations").or_insert_with(|| json!({}));
            let note = format!("LimitRanger plugin set: {}", notes.join("; "));
            crate::strategy::fields::set(annotations, "kubernetes.io/limit-ranger", note);
        }
    }
    ranges.iter().try_for_each(|range| answer(ctx, pod_faults(range, pod)))
}

/// Checks a pod whose resources change.
pub(super) fn resized(ctx: &Ctx<'_>, pod: &Value) -> Result<(), Status> {
    ranges(ctx).iter().try_for_each(|range| answer(ctx, pod_faults(range, pod)))
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
            "Pod" => {
                // What is asked for counts, not what a running pod was given.
                let wanted = json!({"spec": spec});
                let total = |list: &str| quota::resources(&wanted, list);
                bounds(rule, &total("requests"), &total("limits"), &mut faults);
            }
            _ => {}
        }
    }
    faults
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
        let missing = |what: &str| {
            format!(
                "{name} max limit to request ratio per {kind} is {ratio}, but no {what} is specified or {what} is 0"
            )
        };
        let given = |amounts: &Amounts| amounts.get(&name).copied().filter(|amount| !amount.is_zero());
        match (given(requests), given(limits)) {
            (None, _) => faults.push(missing("request")),
            (Some(_), None) => faults.push(missing("limit")),
            (Some(request), Some(limit)) => {
                let provided = limit.milli() as f64 / request.milli() as f64;
                if provided > ratio.milli() as f64 / 1000.0 {
                    faults.push(format!(
                        "{name} max limit to request ratio per {kind} is {ratio}, but provided ratio is {provided:.6}"
                    ));
                }
            }
        }
    }
}

/// Checks the size of a new claim, or of one that is to grow.
pub(super) fn claim(ctx: &Ctx<'_>, claim: &Value) -> Result<(), Status> {
    let requests = amounts(&claim["spec"]["resources"], "requests");
    ranges(ctx).iter().try_for_each(|range| answer(ctx, claim_faults(range, &requests)))
}

fn claim_faults(rules: &[Value], requests: &Amounts) -> Vec<String> {
    let mut faults = Vec::new();
    for rule in rules.iter().filter(|rule| text(rule, "type") == "PersistentVolumeClaim") {
        bounds(
            &json!({"type": "PersistentVolumeClaim", "min": rule["min"]}),
            requests,
            &Amounts::new(),
            &mut faults,
        );
        for (name, most) in amounts(rule, "max") {
            let start = format!("maximum {name} usage per PersistentVolumeClaim is {most}");
            match requests.get(&name) {
                None => faults.push(format!("{start}.  No request is specified")),
                Some(size) if *size > most => faults.push(format!("{start}, but request is {size}")),
                Some(_) => {}
            }
        }
    }
    faults
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
