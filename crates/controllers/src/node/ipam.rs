//! `nodeipam`: every node gets a range of pod addresses out of the cluster's, one of each address family.
//!
//! Nodes that come with a range keep it. The next range given out lies after the last one, so that one that became
//! free rests for a while. Woken by changes of nodes alone.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::{Events, Failure, Informer, Queue, failure};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource};
use serde_json::json;
use tokio::task::JoinSet;

use crate::shared::{Context, feed::feed, name};

/// A range that nodes' ranges are cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeRange {
    /// Its first address.
    pub network: IpAddr,
    /// Its prefix length.
    pub prefix: u8,
    /// Prefix length of a node's part; not below `prefix`.
    pub node_prefix: u8,
}

impl NodeRange {
    fn bits(&self) -> u8 {
        if self.network.is_ipv4() { 32 } else { 128 }
    }

    /// How many parts there are; at most 65536 are used.
    fn parts(&self) -> u32 {
        1 << u32::from(self.node_prefix.saturating_sub(self.prefix)).min(16)
    }

    /// Part `index` as text.
    fn part(&self, index: u32) -> String {
        let offset = u128::from(index) << (self.bits() - self.node_prefix);
        let address: IpAddr = match self.network {
            IpAddr::V4(address) => {
                Ipv4Addr::from_bits(address.to_bits() | u32::try_from(offset).unwrap_or_default()).into()
            }
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() | offset).into(),
        };
        format!("{address}/{}", self.node_prefix)
    }

    /// The parts that `taken` shares addresses with.
    fn overlapped(&self, taken: &str) -> Option<std::ops::RangeInclusive<u32>> {
        let (address, prefix) = taken.split_once('/')?;
        let (address, prefix): (IpAddr, u8) = (address.parse().ok()?, prefix.parse().ok()?);
        if address.is_ipv4() != self.network.is_ipv4() || prefix > self.bits() {
            return None;
        }
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        let width = |prefix: u8| u128::MAX.checked_shr(128 - u32::from(self.bits() - prefix)).unwrap_or(0);
        let (first, own) = (bits(address) & !width(prefix), bits(self.network));
        let (last, end) = (first | width(prefix), own | width(self.prefix));
        if last < own || first > end {
            return None;
        }
        let index = |at: u128| {
            let part = (at.clamp(own, end) - own) >> (self.bits() - self.node_prefix);
            u32::try_from(part).unwrap_or(u32::MAX).min(self.parts() - 1)
        };
        Some(index(first)..=index(last))
    }

    /// The first free part after `last`, beginning anew at the end.
    fn choose<'a>(&self, taken: impl Iterator<Item = &'a str>, last: Option<u32>) -> Option<u32> {
        let taken: BTreeSet<u32> = taken.filter_map(|one| self.overlapped(one)).flatten().collect();
        let start = last.map_or(0, |last| last + 1);
        (0..self.parts()).map(|step| (start + step) % self.parts()).find(|part| !taken.contains(part))
    }
}

/// Gives nodes their ranges; does nothing for a cluster without any.
pub(crate) async fn run(context: Context) {
    if context.options.node_ranges.is_empty() {
        return std::future::pending().await;
    }
    let nodes = context.informers.of::<Node>();
    nodes.synced().await;
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    let all = nodes.clone();
    feed(&mut feeds, &nodes, &queue, move |change| match change {
        // What it had is free: somebody may be waiting for it.
        client::Change::Deleted(_) => {
            let without = all.list().into_iter().filter(|node| ranges(node).is_empty());
            without.map(|node| name(&*node).to_owned()).collect()
        }
        change => vec![name(&**change.object()).to_owned()],
    });
    let events = context.events("cidrAllocator");
    let allocator = Arc::new(Allocator {
        api: Api::all(context.client.clone()),
        ranges: context.options.node_ranges.clone(),
        kept: context.options.kept_ranges.clone(),
        events,
        nodes,
        given: Mutex::default(),
    });
    let reconcile = move |key: String| {
        let allocator = allocator.clone();
        async move { allocator.reconcile(&key).await }
    };
    // One at a time: each must see what the one before got.
    queue.run("node-ipam-controller", 1, reconcile).await;
}

fn ranges(node: &Node) -> &[String] {
    node.spec.as_ref().and_then(|spec| spec.pod_cidrs.as_deref()).unwrap_or_default()
}

/// What was given out by this process.
#[derive(Default)]
struct Given {
    /// By node, until the node itself shows it.
    unseen: HashMap<String, Vec<String>>,
    /// The part given out last, by range.
    last: Vec<Option<u32>>,
}

struct Allocator {
    api: Api<Node>,
    ranges: Vec<NodeRange>,
    /// In use, whatever Nodes say.
    kept: Vec<String>,
    events: Events,
    nodes: Informer<Node>,
    given: Mutex<Given>,
}

impl Allocator {
    async fn reconcile(&self, key: &str) -> Result<Option<Duration>, kube::Error> {
        let Some(node) = self.nodes.get(None, key) else {
            self.given().unseen.remove(key);
            return Ok(None);
        };
        if !ranges(&node).is_empty() {
            self.given().unseen.remove(key);
            return Ok(None);
        }
        let Some(chosen) = self.choose(key) else {
            tracing::warn!(node = key, "no range of pod addresses is left");
            let message = format!("Node {key} status is now: CIDRNotAvailable");
            self.events.normal(node.object_ref(&()), "CIDRNotAvailable", message);
            return Ok(None);
        };
        let patch = json!({"metadata": {"uid": node.metadata.uid},
            "spec": {"podCIDR": chosen[0], "podCIDRs": chosen}});
        match self.api.patch(key, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => Ok(None),
            Err(error) => {
                self.given().unseen.remove(key);
                if failure(&error) == Failure::NotFound { Ok(None) } else { Err(error) }
            }
        }
    }

    /// A part of each range, remembered as given to the node.
    fn choose(&self, node: &str) -> Option<Vec<String>> {
        let nodes = self.nodes.list();
        let mut given = self.given();
        given.last.resize(self.ranges.len(), None);
        let (mut chosen, mut last) = (Vec::new(), given.last.clone());
        for (range, last) in self.ranges.iter().zip(&mut last) {
            let shown = nodes.iter().flat_map(|node| ranges(node)).chain(&self.kept);
            let unseen = given.unseen.iter().filter(|(other, _)| *other != node).flat_map(|(_, all)| all);
            *last = Some(range.choose(shown.chain(unseen).map(String::as_str), *last)?);
            chosen.extend(last.map(|part| range.part(part)));
        }
        given.last = last;
        given.unseen.insert(node.to_owned(), chosen.clone());
        Some(chosen)
    }

    fn given(&self) -> std::sync::MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str, node_prefix: u8) -> NodeRange {
        let (network, prefix) = text.split_once('/').unwrap();
        NodeRange { network: network.parse().unwrap(), prefix: prefix.parse().unwrap(), node_prefix }
    }

    #[test]
    fn parts_are_counted_from_the_start_of_the_range() {
        let four = range("10.42.0.0/16", 24);
        assert_eq!(
            (four.parts(), four.part(0), four.part(255)),
            (256, "10.42.0.0/24".into(), "10.42.255.0/24".into())
        );
        let six = range("fd42::/48", 64);
        assert_eq!((six.parts(), six.part(1)), (65536, "fd42:0:0:1::/64".into()));
    }

    #[test]
    fn the_next_free_part_after_the_last_is_chosen() {
        let range = range("10.42.0.0/22", 24);
        let choose = |taken: &[&str], last| range.choose(taken.iter().copied(), last);
        assert_eq!(choose(&[], None), Some(0));
        assert_eq!(choose(&["10.42.0.0/24"], None), Some(1));
        assert_eq!(choose(&["10.42.0.0/24", "10.42.2.0/24"], Some(1)), Some(3));
        assert_eq!(choose(&["10.42.0.0/24"], Some(3)), Some(1), "begins anew");
        assert_eq!(choose(&["10.42.0.0/23", "10.42.3.128/25"], None), Some(2), "wider and narrower ones");
        assert_eq!(choose(&["10.42.0.0/16"], None), None);
        assert_eq!(choose(&["10.43.0.0/24", "fd00::/64", "nonsense"], None), Some(0), "others' ranges");
    }
}
