//! The table's sets and maps, their keys, and the chains that choose among a number of endpoints.
//!
//! Rules do not grow with services: a packet's destination is looked up in one map, which sends it to the
//! chain for as many endpoints as the service has; that chain draws a slot and looks the endpoint up in a
//! second map. So a change of a service is a change of a few elements. What follows is there a second time for
//! IPv6, with a 6 at the end of each name.
//!
//! ```text
//! prerouting, output ─ dispatch ─ guards, node-guards: only these sources, for front ends that say so
//!                               ├ inside (clients of the cluster) ─ services, node-ports with clients 1
//!                               ├ services   (clients . address . protocol . port → chain)
//!                               └ node-ports (clients . protocol . port → chain, for the node's own addresses)
//! service-3:   endpoints      (clients . address . protocol . port . slot → address . port)
//! node-port-3: node-endpoints (clients . protocol . port . slot → address . port)
//! …-sticky:    first sticky   (client . address . protocol . port → address . port)
//! only-…:      goes on for some sources, drops the rest
//! remember:    after translation, for front ends in sticky-services and sticky-node-ports: to remember-S,
//!              which adds the endpoint to sticky, or renews it, for S seconds
//! postrouting: hairpins, loopback clients, pods' way out, connections passed on to other machines
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::IpNet;
use crate::nft::expression::{Ct, Meta};
use crate::nft::{Batch, Data, Element, Expression, Field, Register, Set, Value, Verdict};

use super::family::{self, IpFamily};
use super::{Clients, Frontend, Place, Protocol};

use Expression::{Connection, DestinationPort, Load, Lookup, Random, Then, Update};

pub(super) const REFUSE: &str = "refuse";
pub(super) const DISCARD: &str = "discard";

/// Names of the maps that serve one kind of front end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Maps {
    /// Front end to the chain that chooses.
    pub(super) frontends: &'static str,
    /// Front end and slot to endpoint.
    pub(super) endpoints: &'static str,
    /// Front end to the chain that remembers.
    pub(super) remembered: &'static str,
    /// Front end to the chain that knows the sources which may use it.
    pub(super) guards: &'static str,
    chain: &'static str,
}

/// The maps of front ends with an address, or of those on every address of the node.
pub(super) const fn maps(family: IpFamily, node: bool) -> Maps {
    match (family, node) {
        (IpFamily::V4, false) => Maps {
            frontends: "services",
            endpoints: "endpoints",
            remembered: "sticky-services",
            guards: "guards",
            chain: "service",
        },
        (IpFamily::V4, true) => Maps {
            frontends: "node-ports",
            endpoints: "node-endpoints",
            remembered: "sticky-node-ports",
            guards: "node-guards",
            chain: "node-port",
        },
        (IpFamily::V6, false) => Maps {
            frontends: "services6",
            endpoints: "endpoints6",
            remembered: "sticky-services6",
            guards: "guards6",
            chain: "service6",
        },
        (IpFamily::V6, true) => Maps {
            frontends: "node-ports6",
            endpoints: "node-endpoints6",
            remembered: "sticky-node-ports6",
            guards: "node-guards6",
            chain: "node-port6",
        },
    }
}

/// Names of the sets of a family that are about addresses, whoever they serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Common {
    /// Which client stays with which endpoint; the address is the one that the client asked for.
    pub(super) sticky: &'static str,
    /// Pairs of twice the same pod address: who talks to itself through a service.
    pub(super) hairpins: &'static str,
    /// Endpoints that are not pods of this node.
    pub(super) remotes: &'static str,
}

pub(super) const fn common(family: IpFamily) -> Common {
    match family {
        IpFamily::V4 => Common { sticky: "sticky", hairpins: "hairpins", remotes: "remotes" },
        IpFamily::V6 => Common { sticky: "sticky6", hairpins: "hairpins6", remotes: "remotes6" },
    }
}

/// Makes the sets and maps of a family.
pub(super) fn add_sets(batch: &mut Batch, family: IpFamily) {
    const SCOPE: Field = Field::Mark;
    let ip = family.field();
    let endpoint: &[Field] = &[ip, Field::Port];
    let of_address: &[Field] = &[SCOPE, ip, Field::Protocol, Field::Port, Field::Mark];
    let of_node: &[Field] = &[SCOPE, Field::Protocol, Field::Port, Field::Mark];
    let client: &[Field] = &[ip, ip, Field::Protocol, Field::Port];
    for (maps, slot) in [(maps(family, false), of_address), (maps(family, true), of_node)] {
        let key = &slot[..slot.len() - 1];
        for name in [maps.guards, maps.frontends, maps.remembered] {
            batch.add_set(&set(name, key, Value::Verdict));
        }
        batch.add_set(&set(maps.endpoints, slot, Value::Fields(endpoint)));
    }
    let common = common(family);
    batch.add_set(&Set { dynamic: true, ..set(common.sticky, client, Value::Fields(endpoint)) });
    batch.add_set(&set(common.hairpins, &[ip, ip], Value::None));
    batch.add_set(&set(common.remotes, &[ip], Value::None));
}

const fn set<'a>(name: &'a str, key: &'a [Field], value: Value<'a>) -> Set<'a> {
    Set { name, key, value, dynamic: false }
}

/// A chain that is made when the first front end needs it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// Chooses among this many endpoints.
    Choose { family: IpFamily, node: bool, clients: Clients, count: u32, sticky: bool },
    /// Remembers the choice for this long.
    Remember(IpFamily, Duration),
    /// Lets these sources go on.
    Only(IpFamily, Vec<IpNet>),
}

impl Shape {
    pub(super) fn chain(&self) -> String {
        match self {
            Shape::Choose { family, node, clients, count, sticky } => {
                let inside = if *clients == Clients::Inside { "-inside" } else { "" };
                let sticky = if *sticky { "-sticky" } else { "" };
                format!("{}-{count}{inside}{sticky}", maps(*family, *node).chain)
            }
            Shape::Remember(IpFamily::V4, life) => format!("remember-{}", life.as_secs()),
            Shape::Remember(IpFamily::V6, life) => format!("remember6-{}", life.as_secs()),
            Shape::Only(_, ranges) => {
                let text: Vec<String> = ranges.iter().map(ToString::to_string).collect();
                format!("only-{:016x}", crate::pods::fnv(text.join(",").as_bytes()))
            }
        }
    }

    /// Adds the chain and its rules.
    pub(super) fn add(&self, batch: &mut Batch) {
        let chain = self.chain();
        batch.add_chain(&chain, None);
        match self {
            Shape::Choose { family, node, clients, count, sticky } => {
                let (family, words) = (*family, family.words());
                if *sticky {
                    let at = 2 * words + 2;
                    let key = [
                        family.source(r(0)),
                        family.destination(r(words)),
                        protocol(r(2 * words)),
                        DestinationPort(r(2 * words + 1)),
                    ];
                    let stay =
                        [Lookup(common(family).sticky, r(0), r(at)), family.dnat(r(at), r(at + words))];
                    batch.add_rule(&chain, &[&family.only()[..], &key, &stay].concat());
                }
                let (key, after) = frontend_registers(family, *node, clients.bytes());
                let go = [
                    Random(*count, r(after)),
                    Lookup(maps(family, *node).endpoints, r(0), r(after + 1)),
                    family.dnat(r(after + 1), r(after + 1 + words)),
                ];
                batch.add_rule(&chain, &[&family.only()[..], &key, &go].concat());
                // The rules changed between two steps: the client tries again rather than being refused.
                batch.add_rule(&chain, &[Then(Verdict::Drop)]);
            }
            Shape::Remember(family, life) => {
                let words = family.words();
                let at = 2 * words + 2;
                let asked = [
                    family.source(r(0)),
                    family.asked(r(words)),
                    protocol(r(2 * words)),
                    Connection(Ct::DestinationPort, r(2 * words + 1)),
                ];
                let got = [family.destination(r(at)), DestinationPort(r(at + words))];
                let update = [Update(common(*family).sticky, r(0), r(at), life.as_millis() as u64)];
                batch.add_rule(&chain, &[&family.only()[..], &asked, &got, &update].concat());
            }
            Shape::Only(family, ranges) => {
                for range in ranges {
                    let bytes = family::octets(range.network());
                    let inside = family::network(r(0), *range, &bytes, true);
                    let go_on = [Then(Verdict::Return)];
                    let source = [family.source(r(0))];
                    batch.add_rule(&chain, &[&family.only()[..], &source, &inside, &go_on].concat());
                }
                batch.add_rule(&chain, &[Then(Verdict::Drop)]);
            }
        }
    }
}

/// Loads the key of a front end from register 0 on; says which register is the next one.
pub(super) fn frontend_registers(
    family: IpFamily,
    node: bool,
    clients: &'static [u8; 4],
) -> (Vec<Expression<'static>>, u8) {
    let mut key = vec![Load(clients, r(0))];
    let mut at = 1;
    if !node {
        key.push(family.destination(r(at)));
        at += family.words();
    }
    key.extend([protocol(r(at)), DestinationPort(r(at + 1))]);
    (key, at + 2)
}

pub(super) const fn r(number: u8) -> Register {
    Register(number)
}

pub(super) const fn protocol(to: Register) -> Expression<'static> {
    Expression::Meta(Meta::TransportProtocol, to)
}

/// Bytes of the key that a front end has in its map.
pub(super) fn frontend_key(frontend: &Frontend) -> Vec<u8> {
    let mut key = Vec::with_capacity(28);
    key.extend_from_slice(frontend.clients.bytes());
    if let Place::Address(address) = frontend.place {
        key.extend_from_slice(&family::octets(address));
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
pub(super) fn endpoint_value(endpoint: &SocketAddr) -> Vec<u8> {
    let [high, low] = endpoint.port().to_be_bytes();
    [&family::octets(endpoint.ip())[..], &[high, low, 0, 0]].concat()
}

/// Front end (with the address that the client asked for) and endpoint of an element of the sticky map.
pub(super) fn read_sticky(family: IpFamily, element: &Element) -> Option<(Frontend, SocketAddr)> {
    let width = 4 * usize::from(family.words());
    let address = |bytes: &[u8]| -> Option<IpAddr> {
        Some(match family {
            IpFamily::V4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(..4)?).ok()?).into(),
            IpFamily::V6 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(..16)?).ok()?).into(),
        })
    };
    let port = |bytes: &[u8]| Some(u16::from_be_bytes(<[u8; 2]>::try_from(bytes.get(..2)?).ok()?));
    let key = &element.key; // client, address, protocol, port
    let frontend = Frontend {
        place: Place::Address(address(key.get(width..)?)?),
        protocol: Protocol::from_number(*key.get(2 * width)?)?,
        port: port(key.get(2 * width + 4..)?)?,
        clients: Clients::All,
    };
    let Data::Fields(value) = &element.data else { return None };
    Some((frontend, SocketAddr::new(address(value)?, port(value.get(width..)?)?)))
}
