//! What every new pod gets: a priority from its class, overhead from its runtime class, tolerations of brief
//! troubles of its node.

use objects::meta;
use objects::registry;
use serde_json::{Value, json};

use crate::status::Status;
use crate::strategy::Ctx;
use crate::strategy::fields::{default, flag, has, is_empty, items, number, put, set, text};

/// Seconds for which pods stay on a node that is not ready or cannot be reached, unless they say otherwise.
const PATIENCE: i64 = 300;

/// Priority admission: `spec.priority` and `spec.preemptionPolicy` come from the class, never from the client.
pub(super) fn priority(ctx: &Ctx<'_>, pod: &mut Value) -> Result<(), Status> {
    let Some(kind) = registry::by_resource("scheduling.k8s.io", "v1", "priorityclasses") else {
        return Ok(());
    };
    let Some(spec) = pod.get_mut("spec") else { return Ok(()) };
    let name = text(spec, "priorityClassName").to_owned();
    let class = if name.is_empty() {
        ctx.server.read_all(kind, None).into_iter().find(|class| flag(class, "globalDefault"))
    } else {
        let missing =
            || Status::forbidden(ctx.kind, ctx.name, &format!("no PriorityClass with name {name} was found"));
        Some(ctx.server.read(kind, None, &name).ok_or_else(missing)?)
    };
    let (value, policy) = match &class {
        Some(class) => {
            set(spec, "priorityClassName", meta::name(class));
            let policy = text(class, "preemptionPolicy");
            (
                number(class, "value").unwrap_or_default(),
                if policy.is_empty() { "PreemptLowerPriority" } else { policy },
            )
        }
        None => (0, "PreemptLowerPriority"),
    };
    if number(spec, "priority").is_some_and(|given| given != value) {
        let detail = format!(
            "the integer value of priority ({}) must not be provided in pod spec; priority admission controller \
             computed {value} from the given PriorityClass name",
            number(spec, "priority").unwrap_or_default()
        );
        return Err(Status::forbidden(ctx.kind, ctx.name, &detail));
    }
    set(spec, "priority", value);
    if has(spec, "preemptionPolicy") && text(spec, "preemptionPolicy") != policy {
        let detail = format!(
            "the string value of PreemptionPolicy ({}) must not be provided in pod spec; priority admission \
             controller computed {policy} from the given PriorityClass name",
            text(spec, "preemptionPolicy")
        );
        return Err(Status::forbidden(ctx.kind, ctx.name, &detail));
    }
    set(spec, "preemptionPolicy", policy);
    Ok(())
}

/// At most one class is the default of pods that name none.
pub(super) fn one_global_default(ctx: &Ctx<'_>, class: &Value) -> Result<(), Status> {
    if !flag(class, "globalDefault") {
        return Ok(());
    }
    let other = ctx.server.read_all(ctx.kind, None).into_iter().find(|one| flag(one, "globalDefault"));
    match other {
        Some(other) if meta::name(&other) != ctx.name => {
            let detail = format!(
                "PriorityClass {} is already marked as default. Only one default can exist",
                meta::name(&other)
            );
            Err(Status::forbidden(ctx.kind, ctx.name, &detail))
        }
        _ => Ok(()),
    }
}

/// RuntimeClass admission: the class must exist; its overhead and node selector go into the pod.
pub(super) fn runtime_class(ctx: &Ctx<'_>, pod: &mut Value) -> Result<(), Status> {
    let Some(kind) = registry::by_resource("node.k8s.io", "v1", "runtimeclasses") else { return Ok(()) };
    let Some(spec) = pod.get_mut("spec") else { return Ok(()) };
    let name = text(spec, "runtimeClassName").to_owned();
    let refuse = |detail: &str| Err(Status::forbidden(ctx.kind, ctx.name, detail));
    if name.is_empty() {
        if !is_empty(spec, "overhead") {
            return refuse(
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
            );
        }
        return Ok(());
    }
    let Some(class) = ctx.server.read(kind, None, &name) else {
        return refuse(&format!("pod rejected: RuntimeClass {name:?} not found"));
    };
    let fixed = class.pointer("/overhead/podFixed").cloned();
    match (&fixed, spec.get("overhead").filter(|_| !is_empty(spec, "overhead"))) {
        (None, Some(_)) => {
            return refuse(
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
            );
        }
        (Some(fixed), Some(given)) if fixed != given => {
            return refuse("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
        }
        _ => {}
    }
    if fixed.is_some() {
        put(spec, "overhead", fixed);
    }
    for (key, value) in
        class.pointer("/scheduling/nodeSelector").and_then(Value::as_object).into_iter().flatten()
    {
        default(spec, "nodeSelector", json!({}));
        let Some(selector) = spec.get_mut("nodeSelector") else { break };
        if has(selector, key) && selector.get(key) != Some(value) {
            return refuse(&format!(
                "pod rejected: conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}"
            ));
        }
        set(selector, key, value.clone());
    }
    for toleration in
        class.get("scheduling").map(|scheduling| items(scheduling, "tolerations")).unwrap_or_default()
    {
        add_toleration(spec, toleration.clone());
    }
    Ok(())
}

fn add_toleration(spec: &mut Value, toleration: Value) {
    default(spec, "tolerations", json!([]));
    if let Some(list) = spec.get_mut("tolerations").and_then(Value::as_array_mut)
        && !list.contains(&toleration)
    {
        list.push(toleration);
    }
}

/// DefaultTolerationSeconds, and TaintNodesByCondition's rule that pods with memory requests bear memory pressure.
pub(super) fn tolerations(pod: &mut Value) {
    let Some(spec) = pod.get_mut("spec") else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let borne = items(spec, "tolerations").iter().any(|one| {
            let key_fits = text(one, "key") == key || text(one, "key").is_empty();
            key_fits && matches!(text(one, "effect"), "NoExecute" | "")
        });
        if !borne {
            add_toleration(
                spec,
                json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": PATIENCE}),
            );
        }
    }
    if crate::strategy::pod::qos::class(spec) != "BestEffort" {
        let key = "node.kubernetes.io/memory-pressure";
        add_toleration(spec, json!({"key": key, "operator": "Exists", "effect": "NoSchedule"}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_added_unless_there() {
        for (given, added) in [
            (json!([]), 2),
            (json!([{"operator": "Exists"}]), 0),
            (
                json!([{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}]),
                1,
            ),
            (
                json!([{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule"}]),
                2,
            ),
        ] {
            let before = given.as_array().unwrap().len();
            let mut pod = json!({"spec": {"tolerations": given, "containers": [{}]}});
            tolerations(&mut pod);
            tolerations(&mut pod);
            assert_eq!(pod["spec"]["tolerations"].as_array().unwrap().len() - before, added, "{given}");
        }
    }
}
