//! From keys to `rustls` settings: servers that ask for client certificates, clients that trust one authority.
//!
//! The crypto provider is named in each call: the process has no default provider to depend on or to race for.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::{Authority, Current, Identity, PkiError};

fn failed(subject: &'static str) -> impl Fn(String) -> PkiError {
    move |reason| PkiError::Tls { subject: subject.into(), reason }
}

impl Authority {
    /// A store of roots with this authority alone in it.
    ///
    /// # Errors
    /// [`PkiError::Tls`] when the certificate cannot be used as a root.
    pub fn roots(&self) -> Result<Arc<RootCertStore>, PkiError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()?).map_err(|error| failed("the cluster's authority")(error.to_string()))?;
        Ok(Arc::new(roots))
    }

    pub(super) fn der(&self) -> Result<CertificateDer<'static>, PkiError> {
        CertificateDer::from_pem_slice(self.certificate_pem().as_bytes())
            .map_err(|error| failed("the cluster's authority")(error.to_string()))
    }
}

impl Current {
    /// Settings of a TLS server that shows the identity of the moment and asks clients for a certificate of
    /// `clients`. A client without one is let in and has to prove itself otherwise (a bearer token); one with a bad
    /// one is not.
    ///
    /// # Errors
    /// [`PkiError::Tls`] when the authority cannot be used.
    pub fn server_config(&self, clients: &Authority) -> Result<ServerConfig, PkiError> {
        let failed = failed("a server");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(clients.roots()?, provider.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Settings of a TLS client that shows the identity of the moment and trusts servers of `servers` alone.
    ///
    /// # Errors
    /// [`PkiError::Tls`] when the authority cannot be used.
    pub fn client_config(&self, servers: &Authority) -> Result<ClientConfig, PkiError> {
        let failed = failed("a client");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .with_root_certificates(servers.roots()?)
            .with_client_cert_resolver(Arc::new(self.clone()));
        Ok(config)
    }
}

impl Identity {
    pub(super) fn der(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let chain = CertificateDer::pem_slice_iter(self.certificate_pem().as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        let key =
            PrivateKeyDer::from_pem_slice(self.key_pem().as_bytes()).map_err(|error| error.to_string())?;
        Ok((chain, key))
    }
}
