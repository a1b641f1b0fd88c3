//! Reviews: answers computed from who asks, tokens and policies; nothing of them is stored.

use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::fields::{items, set, text};
use super::{Ctx, Strategy};
use crate::auth::{self, Attributes, Decision, UserInfo};
use crate::status::Status;

/// Strategy of authentication.k8s.io TokenReview.
pub(super) struct Token;
/// Strategy of authentication.k8s.io SelfSubjectReview.
pub(super) struct SelfSubject;
/// Strategy of authorization.k8s.io SubjectAccessReview.
pub(super) struct Access;
/// Strategy of authorization.k8s.io LocalSubjectAccessReview.
pub(super) struct LocalAccess;
/// Strategy of authorization.k8s.io SelfSubjectAccessReview.
pub(super) struct SelfAccess;
/// Strategy of authorization.k8s.io SelfSubjectRulesReview.
pub(super) struct SelfRules;

type Answer<'a> = BoxFuture<'a, Result<Value, Status>>;

fn answer<'a>(result: Result<Value, Status>) -> Answer<'a> {
    Box::pin(async { result })
}

fn with_status(mut object: Value, status: Value) -> Value {
    set(&mut object, "status", status);
    object
}

impl Strategy for Token {
    fn is_virtual(&self) -> bool {
        true
    }

    fn review<'a>(&'a self, ctx: &'a Ctx<'a>, object: Value) -> Answer<'a> {
        let spec = object.get("spec").unwrap_or(&Value::Null);
        let token = text(spec, "token");
        if token.is_empty() {
            return answer(Err(Status::bad_request("token is required for TokenReview in authentication")));
        }
        let mut audiences: Vec<String> =
            items(spec, "audiences").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let named = !audiences.is_empty();
        if !named {
            audiences = ctx.server.auth.audiences().to_vec();
        }
        let status = match ctx.server.auth.user_of_token(token, &audiences) {
            Ok((user, shared)) => {
                let mut status = json!({"authenticated": true, "user": auth::user_value(&user)});
                if named {
                    status["audiences"] = json!(shared);
                }
                status
            }
            Err(error) => json!({"user": {}, "error": error.to_string()}),
        };
        let mut object = with_status(object, status);
        // The token is not repeated to whoever reads answers or logs.
        if let Some(spec) = object.get_mut("spec") {
            set(spec, "token", "");
        }
        answer(Ok(object))
    }
}

impl Strategy for SelfSubject {
    fn is_virtual(&self) -> bool {
        true
    }

    fn review<'a>(&'a self, ctx: &'a Ctx<'a>, object: Value) -> Answer<'a> {
        let mut object = with_status(object, json!({"userInfo": auth::user_value(ctx.user)}));
        objects::meta::metadata_mut(&mut object).insert("creationTimestamp".into(), ctx.now.clone().into());
        answer(Ok(object))
    }
}

impl Strategy for Access {
    fn is_virtual(&self) -> bool {
        true
    }

    fn review<'a>(&'a self, ctx: &'a Ctx<'a>, object: Value) -> Answer<'a> {
        answer(access(ctx, object, None))
    }
}

impl Strategy for LocalAccess {
    fn is_virtual(&self) -> bool {
        true
    }

    fn review<'a>(&'a self, ctx: &'a Ctx<'a>, object: Value) -> Answer<'a> {
        let own = ctx.namespace.unwrap_or_default();
        let asked = text(&object["spec"]["resourceAttributes"], "namespace");
        if asked != own {
            let detail = format!(
                "spec.resourceAttributes.namespace: Invalid value: {asked:?}: must match metadata.namespace"
            );
            return answer(Err(Status::bad_request(detail)));
        }
        answer(access(ctx, object, None))
    }
}

impl Strategy for SelfAccess {
    fn is_virtual(&self) -> bool {
        true
    }

    fn review<'a>(&'a self, ctx: &'a Ctx<'a>, object: Value) -> Answer<'a> {
        answer(access(ctx, object, Some(ctx.user)))
    }
}

/// Answers an access review, about the user in its spec unless `user` is given.
fn access(ctx: &Ctx<'_>, object: Value, user: Option<&UserInfo>) -> Result<Value, Status> {
    let spec = object.get("spec").cloned().unwrap_or_default();
    let named = user_of(&spec);
    let user = match user {
        Some(user) => user,
        None if named.name.is_empty() && named.groups.is_empty() => {
            return Err(Status::bad_request(
                "spec.user: Invalid value: \"\": at least one of user or group must be specified",
            ));
        }
        None => &named,
    };
    let (resource, path) = (spec.get("resourceAttributes"), spec.get("nonResourceAttributes"));
    let (resource, path) = (resource.filter(|one| one.is_object()), path.filter(|one| one.is_object()));
    let selector;
    let attributes = match (resource, path) {
        (Some(resource), None) => {
            selector = field_selector(resource);
            Attributes {
                verb: text(resource, "verb"),
                group: text(resource, "group"),
                resource: text(resource, "resource"),
                subresource: text(resource, "subresource"),
                namespace: text(resource, "namespace"),
                name: text(resource, "name"),
                field_selector: &selector,
                ..Attributes::default()
            }
        }
        (None, Some(path)) => {
            Attributes { verb: text(path, "verb"), path: text(path, "path"), ..Attributes::default() }
        }
        _ => {
            let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            return Err(Status::bad_request(format!(
                "spec.resourceAttributes: Invalid value: null: {detail}"
            )));
        }
    };
    let status = match auth::authorize(&ctx.server.auth, user, &attributes) {
        Decision::Allow => json!({"allowed": true}),
        Decision::Deny(why) if why.is_empty() => json!({"allowed": false}),
        Decision::Deny(why) => json!({"allowed": false, "reason": why}),
    };
    Ok(with_status(object, status))
}

fn user_of(spec: &Value) -> UserInfo {
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let extra = spec.get("extra").and_then(Value::as_object).into_iter().flatten();
    UserInfo {
        name: text(spec, "user").to_owned(),
        uid: text(spec, "uid").to_owned(),
        groups: list(&spec["groups"]),
        extra: extra.map(|(key, values)| (key.to_lowercase(), list(values))).collect(),
    }
}

/// The text form of the requirements with one value each, which is all that authorization looks at.
fn field_selector(resource: &Value) -> String {
    let selector = &resource["fieldSelector"];
    let raw = text(selector, "rawSelector");
    if !raw.is_empty() {
        return raw.to_owned();
    }
    let terms = items(selector, "requirements").iter().filter_map(|one| match &items(one, "values") {
        [value] if text(one, "operator") == "In" => Some(format!("{}={}", text(one, "key"), value.as_str()?)),
        _ => None,
    });
    terms.collect::<Vec<_>>().join(",")
}

impl Strategy for SelfRules {
    fn is_virtual(&self) -> bool {
        true
    }

    fn review<'a>(&'a self, ctx: &'a Ctx<'a>, object: Value) -> Answer<'a> {
        let namespace = text(&object["spec"], "namespace").to_owned();
        if namespace.is_empty() {
            return answer(Err(Status::bad_request("no namespace on request")));
        }
        let (mut resources, mut paths) = (Vec::new(), Vec::new());
        for rule in ctx.server.auth.rules_of(ctx.user, &namespace) {
            if !rule.resources.is_empty() {
                resources.push(rule.to_value());
            }
            if !rule.urls.is_empty() {
                paths.push(json!({"verbs": rule.verbs, "nonResourceURLs": rule.urls}));
            }
        }
        let incomplete = auth::node::node_name(ctx.user).is_some();
        let mut status =
            json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": incomplete});
        if incomplete {
            status["evaluationError"] = json!("node authorizer does not support user rule resolution");
        }
        answer(Ok(with_status(object, status)))
    }
}
