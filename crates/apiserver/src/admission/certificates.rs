//! Who may have requests approved and signed: CertificateApproval, CertificateSigning, CertificateSubjectRestriction,
//! and what NodeRestriction says of requests.

use serde_json::Value;

use super::Operation;
use crate::auth::node::node_name;
use crate::auth::{self, Attributes, Decision, MASTERS};
use crate::status::Status;
use crate::strategy::Ctx;
use crate::strategy::certificates::subject;
use crate::strategy::fields::text;

/// Signer whose certificates the API server itself believes.
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";

/// Signers of what kubelets need: a node asks them for itself alone.
const KUBELETS: [&str; 2] = ["kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"];

/// Checks a write of a CertificateSigningRequest.
pub(super) fn admit(
    ctx: &Ctx<'_>,
    operation: Operation,
    object: &Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    let refuse = |detail: String| Err(Status::forbidden(ctx.kind, ctx.name, &detail));
    match (operation, ctx.subresource, old) {
        (Operation::Create, None, _) if text(&object["spec"], "signerName") == CLIENT => {
            match subject(&object["spec"]) {
                Err(error) => refuse(format!("failed to parse CSR: {error}")),
                Ok(subject) if subject.organizations.iter().any(|group| group == MASTERS) => {
                    refuse(format!("use of {CLIENT} signer with {MASTERS} group is not allowed"))
                }
                Ok(_) => Ok(()),
            }
        }
        (Operation::Create, None, _) if KUBELETS.contains(&text(&object["spec"], "signerName")) => {
            let Some(node) = node_name(ctx.user) else { return Ok(()) };
            match subject(&object["spec"]) {
                Err(error) => refuse(format!("unable to parse csr: {error}")),
                Ok(subject) if subject.common_name != format!("system:node:{node}") => {
                    refuse(format!("can only create a node CSR with CN=system:node:{node}"))
                }
                Ok(_) => Ok(()),
            }
        }
        (Operation::Update, Some("approval"), Some(old)) => {
            let signer = text(&old["spec"], "signerName");
            if may(ctx, "approve", signer) {
                return Ok(());
            }
            refuse(format!("user not permitted to approve requests with signerName {signer:?}"))
        }
        (Operation::Update, Some("status"), Some(old)) => {
            let same = |key: &str| object["status"].get(key) == old["status"].get(key);
            let signer = text(&old["spec"], "signerName");
            if (same("certificate") && same("conditions")) || may(ctx, "sign", signer) {
                return Ok(());
            }
            refuse(format!("user not permitted to sign requests with signerName {signer:?}"))
        }
        _ => Ok(()),
    }
}

/// Whether the user may do that for the signer, by its name or for all of its domain.
fn may(ctx: &Ctx<'_>, verb: &str, signer: &str) -> bool {
    let domain = signer.split('/').next().unwrap_or_default();
    let group = ctx.kind.group;
    [signer.to_owned(), format!("{domain}/*")].iter().any(|name| {
        let asked = Attributes { verb, group, resource: "signers", name, ..Attributes::default() };
        auth::authorize(&ctx.server.auth, ctx.user, &asked) == Decision::Allow
    })
}
