//! ServiceAccounts and the tokens issued for them (`serviceaccounts/token`).

use futures::future::BoxFuture;
use objects::meta;
use objects::registry;
use objects::validate::FieldError;
use serde_json::{Value, json};

use super::fields::{items, number, text};
use super::{Ctx, Strategy};
use crate::auth::service_account::{Subject, claims};
use crate::auth::token::unix_now;
use crate::status::Status;

/// Strategy of core/v1 ServiceAccount.
pub(super) struct ServiceAccount;

/// Seconds that a token lives if the client has no wish, and the least it may wish for.
const DEFAULT_SECONDS: i64 = 3600;
const LEAST_SECONDS: i64 = 600;

impl Strategy for ServiceAccount {
    fn create_subresource<'a>(
        &'a self,
        ctx: &'a Ctx<'a>,
        body: Value,
    ) -> BoxFuture<'a, Result<Value, Status>> {
        let answer = match ctx.subresource {
            Some("token") => issue(ctx, body),
            _ => Err(Status::method_not_supported(ctx.kind, "create")),
        };
        Box::pin(async { answer })
    }
}

fn issue(ctx: &Ctx<'_>, mut request: Value) -> Result<Value, Status> {
    let state = ctx.server;
    let namespace = ctx.namespace.unwrap_or_default();
    let account =
        state.read(ctx.kind, ctx.namespace, ctx.name).ok_or_else(|| Status::not_found(ctx.kind, ctx.name))?;
    let signer = state.auth.signer().ok_or_else(|| {
        Status::service_unavailable("this server has no key to sign service account tokens with")
    })?;
    let spec = request.get("spec").cloned().unwrap_or_default();
    let seconds = number(&spec, "expirationSeconds").unwrap_or(DEFAULT_SECONDS);
    check_seconds(ctx, seconds)?;
    let mut audiences: Vec<String> =
        items(&spec, "audiences").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if audiences.is_empty() {
        audiences = state.auth.audiences().to_vec();
    }
    let bound = bound_object(ctx, &account, &spec["boundObjectRef"])?;
    let node = match &bound {
        Some(("pod", pod)) => node_of(ctx, pod),
        _ => None,
    };
    let subject = Subject {
        namespace,
        account: &account,
        bound: bound.as_ref().map(|(kind, object)| (*kind, object)),
        node: node.as_ref(),
    };
    let now = unix_now();
    let lifetime = seconds.unsigned_abs();
    let claims = claims(&subject, &audiences, &crate::rest::uuid()?, now, lifetime);
    let token = signer.sign(claims).map_err(|_| Status::internal("the token could not be signed"))?;
    let end = jiff::Timestamp::from_second(i64::try_from(now + lifetime).unwrap_or(i64::MAX))
        .map_err(|_| Status::bad_request("spec.expirationSeconds: too far in the future"))?;
    request["apiVersion"] = json!("authentication.k8s.io/v1");
    request["kind"] = json!("TokenRequest");
    request["metadata"] = json!({"name": ctx.name, "namespace": namespace, "creationTimestamp": ctx.now});
    request["spec"] = spec;
    request["spec"]["audiences"] = json!(audiences);
    request["spec"]["expirationSeconds"] = json!(seconds);
    request["status"] =
        json!({"token": token, "expirationTimestamp": end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()});
    Ok(request)
}

fn check_seconds(ctx: &Ctx<'_>, seconds: i64) -> Result<(), Status> {
    let detail = if seconds < LEAST_SECONDS {
        "may not specify a duration less than 10 minutes"
    } else if seconds > 1 << 32 {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let error = FieldError::invalid("spec.expirationSeconds", seconds, detail);
    let kind = registry::by_kind("authentication.k8s.io", "v1", "TokenRequest").unwrap_or(ctx.kind);
    Err(Status::invalid(kind, "", &[error]))
}

fn bound_object(
    ctx: &Ctx<'_>,
    account: &Value,
    reference: &Value,
) -> Result<Option<(&'static str, Value)>, Status> {
    if !reference.is_object() {
        return Ok(None);
    }
    let (kind, name, uid) = (text(reference, "kind"), text(reference, "name"), text(reference, "uid"));
    let (claim, plural, namespace) = match (text(reference, "apiVersion"), kind) {
        ("" | "v1", "Pod") => ("pod", "pods", ctx.namespace),
        ("" | "v1", "Secret") => ("secret", "secrets", ctx.namespace),
        ("" | "v1", "Node") => ("node", "nodes", None),
        (version, kind) => {
            return Err(Status::bad_request(format!(
                "cannot bind token for object of type {version}, Kind={kind}"
            )));
        }
    };
    let of = registry::by_resource("", "v1", plural).ok_or_else(Status::unknown_path)?;
    let object = ctx.server.read(of, namespace, name).ok_or_else(|| Status::not_found(of, name))?;
    if claim == "pod" && text(&object["spec"], "serviceAccountName") != meta::name(account) {
        return Err(Status::bad_request(format!(
            "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
            meta::name(account)
        )));
    }
    let found = meta::uid(&object);
    if !uid.is_empty() && uid != found {
        let detail = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. \
             The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(of, name, &detail));
    }
    Ok(Some((claim, object)))
}

fn node_of(ctx: &Ctx<'_>, pod: &Value) -> Option<Value> {
    let kind = registry::by_resource("", "v1", "nodes")?;
    ctx.server.read(kind, None, text(&pod["spec"], "nodeName"))
}
