//! Answers to load balancers that ask a node whether it has endpoints of a Service whose
//! `externalTrafficPolicy` is `Local`: one small HTTP server per `healthCheckNodePort`, with kube-proxy's answers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::HealthPort;

/// The servers of a node by port. Dropping them ends them.
#[derive(Default)]
pub(super) struct Servers {
    running: HashMap<u16, Server>,
}

struct Server {
    state: watch::Sender<HealthPort>,
    _task: JoinSet<()>,
}

impl Servers {
    /// Serves exactly these; a port that cannot be had is reported, and tried again when something changes.
    pub(super) fn serve(&mut self, ports: Vec<HealthPort>) {
        self.running.retain(|port, _| ports.iter().any(|wanted| wanted.port == *port));
        for wanted in ports {
            if let Some(server) = self.running.get(&wanted.port) {
                server.state.send_replace(wanted);
                continue;
            }
            match listen(wanted.port) {
                Ok(listener) => {
                    let port = wanted.port;
                    let (state, receiver) = watch::channel(wanted);
                    let mut task = JoinSet::new();
                    task.spawn(accept(listener, receiver));
                    self.running.insert(port, Server { state, _task: task });
                }
                Err(error) => {
                    let HealthPort { port, namespace, name, .. } = wanted;
                    tracing::error!(port, %error, "cannot answer health checks of Service {namespace}/{name}");
                }
            }
        }
    }
}

/// At all addresses of both families, or of IPv4 where there is nothing else.
fn listen(port: u16) -> io::Result<TcpListener> {
    let any = |address| -> io::Result<TcpListener> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    any(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
        .or_else(|_| any(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))))
}

async fn accept(listener: TcpListener, state: watch::Receiver<HealthPort>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = stream else { continue };
        let state = state.clone();
        connections.spawn(async move {
            let answer = service_fn(move |_: Request<Incoming>| {
                let answer = answer(&state.borrow());
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut server = hyper::server::conn::http1::Builder::new();
            // A client that says nothing for long is cut off by the timer.
            let connection = server.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a health check broke off");
            }
        });
    }
}

/// What kube-proxy says: 200 with at least one endpoint, else 503.
fn answer(state: &HealthPort) -> Response<Full<Bytes>> {
    let HealthPort { namespace, name, local, .. } = state;
    // Names of objects need no escapes.
    let text = format!(
        "{{\n\t\"service\": {{\n\t\t\"namespace\": \"{namespace}\",\n\t\t\"name\": \"{name}\"\n\t}},\n\t\
         \"localEndpoints\": {local},\n\t\"serviceProxyHealthy\": true\n}}"
    );
    let mut response = Response::new(Full::new(Bytes::from(text)));
    if *local == 0 {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    headers.insert("x-content-type-options", hyper::header::HeaderValue::from_static("nosniff"));
    headers.insert("x-load-balancing-endpoint-weight", hyper::header::HeaderValue::from(*local));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_endpoints_is_not_healthy() {
        let state = |local| HealthPort { port: 30500, namespace: "shop".into(), name: "web".into(), local };
        let (with, without) = (answer(&state(2)), answer(&state(0)));
        assert_eq!((with.status(), without.status()), (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(with.headers()["x-load-balancing-endpoint-weight"], "2");
    }
}
