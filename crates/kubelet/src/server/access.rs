//! Who may use the kubelet's endpoints: TLS settings and the check of a client certificate's names.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::ServerOptions;

/// Why the endpoints cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("the kubelet's {what} cannot be read: {why}")]
    Pem { what: &'static str, why: String },
    #[error("the kubelet's TLS settings do not fit together: {0}")]
    Config(String),
    #[error("the kubelet cannot listen on {address}: {source}; end what uses the port, or choose another")]
    Bind { address: SocketAddr, source: io::Error },
}

pub(crate) fn server_config(options: &ServerOptions) -> Result<ServerConfig, TlsError> {
    let pem = |what| move |e: rustls::pki_types::pem::Error| TlsError::Pem { what, why: e.to_string() };
    let config = |e: &dyn std::fmt::Display| TlsError::Config(e.to_string());
    let mut roots = RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(options.client_ca_pem.as_bytes()) {
        roots.add(ca.map_err(pem("client CA"))?).map_err(|e| config(&e))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|e| config(&e))?;
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| config(&e))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(options.certificates.clone());
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

/// Whether the (already verified) certificate belongs to somebody who may ask.
pub(crate) fn allowed(certificate: &CertificateDer<'_>, trusted: &[String]) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
    let subject = parsed.subject();
    let common = subject.iter_common_name().filter_map(|n| n.as_str().ok());
    let mut groups = subject.iter_organization().filter_map(|n| n.as_str().ok());
    groups.any(|group| group == "system:masters")
        || common.into_iter().any(|name| trusted.iter().any(|t| t == name))
}
