//! ResourceQuota: what an object costs is charged to the quotas of its namespace in the very commit that stores it.
//!
//! So a quota is never exceeded, whoever else writes at the same time, and a write that fails costs nothing. What
//! leaves a namespace is counted by the quota controller. A quota whose use is not known yet refuses everything that
//! it is about.

use objects::quantity::Quantity;
use objects::quota::{self, Amounts};
use objects::{meta, registry};
use serde_json::Value;
use store::{Expect, Op};

use super::Operation;
use crate::status::Status;
use crate::storage;
use crate::strategy::Ctx;
use crate::strategy::fields::set;

/// The operations that charge a write to quotas, or the refusal by one of them.
pub(crate) fn charge(
    ctx: &Ctx<'_>,
    operation: Operation,
    object: &Value,
    old: Option<&Value>,
) -> Result<Vec<Op>, Status> {
    let none = Ok(Vec::new());
    let (Some(namespace), true) = (ctx.namespace, concerns(ctx, operation, object, old)) else { return none };
    let Some(kind) = registry::by_resource("", "v1", "resourcequotas") else { return none };
    let range = ctx
        .server
        .store
        .range(&storage::prefix(kind, Some(namespace)), None, 0, None)
        .map_err(|error| Status::internal(error.to_string()))?;
    let mut ops = Vec::new();
    for entry in &range.entries {
        let mut found = storage::decode(kind, entry)?;
        let used = match charged(ctx, &found, object, old) {
            Ok(Some(used)) => used,
            Ok(None) => continue,
            Err(detail) => return Err(Status::forbidden(ctx.kind, ctx.name, &detail)),
        };
        let name = meta::name(&found).to_owned();
        if let Some(status) = found.get_mut("status") {
            set(status, "used", quota::shown(&used));
        }
        ops.push(storage::put(kind, Some(namespace), &name, &found, Expect::Revision(entry.mod_revision)));
    }
    Ok(ops)
}

/// Whether a write can cost anything.
fn concerns(ctx: &Ctx<'_>, operation: Operation, object: &Value, old: Option<&Value>) -> bool {
    let (group, plural) = (ctx.kind.group, ctx.kind.plural);
    if plural == "events" || matches!(group, "authentication.k8s.io" | "authorization.k8s.io") {
        return false;
    }
    match (operation, ctx.subresource) {
        (Operation::Create, None) => true,
        (Operation::Update, Some("resize")) => plural == "pods",
        (Operation::Update, Some("status")) => group.is_empty() && plural == "persistentvolumeclaims",
        (Operation::Update, None) if group.is_empty() => match plural {
            "services" | "persistentvolumeclaims" => true,
            // Only a change of scope: resources change through `resize`.
            "pods" => old.is_some_and(|old| {
                let limited = |pod: &Value| pod["spec"]["activeDeadlineSeconds"].is_number();
                limited(old) != limited(object)
            }),
            _ => false,
        },
        _ => false,
    }
}

/// The quota's use after the write, none if the write does not concern it; or why the quota refuses.
fn charged(
    ctx: &Ctx<'_>,
    found: &Value,
    object: &Value,
    old: Option<&Value>,
) -> Result<Option<Amounts>, String> {
    let (group, plural, name) = (ctx.kind.group, ctx.kind.plural, meta::name(found));
    let (spec, status) = (&found["spec"], &found["status"]);
    let (hard, used) = (quota::amounts(status.get("hard")), quota::amounts(status.get("used")));
    let about = quota::counted(group, plural, hard.keys().map(String::as_str));
    if about.is_empty() || !quota::in_scope(spec, group, plural, object) {
        return Ok(None);
    }
    if (group, plural) == ("", "pods")
        && let Some(detail) = quota::missing(&about, object)
    {
        return Err(format!("failed quota: {name}: {detail}"));
    }
    if about.iter().any(|resource| !used.contains_key(*resource)) {
        return Err(format!("status unknown for quota: {name}, resources: {}", about.join(",")));
    }
    let now = jiff::Timestamp::now().as_second();
    let mut delta = quota::usage(group, plural, object, now);
    let negative: Vec<&str> =
        delta.iter().filter(|(_, amount)| amount.sign() < 0).map(|(name, _)| name.as_str()).collect();
    if !negative.is_empty() {
        return Err(format!("quota usage is negative for resource(s): {}", negative.join(",")));
    }
    if let Some(old) = old.filter(|old| quota::in_scope(spec, group, plural, old)) {
        for (name, before) in quota::usage(group, plural, old, now) {
            if let Some(amount) = delta.get_mut(&name) {
                *amount = if *amount > before { *amount - before } else { Quantity::zero() };
            }
        }
    }
    delta.retain(|name, amount| !amount.is_zero() && hard.contains_key(name));
    if delta.is_empty() {
        return Ok(None);
    }
    let mut after = used.clone();
    quota::add(&mut after, &delta);
    let exceeded: Vec<&String> = delta.keys().filter(|name| after[*name] > hard[*name]).collect();
    if !exceeded.is_empty() && ctx.subresource != Some("status") {
        let list = |amounts: &Amounts| {
            let pairs = exceeded.iter().filter_map(|name| Some(format!("{name}={}", amounts.get(*name)?)));
            pairs.collect::<Vec<_>>().join(",")
        };
        return Err(format!(
            "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
            list(&delta),
            list(&used),
            list(&hard)
        ));
    }
    Ok(Some(after))
}
