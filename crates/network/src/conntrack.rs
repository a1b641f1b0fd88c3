//! The kernel's table of connections: which UDP flows are tracked, and forgetting some of them.
//!
//! A UDP "connection" keeps its translation for as long as packets flow, so a client that goes on sending
//! would never see a new endpoint. TCP connections are left alone: they end by themselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::netlink::message::attribute;
use crate::netlink::{Attributes, Error, Reply, Request, Socket};

const GET: u16 = (1 << 8) | 1; // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
const DELETE: u16 = (1 << 8) | 2; // IPCTNL_MSG_CT_DELETE
const HEADER: usize = 4; // struct nfgenmsg: family, version, resource
const TUPLE_ORIGINAL: u16 = 1; // CTA_TUPLE_ORIG
const TUPLE_REPLY: u16 = 2; // CTA_TUPLE_REPLY
const UDP: u8 = libc::IPPROTO_UDP as u8;

/// A tracked UDP flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// Who sent the first packet.
    pub client: SocketAddr,
    /// Where it was sent to.
    pub destination: SocketAddr,
    /// Who answers: another address than the destination if that was translated.
    pub endpoint: SocketAddr,
}

/// All tracked UDP flows.
pub fn udp_flows(socket: &mut Socket) -> Result<Vec<Flow>, Error> {
    let replies = socket.dump("list connections", GET, &[0; HEADER], |_| {})?;
    Ok(replies.iter().filter_map(read).collect())
}

/// Forgets flows: their next packet is treated as the first. Returns how many were still there.
pub fn forget(socket: &mut Socket, flows: &[Flow]) -> Result<usize, Error> {
    let mut forgotten = 0;
    for flow in flows {
        let mut request = Request::new();
        let subject = format!("forget the connection from {} to {}", flow.client, flow.destination);
        let family = if flow.client.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        request.push(subject, DELETE, 0, &[family as u8, 0, 0, 0], |a| write(a, flow));
        match socket.request(request) {
            Ok(_) => forgotten += 1,
            Err(error) if error.is(libc::ENOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(forgotten)
}

fn write(a: &mut Attributes<'_>, flow: &Flow) {
    a.nest(TUPLE_ORIGINAL, |a| {
        a.nest(1, |a| {
            match (flow.client.ip(), flow.destination.ip()) {
                (IpAddr::V4(client), IpAddr::V4(destination)) => {
                    a.bytes(1, &client.octets()).bytes(2, &destination.octets());
                }
                (IpAddr::V6(client), IpAddr::V6(destination)) => {
                    a.bytes(3, &client.octets()).bytes(4, &destination.octets());
                }
                _ => {} // no packet has both
            }
        });
        a.nest(2, |a| {
            a.u8(1, UDP).be16(2, flow.client.port()).be16(3, flow.destination.port());
        });
    });
}

fn read(reply: &Reply) -> Option<Flow> {
    let attributes = reply.body.get(HEADER..)?;
    let (client, destination) = tuple(attribute(attributes, TUPLE_ORIGINAL)?)?;
    let (endpoint, _) = tuple(attribute(attributes, TUPLE_REPLY)?)?;
    Some(Flow { client, destination, endpoint })
}

/// Source and destination of a UDP tuple.
fn tuple(bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let (addresses, protocol) = (attribute(bytes, 1)?, attribute(bytes, 2)?);
    if attribute(protocol, 1)? != [UDP] {
        return None;
    }
    let side = |number| {
        let address: IpAddr = match (attribute(addresses, number), attribute(addresses, number + 2)) {
            (Some(octets), _) => Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?).into(),
            (None, octets) => Ipv6Addr::from(<[u8; 16]>::try_from(octets?).ok()?).into(),
        };
        let port: [u8; 2] = attribute(protocol, number + 1)?.try_into().ok()?;
        Some(SocketAddr::new(address, u16::from_be_bytes(port)))
    };
    Some((side(1)?, side(2)?))
}
