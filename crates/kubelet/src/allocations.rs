//! The share of the node that each pod holds: what resizes are judged by, and what the groups of the classes follow.
//!
//! A share is held by a [`Claim`] and given back when that is dropped. Changes wake those who wait for room. Shares
//! of pods that have ended count no more, as for the scheduler.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::spec::resources;

/// What one pod was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Quality-of-service class.
    pub(crate) class: &'static str,
    /// Requested CPU in thousandths.
    pub(crate) cpu: i64,
    /// Requested memory in bytes.
    pub(crate) memory: i64,
}

/// All shares of the node.
#[derive(Debug)]
pub(crate) struct Allocations {
    /// By the pod's UID.
    shares: Mutex<HashMap<String, Share>>,
    changed: watch::Sender<()>,
    /// Allocatable CPU in thousandths and memory in bytes.
    capacity: (i64, i64),
}

/// A pod's hold on its share.
#[derive(Debug)]
pub(crate) struct Claim {
    all: Arc<Allocations>,
    uid: String,
}

impl Allocations {
    pub(crate) fn new(node_cpu: i64, node_memory: i64) -> Arc<Allocations> {
        let changed = watch::Sender::new(());
        Arc::new(Allocations { shares: Mutex::default(), changed, capacity: (node_cpu, node_memory) })
    }

    /// Holds a share for the pod.
    pub(crate) fn claim(self: &Arc<Self>, uid: &str, share: Share) -> Claim {
        let claim = Claim { all: self.clone(), uid: uid.to_owned() };
        claim.set(share);
        claim
    }

    /// Why this share has no room beside those of the other pods, in upstream's words; `None` when it has.
    pub(crate) fn misfit(&self, uid: &str, wanted: Share) -> Option<String> {
        let shares = self.shares();
        let others = || shares.iter().filter(|(other, _)| other.as_str() != uid).map(|(_, share)| share);
        let cpu = ("cpu", wanted.cpu, others().map(|s| s.cpu).sum::<i64>(), self.capacity.0);
        let memory = ("memory", wanted.memory, others().map(|s| s.memory).sum::<i64>(), self.capacity.1);
        let short =
            [cpu, memory].into_iter().find(|(_, wanted, used, all)| *wanted > 0 && wanted + used > *all);
        short.map(|(name, wanted, used, all)| {
            format!(
                "Node didn't have enough resource: {name}, requested: {wanted}, used: {used}, capacity: {all}"
            )
        })
    }

    /// Weight of the group of all burstable pods: what they ask for together.
    pub(crate) fn burstable_shares(&self) -> u64 {
        let shares = self.shares();
        let burstable = shares.values().filter(|share| share.class == "Burstable");
        resources::shares(burstable.map(|share| share.cpu).sum())
    }

    /// Hears of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn shares(&self) -> MutexGuard<'_, HashMap<String, Share>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// Holds another share from now on.
    pub(crate) fn set(&self, share: Share) {
        let before = self.all.shares().insert(self.uid.clone(), share);
        if before != Some(share) {
            self.all.changed.send_replace(());
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.all.shares().remove(&self.uid);
        self.all.changed.send_replace(());
    }
}

/// Keeps the groups of the classes as heavy as their pods together. Woken by changes of shares; runs until dropped.
pub(crate) async fn weigh(all: Arc<Allocations>, engine: runtime::Engine) {
    let mut changes = all.changes();
    let mut known = [None, None];
    loop {
        let weights = [("besteffort", resources::shares(0)), ("burstable", all.burstable_shares())];
        for (at, (class, weight)) in weights.into_iter().enumerate() {
            if known[at] == Some(weight) {
                continue;
            }
            let engine = engine.clone();
            let limits = runtime::Resources { cpu_shares: Some(weight), ..runtime::Resources::default() };
            match tokio::task::spawn_blocking(move || engine.update_class(class, &limits)).await {
                Ok(Ok(())) => known[at] = Some(weight),
                Ok(Err(error)) => tracing::warn!(%error, class, "the class's weight was not set"),
                Err(error) => tracing::warn!(%error, class, "the class's weight was not set"),
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_the_others_leave() {
        let all = Allocations::new(2000, 1 << 30);
        let share = |cpu, memory| Share { class: "Burstable", cpu, memory };
        let first = all.claim("a", share(1500, 0));
        let second = all.claim("b", share(250, 1 << 20));
        assert_eq!(all.burstable_shares(), 1792);
        assert_eq!(all.misfit("a", share(1750, 0)), None);
        assert_eq!(
            all.misfit("a", share(1751, 0)).unwrap(),
            "Node didn't have enough resource: cpu, requested: 1751, used: 250, capacity: 2000"
        );
        assert!(all.misfit("a", share(0, 1 << 30)).unwrap().contains("memory"));
        let changes = all.changes();
        drop(second);
        assert!(changes.has_changed().unwrap());
        assert_eq!(all.misfit("a", share(2000, 1 << 30)), None);
        first.set(share(100, 0));
        assert_eq!(all.burstable_shares(), 102);
    }
}
