//! Certificate requests (PKCS #10): read and judged as the built-in signers do, and made for clients.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use super::der::{BIT_STRING, INTEGER, OBJECT_ID, SEQUENCE, SET, UTF8_STRING, bit_string, element, sequence};

/// ecdsa-with-SHA256, as an AlgorithmIdentifier.
pub(super) const SIGNATURE: [u8; 12] =
    [SEQUENCE, 10, OBJECT_ID, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// An elliptic-curve key on P-256, as an AlgorithmIdentifier.
const KEY: [u8; 21] = [
    SEQUENCE, 19, OBJECT_ID, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, OBJECT_ID, 8, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07,
];

const ORGANIZATION: [u8; 3] = [0x55, 0x04, 0x0a];
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// Why a request cannot be read or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not PEM of the right kind.
    #[error("PEM block type must be CERTIFICATE REQUEST")]
    Pem,
    /// Not a request in DER.
    #[error("the certificate request cannot be read: {0}")]
    Form(String),
    /// Not signed by the key that it is for.
    #[error("unable to verify certificate request signature: {0}")]
    Signature(String),
    /// The system could not make or use a key.
    #[error("a key could not be made: the system's source of random numbers failed")]
    Key,
}

/// What a request asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Subject's common name: the user.
    pub common_name: String,
    /// Subject's organizations: the groups.
    pub organizations: Vec<String>,
    /// Alternative names of DNS.
    pub dns_names: Vec<String>,
    /// Alternative names that are mail addresses.
    pub emails: Vec<String>,
    /// Alternative names that are IP addresses, 4 or 16 bytes.
    pub addresses: Vec<Vec<u8>>,
    /// Alternative names that are URIs.
    pub uris: Vec<String>,
    /// The subject in DER.
    pub(super) subject: Vec<u8>,
    /// The public key in DER.
    pub(super) public_key: Vec<u8>,
}

/// A key and the request for its certificate, both in PEM.
pub struct NewRequest {
    /// The private key (PKCS #8).
    pub key_pem: String,
    /// The request.
    pub request_pem: String,
}

impl Request {
    /// Reads a request and checks that the key it is for has signed it.
    ///
    /// # Errors
    /// Whatever is not PEM, not a request, or not signed by its own key.
    pub fn parse(pem: &[u8]) -> Result<Self, RequestError> {
        let der = CertificateSigningRequestDer::from_pem_slice(pem).map_err(|_| RequestError::Pem)?;
        let form = |error: &dyn std::fmt::Display| RequestError::Form(error.to_string());
        let (rest, request) = X509CertificationRequest::from_der(&der).map_err(|error| form(&error))?;
        if !rest.is_empty() {
            return Err(form(&"bytes after its end"));
        }
        request.verify_signature().map_err(|error| RequestError::Signature(error.to_string()))?;
        let info = &request.certification_request_info;
        let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            value.as_str().map(str::to_owned).map_err(|error| form(&error))
        };
        let mut found = Self {
            subject: info.subject.as_raw().to_vec(),
            public_key: info.subject_pki.raw.to_vec(),
            organizations: info.subject.iter_organization().map(text).collect::<Result<_, _>>()?,
            ..Self::default()
        };
        if let Some(name) = info.subject.iter_common_name().last() {
            found.common_name = text(name)?;
        }
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(names) = extension {
                names.general_names.iter().for_each(|name| found.add(name));
            }
        }
        Ok(found)
    }

    fn add(&mut self, name: &GeneralName<'_>) {
        match name {
            GeneralName::DNSName(name) => self.dns_names.push((*name).to_owned()),
            GeneralName::RFC822Name(name) => self.emails.push((*name).to_owned()),
            GeneralName::URI(name) => self.uris.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => self.addresses.push(bytes.to_vec()),
            _ => {}
        }
    }

    /// What keeps this from being a request for a kubelet's client certificate; upstream's words.
    pub(super) fn check_kubelet_client(&self, usages: &[String]) -> Result<(), String> {
        self.check_nodes_group()?;
        for (names, title) in [
            (self.dns_names.len(), "DNS"),
            (self.emails.len(), "Email"),
            (self.addresses.len(), "IP"),
            (self.uris.len(), "URI"),
        ] {
            if names > 0 {
                return Err(format!("{title} subjectAltNames are not allowed"));
            }
        }
        self.check_node_name()?;
        check_usages(usages, "client auth")
    }

    /// What keeps this from being a request for a kubelet's serving certificate; upstream's words.
    pub(super) fn check_kubelet_serving(&self, usages: &[String]) -> Result<(), String> {
        self.check_nodes_group()?;
        if self.dns_names.is_empty() && self.addresses.is_empty() {
            return Err("DNS or IP subjectAltName is required".into());
        }
        for (names, title) in [(self.emails.len(), "Email"), (self.uris.len(), "URI")] {
            if names > 0 {
                return Err(format!("{title} subjectAltNames are not allowed"));
            }
        }
        check_usages(usages, "server auth")?;
        self.check_node_name()
    }

    fn check_nodes_group(&self) -> Result<(), String> {
        if self.organizations == ["system:nodes"] {
            return Ok(());
        }
        Err("subject organization is not system:nodes".into())
    }

    fn check_node_name(&self) -> Result<(), String> {
        if self.common_name.starts_with("system:node:") {
            return Ok(());
        }
        Err("subject common name does not begin with system:node:".into())
    }
}

/// Exactly one purpose, signatures, and at most the encipherment that RSA keys need.
fn check_usages(usages: &[String], purpose: &str) -> Result<(), String> {
    let has = |usage: &str| usages.iter().any(|one| one == usage);
    let allowed = ["digital signature", "key encipherment", purpose];
    let only = usages.iter().all(|usage| allowed.contains(&usage.as_str()));
    if only && has("digital signature") && has(purpose) {
        return Ok(());
    }
    let mut list = allowed;
    list.sort_unstable();
    Err(format!("usages did not match [{}]", list.join(" ")))
}

/// A new key and the request for a client certificate of `user` in `groups`.
///
/// # Errors
/// [`RequestError::Key`] when the system gives no random numbers.
pub fn client_request(user: &str, groups: &[String]) -> Result<NewRequest, RequestError> {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
        .map_err(|_| RequestError::Key)?;
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.as_ref(), &random)
        .map_err(|_| RequestError::Key)?;
    let mut names: Vec<Vec<u8>> = groups.iter().map(|group| relative_name(ORGANIZATION, group)).collect();
    names.push(relative_name(COMMON_NAME, user));
    let subject = sequence(&names.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let public_key = sequence(&[&KEY, &bit_string(key.public_key().as_ref())]);
    let version = element(INTEGER, &[&[0]]);
    let info = sequence(&[&version, &subject, &public_key, &element(0xa0, &[])]);
    let signature = key.sign(&random, &info).map_err(|_| RequestError::Key)?;
    let request = sequence(&[&info, &SIGNATURE, &element(BIT_STRING, &[&[0], signature.as_ref()])]);
    Ok(NewRequest {
        key_pem: pem("PRIVATE KEY", der.as_ref()),
        request_pem: pem("CERTIFICATE REQUEST", &request),
    })
}

fn relative_name(kind: [u8; 3], value: &str) -> Vec<u8> {
    let pair = sequence(&[&element(OBJECT_ID, &[&kind]), &element(UTF8_STRING, &[value.as_bytes()])]);
    element(SET, &[&pair])
}

/// The textual form of RFC 7468.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usages(list: &[&str]) -> Vec<String> {
        list.iter().map(|usage| (*usage).to_owned()).collect()
    }

    #[test]
    fn what_is_made_can_be_read() {
        let made = client_request("dev", &["a".into(), "b".into()]).unwrap();
        let read = Request::parse(made.request_pem.as_bytes()).unwrap();
        assert_eq!(read.common_name, "dev");
        assert_eq!(read.organizations, ["a", "b"]);
    }

    #[test]
    fn a_request_that_its_key_did_not_sign_is_refused() {
        let made = client_request("dev", &[]).unwrap().request_pem;
        let der = CertificateSigningRequestDer::from_pem_slice(made.as_bytes()).unwrap();
        let mut bytes = der.as_ref().to_vec();
        let at = bytes.windows(3).position(|part| part == b"dev").unwrap();
        bytes[at] = b'D';
        let forged = pem("CERTIFICATE REQUEST", &bytes);
        assert!(matches!(Request::parse(forged.as_bytes()), Err(RequestError::Signature(_))));
        assert_eq!(Request::parse(b"nothing"), Err(RequestError::Pem));
        let cut = pem("CERTIFICATE REQUEST", &bytes[..40]);
        assert!(matches!(Request::parse(cut.as_bytes()), Err(RequestError::Form(_))));
    }

    #[test]
    fn kubelets_are_told_from_others() {
        let node = Request {
            common_name: "system:node:a".into(),
            organizations: usages(&["system:nodes"]),
            ..Request::default()
        };
        let client = usages(&["digital signature", "client auth"]);
        assert_eq!(node.check_kubelet_client(&client), Ok(()));
        assert_eq!(
            node.check_kubelet_client(&usages(&["client auth", "key encipherment", "digital signature"])),
            Ok(())
        );
        let cases = [
            (
                Request { common_name: "a".into(), ..node.clone() },
                "subject common name does not begin with system:node:",
            ),
            (
                Request { organizations: usages(&["system:nodes", "x"]), ..node.clone() },
                "subject organization is not system:nodes",
            ),
            (Request { dns_names: usages(&["a"]), ..node.clone() }, "DNS subjectAltNames are not allowed"),
            (
                Request { addresses: vec![vec![1, 2, 3, 4]], ..node.clone() },
                "IP subjectAltNames are not allowed",
            ),
        ];
        for (request, error) in cases {
            assert_eq!(request.check_kubelet_client(&client), Err(error.to_owned()));
        }
        assert_eq!(
            node.check_kubelet_client(&usages(&["client auth"])),
            Err("usages did not match [client auth digital signature key encipherment]".into())
        );
        let serving = usages(&["digital signature", "server auth"]);
        assert_eq!(node.check_kubelet_serving(&serving), Err("DNS or IP subjectAltName is required".into()));
        let named = Request { dns_names: usages(&["a"]), ..node };
        assert_eq!(named.check_kubelet_serving(&serving), Ok(()));
        assert!(named.check_kubelet_serving(&client).is_err());
    }
}
