//! Asking other servers: UDP first, TCP if the answer was cut off, the next server if one stays silent.

use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::Name;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::answer::{MAX_UDP, same_name};
use super::cache::{Cache, Key};
use super::wire::Resolve;

/// How long one server may think. Clients give up after five seconds by default.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How often the list of servers is gone through.
const ROUNDS: usize = 2;

/// Who is asked about which names.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// Domains with servers of their own, the most specific first.
    stubs: Vec<(Name, Vec<SocketAddr>)>,
    /// Servers for everything else, if they are named.
    upstream: Option<Vec<SocketAddr>>,
}

impl Routes {
    /// Domains that are no names are left out; see [`super::objects::resolve`], which refuses them.
    pub(super) fn new(resolve: Resolve) -> Self {
        let name = |(domain, servers)| Some((Name::from_ascii(format!("{domain}.")).ok()?, servers));
        let mut stubs: Vec<(Name, Vec<SocketAddr>)> = resolve.stubs.into_iter().filter_map(name).collect();
        stubs.sort_by_key(|(domain, _)| std::cmp::Reverse(domain.num_labels()));
        Self { stubs, upstream: resolve.upstream }
    }

    /// Number of labels of the domain that has servers of its own for `name`; 0 if none has.
    pub(super) fn depth_of(&self, name: &Name) -> u8 {
        self.stub(name).map_or(0, |(domain, _)| domain.num_labels())
    }

    fn stub(&self, name: &Name) -> Option<&(Name, Vec<SocketAddr>)> {
        self.stubs.iter().find(|(domain, _)| domain.zone_of(name))
    }
}

/// The servers that know the rest of the world, and what they said lately.
#[derive(Debug)]
pub(super) struct Upstream {
    routes: Routes,
    /// This server itself, in case somebody names it.
    own: Vec<SocketAddr>,
    node: Mutex<NodeResolver>,
    cache: Mutex<Cache>,
    /// Which server of the list to begin with: the last that answered.
    first: AtomicUsize,
}

/// What the node's resolv.conf says, read again when the file changes.
#[derive(Debug)]
struct NodeResolver {
    path: PathBuf,
    read: Option<(SystemTime, u64)>,
    servers: Vec<SocketAddr>,
    domains: Vec<Name>,
}

impl NodeResolver {
    fn refresh(&mut self) {
        let metadata = std::fs::metadata(&self.path);
        let now = metadata.and_then(|file| Ok((file.modified()?, file.len()))).ok();
        if now.is_some() && now != self.read {
            let text = std::fs::read_to_string(&self.path).unwrap_or_default();
            self.servers = name_servers(&text);
            self.domains = search_domains(&text);
            self.read = now;
        }
    }
}

impl Upstream {
    /// `own` are this server's own addresses: they are never asked.
    pub(super) fn new(resolve: Resolve, resolv_conf: PathBuf, own: Vec<SocketAddr>) -> Self {
        let node = NodeResolver { path: resolv_conf, read: None, servers: Vec::new(), domains: Vec::new() };
        Self {
            routes: Routes::new(resolve),
            own,
            node: Mutex::new(node),
            cache: Mutex::default(),
            first: AtomicUsize::new(0),
        }
    }

    pub(super) fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Whether nobody can be asked about anything.
    pub(super) fn is_empty(&self) -> bool {
        self.routes.stubs.is_empty() && self.general().is_empty()
    }

    /// The node's own search domains.
    pub(super) fn search_domains(&self) -> Vec<Name> {
        let mut node = self.node.lock().unwrap_or_else(PoisonError::into_inner);
        node.refresh();
        node.domains.clone()
    }

    fn general(&self) -> Vec<SocketAddr> {
        let servers = match &self.routes.upstream {
            Some(servers) => servers.clone(),
            None => {
                let mut node = self.node.lock().unwrap_or_else(PoisonError::into_inner);
                node.refresh();
                node.servers.clone()
            }
        };
        servers.into_iter().filter(|server| !self.own.contains(server)).collect()
    }

    /// Who is asked about `name`.
    pub(super) fn servers(&self, name: &Name) -> Vec<SocketAddr> {
        match self.routes.stub(name) {
            Some((_, servers)) => servers.clone(),
            None => self.general(),
        }
    }

    /// The answer to `question`, from memory or from the first server that has one. `None` if all are silent
    /// or failing, or if there are none.
    pub(super) async fn ask(&self, question: &Query, dnssec: bool) -> Option<Message> {
        let key = Key::new(question, dnssec);
        if let Some(message) = self.cache().get(&key, Instant::now()) {
            return Some(message);
        }
        let servers = self.servers(question.name());
        let first = self.first.load(Ordering::Relaxed);
        let mut failure = None;
        for turn in first..first + ROUNDS * servers.len() {
            let server = servers[turn % servers.len()];
            match tokio::time::timeout(PATIENCE, exchange(server, question, dnssec)).await {
                Ok(Ok(message)) if is_final(message.metadata.response_code) => {
                    self.first.store(turn % servers.len(), Ordering::Relaxed);
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
pub(super) fn name_servers(resolv_conf: &str) -> Vec<SocketAddr> {
    let addresses = resolv_conf.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        // A link-local address may carry its device; the system's resolvers ignore it elsewhere too.
        address.split('%').next()?.parse::<IpAddr>().ok()
    });
    addresses.map(|address| SocketAddr::new(address, 53)).collect()
}

/// The search domains in the text of a `resolv.conf`: those of the last line that has some.
fn search_domains(resolv_conf: &str) -> Vec<Name> {
    let mut lines = resolv_conf.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).rev();
    let last = lines.find(|words| matches!(words.first(), Some(&("search" | "domain"))));
    let words = last.unwrap_or_default().into_iter().skip(1);
    let names = words.filter_map(|word| Name::from_ascii(format!("{}.", word.trim_end_matches('.'))).ok());
    names.filter(|name| !name.is_root()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_domains_are_those_of_the_last_line() {
        let domains = |text| search_domains(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            domains("search a.b\n search corp.example . eu.corp.example.\n"),
            ["corp.example.", "eu.corp.example."]
        );
        assert_eq!(domains("nameserver 192.0.2.1\n"), Vec::<String>::new());
    }

    #[test]
    fn the_most_specific_domain_counts() {
        let server = |last| SocketAddr::from(([192, 0, 2, last], 53));
        let stubs = vec![
            ("corp.example".to_owned(), vec![server(2)]),
            ("eu.corp.example".to_owned(), vec![server(3)]),
        ];
        let resolve = Resolve { upstream: Some(vec![server(1), server(9)]), stubs };
        let upstream = Upstream::new(resolve, PathBuf::from("/nonexistent"), vec![server(9)]);
        for (name, last, depth) in [
            ("www.example.", 1, 0),
            ("corp.example.", 2, 2),
            ("a.Corp.example.", 2, 2),
            ("x.eu.corp.example.", 3, 3),
            ("xcorp.example.", 1, 0),
        ] {
            let name = Name::from_ascii(name).unwrap();
            assert_eq!(upstream.servers(&name), [server(last)], "{name}");
            assert_eq!(upstream.routes().depth_of(&name), depth, "{name}");
        }
    }

    #[test]
    fn name_servers_are_read_as_resolvers_read_them() {
        let text = "# nameserver 1.1.1.1\nsearch a.b\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 \n\
                    options ndots:5\nnameserver fe80::1%eth0\nnameserver nonsense\nnameserver\n";
        let servers: Vec<String> = name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1]:53"]);
        assert_eq!(name_servers(""), []);
    }
}
