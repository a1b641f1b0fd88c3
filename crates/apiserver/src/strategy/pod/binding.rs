//! `pods/binding`: the scheduler's decision, written once and together with its condition.

use futures::future::BoxFuture;
use objects::meta;
use objects::registry;
use serde_json::{Value, json};

use crate::status::Status;
use crate::strategy::fields::{items, items_mut, set, text};
use crate::strategy::{Ctx, Strategy};

/// Strategy of core/v1 Binding, the older way: posted to the namespace instead of below the pod.
pub(crate) struct Binding;

impl Strategy for Binding {
    fn is_virtual(&self) -> bool {
        true
    }

    fn review<'a>(&'a self, ctx: &'a Ctx<'a>, object: Value) -> BoxFuture<'a, Result<Value, Status>> {
        Box::pin(async move {
            let kind = registry::by_resource("", "v1", "pods").ok_or_else(Status::unknown_path)?;
            let Ctx { server, user, namespace, name, dry_run, .. } = *ctx;
            let now = ctx.now.clone();
            let subresource = Some("binding");
            bind(&Ctx { server, user, kind, namespace, name, subresource, dry_run, now }, object).await
        })
    }
}

/// Binds the pod `ctx.name` to the node that `body.target` names.
pub(super) async fn bind(ctx: &Ctx<'_>, body: Value) -> Result<Value, Status> {
    let target = body.get("target").unwrap_or(&Value::Null);
    let node = text(target, "name");
    if !matches!(text(target, "kind"), "" | "Node") {
        return Err(Status::bad_request("a pod can be bound to a Node only"));
    }
    if node.is_empty() {
        return Err(Status::bad_request("target.name: Required value"));
    }
    let expected_uid = meta::uid(&body);
    let written = ctx.server.modify(ctx.kind, ctx.namespace, ctx.name, ctx.dry_run, |pod| {
        let conflict = |detail: &str| Err(Status::conflict(ctx.kind, ctx.name, detail));
        if !expected_uid.is_empty() && meta::uid(pod) != expected_uid {
            return conflict(&format!(
                "Precondition failed: UID in precondition: {expected_uid}, UID in object meta: {}",
                meta::uid(pod)
            ));
        }
        if meta::deletion_timestamp(pod).is_some() {
            return conflict(&format!("pod {} is being deleted, cannot be assigned to a host", ctx.name));
        }
        let bound = text(&pod["spec"], "nodeName");
        if !bound.is_empty() {
            return conflict(&format!("pod {} is already assigned to node {bound:?}", ctx.name));
        }
        if !items(&pod["spec"], "schedulingGates").is_empty() {
            return conflict(&format!("pod {} has non-empty .spec.schedulingGates", ctx.name));
        }
        for (key, value) in meta::annotations(&body).into_iter().flatten() {
            let annotations = meta::metadata_mut(pod).entry("annotations").or_insert_with(|| json!({}));
            set(annotations, key, value.clone());
        }
        for (key, value) in meta::labels(&body).into_iter().flatten() {
            let labels = meta::metadata_mut(pod).entry("labels").or_insert_with(|| json!({}));
            set(labels, key, value.clone());
        }
        let generation = meta::generation(pod);
        if let Some(spec) = pod.get_mut("spec") {
            set(spec, "nodeName", node);
        }
        if generation > 0 {
            meta::metadata_mut(pod).insert("generation".into(), (generation + 1).into());
        }
        let scheduled = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": ctx.now});
        condition(pod, scheduled);
        Ok(Vec::new())
    });
    written.await?;
    Ok(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}))
}

/// Sets a condition of the pod by its type.
pub(super) fn condition(pod: &mut Value, condition: Value) {
    let status = meta::map_mut(meta::map_mut(pod).entry("status").or_insert_with(|| json!({})));
    let list = status.entry("conditions").or_insert_with(|| json!([]));
    if !list.is_array() {
        *list = json!([]);
    }
    let holder = pod.get_mut("status").map(|status| items_mut(status, "conditions")).unwrap_or_default();
    if let Some(found) = holder.iter_mut().find(|one| one["type"] == condition["type"]) {
        *found = condition;
    } else if let Some(list) = pod.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        list.push(condition);
    }
}
