//! NamespaceLifecycle: nothing new in namespaces that do not exist or are going; the first three stay.

use objects::meta;
use objects::registry;
use serde_json::Value;

use super::Operation;
use crate::status::Status;
use crate::strategy::Ctx;

/// Namespaces that cannot be deleted.
const PROTECTED: [&str; 3] = ["default", "kube-system", "kube-public"];

/// Refuses creations in missing or terminating namespaces, and deletions of the protected ones.
pub(super) fn admit(ctx: &Ctx<'_>, operation: Operation) -> Result<(), Status> {
    let of_namespace = ctx.kind.group.is_empty() && ctx.kind.plural == "namespaces";
    if of_namespace && operation == Operation::Delete && PROTECTED.contains(&ctx.name) {
        return Err(Status::forbidden(ctx.kind, ctx.name, "this namespace may not be deleted"));
    }
    // An action below an object that exists (binding, eviction, token) needs no more than that object.
    let (Some(name), Operation::Create, None) = (ctx.namespace, operation, ctx.subresource) else {
        return Ok(());
    };
    // Asking what one may do is possible everywhere.
    if ctx.kind.group == "authorization.k8s.io" {
        return Ok(());
    }
    let kind = registry::by_resource("", "v1", "namespaces").ok_or_else(Status::unknown_path)?;
    let namespace = ctx.server.read(kind, None, name).ok_or_else(|| Status::not_found(kind, name))?;
    if terminating(&namespace) {
        let detail =
            format!("unable to create new content in namespace {name} because it is being terminated");
        let status = Status::forbidden(ctx.kind, ctx.name, &detail);
        return Err(status.with_cause(
            "NamespaceTerminating",
            format!("namespace {name} is being terminated"),
            "metadata.namespace",
        ));
    }
    Ok(())
}

fn terminating(namespace: &Value) -> bool {
    meta::deletion_timestamp(namespace).is_some() || namespace["status"]["phase"] == "Terminating"
}
