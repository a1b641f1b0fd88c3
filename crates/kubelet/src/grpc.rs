//! A client for `grpc.health.v1.Health/Check`, and for nothing else.
//!
//! The two messages have one field each, so they are written and read here by hand.

use std::net::Ipv4Addr;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// Asks the server for the health of `service` (empty: of the server as a whole).
pub(crate) async fn check(ip: Ipv4Addr, port: u16, service: &str) -> Result<(), String> {
    let stream = TcpStream::connect((ip, port))
        .await
        .map_err(|e| format!("timeout: failed to connect service \"{ip}:{port}\": {e}"))?;
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|e| e.to_string())?;
    let driver = tokio::spawn(connection);
    let answer = ask(&mut sender, ip, port, service).await;
    driver.abort();
    answer
}

async fn ask(
    sender: &mut hyper::client::conn::http2::SendRequest<Full<Bytes>>,
    ip: Ipv4Addr,
    port: u16,
    service: &str,
) -> Result<(), String> {
    let request = Request::post(format!("http://{ip}:{port}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "kube-probe/1.37")
        .body(Full::new(encode(service)))
        .map_err(|e| e.to_string())?;
    let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
    let early = response.headers().get("grpc-status").cloned();
    let body = response.into_body().collect().await.map_err(|e| e.to_string())?;
    let status = early.or_else(|| body.trailers().and_then(|t| t.get("grpc-status").cloned()));
    match status.as_ref().and_then(|s| s.to_str().ok()) {
        Some("0") => {}
        Some("12") => return Err("error: this server does not implement the grpc health protocol".to_owned()),
        other => return Err(format!("error: health rpc failed with code {}", other.unwrap_or("none"))),
    }
    match decode(&body.to_bytes()) {
        Some(1) => Ok(()),
        Some(status) => Err(format!("service unhealthy (responded with \"{}\")", name(status))),
        None => Err("the server's answer is not a HealthCheckResponse".to_owned()),
    }
}

/// `HealthCheckRequest{service = 1}` in a gRPC frame.
fn encode(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            message.put_u8(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
            length >>= 7;
        }
        message.put_u8(u8::try_from(length).unwrap_or(0));
        message.put_slice(service.as_bytes());
    }
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put(message);
    frame.freeze()
}

/// `HealthCheckResponse{status = 1}` of a gRPC frame; an absent field is 0.
fn decode(mut frame: &[u8]) -> Option<u64> {
    if frame.len() < 5 || frame.get_u8() != 0 {
        return None;
    }
    let length = usize::try_from(frame.get_u32()).ok()?;
    let mut message = frame.get(..length)?;
    if message.is_empty() {
        return Some(0);
    }
    if message.get_u8() != 0x08 || message.is_empty() {
        return None;
    }
    Some(u64::from(message.get_u8()))
}

fn name(status: u64) -> &'static str {
    match status {
        0 => "UNKNOWN",
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "unrecognised",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        assert_eq!(encode("").as_ref(), [0, 0, 0, 0, 0]);
        assert_eq!(encode("ab").as_ref(), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(encode(&"x".repeat(200)).as_ref()[5..8], [0x0a, 0xc8, 0x01]);
        assert_eq!(decode(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(decode(&[0, 0, 0, 0, 0]), Some(0));
        assert_eq!(decode(&[0, 0, 0, 0, 9, 8]), None);
        assert_eq!(decode(&[1, 0]), None);
    }
}
