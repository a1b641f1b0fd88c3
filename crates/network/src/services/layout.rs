//! The table's fixed parts, and the chains that choose among a number of endpoints.
//!
//! Rules do not grow with services: a packet's destination is looked up in one map, which sends it to the
//! chain for as many endpoints as the service has; that chain draws a slot and looks the endpoint up in a
//! second map. So a change of a service is a change of a few elements.
//!
//! ```text
//! prerouting, output ─ dispatch ─ services   (address . protocol . port → chain)
//!                               └ node-ports (protocol . port → chain, for the node's own addresses)
//! service-3:   endpoints      (address . protocol . port . slot → address . port)
//! node-port-3: node-endpoints (protocol . port . slot → address . port)
//! …-sticky:    first sticky   (client . address . protocol . port → address . port)
//! remember:    after translation, for front ends in sticky-services and sticky-node-ports: to remember-S,
//!              which adds the endpoint to sticky, or renews it, for S seconds
//! postrouting: hairpins, loopback clients, pods' way out, connections passed on to other machines
//! ```

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use crate::nft::expression::{Ct, IPV4, Meta, NEW, TRANSLATED, network};
use crate::nft::{
    Batch, Data, Element, Expression, Field, Hook, INPUT, OUTPUT, POSTROUTING, PREROUTING, Register, Set,
    Value, Verdict,
};
use crate::pods::LINK_PREFIX;

use super::{Frontend, Protocol, TableConfig};

use Expression::{
    Connection, Destination, DestinationKind, DestinationPort, Dispatch, Dnat, Equal, InSet, Load, Lookup,
    Masquerade, NotEqual, Random, RejectPort, RejectTcp, Snat, Source, Then, Update,
};

pub(super) const REFUSE: &str = "refuse";
pub(super) const DISCARD: &str = "discard";
const DISPATCH: &str = "dispatch";
const REMEMBER: &str = "remember";

const PRIORITY_RAW: i32 = -300;
const PRIORITY_DESTINATION: i32 = -100;
const PRIORITY_SOURCE: i32 = 100;
const LOCAL: [u8; 4] = 2u32.to_ne_bytes(); // RTN_LOCAL
const TCP: u8 = libc::IPPROTO_TCP as u8;

const ENDPOINT: &[Field] = &[Field::Ipv4, Field::Port];

/// Names of the maps that serve one kind of front end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Maps {
    /// Front end to the chain that chooses.
    pub(super) frontends: &'static str,
    /// Front end and slot to endpoint.
    pub(super) endpoints: &'static str,
    /// Front end to the chain that remembers.
    pub(super) remembered: &'static str,
    chain: &'static str,
}

const OF_ADDRESS: Maps =
    Maps { frontends: "services", endpoints: "endpoints", remembered: "sticky-services", chain: "service" };
const OF_NODE: Maps = Maps {
    frontends: "node-ports",
    endpoints: "node-endpoints",
    remembered: "sticky-node-ports",
    chain: "node-port",
};

/// The maps of a front end with an address, or of one on every address of the node.
pub(super) fn maps(node: bool) -> Maps {
    if node { OF_NODE } else { OF_ADDRESS }
}

/// Which client stays with which endpoint; the address is the one that the client asked for.
pub(super) const STICKY: &str = "sticky";
/// Pairs of twice the same pod address: who talks to itself through a service.
pub(super) const HAIRPINS: &str = "hairpins";
/// Endpoints that are not pods of this node.
pub(super) const REMOTES: &str = "remotes";

const ADDRESS_KEY: &[Field] = &[Field::Ipv4, Field::Protocol, Field::Port];
const NODE_KEY: &[Field] = &[Field::Protocol, Field::Port];
const SETS: [Set; 9] = [
    set("services", ADDRESS_KEY, Value::Verdict),
    set("endpoints", &[Field::Ipv4, Field::Protocol, Field::Port, Field::Mark], Value::Fields(ENDPOINT)),
    set("sticky-services", ADDRESS_KEY, Value::Verdict),
    set("node-ports", NODE_KEY, Value::Verdict),
    set("node-endpoints", &[Field::Protocol, Field::Port, Field::Mark], Value::Fields(ENDPOINT)),
    set("sticky-node-ports", NODE_KEY, Value::Verdict),
    Set { dynamic: true, ..set(STICKY, CLIENT_KEY, Value::Fields(ENDPOINT)) },
    set(HAIRPINS, &[Field::Ipv4, Field::Ipv4], Value::None),
    set(REMOTES, &[Field::Ipv4], Value::None),
];
const CLIENT_KEY: &[Field] = &[Field::Ipv4, Field::Ipv4, Field::Protocol, Field::Port];

const fn set(name: &'static str, key: &'static [Field], value: Value) -> Set {
    Set { name, key, value, dynamic: false }
}

/// A chain that is made when the first front end needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// Chooses among this many endpoints.
    Choose { node: bool, count: u32, sticky: bool },
    /// Remembers the choice for this long.
    Remember(Duration),
}

impl Shape {
    pub(super) fn chain(&self) -> String {
        match self {
            Shape::Choose { node, count, sticky } => {
                format!("{}-{count}{}", maps(*node).chain, if *sticky { "-sticky" } else { "" })
            }
            Shape::Remember(life) => format!("remember-{}", life.as_secs()),
        }
    }

    /// Adds the chain and its rules.
    pub(super) fn add(&self, batch: &mut Batch) {
        let chain = self.chain();
        batch.add_chain(&chain, None);
        match *self {
            Shape::Choose { node, count, sticky } => {
                if sticky {
                    let key = [Source(r(0)), Destination(r(1)), protocol(r(2)), DestinationPort(r(3))];
                    let stay = [Lookup(STICKY, r(0), r(4)), Dnat(r(4), r(5))];
                    batch.add_rule(&chain, &[&IPV4[..], &key, &stay].concat());
                }
                let key = [Destination(r(0)), protocol(r(1)), DestinationPort(r(2)), Random(count, r(3))];
                let first = u8::from(node);
                let go = [Lookup(maps(node).endpoints, r(first), r(4)), Dnat(r(4), r(5))];
                batch.add_rule(&chain, &[&IPV4[..], &key[usize::from(first)..], &go].concat());
                // The rules changed between two steps: the client tries again rather than being refused.
                batch.add_rule(&chain, &[Then(Verdict::Drop)]);
            }
            Shape::Remember(life) => {
                let asked = [
                    Connection(Ct::Destination, r(1)),
                    protocol(r(2)),
                    Connection(Ct::DestinationPort, r(3)),
                ];
                let got = [Destination(r(4)), DestinationPort(r(5))];
                let update = [Update(STICKY, r(0), r(4), life.as_millis() as u64)];
                batch.add_rule(&chain, &[&IPV4[..], &[Source(r(0))], &asked, &got, &update].concat());
            }
        }
    }
}

const fn r(number: u8) -> Register {
    Register(number)
}

const fn protocol(to: Register) -> Expression<'static> {
    Expression::Meta(Meta::TransportProtocol, to)
}

/// Bytes of the key that a front end has in its map.
pub(super) fn frontend_key(frontend: &Frontend) -> Vec<u8> {
    let mut key = Vec::with_capacity(16);
    if let Some(address) = frontend.address {
        key.extend_from_slice(&address.octets());
    }
    key.extend_from_slice(&[frontend.protocol.number(), 0, 0, 0]);
    let [high, low] = frontend.port.to_be_bytes();
    key.extend_from_slice(&[high, low, 0, 0]);
    key
}

/// Bytes of the key of one slot of a front end.
pub(super) fn slot_key(frontend: &Frontend, slot: usize) -> Vec<u8> {
    let mut key = frontend_key(frontend);
    key.extend_from_slice(&(slot as u32).to_ne_bytes());
    key
}

/// Bytes of an endpoint as a map's value.
pub(super) fn endpoint_value(endpoint: &SocketAddrV4) -> Vec<u8> {
    let [high, low] = endpoint.port().to_be_bytes();
    [&endpoint.ip().octets()[..], &[high, low, 0, 0]].concat()
}

/// Adds everything that does not depend on services.
pub(super) fn add_fixed(batch: &mut Batch, config: &TableConfig) {
    for set in &SETS {
        batch.add_set(set);
    }
    let hook = |kind, hook, priority| Some(Hook { kind, hook, priority });
    batch.add_chain(DISPATCH, None);
    batch.add_chain(REFUSE, None);
    batch.add_chain(DISCARD, None);
    batch.add_chain("guard", hook("filter", PREROUTING, PRIORITY_RAW));
    batch.add_chain("prerouting", hook("nat", PREROUTING, PRIORITY_DESTINATION));
    batch.add_chain("output", hook("nat", OUTPUT, PRIORITY_DESTINATION));
    batch.add_chain("postrouting", hook("nat", POSTROUTING, PRIORITY_SOURCE));
    batch.add_chain(REMEMBER, None);
    batch.add_chain("remember-here", hook("filter", INPUT, PRIORITY_SOURCE - 10));
    batch.add_chain("remember-there", hook("filter", POSTROUTING, PRIORITY_SOURCE - 10));

    let (zero, one) = (r(0), r(1));
    let from_pod = [Expression::Meta(Meta::InputName, zero), Equal(zero, LINK_PREFIX.as_bytes())];
    let to_pod = [Expression::Meta(Meta::OutputName, zero), Equal(zero, LINK_PREFIX.as_bytes())];
    let not_to_pod = [Expression::Meta(Meta::OutputName, zero), NotEqual(zero, LINK_PREFIX.as_bytes())];
    let not_to_self = [Expression::Meta(Meta::OutputName, zero), NotEqual(zero, b"lo\0")];
    let loopback = crate::Ipv4Net::containing(Ipv4Addr::LOCALHOST, 8);
    let loopback_bytes = loopback.network().octets();

    // Routing to 127.0.0.0/8 is open on pods' devices for answers only, which carry another address here.
    let there = network(zero, loopback, &loopback_bytes, true);
    let drop = [Then(Verdict::Drop)];
    batch.add_rule("guard", &[&IPV4[..], &from_pod, &[Destination(zero)], &there, &drop].concat());

    let dispatch = [&IPV4[..], &[Then(Verdict::Jump(DISPATCH))]].concat();
    batch.add_rule("prerouting", &dispatch);
    batch.add_rule("output", &dispatch);
    let key = [Destination(zero), protocol(one), DestinationPort(r(2))];
    batch.add_rule(DISPATCH, &[&IPV4[..], &key, &[Dispatch(OF_ADDRESS.frontends, zero)]].concat());
    let own = [DestinationKind(zero), Equal(zero, &LOCAL)];
    let key = [protocol(zero), DestinationPort(one)];
    batch.add_rule(DISPATCH, &[&IPV4[..], &own, &key, &[Dispatch(OF_NODE.frontends, zero)]].concat());
    // Nobody else answers for the services' range.
    let services = config.service_cidr.network().octets();
    let inside = network(zero, config.service_cidr, &services, true);
    let refuse = [Then(Verdict::Goto(REFUSE))];
    batch.add_rule(DISPATCH, &[&IPV4[..], &[Destination(zero)], &inside, &refuse].concat());

    batch.add_rule(REFUSE, &[protocol(zero), Equal(zero, &[TCP]), RejectTcp]);
    batch.add_rule(REFUSE, &[RejectPort]);
    batch.add_rule(DISCARD, &drop);

    // The destination is the endpoint by now, and the source is still the client.
    let remember = [&IPV4[..], &NEW, &TRANSLATED, &[Then(Verdict::Jump(REMEMBER))]].concat();
    batch.add_rule("remember-here", &remember);
    batch.add_rule("remember-there", &remember);
    let asked = [Connection(Ct::Destination, zero), protocol(one), Connection(Ct::DestinationPort, r(2))];
    batch.add_rule(REMEMBER, &[&IPV4[..], &asked, &[Dispatch(OF_ADDRESS.remembered, zero)]].concat());
    batch.add_rule(REMEMBER, &[&asked[1..], &[Dispatch(OF_NODE.remembered, one)]].concat());

    // A pod's answer to itself, or to 127.0.0.1, must come back through the node.
    let node = config.node_address.octets();
    let as_node = [Load(&node, zero), Snat(zero)];
    let pair = [Source(zero), Destination(one), InSet(HAIRPINS, zero)];
    batch.add_rule("postrouting", &[&IPV4[..], &to_pod, &pair, &as_node].concat());
    let there = network(zero, loopback, &loopback_bytes, true);
    batch.add_rule("postrouting", &[&IPV4[..], &to_pod, &[Source(zero)], &there, &as_node].concat());
    // Pods are known by their addresses inside the cluster alone.
    let pods = config.pod_cidr.network().octets();
    let cluster = config.cluster_cidr.network().octets();
    let from = network(zero, config.pod_cidr, &pods, true);
    let elsewhere = network(zero, config.cluster_cidr, &cluster, false);
    let way_out = [&[Source(zero)][..], &from, &[Destination(zero)], &elsewhere, &[Masquerade]].concat();
    batch.add_rule("postrouting", &[&IPV4[..], &not_to_pod, &way_out].concat());
    // A client outside the cluster whose connection goes on to another machine: the answer must come back here.
    let outsider = network(zero, config.cluster_cidr, &cluster, false);
    let passed_on = [&[Destination(zero), InSet(REMOTES, zero), Source(zero)][..], &outsider].concat();
    batch.add_rule(
        "postrouting",
        &[&IPV4[..], &not_to_pod, &not_to_self, &TRANSLATED, &passed_on, &[Masquerade]].concat(),
    );
}

/// Front end (with the address that the client asked for) and endpoint of an element of the sticky map.
pub(super) fn read_sticky(element: &Element) -> Option<(Frontend, SocketAddrV4)> {
    let address = |bytes: &[u8]| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(..4)?).ok()?));
    let port = |bytes: &[u8]| Some(u16::from_be_bytes(<[u8; 2]>::try_from(bytes.get(..2)?).ok()?));
    let key = &element.key; // client, address, protocol, port
    let frontend = Frontend {
        address: Some(address(key.get(4..)?)?),
        protocol: Protocol::from_number(*key.get(8)?)?,
        port: port(key.get(12..)?)?,
    };
    let Data::Fields(value) = &element.data else { return None };
    Some((frontend, SocketAddrV4::new(address(value)?, port(value.get(4..)?)?)))
}
