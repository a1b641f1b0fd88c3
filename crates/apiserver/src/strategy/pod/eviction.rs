//! `pods/eviction`: a deletion that asks the PodDisruptionBudgets first.
//!
//! The budget's count and the pod change in two commits, budget first, as upstream does it: a death in between
//! leaves a disruption counted that did not happen, which the disruption controller corrects.

use objects::meta;
use objects::registry;
use objects::selector::LabelSelector;
use serde_json::{Value, json};
use store::{CommitError, Expect};

use super::binding::condition;
use crate::status::Status;
use crate::storage;
use crate::strategy::fields::{default, items, items_mut, number, set, text};
use crate::strategy::{self, Ctx};

/// So many granted evictions may wait for the disruption controller to see them.
const MOST_DISRUPTED: usize = 2000;
/// Seconds after which a refused client may ask again.
const PATIENCE: u32 = 10;
/// What clients look for to know that they may ask again.
const REFUSAL: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

/// Whether a budget is to be charged for an eviction, and so whether what was seen of the pod must still be true when
/// it is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// Charged, or nobody's business.
    Free,
    /// Not charged because the pod is not healthy.
    Unhealthy,
}

/// Evicts the pod `ctx.name`; `body` is a policy/v1 Eviction.
pub(super) async fn evict(ctx: &Ctx<'_>, body: Value) -> Result<Value, Status> {
    let named = meta::name(&body);
    if !named.is_empty() && named != ctx.name {
        return Err(Status::bad_request("name in URL does not match name in Eviction object"));
    }
    let not_found = || Status::not_found(ctx.kind, ctx.name);
    let pod = ctx.server.read(ctx.kind, ctx.namespace, ctx.name).ok_or_else(not_found)?;
    let ended = matches!(text(&pod["status"], "phase"), "Succeeded" | "Failed" | "Pending");
    if ended || meta::deletion_timestamp(&pod).is_some() {
        delete(ctx, &body, None).await?;
        return Ok(success());
    }
    let guard = spend_budget(ctx, &pod).await?;
    let seen = (guard == Guard::Unhealthy).then(|| meta::resource_version(&pod));
    match delete(ctx, &body, seen).await {
        // It may be healthy by now; then the budget has to be asked.
        Err(status) if status.reason == "Conflict" && seen.is_some() => Err(being_processed("")),
        Err(status) => Err(status),
        Ok(()) => Ok(success()),
    }
}

fn success() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
}

fn refusal(retry_after: u32, detail: String) -> Status {
    Status::too_many_requests(REFUSAL, retry_after).with_cause("DisruptionBudget", detail, "")
}

fn being_processed(name: &str) -> Status {
    let detail = format!("The disruption budget {name} is still being processed by the server.");
    refusal(PATIENCE, detail)
}

async fn spend_budget(ctx: &Ctx<'_>, pod: &Value) -> Result<Guard, Status> {
    let Some(kind) = registry::by_resource("policy", "v1", "poddisruptionbudgets") else {
        return Ok(Guard::Free);
    };
    let budgets: Vec<Value> = ctx
        .server
        .read_all(kind, ctx.namespace)
        .into_iter()
        .filter(|budget| {
            let selector = LabelSelector::from_object(&budget["spec"]["selector"]);
            selector.is_ok_and(|selector| selector.matches(pod))
        })
        .collect();
    let [budget] = &budgets[..] else {
        if budgets.is_empty() {
            return Ok(Guard::Free);
        }
        let text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Err(Status::new(500, "", text));
    };
    let count = |key: &str| number(&budget["status"], key).unwrap_or_default();
    let (current, desired) = (count("currentHealthy"), count("desiredHealthy"));
    let always = text(&budget["spec"], "unhealthyPodEvictionPolicy") == "AlwaysAllow";
    if !ready(pod) && (always || (current >= desired && desired > 0)) {
        return Ok(Guard::Unhealthy);
    }
    let name = meta::name(budget);
    ctx.server
        .modify(kind, ctx.namespace, name, ctx.dry_run, |budget| {
            if let Some(refusal) = refused(budget) {
                return Err(refusal);
            }
            let allowed = number(&budget["status"], "disruptionsAllowed").unwrap_or_default() - 1;
            let now = ctx.now.as_str();
            let Some(status) = budget.get_mut("status") else { return Ok(Vec::new()) };
            set(status, "disruptionsAllowed", allowed);
            default(status, "disruptedPods", json!({}));
            if let Some(disrupted) = status.get_mut("disruptedPods") {
                set(disrupted, ctx.name, now);
            }
            for one in items_mut(status, "conditions") {
                if allowed == 0 && text(one, "type") == "DisruptionAllowed" && text(one, "status") == "True" {
                    set(one, "status", "False");
                    set(one, "reason", "InsufficientPods");
                    set(one, "lastTransitionTime", now);
                }
            }
            Ok(Vec::new())
        })
        .await?;
    Ok(Guard::Free)
}

/// Why a budget allows no disruption now; none if it allows one.
fn refused(budget: &Value) -> Option<Status> {
    let (name, status) = (meta::name(budget), &budget["status"]);
    let count = |key: &str| number(status, key).unwrap_or_default();
    if count("observedGeneration") < meta::generation(budget) {
        return Some(being_processed(name));
    }
    let forbidden = |why: &str, detail: &str| {
        let message = format!("poddisruptionbudget.policy {name:?} is forbidden: {why}");
        let detail = format!("The disruption budget {name} does not allow evicting pods currently: {detail}");
        Some(Status::new(403, "Forbidden", message).with_cause("DisruptionBudget", detail, ""))
    };
    let allowed = count("disruptionsAllowed");
    if allowed < 0 {
        let why = "pdb disruptions allowed is negative";
        return forbidden(why, why);
    }
    if status["disruptedPods"].as_object().is_some_and(|map| map.len() > MOST_DISRUPTED) {
        return forbidden(
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
            "too many pending evictions not confirmed by PDB controller",
        );
    }
    if allowed > 0 {
        return None;
    }
    let condition = items(status, "conditions").iter().find(|one| text(one, "type") == "DisruptionAllowed");
    let said = condition.filter(|one| text(one, "status") == "False" && !text(one, "message").is_empty());
    let (healthy, current) = (count("desiredHealthy"), count("currentHealthy"));
    Some(refusal(
        0,
        match said {
            Some(one) if text(one, "reason") == "SyncFailed" => format!(
                "The disruption budget {name} does not allow evicting pods currently because it failed sync: {}",
                text(one, "message")
            ),
            _ if current <= healthy => {
                format!(
                    "The disruption budget {name} needs {healthy} healthy pods and has {current} currently"
                )
            }
            Some(one) => format!(
                "The disruption budget {name} does not allow evicting pods currently ({}): {}",
                text(one, "reason"),
                text(one, "message")
            ),
            None => format!("The disruption budget {name} does not allow evicting pods currently"),
        },
    ))
}

fn ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|list| list.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

/// Starts the pod's graceful deletion, or removes it when nothing has to end first. With `seen` it must still be in
/// that version.
async fn delete(ctx: &Ctx<'_>, body: &Value, seen: Option<&str>) -> Result<(), Status> {
    let asked = number(&body["deleteOptions"], "gracePeriodSeconds");
    loop {
        let not_found = || Status::not_found(ctx.kind, ctx.name);
        let entry = ctx.server.entry(ctx.kind, ctx.namespace, ctx.name).ok_or_else(not_found)?;
        let mut pod = storage::decode(ctx.kind, &entry)?;
        if meta::deletion_timestamp(&pod).is_some() || ctx.dry_run {
            return Ok(());
        }
        let wanted = |key: &str| body.pointer(&format!("/deleteOptions/preconditions/{key}"))?.as_str();
        for (title, wanted, found) in [
            ("UID", wanted("uid"), meta::uid(&pod)),
            ("ResourceVersion", wanted("resourceVersion").or(seen), meta::resource_version(&pod)),
        ] {
            if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty() && *wanted != found) {
                let detail = format!(
                    "the {title} in the precondition ({wanted}) does not match the {title} in record ({found})."
                );
                return Err(Status::conflict(ctx.kind, ctx.name, &detail));
            }
        }
        let grace = strategy::of(ctx.kind).grace_period(ctx, &pod, asked).unwrap_or_default();
        let expect = Expect::Revision(entry.mod_revision);
        let op = if grace == 0 && !meta::has_finalizers(&pod) {
            storage::remove(ctx.kind, ctx.namespace, ctx.name, &pod, expect)
        } else {
            condition(
                &mut pod,
                json!({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
                    "message": "Eviction API: evicting", "lastProbeTime": null, "lastTransitionTime": ctx.now}),
            );
            let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(grace);
            let generation = meta::generation(&pod);
            let metadata = meta::metadata_mut(&mut pod);
            metadata
                .insert("deletionTimestamp".into(), end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into());
            metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
            if generation > 0 {
                metadata.insert("generation".into(), (generation + 1).into());
            }
            storage::put(ctx.kind, ctx.namespace, ctx.name, &pod, expect)
        };
        match ctx.server.store.commit(vec![op]).await {
            Ok(_) => return Ok(()),
            Err(CommitError::Conflict { .. }) => {}
            Err(CommitError::Failed(failure)) => return Err(storage::failed(&failure)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(status: Value) -> Option<(u16, String)> {
        let budget = json!({"metadata": {"name": "b", "generation": 2}, "status": status});
        refused(&budget).map(|status| {
            let cause = status.details.unwrap_or_default().causes[0].message.clone();
            (status.code, cause)
        })
    }

    #[test]
    fn a_budget_says_why_it_refuses() {
        let seen = |mut status: Value| {
            set(&mut status, "observedGeneration", 2);
            detail(status)
        };
        assert_eq!(seen(json!({"disruptionsAllowed": 1})), None);
        assert_eq!(
            detail(json!({"disruptionsAllowed": 1, "observedGeneration": 1})),
            Some((429, "The disruption budget b is still being processed by the server.".into()))
        );
        assert_eq!(
            seen(json!({"desiredHealthy": 2, "currentHealthy": 2})),
            Some((429, "The disruption budget b needs 2 healthy pods and has 2 currently".into()))
        );
        assert_eq!(
            seen(json!({"desiredHealthy": 2, "currentHealthy": 3})),
            Some((429, "The disruption budget b does not allow evicting pods currently".into()))
        );
        let failed = json!([{"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "oops"}]);
        assert_eq!(
            seen(json!({"conditions": failed})).unwrap().1,
            "The disruption budget b does not allow evicting pods currently because it failed sync: oops"
        );
        assert_eq!(seen(json!({"disruptionsAllowed": -1})).unwrap().0, 403);
    }
}
