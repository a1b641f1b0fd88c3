//! The zone on UDP and TCP.
//!
//! What the zone knows is answered in the loop that received the question; only questions for upstream
//! servers get a task each, and of those only so many at a time.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;

use super::answer::{Action, Transport, encode, limit, respond};
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
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// A name server that listens. Clones of the zone may be changed while it serves.
#[derive(Debug)]
pub struct Server {
    udp: UdpSocket,
    tcp: TcpListener,
    core: Arc<Core>,
}

#[derive(Debug)]
struct Core {
    zone: Arc<RwLock<Zone>>,
    upstream: Upstream,
    open: Semaphore,
    connections: Arc<Semaphore>,
}

impl Server {
    /// Listens on `address` over UDP and TCP (port 0: any free one). `upstream` are the servers for what is
    /// not in the zone; without any, that is refused.
    pub async fn listen(
        address: SocketAddr,
        zone: Arc<RwLock<Zone>>,
        upstream: Vec<SocketAddr>,
    ) -> Result<Self, ListenError> {
        let (udp, tcp) = bind(address).await.map_err(|source| ListenError { address, source })?;
        let local = tcp.local_addr().map_err(|source| ListenError { address, source })?;
        let upstream = upstream.into_iter().filter(|server| *server != local).collect();
        let core = Core {
            zone,
            upstream: Upstream::new(upstream),
            open: Semaphore::new(OPEN_QUESTIONS),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
        };
        Ok(Self { udp, tcp, core: Arc::new(core) })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Serves until dropped.
    pub async fn serve(self) -> Infallible {
        let Self { udp, tcp, core } = self;
        tokio::select! {
            never = serve_udp(Arc::new(udp), core.clone()) => never,
            never = serve_tcp(tcp, core) => never,
        }
    }
}

async fn bind(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut attempts = 0;
    loop {
        let tcp = TcpListener::bind(address).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((udp, tcp)),
            Err(_) if address.port() == 0 && attempts < PORT_ATTEMPTS => attempts += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, core: Arc<Core>) -> Infallible {
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
        match core.respond(packet) {
            Action::Ignore => {}
            Action::Answer(message) => send(&socket, &encode(message, limit), client).await,
            Action::Ask { response, question } => {
                let (socket, core) = (socket.clone(), core.clone());
                tokio::spawn(async move {
                    let message = core.ask(response, question).await;
                    send(&socket, &encode(message, limit), client).await;
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

async fn serve_tcp(listener: TcpListener, core: Arc<Core>) -> Infallible {
    loop {
        // Never closed: the semaphore lives as long as this function.
        let permit = core.connections.clone().acquire_owned().await;
        match listener.accept().await {
            Ok((stream, client)) => {
                let core = core.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve_connection(stream, &core).await {
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
async fn serve_connection(mut stream: TcpStream, core: &Core) -> io::Result<()> {
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
        let message = match core.respond(&packet) {
            Action::Ignore => return Ok(()),
            Action::Answer(message) => message,
            Action::Ask { response, question } => core.ask(response, question).await,
        };
        let answer = encode(message, limit(&packet, Transport::Tcp));
        let length = (answer.len() as u16).to_be_bytes();
        tokio::time::timeout(IDLE, stream.write_all(&[&length[..], &answer].concat())).await??;
    }
}

impl Core {
    fn respond(&self, packet: &[u8]) -> Action {
        let zone = self.zone.read().unwrap_or_else(PoisonError::into_inner);
        respond(&zone, packet, !self.upstream.is_empty())
    }

    /// Completes a response with what the upstream servers say.
    async fn ask(&self, mut response: Message, question: Query) -> Message {
        if self.upstream.is_empty() {
            if response.answers.is_empty() {
                response.metadata.response_code = ResponseCode::Refused;
            }
            return response;
        }
        let dnssec = response.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
        let answer = match self.open.try_acquire() {
            Ok(_permit) => self.upstream.ask(&question, dnssec).await,
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
}
