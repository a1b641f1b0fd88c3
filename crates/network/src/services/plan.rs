//! The difference between what the kernel was told and what it should be told. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use crate::Ipv4Net;
use crate::nft::{Batch, Data, Element};

use super::layout::{self, DISCARD, HAIRPINS, REFUSE, REMOTES, Shape};
use super::{Empty, Frontend, Protocol, ServiceRule};

/// What the kernel's table says.
#[derive(Debug, Default)]
pub(super) struct State {
    entries: HashMap<Frontend, Entry>,
    /// How many slots hold an endpoint of this address.
    uses: HashMap<Ipv4Addr, i64>,
    /// Chains that exist. They stay when nobody needs them: there is one per number of endpoints ever seen.
    shapes: HashSet<Shape>,
}

/// One front end as programmed. The order of the slots is kept from one state to the next, so that one
/// endpoint more or less changes one slot or two.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    slots: Vec<SocketAddrV4>,
    affinity: Option<Duration>,
    empty: Empty,
}

impl Entry {
    fn shape(&self, frontend: &Frontend) -> Option<Shape> {
        let count = self.slots.len() as u32;
        let node = frontend.address.is_none();
        (count > 0).then_some(Shape::Choose { node, count, sticky: self.affinity.is_some() })
    }

    fn chain(&self, frontend: &Frontend) -> String {
        match (self.shape(frontend), self.empty) {
            (Some(shape), _) => shape.chain(),
            (None, Empty::Reject) => REFUSE.to_owned(),
            (None, Empty::Drop) => DISCARD.to_owned(),
        }
    }
}

/// What to tell the kernel, and what to remember once it has agreed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    shapes: Vec<Shape>,
    removed: BTreeMap<&'static str, Vec<Element>>,
    added: BTreeMap<&'static str, Vec<Element>>,
    entries: Vec<(Frontend, Option<Entry>)>,
    uses: HashMap<Ipv4Addr, i64>,
    /// Sticky front ends, with endpoints that clients must not stay with.
    unstuck: HashMap<Frontend, HashSet<SocketAddrV4>>,
    /// Sticky front ends that changed, with the endpoints that they have now.
    sticky: HashMap<Frontend, HashSet<SocketAddrV4>>,
    /// UDP front ends that changed, with the endpoints that they have now.
    pub(super) datagrams: HashMap<Frontend, HashSet<SocketAddrV4>>,
}

/// How to get from `state` to `rules`. Of two rules for one front end the first counts.
pub(super) fn plan(state: &State, rules: &[ServiceRule], pods: Ipv4Net) -> Changes {
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
        };
        if old != Some(&entry) {
            changes.turn(state, rule.frontend, Some(entry));
        }
    }
    for frontend in state.entries.keys().filter(|frontend| !wanted.contains(frontend)) {
        changes.turn(state, *frontend, None);
    }
    changes.count_addresses(state, pods);
    changes
}

/// Times have whole seconds in chain names, and none is no time.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().max(1))
}

/// `wanted` without repetitions, each endpoint in its old slot where that is possible.
fn slots(old: &[SocketAddrV4], wanted: &[SocketAddrV4]) -> Vec<SocketAddrV4> {
    let all: HashSet<SocketAddrV4> = wanted.iter().copied().collect();
    let kept: HashSet<SocketAddrV4> = old.iter().copied().filter(|e| all.contains(e)).collect();
    let mut seen = kept.clone();
    // What needs a slot: the new ones, then those whose slot number does not exist any more.
    let mut homeless: Vec<SocketAddrV4> = wanted.iter().copied().filter(|e| seen.insert(*e)).collect();
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
        let maps = layout::maps(frontend.address.is_none());
        let old_chain = old.map(|entry| entry.chain(&frontend));
        let new_chain = new.as_ref().map(|entry| entry.chain(&frontend));
        if old_chain != new_chain {
            let key = layout::frontend_key(&frontend);
            if old_chain.is_some() {
                self.remove(maps.frontends, key.clone());
            }
            if let Some(chain) = new_chain {
                self.add(maps.frontends, key, Data::Goto(chain));
            }
        }
        let (old_life, new_life) = (old.and_then(|e| e.affinity), new.as_ref().and_then(|e| e.affinity));
        if old_life != new_life {
            let key = layout::frontend_key(&frontend);
            if old_life.is_some() {
                self.remove(maps.remembered, key.clone());
            }
            if let Some(life) = new_life {
                self.add(maps.remembered, key, Data::Goto(Shape::Remember(life).chain()));
            }
        }
        let needed = [new.as_ref().and_then(|entry| entry.shape(&frontend)), new_life.map(Shape::Remember)];
        for shape in needed.into_iter().flatten() {
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
                *self.uses.entry(*endpoint.ip()).or_default() -= 1;
            }
            if let Some(endpoint) = after {
                self.add(maps.endpoints, key, Data::Fields(layout::endpoint_value(endpoint)));
                *self.uses.entry(*endpoint.ip()).or_default() += 1;
            }
        }
        let sticky = |entry: Option<&Entry>| -> HashSet<SocketAddrV4> {
            let entry = entry.filter(|entry| entry.affinity.is_some());
            entry.map(|entry| entry.slots.iter().copied().collect()).unwrap_or_default()
        };
        let stays = sticky(new.as_ref());
        let gone: HashSet<_> = sticky(old).difference(&stays).copied().collect();
        if !stays.is_empty() {
            self.sticky.insert(frontend, stays);
        }
        if !gone.is_empty() {
            self.unstuck.insert(frontend, gone);
        }
        if frontend.protocol == Protocol::Udp {
            self.datagrams.insert(frontend, new_slots.iter().copied().collect());
        }
        self.entries.push((frontend, new));
    }

    /// The sets that are about endpoints' addresses, whoever they serve.
    fn count_addresses(&mut self, state: &State, pods: Ipv4Net) {
        self.uses.retain(|_, difference| *difference != 0);
        let changed: Vec<_> = self.uses.iter().map(|(address, difference)| (*address, *difference)).collect();
        for (address, difference) in changed {
            let before = state.uses.get(&address).copied().unwrap_or_default();
            let octets = address.octets();
            let (set, key) = if pods.contains(address) {
                (HAIRPINS, [octets, octets].concat())
            } else {
                (REMOTES, octets.to_vec())
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
    pub(super) fn may_stay(&self, asked: &Frontend, endpoint: &SocketAddrV4) -> bool {
        of_front_end(&self.sticky, asked).is_some_and(|endpoints| endpoints.contains(endpoint))
    }

    /// Whether clients of this front end must leave this endpoint.
    pub(super) fn must_leave(&self, asked: &Frontend, endpoint: &SocketAddrV4) -> bool {
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
fn of_front_end<'a, T>(map: &'a HashMap<Frontend, T>, asked: &Frontend) -> Option<&'a T> {
    map.get(asked).or_else(|| map.get(&Frontend { address: None, ..*asked }))
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

    fn endpoint(last: u8) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(10, 42, 0, last), 80)
    }

    fn endpoints(last: &[u8]) -> Vec<SocketAddrV4> {
        last.iter().copied().map(endpoint).collect()
    }

    fn rule(port: u16, last: &[u8]) -> ServiceRule {
        let address = Some(Ipv4Addr::new(10, 43, 0, 1));
        let frontend = Frontend { address, protocol: Protocol::Tcp, port };
        ServiceRule { frontend, endpoints: endpoints(last), affinity: None, empty: Empty::Reject }
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
        let changes = plan(state, rules, "10.42.0.0/24".parse().unwrap());
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
        assert_eq!(first, BTreeMap::from([("services", (0, 3)), ("endpoints", (0, 4)), (HAIRPINS, (0, 3))]));
        // Nothing new, in another order.
        assert_eq!(step(&mut state, &[rule(82, &[]), rule(81, &[2]), rule(80, &[4, 3, 2])]), BTreeMap::new());
        // One endpoint exchanged: one slot; its address goes, the new one comes.
        let exchanged = step(&mut state, &[rule(80, &[2, 3, 5]), rule(81, &[2]), rule(82, &[])]);
        assert_eq!(exchanged, BTreeMap::from([("endpoints", (1, 1)), (HAIRPINS, (1, 1))]));
        // One endpoint fewer, which another service still uses: two slots, another chain.
        let fewer = step(&mut state, &[rule(80, &[3, 5]), rule(81, &[2]), rule(82, &[])]);
        assert_eq!(fewer, BTreeMap::from([("services", (1, 1)), ("endpoints", (2, 1))]));
        // A service that gets its first endpoint, outside this node.
        let mut remote = rule(82, &[]);
        remote.endpoints = vec!["192.0.2.9:80".parse().unwrap()];
        let remote = step(&mut state, &[rule(80, &[3, 5]), rule(81, &[2]), remote]);
        assert_eq!(remote, BTreeMap::from([("services", (1, 1)), ("endpoints", (0, 1)), (REMOTES, (0, 1))]));
        let none = step(&mut state, &[]);
        let expected = [("services", (3, 0)), ("endpoints", (4, 0)), (HAIRPINS, (3, 0)), (REMOTES, (1, 0))];
        assert_eq!(none, BTreeMap::from(expected));
        assert!(state.entries.is_empty() && state.uses.is_empty());
    }

    #[test]
    fn chains_are_made_once_per_number_of_endpoints() {
        let mut state = State::default();
        let pods = "10.42.0.0/24".parse().unwrap();
        let changes = plan(&state, &[rule(80, &[2, 3]), rule(81, &[4, 5]), rule(82, &[])], pods);
        assert_eq!(changes.shapes.iter().map(Shape::chain).collect::<Vec<_>>(), ["service-2"]);
        state.apply(changes);
        let sticky = ServiceRule { affinity: Some(Duration::from_millis(90_500)), ..rule(83, &[2]) };
        let node = Frontend { address: None, protocol: Protocol::Tcp, port: 30080 };
        let node = ServiceRule { frontend: node, ..rule(1, &[2, 3]) };
        let changes = plan(&state, &[rule(80, &[2, 3]), sticky, node], pods);
        let chains: Vec<_> = changes.shapes.iter().map(Shape::chain).collect();
        assert_eq!(chains, ["service-1-sticky", "remember-90", "node-port-2"]);
    }

    #[test]
    fn endpoints_that_clients_must_leave_are_named() {
        let mut state = State::default();
        let sticky = |last: &[u8]| ServiceRule { affinity: Some(Duration::from_secs(9)), ..rule(80, last) };
        let pods = "10.42.0.0/24".parse().unwrap();
        step(&mut state, &[sticky(&[2, 3])]);
        let changes = plan(&state, &[sticky(&[3, 4])], pods);
        assert_eq!(changes.unstuck.values().next().unwrap(), &HashSet::from([endpoint(2)]));
        let changes = plan(&state, &[rule(80, &[2, 3])], pods);
        assert_eq!(changes.unstuck.values().next().unwrap(), &HashSet::from([endpoint(2), endpoint(3)]));
    }
}
