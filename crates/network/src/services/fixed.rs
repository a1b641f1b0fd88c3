//! The chains that do not depend on services: from the kernel's hooks to the maps, and what happens to
//! connections on their way out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::nft::expression::{Ct, Meta, NEW, TRANSLATED};
use crate::nft::{Batch, Expression, Hook, INPUT, OUTPUT, POSTROUTING, PREROUTING, Verdict};
use crate::pods::LINK_PREFIX;
use crate::{IpNet, Ipv4Net};

use super::family::{IpFamily, network, octets};
use super::layout::{DISCARD, REFUSE, add_sets, common, frontend_registers, maps, protocol, r};
use super::{Clients, TableConfig};

use Expression::{
    Connection, DestinationKind, Dispatch, Equal, InSet, Load, Masquerade, NotEqual, RejectPort, RejectTcp,
    SourceKind, Then, WayBack,
};

const DISPATCH: &str = "dispatch";
const INSIDE: &str = "inside";
const REMEMBER: &str = "remember";

const PRIORITY_RAW: i32 = -300;
const PRIORITY_DESTINATION: i32 = -100;
const PRIORITY_SOURCE: i32 = 100;
const LOCAL: [u8; 4] = 2u32.to_ne_bytes(); // RTN_LOCAL
const TCP: u8 = libc::IPPROTO_TCP as u8;
const LOOPBACK6: [u8; 16] = Ipv6Addr::LOCALHOST.octets();

/// What the rules of one family know of the node.
struct Ranges {
    family: IpFamily,
    node: IpAddr,
    pods: IpNet,
    cluster: IpNet,
    services: IpNet,
}

/// Adds everything that does not depend on services.
pub(super) fn add(batch: &mut Batch, config: &TableConfig) {
    let families: Vec<Ranges> = ranges(config);
    for ranges in &families {
        add_sets(batch, ranges.family);
    }
    let hook = |kind, hook, priority| Some(Hook { kind, hook, priority });
    for chain in [DISPATCH, INSIDE, REFUSE, DISCARD, REMEMBER] {
        batch.add_chain(chain, None);
    }
    batch.add_chain("guard", hook("filter", PREROUTING, PRIORITY_RAW));
    batch.add_chain("prerouting", hook("nat", PREROUTING, PRIORITY_DESTINATION));
    batch.add_chain("output", hook("nat", OUTPUT, PRIORITY_DESTINATION));
    batch.add_chain("postrouting", hook("nat", POSTROUTING, PRIORITY_SOURCE));
    batch.add_chain("remember-here", hook("filter", INPUT, PRIORITY_SOURCE - 10));
    batch.add_chain("remember-there", hook("filter", POSTROUTING, PRIORITY_SOURCE - 10));

    batch.add_rule("prerouting", &[Then(Verdict::Jump(DISPATCH))]);
    batch.add_rule("output", &[Then(Verdict::Jump(DISPATCH))]);
    batch.add_rule(REFUSE, &[protocol(r(0)), Equal(r(0), &[TCP]), RejectTcp]);
    batch.add_rule(REFUSE, &[RejectPort]);
    batch.add_rule(DISCARD, &[Then(Verdict::Drop)]);
    // The destination is the endpoint by now, and the source is still the client.
    let remember = [&NEW[..], &TRANSLATED, &[Then(Verdict::Jump(REMEMBER))]].concat();
    batch.add_rule("remember-here", &remember);
    batch.add_rule("remember-there", &remember);

    // As the kernel compares names: with the end.
    let device = [config.device.as_bytes(), &[0]].concat();
    // Pods of this node and its own processes; what comes from other nodes has come from outside for us.
    let to_inside = [Then(Verdict::Jump(INSIDE))];
    for ranges in &families {
        add_guard(batch, ranges.family, &device);
        add_dispatch(batch, ranges, &[&of_pod(Meta::InputName, &device)[..], &to_inside].concat());
        add_remember(batch, ranges.family);
        add_ways_to_pods(batch, ranges, &device);
    }
    let nowhere = [Then(Verdict::Return)];
    batch.add_rule("postrouting", &[&of_pod(Meta::OutputName, &device)[..], &nowhere].concat());
    let to_self = [Expression::Meta(Meta::OutputName, r(0)), Equal(r(0), b"lo\0")];
    batch.add_rule("postrouting", &[&to_self[..], &nowhere].concat());
    for ranges in &families {
        add_ways_out(batch, ranges, &device);
    }
}

fn ranges(config: &TableConfig) -> Vec<Ranges> {
    let first = Ranges {
        family: IpFamily::V4,
        node: config.node_address.into(),
        pods: config.pod_cidr.into(),
        cluster: config.cluster_cidr.into(),
        services: config.service_cidr.into(),
    };
    let second = config.ipv6.map(|ipv6| Ranges {
        family: IpFamily::V6,
        node: ipv6.node_address.into(),
        pods: ipv6.pod_cidr,
        cluster: ipv6.cluster_cidr,
        services: ipv6.service_cidr,
    });
    std::iter::once(first).chain(second).collect()
}

/// Goes on for packets that come from a pod or (`key` being the other name) go to one. The node's own device has a
/// name like pods' devices, but other nodes are behind it.
fn of_pod<'a>(key: Meta, device: &'a [u8]) -> [Expression<'a>; 3] {
    [Expression::Meta(key, r(0)), Equal(r(0), LINK_PREFIX.as_bytes()), NotEqual(r(0), device)]
}

/// Packets of pods that must not go anywhere.
fn add_guard(batch: &mut Batch, family: IpFamily, device: &[u8]) {
    let drop = [Then(Verdict::Drop)];
    match family {
        IpFamily::V4 => {
            // Routing to 127.0.0.0/8 is open on all devices for answers only, which carry another address here.
            let loopback: IpNet = Ipv4Net::containing(Ipv4Addr::LOCALHOST, 8).into();
            let bytes = octets(loopback.network());
            let there = network(r(0), loopback, &bytes, true);
            let from_elsewhere = [Expression::Meta(Meta::InputName, r(0)), NotEqual(r(0), b"lo\0")];
            let destination = [family.destination(r(0))];
            let rule = [&family.only()[..], &from_elsewhere, &destination, &there, &drop].concat();
            batch.add_rule("guard", &rule);
        }
        IpFamily::V6 => {
            // A source that is not the pod's own; for IPv4 the kernel has a setting for that.
            let foreign = [WayBack(r(0)), Equal(r(0), &[0; 4])];
            let from_pod = of_pod(Meta::InputName, device);
            batch.add_rule("guard", &[&family.only()[..], &from_pod, &foreign, &drop].concat());
        }
    }
}

/// From a packet's destination to the chain of its service; `from_pods` sends packets of pods to the chain for
/// clients inside.
fn add_dispatch(batch: &mut Batch, ranges: &Ranges, from_pods: &[Expression<'_>]) {
    let family = ranges.family;
    let (of_address, of_node) = (maps(family, false), maps(family, true));
    // Nothing but the machine itself can have ::1 as a source, so nothing can be sent on from there.
    let mut own = vec![DestinationKind(r(0)), Equal(r(0), &LOCAL)];
    if family == IpFamily::V6 {
        own.extend([Expression::Destination6(r(0)), NotEqual(r(0), &LOOPBACK6)]);
    }
    let look = |batch: &mut Batch, chain: &str, clients: Clients, map: &'static str, node: bool| {
        let (key, _) = frontend_registers(family, node, clients.bytes());
        let condition = if node { &own[..] } else { &[] };
        batch.add_rule(chain, &[&family.only()[..], condition, &key, &[Dispatch(map, r(0))]].concat());
    };
    look(batch, DISPATCH, Clients::All, of_address.guards, false);
    look(batch, DISPATCH, Clients::All, of_node.guards, true);
    batch.add_rule(DISPATCH, &[&family.only()[..], from_pods].concat());
    let to_inside = [Then(Verdict::Jump(INSIDE))];
    let the_node = [SourceKind(r(0)), Equal(r(0), &LOCAL)];
    batch.add_rule(DISPATCH, &[&family.only()[..], &the_node, &to_inside].concat());
    for (chain, clients) in [(INSIDE, Clients::Inside), (DISPATCH, Clients::All)] {
        look(batch, chain, clients, of_address.frontends, false);
        look(batch, chain, clients, of_node.frontends, true);
    }
    // Nobody else answers for the services' range.
    let services = octets(ranges.services.network());
    let inside = network(r(0), ranges.services, &services, true);
    let refuse = [Then(Verdict::Goto(REFUSE))];
    batch.add_rule(DISPATCH, &[&family.only()[..], &[family.destination(r(0))], &inside, &refuse].concat());
}

/// From the address and port that a client asked for to the chain that remembers.
fn add_remember(batch: &mut Batch, family: IpFamily) {
    let words = family.words();
    let all = [Load(Clients::All.bytes(), r(0))];
    let rest = |at| [protocol(r(at)), Connection(Ct::DestinationPort, r(at + 1))];
    let look = [Dispatch(maps(family, false).remembered, r(0))];
    let key = [&all[..], &[family.asked(r(1))], &rest(1 + words)].concat();
    batch.add_rule(REMEMBER, &[&family.only()[..], &key, &look].concat());
    let look = [Dispatch(maps(family, true).remembered, r(0))];
    batch.add_rule(REMEMBER, &[&family.only()[..], &all, &rest(1), &look].concat());
}

/// Sources of connections to a pod of this node.
fn add_ways_to_pods(batch: &mut Batch, ranges: &Ranges, device: &[u8]) {
    let (family, words, sets) = (ranges.family, ranges.family.words(), common(ranges.family));
    let only = family.only();
    let to_pod = of_pod(Meta::OutputName, device);
    // A pod's answer to itself, or to 127.0.0.1, must come back through the node.
    let node = octets(ranges.node);
    let as_node = [Load(&node, r(0)), family.snat(r(0))];
    let pair = [family.source(r(0)), family.destination(r(words)), InSet(sets.hairpins, r(0))];
    batch.add_rule("postrouting", &[&only[..], &to_pod, &pair, &as_node].concat());
    if family == IpFamily::V4 {
        let loopback: IpNet = Ipv4Net::containing(Ipv4Addr::LOCALHOST, 8).into();
        let bytes = octets(loopback.network());
        let there = network(r(0), loopback, &bytes, true);
        let rule = [&only[..], &to_pod, &[family.source(r(0))], &there, &as_node].concat();
        batch.add_rule("postrouting", &rule);
    }
}

/// Sources of connections that leave for another machine.
fn add_ways_out(batch: &mut Batch, ranges: &Ranges, device: &[u8]) {
    let (family, sets) = (ranges.family, common(ranges.family));
    let only = family.only();
    let (source, destination) = ([family.source(r(0))], [family.destination(r(0))]);
    // Pods are known by their addresses inside the cluster alone.
    let (pods, cluster) = (octets(ranges.pods.network()), octets(ranges.cluster.network()));
    let from = network(r(0), ranges.pods, &pods, true);
    let elsewhere = network(r(0), ranges.cluster, &cluster, false);
    let way_out = [&source[..], &from, &destination, &elsewhere, &[Masquerade]].concat();
    batch.add_rule("postrouting", &[&only[..], &way_out].concat());
    // A connection that came from elsewhere, or from an address that means nothing there, and goes on to another
    // machine: the answer must come back here.
    let passed_on = [&only[..], &TRANSLATED, &destination, &[InSet(sets.remotes, r(0))]].concat();
    let came_in = Expression::Meta(Meta::InputName, r(0));
    for origin in [
        &[&source[..], &elsewhere].concat()[..],
        &[came_in, Equal(r(0), device)],
        // The node's own packets came in nowhere.
        &[came_in, NotEqual(r(0), &[0; 4]), NotEqual(r(0), LINK_PREFIX.as_bytes())],
    ] {
        batch.add_rule("postrouting", &[&passed_on[..], origin, &[Masquerade]].concat());
    }
}
