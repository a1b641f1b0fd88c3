//! CertificateSigningRequests: who asks is the server's to say, what is asked for never changes, and a decision is
//! taken once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use objects::validate::{self, FieldError};
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::{PemObject, SectionKind};
use serde_json::{Value, json};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::fields::{is_empty, items, items_mut, number, put, set, text};
use super::{Ctx, Strategy};

/// Strategy of certificates.k8s.io/v1 CertificateSigningRequest.
pub(super) struct SigningRequest;

/// Signer that only an API version before this one knew.
const LEGACY: &str = "kubernetes.io/legacy-unknown";
/// Conditions by which a request is decided.
const DECISIONS: [&str; 2] = ["Approved", "Denied"];
/// Conditions that can only hold.
const FINAL: [&str; 3] = ["Approved", "Denied", "Failed"];
/// The shortest lifetime that may be asked for, in seconds.
const LEAST_SECONDS: i64 = 600;

/// Every usage there is, in the order of upstream's message.
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// Whom a certificate would name: the user and the groups.
pub(crate) struct Subject {
    pub(crate) common_name: String,
    pub(crate) organizations: Vec<String>,
}

/// The subject of the request in `spec`, which must be signed by its own key.
pub(crate) fn subject(spec: &Value) -> Result<Subject, String> {
    let pem = STANDARD.decode(text(spec, "request")).map_err(|error| error.to_string())?;
    let der = CertificateSigningRequestDer::from_pem_slice(&pem)
        .map_err(|_| "PEM block type must be CERTIFICATE REQUEST".to_owned())?;
    let (_, request) = X509CertificationRequest::from_der(&der).map_err(|error| error.to_string())?;
    request.verify_signature().map_err(|error| error.to_string())?;
    let subject = &request.certification_request_info.subject;
    let text = |name: &x509_parser::x509::AttributeTypeAndValue<'_>| name.as_str().ok().map(str::to_owned);
    Ok(Subject {
        common_name: subject.iter_common_name().last().and_then(text).unwrap_or_default(),
        organizations: subject.iter_organization().filter_map(text).collect(),
    })
}

impl Strategy for SigningRequest {
    fn prepare_create(&self, ctx: &Ctx<'_>, object: &mut Value) {
        set(object, "status", json!({}));
        if let Some(spec) = object.get_mut("spec") {
            set(spec, "username", ctx.user.name.clone());
            set(spec, "groups", ctx.user.groups.clone());
            put(spec, "uid", Some(ctx.user.uid.clone()).filter(|uid| !uid.is_empty()).map(Value::from));
            put(spec, "extra", Some(json!(ctx.user.extra)).filter(|_| !ctx.user.extra.is_empty()));
        }
    }

    /// Conditions are set through `approval` and `status`, the certificate through `status`.
    fn prepare_update(&self, ctx: &Ctx<'_>, new: &mut Value, old: &Value) {
        put(new, "spec", old.get("spec").cloned());
        let mut status = old.get("status").cloned().unwrap_or_else(|| json!({}));
        let sent = new.get("status").unwrap_or(&Value::Null);
        let conditions = sent.get("conditions").cloned();
        match ctx.subresource {
            Some("approval") => put(&mut status, "conditions", conditions),
            Some("status") => {
                put(&mut status, "conditions", conditions);
                put(&mut status, "certificate", sent.get("certificate").cloned());
                keep_decisions(&mut status, &old["status"]);
            }
            _ => {}
        }
        if ctx.subresource.is_some() {
            date(&mut status, &old["status"], &ctx.now);
        }
        set(new, "status", status);
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let spec = &object["spec"];
        let mut errors = spec_errors(spec);
        if text(spec, "signerName") == LEGACY {
            let detail = "the legacy signerName is not allowed via this API version";
            errors.push(FieldError::invalid("spec.signerName", LEGACY, detail));
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = condition_errors(&new["status"]);
        let (is, was) = (&new["status"], &old["status"]);
        let of = |status: &Value, kind: &str| -> Vec<Value> {
            items(status, "conditions").iter().filter(|one| text(one, "type") == kind).cloned().collect()
        };
        for kind in FINAL {
            if of(is, kind).len() < of(was, kind).len() {
                let detail = format!("updates may not remove a condition of type {kind:?}");
                errors.push(FieldError::forbidden("status.conditions", detail));
            }
        }
        for kind in DECISIONS.iter().filter(|_| ctx.subresource != Some("approval")) {
            if of(is, kind).len() > of(was, kind).len() {
                let detail = format!("updates may not add a condition of type {kind:?}");
                errors.push(FieldError::forbidden("status.conditions", detail));
            }
        }
        if is.get("certificate") != was.get("certificate") {
            if !is_empty(was, "certificate") {
                let detail = "updates may not modify existing certificate content";
                errors.push(FieldError::forbidden("status.certificate", detail));
            }
            if let Err(detail) = check_certificate(text(is, "certificate")) {
                errors.push(FieldError::invalid("status.certificate", "<certificate data>", detail));
            }
        }
        errors
    }

    fn check_name(&self) -> fn(&str) -> Vec<String> {
        validate::path_segment
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["spec.signerName"]
    }
}

/// A write of `status` leaves decisions byte for byte as they were.
fn keep_decisions(status: &mut Value, old: &Value) {
    for kind in DECISIONS {
        let was = items(old, "conditions").iter().filter(|one| text(one, "type") == kind);
        let is = items_mut(status, "conditions").iter_mut().filter(|one| text(one, "type") == kind);
        is.zip(was).for_each(|(is, was)| is.clone_from(was));
    }
}

/// Conditions without times get them.
fn date(status: &mut Value, old: &Value, now: &str) {
    for one in items_mut(status, "conditions") {
        if is_empty(one, "lastUpdateTime") {
            set(one, "lastUpdateTime", now);
        }
        if is_empty(one, "lastTransitionTime") {
            let known = items(old, "conditions").iter().find(|other| {
                ["type", "status"].iter().all(|key| text(other, key) == text(one, key))
                    && !is_empty(other, "lastTransitionTime")
            });
            let since = known.map_or(now, |known| text(known, "lastTransitionTime")).to_owned();
            set(one, "lastTransitionTime", since);
        }
    }
}

fn spec_errors(spec: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Err(detail) = subject(spec) {
        errors.push(FieldError::invalid("spec.request", text(spec, "request"), detail));
    }
    let usages: Vec<&str> = items(spec, "usages").iter().filter_map(Value::as_str).collect();
    if usages.is_empty() {
        errors.push(FieldError::required("spec.usages", ""));
    }
    for (at, usage) in usages.iter().enumerate() {
        let path = format!("spec.usages[{at}]");
        if !USAGES.contains(usage) {
            errors.push(FieldError::not_supported(path, *usage, &USAGES));
        } else if usages[..at].contains(usage) {
            errors.push(FieldError::duplicate(path, *usage));
        }
    }
    if text(spec, "signerName") != LEGACY {
        errors.extend(signer_errors(text(spec, "signerName")));
    }
    if let Some(seconds) = number(spec, "expirationSeconds").filter(|seconds| *seconds < LEAST_SECONDS) {
        let detail = "may not specify a duration less than 600 seconds (10 minutes)";
        errors.push(FieldError::invalid("spec.expirationSeconds", seconds, detail));
    }
    errors
}

/// A signer is a domain of at least two parts and a path.
fn signer_errors(signer: &str) -> Vec<FieldError> {
    let path = "spec.signerName";
    if signer.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let invalid = |detail: String| FieldError::invalid(path, signer, detail);
    let Some((domain, name)) = signer.split_once('/').filter(|(_, name)| !name.contains('/')) else {
        return vec![invalid(
            "must be a fully qualified domain and path of the form 'example.com/signer-name'".into(),
        )];
    };
    let mut errors: Vec<FieldError> = validate::dns1123_subdomain(domain)
        .into_iter()
        .map(|detail| invalid(format!("validating label {domain:?}: {detail}")))
        .collect();
    if !domain.contains('.') {
        errors.push(invalid("should be a domain with at least two segments separated by dots".into()));
    }
    for label in name.split('.') {
        let found = validate::dns1123_subdomain(label).into_iter();
        errors.extend(found.map(|detail| invalid(format!("validating label {label:?}: {detail}"))));
    }
    errors
}

fn condition_errors(status: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let conditions = items(status, "conditions");
    let kinds: Vec<&str> = conditions.iter().map(|one| text(one, "type")).collect();
    for (at, one) in conditions.iter().enumerate() {
        let path = format!("status.conditions[{at}]");
        let (kind, state) = (text(one, "type"), text(one, "status"));
        if kind.is_empty() {
            errors.push(FieldError::required(format!("{path}.type"), ""));
        }
        let allowed: &[&str] = if FINAL.contains(&kind) { &["True"] } else { &["False", "True", "Unknown"] };
        if state.is_empty() {
            errors.push(FieldError::required(format!("{path}.status"), ""));
        } else if !allowed.contains(&state) {
            errors.push(FieldError::not_supported(format!("{path}.status"), state, allowed));
        }
        let other = match kind {
            "Approved" => "Denied",
            "Denied" => "Approved",
            _ => "",
        };
        if !other.is_empty() && kinds[..at].contains(&other) {
            let detail = "Approved and Denied conditions are mutually exclusive";
            errors.push(FieldError::invalid("status.conditions", kind, detail));
        }
        if kinds[..at].contains(&kind) {
            errors.push(FieldError::duplicate(format!("{path}.type"), kind));
        }
    }
    errors
}

/// Whether a certificate in base64 is nothing but certificates in PEM.
fn check_certificate(encoded: &str) -> Result<(), String> {
    let pem = STANDARD.decode(encoded).map_err(|error| error.to_string())?;
    let mut blocks = 0;
    let sections = <(SectionKind, Vec<u8>) as PemObject>::pem_slice_iter(&pem);
    for section in sections {
        let (kind, der) = section.map_err(|error| error.to_string())?;
        if kind != SectionKind::Certificate {
            return Err("only CERTIFICATE PEM blocks are allowed".into());
        }
        X509Certificate::from_der(&der).map_err(|error| error.to_string())?;
        blocks += 1;
    }
    if blocks == 0 && !pem.is_empty() {
        return Err("must contain at least one CERTIFICATE PEM block".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(errors: &[FieldError]) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn signers_are_domains_with_a_path() {
        assert_eq!(signer_errors("kubernetes.io/kubelet-serving"), []);
        assert_eq!(signer_errors("example.com/a.b"), []);
        for bad in ["", "kubernetes.io", "local/a", "a.b/c/d", "A.b/c", "a.b/C"] {
            assert!(!signer_errors(bad).is_empty(), "{bad}");
        }
    }

    #[test]
    fn a_request_is_approved_or_denied() {
        let status = |list: &[(&str, &str)]| {
            let list: Vec<Value> =
                list.iter().map(|(kind, state)| json!({"type": kind, "status": state})).collect();
            messages(&condition_errors(&json!({"conditions": list})))
        };
        assert_eq!(status(&[("Approved", "True"), ("Failed", "True"), ("Own", "False")]), [""; 0]);
        assert_eq!(
            status(&[("Approved", "True"), ("Denied", "True")]),
            [
                "status.conditions: Invalid value: \"Denied\": Approved and Denied conditions are mutually exclusive"
            ]
        );
        assert_eq!(
            status(&[("Approved", "False")]),
            ["status.conditions[0].status: Unsupported value: \"False\": supported values: \"True\""]
        );
        assert_eq!(
            status(&[("Own", "True"), ("Own", "True")]),
            ["status.conditions[1].type: Duplicate value: \"Own\""]
        );
    }

    #[test]
    fn times_are_filled_in_and_decisions_stay() {
        let old = json!({"conditions": [
            {"type": "Approved", "status": "True", "reason": "r", "lastUpdateTime": "t0", "lastTransitionTime": "t0"}]});
        let mut status = json!({"conditions": [{"type": "Approved", "status": "True", "reason": "other"},
            {"type": "Failed", "status": "True"}]});
        keep_decisions(&mut status, &old);
        date(&mut status, &old, "t1");
        assert_eq!(status["conditions"][0], old["conditions"][0]);
        assert_eq!(status["conditions"][1]["lastTransitionTime"], "t1");
    }

    #[test]
    fn nothing_but_certificates_is_a_certificate() {
        assert_eq!(check_certificate(""), Ok(()));
        assert!(check_certificate(&STANDARD.encode("text")).is_err());
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(
            check_certificate(&STANDARD.encode(key)),
            Err("only CERTIFICATE PEM blocks are allowed".into())
        );
    }
}
