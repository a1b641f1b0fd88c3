//! From a packet to a packet. Pure: no packet, however broken, makes this panic or wait.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};

use super::upstream::Routes;
use super::zone::{Found, Zone};

/// Largest answer over UDP, whatever a client offers: below every usual path's limit, so never fragmented.
pub(super) const MAX_UDP: u16 = 1232;
/// What a client without EDNS can take over UDP.
const PLAIN_UDP: u16 = 512;
/// Names may stand for names inside the cluster, but not for ever.
const MAX_ALIASES: usize = 8;
const HEADER: usize = 12;

/// How a packet came, and how much may go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// One datagram, with a limit.
    Udp,
    /// A stream, up to 65,535 bytes.
    Tcp,
}

/// What to do with a packet.
#[derive(Debug)]
pub(super) enum Action {
    /// Send this back.
    Answer(Message),
    /// Ask the upstream servers this, and put their answer into the response.
    Ask { response: Message, question: Query },
    /// A pod tries the first domain of its search list, in vain: see whether one of the other names exists, and
    /// answer that at once; else the response stands.
    Search { response: Message, base: Name },
    /// Nothing: it is no question, and an answer could go back and forth for ever.
    Ignore,
}

/// Who asks, and who else could be asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// Where the packet came from; `None` if nobody's search list is to be followed.
    pub(super) client: Option<IpAddr>,
    /// Whether there are upstream servers.
    pub(super) recursive: bool,
    /// Which domains have servers of their own.
    pub(super) routes: &'a Routes,
}

/// The answer to a packet that came over UDP; empty if there is none. What is not in the zone is refused:
/// only a server that can ask others does more, see `server`.
pub fn answer(zone: &Zone, packet: &[u8]) -> Vec<u8> {
    let context = Context { client: None, recursive: false, routes: &Routes::default() };
    match respond(zone, packet, &context) {
        Action::Answer(message) | Action::Search { response: message, .. } => {
            encode(message, limit(packet, Transport::Udp))
        }
        Action::Ask { mut response, .. } => {
            if response.answers.is_empty() {
                response.metadata.response_code = ResponseCode::Refused;
            }
            encode(response, limit(packet, Transport::Udp))
        }
        Action::Ignore => Vec::new(),
    }
}

/// Works out what the zone has to say.
pub(super) fn respond(zone: &Zone, packet: &[u8], context: &Context<'_>) -> Action {
    let request = match Message::from_vec(packet) {
        Ok(request) => request,
        Err(_) => return malformed(packet),
    };
    if request.metadata.message_type != MessageType::Query {
        return Action::Ignore;
    }
    let mut response = Message::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
    response.metadata = Metadata::response_from_request(&request.metadata);
    response.metadata.recursion_available = context.recursive;
    response.queries.clone_from(&request.queries);
    let failed = |mut response: Message, code| {
        response.metadata.response_code = code;
        Action::Answer(response)
    };
    if let Some(edns) = &request.edns {
        let mut ours = Edns::new();
        ours.set_max_payload(MAX_UDP).set_dnssec_ok(edns.flags().dnssec_ok);
        response.edns = Some(ours);
        if edns.version() != 0 {
            return failed(response, ResponseCode::BADVERS);
        }
    }
    if request.metadata.op_code != OpCode::Query {
        return failed(response, ResponseCode::NotImp);
    }
    let [question] = &request.queries[..] else {
        return failed(response, ResponseCode::FormErr);
    };
    let question = question.clone();
    if question.query_class() != DNSClass::IN {
        return failed(response, ResponseCode::Refused);
    }
    resolve(zone, response, question, context)
}

/// Puts what the zone knows about a question into a response without answers.
pub(super) fn resolve(zone: &Zone, mut response: Message, question: Query, context: &Context<'_>) -> Action {
    let kind = question.query_type();
    let mut name = question.name().clone();
    for _ in 0..MAX_ALIASES {
        // A domain inside the cluster's that has servers of its own is theirs.
        let depth = zone.depth_of(&name);
        let found = match depth > 0 && context.routes.depth_of(&name) > depth {
            true => Found::Elsewhere,
            false => zone.find(&name, kind),
        };
        if found != Found::Elsewhere && !zone.is_ready() {
            response.metadata.response_code = ResponseCode::ServFail;
            return Action::Answer(response);
        }
        match found {
            Found::Elsewhere => return Action::Ask { response, question: Query::query(name, kind) },
            Found::Alias(target) => {
                response.metadata.authoritative = true;
                response.answers.push(zone.alias(&name, &target));
                if matches!(kind, RecordType::CNAME | RecordType::ANY) {
                    return Action::Answer(response);
                }
                name = target;
            }
            Found::Records(mut records, additionals) => {
                response.metadata.authoritative = true;
                // Clients take the first address: each gets another one.
                let turn = usize::from(response.metadata.id) % records.len().max(1);
                records.rotate_left(turn);
                response.answers.append(&mut records);
                response.additionals = additionals;
                return Action::Answer(response);
            }
            negative @ (Found::NoData | Found::NoName) => {
                response.metadata.authoritative = true;
                if negative == Found::NoName {
                    response.metadata.response_code = ResponseCode::NXDomain;
                }
                response.authorities.push(zone.authority_of(&name));
                let first = negative == Found::NoName && response.answers.is_empty();
                let searching = first && matches!(kind, RecordType::A | RecordType::AAAA);
                let base = context.client.filter(|_| searching);
                return match base.and_then(|client| zone.searched(client, &name)) {
                    Some(base) => Action::Search { response, base },
                    None => Action::Answer(response),
                };
            }
        }
    }
    response.metadata.response_code = ResponseCode::ServFail;
    Action::Answer(response)
}

/// The names that a pod would ask for next, after `base` in its first search domain was in vain; `domains` are
/// the node's own search domains.
pub(super) fn next_names(zone: &Zone, base: &Name, domains: &[Name]) -> Vec<Name> {
    let cluster = zone.search_domains();
    let below = cluster.iter().chain(domains).filter_map(|domain| base.clone().append_domain(domain).ok());
    let whole = base.clone().append_domain(&Name::root()).ok();
    below.chain(whole).collect()
}

/// The response to a question that one of the next names answers: an alias leads there. `None` if that one does
/// not exist.
pub(super) fn found_next(zone: &Zone, first: &Message, next: &Name, answer: Message) -> Option<Message> {
    let asked = first.queries.first()?.name();
    if answer.metadata.response_code != ResponseCode::NoError {
        return None;
    }
    let mut response = first.clone();
    response.metadata.response_code = ResponseCode::NoError;
    response.metadata.authoritative = answer.metadata.authoritative;
    response.answers = vec![zone.alias(asked, next)];
    response.answers.extend(answer.answers);
    response.authorities = answer.authorities;
    response.additionals = answer.additionals;
    Some(response)
}

/// "Format error" to what has a header that says it is a question; no answer to anything else.
fn malformed(packet: &[u8]) -> Action {
    let is_response = packet.get(2).is_none_or(|flags| flags & 0x80 != 0);
    if packet.len() < HEADER || is_response {
        return Action::Ignore;
    }
    let id = u16::from_be_bytes([packet[0], packet[1]]);
    Action::Answer(Message::error_msg(id, OpCode::Query, ResponseCode::FormErr))
}

/// How many bytes may go back to the sender of `packet`.
pub(super) fn limit(packet: &[u8], transport: Transport) -> u16 {
    match transport {
        Transport::Tcp => u16::MAX,
        Transport::Udp => {
            let offered = Message::from_vec(packet).ok().and_then(|request| request.edns);
            offered.map_or(PLAIN_UDP, |edns| edns.max_payload().clamp(PLAIN_UDP, MAX_UDP))
        }
    }
}

/// The message in at most `limit` bytes: if need be without additional records, then with as many answers
/// as fit, marked as truncated so that the client asks again over TCP.
pub(super) fn encode(mut message: Message, limit: u16) -> Vec<u8> {
    let fits = |message: &Message| message.to_vec().ok().filter(|bytes| bytes.len() <= usize::from(limit));
    if let Some(bytes) = fits(&message) {
        return bytes;
    }
    message.additionals.clear();
    if let Some(bytes) = fits(&message) {
        return bytes;
    }
    message.metadata.truncation = true;
    message.authorities.clear();
    while !message.answers.is_empty() {
        message.answers.truncate(message.answers.len() * 3 / 4);
        if let Some(bytes) = fits(&message) {
            return bytes;
        }
    }
    let (id, code) = (message.metadata.id, message.metadata.op_code);
    let failure = Message::error_msg(id, code, ResponseCode::ServFail);
    fits(&message).or_else(|| failure.to_vec().ok()).unwrap_or_default()
}

/// Whether two names are the same to DNS.
pub(super) fn same_name(a: &Name, b: &Name) -> bool {
    a.eq_ignore_root(b)
}
