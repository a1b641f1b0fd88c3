//! HTTP and TLS under the registry's protocol: one request, its time limits, nothing else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// A request's content.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the beginning of an answer, and each further piece of it, may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(60);

/// Connections to one registry.
#[derive(Clone)]
pub(crate) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

impl Transport {
    /// Connections that trust the system's authorities and the one in `ca`. Without TLS none is loaded.
    pub(crate) fn new(tls: bool, ca: Option<&Path>) -> Result<Self, String> {
        let mut roots = rustls::RootCertStore::empty();
        if tls {
            // What cannot be read is left out: a registry that needs it says so.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if let Some(ca) = ca {
            let unusable = |why: String| format!("authority {} of a registry: {why}", ca.display());
            let found = CertificateDer::pem_file_iter(ca).map_err(|error| unusable(error.to_string()))?;
            for certificate in found {
                let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Sends a request and waits for the beginning of its answer. `limit` is far off for requests with much content.
    pub(crate) async fn send(
        &self,
        request: Request<Body>,
        limit: Duration,
    ) -> Result<Response<Incoming>, String> {
        match tokio::time::timeout(limit, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(told(&error)),
            Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
        }
    }
}

/// No content.
pub(crate) fn empty() -> Body {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// This content.
pub(crate) fn full(bytes: Bytes) -> Body {
    http_body_util::Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// All of an answer, up to `limit` bytes.
pub(crate) async fn read(response: Response<Incoming>, limit: usize) -> Result<Bytes, String> {
    let body = http_body_util::Limited::new(response.into_body(), limit).collect();
    match tokio::time::timeout(ANSWER, body).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) => Err(format!("the answer cannot be read: {error}")),
        Err(_) => Err(format!("the answer did not come within {} s", ANSWER.as_secs())),
    }
}

/// An error with all its causes; hyper's own words alone say little.
fn told(error: &ClientError) -> String {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = if text.is_empty() { words } else { format!("{text}: {words}") };
        }
        cause = error.source();
    }
    let plain = text.strip_prefix("client error (Connect): ").unwrap_or(&text);
    plain.strip_prefix("tcp connect error: ").unwrap_or(plain).to_owned()
}
