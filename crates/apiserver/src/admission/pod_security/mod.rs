//! PodSecurity: pods below the standard that their namespace asks for are refused; pods, and what makes pods, below
//! the one it wants to hear of get a warning.
//!
//! The checks are those of the Pod Security Standards as of every version from v1.0 to v1.37, in `baseline` and
//! `restricted`, both pure. Not here: the audit mode, whose findings would go to a log of requests.

mod baseline;
mod level;
mod restricted;

use std::collections::BTreeMap;

use objects::{meta, registry};
use serde_json::Value;

use super::Operation;
use crate::status::Status;
use crate::strategy::Ctx;
use crate::strategy::fields::{items, text};
use level::{Level, Policy, Standard, policy};

/// So many pods of a namespace are looked at when its standard changes.
const MOST_PODS: usize = 3000;

/// What a pod does that a standard forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    reason: String,
    detail: String,
}

impl Violation {
    fn new(reason: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { reason: reason.into(), detail: detail.into() }
    }
}

/// What a pod (or the template of one) does that the standard forbids, in upstream's order.
fn violations(standard: Standard, pod: &Value) -> Vec<Violation> {
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let minor = standard.version.minor();
    match standard.level {
        Level::Privileged => Vec::new(),
        Level::Baseline => baseline::check(meta::annotations(pod), spec, minor, false),
        Level::Restricted => {
            let mut found = baseline::check(meta::annotations(pod), spec, minor, true);
            found.extend(restricted::check(spec, minor));
            found
        }
    }
}

fn told(found: &[Violation]) -> String {
    let part = |one: &Violation| match one.detail.as_str() {
        "" => one.reason.clone(),
        detail => format!("{} ({detail})", one.reason),
    };
    found.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// Refuses pods below what is enforced, and namespaces whose labels cannot be read.
pub(super) fn admit(
    ctx: &Ctx<'_>,
    operation: Operation,
    object: &Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    if operation == Operation::Delete {
        return Ok(());
    }
    match (ctx.kind.group, ctx.kind.plural) {
        ("", "namespaces") if ctx.subresource.is_none() => {
            let errors = policy(object).errors;
            let known = old.map(|old| policy(old).errors);
            if errors.is_empty() || known.is_some_and(|known| known == errors) {
                return Ok(());
            }
            Err(Status::invalid(ctx.kind, ctx.name, &errors))
        }
        ("", "pods") if judged(ctx, object, old) => {
            let standard = policy_of(ctx).enforce;
            let found = violations(standard, object);
            if found.is_empty() {
                return Ok(());
            }
            let detail = format!("violates PodSecurity \"{standard}\": {}", told(&found));
            Err(Status::forbidden(ctx.kind, ctx.name, &detail))
        }
        _ => Ok(()),
    }
}

/// Warnings about a write that was admitted.
pub(super) fn warnings(ctx: &Ctx<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
    if (ctx.kind.group, ctx.kind.plural) == ("", "namespaces") && ctx.subresource.is_none() {
        return old.map(|old| of_namespace(ctx, object, old)).unwrap_or_default();
    }
    let Some(template) = template(ctx, object) else { return Vec::new() };
    if ctx.kind.plural == "pods" && !judged(ctx, object, old) || ctx.namespace.is_none() {
        return Vec::new();
    }
    let standard = policy_of(ctx).warn;
    let found = violations(standard, template);
    if found.is_empty() {
        return Vec::new();
    }
    vec![format!("would violate PodSecurity \"{standard}\": {}", told(&found))]
}

fn policy_of(ctx: &Ctx<'_>) -> Policy {
    let kind = registry::by_resource("", "v1", "namespaces");
    let namespace = kind.and_then(|kind| ctx.server.read(kind, None, ctx.namespace.unwrap_or_default()));
    policy(&namespace.unwrap_or_default())
}

/// The pod, or the template of pods, in an object.
fn template<'a>(ctx: &Ctx<'_>, object: &'a Value) -> Option<&'a Value> {
    if ctx.kind.plural != "pods" && ctx.subresource.is_some() {
        return None;
    }
    match (ctx.kind.group, ctx.kind.plural) {
        ("", "pods") => Some(object),
        ("", "podtemplates") => object.get("template"),
        ("", "replicationcontrollers")
        | ("apps", "replicasets" | "deployments" | "statefulsets" | "daemonsets")
        | ("batch", "jobs") => object.pointer("/spec/template"),
        ("batch", "cronjobs") => object.pointer("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

/// Whether a write of a pod changes anything that the standards are about.
fn judged(ctx: &Ctx<'_>, pod: &Value, old: Option<&Value>) -> bool {
    if matches!(
        ctx.subresource,
        Some("exec" | "attach" | "binding" | "eviction" | "log" | "portforward" | "proxy" | "status")
    ) {
        return false;
    }
    let Some(old) = old else { return true };
    let (new, old) = (&pod["spec"], &old["spec"]);
    let same = |list: &str| {
        let (new, old) = (items(new, list), items(old, list));
        new.len() == old.len()
            && new.iter().zip(old).all(|(new, old)| text(new, "image") == text(old, "image"))
    };
    let known = |one: &Value| {
        let before = items(old, "ephemeralContainers").iter().find(|before| before["name"] == one["name"]);
        before.is_some_and(|before| text(before, "image") == text(one, "image"))
    };
    !(same("containers") && same("initContainers") && items(new, "ephemeralContainers").iter().all(known))
}

/// Which pods of a namespace would not be let in any more after a change of its labels.
fn of_namespace(ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<String> {
    let (new, old) = (policy(new).enforce, policy(old).enforce);
    let loosened = new.version == old.version && new.level <= old.level;
    let Some(kind) = registry::by_resource("", "v1", "pods") else { return Vec::new() };
    if new == old || new.level == Level::Privileged || loosened {
        return Vec::new();
    }
    let pods = in_turn(ctx.server.read_all(kind, Some(ctx.name)));
    let mut warnings = Vec::new();
    if pods.len() > MOST_PODS {
        warnings.push(format!(
            "new PodSecurity enforce level only checked against the first {MOST_PODS} of {} existing pods",
            pods.len()
        ));
    }
    // Pods that do the same are told of once, with the name that comes first.
    let mut causes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pod in pods.iter().take(MOST_PODS) {
        let found = violations(new, pod);
        if !found.is_empty() {
            let reasons: Vec<&str> = found.iter().map(|one| one.reason.as_str()).collect();
            causes.entry(reasons.join(", ")).or_default().push(meta::name(pod).to_owned());
        }
    }
    if !causes.is_empty() {
        warnings.push(format!(
            "existing pods in namespace {:?} violate the new PodSecurity enforce level \"{new}\"",
            ctx.name
        ));
    }
    let mut lines: Vec<String> = causes
        .into_iter()
        .map(|(reasons, mut names)| {
            names.sort_unstable();
            match names.len() {
                1 => format!("{}: {reasons}", names[0]),
                2 => format!("{} (and 1 other pod): {reasons}", names[0]),
                more => format!("{} (and {} other pods): {reasons}", names[0], more - 1),
            }
        })
        .collect();
    lines.sort_unstable();
    warnings.extend(lines);
    warnings
}

/// The pods, those first that stand for all of their controller's.
fn in_turn(pods: Vec<Value>) -> Vec<Value> {
    let mut seen: Vec<String> = Vec::new();
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for pod in pods {
        let owner = meta::owner_references(&pod).iter().find(|owner| owner["controller"] == true);
        let owner = owner.map(|owner| text(owner, "uid").to_owned());
        match owner {
            Some(uid) if seen.contains(&uid) => others.push(pod),
            owner => {
                seen.extend(owner);
                first.push(pod);
            }
        }
    }
    first.extend(others);
    first
}

/// All containers, in the order of messages.
fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers", "ephemeralContainers"].into_iter().flat_map(|list| items(spec, list))
}

/// Names of the containers that a test finds fault with.
fn named(spec: &Value, fault: impl Fn(&Value) -> bool) -> Vec<String> {
    containers(spec).filter(|one| fault(one)).map(|one| text(one, "name").to_owned()).collect()
}

/// `"a", "b"`.
fn quoted<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> String {
    list.into_iter().map(|one| format!("\"{}\"", one.as_ref())).collect::<Vec<_>>().join(", ")
}

/// The word for so many.
fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// `container "a"` or `containers "a", "b"`.
fn these(names: &[String]) -> String {
    format!("{} {}", plural(names.len(), "container", "containers"), quoted(names))
}

/// Who has set something: the pod, containers, or both; none if nobody has.
fn setters(pod: bool, containers: &[String]) -> Option<String> {
    match (pod, containers.is_empty()) {
        (false, true) => None,
        (true, true) => Some("pod".to_owned()),
        (false, false) => Some(these(containers)),
        (true, false) => Some(format!("pod and {}", these(containers))),
    }
}

/// Whether the pod has a user namespace, in which root is nobody special.
fn has_own_users(spec: &Value) -> bool {
    spec.get("hostUsers") == Some(&Value::Bool(false))
}

/// Containers whose `/proc` is not masked, from a pod's template.
fn unmasked(spec: &Value) -> Option<Violation> {
    let kind =
        |one: &Value| one.pointer("/securityContext/procMount").and_then(Value::as_str).map(str::to_owned);
    let bad = |one: &Value| kind(one).filter(|kind| kind != "Default");
    let names = named(spec, |one| bad(one).is_some());
    let kinds: std::collections::BTreeSet<String> = containers(spec).filter_map(bad).collect();
    (!names.is_empty()).then(|| {
        let detail = format!("{} must not set securityContext.procMount to {}", these(&names), quoted(kinds));
        Violation::new("procMount", detail)
    })
}

#[cfg(test)]
mod tests;
