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
use crate::strategy::fields::{number, text};
use crate::strategy::{self, Ctx};

/// Evicts the pod `ctx.name`; `body` is a policy/v1 Eviction.
pub(super) async fn evict(ctx: &Ctx<'_>, body: Value) -> Result<Value, Status> {
    let named = meta::name(&body);
    if !named.is_empty() && named != ctx.name {
        return Err(Status::bad_request(format!(
            "name in URL does not match name in Eviction object: {named:?}"
        )));
    }
    let pod = ctx
        .server
        .read(ctx.kind, ctx.namespace, ctx.name)
        .ok_or_else(|| Status::not_found(ctx.kind, ctx.name))?;
    let ended = matches!(text(&pod["status"], "phase"), "Succeeded" | "Failed" | "Pending");
    if !ended && meta::deletion_timestamp(&pod).is_none() {
        spend_budget(ctx, &pod).await?;
    }
    delete(ctx, &body).await?;
    Ok(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}))
}

async fn spend_budget(ctx: &Ctx<'_>, pod: &Value) -> Result<(), Status> {
    let Some(kind) = registry::by_resource("policy", "v1", "poddisruptionbudgets") else { return Ok(()) };
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
            return Ok(());
        }
        let text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Err(Status::internal(text));
    };
    if budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow" && !ready(pod) {
        return Ok(());
    }
    let name = meta::name(budget);
    ctx.server
        .modify(kind, ctx.namespace, name, ctx.dry_run, |budget| {
            let refuse = |detail: String| {
                Err(Status::too_many_requests(
                    "Cannot evict pod as it would violate the pod's disruption budget.",
                    0,
                )
                .with_cause("DisruptionBudget", detail, ""))
            };
            let generation = meta::generation(budget);
            let status = meta::map_mut(meta::map_mut(budget).entry("status").or_insert_with(|| json!({})));
            let seen = status.get("observedGeneration").and_then(Value::as_i64).unwrap_or_default();
            if seen < generation {
                return refuse(format!(
                    "The disruption budget {name} is still being processed by the server."
                ));
            }
            let count = |key: &str| status.get(key).and_then(Value::as_i64).unwrap_or_default();
            let allowed = count("disruptionsAllowed");
            if allowed <= 0 {
                let (healthy, current) = (count("desiredHealthy"), count("currentHealthy"));
                return refuse(format!(
                    "The disruption budget {name} needs {healthy} healthy pods and has {current} currently"
                ));
            }
            status.insert("disruptionsAllowed".into(), (allowed - 1).into());
            let disrupted = meta::map_mut(status.entry("disruptedPods").or_insert_with(|| json!({})));
            disrupted.insert(ctx.name.to_owned(), ctx.now.clone().into());
            Ok(Vec::new())
        })
        .await?;
    Ok(())
}

fn ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|list| list.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

/// Starts the pod's graceful deletion, or removes it when nothing has to end first.
async fn delete(ctx: &Ctx<'_>, body: &Value) -> Result<(), Status> {
    let asked = number(&body["deleteOptions"], "gracePeriodSeconds");
    loop {
        let not_found = || Status::not_found(ctx.kind, ctx.name);
        let entry = ctx.server.entry(ctx.kind, ctx.namespace, ctx.name).ok_or_else(not_found)?;
        let mut pod = storage::decode(ctx.kind, &entry)?;
        if meta::deletion_timestamp(&pod).is_some() || ctx.dry_run {
            return Ok(());
        }
        let wanted = body.pointer("/deleteOptions/preconditions/uid").and_then(Value::as_str);
        if wanted.is_some_and(|wanted| wanted != meta::uid(&pod)) {
            return Err(Status::conflict(ctx.kind, ctx.name, "the UID in the precondition does not match"));
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
