//! The table's form, as a value that can be compared, and the way from one value to the next.
//!
//! ```text
//! forward ─ answers of connections pass
//!         ├ egress  ─ by source:      egress4, egress6   (address → chain)
//!         └ ingress ─ by destination: ingress4, ingress6 (address → chain)
//! i4-…, e6-…: what pods with the same rules share: a rule for each allowance, which returns; then
//! isolated:   a pod's packets to itself return, the rest is dropped
//! ```
//!
//! A packet of a new connection costs one look-up for each direction, and another one for each different list of ports
//! where the pod is isolated. Chains and constant sets are called by a hash of what is in them, so they never
//! change; a pod that comes or goes changes elements of sets of pods alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::nft::expression::{ESTABLISHED, IPV4, IPV6, Meta};
use crate::nft::{Batch, Data, Element, Expression, FORWARD, Field, Hook, Register, Set, Value, Verdict};
use crate::pods::fnv;

use super::spans::{Span, bytes, highest, spans};
use super::{Allow, Peer, Peers, PortRange, Ports, Rules};

const ISOLATED: &str = "isolated";
const PRIORITY_FILTER: i32 = 0;

/// Which end of a connection a chain is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Ingress,
    Egress,
}

/// What the table says. Names lead to content; equal values are equal tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Chains of allowances.
    chains: BTreeMap<String, Vec<Rule>>,
    /// Sets of addresses, of addresses with ports, or of ports, by content of the key.
    sets: BTreeMap<String, (Kind, BTreeSet<Vec<u8>>)>,
    /// Sets of address ranges.
    ranges: BTreeMap<String, (bool, Vec<Span>)>,
    /// By map: address to chain.
    maps: BTreeMap<&'static str, BTreeMap<Vec<u8>, String>>,
}

/// What the keys of a set are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Addresses { ipv4: bool },
    Endpoints { ipv4: bool },
    Ports,
}

/// One allowance: goes back if everything in it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    ipv4: bool,
    direction: Direction,
    peers: Match,
    ports: PortMatch,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Anyone,
    /// The address is in a set of addresses or ranges.
    Address(String),
    /// Address, protocol and port are in a set.
    Endpoint(String),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum PortMatch {
    Any,
    Set(String),
    Range(PortRange),
}

/// Adds what does not depend on any pod.
pub(super) fn add_fixed(batch: &mut Batch) {
    for ipv4 in [true, false] {
        let field = [address_field(ipv4)];
        for direction in [Direction::Ingress, Direction::Egress] {
            let name = map_name(direction, ipv4);
            batch.add_set(&Set { name, key: &field, value: Value::Verdict, dynamic: false });
        }
        let name = selves(ipv4);
        batch.add_set(&Set { name, key: &[field[0], field[0]], value: Value::None, dynamic: false });
    }
    let hook = Hook { kind: "filter", hook: FORWARD, priority: PRIORITY_FILTER };
    for chain in ["egress", "ingress", ISOLATED] {
        batch.add_chain(chain, None);
    }
    batch.add_chain("forward", Some(hook));
    batch.add_rule("forward", &[&ESTABLISHED[..], &[Expression::Then(Verdict::Return)]].concat());
    for (chain, direction) in [("egress", Direction::Egress), ("ingress", Direction::Ingress)] {
        batch.add_rule("forward", &[Expression::Then(Verdict::Jump(chain))]);
        for ipv4 in [true, false] {
            let own = own_end(direction, ipv4, Register(0));
            let look = Expression::Dispatch(map_name(direction, ipv4), Register(0));
            batch.add_rule(chain, &[&family(ipv4)[..], &[own, look]].concat());
        }
    }
    for ipv4 in [true, false] {
        let second = Register(if ipv4 { 1 } else { 4 });
        let pair = [
            own_end(Direction::Egress, ipv4, Register(0)),
            own_end(Direction::Ingress, ipv4, second),
            Expression::InSet(selves(ipv4), Register(0)),
            Expression::Then(Verdict::Return),
        ];
        batch.add_rule(ISOLATED, &[&family(ipv4)[..], &pair].concat());
    }
    batch.add_rule(ISOLATED, &[Expression::Then(Verdict::Drop)]);
}

// === impl State ===

impl State {
    /// The table for these rules.
    pub(super) fn of(rules: &Rules) -> Self {
        let mut state = Self::default();
        // Pods with the same list share its chain without making it again.
        let mut made: BTreeMap<(*const Allow, Direction, bool), Option<String>> = BTreeMap::new();
        for (address, pod) in &rules.pods {
            let ipv4 = address.is_ipv4();
            for (direction, list) in [(Direction::Ingress, &pod.ingress), (Direction::Egress, &pod.egress)] {
                let Some(list) = list else { continue };
                let key = (list.as_ptr(), direction, ipv4);
                let chain = match made.get(&key) {
                    Some(chain) => chain.clone(),
                    None => {
                        let chain = state.add_chain(rules, list, direction, ipv4);
                        made.insert(key, chain.clone());
                        chain
                    }
                };
                if let Some(chain) = chain {
                    state.maps.entry(map_name(direction, ipv4)).or_default().insert(octets(*address), chain);
                }
            }
            let pair = [octets(*address), octets(*address)].concat();
            let selves = state.sets.entry(selves(ipv4).to_owned());
            selves.or_insert((Kind::Addresses { ipv4 }, BTreeSet::new())).1.insert(pair);
        }
        state
    }

    /// Adds the chain of a list; `None` if it allows everything.
    fn add_chain(
        &mut self,
        rules: &Rules,
        list: &[Allow],
        direction: Direction,
        ipv4: bool,
    ) -> Option<String> {
        let mut chain = Vec::new();
        // Peers at the same ports are looked up together.
        let mut by_ports: BTreeMap<&Ports, Vec<&Peers>> = BTreeMap::new();
        for allow in list {
            by_ports.entry(&allow.ports).or_default().push(&allow.peers);
        }
        for (ports, peers) in by_ports {
            let matches = self.peers(rules, &peers, ipv4);
            let port_matches = self.ports(ports);
            for peers in matches {
                if peers == Match::Anyone && *ports == Ports::Any {
                    return None;
                }
                let of_rule = |ports| Rule { ipv4, direction, peers: peers.clone(), ports };
                match peers {
                    Match::Endpoint(_) => chain.push(of_rule(PortMatch::Any)),
                    _ => chain.extend(port_matches.iter().cloned().map(of_rule)),
                }
            }
        }
        chain.sort();
        chain.dedup();
        let letter = if direction == Direction::Ingress { 'i' } else { 'e' };
        let name = format!("{letter}{}-{:016x}", version(ipv4), hash(&chain));
        self.chains.insert(name.clone(), chain);
        Some(name)
    }

    fn peers(&mut self, rules: &Rules, peers: &[&Peers], ipv4: bool) -> Vec<Match> {
        let (mut groups, mut endpoints, mut blocks) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for peers in peers {
            let Peers::Only(list) = peers else { return vec![Match::Anyone] };
            for peer in list {
                match peer {
                    Peer::Group(name) => drop(groups.insert(name.clone())),
                    Peer::Ports(name) => drop(endpoints.insert(name.clone())),
                    Peer::Block { network, except } => blocks.push((network, &except[..])),
                }
            }
        }
        let mut matches = Vec::new();
        let ranges = spans(blocks.into_iter(), ipv4);
        if ranges == [(0, highest(ipv4))] {
            return vec![Match::Anyone];
        }
        if !ranges.is_empty() {
            let name = format!("ranges{}-{:016x}", version(ipv4), hash(&ranges));
            self.ranges.insert(name.clone(), (ipv4, ranges));
            matches.push(Match::Address(name));
        }
        if !groups.is_empty() {
            let members = groups.iter().filter_map(|name| rules.groups.get(name)).flatten();
            let members = members.filter(|address| address.is_ipv4() == ipv4).map(|a| octets(*a)).collect();
            let name = format!("pods{}-{:016x}", version(ipv4), hash(&groups));
            self.sets.insert(name.clone(), (Kind::Addresses { ipv4 }, members));
            matches.push(Match::Address(name));
        }
        if !endpoints.is_empty() {
            let members = endpoints.iter().filter_map(|name| rules.ports.get(name)).flatten();
            let members = members.filter(|(address, ..)| address.is_ipv4() == ipv4);
            let key = |(address, protocol, port): &(IpAddr, crate::services::Protocol, u16)| {
                [octets(*address), port_key(protocol.number(), *port)].concat()
            };
            let name = format!("ports{}-{:016x}", version(ipv4), hash(&endpoints));
            self.sets.insert(name.clone(), (Kind::Endpoints { ipv4 }, members.map(key).collect()));
            matches.push(Match::Endpoint(name));
        }
        matches
    }

    fn ports(&mut self, ports: &Ports) -> Vec<PortMatch> {
        let Ports::Only(ports) = ports else { return vec![PortMatch::Any] };
        let (single, wide): (Vec<&PortRange>, Vec<&PortRange>) =
            ports.iter().partition(|range| range.first == range.last);
        let mut matches: Vec<PortMatch> = wide.into_iter().copied().map(PortMatch::Range).collect();
        if let [only] = single[..] {
            matches.push(PortMatch::Range(*only));
        } else if !single.is_empty() {
            let keys = single.iter().map(|range| port_key(range.protocol.number(), range.first)).collect();
            let name = format!("numbers-{:016x}", hash(&keys));
            self.sets.insert(name.clone(), (Kind::Ports, keys));
            matches.push(PortMatch::Set(name));
        }
        matches
    }

    /// Writes what has to change where the table says `before`. First everything new, then what leads there, then
    /// what nothing leads to any more.
    pub(super) fn write(&self, batch: &mut Batch, before: &State) {
        for (name, (ipv4, spans)) in self.ranges.iter().filter(|(name, _)| !before.ranges.contains_key(*name))
        {
            let pair = |(first, last): &Span| {
                let after = (*last < highest(*ipv4)).then(|| bytes(last + 1, *ipv4));
                (bytes(*first, *ipv4), after)
            };
            let pairs: Vec<_> = spans.iter().map(pair).collect();
            batch.add_range_set(name, address_field(*ipv4), &pairs);
        }
        for (name, (kind, keys)) in &self.sets {
            let old = before.sets.get(name).map(|(_, keys)| keys);
            if old.is_none() && !is_fixed(name) {
                batch.add_set(&Set { name, key: kind.fields(), value: Value::None, dynamic: false });
            }
            let new = keys.iter().filter(|key| old.is_none_or(|old| !old.contains(*key)));
            batch.add_elements(name, &new.map(|key| element(key, Data::None)).collect::<Vec<_>>());
        }
        for (name, rules) in self.chains.iter().filter(|(name, _)| !before.chains.contains_key(*name)) {
            batch.add_chain(name, None);
            for rule in rules {
                rule.add(batch, name);
            }
            batch.add_rule(name, &[Expression::Then(Verdict::Goto(ISOLATED))]);
        }
        self.write_maps(batch, before);
        for (name, (_, keys)) in &before.sets {
            let now = self.sets.get(name).map(|(_, keys)| keys);
            if now.is_some() || is_fixed(name) {
                let gone = keys.iter().filter(|key| now.is_none_or(|now| !now.contains(*key)));
                batch.delete_elements(name, &gone.map(|key| element(key, Data::None)).collect::<Vec<_>>());
            }
        }
        for name in before.chains.keys().filter(|name| !self.chains.contains_key(*name)) {
            batch.delete_chain(name);
        }
        for name in before.sets.keys().filter(|name| !self.sets.contains_key(*name) && !is_fixed(name)) {
            batch.delete_set(name);
        }
        for name in before.ranges.keys().filter(|name| !self.ranges.contains_key(*name)) {
            batch.delete_set(name);
        }
    }

    fn write_maps(&self, batch: &mut Batch, before: &State) {
        let none = BTreeMap::new();
        for ipv4 in [true, false] {
            for direction in [Direction::Ingress, Direction::Egress] {
                let map = map_name(direction, ipv4);
                let (new, old) = (self.maps.get(map).unwrap_or(&none), before.maps.get(map).unwrap_or(&none));
                let gone = old.iter().filter(|(key, chain)| new.get(*key) != Some(chain));
                let gone: Vec<_> = gone.map(|(key, _)| element(key, Data::None)).collect();
                batch.delete_elements(map, &gone);
                let come = new.iter().filter(|(key, chain)| old.get(*key) != Some(chain));
                let come: Vec<_> = come.map(|(key, chain)| element(key, Data::Goto(chain.clone()))).collect();
                batch.add_elements(map, &come);
            }
        }
    }
}

impl Kind {
    fn fields(self) -> &'static [Field] {
        match self {
            Kind::Addresses { ipv4: true } => &[Field::Ipv4],
            Kind::Addresses { ipv4: false } => &[Field::Ipv6],
            Kind::Endpoints { ipv4: true } => &[Field::Ipv4, Field::Protocol, Field::Port],
            Kind::Endpoints { ipv4: false } => &[Field::Ipv6, Field::Protocol, Field::Port],
            Kind::Ports => &[Field::Protocol, Field::Port],
        }
    }
}

impl Rule {
    fn add(&self, batch: &mut Batch, chain: &str) {
        let first = Register(0);
        let after = if self.ipv4 { 1 } else { 4 };
        let other = match self.direction {
            Direction::Ingress => own_end(Direction::Egress, self.ipv4, first),
            Direction::Egress => own_end(Direction::Ingress, self.ipv4, first),
        };
        let port = |at| {
            [
                Expression::Meta(Meta::TransportProtocol, Register(at)),
                Expression::DestinationPort(Register(at + 1)),
            ]
        };
        let mut all = family(self.ipv4).to_vec();
        match &self.peers {
            Match::Anyone => {}
            Match::Address(set) => all.extend([other, Expression::InSet(set, first)]),
            Match::Endpoint(set) => {
                all.push(other);
                all.extend(port(after));
                all.push(Expression::InSet(set, first));
            }
        }
        let (low, high, protocol);
        match &self.ports {
            PortMatch::Any => {}
            PortMatch::Set(set) => {
                all.extend(port(0));
                all.push(Expression::InSet(set, first));
            }
            PortMatch::Range(range) => {
                protocol = [range.protocol.number()];
                (low, high) = (range.first.to_be_bytes(), range.last.to_be_bytes());
                all.push(Expression::Meta(Meta::TransportProtocol, first));
                all.push(Expression::Equal(first, &protocol));
                all.push(Expression::DestinationPort(first));
                if low == high {
                    all.push(Expression::Equal(first, &low));
                } else {
                    all.extend([Expression::AtLeast(first, &low), Expression::AtMost(first, &high)]);
                }
            }
        }
        all.push(Expression::Then(Verdict::Return));
        batch.add_rule(chain, &all);
    }
}

/// The address of the pod whose direction this is: the source of what leaves it.
fn own_end(direction: Direction, ipv4: bool, to: Register) -> Expression<'static> {
    match (direction, ipv4) {
        (Direction::Egress, true) => Expression::Source(to),
        (Direction::Egress, false) => Expression::Source6(to),
        (Direction::Ingress, true) => Expression::Destination(to),
        (Direction::Ingress, false) => Expression::Destination6(to),
    }
}

fn family(ipv4: bool) -> [Expression<'static>; 2] {
    if ipv4 { IPV4 } else { IPV6 }
}

fn address_field(ipv4: bool) -> Field {
    if ipv4 { Field::Ipv4 } else { Field::Ipv6 }
}

fn version(ipv4: bool) -> u8 {
    if ipv4 { 4 } else { 6 }
}

fn map_name(direction: Direction, ipv4: bool) -> &'static str {
    match (direction, ipv4) {
        (Direction::Ingress, true) => "ingress4",
        (Direction::Ingress, false) => "ingress6",
        (Direction::Egress, true) => "egress4",
        (Direction::Egress, false) => "egress6",
    }
}

/// Pairs of twice the same address: isolated pods that may talk to themselves.
fn selves(ipv4: bool) -> &'static str {
    if ipv4 { "selves4" } else { "selves6" }
}

/// Whether a set is there as long as the table.
fn is_fixed(name: &str) -> bool {
    name.starts_with("selves")
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn port_key(protocol: u8, port: u16) -> Vec<u8> {
    let [high, low] = port.to_be_bytes();
    vec![protocol, 0, 0, 0, high, low, 0, 0]
}

fn element(key: &[u8], data: Data) -> Element {
    Element { key: key.to_vec(), data, expires: None }
}

/// A name for content: the same for the same content, in this version of the program.
fn hash(content: &impl std::fmt::Debug) -> u64 {
    fnv(format!("{content:?}").as_bytes())
}
