//! `/portForward`: connections to ports of a pod's own localhost.
//!
//! Over SPDY (plain, or inside a WebSocket) each forwarded connection is a pair of streams with one request number:
//! one for its bytes, one for what went wrong. Over a WebSocket's channels each port has one connection: channel 2n
//! for the bytes of the nth port, 2n+1 for what went wrong; the first message of each tells the port's number.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use runtime::Engine;
use streams::spdy::{Connection, Stream};
use streams::websocket::{self, Message};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::spdy::header;

/// What is read from a pod and sent at once.
const CHUNK: usize = 32 << 10;
/// Messages to a pod that wait.
const UNREAD: usize = 64;
/// Connections whose second stream has not come yet.
const HALVES: usize = 256;

/// The pod that is connected to.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) engine: Engine,
    /// By which the runtime knows it.
    pub(super) uid: String,
    pub(super) name: String,
}

impl Target {
    async fn dial(&self, port: u16) -> Result<tokio::net::TcpStream, String> {
        let connected = self.engine.dial(&self.uid, port).await;
        connected.map_err(|error| {
            format!("error forwarding port {port} to pod {}, uid {}: {error}", self.name, self.uid)
        })
    }
}

/// One of the two streams of a connection, while the other is waited for.
enum Half {
    Data(Stream),
    Error(Stream),
}

/// Serves a SPDY connection to its end.
pub(super) async fn spdy(io: impl AsyncRead + AsyncWrite + Send + 'static, target: Target) {
    let mut connection = Connection::serve(io);
    let mut halves: HashMap<String, Half> = HashMap::new();
    // Connections end with the one that carries them.
    let mut forwards = JoinSet::new();
    loop {
        let stream = tokio::select! {
            stream = connection.accept() => stream,
            Some(_) = forwards.join_next() => continue,
        };
        let Some(stream) = stream else { return };
        let kind = header(&stream, "streamtype").unwrap_or_default().to_owned();
        // Clients of old send no number: their data stream is the one after the error stream.
        let before = if kind == "data" { stream.id.saturating_sub(2) } else { stream.id };
        let number = header(&stream, "requestid").map_or_else(|| before.to_string(), str::to_owned);
        let new = match kind.as_str() {
            "data" => Half::Data(stream),
            "error" => Half::Error(stream),
            // Dropped, and so reset.
            _ => continue,
        };
        match (halves.remove(&number), new) {
            (Some(Half::Error(error)), Half::Data(data)) | (Some(Half::Data(data)), Half::Error(error)) => {
                forwards.spawn(forward(target.clone(), data, error));
            }
            // Twice the same, or too many alone: dropped, and so reset.
            (Some(_), _) => {}
            (None, _) if halves.len() >= HALVES => {}
            (None, half) => _ = halves.insert(number, half),
        }
    }
}

async fn forward(target: Target, data: Stream, mut error: Stream) {
    let port = header(&data, "port").or(header(&error, "port")).unwrap_or_default();
    let connected = match port.parse::<u16>() {
        Ok(port) if port > 0 => target.dial(port).await,
        _ => Err(format!("{port:?} is not a port")),
    };
    let Stream { mut reader, mut writer, .. } = data;
    match connected {
        Ok(tcp) => {
            let (mut from_pod, mut to_pod) = tcp.into_split();
            let there = async {
                // A pod that does not listen any more may still speak.
                let _ = tokio::io::copy(&mut reader, &mut to_pod).await;
                let _ = to_pod.shutdown().await;
            };
            let back = async {
                let _ = tokio::io::copy(&mut from_pod, &mut writer).await;
                let _ = writer.shutdown().await;
                // Nothing can go wrong any more: clients wait for that before they end their side.
                let _ = error.writer.shutdown().await;
            };
            tokio::join!(there, back);
        }
        Err(text) => {
            tracing::debug!(text, "port not forwarded");
            let _ = error.writer.write_all(text.as_bytes()).await;
            let _ = error.writer.shutdown().await;
            let _ = writer.shutdown().await;
        }
    }
}

/// Serves a WebSocket whose channels are those of `ports`.
pub(super) async fn channels(
    io: impl AsyncRead + AsyncWrite + Send + 'static,
    target: Target,
    ports: Vec<u16>,
) {
    let (reader, writer) = tokio::io::split(io);
    let writer = Arc::new(Mutex::new(writer));
    let mut queues = Vec::new();
    let mut tasks = JoinSet::new();
    for (index, port) in ports.into_iter().enumerate() {
        let (queue, input) = mpsc::channel(UNREAD);
        queues.push(queue);
        // A channel's number is one byte; requests for more ports are refused before.
        let Ok(number) = u8::try_from(2 * index) else { return };
        tasks.spawn(channel(target.clone(), port, number, input, writer.clone()));
    }
    let listen = async {
        let mut reader = websocket::Reader::new(reader);
        loop {
            match reader.read().await {
                Ok(Some(Message::Data(data))) => {
                    let queue =
                        data.first().filter(|n| **n % 2 == 0).and_then(|n| queues.get(usize::from(n / 2)));
                    if let Some(queue) = queue {
                        // A pod that has closed the connection takes no more.
                        let _ = queue.send(Bytes::from(data).slice(1..)).await;
                    }
                }
                Ok(Some(Message::Ping(data))) => {
                    if websocket::pong(&mut *writer.lock().await, &data).await.is_err() {
                        return;
                    }
                }
                Ok(Some(Message::Close) | None) | Err(_) => return,
            }
        }
    };
    tokio::select! {
        () = listen => {}
        () = async { while tasks.join_next().await.is_some() {} } => {
            let mut writer = writer.lock().await;
            let _ = websocket::close(&mut *writer).await;
            let _ = writer.shutdown().await;
        }
    }
}

async fn channel<W: AsyncWrite + Unpin>(
    target: Target,
    port: u16,
    number: u8,
    mut input: mpsc::Receiver<Bytes>,
    writer: Arc<Mutex<W>>,
) {
    let tell = async |channel: u8, bytes: &[u8]| -> io::Result<()> {
        websocket::write(&mut *writer.lock().await, &[&[channel], bytes]).await
    };
    let hello = async {
        tell(number, &port.to_le_bytes()).await?;
        tell(number + 1, &port.to_le_bytes()).await
    };
    if hello.await.is_err() {
        return;
    }
    let tcp = match target.dial(port).await {
        Ok(tcp) => tcp,
        Err(text) => {
            let _ = tell(number + 1, text.as_bytes()).await;
            return;
        }
    };
    let (mut from_pod, mut to_pod) = tcp.into_split();
    let there = async {
        while let Some(bytes) = input.recv().await {
            if OwnedWriteHalf::write_all(&mut to_pod, &bytes).await.is_err() {
                return;
            }
        }
    };
    let back = async {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = from_pod.read(&mut buffer).await {
            if tell(number, &buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    // The pod's end of the connection is its end: a channel cannot be half closed.
    tokio::select! {
        () = back => {}
        () = async { there.await; std::future::pending::<()>().await } => {}
    }
}
