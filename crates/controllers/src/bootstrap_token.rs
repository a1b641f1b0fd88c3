//! `token-cleaner`: Secrets with bootstrap tokens that have expired are removed. Woken by changes and by the next
//! expiry. What a token is good for, and that an expired one is not, is the API server's to say.

use std::time::Duration;

use client::{Failure, Queue, failure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    api::{DeleteParams, Preconditions},
    runtime::watcher::Config,
};
use tokio::task::JoinSet;

use crate::shared::{Context, feed::feed, name, now};

/// Where such Secrets are looked for.
const NAMESPACE: &str = "kube-system";
/// Their type.
const TYPE: &str = "bootstrap.kubernetes.io/token";

/// Removes expired tokens.
pub(crate) async fn run(context: Context) {
    let tokens = context.informers.matching::<Secret>(Config::default().fields(&format!("type={TYPE}")));
    tokens.synced().await;
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &tokens, &queue, |change| {
        let secret = change.object();
        Some(name(&**secret).to_owned()).filter(|_| secret.metadata.namespace.as_deref() == Some(NAMESPACE))
    });
    let reconcile = move |key: String| {
        let (context, tokens) = (context.clone(), tokens.clone());
        async move {
            let Some(secret) = tokens.get(Some(NAMESPACE), &key) else { return Ok(None) };
            let Some(end) = expiry(&secret) else { return Ok(None) };
            if let Ok(left) = Duration::try_from(end.duration_since(now()))
                && !left.is_zero()
            {
                return Ok(Some(left));
            }
            let preconditions =
                Preconditions { uid: secret.metadata.uid.clone(), ..Preconditions::default() };
            let params = DeleteParams::default().preconditions(preconditions);
            match context.api::<Secret>(NAMESPACE).delete(&key, &params).await {
                Err(error) if !matches!(failure(&error), Failure::NotFound | Failure::Conflict) => Err(error),
                _ => Ok(None),
            }
        }
    };
    queue.run("token-cleaner-controller", 1, reconcile).await;
}

/// When the token ends; none if it never does. What is no time has ended, as for the API server.
fn expiry(secret: &Secret) -> Option<Timestamp> {
    let bytes = &secret.data.as_ref()?.get("expiration")?.0;
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    (!text.is_empty()).then(|| text.parse().unwrap_or(Timestamp::MIN))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_time_has_ended() {
        use base64::Engine;
        let at = |text: &str| {
            let encoded = base64::engine::general_purpose::STANDARD.encode(text);
            expiry(&serde_json::from_value(json!({"data": {"expiration": encoded}})).unwrap())
        };
        assert_eq!(at("2026-01-01T00:00:00Z"), Some("2026-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(at("tomorrow"), Some(Timestamp::MIN));
        assert_eq!(at(""), None);
        assert_eq!(expiry(&Secret::default()), None);
    }
}
