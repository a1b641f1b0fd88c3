//! A client of the API server over the network, whose certificate is replaced while it is used.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use http::Request;
use kube::client::Body;
use kube::config::AuthInfo;
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::pki::Identity;

/// A server must take a connection within this time.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Who a client is.
pub(crate) enum Credentials<'a> {
    /// By a bearer token.
    Bearer(String),
    /// By a client certificate.
    Certificate(&'a Identity),
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The address is none.
    #[error("\"{0}\" is no address of an API server; it is HOST:PORT")]
    Address(String),
    /// The authority's certificate is none.
    #[error("the cluster's authority cannot be read: {0}")]
    Authority(String),
    /// The client could not be made.
    #[error(transparent)]
    Client(#[from] kube::Error),
}

/// A client of the API server at `server` that believes the authority `ca_pem` alone.
pub(crate) fn client(
    server: &str,
    ca_pem: &str,
    credentials: &Credentials<'_>,
) -> Result<Client, RemoteError> {
    let address = format!("https://{server}").parse();
    let mut config = Config::new(address.map_err(|_| RemoteError::Address(server.to_owned()))?);
    let authority = CertificateDer::from_pem_slice(ca_pem.as_bytes());
    let authority = authority.map_err(|error| RemoteError::Authority(error.to_string()))?;
    config.root_cert = Some(vec![authority.to_vec()]);
    config.connect_timeout = Some(CONNECT_PATIENCE);
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    config.auth_info = match credentials {
        Credentials::Bearer(token) => AuthInfo { token: Some(token.clone().into()), ..AuthInfo::default() },
        Credentials::Certificate(identity) => AuthInfo {
            client_certificate_data: Some(encode(identity.certificate_pem())),
            client_key_data: Some(encode(identity.key_pem()).into()),
            ..AuthInfo::default()
        },
    };
    Ok(Client::try_from(config)?)
}

/// Clients of one API server whose identity can be replaced. Clones share it.
#[derive(Clone)]
pub(crate) struct Remote {
    server: String,
    ca_pem: String,
    current: Arc<RwLock<Client>>,
}

// === impl Remote ===

impl Remote {
    pub(crate) fn new(server: &str, ca_pem: &str, identity: &Identity) -> Result<Self, RemoteError> {
        let current = client(server, ca_pem, &Credentials::Certificate(identity))?;
        Ok(Self {
            server: server.to_owned(),
            ca_pem: ca_pem.to_owned(),
            current: Arc::new(RwLock::new(current)),
        })
    }

    /// Requests from now on are made as `identity`; those under way, watches too, end as they began.
    pub(crate) fn set(&self, identity: &Identity) -> Result<(), RemoteError> {
        let client = client(&self.server, &self.ca_pem, &Credentials::Certificate(identity))?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = client;
        Ok(())
    }

    /// A client that always has the identity of the moment.
    pub(crate) fn client(&self) -> Client {
        let current = self.current.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let client = current.read().unwrap_or_else(PoisonError::into_inner).clone();
            async move { client.send(request).await }
        });
        Client::new(service, "default")
    }
}
