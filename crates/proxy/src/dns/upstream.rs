//! Asking other servers: UDP first, TCP if the answer was cut off, the next server if one stays silent.

use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::answer::{MAX_UDP, same_name};
use super::cache::{Cache, Key};

/// How long one server may think. Clients give up after five seconds by default.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How often the list of servers is gone through.
const ROUNDS: usize = 2;

/// The servers that know the rest of the world, and what they said lately.
#[derive(Debug)]
pub(super) struct Upstream {
    servers: Vec<SocketAddr>,
    cache: Mutex<Cache>,
}

impl Upstream {
    pub(super) fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers, cache: Mutex::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// The answer to `question`, from memory or from the first server that has one. `None` if all are silent
    /// or failing.
    pub(super) async fn ask(&self, question: &Query, dnssec: bool) -> Option<Message> {
        let key = Key::new(question, dnssec);
        if let Some(message) = self.cache().get(&key, Instant::now()) {
            return Some(message);
        }
        let mut failure = None;
        for server in (0..ROUNDS).flat_map(|_| &self.servers) {
            match tokio::time::timeout(PATIENCE, exchange(*server, question, dnssec)).await {
                Ok(Ok(message)) if is_final(message.metadata.response_code) => {
                    self.cache().put(key, &message, Instant::now());
                    return Some(message);
                }
                Ok(Ok(message)) => failure = Some(message),
                Ok(Err(error)) => tracing::debug!(%server, %error, "upstream name server cannot be asked"),
                Err(_) => tracing::debug!(%server, "upstream name server is silent"),
            }
        }
        failure
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether another server would say the same.
fn is_final(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::NoError | ResponseCode::NXDomain)
}

/// One question to one server.
async fn exchange(server: SocketAddr, question: &Query, dnssec: bool) -> std::io::Result<Message> {
    let mut request = Message::new(random_id(), MessageType::Query, OpCode::Query);
    request.metadata.recursion_desired = true;
    request.queries.push(question.clone());
    let mut edns = Edns::new();
    edns.set_max_payload(MAX_UDP).set_dnssec_ok(dnssec);
    request.edns = Some(edns);
    let bytes = request.to_vec().map_err(std::io::Error::other)?;
    let message = over_udp(server, &request, &bytes).await?;
    if message.metadata.truncation { over_tcp(server, &request, &bytes).await } else { Ok(message) }
}

async fn over_udp(server: SocketAddr, request: &Message, bytes: &[u8]) -> std::io::Result<Message> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // A port of its own per question: an answer made up by somebody else has to guess it.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(message) = matching(request, &buffer[..length]) {
            return Ok(message);
        }
    }
}

async fn over_tcp(server: SocketAddr, request: &Message, bytes: &[u8]) -> std::io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(std::io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], bytes].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    matching(request, &answer).ok_or_else(|| std::io::Error::other("the answer is to another question"))
}

/// The packet as a message, if it answers this request.
fn matching(request: &Message, packet: &[u8]) -> Option<Message> {
    let message = Message::from_vec(packet).ok()?;
    let (asked, answered) = (request.queries.first()?, message.queries.first()?);
    let fits = message.metadata.id == request.metadata.id
        && message.metadata.message_type == MessageType::Response
        && asked.query_type() == answered.query_type()
        && asked.query_class() == answered.query_class()
        && same_name(asked.name(), answered.name());
    fits.then_some(message)
}

/// The hasher's seed is random, and its output is not to be foreseen.
fn random_id() -> u16 {
    std::collections::hash_map::RandomState::new().build_hasher().finish() as u16
}

/// The name servers in the text of a `resolv.conf`, on port 53, in their order.
pub fn name_servers(resolv_conf: &str) -> Vec<SocketAddr> {
    let addresses = resolv_conf.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        // A link-local address may carry its device; the system's resolvers ignore it elsewhere too.
        address.split('%').next()?.parse::<IpAddr>().ok()
    });
    addresses.map(|address| SocketAddr::new(address, 53)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_resolvers_read_them() {
        let text = "# nameserver 1.1.1.1\nsearch a.b\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 \n\
                    options ndots:5\nnameserver fe80::1%eth0\nnameserver nonsense\nnameserver\n";
        let servers: Vec<String> = name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1]:53"]);
        assert_eq!(name_servers(""), []);
    }
}
