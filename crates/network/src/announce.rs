//! Addresses that this machine answers for on its links: given to the device whose network they lie in, and made
//! known to the neighbours.
//!
//! The kernel itself answers ARP and neighbour discovery for an address that a device has; the announcement (a
//! gratuitous ARP request, or an unsolicited neighbour advertisement) makes neighbours forget who had it before. An
//! address of no device's network goes to the given fallback device, for routers that send it here.
//!
//! Keeps: what this made carries a number of its own as the address's origin (`IFA_PROTO`, Linux 5.18 or later), one
//! for each name of a fallback device, and is known by that; nothing else is taken away.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::IpNet;
use crate::link::{self, Mac};
use crate::netlink::message::{attribute, u32_at};
use crate::netlink::{Error, Family, Request, Socket};
use crate::pods::LINK_PREFIX;
use crate::route;

const ORIGIN: u16 = 11; // IFA_PROTO
const HARDWARE_BROADCAST: [u8; 6] = [0xff; 6];
/// All nodes of the link, ff02::1, as a hardware address.
const HARDWARE_ALL_NODES: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Answers for exactly these addresses; `fallback` is the device for those that lie in no device's network.
///
/// Repeating it is cheap, and announces only what is new.
pub fn hold(wanted: &BTreeSet<IpAddr>, fallback: &str) -> Result<(), Error> {
    let mut socket = Socket::open(Family::Route)?;
    let origin = origin(fallback);
    let held = held(&mut socket, origin)?;
    for (device, address, prefix) in &held {
        if !wanted.contains(address) {
            route::delete_address(&mut socket, *device, *address, *prefix)?;
        }
    }
    let known: BTreeSet<IpAddr> = held.iter().map(|(_, address, _)| *address).collect();
    let missing: Vec<IpAddr> = wanted.difference(&known).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let networks = route::networks(&mut socket)?;
    let links = link::list(&mut socket)?;
    for address in missing {
        // The machine has it already, and not from us: nothing to do.
        if networks.iter().any(|(_, own, _)| *own == address) {
            continue;
        }
        let on_link = networks.iter().find(|(device, own, prefix)| {
            let ours = links.iter().any(|link| link.index == *device && link.name.starts_with(LINK_PREFIX));
            !ours && IpNet::containing(*own, *prefix).contains(address) && !own.is_loopback()
        });
        let device = on_link.map(|(device, ..)| *device);
        let device = device.or_else(|| Some(links.iter().find(|link| link.name == fallback)?.index));
        let Some(device) = device else { continue };
        let mut request = Request::new();
        route::add_own_address(&mut request, device, address, ORIGIN, origin);
        socket.request(request)?;
        if on_link.is_some()
            && let Some(mac) = link::hardware_address(&mut socket, device)?
            && let Err(error) = announce(device, mac, address)
        {
            tracing::warn!(%address, %error, "cannot announce an address; neighbours learn of it when they ask");
        }
    }
    Ok(())
}

/// Gives back every address that [`hold`] took with this fallback.
pub fn release(fallback: &str) -> Result<(), Error> {
    hold(&BTreeSet::new(), fallback)
}

/// The origin of addresses taken with this fallback; none of those that the kernel gives (1 to 3).
fn origin(fallback: &str) -> u8 {
    100 + (crate::pods::fnv(fallback.as_bytes()) % 100) as u8
}

/// Device, address and prefix length of what we hold.
fn held(socket: &mut Socket, origin: u8) -> Result<Vec<(u32, IpAddr, u8)>, Error> {
    let replies = socket.dump("list addresses", libc::RTM_GETADDR, &[0; 8], |_| {})?;
    let read = |body: &[u8]| {
        let attributes = body.get(8..)?;
        if attribute(attributes, ORIGIN)? != [origin] {
            return None;
        }
        let own = attribute(attributes, libc::IFA_LOCAL).or(attribute(attributes, libc::IFA_ADDRESS))?;
        Some((u32_at(body, 4)?, route::address(own)?, *body.get(1)?))
    };
    Ok(replies.iter().filter_map(|reply| read(&reply.body)).collect())
}

/// Tells the link who has the address now.
fn announce(device: u32, mac: Mac, address: IpAddr) -> io::Result<()> {
    let (frame, protocol) = match address {
        IpAddr::V4(address) => (gratuitous_arp(mac, address.octets()), libc::ETH_P_ARP),
        IpAddr::V6(address) => (advertisement(mac, address), libc::ETH_P_IPV6),
    };
    let to = if address.is_ipv4() { HARDWARE_BROADCAST } else { HARDWARE_ALL_NODES };
    // SAFETY: a plain system call; the result is checked before it is used.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut place = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (protocol as u16).to_be(),
        sll_ifindex: device as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [0; 8],
    };
    place.sll_addr[..6].copy_from_slice(&to);
    // SAFETY: both pointers are to live values of the lengths given, and are only read.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            frame.as_ptr().cast(),
            frame.len(),
            0,
            (&raw const place).cast(),
            size_of_val(&place) as u32,
        )
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// An ARP request in which the sender asks for its own address (RFC 5227).
fn gratuitous_arp(mac: Mac, address: [u8; 4]) -> Vec<u8> {
    // Ethernet, IPv4, lengths of both addresses, request.
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 1];
    packet.extend_from_slice(&mac.0);
    packet.extend_from_slice(&address);
    packet.extend_from_slice(&[0; 6]);
    packet.extend_from_slice(&address);
    packet
}

/// An unsolicited neighbour advertisement that overrides what was known (RFC 4861, 4.4).
fn advertisement(mac: Mac, address: Ipv6Addr) -> Vec<u8> {
    // Type 136, code, checksum, flag "override", target, option "target's link-layer address" of 8 bytes.
    let mut message = vec![136, 0, 0, 0, 0x20, 0, 0, 0];
    message.extend_from_slice(&address.octets());
    message.extend_from_slice(&[2, 1]);
    message.extend_from_slice(&mac.0);
    let mut pseudo = [address.octets(), ALL_NODES.octets()].concat();
    pseudo.extend_from_slice(&(message.len() as u32).to_be_bytes());
    pseudo.extend_from_slice(&[0, 0, 0, libc::IPPROTO_ICMPV6 as u8]);
    pseudo.extend_from_slice(&message);
    message[2..4].copy_from_slice(&checksum(&pseudo).to_be_bytes());
    // Version 6, payload length, next header, hop limit 255.
    let mut packet = vec![0x60, 0, 0, 0, 0, message.len() as u8, libc::IPPROTO_ICMPV6 as u8, 255];
    packet.extend_from_slice(&address.octets());
    packet.extend_from_slice(&ALL_NODES.octets());
    packet.extend_from_slice(&message);
    packet
}

/// The Internet's checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_as_the_standards_say() {
        let mac = Mac([2, 0, 0, 0, 0, 9]);
        let arp = gratuitous_arp(mac, [192, 0, 2, 1]);
        assert_eq!(arp.len(), 28);
        assert_eq!(
            (&arp[8..14], &arp[14..18], &arp[24..28]),
            (&mac.0[..], &[192, 0, 2, 1][..], &[192, 0, 2, 1][..])
        );
        let address: Ipv6Addr = "2001:db8::5".parse().unwrap();
        let packet = advertisement(mac, address);
        assert_eq!((packet.len(), packet[5], packet[7]), (72, 32, 255));
        assert_eq!(packet[48..64], address.octets());
        // A right checksum makes the sum over everything come out as zero.
        let mut whole = packet[8..40].to_vec();
        whole.extend_from_slice(&[0, 0, 0, 32, 0, 0, 0, 58]);
        whole.extend_from_slice(&packet[40..]);
        assert_eq!(checksum(&whole), 0);
    }
}
