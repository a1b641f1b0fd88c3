//! From an approved request to a certificate: what goes into it is upstream's signing policy.
//!
//! Subject, key and alternative names are the request's, usages the object's; all other extensions of the request
//! are dropped, and no certificate outlives the authority's. The subject is copied byte for byte, so that any number
//! of groups comes through.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::der::{BOOLEAN, OBJECT_ID, OCTET_STRING, bit_string, element, flags, positive, sequence, time};
use super::request::{Request, SIGNATURE, pem};

/// Certificates begin so long ago, for clocks that lag.
const BACKDATE: SignedDuration = SignedDuration::from_mins(5);
/// The end of certificates that live shorter than this is not moved with their beginning.
const SHORT: Duration = Duration::from_secs(8 * 3600);
/// No certificate is shorter, whatever is asked for.
const LEAST: Duration = Duration::from_secs(600);

/// Why no certificate can be issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum IssueError {
    /// The authority's certificate or key cannot be used.
    #[error("the signing authority cannot be used: {0}")]
    Authority(String),
    /// A usage that no certificate knows.
    #[error("unrecognized usage values: [{0}]")]
    Usage(String),
    /// The authority is no longer valid.
    #[error("refusing to sign a certificate that expired in the past: NotAfter={0}")]
    Expired(Timestamp),
    /// The system gave no random numbers.
    #[error("the system's source of random numbers failed")]
    Random,
}

/// An authority's name and key: what signs requests.
pub(super) struct SigningAuthority {
    subject: Vec<u8>,
    key_id: Option<Vec<u8>>,
    not_after: Timestamp,
    key: EcdsaKeyPair,
}

impl SigningAuthority {
    /// Reads certificate and key (ECDSA P-256, PKCS #8), both in PEM.
    pub(super) fn new(certificate_pem: &str, key_pem: &str) -> Result<Self, IssueError> {
        let bad = |reason: &dyn std::fmt::Display| IssueError::Authority(reason.to_string());
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|e| bad(&e))?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|e| bad(&e))?;
        let PrivateKeyDer::Pkcs8(key) =
            PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|e| bad(&e))?
        else {
            return Err(bad(&"its key is not in PKCS #8 form"));
        };
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.secret_pkcs8_der(), &random)
            .map_err(|e| bad(&e))?;
        let key_id = certificate.extensions().iter().find_map(|one| match one.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            _ => None,
        });
        Ok(Self {
            subject: certificate.subject().as_raw().to_vec(),
            key_id,
            not_after: Timestamp::from_second(certificate.validity().not_after.timestamp())
                .unwrap_or(Timestamp::MAX),
            key,
        })
    }

    /// A certificate in PEM for what `request` asks for, of `lifetime` from `now` on.
    pub(super) fn issue(
        &self,
        request: &Request,
        usages: &[String],
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<String, IssueError> {
        if now >= self.not_after {
            return Err(IssueError::Expired(self.not_after));
        }
        let from = now.checked_sub(BACKDATE).unwrap_or(Timestamp::MIN);
        let start = if lifetime < SHORT { now } else { from };
        let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
        let until = start.checked_add(lifetime).unwrap_or(Timestamp::MAX).min(self.not_after);
        let random = SystemRandom::new();
        let mut serial = [0; 16];
        random.fill(&mut serial).map_err(|_| IssueError::Random)?;
        let extensions = self.extensions(request, usages)?;
        let body = sequence(&[
            // Version 3.
            &[0xa0, 3, 2, 1, 2],
            &positive(&serial),
            &SIGNATURE,
            &self.subject,
            &sequence(&[&time(from), &time(until)]),
            &request.subject,
            &request.public_key,
            &element(0xa3, &[&extensions]),
        ]);
        let signature = self.key.sign(&random, &body).map_err(|_| IssueError::Random)?;
        let certificate = sequence(&[&body, &SIGNATURE, &bit_string(signature.as_ref())]);
        Ok(pem("CERTIFICATE", &certificate))
    }

    fn extensions(&self, request: &Request, usages: &[String]) -> Result<Vec<u8>, IssueError> {
        let (bits, purposes) = of_usages(usages)?;
        let mut all = Vec::new();
        if bits != 0 {
            all.push(extension(0x0f, true, &flags(bits)));
        }
        if !purposes.is_empty() {
            let list: Vec<Vec<u8>> = purposes.iter().map(|id| element(OBJECT_ID, &[id])).collect();
            all.push(extension(0x25, false, &sequence(&borrowed(&list))));
        }
        all.push(extension(0x13, true, &sequence(&[])));
        if let Some(id) = &self.key_id {
            all.push(extension(0x23, false, &sequence(&[&element(0x80, &[id])])));
        }
        let names = alternative_names(request);
        if !names.is_empty() {
            // Without a subject the names are all there is, and nobody may overlook them.
            let critical = request.common_name.is_empty() && request.organizations.is_empty();
            all.push(extension(0x11, critical, &sequence(&borrowed(&names))));
        }
        Ok(sequence(&borrowed(&all)))
    }
}

/// How long a certificate lives: as long as asked for, within ten minutes and `most`.
pub(super) fn lifetime(asked: Option<i32>, most: Duration) -> Duration {
    let Some(seconds) = asked else { return most };
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default()).max(LEAST).min(most)
}

fn borrowed(list: &[Vec<u8>]) -> Vec<&[u8]> {
    list.iter().map(Vec::as_slice).collect()
}

/// One of the extensions 2.5.29.`id`.
fn extension(id: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let id = element(OBJECT_ID, &[&[0x55, 0x1d, id]]);
    let critical = if critical { element(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    sequence(&[&id, &critical, &element(OCTET_STRING, &[value])])
}

fn alternative_names(request: &Request) -> Vec<Vec<u8>> {
    let texts = |tag: u8, list: &[String]| -> Vec<Vec<u8>> {
        list.iter().map(|name| element(tag, &[name.as_bytes()])).collect()
    };
    let mut names = texts(0x82, &request.dns_names);
    names.extend(texts(0x81, &request.emails));
    names.extend(request.addresses.iter().map(|address| element(0x87, &[address])));
    names.extend(texts(0x86, &request.uris));
    names
}

/// The object identifier of an extended key usage.
fn purpose(usage: &str) -> Option<Vec<u8>> {
    let last = match usage {
        "any" => return Some(vec![0x55, 0x1d, 0x25, 0]),
        "microsoft sgc" => return Some(vec![0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x0a, 0x03, 0x03]),
        "netscape sgc" => return Some(vec![0x60, 0x86, 0x48, 0x01, 0x86, 0xf8, 0x42, 0x04, 0x01]),
        "server auth" => 1,
        "client auth" => 2,
        "code signing" => 3,
        "email protection" | "s/mime" => 4,
        "ipsec end system" => 5,
        "ipsec tunnel" => 6,
        "ipsec user" => 7,
        "timestamping" => 8,
        "ocsp signing" => 9,
        _ => return None,
    };
    Some(vec![0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, last])
}

/// The bit of a key usage (RFC 5280, 4.2.1.3).
fn bit(usage: &str) -> Option<u16> {
    Some(match usage {
        "signing" | "digital signature" => 0,
        "content commitment" => 1,
        "key encipherment" => 2,
        "data encipherment" => 3,
        "key agreement" => 4,
        "cert sign" => 5,
        "crl sign" => 6,
        "encipher only" => 7,
        "decipher only" => 8,
        _ => return None,
    })
}

/// Bits of the key usage and object identifiers of the extended one.
fn of_usages(usages: &[String]) -> Result<(u16, Vec<Vec<u8>>), IssueError> {
    let (mut bits, mut purposes, mut unknown) = (0, Vec::new(), Vec::new());
    for usage in usages {
        match (bit(usage), purpose(usage)) {
            (Some(bit), _) => bits |= 1 << bit,
            (None, Some(id)) if !purposes.contains(&id) => purposes.push(id),
            (None, Some(_)) => {}
            (None, None) => unknown.push(format!("{usage:?}")),
        }
    }
    if unknown.is_empty() { Ok((bits, purposes)) } else { Err(IssueError::Usage(unknown.join(" "))) }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

    use super::super::request::client_request;
    use super::*;

    fn authority() -> (String, SigningAuthority) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "test-ca");
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let pem = params.self_signed(&key).unwrap().pem();
        let authority = SigningAuthority::new(&pem, &key.serialize_pem()).unwrap();
        (pem, authority)
    }

    fn der(pem: &str) -> Vec<u8> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
    }

    fn usages(list: &[&str]) -> Vec<String> {
        list.iter().map(|usage| (*usage).to_owned()).collect()
    }

    #[test]
    fn a_certificate_says_what_was_asked_for_and_who_signed_it() {
        let (ca, authority) = authority();
        let groups = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let made = client_request("dev", &groups).unwrap();
        let mut request = Request::parse(made.request_pem.as_bytes()).unwrap();
        request.dns_names.push("node".into());
        request.addresses.push(vec![10, 0, 0, 1]);
        let now: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        let wanted = usages(&["digital signature", "key encipherment", "client auth"]);
        let pem = authority.issue(&request, &wanted, Duration::from_secs(3600), now).unwrap();
        let (bytes, root) = (der(&pem), der(&ca));
        let (rest, found) = X509Certificate::from_der(&bytes).unwrap();
        assert!(rest.is_empty());
        let (_, root) = X509Certificate::from_der(&root).unwrap();
        found.verify_signature(Some(root.public_key())).unwrap();
        assert_eq!(found.issuer(), root.subject());
        let names: Vec<_> = found.subject().iter_organization().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(found.validity().not_before.timestamp(), now.as_second() - 300);
        assert_eq!(found.validity().not_after.timestamp(), now.as_second() + 3600);
        let usage = found.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.digital_signature() && usage.value.key_encipherment());
        assert!(!usage.value.key_cert_sign());
        let purposes = found.extended_key_usage().unwrap().unwrap().value;
        assert!(purposes.client_auth && !purposes.server_auth);
        assert!(!found.basic_constraints().unwrap().unwrap().value.ca);
        assert_eq!(found.subject_alternative_name().unwrap().unwrap().value.general_names.len(), 2);
    }

    #[test]
    fn no_certificate_outlives_its_authority() {
        let (_, authority) = authority();
        let made = client_request("dev", &[]).unwrap();
        let request = Request::parse(made.request_pem.as_bytes()).unwrap();
        let year = Duration::from_secs(365 * 86400);
        let now: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        let pem = authority.issue(&request, &usages(&["client auth"]), year, now).unwrap();
        let bytes = der(&pem);
        let (_, found) = X509Certificate::from_der(&bytes).unwrap();
        assert_eq!(found.validity().not_after.timestamp(), authority.not_after.as_second());
        let late = "2027-01-01T00:00:00Z".parse().unwrap();
        assert!(matches!(authority.issue(&request, &[], year, late), Err(IssueError::Expired(_))));
        assert_eq!(
            authority.issue(&request, &usages(&["client auth", "flying"]), year, now),
            Err(IssueError::Usage("\"flying\"".into()))
        );
    }

    #[test]
    fn lifetimes_are_bounded() {
        let day = Duration::from_secs(86400);
        for (asked, seconds) in [(None, 86400), (Some(3600), 3600), (Some(1), 600), (Some(999_999), 86400)] {
            assert_eq!(lifetime(asked, day).as_secs(), seconds, "{asked:?}");
        }
    }
}
