//! Connections over TLS: handshake, HTTP/1.1 and HTTP/2, and an orderly end.
//!
//! The verified certificate chain of the peer goes with each request as an extension, and so does the token that
//! ends long requests when this listener shuts down.

use super::Service;
use crate::auth::PeerCertificates;
use crate::rest::{BoxError, StopToken};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// A handshake or a request's headers may take this long.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);

/// Requests under way may take this long after the shutdown began.
const GRACE: Duration = Duration::from_secs(10);

/// Requests at the same time on one HTTP/2 connection; informers of one client share one.
const MAX_STREAMS: u32 = 1000;

pub(super) async fn serve(
    service: Service,
    listener: TcpListener,
    mut tls: Arc<rustls::ServerConfig>,
    shutdown: CancellationToken,
) {
    if tls.alpn_protocols.is_empty() {
        let config = Arc::make_mut(&mut tls);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    let acceptor = TlsAcceptor::from(tls);
    let connections = GracefulShutdown::new();
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next() => continue,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let watcher = connections.watcher();
                let (service, acceptor, stop) = (service.clone(), acceptor.clone(), shutdown.clone());
                tasks.spawn(async move {
                    if let Err(error) = connection(service, acceptor, stream, peer, stop, watcher).await {
                        tracing::debug!(%peer, %error, "connection ended");
                    }
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: accepting again at once would spin.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off by the shutdown");
    }
    tasks.shutdown().await;
}

async fn connection(
    service: Service,
    acceptor: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<(), BoxError> {
    stream.set_nodelay(true)?;
    let handshake = tokio::time::timeout(HEADER_TIMEOUT, acceptor.accept(stream));
    let stream = tokio::select! {
        stream = handshake => stream??,
        () = stop.cancelled() => return Ok(()),
    };
    let chain =
        stream.get_ref().1.peer_certificates().map(|chain| PeerCertificates(Arc::new(chain.to_vec())));
    let stop_token = StopToken(stop);
    let handler = hyper::service::service_fn(move |request: http::Request<Incoming>| {
        let mut request = request.map(|body| body.map_err(BoxError::from).boxed_unsync());
        let extensions = request.extensions_mut();
        extensions.insert(stop_token.clone());
        extensions.insert(peer);
        if let Some(chain) = &chain {
            extensions.insert(chain.clone());
        }
        tower::Service::call(&mut service.clone(), request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(30));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), handler).into_owned();
    watcher.watch(connection).await
}
