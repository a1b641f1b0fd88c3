//! CertificateSigningRequests: kubelets' are approved, approved ones are signed, old ones removed.
//!
//! `approve` decides as upstream's `csrapproving` does, by asking whether the requester may have what it asks for.
//! `sign` issues certificates for the built-in signers with the cluster's authority; `clean` removes requests
//! that nobody needs any more. How requests and certificates look is in `request` and `issue`, both pure.
//!
//! One difference to upstream: a kubelet's serving certificate is approved too, when all names and addresses in it
//! are those of the requester's own Node. Upstream leaves that to an administrator.

mod approve;
mod clean;
mod der;
mod issue;
mod request;
mod sign;

use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition as Condition,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub(crate) use approve::run as run_approver;
pub(crate) use clean::run as run_cleaner;
pub use request::{NewRequest, Request, RequestError, client_request};
pub(crate) use sign::run as run_signers;

/// Signer of client certificates for the API server.
pub(crate) const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
/// Signer of kubelets' client certificates.
pub(crate) const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
/// Signer of kubelets' serving certificates.
pub(crate) const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
/// Signer without rules, for what an older API version let through.
pub(crate) const LEGACY: &str = "kubernetes.io/legacy-unknown";

/// Whether the request has a condition of that type that holds.
fn has(request: &CertificateSigningRequest, kind: &str) -> bool {
    conditions(request).iter().any(|one| one.type_ == kind && one.status == "True")
}

fn conditions(request: &CertificateSigningRequest) -> &[Condition] {
    request.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default()
}

fn is_issued(request: &CertificateSigningRequest) -> bool {
    request
        .status
        .as_ref()
        .and_then(|status| status.certificate.as_ref())
        .is_some_and(|one| !one.0.is_empty())
}

fn usages(request: &CertificateSigningRequest) -> Vec<String> {
    request.spec.usages.clone().unwrap_or_default()
}

/// A copy of the request with one condition more.
fn with_condition(
    request: &CertificateSigningRequest,
    kind: &str,
    reason: &str,
    message: &str,
) -> CertificateSigningRequest {
    let mut changed = request.clone();
    let list = changed.status.get_or_insert_default().conditions.get_or_insert_default();
    list.push(Condition {
        type_: kind.into(),
        status: "True".into(),
        reason: Some(reason.into()),
        message: Some(message.into()),
        last_update_time: Some(Time(der::now())),
        last_transition_time: None,
    });
    changed
}
