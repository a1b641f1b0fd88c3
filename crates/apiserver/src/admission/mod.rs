//! Admission: checks and changes across kinds between decoding and validation. Runs for writes only, after
//! authorization, once per attempt of a write.
//!
//! Changes come before checks: priority, service account and tolerations of pods first, then namespaces, nodes and
//! roles. Quotas are charged last, with the commit itself ([`charge`]). Not here: webhooks.

mod certificates;
mod limits;
mod namespace;
mod node;
mod pod;
mod pod_security;
mod quota;
mod rbac;
mod service_account;
mod storage;

pub(crate) use quota::charge;

use crate::status::Status;
use crate::strategy::Ctx;
use serde_json::Value;

/// The kind of write that is to be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A new object.
    Create,
    /// A changed object.
    Update,
    /// A deletion; the object is the one that would go.
    Delete,
}

/// Admits or refuses a write and may change the object. `object` is new (create, update) or the one to be
/// deleted; `old` is there for updates. Kind, subresource, user, namespace and name are in `ctx`.
pub(crate) async fn admit(
    ctx: &Ctx<'_>,
    operation: Operation,
    object: &mut Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    namespace::admit(ctx, operation)?;
    let own = ctx.subresource.is_none();
    match (ctx.kind.group, ctx.kind.plural, operation) {
        ("", "pods", Operation::Create) if own => {
            pod::priority(ctx, object)?;
            pod::runtime_class(ctx, object)?;
            service_account::admit(ctx, object)?;
            limits::pod(ctx, object)?;
            pod::tolerations(object);
        }
        ("", "pods", Operation::Update) if ctx.subresource == Some("resize") => limits::resized(ctx, object)?,
        ("", "persistentvolumeclaims", Operation::Create) if own => {
            storage::default_class(ctx, object);
            storage::protect(object, storage::CLAIM_IN_USE);
            limits::claim(ctx, object)?;
        }
        ("", "persistentvolumeclaims", Operation::Update) if own => {
            old.map_or(Ok(()), |old| storage::resize(ctx, object, old))?;
            limits::claim(ctx, object)?;
        }
        ("", "persistentvolumes", Operation::Create) if own => {
            storage::protect(object, storage::VOLUME_IN_USE)
        }
        ("", "nodes", Operation::Create) if own => node::taint(object),
        ("scheduling.k8s.io", "priorityclasses", Operation::Create) => pod::one_global_default(ctx, object)?,
        ("certificates.k8s.io", "certificatesigningrequests", _) => {
            certificates::admit(ctx, operation, object, old)?
        }
        ("rbac.authorization.k8s.io", _, Operation::Create | Operation::Update) => {
            rbac::admit(ctx, object, old)?
        }
        _ => {}
    }
    pod_security::admit(ctx, operation, object, old)?;
    node::restrict(ctx, operation, object, old)
}

/// Warnings about a create or update that was admitted.
pub(crate) fn warnings(ctx: &Ctx<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
    pod_security::warnings(ctx, object, old)
}
