//! The zone on UDP and TCP.
//!
//! What the zone knows is answered in the loop that received the question; only questions for upstream
//! servers get a task each, and of those only so many at a time.
//!
//! The sockets outlive a [`Server`]: they can be handed to another process and served there, without a packet
//! lost between the two.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::answer::{Action, Context, Transport, encode, found_next, limit, next_names, resolve, respond};
use super::upstream::Upstream;
use super::zone::Zone;

/// Questions for upstream servers that may be open at a time; one more is answered "server failure".
const OPEN_QUESTIONS: usize = 1024;
/// TCP connections at a time; further ones wait.
const CONNECTIONS: usize = 256;
/// A TCP connection without a question for this long is closed (RFC 7766 asks for seconds).
const IDLE: Duration = Duration::from_secs(10);
/// Attempts to find a number that is free for both transports when the port is 0.
const PORT_ATTEMPTS: usize = 16;
/// After an error of a listening socket (no file descriptors left), before it is used again.
const RECOVERY: Duration = Duration::from_millis(100);

/// The server cannot listen.
#[derive(Debug, Error)]
#[error("the cluster's name server cannot listen on {address}: {source}")]
pub(super) struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// The sockets of one address.
#[derive(Debug, Clone)]
pub(super) struct Sockets {
    /// Where they listen.
    pub(super) address: SocketAddr,
    udp: Arc<UdpSocket>,
    tcp: Arc<TcpListener>,
}

impl Sockets {
    /// Listens on `address` over UDP and TCP (port 0: any free one).
    pub(super) async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let mut attempts = 0;
        let bound = loop {
            match bind(address).await {
                Err(_) if address.port() == 0 && attempts < PORT_ATTEMPTS => attempts += 1,
                bound => break bound,
            }
        };
        bound.map_err(|source| ListenError { address, source })
    }

    /// Sockets that another process listened with.
    pub(super) fn adopt(udp: OwnedFd, tcp: OwnedFd) -> io::Result<Self> {
        let tcp = std::net::TcpListener::from(tcp);
        let udp = std::net::UdpSocket::from(udp);
        tcp.set_nonblocking(true)?;
        udp.set_nonblocking(true)?;
        let address = tcp.local_addr()?;
        let (udp, tcp) = (UdpSocket::from_std(udp)?, TcpListener::from_std(tcp)?);
        Ok(Self { address, udp: Arc::new(udp), tcp: Arc::new(tcp) })
    }

    /// Further descriptors of the same sockets: UDP, TCP.
    pub(super) fn descriptors(&self) -> io::Result<[OwnedFd; 2]> {
        use std::os::fd::AsFd;
        Ok([self.udp.as_fd().try_clone_to_owned()?, self.tcp.as_fd().try_clone_to_owned()?])
    }
}

async fn bind(address: SocketAddr) -> io::Result<Sockets> {
    let tcp = TcpListener::bind(address).await?;
    let address = tcp.local_addr()?;
    let udp = UdpSocket::bind(address).await?;
    Ok(Sockets { address, udp: Arc::new(udp), tcp: Arc::new(tcp) })
}

/// What is known and who is asked; shared by everything that answers.
#[derive(Debug)]
pub(super) struct Core {
    zone: RwLock<Zone>,
    upstream: RwLock<Arc<Upstream>>,
    open: Semaphore,
    connections: Arc<Semaphore>,
    answered: AtomicU64,
}

/// Answers on sockets until dropped. Answers that were begun are still sent.
#[derive(Debug)]
pub(super) struct Server(#[expect(dead_code, reason = "dropping it ends the tasks")] JoinSet<()>);

impl Server {
    /// Begins to answer.
    pub(super) fn start(sockets: &[Sockets], core: &Arc<Core>) -> Self {
        let mut tasks = JoinSet::new();
        for sockets in sockets {
            tasks.spawn(serve_udp(sockets.udp.clone(), core.clone()));
            tasks.spawn(serve_tcp(sockets.tcp.clone(), core.clone()));
        }
        Self(tasks)
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, core: Arc<Core>) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // A client that closed its port may be reported here; the socket goes on.
            Err(error) => {
                tracing::debug!(%error, "receiving a DNS question failed");
                continue;
            }
        };
        let packet = &buffer[..length];
        let limit = limit(packet, Transport::Udp);
        match core.respond(packet, client.ip()) {
            Action::Ignore => {}
            Action::Answer(message) => send(&socket, &encode(message, limit), client).await,
            action => {
                let (socket, core) = (socket.clone(), core.clone());
                tokio::spawn(async move {
                    if let Some(message) = core.complete(action).await {
                        send(&socket, &encode(message, limit), client).await;
                    }
                });
            }
        }
    }
}

async fn send(socket: &UdpSocket, packet: &[u8], client: SocketAddr) {
    if let Err(error) = socket.send_to(packet, client).await {
        tracing::debug!(%client, %error, "sending a DNS answer failed");
    }
}

async fn serve_tcp(listener: Arc<TcpListener>, core: Arc<Core>) {
    // The semaphore is never closed.
    while let Ok(permit) = core.connections.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, client)) => {
                let core = core.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve_connection(stream, client.ip(), &core).await {
                        tracing::debug!(%client, %error, "a DNS connection failed");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a DNS connection failed");
                tokio::time::sleep(RECOVERY).await;
            }
        }
    }
}

/// Questions one after the other, each and its answer after two bytes of length.
async fn serve_connection(mut stream: TcpStream, client: IpAddr, core: &Core) -> io::Result<()> {
    loop {
        let question = tokio::time::timeout(IDLE, async {
            let mut packet = vec![0; usize::from(stream.read_u16().await?)];
            stream.read_exact(&mut packet).await?;
            io::Result::Ok(packet)
        });
        let packet = match question.await {
            Err(_) => return Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Ok(packet) => packet?,
        };
        let Some(message) = core.complete(core.respond(&packet, client)).await else { return Ok(()) };
        let answer = encode(message, limit(&packet, Transport::Tcp));
        let length = (answer.len() as u16).to_be_bytes();
        tokio::time::timeout(IDLE, stream.write_all(&[&length[..], &answer].concat())).await??;
    }
}

// === impl Core ===

impl Core {
    pub(super) fn new(zone: Zone, upstream: Upstream) -> Self {
        Self {
            zone: RwLock::new(zone),
            upstream: RwLock::new(Arc::new(upstream)),
            open: Semaphore::new(OPEN_QUESTIONS),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            answered: AtomicU64::new(0),
        }
    }

    /// Changes the zone between two answers.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Zone) -> T) -> T {
        change(&mut self.zone.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on others are asked.
    pub(super) fn set_upstream(&self, upstream: Upstream) {
        *self.upstream.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(upstream);
    }

    /// Questions answered so far.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until everything that was begun is answered, as far as clients leave off.
    pub(super) async fn rest(&self) {
        let questions = self.open.acquire_many(OPEN_QUESTIONS as u32);
        let connections = self.connections.acquire_many(CONNECTIONS as u32);
        let _ = tokio::time::timeout(IDLE, async { (questions.await, connections.await) }).await;
    }

    fn zone(&self) -> RwLockReadGuard<'_, Zone> {
        self.zone.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn upstream(&self) -> Arc<Upstream> {
        self.upstream.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn respond(&self, packet: &[u8], client: IpAddr) -> Action {
        self.answered.fetch_add(1, Ordering::Relaxed);
        let upstream = self.upstream();
        let context =
            Context { client: Some(client), recursive: !upstream.is_empty(), routes: upstream.routes() };
        respond(&self.zone(), packet, &context)
    }

    /// The message to send, after asking whoever has to be asked.
    async fn complete(&self, action: Action) -> Option<Message> {
        match action {
            Action::Ignore => None,
            Action::Answer(message) => Some(message),
            Action::Ask { response, question } => Some(self.ask(response, question).await),
            Action::Search { response, base } => Some(self.search(response, &base).await),
        }
    }

    /// Completes a response with what the upstream servers say.
    async fn ask(&self, mut response: Message, question: Query) -> Message {
        let upstream = self.upstream();
        if upstream.servers(question.name()).is_empty() {
            if response.answers.is_empty() {
                response.metadata.response_code = ResponseCode::Refused;
            }
            return response;
        }
        let dnssec = response.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
        let answer = match self.open.try_acquire() {
            Ok(_permit) => upstream.ask(&question, dnssec).await,
            Err(_) => None,
        };
        let Some(answer) = answer else {
            response.metadata.response_code = ResponseCode::ServFail;
            return response;
        };
        response.metadata.response_code = answer.metadata.response_code;
        response.metadata.authentic_data = answer.metadata.authentic_data && response.answers.is_empty();
        response.answers.extend(answer.answers);
        response.authorities.extend(answer.authorities);
        response.additionals.extend(answer.additionals);
        response
    }

    /// Follows a pod's search list to the first name that exists. The response stands if there is none, or if
    /// somebody who would know does not answer: the pod then goes on by itself.
    async fn search(&self, response: Message, base: &hickory_proto::rr::Name) -> Message {
        let upstream = self.upstream();
        let Some(kind) = response.queries.first().map(Query::query_type) else { return response };
        let names = next_names(&self.zone(), base, &upstream.search_domains());
        for name in names {
            let mut fresh = response.clone();
            fresh.authorities.clear();
            fresh.metadata.response_code = ResponseCode::NoError;
            let context =
                Context { client: None, recursive: !upstream.is_empty(), routes: upstream.routes() };
            let action = resolve(&self.zone(), fresh, Query::query(name.clone(), kind), &context);
            let answer = match action {
                Action::Ask { response, question } => self.ask(response, question).await,
                Action::Answer(message) | Action::Search { response: message, .. } => message,
                Action::Ignore => return response,
            };
            if let Some(found) = found_next(&self.zone(), &response, &name, answer.clone()) {
                return found;
            }
            if answer.metadata.response_code != ResponseCode::NXDomain {
                return response;
            }
        }
        response
    }
}
