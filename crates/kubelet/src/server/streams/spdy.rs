//! A remote command over SPDY: one stream of the connection for each of the process's, made by the client.

use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use streams::spdy::{Connection, Reader, Stream, Writer};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::sync::watch;

use super::session::{Output, Session};
use super::wish::{Protocol, Wish, size};

/// How long a client may take to make its streams, as upstream.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest line that tells a size.
const LONGEST_SIZE: u64 = 1 << 10;

/// The streams that have been made so far.
#[derive(Default)]
struct Made {
    stdin: Option<Stream>,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    result: Option<Stream>,
    resize: Option<Stream>,
}

/// Begins a session; none when the client leaves, or does not make the streams that it asked for.
pub(super) async fn begin(io: TokioIo<Upgraded>, protocol: Protocol, wish: &Wish) -> Option<Session> {
    let mut connection = Connection::serve(io);
    let sizes = wish.tty && protocol.has_sizes();
    let mut made = Made::default();
    let complete = |made: &Made| {
        made.result.is_some()
            && made.stdin.is_some() == wish.stdin
            && made.stdout.is_some() == wish.stdout
            && made.stderr.is_some() == wish.stderr
            && made.resize.is_some() == sizes
    };
    let collect = async {
        while !complete(&made) {
            let stream = connection.accept().await?;
            let kind = header(&stream, "streamtype").unwrap_or_default();
            let place = match kind {
                "stdin" if wish.stdin => &mut made.stdin,
                "stdout" if wish.stdout => &mut made.stdout,
                "stderr" if wish.stderr => &mut made.stderr,
                "error" => &mut made.result,
                "resize" if sizes => &mut made.resize,
                // Dropped, and so reset.
                _ => continue,
            };
            *place = Some(stream);
        }
        Some(())
    };
    match tokio::time::timeout(PATIENCE, collect).await {
        Ok(Some(())) => {}
        Ok(None) => return None,
        Err(_) => {
            tracing::debug!("a client did not make its streams in time");
            return None;
        }
    }
    let mut kept = Vec::new();
    let (told, size) = watch::channel(None);
    if let Some(Stream { reader, writer, .. }) = made.resize {
        kept.push(writer);
        tokio::spawn(hear_sizes(reader, told));
    }
    let stdin = made.stdin.map(|Stream { reader, writer, .. }| {
        kept.push(writer);
        Box::new(reader) as _
    });
    let output = |stream: Stream| -> Output { Output::Stream(writer_of(stream)) };
    Some(Session {
        protocol,
        stdin,
        stdout: made.stdout.map(output),
        stderr: made.stderr.map(output),
        size,
        result: made.result.map(output)?,
        gone: connection.ended(),
        connection: Some((connection, kept)),
    })
}

/// A header of a stream.
pub(super) fn header<'a>(stream: &'a Stream, name: &str) -> Option<&'a str> {
    stream.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

/// Nothing is expected on a stream of output; what comes is dropped with its reader.
fn writer_of(stream: Stream) -> Writer {
    stream.writer
}

/// Each line is a size.
async fn hear_sizes(reader: Reader, told: watch::Sender<Option<(u16, u16)>>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = (&mut reader).take(LONGEST_SIZE).read_until(b'\n', &mut line).await;
        if !matches!(count, Ok(1..)) {
            return;
        }
        if let Some(size) = size(&line) {
            told.send_replace(Some(size));
        }
    }
}
