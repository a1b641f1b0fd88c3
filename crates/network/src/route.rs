//! Addresses, routes and fixed neighbours (IPv4). Each function adds one message to a request.
//!
//! Routes made here carry [`PROTOCOL`], so that they can be told from everybody else's.

use std::net::Ipv4Addr;

use crate::Ipv4Net;
use crate::link::Mac;
use crate::netlink::message::{attribute, u32_at};
use crate::netlink::{Error, Request, Socket};

/// Route protocol number of our routes; none of those registered in iproute2's `rt_protos`.
pub const PROTOCOL: u8 = 108;

const CREATE: u16 = (libc::NLM_F_CREATE | libc::NLM_F_REPLACE) as u16;
const ON_LINK: u32 = 4; // RTNH_F_ONLINK
const PERMANENT: u16 = 0x80; // NUD_PERMANENT

/// What a route does with packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Out of this device, where the destination itself answers.
    Device(u32),
    /// Out of this device to a gateway there, which needs no route of its own.
    Gateway(Ipv4Addr, u32),
    /// Refused with "host unreachable".
    Unreachable,
}

/// A route of the main table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where packets go to; `0.0.0.0/0` is the default route.
    pub destination: Ipv4Net,
    /// Number of the device, if one is named.
    pub device: Option<u32>,
    /// Who made it: [`PROTOCOL`] for us.
    pub protocol: u8,
    /// Smaller is preferred.
    pub metric: u32,
}

/// Gives a device an address.
pub fn add_address(request: &mut Request, device: u32, address: Ipv4Addr, prefix: u8) {
    // struct ifaddrmsg: family, prefix length, flags, scope (0 = global), index.
    let mut header = [libc::AF_INET as u8, prefix, 0, 0, 0, 0, 0, 0];
    header[4..8].copy_from_slice(&device.to_ne_bytes());
    let subject = format!("add address {address}/{prefix}");
    request.push(subject, libc::RTM_NEWADDR, CREATE, &header, |a| {
        a.bytes(libc::IFA_LOCAL, &address.octets()).bytes(libc::IFA_ADDRESS, &address.octets());
    });
}

/// Device number and address of every IPv4 address.
pub fn addresses(socket: &mut Socket) -> Result<Vec<(u32, Ipv4Addr)>, Error> {
    let header = [libc::AF_INET as u8, 0, 0, 0, 0, 0, 0, 0];
    let replies = socket.dump("list addresses", libc::RTM_GETADDR, &header, |_| {})?;
    let read = |body: &[u8]| {
        let octets: [u8; 4] = attribute(body.get(8..)?, libc::IFA_LOCAL)?.try_into().ok()?;
        Some((u32_at(body, 4)?, Ipv4Addr::from(octets)))
    };
    Ok(replies.iter().filter_map(|reply| read(&reply.body)).collect())
}

/// Adds or replaces a route of ours; `source` is the address that the node's own packets get on this way.
pub fn add(request: &mut Request, destination: Ipv4Net, target: Target, source: Option<Ipv4Addr>) {
    let scope = match target {
        Target::Device(_) => libc::RT_SCOPE_LINK,
        Target::Gateway(..) | Target::Unreachable => libc::RT_SCOPE_UNIVERSE,
    };
    let header = header(destination, scope, target);
    request.push(format!("add route {destination}"), libc::RTM_NEWROUTE, CREATE, &header, |a| {
        if destination.prefix() > 0 {
            a.bytes(libc::RTA_DST, &destination.network().octets());
        }
        match target {
            Target::Device(index) => {
                a.u32(libc::RTA_OIF, index);
            }
            Target::Gateway(gateway, index) => {
                a.bytes(libc::RTA_GATEWAY, &gateway.octets()).u32(libc::RTA_OIF, index);
            }
            Target::Unreachable => {}
        }
        if let Some(source) = source {
            a.bytes(libc::RTA_PREFSRC, &source.octets());
        }
    });
}

/// Removes our routes to exactly this destination; returns whether there was one.
pub fn delete(socket: &mut Socket, destination: Ipv4Net) -> Result<bool, Error> {
    let mut header = header(destination, libc::RT_SCOPE_NOWHERE, Target::Device(0));
    header[7] = libc::RTN_UNSPEC;
    header[8..12].copy_from_slice(&0u32.to_ne_bytes());
    let mut request = Request::new();
    request.push(format!("delete route {destination}"), libc::RTM_DELROUTE, 0, &header, |a| {
        a.bytes(libc::RTA_DST, &destination.network().octets());
    });
    match socket.request(request) {
        Ok(_) => Ok(true),
        Err(error) if error.is(libc::ESRCH) => Ok(false),
        Err(error) => Err(error),
    }
}

/// `struct rtmsg`: family, lengths of destination and source, TOS, table, protocol, scope, type, flags.
fn header(destination: Ipv4Net, scope: u8, target: Target) -> [u8; 12] {
    let (kind, flags) = match target {
        Target::Device(_) => (libc::RTN_UNICAST, 0),
        Target::Gateway(..) => (libc::RTN_UNICAST, ON_LINK),
        Target::Unreachable => (libc::RTN_UNREACHABLE, 0),
    };
    let mut header = [0; 12];
    header[0] = libc::AF_INET as u8;
    header[1] = destination.prefix();
    header[4] = libc::RT_TABLE_MAIN;
    header[5] = PROTOCOL;
    header[6] = scope;
    header[7] = kind;
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header
}

/// The routes of the main table.
pub fn list(socket: &mut Socket) -> Result<Vec<Route>, Error> {
    let mut header = [0; 12];
    header[0] = libc::AF_INET as u8;
    let replies = socket.dump("list routes", libc::RTM_GETROUTE, &header, |_| {})?;
    Ok(replies.iter().filter_map(|reply| read(&reply.body)).collect())
}

fn read(body: &[u8]) -> Option<Route> {
    let (header, attributes) = body.split_at_checked(12)?;
    let number = |kind| attribute(attributes, kind).and_then(|value| u32_at(value, 0));
    let table = number(libc::RTA_TABLE).unwrap_or(u32::from(header[4]));
    if header[0] != libc::AF_INET as u8 || table != u32::from(libc::RT_TABLE_MAIN) {
        return None;
    }
    let network = attribute(attributes, libc::RTA_DST)
        .and_then(|value| <[u8; 4]>::try_from(value).ok())
        .map_or(Ipv4Addr::UNSPECIFIED, Ipv4Addr::from);
    Some(Route {
        destination: Ipv4Net::containing(network, header[1]),
        device: number(libc::RTA_OIF),
        protocol: header[5],
        metric: number(libc::RTA_PRIORITY).unwrap_or(0),
    })
}

/// Fixes the hardware address behind `address` on a device, so that nobody has to ask for it.
pub fn add_neighbour(request: &mut Request, device: u32, address: Ipv4Addr, mac: Mac) {
    // struct ndmsg: family, padding, index, state, flags, type.
    let mut header = [0; 12];
    header[0] = libc::AF_INET as u8;
    header[4..8].copy_from_slice(&device.to_ne_bytes());
    header[8..10].copy_from_slice(&PERMANENT.to_ne_bytes());
    request.push(format!("add neighbour {address}"), libc::RTM_NEWNEIGH, CREATE, &header, |a| {
        a.bytes(libc::NDA_DST, &address.octets()).bytes(libc::NDA_LLADDR, &mac.0);
    });
}
