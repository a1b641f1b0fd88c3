//! The way from this server to kubelets: HTTPS with a client certificate, one connection per request.
//!
//! Requests are forwarded as streams in both directions; a connection that the kubelet upgrades (exec, attach,
//! port-forward) is handed to the caller. Not here: which request becomes which kubelet path.

use crate::rest::Body;
use crate::status::Status;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A kubelet must take the connection and shake hands within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The port of a kubelet that does not say another one.
const PORT: u16 = 10250;

/// TLS settings for connections to kubelets.
#[derive(Clone)]
pub(crate) struct Kubelets {
    tls: Arc<ClientConfig>,
}

/// Where a node's kubelet listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    host: String,
    port: u16,
}

// === impl Kubelets ===

impl Kubelets {
    /// Speaks to kubelets with these settings.
    pub(crate) fn new(tls: Arc<ClientConfig>) -> Self {
        Self { tls }
    }

    /// Sends a request to a kubelet; its URI is path and query alone.
    pub(crate) async fn send(
        &self,
        address: &Address,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, Status> {
        let authority = address.to_string();
        let failed = |error: &dyn std::fmt::Display| {
            Status::service_unavailable(format!("cannot reach the kubelet at {authority}: {error}"))
        };
        let name = ServerName::try_from(address.host.clone()).map_err(|error| failed(&error))?;
        let connect = async {
            let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
            stream.set_nodelay(true)?;
            TlsConnector::from(self.tls.clone()).connect(name, stream).await
        };
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(stream) => stream.map_err(|error| failed(&error))?,
            Err(late) => return Err(failed(&late)),
        };
        if let Ok(host) = http::HeaderValue::from_str(&authority) {
            request.headers_mut().insert(http::header::HOST, host);
        }
        exchange(stream, request).await.map_err(|error| failed(&error))
    }
}

/// Sends one request over a connection of its own; an answer that switches protocols can be upgraded.
pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Body>,
) -> Result<Response<Incoming>, hyper::Error> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the request: the sender is dropped, or the upgraded stream is closed.
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection for a request ended");
        }
    });
    sender.send_request(request).await
}

// === impl Address ===

impl Address {
    /// The kubelet's address out of a Node: the internal address before others, the port from its status.
    pub(crate) fn of_node(node: &Value) -> Option<Self> {
        let addresses = node.pointer("/status/addresses")?.as_array()?;
        let of_type = |kind: &str| addresses.iter().find(|one| one["type"] == kind)?["address"].as_str();
        let host = ["InternalIP", "ExternalIP", "Hostname"].into_iter().find_map(of_type)?.to_owned();
        let port = node.pointer("/status/daemonEndpoints/kubeletEndpoint/Port").and_then(Value::as_u64);
        let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0).unwrap_or(PORT);
        Some(Self { host, port })
    }

    /// An address or a name.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            _ => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_internal_address_comes_first() {
        let node = json!({"status": {"addresses": [{"type": "Hostname", "address": "a"},
            {"type": "InternalIP", "address": "10.0.0.1"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": 4194}}}});
        assert_eq!(Address::of_node(&node).unwrap().to_string(), "10.0.0.1:4194");
        assert_eq!(Address::of_node(&json!({})), None);
    }
}
