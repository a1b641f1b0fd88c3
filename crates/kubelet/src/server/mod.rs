//! The kubelet's HTTPS endpoints, for the API server: logs, pods, statistics, health.
//!
//! Every connection shows a client certificate of the cluster's CA, and its holder must be one of the names that the
//! node trusts, or a member of `system:masters`; nothing is served to anybody else.

mod access;
mod find;
mod logs;
mod stats;
mod streams;
mod volumes;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, put};
use client::Informer;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use k8s_openapi::api::core::v1::Pod;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::ServerOptions;
use crate::context::Context;

pub(crate) use access::TlsError;

/// What the handlers see.
pub(crate) struct Shared {
    pub(crate) ctx: Arc<Context>,
    pub(crate) pods: Informer<Pod>,
    pub(crate) node_name: String,
}

/// A listener that is ready to serve.
pub(crate) struct Server {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    trusted: Arc<Vec<String>>,
}

impl Server {
    /// Binds and reads the certificates.
    pub(crate) async fn bind(address: Ipv4Addr, options: &ServerOptions) -> Result<Server, TlsError> {
        let config = access::server_config(options)?;
        let at = SocketAddr::from((address, options.port));
        let listener =
            TcpListener::bind(at).await.map_err(|source| TlsError::Bind { address: at, source })?;
        Ok(Server {
            listener,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            trusted: Arc::new(options.trusted_clients.clone()),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().map_or(0, |a| a.port())
    }

    /// Serves until dropped.
    pub(crate) async fn run(self, shared: Shared) {
        let router = router(Arc::new(shared));
        let mut connections = JoinSet::new();
        loop {
            let stream = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of descriptors, most likely: waiting for some to be freed is all there is to do.
                        tracing::warn!(%error, "connection not accepted");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                        continue;
                    }
                },
                Some(_) = connections.join_next() => continue,
            };
            let (acceptor, trusted, router) = (self.acceptor.clone(), self.trusted.clone(), router.clone());
            connections.spawn(async move {
                let stream = match acceptor.accept(stream).await {
                    Ok(stream) => stream,
                    Err(error) => return tracing::debug!(%error, "TLS handshake failed"),
                };
                let holder = stream.get_ref().1.peer_certificates().and_then(|c| c.first()).cloned();
                let allowed = holder.is_some_and(|c| access::allowed(&c, &trusted));
                let router = if allowed { router } else { Router::new().fallback(forbidden) };
                let service = TowerToHyperService::new(router);
                let served = auto::Builder::new(TokioExecutor::new())
                    .serve_connection_with_upgrades(TokioIo::new(stream), service)
                    .await;
                if let Err(error) = served {
                    tracing::debug!(error, "connection ended");
                }
            });
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/pods", get(list_pods))
        .route("/stats/summary", get(stats::summary))
        .route("/containerLogs/{namespace}/{pod}/{container}", get(logs::container))
        .route("/exec/{namespace}/{pod}/{container}", any(streams::exec))
        .route("/attach/{namespace}/{pod}/{container}", any(streams::attach))
        .route("/portForward/{namespace}/{pod}", any(streams::port_forward))
        .route("/volumes/{name}", put(volumes::make).delete(volumes::remove))
        .with_state(shared)
}

async fn list_pods(State(shared): State<Arc<Shared>>) -> Response {
    let items: Vec<_> = shared.pods.list();
    let items: Vec<&Pod> = items.iter().map(AsRef::as_ref).collect();
    let list = serde_json::json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items});
    axum::Json(list).into_response()
}

async fn forbidden() -> Response {
    (StatusCode::FORBIDDEN, "Forbidden: this certificate may not use the kubelet's endpoints\n")
        .into_response()
}

/// Undoes percent encoding; what is not encoded well stays as it is.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match (bytes[at], hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (_, Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', None) => {
                out.push(b' ');
                at += 1;
            }
            (byte, None) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding() {
        assert_eq!(decode("2026-01-01T00%3A00%3A00Z"), "2026-01-01T00:00:00Z");
        assert_eq!(decode("a+b%zz%4"), "a b%zz%4");
    }
}
