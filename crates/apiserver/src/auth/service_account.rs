//! Service account tokens against the store: whom a token names, and whether what it is bound to is still there.
//!
//! A token dies with its account, pod, secret or node: the check reads the store at each use, so deletion takes
//! effect at once.

use objects::meta;
use serde_json::{Value, json};
use store::Store;

use super::token::TokenError;
use super::{UserInfo, extra};

/// Seconds for which the token of an object under deletion still works, so that it can finish its work.
const LEEWAY: i64 = 60;

/// Groups of every service account in a namespace.
pub(crate) fn groups(namespace: &str) -> Vec<String> {
    vec![
        "system:serviceaccounts".into(),
        format!("system:serviceaccounts:{namespace}"),
        "system:authenticated".into(),
    ]
}

/// What a token is to say besides its times and audiences.
pub(crate) struct Subject<'a> {
    /// The account's namespace.
    pub(crate) namespace: &'a str,
    /// The account.
    pub(crate) account: &'a Value,
    /// Kind in lower case and object that the token is bound to.
    pub(crate) bound: Option<(&'static str, &'a Value)>,
    /// The node of the pod that the token is bound to.
    pub(crate) node: Option<&'a Value>,
}

/// The claims of a new token.
pub(crate) fn claims(subject: &Subject<'_>, audiences: &[String], id: &str, now: u64, seconds: u64) -> Value {
    let reference = |object: &Value| json!({"name": meta::name(object), "uid": meta::uid(object)});
    let mut private = json!({"namespace": subject.namespace, "serviceaccount": reference(subject.account)});
    if let Some((kind, object)) = subject.bound {
        private[kind] = reference(object);
    }
    if let Some(node) = subject.node {
        private["node"] = reference(node);
    }
    json!({
        "sub": format!("system:serviceaccount:{}:{}", subject.namespace, meta::name(subject.account)),
        "aud": audiences, "iat": now, "nbf": now, "exp": now + seconds, "jti": id, "kubernetes.io": private,
    })
}

/// The user that verified claims name, if everything they refer to exists.
pub(super) fn user(store: &Store, claims: &Value) -> Result<UserInfo, TokenError> {
    let private = &claims["kubernetes.io"];
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let namespace = text(private, "namespace");
    let account = &private["serviceaccount"];
    let name = text(account, "name");
    let title = format!("system:serviceaccount:{namespace}:{name}");
    if namespace.is_empty() || name.is_empty() || claims["sub"] != title.as_str() {
        return Err(TokenError::Malformed);
    }
    alive(store, "service account", &format!("serviceaccounts/{namespace}/"), account)?;
    let mut user = UserInfo {
        name: title,
        uid: text(account, "uid"),
        groups: groups(&namespace),
        ..UserInfo::default()
    };
    for (kind, folder) in [("pod", "pods"), ("secret", "secrets"), ("node", "nodes")] {
        let Some(reference) = private.get(kind).filter(|reference| reference.is_object()) else { continue };
        let path = if kind == "node" { "nodes/".to_owned() } else { format!("{folder}/{namespace}/") };
        // The node of a bound pod is for information; the pod is what counts.
        if kind != "node" || private.get("pod").is_none() {
            alive(store, kind, &path, reference)?;
        }
        if kind != "secret" {
            extra(&mut user, &format!("authentication.kubernetes.io/{kind}-name"), text(reference, "name"));
            extra(&mut user, &format!("authentication.kubernetes.io/{kind}-uid"), text(reference, "uid"));
        }
    }
    let id = text(claims, "jti");
    if !id.is_empty() {
        extra(&mut user, "authentication.kubernetes.io/credential-id", format!("JTI={id}"));
    }
    Ok(user)
}

/// Whether the object of that name exists with that UID and is not long since deleted.
fn alive(store: &Store, title: &str, path: &str, reference: &Value) -> Result<(), TokenError> {
    let (name, uid) =
        (reference["name"].as_str().unwrap_or_default(), reference["uid"].as_str().unwrap_or_default());
    let gone = |why: &str| TokenError::Revoked(format!("{title} {name:?} {why}"));
    let entry = store.get(&format!("/registry/core/{path}{name}")).ok_or_else(|| gone("does not exist"))?;
    let object: Value = serde_json::from_slice(&entry.value).map_err(|_| gone("cannot be read"))?;
    if meta::uid(&object) != uid {
        return Err(gone("was deleted and made anew"));
    }
    let deleted = meta::deletion_timestamp(&object).and_then(|at| at.parse::<jiff::Timestamp>().ok());
    if deleted.is_some_and(|at| at.as_second() + LEEWAY < jiff::Timestamp::now().as_second()) {
        return Err(gone("has been deleted"));
    }
    Ok(())
}
