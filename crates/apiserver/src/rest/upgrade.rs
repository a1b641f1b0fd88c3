//! Connections that are upgraded: both sides' halves of the handshake, and the bytes after it.

use super::{Body, reply};
use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

/// A bearer token may come as if it were a protocol, because browsers can set no other header.
const TOKEN: &str = "base64url.bearer.authorization.k8s.io.";

/// Whether the client asks for another protocol.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let upgrade =
        values.flat_map(|value| value.split(',')).any(|name| name.trim().eq_ignore_ascii_case("upgrade"));
    upgrade && headers.contains_key(UPGRADE)
}

/// Takes tokens out of the list of protocols.
pub(super) fn hide_tokens(headers: &mut HeaderMap) {
    let given: Vec<HeaderValue> = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().cloned().collect();
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    for value in given {
        let names = value.to_str().unwrap_or_default().split(',').map(str::trim);
        let names: Vec<&str> = names.filter(|name| !name.is_empty() && !name.starts_with(TOKEN)).collect();
        if let Ok(value) = HeaderValue::from_str(&names.join(", "))
            && !names.is_empty()
        {
            headers.append(SEC_WEBSOCKET_PROTOCOL, value);
        }
    }
}

/// Headers that make up an upgrade.
pub(super) fn is_part(name: &HeaderName) -> bool {
    name == CONNECTION
        || name == UPGRADE
        || name.as_str().starts_with("sec-websocket-")
        || name.as_str().starts_with("x-stream-protocol-version")
}

/// Answers the client as the other side answered, and joins the two connections end to end. `headers` are those of
/// the other side's answer that the client gets.
pub(super) fn join(
    client: &mut Parts,
    other: &mut Response<Incoming>,
    headers: impl FnOnce(&HeaderMap) -> HeaderMap,
) -> Response<Body> {
    let mut answer = Response::new(reply::full(""));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = headers(other.headers());
    let other_side = hyper::upgrade::on(other);
    let client_side = of_client(client);
    tokio::spawn(async move {
        match tokio::try_join!(client_side, other_side) {
            Ok((client, other)) => {
                let (mut client, mut other) = (TokioIo::new(client), TokioIo::new(other));
                let _ = tokio::io::copy_bidirectional(&mut client, &mut other).await;
            }
            Err(error) => tracing::debug!(%error, "a connection was not upgraded"),
        }
    });
    answer
}

/// The client's connection, once the answer is on its way.
pub(super) fn of_client(client: &mut Parts) -> hyper::upgrade::OnUpgrade {
    let mut original = Request::new(());
    *original.extensions_mut() = std::mem::take(&mut client.extensions);
    hyper::upgrade::on(&mut original)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_hidden_and_protocols_kept() {
        let mut headers = HeaderMap::new();
        for value in
            ["v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.c2VjcmV0", "v4.channel.k8s.io"]
        {
            headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(value));
        }
        hide_tokens(&mut headers);
        let left: Vec<&HeaderValue> = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().collect();
        assert_eq!(left, ["v5.channel.k8s.io", "v4.channel.k8s.io"]);
    }

    #[test]
    fn an_upgrade_is_asked_for_by_two_headers() {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        assert!(!is_asked(&headers));
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        assert!(is_asked(&headers));
    }
}
