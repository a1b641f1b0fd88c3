//! The node's side that all pods share: device, routes, forwarding; made once, taken down at the end.
//!
//! IPv6 is forwarded by the whole machine or not at all, and a machine that forwards ignores the router
//! advertisements by which it may have found its own default route. So before forwarding is switched on, each
//! device that listens to them is told to go on doing so (`accept_ra` 2).

use std::path::Path;

use crate::IpNet;
use crate::link::{self, Setting};
use crate::netlink::{Request, Socket};
use crate::route::{self, Route, Target};
use crate::sysctl;

use super::state::NodeRecord;
use super::{Error, PodNetworkConfig, mac_of};

const FORWARD: &str = "net/ipv4/ip_forward";
const FORWARD6: &str = "net/ipv6/conf/all/forwarding";
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
    switch_on(&mut record, &config.state, FORWARD, "1")?;
    if config.ipv6.is_some() {
        keep_advertisements(&mut record, &config.state)?;
        switch_on(&mut record, &config.state, FORWARD6, "1")?;
    }

    if existing.is_none() {
        let mut request = Request::new();
        link::create_bridge(&mut request, &config.device, mtu(socket, config)?, mac_of(config.node_address));
        // 127.0.0.1 may be the client of a node port whose endpoint is on another node of this machine.
        link::configure(&mut request, &config.device, &[(Setting::RouteLocalnet, 1)]);
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
    let source = Some(config.node_address.into());
    route::add(&mut request, config.service_cidr, Target::Device(device), source);
    if let Some(ipv6) = &config.ipv6 {
        route::add_address(&mut request, device, ipv6.node_address, 128);
        route::add(&mut request, ipv6.pod_cidr, Target::Unreachable, None);
        let source = Some(ipv6.node_address.into());
        route::add(&mut request, ipv6.service_cidr, Target::Device(device), source);
    }
    socket.request(request)?;
    Ok(())
}

/// Sets a switch of the whole machine and remembers how it was: pods' packets are passed on between devices.
fn switch_on(record: &mut NodeRecord, folder: &Path, key: &str, value: &str) -> Result<(), Error> {
    let before = sysctl::read(key)?;
    if before == value {
        return Ok(());
    }
    record.before.entry(key.to_owned()).or_insert(before);
    record.save(folder)?;
    Ok(sysctl::write(key, value)?)
}

/// Devices that learn routes from advertisements go on doing so although the machine forwards.
fn keep_advertisements(record: &mut NodeRecord, folder: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir("/proc/sys/net/ipv6/conf").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let key = format!("net/ipv6/conf/{name}/accept_ra");
        let ours = matches!(name.as_str(), "all" | "default" | "lo") || name.starts_with(super::LINK_PREFIX);
        // A device may vanish between the two.
        if !ours && sysctl::read(&key).is_ok_and(|value| value == "1") {
            switch_on(record, folder, &key, "2")?;
        }
    }
    Ok(())
}

pub(super) fn tear_down(socket: &mut Socket, config: &PodNetworkConfig) -> Result<(), Error> {
    let record = NodeRecord::load(&config.state)?;
    let Some(device) = &record.device else { return Ok(()) };
    link::delete(socket, device)?;
    route::delete(socket, config.pod_cidr)?;
    if let Some(ipv6) = &config.ipv6 {
        route::delete(socket, ipv6.pod_cidr)?;
    }
    // A second installation on this machine may count on what we switched on.
    if route::list(socket)?.iter().any(|route| route.protocol == route::PROTOCOL) {
        return Ok(());
    }
    // "all" comes first: as long as it forwards, an `accept_ra` of 1 would lose the routes.
    for (key, value) in &record.before {
        // A device that we know a setting of may be gone.
        if sysctl::read(key).is_ok() {
            sysctl::write(key, value)?;
        }
    }
    Ok(())
}

/// Refuses ranges that the machine already reaches another way.
fn check_overlap(socket: &mut Socket, config: &PodNetworkConfig, adopted: bool) -> Result<(), Error> {
    let mut pairs = vec![(IpNet::from(config.pod_cidr), IpNet::from(config.service_cidr))];
    pairs.extend(config.ipv6.as_ref().map(|ipv6| (ipv6.pod_cidr, ipv6.service_cidr)));
    if let Some((pods, services)) = pairs.iter().find(|(pods, services)| pods.overlaps(services)) {
        return Err(Error::SameRange { pods: *pods, services: *services });
    }
    let routes = route::list(socket)?;
    let ranges = pairs.into_iter().flat_map(|(pods, services)| [("pods", pods), ("services", services)]);
    for (range, network) in ranges {
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
fn conflict(routes: &[Route], network: IpNet, adopted: bool) -> Option<&Route> {
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
    let defaults = routes.iter().filter(|route| route.destination.prefix() == 0);
    // IPv4's counts before IPv6's, whose numbers are of another scale.
    let default = defaults.min_by_key(|route| (!route.destination.is_ipv4(), route.metric));
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
            ("fe80::/64", 2, false, false),
        ] {
            let found = conflict(&[route(destination, protocol)], pods, adopted).is_some();
            assert_eq!(found, expected, "{destination} {adopted}");
        }
    }
}
