//! Pods that wait for a node: ready ones by importance, refused ones until something changes that could help.
//!
//! Pure: time is an argument. Keeps: a pod is in exactly one of the states ready, resting, parked.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::{filters::Reason, snapshot::PodInfo};

/// First and longest pause between two attempts for the same pod.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What happened in the cluster, as far as refused pods care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A node came, or its room, labels or taints changed.
    Nodes,
    /// A pod left its node.
    Gone,
    /// A pod was placed, or its labels changed.
    Placed,
    /// A claim, a volume or a class changed.
    Volumes,
}

#[derive(Default)]
pub(crate) struct Pending {
    pods: HashMap<String, Entry>,
    ready: BTreeSet<(Reverse<i32>, u64, String)>,
    resting: BTreeSet<(Instant, String)>,
    serial: u64,
}

struct Entry {
    info: Arc<PodInfo>,
    /// The priority it was listed with.
    priority: i32,
    state: State,
    attempts: u32,
    attempted: Option<Instant>,
}

#[derive(Clone, PartialEq)]
enum State {
    Ready(u64),
    Resting(Instant),
    /// Refused by every node for these reasons; none if there was no node.
    Parked(Vec<Reason>),
}

impl Pending {
    /// A pod wants a node. If it is known, `changed` says whether an attempt is worth while now.
    pub(crate) fn put(&mut self, info: Arc<PodInfo>, changed: bool) {
        let uid = info.uid().to_owned();
        match self.pods.get_mut(&uid) {
            Some(entry) if !changed => {
                entry.info = info;
                return;
            }
            Some(entry) => entry.info = info,
            None => {
                let priority = info.priority();
                let state = State::Parked(Vec::new());
                let entry = Entry { info, priority, state, attempts: 0, attempted: None };
                self.pods.insert(uid.clone(), entry);
            }
        }
        self.make_ready(&uid);
    }

    /// The pod as it is known here.
    pub(crate) fn get(&self, uid: &str) -> Option<&Arc<PodInfo>> {
        self.pods.get(uid).map(|entry| &entry.info)
    }

    pub(crate) fn remove(&mut self, uid: &str) -> Option<Arc<PodInfo>> {
        self.unlist(uid);
        self.pods.remove(uid).map(|entry| entry.info)
    }

    /// The most important ready pod, the longest waiting among equals. It stays ready until it is removed,
    /// parked or put to rest.
    pub(crate) fn first(&self) -> Option<Arc<PodInfo>> {
        let (_, _, uid) = self.ready.first()?;
        self.get(uid).cloned()
    }

    /// Every node refused the pod: it waits for a change that could help.
    pub(crate) fn park(&mut self, uid: &str, reasons: impl Iterator<Item = Reason>, now: Instant) {
        self.unlist(uid);
        if let Some(entry) = self.pods.get_mut(uid) {
            let reasons: BTreeSet<_> = reasons.collect();
            entry.state = State::Parked(reasons.into_iter().collect());
            entry.attempts = entry.attempts.saturating_add(1);
            entry.attempted = Some(now);
        }
    }

    /// An attempt failed for a reason that says nothing about the nodes: try again after a pause.
    pub(crate) fn rest(&mut self, uid: &str, now: Instant) {
        self.unlist(uid);
        if let Some(entry) = self.pods.get_mut(uid) {
            entry.attempts = entry.attempts.saturating_add(1);
            let until = now + pause(entry.attempts);
            entry.state = State::Resting(until);
            self.resting.insert((until, uid.to_owned()));
        }
    }

    /// Something happened: parked pods that it could help become ready, not sooner than their pause.
    pub(crate) fn wake(&mut self, wake: Wake, now: Instant) {
        let helped: Vec<_> = self
            .pods
            .iter()
            .filter(|(_, entry)| matches!(&entry.state, State::Parked(reasons) if helps(wake, reasons)))
            .map(|(uid, entry)| (uid.clone(), entry.attempted.map(|last| last + pause(entry.attempts))))
            .collect();
        for (uid, earliest) in helped {
            match earliest {
                Some(until) if until > now => {
                    if let Some(entry) = self.pods.get_mut(&uid) {
                        entry.state = State::Resting(until);
                        self.resting.insert((until, uid));
                    }
                }
                _ => self.make_ready(&uid),
            }
        }
    }

    /// Pods whose pause is over become ready.
    pub(crate) fn promote(&mut self, now: Instant) {
        while let Some((until, uid)) = self.resting.first().cloned()
            && until <= now
        {
            self.make_ready(&uid);
        }
    }

    /// When the next pause is over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.resting.first().map(|(until, _)| *until)
    }

    fn make_ready(&mut self, uid: &str) {
        if matches!(self.pods.get(uid), Some(Entry { state: State::Ready(_), .. })) {
            return;
        }
        self.unlist(uid);
        let Some(entry) = self.pods.get_mut(uid) else { return };
        self.serial += 1;
        entry.state = State::Ready(self.serial);
        entry.priority = entry.info.priority();
        self.ready.insert((Reverse(entry.priority), self.serial, uid.to_owned()));
    }

    fn unlist(&mut self, uid: &str) {
        let Some(entry) = self.pods.get(uid) else { return };
        match entry.state {
            State::Ready(serial) => {
                self.ready.remove(&(Reverse(entry.priority), serial, uid.to_owned()));
            }
            State::Resting(until) => {
                self.resting.remove(&(until, uid.to_owned()));
            }
            State::Parked(_) => {}
        }
    }
}

fn pause(attempts: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(10)).min(LONGEST_PAUSE)
}

fn helps(wake: Wake, reasons: &[Reason]) -> bool {
    match wake {
        Wake::Nodes => true,
        Wake::Gone => reasons.iter().any(Reason::preemptible),
        Wake::Volumes => reasons.iter().any(Reason::is_about_volumes),
        Wake::Placed => reasons
            .iter()
            .any(|reason| matches!(reason, Reason::Affinity | Reason::Spread | Reason::AntiAffinity)),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Pod, PodSpec};

    use super::*;

    fn pod(uid: &str, priority: i32) -> Arc<PodInfo> {
        let mut pod = Pod::default();
        pod.metadata.uid = Some(uid.into());
        pod.spec = Some(PodSpec { priority: Some(priority), ..PodSpec::default() });
        Arc::new(PodInfo::new(Arc::new(pod)))
    }

    fn first(pending: &Pending) -> Option<String> {
        pending.first().map(|info| info.uid().to_owned())
    }

    #[test]
    fn important_pods_come_first_then_older_ones() {
        let mut pending = Pending::default();
        for (uid, priority) in [("a", 0), ("b", 5), ("c", 5), ("d", -1)] {
            pending.put(pod(uid, priority), true);
        }
        let mut order = Vec::new();
        while let Some(uid) = first(&pending) {
            pending.remove(&uid);
            order.push(uid);
        }
        assert_eq!(order, ["b", "c", "a", "d"]);
    }

    #[test]
    fn parked_pods_wake_for_what_helps_them_after_their_pause() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        pending.put(pod("room", 0), true);
        pending.park("room", [Reason::Insufficient("cpu".into())].into_iter(), now);
        pending.put(pod("label", 0), true);
        pending.park("label", [Reason::NodeAffinity].into_iter(), now);
        pending.wake(Wake::Placed, now);
        assert_eq!((first(&pending), pending.deadline()), (None, None));
        pending.wake(Wake::Gone, now);
        assert_eq!((first(&pending), pending.deadline()), (None, Some(now + FIRST_PAUSE)));
        pending.promote(now + FIRST_PAUSE);
        assert_eq!(first(&pending).as_deref(), Some("room"));
        pending.wake(Wake::Nodes, now + LONGEST_PAUSE);
        pending.remove("room");
        assert_eq!(first(&pending).as_deref(), Some("label"));
    }

    #[test]
    fn a_status_update_does_not_start_another_attempt() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        pending.put(pod("a", 0), true);
        pending.park("a", std::iter::empty(), now);
        pending.put(pod("a", 0), false);
        assert_eq!(first(&pending), None);
        pending.put(pod("a", 9), true);
        assert_eq!(first(&pending).as_deref(), Some("a"));
        pending.put(pod("a", 3), true);
        pending.remove("a");
        assert!(pending.ready.is_empty() && pending.resting.is_empty());
    }
}
