//! A remote command over a WebSocket: one numbered channel for each stream.
//!
//! The first byte of a message is 0 input, 1 output, 2 errors, 3 the outcome, 4 a terminal's size, 255 (v5) the end of
//! the channel whose number follows.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use streams::websocket::{self, Message};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Mutex, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::StreamReader;
use tokio_util::sync::CancellationToken;

use super::session::{Output, Session};
use super::wish::{Protocol, Wish, size};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const RESULT: u8 = 3;
const RESIZE: u8 = 4;
const END: u8 = 255;

/// Messages of input that wait to be read by the process.
const UNREAD: usize = 64;

type Io = TokioIo<Upgraded>;

/// The part of a WebSocket that is written, shared by its channels.
type Writer = Arc<Mutex<WriteHalf<Io>>>;

/// One channel of a WebSocket, as far as it is written.
pub(super) struct Channel {
    number: u8,
    writer: Writer,
}

impl Channel {
    pub(super) async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        websocket::write(&mut *self.writer.lock().await, &[&[self.number], bytes]).await
    }

    /// Ends the whole WebSocket well.
    pub(super) async fn close(&self) -> io::Result<()> {
        let mut writer = self.writer.lock().await;
        websocket::close(&mut *writer).await?;
        writer.shutdown().await
    }
}

/// Begins a session.
pub(super) async fn begin(io: Io, protocol: Protocol, wish: &Wish) -> io::Result<Session> {
    let (reader, writer) = tokio::io::split(io);
    let writer = Arc::new(Mutex::new(writer));
    let channel = |number| Channel { number, writer: writer.clone() };
    // An empty message tells the client that the stream is open.
    let first = match (wish.stdout, wish.stderr) {
        (true, _) => STDOUT,
        (false, true) => STDERR,
        (false, false) => RESULT,
    };
    channel(first).send(&[]).await?;

    let (stdin, queue) = mpsc::channel::<Bytes>(UNREAD);
    let (told, size) = watch::channel(None);
    let gone = CancellationToken::new();
    let (left, answers) = (gone.clone(), writer.clone());
    tokio::spawn(async move {
        if let Err(error) = listen(reader, &answers, stdin, told).await {
            tracing::debug!(%error, "a client's stream broke");
        }
        left.cancel();
    });
    let stdin = StreamReader::new(ReceiverStream::new(queue).map(Ok::<_, io::Error>));
    Ok(Session {
        protocol,
        stdin: wish.stdin.then(|| Box::new(stdin) as _),
        stdout: wish.stdout.then(|| Output::Channel(channel(STDOUT))),
        stderr: wish.stderr.then(|| Output::Channel(channel(STDERR))),
        size,
        result: Output::Channel(channel(RESULT)),
        gone,
        connection: None,
    })
}

/// Takes what the client sends, until it closes the connection.
async fn listen(
    reader: ReadHalf<Io>,
    writer: &Writer,
    stdin: mpsc::Sender<Bytes>,
    told: watch::Sender<Option<(u16, u16)>>,
) -> io::Result<()> {
    let mut reader = websocket::Reader::new(reader);
    let mut stdin = Some(stdin);
    loop {
        let data = match reader.read().await? {
            Some(Message::Data(data)) => Bytes::from(data),
            Some(Message::Ping(data)) => {
                websocket::pong(&mut *writer.lock().await, &data).await?;
                continue;
            }
            Some(Message::Close) | None => return Ok(()),
        };
        match data.split_first() {
            Some((&STDIN, _)) if data.len() > 1 => {
                // A process that does not read any more: what follows is dropped.
                if let Some(queue) = &stdin
                    && queue.send(data.slice(1..)).await.is_err()
                {
                    stdin = None;
                }
            }
            Some((&RESIZE, bytes)) => {
                if let Some(size) = size(bytes) {
                    told.send_replace(Some(size));
                }
            }
            Some((&END, [STDIN])) => stdin = None,
            _ => {}
        }
    }
}
