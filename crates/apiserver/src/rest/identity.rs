//! Who asks and whether they may: the join between HTTP and `auth`, impersonation included.

use super::query::Query;
use super::route::Target;
use crate::auth::{self, Attributes, Decision, PeerCertificates, UserInfo};
use crate::server::InProcess;
use crate::state::State;
use crate::status::Status;
use http::HeaderMap;
use http::request::Parts;
use std::sync::Arc;

/// The identity of a request: the one set within the process, or what TLS and tokens prove; then whom that one
/// acts for, if it may.
pub(crate) async fn of_request(state: &State, parts: &Parts) -> Result<Arc<UserInfo>, Status> {
    let user = match parts.extensions.get::<InProcess>() {
        Some(InProcess(user)) => user.clone(),
        None => {
            let peer = parts.extensions.get::<PeerCertificates>();
            let user =
                auth::authenticate(&state.auth, parts, peer).await.map_err(|_| Status::unauthorized())?;
            Arc::new(user)
        }
    };
    match impersonated(state, &user, &parts.headers)? {
        Some(other) => Ok(Arc::new(other)),
        None => Ok(user),
    }
}

/// The user named by `Impersonate-*` headers, after asking whether `user` may act for each of its parts.
fn impersonated(state: &State, user: &UserInfo, headers: &HeaderMap) -> Result<Option<UserInfo>, Status> {
    let texts = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.map(str::to_owned).collect()
    };
    let Some(name) = texts("impersonate-user").into_iter().next() else { return Ok(None) };
    let mut groups = texts("impersonate-group");
    let uid = texts("impersonate-uid").into_iter().next().unwrap_or_default();
    let account = name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    match account {
        Some((namespace, name)) => impersonate(state, user, "", "serviceaccounts", "", namespace, name)?,
        None => impersonate(state, user, "", "users", "", "", &name)?,
    }
    for group in &groups {
        impersonate(state, user, "", "groups", "", "", group)?;
    }
    if !uid.is_empty() {
        impersonate(state, user, "authentication.k8s.io", "uids", "", "", &uid)?;
    }
    let mut other = UserInfo { uid, ..UserInfo::default() };
    for (key, value) in headers {
        let Some(key) = key.as_str().strip_prefix("impersonate-extra-") else { continue };
        let value = value.to_str().unwrap_or_default();
        impersonate(state, user, "authentication.k8s.io", "userextras", key, "", value)?;
        other.extra.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    if let Some((namespace, _)) = account
        && groups.is_empty()
    {
        groups.push("system:serviceaccounts".into());
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    let general = if name == "system:anonymous" { "system:unauthenticated" } else { "system:authenticated" };
    if !groups.iter().any(|group| group == general) {
        groups.push(general.into());
    }
    other.name = name;
    other.groups = groups;
    Ok(Some(other))
}

fn impersonate(
    state: &State,
    user: &UserInfo,
    group: &str,
    resource: &str,
    subresource: &str,
    namespace: &str,
    name: &str,
) -> Result<(), Status> {
    let verb = "impersonate";
    let attributes =
        Attributes { verb, group, resource, subresource, namespace, name, ..Attributes::default() };
    match auth::authorize(&state.auth, user, &attributes) {
        Decision::Allow => Ok(()),
        Decision::Deny(why) => {
            let title = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
            let message = format!("{title} {name:?} is forbidden: {}", refusal(user, &attributes, &why));
            Err(Status::new(403, "Forbidden", message))
        }
    }
}

/// Asks for a path that is no resource.
pub(crate) fn authorize_path(state: &State, user: &UserInfo, parts: &Parts) -> Result<(), Status> {
    let verb = parts.method.as_str().to_lowercase();
    let attributes = Attributes { verb: &verb, path: parts.uri.path(), ..Attributes::default() };
    match auth::authorize(&state.auth, user, &attributes) {
        Decision::Allow => Ok(()),
        Decision::Deny(why) => {
            let reason = if why.is_empty() { String::new() } else { format!(": {why}") };
            let path = parts.uri.path();
            let message = format!("forbidden: User {:?} cannot {verb} path {path:?}{reason}", user.name);
            Err(Status::new(403, "Forbidden", message))
        }
    }
}

/// Asks for a resource.
pub(crate) fn authorize_resource(
    state: &State,
    user: &UserInfo,
    target: &Target,
    verb: &str,
    query: &Query,
) -> Result<(), Status> {
    let kind = target.kind;
    let field_selector = query.get("fieldSelector").unwrap_or_default();
    // A list of one name is as narrow as a get of it, and is authorized as such.
    let single = field_selector.strip_prefix("metadata.name=").filter(|name| !name.contains([',', '=']));
    let name = target.name.as_deref().or(single.filter(|_| verb != "create")).unwrap_or_default();
    let of_namespace = kind.kind == "Namespace" && kind.group.is_empty();
    let attributes = Attributes {
        verb,
        group: kind.group,
        resource: kind.plural,
        subresource: target.subresource_name(),
        namespace: if of_namespace { name } else { target.namespace.as_deref().unwrap_or_default() },
        name,
        path: "",
        field_selector,
    };
    match auth::authorize(&state.auth, user, &attributes) {
        Decision::Allow => Ok(()),
        Decision::Deny(why) => Err(Status::forbidden(kind, name, &refusal(user, &attributes, &why))),
    }
}

/// Upstream's sentence about who may not do what.
pub(crate) fn refusal(user: &UserInfo, attributes: &Attributes<'_>, why: &str) -> String {
    let resource = if attributes.subresource.is_empty() {
        attributes.resource.to_owned()
    } else {
        format!("{}/{}", attributes.resource, attributes.subresource)
    };
    let place = if attributes.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", attributes.namespace)
    };
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    let (verb, group) = (attributes.verb, attributes.group);
    format!("User {:?} cannot {verb} resource {resource:?} in API group {group:?} {place}{why}", user.name)
}
