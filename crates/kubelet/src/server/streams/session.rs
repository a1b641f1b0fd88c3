//! A remote command: bytes between a process and a client, whichever protocol the client speaks, and the outcome.
//!
//! Invariant: the outcome is told after everything that the process wrote, and the connection is closed only after
//! the client did or had its time: closing it on data that is still arriving would take away what is under way.

use std::io;
use std::time::Duration;

use runtime::{EngineError, Exec};
use streams::spdy;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::socket::Channel;
use super::wish::Protocol;

/// What is read from a process and sent at once.
const CHUNK: usize = 32 * 1024;
/// How long a client may take to close the connection once it has the outcome.
const FAREWELL: Duration = Duration::from_secs(10);

/// A client's side of a remote command; what it did not ask for is `None`.
pub(super) struct Session {
    pub(super) protocol: Protocol,
    pub(super) stdin: Option<Box<dyn AsyncRead + Send + Unpin>>,
    pub(super) stdout: Option<Output>,
    pub(super) stderr: Option<Output>,
    /// Rows and columns of the client's terminal, once it has told them.
    pub(super) size: watch::Receiver<Option<(u16, u16)>>,
    /// Takes the outcome.
    pub(super) result: Output,
    /// The client is gone.
    pub(super) gone: CancellationToken,
    /// The connection of a SPDY client, and its streams that are only read.
    pub(super) connection: Option<(spdy::Connection, Vec<spdy::Writer>)>,
}

/// Where output goes.
pub(super) enum Output {
    Channel(Channel),
    Stream(spdy::Writer),
}

impl Output {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Output::Channel(channel) => channel.send(bytes).await,
            Output::Stream(stream) => stream.write_all(bytes).await,
        }
    }

    /// Nothing more follows. A channel has no end of its own.
    async fn end(&mut self) -> io::Result<()> {
        match self {
            Output::Channel(_) => Ok(()),
            Output::Stream(stream) => stream.shutdown().await,
        }
    }
}

/// Runs a session to its end. `own` is a process that was started for it; of one that was joined the outcome is only
/// that it is over.
pub(super) async fn run(mut session: Session, process: Result<Exec, EngineError>, own: bool) {
    let outcome = match process {
        Ok(process) => match attend(&mut session, process).await {
            Some(outcome) if own => outcome,
            Some(outcome) => outcome.map(|_| 0),
            // Nobody wants an outcome. What was started for the client has ended with `process`.
            None => return,
        },
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = farewell(&mut session, &outcome).await {
        return tracing::debug!(%error, "the client left before the outcome");
    }
    let _ = tokio::time::timeout(FAREWELL, session.gone.cancelled()).await;
}

/// Moves bytes until the process has ended; none when the client went before.
async fn attend(session: &mut Session, mut process: Exec) -> Option<Result<i32, String>> {
    let (stdout, stderr, stdin) = (process.stdout.take(), process.stderr.take(), process.stdin.take());
    let gone = session.gone.clone();
    let mut size = session.size.clone();
    let from = session.stdin.take();
    let mut input = std::pin::pin!(async {
        pump_in(from, stdin).await;
        std::future::pending::<()>().await;
    });
    let output = async {
        tokio::join!(pump_out(stdout, session.stdout.as_mut()), pump_out(stderr, session.stderr.as_mut()));
    };
    let sizes = async {
        while let Ok(()) = size.changed().await {
            let told = *size.borrow_and_update();
            if let Some((rows, columns)) = told
                && let Err(error) = process.resize(rows, columns)
            {
                tracing::debug!(%error, "terminal not resized");
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = output => {}
        () = sizes => {}
        () = &mut input => {}
        () = gone.cancelled() => return None,
    }
    // It may have closed its output and go on.
    tokio::select! {
        ended = process.wait() => Some(ended.map_err(|error| error.to_string())),
        () = &mut input => None,
        () = gone.cancelled() => None,
    }
}

/// Sends what the process writes, to its end; what nobody asked for is read all the same, so that it can be written.
async fn pump_out(from: Option<impl AsyncRead + Unpin>, mut to: Option<&mut Output>) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; CHUNK];
    while let Ok(count) = from.read(&mut buffer).await {
        if count == 0 {
            return;
        }
        if let Some(output) = &mut to
            && output.send(&buffer[..count]).await.is_err()
        {
            to = None;
        }
    }
}

/// Writes what the client sends, and ends the process's input where the client ends it.
async fn pump_in(from: Option<impl AsyncRead + Unpin>, to: Option<impl AsyncWrite + Unpin>) {
    let (Some(mut from), Some(mut to)) = (from, to) else { return };
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        // A process that does not read any more may go on all the same.
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

async fn farewell(session: &mut Session, outcome: &Result<i32, String>) -> io::Result<()> {
    for output in [&mut session.stdout, &mut session.stderr].into_iter().flatten() {
        output.end().await?;
    }
    if let Some(text) = session.protocol.tell(outcome) {
        session.result.send(text.as_bytes()).await?;
    }
    session.result.end().await?;
    if let Output::Channel(channel) = &session.result {
        channel.close().await?;
    }
    for stream in session.connection.iter_mut().flat_map(|(_, streams)| streams) {
        stream.shutdown().await?;
    }
    Ok(())
}
