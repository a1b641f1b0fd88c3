//! Pods: defaults, validation, what may change, binding to a node and eviction.
//!
//! Not here: the token volume and the tolerations that every pod gets (admission).

mod binding;
mod container;
pub(crate) mod defaults;
mod eviction;
pub(crate) mod qos;
mod resize;
mod restarts;
mod security;
mod update;
pub(crate) mod validate;
mod volume;

pub(crate) use binding::Binding;

use futures::future::BoxFuture;
use objects::meta;
use objects::validate::FieldError;
use serde_json::{Value, json};

use super::fields::{has, items, number, put, set, text};
use super::{Ctx, Strategy, generic_prepare_update};
use crate::status::Status;

/// Strategy of core/v1 Pod.
pub(super) struct Pod;

impl Strategy for Pod {
    fn default_spec(&self, object: &mut Value) {
        defaults::pod(object);
        both_addresses(object);
    }

    fn prepare_create(&self, _ctx: &Ctx<'_>, object: &mut Value) {
        meta::metadata_mut(object).insert("generation".into(), 1.into());
        let spec = object.get("spec").unwrap_or(&Value::Null);
        let mut status = json!({"phase": "Pending", "qosClass": qos::class(spec)});
        if !items(spec, "schedulingGates").is_empty() {
            status["conditions"] = json!([{
                "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            }]);
        }
        set(object, "status", status);
    }

    fn prepare_update(&self, ctx: &Ctx<'_>, new: &mut Value, old: &Value) {
        match ctx.subresource {
            Some("ephemeralcontainers") => update::keep_ephemeral_containers(new, old),
            Some("resize") => resize::keep_resources(new, old),
            _ => {}
        }
        generic_prepare_update(ctx, new, old);
        if ctx.subresource == Some("status") {
            // A pod's class is decided once.
            let class = old["status"].get("qosClass").cloned();
            if let Some(status) = new.get_mut("status") {
                put(status, "qosClass", class);
            }
        }
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let spec = object.get("spec").unwrap_or(&Value::Null);
        validate::pod_spec(&mut errors, spec, "spec");
        if !items(spec, "ephemeralContainers").is_empty() {
            errors.push(FieldError::forbidden("spec.ephemeralContainers", "cannot be set on create"));
        }
        if has(spec, "nodeName") && !items(spec, "schedulingGates").is_empty() {
            let detail = "cannot be set until all schedulingGates have been cleared";
            errors.push(FieldError::forbidden("spec.nodeName", detail));
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        match ctx.subresource {
            Some("status") => update::status(new, old),
            Some("ephemeralcontainers") => update::ephemeral_containers(new, old),
            Some("resize") => resize::check(new, old),
            _ => update::spec(new, old),
        }
    }

    fn create_subresource<'a>(
        &'a self,
        ctx: &'a Ctx<'a>,
        body: Value,
    ) -> BoxFuture<'a, Result<Value, Status>> {
        match ctx.subresource {
            Some("binding") => Box::pin(binding::bind(ctx, body)),
            Some("eviction") => Box::pin(eviction::evict(ctx, body)),
            _ => Box::pin(async { Err(Status::method_not_supported(ctx.kind, "create")) }),
        }
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ]
    }

    fn field(&self, object: &Value, path: &str) -> String {
        match path {
            "spec.hostNetwork" => object["spec"]["hostNetwork"].as_bool().unwrap_or_default().to_string(),
            "status.podIPs" => text(&object["status"], "podIP").to_owned(),
            _ => super::text_at(object, path),
        }
    }

    /// What was asked for, else the pod's own grace; none for pods that never reached a node or have ended.
    fn grace_period(&self, _ctx: &Ctx<'_>, object: &Value, asked: Option<i64>) -> Option<i64> {
        let own = number(&object["spec"], "terminationGracePeriodSeconds").unwrap_or(30);
        // A negative grace asks for the shortest one that still lets the node say that the pod has ended.
        let mut grace = asked.unwrap_or(own);
        if grace < 0 {
            grace = 1;
        }
        let unplaced = text(&object["spec"], "nodeName").is_empty();
        let ended = matches!(text(&object["status"], "phase"), "Succeeded" | "Failed");
        Some(if unplaced || ended { 0 } else { grace })
    }
}

/// `podIP` is the first of `podIPs`, and likewise for the host's addresses.
fn both_addresses(object: &mut Value) {
    let Some(status) = object.get_mut("status").filter(|status| status.is_object()) else { return };
    for (one, list) in [("podIP", "podIPs"), ("hostIP", "hostIPs")] {
        let single = text(status, one).to_owned();
        let first = items(status, list).first().map(|first| text(first, "ip").to_owned());
        match (single.is_empty(), first) {
            (false, None) => set(status, list, json!([{"ip": single}])),
            (true, Some(first)) => set(status, one, first),
            _ => {}
        }
    }
}
