//! The server's handle: start, the tower service, the client within the process, and serving over TLS.

mod tls;

use crate::auth::{AuthState, UserInfo};
use crate::bootstrap;
use crate::kubelets::Kubelets;
use crate::options::Options;
use crate::rest::{self, Body, Encoded};
use crate::state::{StartError, State};
use crate::storage::Index;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// A running API server. Clones share it.
#[derive(Clone)]
pub struct ApiServer {
    state: Arc<State>,
}

/// The API as a tower service. Identity comes from the request's extensions, so it is for callers that set them:
/// the TLS listener and [`ApiServer::client`].
#[derive(Clone)]
pub struct Service {
    state: Arc<State>,
}

/// The identity of a request made within the process; nothing that comes over the wire can carry it.
#[derive(Debug, Clone)]
pub(crate) struct InProcess(pub(crate) Arc<UserInfo>);

// === impl ApiServer ===

impl ApiServer {
    /// Makes a server over a store. It answers at once through [`ApiServer::client`]; a listener is optional.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        bootstrap::run(&options).await?;
        let auth = AuthState::start(&options)?;
        let kubelets = options.kubelet_client.clone().map(Kubelets::new);
        let state = State {
            kubelets,
            event_lease: Mutex::default(),
            store: options.store.clone(),
            index: Index::new(),
            encoded: Encoded::default(),
            auth,
            shutdown: CancellationToken::new(),
            options,
        };
        Ok(Self { state: Arc::new(state) })
    }

    /// The API as a tower service.
    pub fn service(&self) -> Service {
        Service { state: self.state.clone() }
    }

    /// A client within the process: the same service as over the wire, without a socket, acting as `user`.
    pub fn client(&self, user: UserInfo) -> kube::Client {
        let (server, user) = (self.clone(), Arc::new(user));
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (server, user) = (server.clone(), user.clone());
            async move { Ok::<_, Infallible>(server.answer(user, request).await) }
        });
        kube::Client::new(service, "default")
    }

    /// Answers one request of a client within the process that acts as `user`.
    pub async fn answer(&self, user: Arc<UserInfo>, request: Request<kube::client::Body>) -> Response<Body> {
        let mut request = request.map(|body| body.map_err(rest::BoxError::from).boxed_unsync());
        request.extensions_mut().insert(InProcess(user));
        rest::handle(self.state.clone(), request).await
    }

    /// Serves on a listener until `shutdown` is cancelled; then watches end, requests under way are finished (for
    /// at most ten seconds) and connections close. HTTP/1.1 and HTTP/2 by ALPN; whether client certificates are
    /// asked for and which are believed is the business of `tls`.
    pub async fn serve(
        &self,
        listener: TcpListener,
        tls: Arc<rustls::ServerConfig>,
        shutdown: CancellationToken,
    ) {
        tls::serve(self.service(), listener, tls, shutdown).await;
    }

    /// Ends all watches and other long requests, in process or not. New ones end at once.
    pub fn shutdown(&self) {
        self.state.shutdown.cancel();
    }
}

// === impl Service ===

impl tower::Service<Request<Body>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let state = self.state.clone();
        Box::pin(async move { Ok(rest::handle(state, request).await) })
    }
}
