//! The built-in signers: approved requests get their certificate from the cluster's authority.

use std::sync::Arc;
use std::time::Duration;

use client::{Failure, Informer, Queue, failure};
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::Api;
use kube::api::PostParams;
use tokio::task::JoinSet;

use super::issue::{SigningAuthority, lifetime};
use super::{
    CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY, Request, der, has, is_issued, usages, with_condition,
};
use crate::shared::{Context, feed::feed, name};

/// Signs approved requests; without an authority in the options this does nothing.
pub(crate) async fn run(context: Context) {
    let Some(signing) = context.options.signing.clone() else { return std::future::pending().await };
    let authority = match SigningAuthority::new(&signing.certificate_pem, &signing.key_pem) {
        Ok(authority) => authority,
        Err(error) => {
            tracing::error!(%error, "no certificate request will be signed");
            return std::future::pending().await;
        }
    };
    let requests = context.informers.of::<CertificateSigningRequest>();
    requests.synced().await;
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &requests, &queue, |change| [name(&**change.object()).to_owned()]);
    let signer = Arc::new(Signer {
        api: Api::all(context.client.clone()),
        requests,
        authority,
        longest: signing.lifetime,
    });
    let reconcile = move |key: String| {
        let signer = signer.clone();
        async move { signer.reconcile(&key).await }
    };
    queue.run("certificatesigningrequest-signing-controller", 2, reconcile).await;
}

struct Signer {
    api: Api<CertificateSigningRequest>,
    requests: Informer<CertificateSigningRequest>,
    authority: SigningAuthority,
    longest: Duration,
}

impl Signer {
    async fn reconcile(&self, key: &str) -> Result<Option<Duration>, kube::Error> {
        let Some(request) = self.requests.get(None, key) else { return Ok(None) };
        let signer = request.spec.signer_name.as_str();
        let ours = matches!(signer, CLIENT | KUBELET_CLIENT | KUBELET_SERVING | LEGACY);
        if !ours || is_issued(&request) || !has(&request, "Approved") || has(&request, "Failed") {
            return Ok(None);
        }
        let changed = match self.sign(&request) {
            Ok(pem) => {
                let mut issued = (*request).clone();
                issued.status.get_or_insert_default().certificate = Some(ByteString(pem.into_bytes()));
                issued
            }
            Err(reason) => with_condition(&request, "Failed", "SignerValidationFailure", &reason),
        };
        match self.api.replace_status(key, &PostParams::default(), &changed).await {
            Err(error) if failure(&error) != Failure::NotFound => Err(error),
            _ => Ok(None),
        }
    }

    /// The certificate, or why this signer issues none.
    fn sign(&self, request: &CertificateSigningRequest) -> Result<String, String> {
        let (spec, usages) = (&request.spec, usages(request));
        let parsed = Request::parse(&spec.request.0).map_err(|error| error.to_string())?;
        match spec.signer_name.as_str() {
            KUBELET_CLIENT => parsed.check_kubelet_client(&usages)?,
            KUBELET_SERVING => parsed.check_kubelet_serving(&usages)?,
            CLIENT => check_client(&usages)?,
            _ => {}
        }
        let lifetime = lifetime(spec.expiration_seconds, self.longest);
        self.authority.issue(&parsed, &usages, lifetime, der::now()).map_err(|error| error.to_string())
    }
}

/// What keeps usages from being those of a client certificate; upstream's words.
fn check_client(usages: &[String]) -> Result<(), String> {
    let allowed = ["digital signature", "key encipherment", "client auth"];
    if let Some(other) = usages.iter().find(|usage| !allowed.contains(&usage.as_str())) {
        return Err(format!("invalid usage for client certificate: {other}"));
    }
    if usages.iter().any(|usage| usage == "client auth") {
        return Ok(());
    }
    Err("missing required usage for client certificate: client auth".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_certificates_are_for_clients() {
        let check =
            |list: &[&str]| check_client(&list.iter().map(|usage| (*usage).to_owned()).collect::<Vec<_>>());
        assert_eq!(check(&["client auth"]), Ok(()));
        assert_eq!(check(&["client auth", "digital signature", "key encipherment"]), Ok(()));
        assert_eq!(
            check(&["client auth", "server auth"]),
            Err("invalid usage for client certificate: server auth".into())
        );
        assert_eq!(
            check(&["digital signature"]),
            Err("missing required usage for client certificate: client auth".into())
        );
    }
}
