//! Storage: the class of claims that name none, the finalizers that keep what is in use, and who may grow a claim.
//!
//! Upstream's plugins DefaultStorageClass, StorageObjectInUseProtection and PersistentVolumeClaimResize.

use objects::meta;
use objects::quantity::Quantity;
use objects::registry;
use serde_json::{Value, json};

use crate::status::Status;
use crate::strategy::Ctx;
use crate::strategy::fields::{flag, has, set, text};

/// Annotation that makes a class the default.
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

/// Finalizer of a claim: it stays until no pod has it.
pub(super) const CLAIM_IN_USE: &str = "kubernetes.io/pvc-protection";
/// Finalizer of a volume: it stays until no claim has it.
pub(super) const VOLUME_IN_USE: &str = "kubernetes.io/pv-protection";

/// Fills in the class of a new claim. The empty name is a choice: no class.
pub(super) fn default_class(ctx: &Ctx<'_>, claim: &mut Value) {
    let Some(kind) = registry::by_resource("storage.k8s.io", "v1", "storageclasses") else { return };
    let beta = meta::annotation(claim, "volume.beta.kubernetes.io/storage-class").is_some();
    let Some(spec) = claim.get_mut("spec").filter(|spec| !has(spec, "storageClassName") && !beta) else {
        return;
    };
    let classes = ctx.server.read_all(kind, None);
    let defaults = classes.iter().filter(|class| meta::annotation(class, DEFAULT) == Some("true"));
    // RFC 3339 in UTC sorts as text; of classes made in the same second the first by name wins.
    let newest = defaults.max_by(|a, b| {
        let age = meta::creation_timestamp(a).cmp(meta::creation_timestamp(b));
        age.then_with(|| meta::name(b).cmp(meta::name(a)))
    });
    if let Some(class) = newest {
        set(spec, "storageClassName", meta::name(class));
    }
}

/// Gives a new claim or volume the finalizer that keeps it while it is in use.
pub(super) fn protect(object: &mut Value, finalizer: &str) {
    if meta::finalizers(object).any(|one| one == finalizer) {
        return;
    }
    let list = meta::metadata_mut(object).entry("finalizers").or_insert_with(|| json!([]));
    match list.as_array_mut() {
        Some(list) => list.push(json!(finalizer)),
        None => *list = json!([finalizer]),
    }
}

fn request(claim: &Value) -> Option<Quantity> {
    claim.pointer("/spec/resources/requests/storage")?.as_str()?.parse().ok()
}

/// Refuses to let a claim grow whose class does not allow it.
pub(super) fn resize(ctx: &Ctx<'_>, claim: &Value, old: &Value) -> Result<(), Status> {
    let (Some(new_size), Some(old_size)) = (request(claim), request(old)) else { return Ok(()) };
    if new_size <= old_size {
        return Ok(());
    }
    let refuse = |why: &str| Err(Status::forbidden(ctx.kind, ctx.name, why));
    if text(&old["status"], "phase") != "Bound" {
        return refuse("Only bound persistent volume claims can be expanded");
    }
    let name = match meta::annotation(old, "volume.beta.kubernetes.io/storage-class") {
        Some(name) => name,
        None => text(&old["spec"], "storageClassName"),
    };
    let class = registry::by_resource("storage.k8s.io", "v1", "storageclasses")
        .filter(|_| !name.is_empty())
        .and_then(|kind| ctx.server.read(kind, None, name));
    if class.is_some_and(|class| flag(&class, "allowVolumeExpansion")) {
        return Ok(());
    }
    refuse(
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must \
         support resize",
    )
}
