//! The streams of an exec'ed or attached process. Its data goes straight between caller and process, by pipes
//! or a terminal; the shim only made the connection.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};

use super::EngineError;
use super::connection::Connection;
use crate::protocol::Call;
use crate::state::{ContainerState, Event};
use crate::sys;

/// A running exec'ed process, or an attachment to a container's first process. Dropping it before the end
/// kills an exec'ed process; an attachment is only let go.
#[derive(Debug)]
pub struct Exec {
    /// Write here what the process reads. Shutting it down or dropping it ends the process's standard input
    /// (a terminal's input ends with its own end-of-file character instead).
    pub stdin: Option<Input>,
    /// Output; with a terminal, output and errors.
    pub stdout: Option<Output>,
    /// Errors; none with a terminal.
    pub stderr: Option<Output>,
    pub(super) terminal: Option<Arc<AsyncFd<OwnedFd>>>,
    pub(super) end: End,
}

/// How the end is heard of.
#[derive(Debug)]
pub(super) enum End {
    Exec { number: u64, connection: Arc<Connection>, exit: oneshot::Receiver<i32>, code: Option<i32> },
    Attach { uid: String, id: String, events: mpsc::UnboundedReceiver<Event>, code: Option<i32> },
}

impl Exec {
    /// Waits for the end of the process: its exit code (128 + signal). May be called again. Read the output
    /// besides: a process that cannot write does not end.
    pub async fn wait(&mut self) -> Result<i32, EngineError> {
        match &mut self.end {
            End::Exec { code: Some(code), .. } | End::Attach { code: Some(code), .. } => Ok(*code),
            End::Exec { exit, code, .. } => {
                let lost = || EngineError::Failed("the shim ended before the process".into());
                Ok(*code.insert(exit.await.map_err(|_| lost())?))
            }
            End::Attach { uid, id, events, code } => loop {
                match events.recv().await {
                    Some(Event::Container { uid: pod, status }) if pod == *uid && status.id == *id => {
                        if let ContainerState::Exited(exit) = status.state {
                            return Ok(*code.insert(exit.code));
                        }
                    }
                    Some(_) => {}
                    None => return Err(EngineError::NotFound(format!("container {id}"))),
                }
            },
        }
    }

    /// Changes the terminal's size. Nothing without one.
    pub fn resize(&self, rows: u16, columns: u16) -> io::Result<()> {
        match &self.terminal {
            Some(terminal) => sys::resize_terminal(terminal.get_ref().as_fd(), rows, columns),
            None => Ok(()),
        }
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        if let End::Exec { number, connection, exit, code: None } = &mut self.end
            && exit.try_recv() == Err(oneshot::error::TryRecvError::Empty)
        {
            connection.forget_exit(*number);
            connection.post(connection.number(), Call::KillExec { exec: *number }, Vec::new());
        }
    }
}

/// The writing end of a process's standard input.
#[derive(Debug)]
pub struct Input {
    pub(super) fd: Option<Arc<AsyncFd<OwnedFd>>>,
}

/// The reading end of a process's output.
#[derive(Debug)]
pub struct Output {
    pub(super) fd: Arc<AsyncFd<OwnedFd>>,
}

/// Makes a descriptor fit for waiting on it.
pub(super) fn asynchronous(fd: OwnedFd) -> io::Result<Arc<AsyncFd<OwnedFd>>> {
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    rustix::fs::fcntl_setfl(&fd, flags | rustix::fs::OFlags::NONBLOCK)?;
    // SAFETY: an OwnedFd owns its descriptor for as long as it is registered.
    Ok(Arc::new(unsafe { AsyncFd::register(fd) }?))
}

impl AsyncRead for Output {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            let result = guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), buffer.initialize_unfilled())?));
            match result {
                Ok(Ok(count)) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                // A terminal whose last user is gone reads as an error where a pipe reads as its end.
                Ok(Err(error)) if error.raw_os_error() == Some(libc::EIO) => return Poll::Ready(Ok(())),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_) => {}
            }
        }
    }
}

impl AsyncWrite for Input {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(fd) = &self.fd else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        loop {
            let mut guard = ready!(fd.poll_write_ready(cx))?;
            match guard.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), bytes)?)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(result) => return Poll::Ready(result),
                Err(_) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fd = None;
        Poll::Ready(Ok(()))
    }
}
