//! Network devices: bridges, veth pairs, their state. Each function adds one message to a request, so that
//! several steps go to the kernel together.

use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::netlink::message::{attribute, text, u16_at, u32_at};
use crate::netlink::{Attributes, Error, Request, Socket};

const CREATE: u16 = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
const VETH_PEER: u16 = 1; // VETH_INFO_PEER
const INET_CONF: u16 = 1; // IFLA_INET_CONF
const INET6_ADDR_GEN_MODE: u16 = 8; // IFLA_INET6_ADDR_GEN_MODE
const ADDR_GEN_NONE: u8 = 1; // IN6_ADDR_GEN_MODE_NONE

/// Longest name that a device can have, in bytes.
pub const NAME_MAX: usize = 15;

/// A hardware (Ethernet) address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A device as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Number of the device in its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// Kind of virtual device (`bridge`, `veth`); `None` for hardware.
    pub kind: Option<String>,
}

/// IPv4 settings of one device, by their number in `IPV4_DEVCONF_*`; they vanish with the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Refuse packets whose source is not reached through this device: no spoofing by its far end.
    ReversePathFilter = 8,
    /// Let 127.0.0.0/8 be routed through this device, so that connections made to 127.0.0.1 can be redirected.
    RouteLocalnet = 26,
    /// Pass packets on that came in through this device.
    Forwarding = 1,
}

/// Makes a bridge without ports, the form of a device that belongs to the node alone.
pub fn create_bridge(request: &mut Request, name: &str, mtu: u32, mac: Mac) {
    request.push(format!("create bridge {name}"), libc::RTM_NEWLINK, CREATE, &info(0, 0, 0), |a| {
        a.string(libc::IFLA_IFNAME, name).u32(libc::IFLA_MTU, mtu).bytes(libc::IFLA_ADDRESS, &mac.0).nest(
            libc::IFLA_LINKINFO,
            |a| {
                a.string(libc::IFLA_INFO_KIND, "bridge");
            },
        );
    });
}

/// One end of a veth pair that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// Device name.
    pub name: &'a str,
    /// Hardware address.
    pub mac: Mac,
}

/// Makes a veth pair of which `inner` appears in the namespace `netns` at once.
pub fn create_veth(request: &mut Request, outer: End<'_>, inner: End<'_>, netns: BorrowedFd<'_>, mtu: u32) {
    let subject = format!("create device {} with its other end in the network namespace", outer.name);
    request.push(subject, libc::RTM_NEWLINK, CREATE, &info(0, 0, 0), |a| {
        end(a, outer, mtu);
        a.nest(libc::IFLA_LINKINFO, |a| {
            a.string(libc::IFLA_INFO_KIND, "veth").nest(libc::IFLA_INFO_DATA, |a| {
                a.nest_after(VETH_PEER, &info(0, 0, 0), |a| {
                    end(a, inner, mtu);
                    a.u32(libc::IFLA_NET_NS_FD, netns.as_raw_fd() as u32);
                });
            });
        });
    });
}

fn end(a: &mut Attributes<'_>, end: End<'_>, mtu: u32) {
    a.string(libc::IFLA_IFNAME, end.name).u32(libc::IFLA_MTU, mtu).bytes(libc::IFLA_ADDRESS, &end.mac.0);
}

/// Sets IPv4 settings of a device and keeps it from making IPv6 addresses of its own.
pub fn configure(request: &mut Request, name: &str, settings: &[(Setting, u32)]) {
    request.push(format!("configure device {name}"), libc::RTM_SETLINK, 0, &info(0, 0, 0), |a| {
        a.string(libc::IFLA_IFNAME, name).nest(libc::IFLA_AF_SPEC, |a| {
            if !settings.is_empty() {
                a.nest(libc::AF_INET as u16, |a| {
                    a.nest(INET_CONF, |a| {
                        for (setting, value) in settings {
                            a.u32(*setting as u16, *value);
                        }
                    });
                });
            }
            if ipv6_is_there() {
                a.nest(libc::AF_INET6 as u16, |a| {
                    a.u8(INET6_ADDR_GEN_MODE, ADDR_GEN_NONE);
                });
            }
        });
    });
}

/// A kernel booted without IPv6 refuses its settings.
fn ipv6_is_there() -> bool {
    std::path::Path::new("/proc/sys/net/ipv6").exists()
}

/// Sets a device up.
pub fn set_up(request: &mut Request, name: &str) {
    let up = libc::IFF_UP as u32;
    request.push(format!("set device {name} up"), libc::RTM_SETLINK, 0, &info(0, up, up), |a| {
        a.string(libc::IFLA_IFNAME, name);
    });
}

/// Makes a device a port of the bridge with this number.
pub fn join(request: &mut Request, name: &str, bridge: u32) {
    request.push(format!("join device {name} to its bridge"), libc::RTM_SETLINK, 0, &info(0, 0, 0), |a| {
        a.string(libc::IFLA_IFNAME, name).u32(libc::IFLA_MASTER, bridge);
    });
}

/// Deletes a device; its addresses and routes, and the other end of a veth pair, go with it.
/// Returns whether it was there.
pub fn delete(socket: &mut Socket, name: &str) -> Result<bool, Error> {
    let mut request = Request::new();
    request.push(format!("delete device {name}"), libc::RTM_DELLINK, 0, &info(0, 0, 0), |a| {
        a.string(libc::IFLA_IFNAME, name);
    });
    match socket.request(request) {
        Ok(_) => Ok(true),
        Err(error) if error.is(libc::ENODEV) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The device of this name, if there is one.
pub fn find(socket: &mut Socket, name: &str) -> Result<Option<Link>, Error> {
    let mut request = Request::new();
    request.push(format!("look at device {name}"), libc::RTM_GETLINK, 0, &info(0, 0, 0), |a| {
        a.string(libc::IFLA_IFNAME, name);
    });
    match socket.request(request) {
        Ok(replies) => Ok(replies.iter().find_map(|reply| read(&reply.body))),
        Err(error) if error.is(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The hardware address of a device, if it has one as Ethernet has.
pub(crate) fn hardware_address(socket: &mut Socket, device: u32) -> Result<Option<Mac>, Error> {
    let replies = socket.dump("list devices", libc::RTM_GETLINK, &info(0, 0, 0), |_| {})?;
    let of_device = replies.iter().find(|reply| u32_at(&reply.body, 4) == Some(device));
    let bytes = of_device.and_then(|reply| attribute(reply.body.get(16..)?, libc::IFLA_ADDRESS));
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map(Mac))
}

/// All devices of the socket's namespace.
pub fn list(socket: &mut Socket) -> Result<Vec<Link>, Error> {
    let replies = socket.dump("list devices", libc::RTM_GETLINK, &info(0, 0, 0), |_| {})?;
    Ok(replies.iter().filter_map(|reply| read(&reply.body)).collect())
}

/// `struct ifinfomsg`: family, type, index, flags, mask of the flags that change.
pub(crate) fn info(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&change.to_ne_bytes());
    header
}

fn read(body: &[u8]) -> Option<Link> {
    let attributes = body.get(16..)?;
    u16_at(body, 0)?;
    let kind = attribute(attributes, libc::IFLA_LINKINFO)
        .and_then(|info| attribute(info, libc::IFLA_INFO_KIND))
        .map(text);
    Some(Link {
        index: u32_at(body, 4)?,
        name: text(attribute(attributes, libc::IFLA_IFNAME)?),
        mtu: u32_at(attribute(attributes, libc::IFLA_MTU)?, 0)?,
        up: u32_at(body, 8)? & libc::IFF_UP as u32 != 0,
        kind,
    })
}
