//! The server's side of a connection: streams that the client opens, each read and written like a socket.
//!
//! Two tasks: one takes frames and hands bytes to streams, one writes. Each stream's bytes wait in a bounded queue,
//! so a reader that is slow slows the client down. Dropping a writer without shutting it down resets its stream.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, PollSender};

use super::frame::{Decoder, Frame, data, ping, reply, reset};
use super::headers::Headers;

/// Frames that may wait in one stream's queue; clients send 32 KiB at a time.
const UNREAD: usize = 64;
/// Data frames that may wait to be written.
const UNSENT: usize = 16;
/// Bytes in one data frame.
const CHUNK: usize = 32 << 10;
/// Streams at one time; a client that forwards ports has two for each of its connections.
const STREAMS: usize = 4096;

/// A connection whose client opens streams.
pub struct Connection {
    streams: mpsc::Receiver<Stream>,
    ended: CancellationToken,
}

/// One stream, answered already.
pub struct Stream {
    /// What the client says of it.
    pub headers: Headers,
    /// Number on the connection.
    pub id: u32,
    /// What the client sends.
    pub reader: Reader,
    /// What it gets.
    pub writer: Writer,
}

/// Bytes from the client; they end when it has finished or reset the stream, or is gone.
pub struct Reader {
    queue: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

/// Bytes to the client. Shutting it down ends the stream well, dropping it before resets it.
pub struct Writer {
    id: u32,
    data: PollSender<Vec<u8>>,
    control: mpsc::UnboundedSender<Vec<u8>>,
    finished: bool,
}

// === impl Connection ===

impl Connection {
    /// Serves SPDY on a connection that was upgraded to it.
    pub fn serve(io: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        let (reader, writer) = tokio::io::split(io);
        let (opened, streams) = mpsc::channel(UNREAD);
        let (data, unsent) = mpsc::channel(UNSENT);
        let (control, urgent) = mpsc::unbounded_channel();
        let ended = CancellationToken::new();
        tokio::spawn(write_all(writer, unsent, urgent, ended.clone()));
        let token = ended.clone();
        tokio::spawn(async move {
            let read = read_all(reader, opened, data, control, &token);
            tokio::select! {
                outcome = read => if let Err(error) = outcome {
                    tracing::debug!(error, "a SPDY connection broke");
                },
                () = token.cancelled() => {}
            }
            token.cancel();
        });
        Self { streams, ended }
    }

    /// The next stream that the client opens; none when the connection is at its end.
    pub async fn accept(&mut self) -> Option<Stream> {
        self.streams.recv().await
    }

    /// Ends when the connection does.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for Connection {
    /// Nobody takes streams any more: the connection ends once those that exist are written.
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

async fn read_all(
    mut io: impl AsyncRead + Unpin,
    opened: mpsc::Sender<Stream>,
    data: mpsc::Sender<Vec<u8>>,
    control: mpsc::UnboundedSender<Vec<u8>>,
    ended: &CancellationToken,
) -> Result<(), String> {
    let mut decoder = Decoder::default();
    // None: nobody reads it any more.
    let mut streams: HashMap<u32, Option<mpsc::Sender<Bytes>>> = HashMap::new();
    let mut replied = false;
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = io.read(&mut buffer).await.map_err(|error| error.to_string())?;
        if count == 0 {
            return Ok(());
        }
        decoder.push(&buffer[..count]);
        while let Some(frame) = decoder.next().map_err(|error| error.to_string())? {
            match frame {
                Frame::Open { id, .. } if streams.contains_key(&id) || streams.len() >= STREAMS => {
                    let _ = control.send(reset(id));
                }
                Frame::Open { id, fin, headers } => {
                    let (sender, queue) = mpsc::channel(UNREAD);
                    if !fin {
                        streams.insert(id, Some(sender));
                    }
                    let _ = control.send(reply(id, !replied));
                    replied = true;
                    let writer = Writer {
                        id,
                        data: PollSender::new(data.clone()),
                        control: control.clone(),
                        finished: false,
                    };
                    let reader = Reader { queue, rest: Bytes::new() };
                    if opened.send(Stream { headers, id, reader, writer }).await.is_err() {
                        return Ok(());
                    }
                }
                Frame::Data { id, fin, data } => {
                    if let Some(Some(queue)) = streams.get(&id)
                        && !data.is_empty()
                        && queue.send(data.into()).await.is_err()
                    {
                        streams.insert(id, None);
                    }
                    if fin {
                        streams.remove(&id);
                    }
                }
                Frame::Reset { id, .. }
                | Frame::Headers { id, fin: true }
                | Frame::Reply { id, fin: true } => {
                    streams.remove(&id);
                }
                // Those of odd numbers are the client's; one of ours would be an answer.
                Frame::Ping(id) if id % 2 == 1 => _ = control.send(ping(id)),
                Frame::Ping(_)
                | Frame::GoAway
                | Frame::Headers { .. }
                | Frame::Reply { .. }
                | Frame::Other(_) => {}
            }
            if ended.is_cancelled() {
                return Ok(());
            }
        }
    }
}

/// Writes until nobody can send any more, or the connection broke.
async fn write_all(
    mut io: impl AsyncWrite + Unpin,
    mut data: mpsc::Receiver<Vec<u8>>,
    mut control: mpsc::UnboundedReceiver<Vec<u8>>,
    ended: CancellationToken,
) {
    loop {
        // Answers first: a client drops data of a stream whose answer it has not seen.
        let frame = tokio::select! {
            biased;
            Some(frame) = control.recv() => frame,
            Some(frame) = data.recv() => frame,
            else => break,
        };
        let idle = control.is_empty() && data.is_empty();
        let written = async {
            io.write_all(&frame).await?;
            if idle { io.flush().await } else { Ok(()) }
        };
        if let Err(error) = written.await {
            tracing::debug!(%error, "a SPDY connection broke");
            ended.cancel();
            return;
        }
    }
    let _ = io.shutdown().await;
}

// === impl Reader, Writer ===

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            match ready!(self.queue.poll_recv(cx)) {
                Some(bytes) => self.rest = bytes,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..count]);
        self.rest.advance(count);
        Poll::Ready(Ok(()))
    }
}

fn closed<T>(_: T) -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

impl AsyncWrite for Writer {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.data.poll_reserve(cx)).map_err(closed)?;
        let chunk = &bytes[..bytes.len().min(CHUNK)];
        let frame = data(self.id, false, chunk);
        self.data.send_item(frame).map_err(closed)?;
        Poll::Ready(Ok(chunk.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.finished {
            ready!(self.data.poll_reserve(cx)).map_err(closed)?;
            let frame = data(self.id, true, &[]);
            self.data.send_item(frame).map_err(closed)?;
            self.finished = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.control.send(reset(self.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::open;
    use super::*;

    async fn frames(io: &mut (impl AsyncRead + Unpin), decoder: &mut Decoder, count: usize) -> Vec<Frame> {
        let mut found = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            while let Some(frame) = decoder.next().unwrap() {
                found.push(frame);
            }
            if found.len() >= count {
                return found;
            }
            let read = io.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the connection ended after {found:?}");
            decoder.push(&buffer[..read]);
        }
    }

    #[tokio::test]
    async fn a_stream_is_answered_read_and_written() {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let mut connection = Connection::serve(server);
        let mut decoder = Decoder::default();
        client.write_all(&open(1, &[("port", "80")], true)).await.unwrap();
        client.write_all(&data(1, false, b"ques")).await.unwrap();
        client.write_all(&data(1, true, b"tion")).await.unwrap();
        client.write_all(&ping(5)).await.unwrap();
        let mut stream = connection.accept().await.unwrap();
        assert_eq!(stream.headers, [("port".to_owned(), "80".to_owned())]);
        let mut asked = String::new();
        stream.reader.read_to_string(&mut asked).await.unwrap();
        assert_eq!(asked, "question");
        stream.writer.write_all(b"answer").await.unwrap();
        stream.writer.shutdown().await.unwrap();
        assert_eq!(
            frames(&mut client, &mut decoder, 4).await,
            [
                Frame::Reply { id: 1, fin: false },
                Frame::Ping(5),
                Frame::Data { id: 1, fin: false, data: b"answer".to_vec() },
                Frame::Data { id: 1, fin: true, data: Vec::new() },
            ]
        );
        drop(client);
        assert!(connection.accept().await.is_none());
    }

    #[tokio::test]
    async fn what_was_written_before_the_end_arrives() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut connection = Connection::serve(server);
        client.write_all(&open(1, &[], true)).await.unwrap();
        let mut stream = connection.accept().await.unwrap();
        let writing = tokio::spawn(async move {
            stream.writer.write_all(&vec![7; 100_000]).await.unwrap();
            stream.writer.shutdown().await.unwrap();
        });
        let mut all = Vec::new();
        let mut decoder = Decoder::default();
        drop(connection);
        client.read_to_end(&mut all).await.unwrap();
        writing.await.unwrap();
        decoder.push(&all);
        let mut count = 0;
        let mut fin = false;
        while let Some(frame) = decoder.next().unwrap() {
            if let Frame::Data { fin: end, data, .. } = frame {
                count += data.len();
                fin = end;
            }
        }
        assert_eq!((count, fin), (100_000, true));
    }

    #[tokio::test]
    async fn streams_end_with_their_reset_and_their_writer() {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let mut connection = Connection::serve(server);
        client.write_all(&open(1, &[], true)).await.unwrap();
        client.write_all(&open(3, &[], false)).await.unwrap();
        let (mut first, second) = (connection.accept().await.unwrap(), connection.accept().await.unwrap());
        client.write_all(&reset(1)).await.unwrap();
        assert_eq!(first.reader.read(&mut [0]).await.unwrap(), 0);
        drop(second);
        let found = frames(&mut client, &mut Decoder::default(), 3).await;
        assert_eq!(found[2], Frame::Reset { id: 3, status: 5 });
    }

    #[tokio::test]
    async fn a_stream_that_is_not_read_holds_the_client_up_and_loses_nothing() {
        let (client, server) = tokio::io::duplex(1 << 10);
        let mut connection = Connection::serve(server);
        let (mut answers, mut client) = tokio::io::split(client);
        tokio::spawn(async move { tokio::io::copy(&mut answers, &mut tokio::io::sink()).await });
        let sending = tokio::spawn(async move {
            client.write_all(&open(1, &[], true)).await.unwrap();
            for _ in 0..1000 {
                client.write_all(&data(1, false, &[1; 1000])).await.unwrap();
            }
            client.write_all(&data(1, true, &[])).await.unwrap();
            client
        });
        let mut stream = connection.accept().await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!sending.is_finished());
        let mut all = Vec::new();
        stream.reader.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 1_000_000);
        sending.await.unwrap();
    }
}
