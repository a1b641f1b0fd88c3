//! DefaultStorageClass: a claim that names no class gets the cluster's default one, the newest if several are.

use objects::meta;
use objects::registry;
use serde_json::Value;

use crate::strategy::Ctx;
use crate::strategy::fields::{has, set};

/// Annotation that makes a class the default.
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

/// Fills in the class of a new claim. The empty name is a choice: no class.
pub(super) fn default_class(ctx: &Ctx<'_>, claim: &mut Value) {
    let Some(kind) = registry::by_resource("storage.k8s.io", "v1", "storageclasses") else { return };
    let Some(spec) = claim.get_mut("spec").filter(|spec| !has(spec, "storageClassName")) else { return };
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
