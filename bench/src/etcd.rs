//! An etcd server of our own in a temporary folder, and the least client that can load it: gRPC's framing and
//! three messages by hand, over HTTP/2 connections that stay open. It decodes next to nothing, so it costs the
//! server's side of the comparison less than any real client would.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::measure::Failure;

/// A running server; it ends with this value.
pub(crate) struct Server {
    child: Child,
    port: u16,
    pub(crate) version: String,
}

impl Server {
    /// Starts `$ETCD`, or `etcd` from the path; `None` with the reason on the screen if there is none.
    pub(crate) async fn start(dir: &Path) -> Result<Option<Self>, Failure> {
        let program = std::env::var_os("ETCD").map_or_else(|| PathBuf::from("etcd"), PathBuf::from);
        let Ok(version) = Command::new(&program).arg("--version").output() else {
            println!(
                "no {} here: our figures alone. `apt-get install etcd-server`, or set ETCD to the program.",
                program.display()
            );
            return Ok(None);
        };
        let version = String::from_utf8_lossy(&version.stdout).lines().next().unwrap_or_default().to_owned();
        let free = || TcpListener::bind("127.0.0.1:0")?.local_addr().map(|address| address.port());
        let (port, peer) = (free()?, free()?);
        let client_url = format!("http://127.0.0.1:{port}");
        let peer_url = format!("http://127.0.0.1:{peer}");
        let child = Command::new(&program)
            .arg("--data-dir")
            .arg(dir)
            .args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url])
            .args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url])
            .args(["--initial-cluster", &format!("default={peer_url}"), "--log-level", "error"])
            // So that a long run does not end at the default size.
            .args(["--quota-backend-bytes", "8589934592"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self { child, port, version };
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Ok(client) = server.connect().await
                && client.put(b"/ready", b"").await.is_ok()
            {
                return Ok(Some(server));
            }
            if Instant::now() > deadline {
                return Err("etcd does not answer after 20 s".into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(64 << 20)
            .initial_connection_window_size(64 << 20)
            .handshake(TokioIo::new(stream))
            .await?;
        // Ends when the last sender is dropped.
        tokio::spawn(connection);
        Ok(Client { sender, authority: Arc::from(format!("http://127.0.0.1:{}", self.port)) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection, shared by its clones.
#[derive(Clone)]
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    authority: Arc<str>,
}

impl Client {
    /// `etcdserverpb.KV/Put`.
    pub(crate) async fn put(&self, key: &[u8], value: &[u8]) -> Result<(), Failure> {
        let mut message = BytesMut::with_capacity(key.len() + value.len() + 32);
        field(&mut message, 1, key);
        field(&mut message, 2, value);
        self.call("Put", message).await.map(drop)
    }

    /// `etcdserverpb.KV/Range` over the keys from `key` up to `end` (one key if `end` is empty): the answer's size.
    pub(crate) async fn range(&self, key: &[u8], end: &[u8]) -> Result<usize, Failure> {
        let mut message = BytesMut::with_capacity(key.len() + end.len() + 32);
        field(&mut message, 1, key);
        if !end.is_empty() {
            field(&mut message, 2, end);
        }
        self.call("Range", message).await
    }

    async fn call(&self, method: &str, message: BytesMut) -> Result<usize, Failure> {
        let mut body = BytesMut::with_capacity(message.len() + 5);
        body.put_u8(0);
        body.put_u32(message.len() as u32);
        body.extend_from_slice(&message);
        let request = http::Request::post(format!("{}/etcdserverpb.KV/{method}", self.authority))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(body.freeze()))?;
        let response = self.sender.clone().send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        let trailers = body.trailers().unwrap_or(&head.headers);
        if trailers.get("grpc-status").is_none_or(|status| status != "0") {
            return Err(format!("etcd refused {method}: {trailers:?}").into());
        }
        Ok(body.to_bytes().len())
    }
}

/// A length-delimited protobuf field.
fn field(message: &mut BytesMut, number: u8, bytes: &[u8]) {
    message.put_u8(number << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        message.put_u8(length as u8 | 0x80);
        length >>= 7;
    }
    message.put_u8(length as u8);
    message.extend_from_slice(bytes);
}
