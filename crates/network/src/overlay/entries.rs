//! Routes, neighbours and tunnel ends of either family as netlink messages, and back.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::IpNet;
use crate::link::Mac;
use crate::netlink::message::{attribute, u16_at, u32_at};
use crate::netlink::{Error, Request, Socket};

use super::PROTOCOL;
use super::plan::NodeRoute;

const CREATE: u16 = (libc::NLM_F_CREATE | libc::NLM_F_REPLACE) as u16;
const ON_LINK: u32 = 4; // RTNH_F_ONLINK
const VIA: u16 = 18; // RTA_VIA
const PERMANENT: u16 = 0x80; // NUD_PERMANENT
const SELF: u8 = 2; // NTF_SELF: the device's own table, not a bridge's above it
const BRIDGE: u8 = libc::AF_BRIDGE as u8;

/// Device and whether there is a gateway on the way to `address`; `None` if there is no way, or no further than
/// this machine.
pub(super) fn route_to(socket: &mut Socket, address: IpAddr) -> Result<Option<(u32, bool)>, Error> {
    let mut header = [0; 12];
    header[0] = family(address);
    header[1] = if address.is_ipv4() { 32 } else { 128 };
    let mut request = Request::new();
    request.push(format!("find the way to {address}"), libc::RTM_GETROUTE, 0, &header, |a| {
        a.bytes(libc::RTA_DST, &octets(address));
    });
    let replies = match socket.request(request) {
        Err(error) if error.is(libc::ENETUNREACH) || error.is(libc::EHOSTUNREACH) => return Ok(None),
        replies => replies?,
    };
    Ok(replies.first().and_then(|reply| {
        let (header, attributes) = reply.body.split_at_checked(12)?;
        let device = u32_at(attribute(attributes, libc::RTA_OIF)?, 0)?;
        let gateway =
            attribute(attributes, libc::RTA_GATEWAY).is_some() || attribute(attributes, VIA).is_some();
        (header[7] == libc::RTN_UNICAST).then_some((device, gateway))
    }))
}

/// Adds or replaces a route; `source` is the address of the node's own packets.
pub(super) fn add_route(request: &mut Request, route: &NodeRoute, source: Option<IpAddr>) {
    let subject = format!("add route {} via {}", route.destination, route.gateway);
    let header = route_header(route, libc::RTN_UNICAST, libc::RT_SCOPE_UNIVERSE, ON_LINK);
    request.push(subject, libc::RTM_NEWROUTE, CREATE, &header, |a| {
        a.bytes(libc::RTA_DST, &octets(route.destination.network()));
        a.bytes(libc::RTA_GATEWAY, &octets(route.gateway)).u32(libc::RTA_OIF, route.device);
        if let Some(source) = source {
            a.bytes(libc::RTA_PREFSRC, &octets(source));
        }
    });
}

/// Removes a route that [`routes`] told.
pub(super) fn delete_route(request: &mut Request, route: &NodeRoute) {
    let header = route_header(route, libc::RTN_UNSPEC, libc::RT_SCOPE_NOWHERE, 0);
    request.push(format!("delete route {}", route.destination), libc::RTM_DELROUTE, 0, &header, |a| {
        a.bytes(libc::RTA_DST, &octets(route.destination.network())).u32(libc::RTA_OIF, route.device);
    });
}

/// `struct rtmsg`: family, lengths of destination and source, TOS, table, protocol, scope, type, flags.
fn route_header(route: &NodeRoute, kind: u8, scope: u8, flags: u32) -> [u8; 12] {
    let [a, b, c, d] = flags.to_ne_bytes();
    let (family, prefix) = (family(route.destination.network()), route.destination.prefix());
    [family, prefix, 0, 0, libc::RT_TABLE_MAIN, PROTOCOL, scope, kind, a, b, c, d]
}

/// The routes of both families that were made here.
pub(super) fn routes(socket: &mut Socket) -> Result<Vec<NodeRoute>, Error> {
    let mut found = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut header = [0; 12];
        header[0] = family as u8;
        match socket.dump("list routes", libc::RTM_GETROUTE, &header, |_| {}) {
            Ok(replies) => found.extend(replies.iter().filter_map(|reply| read_route(&reply.body))),
            // A kernel without IPv6.
            Err(error) if family == libc::AF_INET6 && error.is(libc::EOPNOTSUPP) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn read_route(body: &[u8]) -> Option<NodeRoute> {
    let (header, attributes) = body.split_at_checked(12)?;
    if header[5] != PROTOCOL || header[4] != libc::RT_TABLE_MAIN {
        return None;
    }
    Some(NodeRoute {
        destination: IpNet::containing(address(attribute(attributes, libc::RTA_DST)?)?, header[1]),
        gateway: address(attribute(attributes, libc::RTA_GATEWAY)?)?,
        device: u32_at(attribute(attributes, libc::RTA_OIF)?, 0)?,
    })
}

/// Fixes the hardware address behind a gateway.
pub(super) fn add_neighbour(request: &mut Request, device: u32, gateway: IpAddr, mac: Mac) {
    let header = neighbour_header(family(gateway), device, 0);
    request.push(format!("add neighbour {gateway}"), libc::RTM_NEWNEIGH, CREATE, &header, |a| {
        a.bytes(libc::NDA_DST, &octets(gateway)).bytes(libc::NDA_LLADDR, &mac.0);
    });
}

/// Forgets a neighbour.
pub(super) fn delete_neighbour(request: &mut Request, device: u32, gateway: IpAddr, mac: Mac) {
    let header = neighbour_header(family(gateway), device, 0);
    request.push(format!("delete neighbour {gateway}"), libc::RTM_DELNEIGH, 0, &header, |a| {
        a.bytes(libc::NDA_DST, &octets(gateway)).bytes(libc::NDA_LLADDR, &mac.0);
    });
}

/// Says which node a hardware address is behind.
pub(super) fn add_forwarding(request: &mut Request, device: u32, mac: Mac, node: IpAddr) {
    let header = neighbour_header(BRIDGE, device, SELF);
    request.push(format!("add tunnel to {node}"), libc::RTM_NEWNEIGH, CREATE, &header, |a| {
        a.bytes(libc::NDA_LLADDR, &mac.0).bytes(libc::NDA_DST, &octets(node));
    });
}

/// Forgets where a hardware address is.
pub(super) fn delete_forwarding(request: &mut Request, device: u32, mac: Mac, node: IpAddr) {
    let header = neighbour_header(BRIDGE, device, SELF);
    request.push(format!("delete tunnel to {node}"), libc::RTM_DELNEIGH, 0, &header, |a| {
        a.bytes(libc::NDA_LLADDR, &mac.0).bytes(libc::NDA_DST, &octets(node));
    });
}

/// `struct ndmsg`: family, padding, index, state, flags, type.
fn neighbour_header(family: u8, device: u32, flags: u8) -> [u8; 12] {
    let mut header = [0; 12];
    header[0] = family;
    header[4..8].copy_from_slice(&device.to_ne_bytes());
    header[8..10].copy_from_slice(&PERMANENT.to_ne_bytes());
    header[10] = flags;
    header
}

/// Fixed neighbours of both families on a device.
pub(super) fn neighbours(socket: &mut Socket, device: u32) -> Result<BTreeSet<(IpAddr, Mac)>, Error> {
    let mut found = BTreeSet::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        found.extend(entries(socket, family as u8, device)?);
    }
    Ok(found)
}

/// Which node each hardware address on a tunnel's device is behind.
pub(super) fn forwarding(socket: &mut Socket, device: u32) -> Result<BTreeSet<(Mac, IpAddr)>, Error> {
    let entries = entries(socket, BRIDGE, device)?.into_iter();
    Ok(entries.map(|(address, mac)| (mac, address)).collect())
}

fn entries(socket: &mut Socket, family: u8, device: u32) -> Result<Vec<(IpAddr, Mac)>, Error> {
    let header = neighbour_header(family, device, 0);
    let replies = socket.dump("list neighbours", libc::RTM_GETNEIGH, &header, |_| {})?;
    let read = |body: &[u8]| {
        let (header, attributes) = body.split_at_checked(12)?;
        let ours = u32_at(header, 4)? == device && u16_at(header, 8)? & PERMANENT != 0;
        let mac = attribute(attributes, libc::NDA_LLADDR)?.try_into().ok().map(Mac)?;
        let address = address(attribute(attributes, libc::NDA_DST)?)?;
        ours.then_some((address, mac))
    };
    Ok(replies.iter().filter_map(|reply| read(&reply.body)).collect())
}

fn family(address: IpAddr) -> u8 {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    family as u8
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}
