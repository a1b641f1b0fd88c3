//! Removes requests that have done their work: issued, denied or failed an hour ago, pending for a day, or with a
//! certificate that has expired. Woken by changes and by the next of these deadlines.

use std::time::Duration;

use client::{Failure, Queue, failure};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::Api;
use kube::api::DeleteParams;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::task::JoinSet;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{conditions, der, is_issued};
use crate::shared::{Context, created, feed::feed, name};

/// How long decided requests stay.
const DECIDED: SignedDuration = SignedDuration::from_hours(1);
/// How long requests stay that wait for a decision or for their certificate.
const PENDING: SignedDuration = SignedDuration::from_hours(24);

/// Removes old requests.
pub(crate) async fn run(context: Context) {
    let requests = context.informers.of::<CertificateSigningRequest>();
    requests.synced().await;
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &requests, &queue, |change| [name(&**change.object()).to_owned()]);
    let api = Api::<CertificateSigningRequest>::all(context.client.clone());
    let reconcile = move |key: String| {
        let (api, requests) = (api.clone(), requests.clone());
        async move {
            let Some(request) = requests.get(None, &key) else { return Ok(None) };
            let now = der::now();
            let end = deadline(&request);
            if end > now {
                let seconds = u64::try_from(end.duration_since(now).as_secs()).unwrap_or_default();
                return Ok(Some(Duration::from_secs(seconds + 1)));
            }
            match api.delete(&key, &DeleteParams::default()).await {
                Err(error) if failure(&error) != Failure::NotFound => Err(error),
                _ => Ok(None),
            }
        }
    };
    queue.run("certificatesigningrequest-cleaner-controller", 1, reconcile).await;
}

/// When nobody needs the request any more.
fn deadline(request: &CertificateSigningRequest) -> Timestamp {
    let after = |at: Timestamp, time: SignedDuration| at.checked_add(time).unwrap_or(Timestamp::MAX);
    let mut ends = Vec::new();
    if conditions(request).is_empty() {
        ends.push(after(created(request), PENDING));
    }
    for one in conditions(request) {
        let Some(at) = one.last_update_time.as_ref().map(|time| time.0) else { continue };
        match one.type_.as_str() {
            "Denied" | "Failed" => ends.push(after(at, DECIDED)),
            "Approved" if is_issued(request) => ends.push(after(at, DECIDED)),
            "Approved" => ends.push(after(at, PENDING)),
            _ => {}
        }
    }
    ends.extend(expiry(request));
    ends.into_iter().min().unwrap_or(Timestamp::MAX)
}

fn expiry(request: &CertificateSigningRequest) -> Option<Timestamp> {
    let pem = request.status.as_ref()?.certificate.as_ref()?;
    let der = CertificateDer::from_pem_slice(&pem.0).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_request_stays_as_long_as_somebody_may_need_it() {
        let at = |status: Value| {
            let request = json!({
                "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
                "spec": {"request": "", "signerName": "x/y"}, "status": status,
            });
            deadline(&serde_json::from_value(request).unwrap()).to_string()
        };
        let decided =
            |kind: &str| json!([{"type": kind, "status": "True", "lastUpdateTime": "2026-01-01T06:00:00Z"}]);
        assert_eq!(at(json!({})), "2026-01-02T00:00:00Z");
        assert_eq!(at(json!({"conditions": decided("Denied")})), "2026-01-01T07:00:00Z");
        assert_eq!(at(json!({"conditions": decided("Approved")})), "2026-01-02T06:00:00Z");
        assert_eq!(
            at(json!({"conditions": decided("Approved"), "certificate": "eA=="})),
            "2026-01-01T07:00:00Z"
        );
    }
}
