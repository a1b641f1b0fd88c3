//! Addresses, routes and fixed neighbours of both families. Each function adds one message to a request.
//!
//! Routes made here carry [`PROTOCOL`], so that they can be told from everybody else's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::IpNet;
use crate::link::Mac;
use crate::netlink::message::{attribute, u32_at};
use crate::netlink::{Error, Request, Socket};

/// Route protocol number of our routes; none of those registered in iproute2's `rt_protos`.
pub const PROTOCOL: u8 = 108;

const CREATE: u16 = (libc::NLM_F_CREATE | libc::NLM_F_REPLACE) as u16;
const ON_LINK: u32 = 4; // RTNH_F_ONLINK
const PERMANENT: u16 = 0x80; // NUD_PERMANENT
const NO_DETECTION: u32 = 0x02; // IFA_F_NODAD
const NO_PREFIX_ROUTE: u32 = 0x200; // IFA_F_NOPREFIXROUTE
const FLAGS: u16 = 8; // IFA_FLAGS

/// What a route does with packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Out of this device, where the destination itself answers.
    Device(u32),
    /// Out of this device to a gateway there, which needs no route of its own.
    Gateway(IpAddr, u32),
    /// Refused with "host unreachable".
    Unreachable,
}

/// A route of the main table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where packets go to; `0.0.0.0/0` and `::/0` are default routes.
    pub destination: IpNet,
    /// Number of the device, if one is named.
    pub device: Option<u32>,
    /// Who made it: [`PROTOCOL`] for us.
    pub protocol: u8,
    /// Smaller is preferred.
    pub metric: u32,
}

/// Gives a device an address. Nobody is asked whether an IPv6 address is taken: it can be used at once. A single
/// address (of prefix 32 or 128) brings no route.
pub fn add_address(request: &mut Request, device: u32, address: impl Into<IpAddr>, prefix: u8) {
    push_address(request, device, address.into(), prefix, None);
}

/// Gives a device a single address with an origin: an attribute's number and its value.
pub(crate) fn add_own_address(
    request: &mut Request,
    device: u32,
    address: IpAddr,
    attribute: u16,
    origin: u8,
) {
    let prefix = if address.is_ipv4() { 32 } else { 128 };
    push_address(request, device, address, prefix, Some((attribute, origin)));
}

fn push_address(request: &mut Request, device: u32, address: IpAddr, prefix: u8, origin: Option<(u16, u8)>) {
    // struct ifaddrmsg: family, prefix length, flags, scope (0 = global), index.
    let mut header = [family(address), prefix, 0, 0, 0, 0, 0, 0];
    header[4..8].copy_from_slice(&device.to_ne_bytes());
    let subject = format!("add address {address}/{prefix}");
    request.push(subject, libc::RTM_NEWADDR, CREATE, &header, |a| {
        a.bytes(libc::IFA_LOCAL, &octets(address)).bytes(libc::IFA_ADDRESS, &octets(address));
        if address.is_ipv6() {
            a.u32(FLAGS, NO_DETECTION | if prefix == 128 { NO_PREFIX_ROUTE } else { 0 });
        }
        if let Some((attribute, origin)) = origin {
            a.u8(attribute, origin);
        }
    });
}

/// Takes an address from a device; returns whether it was there.
pub fn delete_address(socket: &mut Socket, device: u32, address: IpAddr, prefix: u8) -> Result<bool, Error> {
    let mut header = [family(address), prefix, 0, 0, 0, 0, 0, 0];
    header[4..8].copy_from_slice(&device.to_ne_bytes());
    let mut request = Request::new();
    let subject = format!("delete address {address}/{prefix}");
    request.push(subject, libc::RTM_DELADDR, 0, &header, |a| {
        a.bytes(libc::IFA_LOCAL, &octets(address)).bytes(libc::IFA_ADDRESS, &octets(address));
    });
    match socket.request(request) {
        Ok(_) => Ok(true),
        Err(error) if error.is(libc::EADDRNOTAVAIL) || error.is(libc::ENODEV) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Device number and address of every address of both families.
pub fn addresses(socket: &mut Socket) -> Result<Vec<(u32, IpAddr)>, Error> {
    Ok(networks(socket)?.into_iter().map(|(device, address, _)| (device, address)).collect())
}

/// Device number, address and prefix length of every address of both families.
pub fn networks(socket: &mut Socket) -> Result<Vec<(u32, IpAddr, u8)>, Error> {
    let replies = socket.dump("list addresses", libc::RTM_GETADDR, &[0; 8], |_| {})?;
    let read = |body: &[u8]| {
        let attributes = body.get(8..)?;
        // IPv4 has the own address in the one, IPv6 in the other; IPv4's other is the peer's.
        let own = attribute(attributes, libc::IFA_LOCAL).or(attribute(attributes, libc::IFA_ADDRESS))?;
        Some((u32_at(body, 4)?, address(own)?, *body.get(1)?))
    };
    Ok(replies.iter().filter_map(|reply| read(&reply.body)).collect())
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The address that these bytes are.
pub(crate) fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).into()),
        _ => None,
    }
}

/// Adds or replaces a route of ours; `source` is the address that the node's own packets get on this way.
pub fn add(request: &mut Request, destination: impl Into<IpNet>, target: Target, source: Option<IpAddr>) {
    let destination = destination.into();
    let scope = match target {
        Target::Device(_) => libc::RT_SCOPE_LINK,
        Target::Gateway(..) | Target::Unreachable => libc::RT_SCOPE_UNIVERSE,
    };
    let header = header(destination, scope, target);
    request.push(format!("add route {destination}"), libc::RTM_NEWROUTE, CREATE, &header, |a| {
        if destination.prefix() > 0 {
            a.bytes(libc::RTA_DST, &octets(destination.network()));
        }
        match target {
            Target::Device(index) => {
                a.u32(libc::RTA_OIF, index);
            }
            Target::Gateway(gateway, index) => {
                a.bytes(libc::RTA_GATEWAY, &octets(gateway)).u32(libc::RTA_OIF, index);
            }
            Target::Unreachable => {}
        }
        if let Some(source) = source {
            a.bytes(libc::RTA_PREFSRC, &octets(source));
        }
    });
}

/// Removes our routes to exactly this destination; returns whether there was one.
pub fn delete(socket: &mut Socket, destination: impl Into<IpNet>) -> Result<bool, Error> {
    let destination = destination.into();
    let mut header = header(destination, libc::RT_SCOPE_NOWHERE, Target::Device(0));
    header[7] = libc::RTN_UNSPEC;
    header[8..12].copy_from_slice(&0u32.to_ne_bytes());
    let mut request = Request::new();
    request.push(format!("delete route {destination}"), libc::RTM_DELROUTE, 0, &header, |a| {
        a.bytes(libc::RTA_DST, &octets(destination.network()));
    });
    match socket.request(request) {
        Ok(_) => Ok(true),
        Err(error) if error.is(libc::ESRCH) => Ok(false),
        Err(error) => Err(error),
    }
}

/// `struct rtmsg`: family, lengths of destination and source, TOS, table, protocol, scope, type, flags.
fn header(destination: IpNet, scope: u8, target: Target) -> [u8; 12] {
    let (kind, flags) = match target {
        Target::Device(_) => (libc::RTN_UNICAST, 0),
        Target::Gateway(..) => (libc::RTN_UNICAST, ON_LINK),
        Target::Unreachable => (libc::RTN_UNREACHABLE, 0),
    };
    let mut header = [0; 12];
    header[0] = family(destination.network());
    header[1] = destination.prefix();
    header[4] = libc::RT_TABLE_MAIN;
    header[5] = PROTOCOL;
    header[6] = scope;
    header[7] = kind;
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header
}

/// The routes of the main table, of both families.
pub fn list(socket: &mut Socket) -> Result<Vec<Route>, Error> {
    let mut routes = Vec::new();
    // A kernel without IPv6 would answer the second question like the first.
    let second = crate::sysctl::has_ipv6().then_some(libc::AF_INET6);
    for family in std::iter::once(libc::AF_INET).chain(second) {
        let mut header = [0; 12];
        header[0] = family as u8;
        let replies = socket.dump("list routes", libc::RTM_GETROUTE, &header, |_| {})?;
        routes.extend(replies.iter().filter_map(|reply| read(&reply.body)));
    }
    Ok(routes)
}

fn read(body: &[u8]) -> Option<Route> {
    let (header, attributes) = body.split_at_checked(12)?;
    let number = |kind| attribute(attributes, kind).and_then(|value| u32_at(value, 0));
    let table = number(libc::RTA_TABLE).unwrap_or(u32::from(header[4]));
    if table != u32::from(libc::RT_TABLE_MAIN) {
        return None;
    }
    let everything: IpAddr = match i32::from(header[0]) {
        libc::AF_INET => Ipv4Addr::UNSPECIFIED.into(),
        libc::AF_INET6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    let network = attribute(attributes, libc::RTA_DST).and_then(address).unwrap_or(everything);
    Some(Route {
        destination: IpNet::containing(network, header[1]),
        device: number(libc::RTA_OIF),
        protocol: header[5],
        metric: number(libc::RTA_PRIORITY).unwrap_or(0),
    })
}

/// Fixes the hardware address behind `address` on a device, so that nobody has to ask for it.
pub fn add_neighbour(request: &mut Request, device: u32, address: impl Into<IpAddr>, mac: Mac) {
    let address = address.into();
    // struct ndmsg: family, padding, index, state, flags, type.
    let mut header = [0; 12];
    header[0] = family(address);
    header[4..8].copy_from_slice(&device.to_ne_bytes());
    header[8..10].copy_from_slice(&PERMANENT.to_ne_bytes());
    request.push(format!("add neighbour {address}"), libc::RTM_NEWNEIGH, CREATE, &header, |a| {
        a.bytes(libc::NDA_DST, &octets(address)).bytes(libc::NDA_LLADDR, &mac.0);
    });
}
