//! The difference between what the kernel was told and what it should be told. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::IpNet;
use crate::nft::{Batch, Data, Element};

use super::family::octets;
use super::layout::{self, DISCARD, REFUSE, Shape};
use super::{Clients, Empty, Frontend, IpFamily, Place, Protocol, ServiceRule};

/// What the kernel's table says.
#[derive(Debug, Default)]
pub(super) struct State {
    entries: HashMap<Frontend, Entry>,
    /// How many slots hold an endpoint of this address.
    uses: HashMap<IpAddr, i64>,
    /// Chains that exist. They stay when nobody needs them: there is one per number of endpoints ever seen.
    shapes: HashSet<Shape>,
}

/// One front end as programmed. The order of the slots is kept from one state to the next, so that one
/// endpoint more or less changes one slot or two.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    slots: Vec<SocketAddr>,
    affinity: Option<Duration>,
    empty: Empty,
    /// Networks of the front end's family that may use it; none for everybody.
    sources: Vec<IpNet>,
}

impl Entry {
    fn shape(&self, frontend: &Frontend) -> Option<Shape> {
        let count = self.slots.len() as u32;
        (count > 0).then_some(Shape::Choose {
            family: frontend.place.family(),
            node: is_node(frontend),
            clients: frontend.clients,
            count,
            sticky: self.affinity.is_some(),
        })
    }

    /// The chain that lets some sources go on.
    fn guard(&self, frontend: &Frontend) -> Option<Shape> {
        let only = || Shape::Only(frontend.place.family(), self.sources.clone());
        (!self.sources.is_empty()).then(only)
    }

    /// The chain that remembers. There is one entry for front ends that differ by their clients alone.
    fn remember(&self, frontend: &Frontend) -> Option<Shape> {
        let life = self.affinity.filter(|_| frontend.clients == Clients::All)?;
        Some(Shape::Remember(frontend.place.family(), life))
    }

    fn chain(&self, frontend: &Frontend) -> String {
        match (self.shape(frontend), self.empty) {
            (Some(shape), _) => shape.chain(),
            (None, Empty::Reject) => REFUSE.to_owned(),
            (None, Empty::Drop) => DISCARD.to_owned(),
        }
    }
}

fn is_node(frontend: &Frontend) -> bool {
    matches!(frontend.place, Place::Node(_))
}

/// A front end as its clients see it.
type Asked = (Place, Protocol, u16);

fn asked(frontend: &Frontend) -> Asked {
    (frontend.place, frontend.protocol, frontend.port)
}

/// What to tell the kernel, and what to remember once it has agreed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    shapes: Vec<Shape>,
    removed: BTreeMap<&'static str, Vec<Element>>,
    added: BTreeMap<&'static str, Vec<Element>>,
    entries: Vec<(Frontend, Option<Entry>)>,
    uses: HashMap<IpAddr, i64>,
    /// Sticky front ends, with endpoints that clients must not stay with.
    unstuck: HashMap<Asked, HashSet<SocketAddr>>,
    /// Sticky front ends that changed, with the endpoints that they have now.
    sticky: HashMap<Asked, HashSet<SocketAddr>>,
    /// UDP places and ports that changed, with all endpoints that they have now.
    pub(super) datagrams: HashMap<(Place, u16), HashSet<SocketAddr>>,
}

/// How to get from `state` to `rules`. Of two rules for one front end the first counts.
/// `pods` are the ranges of this node's pods.
pub(super) fn plan(state: &State, rules: &[&ServiceRule], pods: &[IpNet]) -> Changes {
    let mut changes = Changes::default();
    let mut wanted = HashSet::with_capacity(rules.len());
    for rule in rules {
        if !wanted.insert(rule.frontend) {
            tracing::warn!(frontend = ?rule.frontend, "two services claim one address and port; the second is left out");
            continue;
        }
        let old = state.entries.get(&rule.frontend);
        let entry = Entry {
            slots: slots(old.map_or(&[], |old| &old.slots), &rule.endpoints),
            affinity: rule.affinity.map(whole_seconds),
            empty: rule.empty,
            sources: sources(rule),
        };
        if old != Some(&entry) {
            changes.turn(state, rule.frontend, Some(entry));
        }
    }
    for frontend in state.entries.keys().filter(|frontend| !wanted.contains(frontend)) {
        changes.turn(state, *frontend, None);
    }
    for rule in rules.iter().filter(|rule| rule.frontend.protocol == Protocol::Udp) {
        if let Some(now) = changes.datagrams.get_mut(&(rule.frontend.place, rule.frontend.port)) {
            now.extend(&rule.endpoints);
        }
    }
    changes.count_addresses(state, pods);
    changes
}

/// The networks that count for a rule, each once.
fn sources(rule: &ServiceRule) -> Vec<IpNet> {
    let ours = rule.frontend.place.family() == IpFamily::V4;
    let mut sources = rule.sources.clone();
    sources.retain(|range| range.is_ipv4() == ours && rule.frontend.clients == Clients::All);
    sources.sort();
    sources.dedup();
    sources
}

/// Times have whole seconds in chain names, and none is no time.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().max(1))
}

/// `wanted` without repetitions, each endpoint in its old slot where that is possible.
fn slots(old: &[SocketAddr], wanted: &[SocketAddr]) -> Vec<SocketAddr> {
    let all: HashSet<SocketAddr> = wanted.iter().copied().collect();
    let kept: HashSet<SocketAddr> = old.iter().copied().filter(|e| all.contains(e)).collect();
    let mut seen = kept.clone();
    // What needs a slot: the new ones, then those whose slot number does not exist any more.
    let mut homeless: Vec<SocketAddr> = wanted.iter().copied().filter(|e| seen.insert(*e)).collect();
    homeless.extend(old.iter().skip(all.len()).filter(|e| kept.contains(e)));
    let mut homeless = homeless.into_iter();
    let stays = |slot: usize| old.get(slot).copied().filter(|e| kept.contains(e));
    (0..all.len()).filter_map(|slot| stays(slot).or_else(|| homeless.next())).collect()
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the step of one front end to `new`; `None` takes it away.
    fn turn(&mut self, state: &State, frontend: Frontend, new: Option<Entry>) {
        let old = state.entries.get(&frontend);
        let maps = layout::maps(frontend.place.family(), is_node(&frontend));
        let new_entry = new.as_ref();
        let chain = |entry: Option<&Entry>| entry.map(|entry| Data::Goto(entry.chain(&frontend)));
        self.lead(maps.frontends, &frontend, chain(old), chain(new_entry));
        let chain = |entry: Option<&Entry>| Some(Data::Goto(entry?.remember(&frontend)?.chain()));
        self.lead(maps.remembered, &frontend, chain(old), chain(new_entry));
        let chain = |entry: Option<&Entry>| Some(Data::Jump(entry?.guard(&frontend)?.chain()));
        self.lead(maps.guards, &frontend, chain(old), chain(new_entry));
        let needed = new_entry.map(|e| [e.shape(&frontend), e.remember(&frontend), e.guard(&frontend)]);
        for shape in needed.into_iter().flatten().flatten() {
            if !state.shapes.contains(&shape) && !self.shapes.contains(&shape) {
                self.shapes.push(shape);
            }
        }
        let (old_slots, new_slots) =
            (old.map_or(&[][..], |e| &e.slots), new.as_ref().map_or(&[][..], |e| &e.slots));
        for slot in 0..old_slots.len().max(new_slots.len()) {
            let (before, after) = (old_slots.get(slot), new_slots.get(slot));
            if before == after {
                continue;
            }
            let key = layout::slot_key(&frontend, slot);
            if let Some(endpoint) = before {
                self.remove(maps.endpoints, key.clone());
                *self.uses.entry(endpoint.ip()).or_default() -= 1;
            }
            if let Some(endpoint) = after {
                self.add(maps.endpoints, key, Data::Fields(layout::endpoint_value(endpoint)));
                *self.uses.entry(endpoint.ip()).or_default() += 1;
            }
        }
        let sticky = |entry: Option<&Entry>| -> HashSet<SocketAddr> {
            let entry = entry.filter(|entry| entry.affinity.is_some());
            entry.map(|entry| entry.slots.iter().copied().collect()).unwrap_or_default()
        };
        let stays = sticky(new.as_ref());
        let gone: HashSet<_> = sticky(old).difference(&stays).copied().collect();
        if !stays.is_empty() {
            self.sticky.entry(asked(&frontend)).or_default().extend(stays);
        }
        if !gone.is_empty() {
            self.unstuck.entry(asked(&frontend)).or_default().extend(gone);
        }
        if frontend.protocol == Protocol::Udp {
            self.datagrams.entry((frontend.place, frontend.port)).or_default();
        }
        self.entries.push((frontend, new));
    }

    /// Makes a verdict map lead from a front end to the chain of `new`, where it led to that of `old`.
    fn lead(&mut self, map: &'static str, frontend: &Frontend, old: Option<Data>, new: Option<Data>) {
        if old == new {
            return;
        }
        let key = layout::frontend_key(frontend);
        if old.is_some() {
            self.remove(map, key.clone());
        }
        if let Some(data) = new {
            self.add(map, key, data);
        }
    }

    /// The sets that are about endpoints' addresses, whoever they serve.
    fn count_addresses(&mut self, state: &State, pods: &[IpNet]) {
        self.uses.retain(|_, difference| *difference != 0);
        let changed: Vec<_> = self.uses.iter().map(|(address, difference)| (*address, *difference)).collect();
        for (address, difference) in changed {
            let before = state.uses.get(&address).copied().unwrap_or_default();
            let (sets, octets) = (layout::common(IpFamily::of(address)), octets(address));
            let (set, key) = if pods.iter().any(|range| range.contains(address)) {
                (sets.hairpins, [&octets[..], &octets].concat())
            } else {
                (sets.remotes, octets)
            };
            match (before > 0, before + difference > 0) {
                (true, false) => self.remove(set, key),
                (false, true) => self.add(set, key, Data::None),
                _ => {}
            }
        }
    }

    fn remove(&mut self, set: &'static str, key: Vec<u8>) {
        self.removed.entry(set).or_default().push(Element { key, data: Data::None, expires: None });
    }

    fn add(&mut self, set: &'static str, key: Vec<u8>, data: Data) {
        self.added.entry(set).or_default().push(Element { key, data, expires: None });
    }

    /// Whether clients of this front end may stay with this endpoint; for changes from an empty state.
    pub(super) fn may_stay(&self, asked: &Frontend, endpoint: &SocketAddr) -> bool {
        of_front_end(&self.sticky, asked).is_some_and(|endpoints| endpoints.contains(endpoint))
    }

    /// Whether clients of this front end must leave this endpoint.
    pub(super) fn must_leave(&self, asked: &Frontend, endpoint: &SocketAddr) -> bool {
        of_front_end(&self.unstuck, asked).is_some_and(|endpoints| endpoints.contains(endpoint))
    }

    /// Whether clients of some front end must leave some endpoint.
    pub(super) fn unsettles(&self) -> bool {
        !self.unstuck.is_empty()
    }

    /// Adds the messages to a transaction.
    pub(super) fn write(&self, batch: &mut Batch) {
        for shape in &self.shapes {
            shape.add(batch);
        }
        for (set, elements) in &self.removed {
            batch.delete_elements(set, elements);
        }
        for (set, elements) in &self.added {
            batch.add_elements(set, elements);
        }
    }
}

/// What is said of the front end that a client asked for: one with that address, else one of the node.
fn of_front_end<'a, T>(map: &'a HashMap<Asked, T>, front: &Frontend) -> Option<&'a T> {
    let on_node = (Place::Node(front.place.family()), front.protocol, front.port);
    map.get(&asked(front)).or_else(|| map.get(&on_node))
}

impl State {
    /// Remembers changes that the kernel agreed to.
    pub(super) fn apply(&mut self, changes: Changes) {
        self.shapes.extend(changes.shapes);
        for (address, difference) in changes.uses {
            let uses = self.uses.entry(address).or_default();
            *uses += difference;
            if *uses == 0 {
                self.uses.remove(&address);
            }
        }
        for (frontend, entry) in changes.entries {
            match entry {
                Some(entry) => drop(self.entries.insert(frontend, entry)),
                None => drop(self.entries.remove(&frontend)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 42, 0, last], 80))
    }

    fn endpoints(last: &[u8]) -> Vec<SocketAddr> {
        last.iter().copied().map(endpoint).collect()
    }

    fn rule(port: u16, last: &[u8]) -> ServiceRule {
        let place = Place::Address([10, 43, 0, 1].into());
        let frontend = Frontend { place, protocol: Protocol::Tcp, port, clients: Clients::All };
        ServiceRule {
            frontend,
            endpoints: endpoints(last),
            affinity: None,
            empty: Empty::Reject,
            sources: vec![],
        }
    }

    fn plan_for(state: &State, rules: &[ServiceRule]) -> Changes {
        let pods = ["10.42.0.0/24", "fd00:10:42::/64"].map(|range| range.parse().unwrap());
        plan(state, &rules.iter().collect::<Vec<_>>(), &pods)
    }

    /// Set name → numbers of elements removed and added.
    fn sizes(changes: &Changes) -> BTreeMap<&'static str, (usize, usize)> {
        let mut sizes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (set, elements) in &changes.removed {
            sizes.entry(set).or_default().0 = elements.len();
        }
        for (set, elements) in &changes.added {
            sizes.entry(set).or_default().1 = elements.len();
        }
        sizes
    }

    fn step(state: &mut State, rules: &[ServiceRule]) -> BTreeMap<&'static str, (usize, usize)> {
        let changes = plan_for(state, rules);
        let sizes = sizes(&changes);
        state.apply(changes);
        sizes
    }

    #[test]
    fn slots_keep_their_endpoints() {
        for (old, wanted, expected) in [
            (&[][..], &[1, 2, 2, 3][..], &[1, 2, 3][..]),
            (&[1, 2, 3], &[3, 1], &[1, 3]),
            (&[1, 2, 3], &[2, 3, 4], &[4, 2, 3]),
            (&[1, 2, 3], &[3], &[3]),
            (&[1, 2], &[2, 3, 1, 4], &[1, 2, 3, 4]),
            (&[1, 2], &[], &[]),
        ] {
            assert_eq!(slots(&endpoints(old), &endpoints(wanted)), endpoints(expected), "{old:?} {wanted:?}");
        }
    }

    #[test]
    fn a_plan_holds_only_what_differs() {
        let mut state = State::default();
        let first = step(&mut state, &[rule(80, &[2, 3, 4]), rule(81, &[2]), rule(82, &[])]);
        assert_eq!(
            first,
            BTreeMap::from([("services", (0, 3)), ("endpoints", (0, 4)), ("hairpins", (0, 3))])
        );
        // Nothing new, in another order.
        assert_eq!(step(&mut state, &[rule(82, &[]), rule(81, &[2]), rule(80, &[4, 3, 2])]), BTreeMap::new());
        // One endpoint exchanged: one slot; its address goes, the new one comes.
        let exchanged = step(&mut state, &[rule(80, &[2, 3, 5]), rule(81, &[2]), rule(82, &[])]);
        assert_eq!(exchanged, BTreeMap::from([("endpoints", (1, 1)), ("hairpins", (1, 1))]));
        // One endpoint fewer, which another service still uses: two slots, another chain.
        let fewer = step(&mut state, &[rule(80, &[3, 5]), rule(81, &[2]), rule(82, &[])]);
        assert_eq!(fewer, BTreeMap::from([("services", (1, 1)), ("endpoints", (2, 1))]));
        // A service that gets its first endpoint, outside this node.
        let mut remote = rule(82, &[]);
        remote.endpoints = vec!["192.0.2.9:80".parse().unwrap()];
        let remote = step(&mut state, &[rule(80, &[3, 5]), rule(81, &[2]), remote]);
        assert_eq!(
            remote,
            BTreeMap::from([("services", (1, 1)), ("endpoints", (0, 1)), ("remotes", (0, 1))])
        );
        let none = step(&mut state, &[]);
        let expected =
            [("services", (3, 0)), ("endpoints", (4, 0)), ("hairpins", (3, 0)), ("remotes", (1, 0))];
        assert_eq!(none, BTreeMap::from(expected));
        assert!(state.entries.is_empty() && state.uses.is_empty());
    }

    #[test]
    fn chains_are_made_once_per_number_of_endpoints() {
        let mut state = State::default();
        let changes = plan_for(&state, &[rule(80, &[2, 3]), rule(81, &[4, 5]), rule(82, &[])]);
        assert_eq!(changes.shapes.iter().map(Shape::chain).collect::<Vec<_>>(), ["service-2"]);
        state.apply(changes);
        let sticky = ServiceRule { affinity: Some(Duration::from_millis(90_500)), ..rule(83, &[2]) };
        let place = Place::Node(IpFamily::V4);
        let node = Frontend { place, protocol: Protocol::Tcp, port: 30080, clients: Clients::All };
        let node = ServiceRule { frontend: node, ..rule(1, &[2, 3]) };
        let changes = plan_for(&state, &[rule(80, &[2, 3]), sticky, node]);
        let chains: Vec<_> = changes.shapes.iter().map(Shape::chain).collect();
        assert_eq!(chains, ["service-1-sticky", "remember-90", "node-port-2"]);
    }

    #[test]
    fn endpoints_that_clients_must_leave_are_named() {
        let mut state = State::default();
        let sticky = |last: &[u8]| ServiceRule { affinity: Some(Duration::from_secs(9)), ..rule(80, last) };
        step(&mut state, &[sticky(&[2, 3])]);
        let changes = plan_for(&state, &[sticky(&[3, 4])]);
        assert_eq!(changes.unstuck.values().next().unwrap(), &HashSet::from([endpoint(2)]));
        let changes = plan_for(&state, &[rule(80, &[2, 3])]);
        assert_eq!(changes.unstuck.values().next().unwrap(), &HashSet::from([endpoint(2), endpoint(3)]));
    }

    #[test]
    fn families_clients_and_sources_have_chains_of_their_own() {
        let mut state = State::default();
        let place = Place::Address("fd00:10:43::7".parse().unwrap());
        let endpoints: Vec<SocketAddr> =
            vec!["[fd00:10:42::5]:80".parse().unwrap(), "[fd01::5]:80".parse().unwrap()];
        let sources = ["192.0.2.0/24", "2001:db8::/32"].map(|range| range.parse().unwrap()).to_vec();
        let all = Frontend { place, protocol: Protocol::Tcp, port: 80, clients: Clients::All };
        let one = ServiceRule { frontend: all, endpoints: endpoints[..1].to_vec(), sources, ..rule(1, &[]) };
        let inside = Frontend { clients: Clients::Inside, ..all };
        let affinity = Some(Duration::from_secs(60));
        let many = ServiceRule { frontend: inside, endpoints, affinity, ..rule(1, &[]) };
        let changes = plan_for(&state, &[one.clone(), many.clone()]);
        let chains: Vec<String> = changes.shapes.iter().map(Shape::chain).collect();
        assert_eq!(chains[0], "service6-1");
        assert!(chains[1].starts_with("only-"), "{chains:?}");
        assert_eq!(chains[2..], ["service6-2-inside-sticky"]);
        let expected = [
            ("endpoints6", (0, 3)),
            ("guards6", (0, 1)),
            ("hairpins6", (0, 1)),
            ("remotes6", (0, 1)),
            ("services6", (0, 2)),
        ];
        assert_eq!(sizes(&changes), BTreeMap::from(expected));
        state.apply(changes);
        let open = ServiceRule { sources: vec![], ..one };
        assert_eq!(step(&mut state, &[open, many]), BTreeMap::from([("guards6", (1, 0))]));
    }

    #[test]
    fn a_changed_datagram_service_names_all_its_endpoints() {
        let mut state = State::default();
        let udp = |clients, last: &[u8]| {
            let frontend = Frontend { protocol: Protocol::Udp, clients, ..rule(53, &[]).frontend };
            ServiceRule { frontend, ..rule(53, last) }
        };
        step(&mut state, &[udp(Clients::All, &[2]), udp(Clients::Inside, &[2, 3])]);
        let changes = plan_for(&state, &[udp(Clients::All, &[4]), udp(Clients::Inside, &[2, 3])]);
        let place = rule(53, &[]).frontend.place;
        let expected: HashSet<SocketAddr> = endpoints(&[2, 3, 4]).into_iter().collect();
        assert_eq!(changes.datagrams, HashMap::from([((place, 53), expected)]));
    }
}
