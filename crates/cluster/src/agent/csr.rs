//! Certificates by request: a key is made here and never leaves the machine; the control plane signs.

use std::net::Ipv4Addr;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};

use crate::pki::{Identity, NodeRequest, PkiError};

/// How long the control plane may take to sign.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a certificate is for.
#[derive(Debug, Clone)]
pub(crate) enum Purpose {
    /// To be the node towards the API server.
    Client,
    /// To be the node's kubelet towards the API server.
    Serving(Ipv4Addr),
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CsrError {
    /// Key or request could not be made, or the certificate not be read.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The API server refused.
    #[error("certificate request: {0}")]
    Api(#[from] kube::Error),
    /// Nobody signed in time.
    #[error(
        "the certificate request {0} was not signed within a minute; look at it with `kubectl get csr {0}`, \
         approve it with `kubectl certificate approve {0}` and try again"
    )]
    Late(String),
    /// It was refused.
    #[error("the certificate request {name} was refused: {reason}")]
    Refused {
        /// Name of the request.
        name: String,
        /// Why.
        reason: String,
    },
    /// The certificate does not belong to the key.
    #[error("the certificate that answers {name} cannot be used: {reason}")]
    Unusable {
        /// Name of the request.
        name: String,
        /// Why.
        reason: String,
    },
}

/// Has a certificate for the node `node` signed.
pub(crate) async fn request(client: &Client, node: &str, purpose: &Purpose) -> Result<Identity, CsrError> {
    let (addresses, signer, usage) = match purpose {
        Purpose::Client => (Vec::new(), "kubernetes.io/kube-apiserver-client-kubelet", "client auth"),
        Purpose::Serving(address) => {
            (vec![(*address).into()], "kubernetes.io/kubelet-serving", "server auth")
        }
    };
    let made = NodeRequest::new(node, addresses)?;
    let api: Api<CertificateSigningRequest> = Api::all(client.clone());
    let wanted = CertificateSigningRequest {
        metadata: ObjectMeta { generate_name: Some("node-csr-".to_owned()), ..ObjectMeta::default() },
        spec: CertificateSigningRequestSpec {
            request: ByteString(made.request_pem.clone().into_bytes()),
            signer_name: signer.to_owned(),
            usages: Some(vec!["digital signature".to_owned(), usage.to_owned()]),
            ..CertificateSigningRequestSpec::default()
        },
        status: None,
    };
    let name = api.create(&PostParams::default(), &wanted).await?.metadata.name.unwrap_or_default();
    let signed = tokio::time::timeout(PATIENCE, await_condition(api, &name, is_decided)).await;
    let decided = match signed {
        Err(_) => return Err(CsrError::Late(name)),
        Ok(Err(error)) => return Err(CsrError::Refused { name, reason: error.to_string() }),
        Ok(Ok(decided)) => decided,
    };
    let status = decided.and_then(|request| request.status).unwrap_or_default();
    let Some(certificate) = status.certificate else {
        let refusal = status.conditions.into_iter().flatten().find(|one| is_refusal(&one.type_));
        let reason = refusal.and_then(|one| one.message.or(one.reason));
        return Err(CsrError::Refused { name, reason: reason.unwrap_or_else(|| "it is gone".to_owned()) });
    };
    let certificate = String::from_utf8_lossy(&certificate.0).into_owned();
    made.answer(&certificate).map_err(|reason| CsrError::Unusable { name, reason })
}

fn is_refusal(condition: &str) -> bool {
    matches!(condition, "Denied" | "Failed")
}

fn is_decided(request: Option<&CertificateSigningRequest>) -> bool {
    let Some(request) = request else { return true };
    request.status.as_ref().is_some_and(|status| {
        status.certificate.is_some()
            || status.conditions.iter().flatten().any(|condition| is_refusal(&condition.type_))
    })
}
