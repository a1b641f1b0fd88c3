//! PersistentVolumes, PersistentVolumeClaims, StorageClasses and CSI drivers.

use objects::meta;
use objects::quantity::Quantity;
use objects::validate::FieldError;
use serde_json::{Value, json};

use super::fields::{default, has, immutable, is_empty, items, label_selector, put, set, text};
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
const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];

/// The kinds of source that a volume may have.
const SOURCES: [&str; 22] = [
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "hostPath",
    "iscsi",
    "local",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

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
    if modes.len() > 1 && modes.iter().any(|mode| mode == "ReadWriteOncePod") {
        let detail = "may not use ReadWriteOncePod with other access modes";
        errors.push(FieldError::forbidden("spec.accessModes", detail));
    }
    let mode = text(spec, "volumeMode");
    if !mode.is_empty() && !VOLUME_MODES.contains(&mode) {
        errors.push(FieldError::not_supported("spec.volumeMode", mode, &VOLUME_MODES));
    }
}

/// A path of a node, which may not climb.
fn node_path(errors: &mut Vec<FieldError>, source: &Value, path: &str) {
    let given = text(source, "path");
    if given.is_empty() {
        errors.push(FieldError::required(format!("{path}.path"), ""));
    } else if given.split('/').any(|part| part == "..") {
        errors.push(FieldError::invalid(format!("{path}.path"), given, "must not contain '..'"));
    }
}

fn size(spec: &Value, pointer: &str) -> Option<Quantity> {
    spec.pointer(pointer)?.as_str()?.parse().ok()
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
            errors.push(FieldError::not_supported("spec.capacity", spec["capacity"].clone(), &["storage"]));
        } else if size(spec, "/capacity/storage").is_some_and(|size| size.sign() <= 0) {
            let given = spec["capacity"]["storage"].clone();
            errors.push(FieldError::invalid("spec.capacity[storage]", given, "must be greater than zero"));
        }
        for source in ["hostPath", "local"] {
            if has(spec, source) {
                node_path(&mut errors, &spec[source], &format!("spec.{source}"));
            }
        }
        let policy = text(spec, "persistentVolumeReclaimPolicy");
        let policies = ["Delete", "Recycle", "Retain"];
        if !policies.contains(&policy) {
            errors.push(FieldError::not_supported("spec.persistentVolumeReclaimPolicy", policy, &policies));
        }
        let given = SOURCES.iter().filter(|source| has(spec, source)).count();
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
            if SOURCES.iter().any(|source| new["spec"].get(source) != old["spec"].get(source)) {
                let detail = "spec.persistentvolumesource is immutable after creation";
                errors.push(FieldError::forbidden("spec.persistentvolumesource", detail));
            }
            immutable(&mut errors, &new["spec"], &old["spec"], "volumeMode", "spec");
            if has(&old["spec"], "nodeAffinity") {
                immutable(&mut errors, &new["spec"], &old["spec"], "nodeAffinity", "spec");
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
        if let Some(selector) = spec.get("selector").filter(|selector| selector.is_object()) {
            label_selector(&mut errors, selector, "spec.selector");
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
        // Only what is bound can grow.
        if text(&old["status"], "phase") == "Bound" {
            put(&mut comparable, "resources", was.get("resources").cloned());
        }
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
        let asked = |spec: &Value| size(spec, "/resources/requests/storage");
        let held = size(&old["status"], "/capacity/storage");
        if asked(&new["spec"]) < asked(was) && held.is_some_and(|held| asked(&new["spec"]) < Some(held)) {
            let detail = "field can not be less than status.capacity";
            errors.push(FieldError::forbidden("spec.resources.requests.storage", detail));
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
        for (key, allowed) in [
            ("reclaimPolicy", ["Delete", "Retain"]),
            ("volumeBindingMode", ["Immediate", "WaitForFirstConsumer"]),
        ] {
            let given = text(object, key);
            if !allowed.contains(&given) {
                errors.push(FieldError::not_supported(key, given, &allowed));
            }
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.validate_create(ctx, new);
        for key in ["provisioner", "parameters", "reclaimPolicy"] {
            if new.get(key) != old.get(key) {
                errors.push(FieldError::forbidden(key, format!("updates to {key} are forbidden.")));
            }
        }
        if new.get("volumeBindingMode") != old.get("volumeBindingMode") {
            let given = new["volumeBindingMode"].clone();
            errors.push(FieldError::invalid("volumeBindingMode", given, "field is immutable"));
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
