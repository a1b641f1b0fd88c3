//! PersistentVolumes, PersistentVolumeClaims, StorageClasses and CSI drivers.

use objects::meta;
use objects::quantity::Quantity;
use objects::validate::FieldError;
use serde_json::{Value, json};

use super::fields::{default, has, is_empty, items, put, set, text};
use super::{Ctx, Strategy};

/// Strategy of core/v1 PersistentVolume.
pub(super) struct Volume;
/// Strategy of core/v1 PersistentVolumeClaim.
pub(super) struct Claim;
/// Strategy of storage.k8s.io/v1 StorageClass.
pub(super) struct Class;
/// Strategy of storage.k8s.io/v1 CSIDriver.
pub(super) struct Driver;

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

fn access_modes(errors: &mut Vec<FieldError>, spec: &Value) {
    let modes = items(spec, "accessModes");
    if modes.is_empty() {
        errors.push(FieldError::required("spec.accessModes", "at least 1 access mode is required"));
    }
    for mode in modes {
        let mode = mode.as_str().unwrap_or_default();
        if !MODES.contains(&mode) {
            errors.push(FieldError::not_supported("spec.accessModes", mode, &MODES));
        }
    }
}

/// A write of one half keeps the other.
fn keep_half(ctx: &Ctx<'_>, new: &mut Value, old: &Value) {
    let kept = if ctx.subresource == Some("status") { "spec" } else { "status" };
    put(new, kept, old.get(kept).cloned());
}

// === impl Volume ===

impl Strategy for Volume {
    fn default_spec(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else { return };
        if is_empty(spec, "persistentVolumeReclaimPolicy") {
            set(spec, "persistentVolumeReclaimPolicy", "Retain");
        }
        default(spec, "volumeMode", "Filesystem");
        if let Some(path) = spec.get_mut("hostPath").filter(|path| path.is_object()) {
            default(path, "type", "");
        }
    }

    fn prepare_create(&self, ctx: &Ctx<'_>, object: &mut Value) {
        set(object, "status", json!({"phase": "Pending", "lastPhaseTransitionTime": ctx.now}));
    }

    fn prepare_update(&self, ctx: &Ctx<'_>, new: &mut Value, old: &Value) {
        keep_half(ctx, new, old);
        let phase = |object: &Value| object["status"].get("phase").cloned();
        if ctx.subresource == Some("status")
            && phase(new) != phase(old)
            && let Some(status) = new.get_mut("status")
        {
            set(status, "lastPhaseTransitionTime", ctx.now.clone());
        }
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let (mut errors, spec) = (Vec::new(), &object["spec"]);
        access_modes(&mut errors, spec);
        if is_empty(spec, "capacity") {
            errors.push(FieldError::required("spec.capacity", ""));
        } else if !has(&spec["capacity"], "storage") {
            let detail = "must be 'storage'";
            errors.push(FieldError::invalid("spec.capacity", spec["capacity"].clone(), detail));
        }
        let policy = text(spec, "persistentVolumeReclaimPolicy");
        let policies = ["Delete", "Recycle", "Retain"];
        if !policies.contains(&policy) {
            errors.push(FieldError::not_supported("spec.persistentVolumeReclaimPolicy", policy, &policies));
        }
        let sources = [
            "hostPath",
            "local",
            "nfs",
            "csi",
            "iscsi",
            "fc",
            "rbd",
            "cephfs",
            "awsElasticBlockStore",
            "gcePersistentDisk",
            "azureDisk",
            "azureFile",
            "vsphereVolume",
            "cinder",
            "flexVolume",
            "glusterfs",
        ];
        let given = sources.iter().filter(|source| has(spec, source)).count();
        if given == 0 {
            errors.push(FieldError::required("spec", "must specify a volume type"));
        } else if given > 1 {
            errors.push(FieldError::forbidden("spec", "may not specify more than 1 volume type"));
        }
        if has(spec, "local") && !has(spec, "nodeAffinity") {
            errors.push(FieldError::required("spec.nodeAffinity", "Local volume requires node affinity"));
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        if ctx.subresource == Some("status") {
            Vec::new()
        } else {
            let mut errors = self.validate_create(ctx, new);
            for source in ["hostPath", "local", "nfs", "csi"] {
                if new["spec"].get(source) != old["spec"].get(source) {
                    let detail = "spec.persistentvolumesource is immutable after creation";
                    errors.push(FieldError::forbidden("spec.persistentvolumesource", detail));
                }
            }
            errors
        }
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["name"]
    }

    fn field(&self, object: &Value, _path: &str) -> String {
        meta::name(object).to_owned()
    }
}

// === impl Claim ===

impl Strategy for Claim {
    fn default_spec(&self, object: &mut Value) {
        if let Some(spec) = object.get_mut("spec") {
            default(spec, "volumeMode", "Filesystem");
        }
    }

    fn prepare_create(&self, _ctx: &Ctx<'_>, object: &mut Value) {
        set(object, "status", json!({"phase": "Pending"}));
    }

    fn prepare_update(&self, ctx: &Ctx<'_>, new: &mut Value, old: &Value) {
        keep_half(ctx, new, old);
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let (mut errors, spec) = (Vec::new(), &object["spec"]);
        access_modes(&mut errors, spec);
        let storage = spec.pointer("/resources/requests/storage").and_then(Value::as_str);
        match storage.map(Quantity::parse) {
            None => errors.push(FieldError::required("spec.resources[storage]", "")),
            Some(Ok(amount)) if amount.sign() <= 0 => {
                let shown = storage.unwrap_or_default();
                errors.push(FieldError::invalid(
                    "spec.resources[storage]",
                    shown,
                    "must be greater than zero",
                ));
            }
            Some(_) => {}
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        if ctx.subresource == Some("status") {
            return Vec::new();
        }
        let mut errors = self.validate_create(ctx, new);
        let mut comparable = new["spec"].clone();
        let was = &old["spec"];
        put(&mut comparable, "resources", was.get("resources").cloned());
        put(&mut comparable, "volumeAttributesClassName", was.get("volumeAttributesClassName").cloned());
        if is_empty(was, "volumeName") {
            put(&mut comparable, "volumeName", was.get("volumeName").cloned());
        }
        if !has(was, "storageClassName") {
            put(&mut comparable, "storageClassName", was.get("storageClassName").cloned());
        }
        if comparable != *was {
            let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName \
                for bound claims";
            errors.push(FieldError::forbidden("spec", detail));
        }
        errors
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["name"]
    }

    fn field(&self, object: &Value, _path: &str) -> String {
        meta::name(object).to_owned()
    }
}

// === impl Class ===

impl Strategy for Class {
    fn default_spec(&self, object: &mut Value) {
        default(object, "reclaimPolicy", "Delete");
        default(object, "volumeBindingMode", "Immediate");
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if text(object, "provisioner").is_empty() {
            errors.push(FieldError::required("provisioner", ""));
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.validate_create(ctx, new);
        for key in ["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"] {
            if new.get(key) != old.get(key) {
                errors.push(FieldError::forbidden(key, format!("updates to {key} are forbidden.")));
            }
        }
        errors
    }
}

// === impl Driver ===

impl Strategy for Driver {
    fn default_spec(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else { return };
        default(spec, "attachRequired", true);
        for key in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
            default(spec, key, false);
        }
        default(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
        if is_empty(spec, "volumeLifecycleModes") {
            set(spec, "volumeLifecycleModes", json!(["Persistent"]));
        }
    }
}
