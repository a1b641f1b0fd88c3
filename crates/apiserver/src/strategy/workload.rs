//! ReplicaSets, ReplicationControllers, StatefulSets, DaemonSets and PodTemplates: defaults and validation.
//!
//! Deployments and Jobs have files of their own. All share the rules of the pod template in `pod`.

use objects::validate::FieldError;
use serde_json::{Value, json};

use super::fields::{
    default, has, immutable, is_empty, items, items_mut, label_selector, not_negative, set, text,
};
use super::pod::{defaults, validate as pod};
use super::{Ctx, Strategy};

/// Strategy of apps/v1 ReplicaSet.
pub(super) struct ReplicaSet;
/// Strategy of core/v1 ReplicationController.
pub(super) struct ReplicationController;
/// Strategy of apps/v1 StatefulSet.
pub(super) struct StatefulSet;
/// Strategy of apps/v1 DaemonSet.
pub(super) struct DaemonSet;
/// Strategy of core/v1 PodTemplate.
pub(super) struct PodTemplate;

/// The rules of `spec.selector` that all workloads of apps/v1 share.
pub(super) fn required_selector(errors: &mut Vec<FieldError>, spec: &Value) {
    match spec.get("selector").filter(|selector| selector.is_object()) {
        None => errors.push(FieldError::required("spec.selector", "")),
        Some(selector) => {
            label_selector(errors, selector, "spec.selector");
            if is_empty(selector, "matchLabels") && is_empty(selector, "matchExpressions") {
                let detail = "empty selector is invalid for deployment";
                errors.push(FieldError::invalid("spec.selector", json!({}), detail));
            }
        }
    }
}

fn spec_of(object: &Value) -> &Value {
    object.get("spec").unwrap_or(&Value::Null)
}

/// Counts in a status that must not be negative.
fn status_counts(object: &Value, keys: &[&str]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for key in keys {
        not_negative(&mut errors, &object["status"], key, "status");
    }
    errors
}

// === impl ReplicaSet ===

impl Strategy for ReplicaSet {
    fn default_spec(&self, object: &mut Value) {
        if let Some(spec) = object.get_mut("spec") {
            default(spec, "replicas", 1);
            defaults::template(spec, "template");
        }
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let (mut errors, spec) = (Vec::new(), spec_of(object));
        not_negative(&mut errors, spec, "replicas", "spec");
        not_negative(&mut errors, spec, "minReadySeconds", "spec");
        required_selector(&mut errors, spec);
        pod::template_restarting(&mut errors, spec, &spec["selector"]);
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        if ctx.subresource == Some("status") {
            return status_counts(
                new,
                &["replicas", "readyReplicas", "availableReplicas", "fullyLabeledReplicas"],
            );
        }
        let mut errors = self.validate_create(ctx, new);
        immutable(&mut errors, spec_of(new), spec_of(old), "selector", "spec");
        errors
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }
}

// === impl ReplicationController ===

impl Strategy for ReplicationController {
    fn default_spec(&self, object: &mut Value) {
        let labels = object.pointer("/spec/template/metadata/labels").cloned();
        if let Some(labels) = labels {
            if let Some(spec) = object.get_mut("spec").filter(|spec| is_empty(spec, "selector")) {
                set(spec, "selector", labels.clone());
            }
            if let Some(metadata) = object.get_mut("metadata").filter(|metadata| is_empty(metadata, "labels"))
            {
                set(metadata, "labels", labels);
            }
        }
        if let Some(spec) = object.get_mut("spec") {
            default(spec, "replicas", 1);
            defaults::template(spec, "template");
        }
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let (mut errors, spec) = (Vec::new(), spec_of(object));
        not_negative(&mut errors, spec, "replicas", "spec");
        not_negative(&mut errors, spec, "minReadySeconds", "spec");
        if is_empty(spec, "selector") {
            errors.push(FieldError::required("spec.selector", ""));
        }
        pod::template_restarting(&mut errors, spec, &json!({"matchLabels": spec["selector"]}));
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, _old: &Value) -> Vec<FieldError> {
        match ctx.subresource {
            Some("status") => status_counts(new, &["replicas", "readyReplicas", "availableReplicas"]),
            _ => self.validate_create(ctx, new),
        }
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }
}

// === impl StatefulSet ===

impl Strategy for StatefulSet {
    fn default_spec(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else { return };
        if is_empty(spec, "podManagementPolicy") {
            set(spec, "podManagementPolicy", "OrderedReady");
        }
        default(spec, "updateStrategy", json!({}));
        if let Some(strategy) = spec.get_mut("updateStrategy") {
            if is_empty(strategy, "type") {
                set(strategy, "type", "RollingUpdate");
            }
            if text(strategy, "type") == "RollingUpdate" {
                default(strategy, "rollingUpdate", json!({}));
                if let Some(rolling) = strategy.get_mut("rollingUpdate") {
                    default(rolling, "partition", 0);
                }
            }
        }
        default(spec, "persistentVolumeClaimRetentionPolicy", json!({}));
        if let Some(policy) = spec.get_mut("persistentVolumeClaimRetentionPolicy") {
            for key in ["whenDeleted", "whenScaled"] {
                if is_empty(policy, key) {
                    set(policy, key, "Retain");
                }
            }
        }
        default(spec, "replicas", 1);
        default(spec, "revisionHistoryLimit", 10);
        for claim in items_mut(spec, "volumeClaimTemplates") {
            default(claim, "apiVersion", "v1");
            default(claim, "kind", "PersistentVolumeClaim");
            if let Some(spec) = claim.get_mut("spec") {
                default(spec, "volumeMode", "Filesystem");
            }
            default(claim, "status", json!({"phase": "Pending"}));
        }
        defaults::template(spec, "template");
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let (mut errors, spec) = (Vec::new(), spec_of(object));
        let policy = text(spec, "podManagementPolicy");
        if !matches!(policy, "OrderedReady" | "Parallel") {
            let detail = "must be 'OrderedReady' or 'Parallel'";
            errors.push(FieldError::invalid("spec.podManagementPolicy", policy, detail));
        }
        let strategy = &spec["updateStrategy"];
        match text(strategy, "type") {
            "RollingUpdate" => {
                not_negative(
                    &mut errors,
                    &strategy["rollingUpdate"],
                    "partition",
                    "spec.updateStrategy.rollingUpdate",
                );
            }
            "OnDelete" => {
                if has(strategy, "rollingUpdate") {
                    let field = "spec.updateStrategy.rollingUpdate";
                    let detail = "only allowed for updateStrategy 'RollingUpdate'";
                    errors.push(FieldError::invalid(field, strategy["rollingUpdate"].clone(), detail));
                }
            }
            _ => {
                let detail = "must be 'RollingUpdate' or 'OnDelete'";
                errors.push(FieldError::invalid("spec.updateStrategy", strategy.clone(), detail));
            }
        }
        not_negative(&mut errors, spec, "replicas", "spec");
        not_negative(&mut errors, spec, "minReadySeconds", "spec");
        required_selector(&mut errors, spec);
        // Claims are volumes to the template's containers.
        let mut with_claims = spec.clone();
        let claims: Vec<Value> = items(spec, "volumeClaimTemplates")
            .iter()
            .map(|claim| claim["metadata"]["name"].clone())
            .map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}))
            .collect();
        if let Some(pod_spec) = with_claims.pointer_mut("/template/spec") {
            let mut volumes = items(pod_spec, "volumes").to_vec();
            volumes.retain(|volume| !claims.iter().any(|claim| claim["name"] == volume["name"]));
            volumes.extend(claims);
            set(pod_spec, "volumes", volumes);
        }
        pod::template_restarting(&mut errors, &with_claims, &spec["selector"]);
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        if ctx.subresource == Some("status") {
            return status_counts(new, &["replicas", "readyReplicas", "currentReplicas", "updatedReplicas"]);
        }
        let mut errors = self.validate_create(ctx, new);
        let mut comparable = spec_of(new).clone();
        for key in [
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        ] {
            super::fields::put(&mut comparable, key, spec_of(old).get(key).cloned());
        }
        if comparable != *spec_of(old) {
            errors.push(FieldError::forbidden(
                "spec",
                "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                 'minReadySeconds' are forbidden",
            ));
        }
        errors
    }
}

// === impl DaemonSet ===

impl Strategy for DaemonSet {
    fn default_spec(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else { return };
        default(spec, "updateStrategy", json!({}));
        if let Some(strategy) = spec.get_mut("updateStrategy") {
            if is_empty(strategy, "type") {
                set(strategy, "type", "RollingUpdate");
            }
            if text(strategy, "type") == "RollingUpdate" {
                default(strategy, "rollingUpdate", json!({}));
                if let Some(rolling) = strategy.get_mut("rollingUpdate") {
                    default(rolling, "maxUnavailable", 1);
                    default(rolling, "maxSurge", 0);
                }
            }
        }
        default(spec, "revisionHistoryLimit", 10);
        defaults::template(spec, "template");
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let (mut errors, spec) = (Vec::new(), spec_of(object));
        required_selector(&mut errors, spec);
        pod::template_restarting(&mut errors, spec, &spec["selector"]);
        not_negative(&mut errors, spec, "minReadySeconds", "spec");
        not_negative(&mut errors, spec, "revisionHistoryLimit", "spec");
        let kind = text(&spec["updateStrategy"], "type");
        if !matches!(kind, "RollingUpdate" | "OnDelete") {
            let allowed = ["OnDelete", "RollingUpdate"];
            errors.push(FieldError::not_supported("spec.updateStrategy.type", kind, &allowed));
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        if ctx.subresource == Some("status") {
            return status_counts(
                new,
                &["currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"],
            );
        }
        let mut errors = self.validate_create(ctx, new);
        immutable(&mut errors, spec_of(new), spec_of(old), "selector", "spec");
        errors
    }
}

// === impl PodTemplate ===

impl Strategy for PodTemplate {
    fn default_spec(&self, object: &mut Value) {
        defaults::template(object, "template");
    }

    fn prepare_create(&self, _ctx: &Ctx<'_>, object: &mut Value) {
        objects::meta::metadata_mut(object).insert("generation".into(), 1.into());
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        pod::template(&mut errors, &object["template"], "template");
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, _old: &Value) -> Vec<FieldError> {
        self.validate_create(ctx, new)
    }
}
