//! Namespaces: the finalizer of the namespace controller, the phase, the label with the name.

use objects::meta;
use objects::validate::FieldError;
use serde_json::{Value, json};

use super::fields::{default, items, put, set};
use super::{Ctx, Strategy};

/// Strategy of core/v1 Namespace.
pub(super) struct Namespace;

impl Strategy for Namespace {
    fn check_name(&self) -> fn(&str) -> Vec<String> {
        objects::validate::dns1123_label
    }

    fn default_spec(&self, object: &mut Value) {
        let name = meta::name(object).to_owned();
        if name.is_empty() {
            return;
        }
        let metadata = meta::metadata_mut(object);
        let labels = metadata.entry("labels").or_insert(Value::Null);
        meta::map_mut(labels).insert("kubernetes.io/metadata.name".into(), name.into());
    }

    fn prepare_create(&self, _ctx: &Ctx<'_>, object: &mut Value) {
        set(object, "status", json!({"phase": "Active"}));
        default(object, "spec", json!({}));
        if let Some(spec) = object.get_mut("spec") {
            let mut finalizers = items(spec, "finalizers").to_vec();
            if !finalizers.iter().any(|one| one == "kubernetes") {
                finalizers.push("kubernetes".into());
            }
            set(spec, "finalizers", finalizers);
        }
    }

    fn prepare_update(&self, ctx: &Ctx<'_>, new: &mut Value, old: &Value) {
        match ctx.subresource {
            Some("status") => put(new, "spec", old.get("spec").cloned()),
            Some("finalize") => {
                let finalizers = new.pointer("/spec/finalizers").cloned().filter(Value::is_array);
                put(new, "spec", Some(old.get("spec").cloned().unwrap_or_else(|| json!({}))));
                if let Some(spec) = new.get_mut("spec") {
                    put(spec, "finalizers", finalizers);
                }
                put(new, "status", old.get("status").cloned());
            }
            _ => {
                put(new, "spec", old.get("spec").cloned());
                put(new, "status", old.get("status").cloned());
            }
        }
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, _old: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let terminating = meta::deletion_timestamp(new).is_some();
        let phase = new["status"]["phase"].as_str().unwrap_or_default();
        if ctx.subresource == Some("status") && terminating != (phase == "Terminating") {
            let detail = if terminating {
                "may only be 'Terminating' if `deletionTimestamp` is not empty"
            } else {
                "may only be 'Active' if `deletionTimestamp` is empty"
            };
            errors.push(FieldError::invalid("status.phase", phase, detail));
        }
        errors
    }

    fn mark_deleted(&self, object: &mut Value) {
        default(object, "status", json!({}));
        if let Some(status) = object.get_mut("status") {
            set(status, "phase", "Terminating");
        }
    }

    fn held(&self, object: &Value) -> bool {
        object.get("spec").is_some_and(|spec| !items(spec, "finalizers").is_empty())
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["status.phase"]
    }
}
