//! The connection to one shim: numbered requests out, replies and news in.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use crate::protocol::{Call, Fault, Message, Request, names};
use crate::state::ContainerStatus;
use crate::wire::{self, Decoder};

/// A reply with the descriptors that came beside it.
type Reply = (Result<(), Fault>, Vec<OwnedFd>);

/// The shim is not there (any more).
#[derive(Debug)]
pub(super) struct Closed;

/// One connection. Ends when the shim closes it or the last user lets go of it.
#[derive(Debug)]
pub(super) struct Connection {
    outgoing: mpsc::UnboundedSender<(Vec<u8>, Vec<OwnedFd>)>,
    waiting: Arc<Mutex<Waiting>>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    closed: bool,
    replies: HashMap<u64, oneshot::Sender<Reply>>,
    exits: HashMap<u64, oneshot::Sender<i32>>,
}

/// A poisoned lock's data is still whole: nothing here panics half-way through a change.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    /// Connects to the shim of `folder`. `news` is called for each container state told, in order and before
    /// the reply to the request that caused it; the second value ends when the connection does.
    pub(super) fn open(
        folder: &Path,
        news: impl Fn(ContainerStatus) + Send + 'static,
    ) -> std::io::Result<(Arc<Connection>, oneshot::Receiver<()>)> {
        let socket = wire::in_folder(folder, names::SOCKET, std::os::unix::net::UnixStream::connect)?;
        socket.set_nonblocking(true)?;
        let stream = Arc::new(UnixStream::from_std(socket)?);
        let (outgoing, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let (ended, end) = oneshot::channel();
        let connection = Connection { outgoing, waiting: waiting.clone(), next: AtomicU64::new(1) };
        tokio::spawn(write_all(stream.clone(), queue));
        tokio::spawn(async move {
            read_all(&stream, &waiting, news).await;
            let mut waiting = lock(&waiting);
            waiting.closed = true;
            waiting.replies.clear();
            waiting.exits.clear();
            drop(ended);
        });
        Ok((Arc::new(connection), end))
    }

    /// Sends a call and waits for its reply.
    pub(super) async fn call(&self, call: Call) -> Result<Reply, Closed> {
        let number = self.number();
        self.send(number, call, Vec::new()).await
    }

    /// A number for a request.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a numbered call with descriptors and waits for its reply.
    pub(super) async fn send(
        &self,
        number: u64,
        call: Call,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Reply, Closed> {
        let (answer, reply) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.closed {
                return Err(Closed);
            }
            waiting.replies.insert(number, answer);
        }
        self.post(number, call, descriptors);
        reply.await.map_err(|_| Closed)
    }

    /// Sends a call whose reply nobody waits for.
    pub(super) fn post(&self, number: u64, call: Call, descriptors: Vec<OwnedFd>) {
        // Values of plain types always become JSON; the queue's end is gone only with the connection.
        if let Ok(json) = serde_json::to_vec(&Request { number, call }) {
            let _ = self.outgoing.send((wire::frame(&json, descriptors.len()), descriptors));
        }
    }

    /// The exit code of the exec with that number; closed when the connection ends first. Ask before sending.
    pub(super) fn exit_of(&self, number: u64) -> oneshot::Receiver<i32> {
        let (tell, exit) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        if !waiting.closed {
            waiting.exits.insert(number, tell);
        }
        exit
    }

    /// Forgets an exec that nobody waits for any more.
    pub(super) fn forget_exit(&self, number: u64) {
        lock(&self.waiting).exits.remove(&number);
    }
}

async fn write_all(stream: Arc<UnixStream>, mut queue: mpsc::UnboundedReceiver<(Vec<u8>, Vec<OwnedFd>)>) {
    while let Some((bytes, mut descriptors)) = queue.recv().await {
        let mut sent = 0;
        while sent < bytes.len() {
            let result = stream
                .async_io(Interest::WRITABLE, || {
                    Ok(wire::send(stream.as_fd(), &bytes[sent..], &descriptors)?)
                })
                .await;
            match result {
                Ok(count) => sent += count,
                Err(_) => return,
            }
            descriptors.clear();
        }
    }
    // Nobody can ask any more: the reader ends too.
    let _ = rustix::net::shutdown(stream.as_fd(), rustix::net::Shutdown::Both);
}

async fn read_all(stream: &UnixStream, waiting: &Mutex<Waiting>, news: impl Fn(ContainerStatus)) {
    let mut decoder = Decoder::default();
    loop {
        let filled = stream.async_io(Interest::READABLE, || Ok(decoder.fill(stream.as_fd())?)).await;
        if !matches!(filled, Ok(1..)) {
            return;
        }
        loop {
            let (json, descriptors) = match decoder.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "a shim does not speak the protocol");
                    return;
                }
            };
            match serde_json::from_slice(&json) {
                Ok(Message::State(status)) => news(status),
                Ok(Message::Reply { number, result }) => {
                    if let Some(answer) = lock(waiting).replies.remove(&number) {
                        let _ = answer.send((result, descriptors));
                    }
                }
                Ok(Message::ExecExited { number, code }) => {
                    if let Some(exit) = lock(waiting).exits.remove(&number) {
                        let _ = exit.send(code);
                    }
                }
                // A newer shim may say more than this engine knows.
                Err(error) => tracing::warn!(%error, "a shim's message was not understood"),
            }
        }
    }
}
