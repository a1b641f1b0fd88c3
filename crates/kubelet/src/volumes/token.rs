//! Service account tokens for projected volumes: bound to their pod, asked for again before they end.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount, ServiceAccountTokenProjection};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};

use super::payload::{TokenKey, token_key};

/// A token with the time at which another is due.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) renew_at: Timestamp,
}

/// The request for a token was refused.
#[derive(Debug, thiserror::Error)]
#[error("failed to fetch token for service account {namespace}/{account}: {source}")]
pub(crate) struct TokenError {
    namespace: String,
    account: String,
    source: Box<kube::Error>,
}

/// Fills `tokens` with what `wanted` asks for, keeping those that are not due.
pub(crate) async fn fetch(
    client: &Client,
    pod: &Pod,
    wanted: &[ServiceAccountTokenProjection],
    tokens: &mut HashMap<TokenKey, Token>,
    now: Timestamp,
) -> Result<(), TokenError> {
    for projection in wanted {
        let key = token_key(projection);
        if tokens.get(&key).is_none_or(|t| t.renew_at <= now) {
            let token = request(client, pod, &key, now).await?;
            tokens.insert(key, token);
        }
    }
    Ok(())
}

async fn request(client: &Client, pod: &Pod, key: &TokenKey, now: Timestamp) -> Result<Token, TokenError> {
    let meta = &pod.metadata;
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let account = pod
        .spec
        .as_ref()
        .and_then(|s| s.service_account_name.as_deref())
        .filter(|a| !a.is_empty())
        .unwrap_or("default");
    let (audience, seconds) = key;
    let body = TokenRequest {
        metadata: ObjectMeta::default(),
        spec: Some(TokenRequestSpec {
            audiences: (!audience.is_empty()).then(|| vec![audience.clone()]),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: meta.name.clone(),
                uid: meta.uid.clone(),
            }),
            expiration_seconds: Some(*seconds),
            ..TokenRequestSpec::default()
        }),
        status: None,
    };
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let answer = api.create_token_request(account, &PostParams::default(), &body).await.map_err(|e| {
        TokenError { namespace: namespace.to_owned(), account: account.to_owned(), source: Box::new(e) }
    })?;
    let status = answer.status.unwrap_or_default();
    let expires = status.expiration_timestamp.map_or(now, |t| t.0);
    Ok(Token { text: status.token.unwrap_or_default(), renew_at: renewal(now, expires) })
}

/// After four fifths of its life, and at least once a day.
fn renewal(now: Timestamp, expires: Timestamp) -> Timestamp {
    let life = expires.duration_since(now).as_secs().max(0);
    now + SignedDuration::from_secs((life / 5 * 4).min(24 * 3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewed_before_the_end() {
        let now = Timestamp::UNIX_EPOCH;
        let after = |life| renewal(now, now + SignedDuration::from_secs(life)).as_second();
        assert_eq!(after(3600), 2880);
        assert_eq!(after(600), 480);
        assert_eq!(after(365 * 24 * 3600), 24 * 3600);
        assert_eq!(after(-5), 0);
    }
}
