//! Columns of who may do what: bindings, service accounts, certificates.

use super::cells::{NONE, duration, int, items, joined, text, text_or};
use super::{AGE, Column, NAME, column, number, wide};
use objects::registry::Kind;
use serde_json::{Value, json};

pub(super) fn columns(kind: &Kind) -> Option<&'static [Column]> {
    match (kind.group, kind.kind) {
        ("", "ServiceAccount") => Some(SERVICE_ACCOUNT),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => Some(BINDING),
        ("certificates.k8s.io", "CertificateSigningRequest") => Some(SIGNING_REQUEST),
        ("certificates.k8s.io", "ClusterTrustBundle") => Some(TRUST_BUNDLE),
        _ => None,
    }
}

static SERVICE_ACCOUNT: &[Column] = &[NAME, number("Secrets", |o| json!(items(o, "/secrets").len())), AGE];

static BINDING: &[Column] = &[
    NAME,
    column("Role", |o| json!(format!("{}/{}", text(o, "/roleRef/kind"), text(o, "/roleRef/name")))),
    AGE,
    wide("Users", |o| subjects(o, "User")),
    wide("Groups", |o| subjects(o, "Group")),
    wide("ServiceAccounts", |o| subjects(o, "ServiceAccount")),
];

fn subjects(binding: &Value, kind: &str) -> Value {
    let found = items(binding, "/subjects").iter().filter(|subject| subject["kind"] == kind);
    let names = found.map(|subject| match text(subject, "/namespace") {
        namespace if kind == "ServiceAccount" => format!("{namespace}/{}", text(subject, "/name")),
        _ => text(subject, "/name").to_owned(),
    });
    joined(names, ", ", "")
}

static SIGNING_REQUEST: &[Column] = &[
    NAME,
    AGE,
    column("SignerName", |o| text_or(o, "/spec/signerName", NONE)),
    column("Requestor", |o| json!(text(o, "/spec/username"))),
    column("RequestedDuration", |o| match int(o, "/spec/expirationSeconds") {
        0 => json!(NONE),
        seconds => json!(duration(seconds)),
    }),
    column("Condition", |o| json!(signing_condition(o))),
];

fn signing_condition(request: &Value) -> String {
    let has = |kind: &str| items(request, "/status/conditions").iter().any(|one| one["type"] == kind);
    let mut shown = Vec::new();
    match (has("Denied"), has("Approved")) {
        (true, _) => shown.push("Denied"),
        (false, true) => shown.push("Approved"),
        (false, false) => shown.push("Pending"),
    }
    if has("Failed") {
        shown.push("Failed");
    }
    if !text(request, "/status/certificate").is_empty() {
        shown.push("Issued");
    }
    shown.join(",")
}

static TRUST_BUNDLE: &[Column] = &[NAME, column("SignerName", |o| text_or(o, "/spec/signerName", NONE)), AGE];
