//! A container's log over a WebSocket, for clients that can read no other stream: one message for each piece.
//!
//! Protocols are upstream's: `binary.k8s.io` (or none) for bytes, `base64.binary.k8s.io` for text.

use super::{Body, reply, upgrade};
use crate::status::Status;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Duration;
use streams::websocket::{self, Message};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

const BINARY: &str = "binary.k8s.io";
const BASE64: &str = "base64.binary.k8s.io";
/// How long a client may take to close the connection at its end.
const FAREWELL: Duration = Duration::from_secs(10);

/// What answers the client's key, when it asks for a WebSocket.
pub(super) fn key(parts: &Parts) -> Option<String> {
    let key = parts.headers.get(SEC_WEBSOCKET_KEY).filter(|_| upgrade::is_asked(&parts.headers))?;
    key.to_str().ok().map(websocket::accept)
}

/// Upgrades the client's connection, and sends the log over it.
pub(super) fn answer(parts: &mut Parts, accept: &str, log: Incoming) -> Result<Response<Body>, Status> {
    let values = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let offered = websocket::offered(values);
    let protocol = [BINARY, BASE64].into_iter().find(|one| offered.contains(one));
    if protocol.is_none() && !offered.is_empty() {
        let text =
            format!("none of the protocols {offered:?} is served for logs; offer {BINARY} or {BASE64}");
        return Err(Status::bad_request(text));
    }
    let mut answer = Response::new(reply::full(""));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    let client = upgrade::of_client(parts);
    tokio::spawn(async move {
        let sent = match client.await {
            Ok(client) => send(TokioIo::new(client), log, protocol == Some(BASE64)).await,
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "a log was not sent to its end");
        }
    });
    Ok(answer)
}

async fn send(io: impl AsyncRead + AsyncWrite, mut log: Incoming, base64: bool) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(io);
    let mut reader = websocket::Reader::new(reader);
    let mut left = std::pin::pin!(async {
        while !matches!(reader.read().await, Ok(Some(Message::Close) | None) | Err(_)) {}
    });
    // An empty message tells the client that the stream is open.
    write(&mut writer, Bytes::new(), base64).await?;
    loop {
        let frame = tokio::select! {
            frame = log.frame() => frame,
            () = &mut left => return Ok(()),
        };
        match frame {
            Some(frame) => {
                if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                    write(&mut writer, data, base64).await?;
                }
            }
            None => break,
        }
    }
    websocket::close(&mut writer).await?;
    writer.shutdown().await?;
    let _ = tokio::time::timeout(FAREWELL, left).await;
    Ok(())
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), data: Bytes, base64: bool) -> io::Result<()> {
    if base64 {
        websocket::write_text(writer, &STANDARD.encode(data)).await
    } else {
        websocket::write(writer, &[&data]).await
    }
}
