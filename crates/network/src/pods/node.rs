//! The node's side that all pods share: device, routes, forwarding; made once, taken down at the end.

use std::path::Path;

use crate::Ipv4Net;
use crate::link;
use crate::netlink::{Request, Socket};
use crate::route::{self, Route, Target};
use crate::sysctl;

use super::state::NodeRecord;
use super::{Error, PodNetworkConfig, mac_of};

const FORWARD: &str = "net/ipv4/ip_forward";
/// Routes this wide are default routes, also when a VPN cut the default in two halves.
const DEFAULT_PREFIX: u8 = 1;
const ETHERNET_MTU: u32 = 1500;

pub(super) fn set_up(socket: &mut Socket, config: &PodNetworkConfig) -> Result<(), Error> {
    let mut record = NodeRecord::load(&config.state)?;
    let adopted = record.device.as_deref() == Some(&config.device);
    check_overlap(socket, config, adopted)?;
    let existing = link::find(socket, &config.device)?;
    if existing.is_some() && !adopted {
        return Err(Error::DeviceTaken { device: config.device.clone() });
    }
    record.device = Some(config.device.clone());
    record.save(&config.state)?;
    enable_forwarding(&mut record, &config.state)?;

    if existing.is_none() {
        let mut request = Request::new();
        link::create_bridge(&mut request, &config.device, mtu(socket, config)?, mac_of(config.node_address));
        link::configure(&mut request, &config.device, &[]);
        socket.request(request)?;
    }
    let device = link::find(socket, &config.device)?
        .ok_or_else(|| Error::DeviceGone { device: config.device.clone() })?
        .index;
    let mut request = Request::new();
    link::set_up(&mut request, &config.device);
    route::add_address(&mut request, device, config.node_address, 32);
    // An address that no pod holds is answered at once, and never leaks to the default gateway.
    route::add(&mut request, config.pod_cidr, Target::Unreachable, None);
    // Service rules change the destination after this route gave the connection its source address.
    route::add(&mut request, config.service_cidr, Target::Device(device), Some(config.node_address));
    socket.request(request)?;
    Ok(())
}

/// Pods' packets are passed on between devices; that is one switch of the whole machine.
fn enable_forwarding(record: &mut NodeRecord, folder: &Path) -> Result<(), Error> {
    let before = sysctl::read(FORWARD)?;
    if before == "1" {
        return Ok(());
    }
    record.before.insert(FORWARD.to_owned(), before);
    record.save(folder)?;
    Ok(sysctl::write(FORWARD, "1")?)
}

pub(super) fn tear_down(socket: &mut Socket, config: &PodNetworkConfig) -> Result<(), Error> {
    let record = NodeRecord::load(&config.state)?;
    let Some(device) = &record.device else { return Ok(()) };
    link::delete(socket, device)?;
    route::delete(socket, config.pod_cidr)?;
    // A second installation on this machine may count on what we switched on.
    if route::list(socket)?.iter().any(|route| route.protocol == route::PROTOCOL) {
        return Ok(());
    }
    for (key, value) in &record.before {
        sysctl::write(key, value)?;
    }
    Ok(())
}

/// Refuses ranges that the machine already reaches another way.
fn check_overlap(socket: &mut Socket, config: &PodNetworkConfig, adopted: bool) -> Result<(), Error> {
    if config.pod_cidr.overlaps(&config.service_cidr) {
        return Err(Error::SameRange { pods: config.pod_cidr, services: config.service_cidr });
    }
    let routes = route::list(socket)?;
    for (range, network) in [("pods", config.pod_cidr), ("services", config.service_cidr)] {
        if let Some(route) = conflict(&routes, network, adopted) {
            let links = link::list(socket)?;
            let device =
                links.into_iter().find(|link| Some(link.index) == route.device).map(|link| link.name);
            return Err(Error::Overlap {
                range,
                network,
                route: route.destination,
                device: device.unwrap_or_else(|| "none".to_owned()),
            });
        }
    }
    Ok(())
}

/// A route, other than a default one and (when we were here before) our own, that shares addresses with
/// `network`.
fn conflict(routes: &[Route], network: Ipv4Net, adopted: bool) -> Option<&Route> {
    routes.iter().find(|route| {
        let ours = adopted && route.protocol == route::PROTOCOL;
        !ours && route.destination.prefix() > DEFAULT_PREFIX && route.destination.overlaps(&network)
    })
}

/// The configured MTU, else that of the device of the default route, else Ethernet's.
pub(super) fn mtu(socket: &mut Socket, config: &PodNetworkConfig) -> Result<u32, Error> {
    if let Some(mtu) = config.mtu {
        return Ok(mtu);
    }
    let routes = route::list(socket)?;
    let default =
        routes.iter().filter(|route| route.destination.prefix() == 0).min_by_key(|route| route.metric);
    let Some(index) = default.and_then(|route| route.device) else { return Ok(ETHERNET_MTU) };
    let links = link::list(socket)?;
    Ok(links.iter().find(|link| link.index == index).map_or(ETHERNET_MTU, |link| link.mtu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_foreign_routes_inside_or_around_the_range_conflict() {
        let route = |destination: &str, protocol| Route {
            destination: destination.parse().unwrap(),
            device: Some(2),
            protocol,
            metric: 0,
        };
        let pods = "10.42.0.0/24".parse().unwrap();
        for (destination, protocol, adopted, expected) in [
            ("0.0.0.0/0", 3, false, false),
            ("0.0.0.0/1", 3, false, false),
            ("10.42.0.128/25", 3, false, true),
            ("10.0.0.0/8", 3, true, true),
            ("10.42.0.0/24", route::PROTOCOL, false, true),
            ("10.42.0.7/32", route::PROTOCOL, true, false),
            ("10.42.1.0/24", 3, false, false),
        ] {
            let found = conflict(&[route(destination, protocol)], pods, adopted).is_some();
            assert_eq!(found, expected, "{destination} {adopted}");
        }
    }
}
