//! The tunnel's device: a VXLAN link as netlink messages, and back.

use std::net::IpAddr;

use crate::link::{Mac, info};
use crate::netlink::message::{attribute, text, u32_at};
use crate::netlink::{Error, Request, Socket};

const CREATE: u16 = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
const VXLAN_ID: u16 = 1; // IFLA_VXLAN_ID
const VXLAN_LOCAL: u16 = 4; // IFLA_VXLAN_LOCAL
const VXLAN_LEARNING: u16 = 7; // IFLA_VXLAN_LEARNING
const VXLAN_PORT: u16 = 15; // IFLA_VXLAN_PORT
const VXLAN_LOCAL6: u16 = 17; // IFLA_VXLAN_LOCAL6

/// A tunnel's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tunnel {
    /// VXLAN network identifier.
    pub(super) number: u32,
    pub(super) port: u16,
    /// Where its packets come from.
    pub(super) local: IpAddr,
    pub(super) mac: Mac,
}

/// Makes the device, down.
pub(super) fn create(request: &mut Request, name: &str, mtu: u32, tunnel: &Tunnel) {
    request.push(format!("create tunnel {name}"), libc::RTM_NEWLINK, CREATE, &info(0, 0, 0), |a| {
        a.string(libc::IFLA_IFNAME, name).u32(libc::IFLA_MTU, mtu);
        a.bytes(libc::IFLA_ADDRESS, &tunnel.mac.0).nest(libc::IFLA_LINKINFO, |a| {
            a.string(libc::IFLA_INFO_KIND, "vxlan").nest(libc::IFLA_INFO_DATA, |a| {
                a.u32(VXLAN_ID, tunnel.number).u8(VXLAN_LEARNING, 0).be16(VXLAN_PORT, tunnel.port);
                match tunnel.local {
                    IpAddr::V4(local) => a.bytes(VXLAN_LOCAL, &local.octets()),
                    IpAddr::V6(local) => a.bytes(VXLAN_LOCAL6, &local.octets()),
                };
            });
        });
    });
}

/// Sets the largest packet of a device.
pub(super) fn set_mtu(request: &mut Request, name: &str, mtu: u32) {
    request.push(format!("set the MTU of {name}"), libc::RTM_SETLINK, 0, &info(0, 0, 0), |a| {
        a.string(libc::IFLA_IFNAME, name).u32(libc::IFLA_MTU, mtu);
    });
}

/// The settings of the device of this name; `None` if there is none, or if it is no tunnel.
pub(super) fn find(socket: &mut Socket, name: &str) -> Result<Option<Tunnel>, Error> {
    let mut request = Request::new();
    request.push(format!("look at tunnel {name}"), libc::RTM_GETLINK, 0, &info(0, 0, 0), |a| {
        a.string(libc::IFLA_IFNAME, name);
    });
    match socket.request(request) {
        Ok(replies) => Ok(replies.iter().find_map(|reply| read(&reply.body))),
        Err(error) if error.is(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(body: &[u8]) -> Option<Tunnel> {
    let attributes = body.get(16..)?;
    let kind = attribute(attributes, libc::IFLA_LINKINFO)?;
    if text(attribute(kind, libc::IFLA_INFO_KIND)?) != "vxlan" {
        return None;
    }
    let data = attribute(kind, libc::IFLA_INFO_DATA)?;
    let local = attribute(data, VXLAN_LOCAL).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    let local6 = || attribute(data, VXLAN_LOCAL6).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let port: [u8; 2] = attribute(data, VXLAN_PORT)?.try_into().ok()?;
    Some(Tunnel {
        number: u32_at(attribute(data, VXLAN_ID)?, 0)?,
        port: u16::from_be_bytes(port),
        local: local.map(IpAddr::from).or_else(|| local6().map(IpAddr::from))?,
        mac: Mac(attribute(attributes, libc::IFLA_ADDRESS)?.try_into().ok()?),
    })
}
