//! The authority and the identities it issues, as values in memory: making, parsing and judging them.
//!
//! No files here. All keys are ECDSA P-256: small, fast on two cores, and understood by every client.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::PkiError;

const AUTHORITY_LIFETIME: Duration = Duration::from_secs(3650 * 24 * 3600);
/// Certificates start in the past, so that a client whose clock lags a little accepts them.
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// What a certificate may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Server,
    Client,
}

/// The content of a certificate that is wanted.
#[derive(Debug, Clone)]
pub(super) struct Request {
    common_name: String,
    organization: Option<String>,
    purpose: Purpose,
    names: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl Request {
    pub(super) fn new(common_name: &str, purpose: Purpose) -> Self {
        Self {
            common_name: common_name.into(),
            organization: None,
            purpose,
            names: BTreeSet::new(),
            addresses: BTreeSet::new(),
        }
    }

    pub(super) fn organization(mut self, organization: &str) -> Self {
        self.organization = Some(organization.into());
        self
    }

    pub(super) fn names(mut self, names: Vec<String>) -> Self {
        self.names.extend(names);
        self
    }

    pub(super) fn addresses(mut self, addresses: Vec<IpAddr>) -> Self {
        self.addresses.extend(addresses);
        self
    }
}

/// A certificate authority with its private key.
#[derive(Clone)]
pub struct Authority {
    certificate_pem: String,
    key_pem: String,
}

/// A node's key and what it asks the control plane to sign.
pub(crate) struct NodeRequest {
    /// The request (PKCS #10) in PEM.
    pub(crate) request_pem: String,
    key_pem: String,
}

/// A certificate with its private key.
#[derive(Clone)]
pub struct Identity {
    certificate_pem: String,
    key_pem: String,
}

pub(super) fn generate_key(subject: &str) -> Result<KeyPair, PkiError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        .map_err(|error| PkiError::Issue { subject: subject.into(), reason: error.to_string() })
}

fn params(
    subject: &str,
    organization: Option<&str>,
    now: SystemTime,
    lifetime: Duration,
) -> CertificateParams {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.distinguished_name.push(DnType::CommonName, subject);
    params.not_before = epoch + since_epoch.saturating_sub(CLOCK_SKEW);
    params.not_after = epoch + since_epoch + lifetime;
    params
}

// === impl Authority ===

impl Authority {
    /// A fresh self-signed authority that may issue end-entity certificates alone.
    pub(super) fn create(now: SystemTime) -> Result<Self, PkiError> {
        // The second in the name tells apart the authorities of clusters made one after another.
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let subject = format!("launchway-ca@{since_epoch}");
        let key = generate_key(&subject)?;
        let mut params = params(&subject, None, now, AUTHORITY_LIFETIME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params
            .self_signed(&key)
            .map_err(|error| PkiError::Issue { subject, reason: error.to_string() })?;
        Ok(Self { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// Reads what [`Authority::to_pem`] wrote.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (certificate_pem, key_pem) = split(text)?;
        Ok(Self { certificate_pem, key_pem })
    }

    pub(super) fn to_pem(&self) -> String {
        format!("{}{}", self.key_pem, self.certificate_pem)
    }

    /// The authority's certificate: what clients put into `certificate-authority-data`.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's private key, for signing certificate requests.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// A certificate for the node `node` towards the API server.
    pub(crate) fn node(&self, node: &str, now: SystemTime, lifetime: Duration) -> Result<Identity, PkiError> {
        let user = format!("system:node:{node}");
        self.issue(&Request::new(&user, Purpose::Client).organization("system:nodes"), now, lifetime)
    }

    pub(super) fn issue(
        &self,
        request: &Request,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Identity, PkiError> {
        let failed = |error: rcgen::Error| PkiError::Issue {
            subject: request.common_name.clone(),
            reason: error.to_string(),
        };
        let signing_key = KeyPair::from_pem(&self.key_pem).map_err(failed)?;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate_pem, signing_key).map_err(failed)?;
        let mut params = params(&request.common_name, request.organization.as_deref(), now, lifetime);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match request.purpose {
            Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        for name in &request.names {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into().map_err(failed)?));
        }
        params.subject_alt_names.extend(request.addresses.iter().copied().map(SanType::IpAddress));
        let key = generate_key(&request.common_name)?;
        let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
        Ok(Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

// === impl NodeRequest ===

impl NodeRequest {
    /// A fresh key and a request for the node `node`; one with `addresses` is for a server at those.
    pub(crate) fn new(node: &str, addresses: Vec<IpAddr>) -> Result<Self, PkiError> {
        let subject = format!("system:node:{node}");
        let failed =
            |error: rcgen::Error| PkiError::Issue { subject: subject.clone(), reason: error.to_string() };
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(DnType::CommonName, subject.as_str());
        if !addresses.is_empty() {
            params.subject_alt_names.push(SanType::DnsName(node.try_into().map_err(failed)?));
            params.subject_alt_names.extend(addresses.into_iter().map(SanType::IpAddress));
        }
        let key = generate_key(&subject)?;
        let request = params.serialize_request(&key).and_then(|request| request.pem()).map_err(failed)?;
        Ok(Self { request_pem: request, key_pem: key.serialize_pem() })
    }

    /// The identity made of the key and the certificate that answers the request.
    pub(crate) fn answer(&self, certificate_pem: &str) -> Result<Identity, String> {
        Identity::parse(&format!("{}{certificate_pem}", self.key_pem))
    }
}

// === impl Identity ===

impl Identity {
    /// Reads what [`Identity::to_pem`] wrote: a private key, then its certificate.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (certificate_pem, key_pem) = split(text)?;
        Ok(Self { certificate_pem, key_pem })
    }

    pub(crate) fn to_pem(&self) -> String {
        format!("{}{}", self.key_pem, self.certificate_pem)
    }

    /// The certificate in PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key in PEM (PKCS #8).
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// From when to when the certificate is valid; an unreadable one never is.
    pub fn validity(&self) -> (SystemTime, SystemTime) {
        let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let Ok(own) = der(&self.certificate_pem) else { return (UNIX_EPOCH, UNIX_EPOCH) };
        match X509Certificate::from_der(&own) {
            Ok((_, own)) => {
                let validity = own.validity();
                (at(validity.not_before.timestamp()), at(validity.not_after.timestamp()))
            }
            Err(_) => (UNIX_EPOCH, UNIX_EPOCH),
        }
    }

    /// Whether this certificate is the authority's, outlives `until` and carries exactly what `request` wants.
    pub(super) fn satisfies(&self, request: &Request, authority: &Authority, until: SystemTime) -> bool {
        let (Ok(own), Ok(root)) = (der(&self.certificate_pem), der(&authority.certificate_pem)) else {
            return false;
        };
        let (Ok((_, own)), Ok((_, root))) =
            (X509Certificate::from_der(&own), X509Certificate::from_der(&root))
        else {
            return false;
        };
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let outlives = u64::try_from(own.validity().not_after.timestamp()).is_ok_and(|end| end > until);
        // Both come from one library, so comparing the authority's key identifier would be redundant: a signature
        // that verifies under the authority's key is the proof.
        let issued = own.issuer() == root.subject() && signature_verifies(&own, &root);
        let subject = own.subject();
        let named =
            subject.iter_common_name().filter_map(|name| name.as_str().ok()).eq([&request.common_name[..]])
                && subject
                    .iter_organization()
                    .filter_map(|name| name.as_str().ok())
                    .eq(request.organization.as_deref());
        let (mut names, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for extension in own.extensions() {
            if let ParsedExtension::SubjectAlternativeName(list) = extension.parsed_extension() {
                for name in &list.general_names {
                    match name {
                        GeneralName::DNSName(name) => {
                            names.insert((*name).to_owned());
                        }
                        GeneralName::IPAddress(bytes) => {
                            addresses.extend(address(bytes));
                        }
                        _ => {}
                    }
                }
            }
        }
        outlives && issued && named && names == request.names && addresses == request.addresses
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn signature_verifies(own: &X509Certificate<'_>, root: &X509Certificate<'_>) -> bool {
    let key = ring::signature::UnparsedPublicKey::new(
        &ring::signature::ECDSA_P256_SHA256_ASN1,
        &*root.public_key().subject_public_key.data,
    );
    key.verify(own.tbs_certificate.as_ref(), &own.signature_value.data).is_ok()
}

fn der(pem: &str) -> Result<CertificateDer<'static>, String> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| format!("no certificate: {error}"))
}

/// Parts a key-and-certificate file; checks that both parse and belong to each other.
fn split(text: &str) -> Result<(String, String), String> {
    let start = text.find("-----BEGIN CERTIFICATE-----").ok_or("no certificate in it")?;
    let (key_pem, certificate_pem) = text.split_at(start);
    let key = KeyPair::from_pem(key_pem).map_err(|error| format!("no usable private key in it: {error}"))?;
    PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
        .map_err(|error| format!("no private key in it: {error}"))?;
    let der = der(certificate_pem)?;
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|error| format!("bad certificate: {error}"))?;
    if *certificate.public_key().subject_public_key.data != *key.public_key_raw() {
        return Err("its private key does not belong to its certificate".into());
    }
    Ok((certificate_pem.to_owned(), key_pem.to_owned()))
}

// === fmt: a key must not slip into a log ===

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Identity").finish_non_exhaustive()
    }
}
