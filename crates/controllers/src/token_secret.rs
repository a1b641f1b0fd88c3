//! Secrets of type `kubernetes.io/service-account-token`: filled with a token of the account that their annotation
//! names, and removed with it.
//!
//! The token is asked for like any other, bound to the Secret, so that it ends with the Secret, and for as long as
//! the API gives one. (Upstream signs tokens of an older form here.)

use std::{sync::Arc, time::Duration};

use client::{Failure, Informer, Queue, failure};
use k8s_openapi::{
    ByteString,
    api::{
        authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
        core::v1::{Secret, ServiceAccount},
    },
};
use kube::{
    api::{DeleteParams, PostParams, Preconditions},
    runtime::watcher::Config,
};
use tokio::task::JoinSet;

use crate::shared::{Context, Key, feed::feed, name, namespace, uid};

/// Type of such Secrets.
const TYPE: &str = "kubernetes.io/service-account-token";
/// Annotation with the account's name.
const ACCOUNT: &str = "kubernetes.io/service-account.name";
/// Annotation with the account's UID.
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
/// The longest lifetime that the API gives a token, in seconds.
const LIFETIME: i64 = 1 << 32;

/// Keeps such Secrets.
pub(crate) async fn run(context: Context) {
    let accounts = context.informers.of::<ServiceAccount>();
    let secrets = context.informers.matching::<Secret>(Config::default().fields(&format!("type={TYPE}")));
    tokio::join!(accounts.synced(), secrets.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &secrets, &queue, |change| [Key::of(&**change.object())]);
    let all = secrets.clone();
    feed(&mut feeds, &accounts, &queue, move |change| {
        let account = change.object();
        let of_account = |secret: &Arc<Secret>| annotation(secret, ACCOUNT) == name(&**account);
        let secrets = all.list_in(namespace(&**account));
        secrets
            .iter()
            .filter(|secret| of_account(secret))
            .map(|secret| Key::of(&**secret))
            .collect::<Vec<_>>()
    });
    let controller = Arc::new(Controller { context, accounts, secrets });
    let reconcile = move |key: Key| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("serviceaccount-token-controller", 2, reconcile).await;
}

struct Controller {
    context: Context,
    accounts: Informer<ServiceAccount>,
    secrets: Informer<Secret>,
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let Some(secret) = self.secrets.get(Some(&key.namespace), &key.name) else { return Ok(None) };
        if secret.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        let account = annotation(&secret, ACCOUNT);
        let wanted = annotation(&secret, ACCOUNT_UID);
        let fits = |found: &ServiceAccount| wanted.is_empty() || wanted == uid(found);
        let accounts = self.context.api::<ServiceAccount>(&key.namespace);
        let mut found = self.accounts.get(Some(&key.namespace), account).filter(|found| fits(found));
        if found.is_none() {
            // It may be newer than what was seen.
            found = accounts.get_opt(account).await?.map(Arc::new).filter(|found| fits(found));
        }
        let secrets = self.context.api::<Secret>(&key.namespace);
        let Some(found) = found else {
            let preconditions = Preconditions {
                uid: secret.metadata.uid.clone(),
                resource_version: secret.metadata.resource_version.clone(),
            };
            let params = DeleteParams::default().preconditions(preconditions);
            return settle(secrets.delete(&key.name, &params).await.map(drop));
        };
        let Some(mut changed) = lacking(&secret, uid(&*found), &self.context.options.root_ca_pem) else {
            return Ok(None);
        };
        let data = changed.data.get_or_insert_default();
        if data.get("token").is_none_or(|token| token.0.is_empty()) {
            let request = TokenRequest {
                spec: Some(TokenRequestSpec {
                    expiration_seconds: Some(LIFETIME),
                    bound_object_ref: Some(BoundObjectReference {
                        api_version: Some("v1".into()),
                        kind: Some("Secret".into()),
                        name: secret.metadata.name.clone(),
                        uid: secret.metadata.uid.clone(),
                    }),
                    ..TokenRequestSpec::default()
                }),
                ..TokenRequest::default()
            };
            let answer = accounts.create_token_request(account, &PostParams::default(), &request).await?;
            let token = answer.status.and_then(|status| status.token).unwrap_or_default();
            data.insert("token".into(), ByteString(token.into_bytes()));
        }
        settle(secrets.replace(&key.name, &PostParams::default(), &changed).await.map(drop))
    }
}

/// The Secret with all that is known without asking for a token; none if it lacks nothing, not even the token.
fn lacking(secret: &Secret, account: &str, authority: &str) -> Option<Secret> {
    let mut changed = secret.clone();
    let annotations = changed.metadata.annotations.get_or_insert_default();
    annotations.insert(ACCOUNT_UID.into(), account.into());
    let of = secret.metadata.namespace.clone().unwrap_or_default();
    let data = changed.data.get_or_insert_default();
    data.insert("namespace".into(), ByteString(of.into_bytes()));
    if !authority.is_empty() {
        data.insert("ca.crt".into(), ByteString(authority.as_bytes().to_vec()));
    }
    let has_token = data.get("token").is_some_and(|token| !token.0.is_empty());
    (!has_token || changed != *secret).then_some(changed)
}

fn annotation<'a>(secret: &'a Secret, key: &str) -> &'a str {
    let annotations = secret.metadata.annotations.as_ref();
    annotations.and_then(|annotations| annotations.get(key)).map(String::as_str).unwrap_or_default()
}

/// Somebody else was faster, and will be heard of.
fn settle(result: Result<(), kube::Error>) -> Result<Option<Duration>, kube::Error> {
    match result {
        Err(error) if !matches!(failure(&error), Failure::NotFound | Failure::Conflict) => Err(error),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_secret_lacks_nothing() {
        let empty: Secret =
            serde_json::from_value(json!({"metadata": {"name": "s", "namespace": "n"}})).unwrap();
        let mut filled = lacking(&empty, "uid", "authority").unwrap();
        assert_eq!(annotation(&filled, ACCOUNT_UID), "uid");
        assert_eq!(filled.data.as_ref().unwrap()["namespace"].0, b"n");
        assert!(lacking(&filled, "uid", "authority").is_some(), "the token");
        filled.data.as_mut().unwrap().insert("token".into(), ByteString(b"t".to_vec()));
        assert_eq!(lacking(&filled, "uid", "authority"), None);
        assert!(lacking(&filled, "other", "authority").is_some());
    }
}
