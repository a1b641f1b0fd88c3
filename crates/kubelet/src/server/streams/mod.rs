//! `/exec`, `/attach` and `/portForward`: connections that are upgraded to WebSocket or SPDY/3.1.
//!
//! Here the request is answered and its protocol chosen; the streams that follow are in the other modules.

mod forward;
mod session;
mod socket;
mod spdy;
mod wish;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use runtime::ExecSpec;
use streams::websocket;

use super::Shared;
use super::find::{self, Found, Refusal};
use wish::{Protocol, Wish};

const SPDY: &str = "SPDY/3.1";
const SPDY_PROTOCOL: &str = "x-stream-protocol-version";
const FORWARD: &str = "portforward.k8s.io";
/// SPDY inside a WebSocket: what kubectl forwards ports with.
const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";
/// Ports whose channels can be numbered.
const MOST_PORTS: usize = 128;

/// The connection that follows the handshake.
type Io = TokioIo<Upgraded>;

/// The way a remote command's streams go.
enum Transport {
    Socket(Protocol),
    Spdy(Protocol),
}

pub(super) async fn exec(
    State(shared): State<Arc<Shared>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let wish = Wish::parse(query.as_deref().unwrap_or_default());
    if wish.command.is_empty() {
        return (StatusCode::BAD_REQUEST, "you must specify at least 1 command").into_response();
    }
    remote(&shared, &namespace, &pod, &container, wish, request, true)
}

pub(super) async fn attach(
    State(shared): State<Arc<Shared>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let wish = Wish::parse(query.as_deref().unwrap_or_default());
    remote(&shared, &namespace, &pod, &container, wish, request, false)
}

/// Upgrades the connection and runs a command, or joins what runs.
fn remote(
    shared: &Arc<Shared>,
    namespace: &str,
    pod: &str,
    container: &str,
    wish: Wish,
    mut request: Request,
    own: bool,
) -> Response {
    let Found { uid, id } = match find::running(shared, namespace, pod, container) {
        Ok(found) => found,
        Err(refusal) => return refusal.into_response(),
    };
    if !(wish.stdin || wish.stdout || wish.stderr) {
        let text = "you must specify at least 1 of stdin, stdout, stderr";
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    let (transport, answer) = match negotiate(request.headers()) {
        Ok(agreed) => agreed,
        Err(refusal) => return refusal.into_response(),
    };
    let engine = shared.ctx.engine.clone();
    upgrade(&mut request, answer, move |io| async move {
        let session = match transport {
            Transport::Socket(protocol) => socket::begin(io, protocol, &wish).await.ok(),
            Transport::Spdy(protocol) => spdy::begin(io, protocol, &wish).await,
        };
        let Some(session) = session else { return };
        let process = if own {
            let command = wish.command.clone();
            let spec = ExecSpec { args: command, tty: wish.tty, stdin: wish.stdin, ..ExecSpec::default() };
            engine.exec(&uid, &id, &spec).await
        } else {
            engine.attach(&uid, &id, wish.stdin).await
        };
        session::run(session, process, own).await;
    })
}

pub(super) async fn port_forward(
    State(shared): State<Arc<Shared>>,
    Path((namespace, pod)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    mut request: Request,
) -> Response {
    let uid = match find::sandbox(&shared, &namespace, &pod) {
        Ok(uid) => uid,
        Err(refusal) => return refusal.into_response(),
    };
    let target = forward::Target { engine: shared.ctx.engine.clone(), uid, name: pod };
    let headers = request.headers();
    if let Some(accept) = key(headers) {
        let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
        let offered = websocket::offered(offered);
        if offered.contains(&TUNNEL) {
            let answer = socket_answer(&accept, TUNNEL);
            return upgrade(&mut request, answer, |io| forward::spdy(websocket::tunnel(io), target));
        }
        let protocol = [Protocol::V4, Protocol::V1].into_iter().find(|p| offered.contains(&p.name()));
        let Some(protocol) = protocol else {
            return unknown(&offered, &[TUNNEL, Protocol::V4.name()]).into_response();
        };
        let ports = match ports(query.as_deref().unwrap_or_default()) {
            Ok(ports) => ports,
            Err(text) => return (StatusCode::BAD_REQUEST, text).into_response(),
        };
        let answer = socket_answer(&accept, protocol.name());
        return upgrade(&mut request, answer, |io| forward::channels(io, target, ports));
    }
    if !is_spdy(headers) {
        return (StatusCode::BAD_REQUEST, "Upgrade request required").into_response();
    }
    let offered = spdy_protocols(headers);
    if !offered.is_empty() && !offered.contains(&FORWARD) {
        return unknown(&offered, &[FORWARD]).into_response();
    }
    upgrade(&mut request, spdy_answer(FORWARD), |io| forward::spdy(io, target))
}

/// Chooses a protocol for a remote command.
fn negotiate(headers: &HeaderMap) -> Result<(Transport, Response), Refusal> {
    if let Some(accept) = key(headers) {
        let Some(protocol) = Protocol::of_websocket(headers) else {
            return Err(unknown(&[], &[Protocol::V5.name(), Protocol::V4.name(), Protocol::V1.name()]));
        };
        return Ok((Transport::Socket(protocol), socket_answer(&accept, protocol.name())));
    }
    if !is_spdy(headers) {
        return Err((StatusCode::BAD_REQUEST, "Upgrade request required".into()));
    }
    let offered = spdy_protocols(headers);
    let Some(protocol) = Protocol::of_spdy(&offered) else {
        return Err(unknown(&offered, &[Protocol::V4.name(), Protocol::V1.name()]));
    };
    Ok((Transport::Spdy(protocol), spdy_answer(protocol.name())))
}

/// What answers a WebSocket's key, if the request is for one.
fn key(headers: &HeaderMap) -> Option<String> {
    headers.get(header::SEC_WEBSOCKET_KEY).and_then(|k| k.to_str().ok()).map(websocket::accept)
}

fn is_spdy(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(SPDY.as_bytes()))
}

fn spdy_protocols(headers: &HeaderMap) -> Vec<&str> {
    websocket::offered(headers.get_all(SPDY_PROTOCOL).iter().filter_map(|v| v.to_str().ok()))
}

fn unknown(offered: &[&str], served: &[&str]) -> Refusal {
    let text = format!(
        "unable to upgrade: unable to negotiate protocol: client supports [{}], server accepts [{}]",
        offered.join(" "),
        served.join(" ")
    );
    (StatusCode::FORBIDDEN, text)
}

fn ports(query: &str) -> Result<Vec<u16>, String> {
    let values = query.split('&').filter_map(|pair| pair.strip_prefix("port="));
    let mut ports = Vec::new();
    for port in values.flat_map(|value| value.split("%2C").flat_map(|part| part.split(','))) {
        match port.parse::<u16>() {
            Ok(port) if port > 0 => ports.push(port),
            _ => return Err(format!("query parameter \"port\" is {port:?}, which is no port")),
        }
    }
    match ports.len() {
        0 => Err("query parameter \"port\" is required".into()),
        1..=MOST_PORTS => Ok(ports),
        count => Err(format!("{count} ports are too many for one connection")),
    }
}

fn switching(protocol: &'static str) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static(protocol));
    answer
}

fn socket_answer(accept: &str, protocol: &'static str) -> Response {
    let mut answer = switching("websocket");
    if let Ok(accept) = HeaderValue::from_str(accept) {
        answer.headers_mut().insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    answer.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    answer
}

fn spdy_answer(protocol: &'static str) -> Response {
    let mut answer = switching(SPDY);
    answer.headers_mut().insert(SPDY_PROTOCOL, HeaderValue::from_static(protocol));
    answer
}

/// Answers the handshake, and runs `work` on the connection that follows.
fn upgrade<F>(
    request: &mut Request,
    answer: Response,
    work: impl FnOnce(Io) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send,
{
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(io) => work(TokioIo::new(io)).await,
            Err(error) => tracing::debug!(%error, "a stream was not upgraded"),
        }
    });
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_channels() {
        assert_eq!(ports("port=80&port=81%2C82"), Ok(vec![80, 81, 82]));
        for wrong in ["", "port=0", "port=x", "port=70000"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_request_that_is_no_upgrade_is_refused() {
        assert!(negotiate(&HeaderMap::new()).is_err());
        let mut headers = HeaderMap::new();
        headers.insert(header::UPGRADE, HeaderValue::from_static("spdy/3.1"));
        headers.append(SPDY_PROTOCOL, HeaderValue::from_static("v5.channel.k8s.io"));
        headers.append(SPDY_PROTOCOL, HeaderValue::from_static("v3.channel.k8s.io"));
        let (_, answer) = negotiate(&headers).ok().unwrap();
        assert_eq!(answer.headers()[SPDY_PROTOCOL], "v3.channel.k8s.io");
    }
}
