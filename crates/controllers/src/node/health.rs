//! Is a node alive, and which taints follow from its conditions.
//!
//! A node is alive while its Lease (or its `Ready` heartbeat) moves. When it does not for the grace period, its
//! conditions become `Unknown` and its pods unready. The age is measured from when a change was last seen here,
//! so that clocks of nodes do not matter. Where no node at all is ready, the fault is rather on this side: then nobody's
//! pods are driven away (upstream's full disruption of all zones). Not here: removing pods; see `eviction`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use client::{Config, Events, Failure, Informer, Queue, failure};
use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::{Node, NodeCondition, Pod, Taint},
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, Time},
    jiff::Timestamp,
};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use crate::shared::{Context, feed::feed, name, namespace, now, pods};

/// Where nodes renew their leases.
const LEASES: &str = "kube-node-lease";
/// Conditions that nobody can vouch for when the node is silent.
const REPORTED: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const CORDONED: &str = "node.kubernetes.io/unschedulable";
/// Taints for conditions that hold.
const PRESSURES: [(&str, &str); 4] = [
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "node.kubernetes.io/network-unavailable"),
];

/// Watches over nodes.
pub(crate) async fn run(context: Context) {
    let (nodes, pods) = (context.informers.of::<Node>(), context.informers.of::<Pod>());
    let leases = Informer::<Lease>::start(Api::namespaced(context.client.clone(), LEASES), Config::default());
    tokio::join!(nodes.synced(), pods.synced(), leases.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    let all = nodes.clone();
    feed(&mut feeds, &nodes, &queue, move |change| {
        let node = change.object();
        // The first that is ready again, or the last that was, counts for all.
        let same = change.previous().is_some_and(|old| is_ready(old) == is_ready(node));
        let others = if same { Vec::new() } else { all.list() };
        let others = others.into_iter().map(|node| name(&*node).to_owned());
        std::iter::once(name(&**node).to_owned()).chain(others).collect::<Vec<_>>()
    });
    feed(&mut feeds, &leases, &queue, |change| [name(&**change.object()).to_owned()]);
    let controller = Arc::new(Controller {
        api: Api::all(context.client.clone()),
        events: context.events("node-controller"),
        context,
        nodes,
        pods,
        leases,
        pulses: Mutex::default(),
    });
    let reconcile = move |key: String| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("node-lifecycle-controller", 4, reconcile).await;
}

/// What moves while a node is alive.
type Pulse = (Option<MicroTime>, Option<Time>);

struct Controller {
    context: Context,
    api: Api<Node>,
    events: Events,
    nodes: Informer<Node>,
    pods: Informer<Pod>,
    leases: Informer<Lease>,
    /// Last pulse of each node and when it was first seen.
    pulses: Mutex<HashMap<String, (Pulse, Instant)>>,
}

impl Controller {
    async fn reconcile(&self, key: &str) -> Result<Option<Duration>, kube::Error> {
        let Some(node) = self.nodes.get(None, key) else {
            self.pulses.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
            return Ok(None);
        };
        let age = self.age(&node);
        let again = match self.context.options.node_grace.checked_sub(age) {
            Some(left) if !left.is_zero() => Some(left),
            _ => {
                self.declare_silent(&node).await?;
                None
            }
        };
        let evict = self.nodes.list().iter().any(|node| is_ready(node));
        let wanted = taints(&node, now(), evict);
        let known = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
        if wanted != known {
            let patch = json!({"metadata": {"resourceVersion": node.metadata.resource_version}, "spec": {"taints": wanted}});
            match self.api.patch(key, &PatchParams::default(), &Patch::Merge(patch)).await {
                Err(error) if failure(&error) != Failure::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(again)
    }

    /// How long ago the node last gave a sign of life.
    fn age(&self, node: &Node) -> Duration {
        let lease = self.leases.get(Some(LEASES), name(node));
        let renewed = lease.and_then(|lease| lease.spec.as_ref()?.renew_time.clone());
        let heartbeat = condition(node, "Ready").and_then(|ready| ready.last_heartbeat_time.clone());
        let pulse = (renewed, heartbeat);
        let mut pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pulses.entry(name(node).to_owned()).or_insert_with(|| (pulse.clone(), Instant::now()));
        if known.0 != pulse {
            *known = (pulse, Instant::now());
        }
        known.1.elapsed()
    }

    async fn declare_silent(&self, node: &Node) -> Result<(), kube::Error> {
        let was_ready = condition(node, "Ready").is_some_and(|ready| ready.status == "True");
        let unknown: Vec<_> =
            REPORTED.iter().filter_map(|type_| unknown(condition(node, type_), type_, now())).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let patch = Patch::Strategic(json!({"status": {"conditions": unknown}}));
        match self.api.patch_status(name(node), &PatchParams::default(), &patch).await {
            Err(error) if failure(&error) == Failure::NotFound => return Ok(()),
            other => other.map(drop)?,
        }
        if was_ready {
            let message = format!("Node {} status is now: NodeNotReady", name(node));
            self.events.normal(node.object_ref(&()), "NodeNotReady", message);
            self.mark_pods_unready(name(node)).await?;
        }
        Ok(())
    }

    async fn mark_pods_unready(&self, node: &str) -> Result<(), kube::Error> {
        for pod in self.pods.list().iter().filter(|pod| pods::node(pod) == node && pods::is_ready(pod)) {
            let condition = json!({"type": "Ready", "status": "False", "lastTransitionTime": Time(now())});
            let patch = json!({"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [condition]}});
            let api = self.context.api::<Pod>(namespace(&**pod));
            match api.patch_status(name(&**pod), &PatchParams::default(), &Patch::Strategic(patch)).await {
                Err(error) if !matches!(failure(&error), Failure::NotFound | Failure::Conflict) => {
                    return Err(error);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn condition<'a>(node: &'a Node, type_: &str) -> Option<&'a NodeCondition> {
    node.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == type_)
}

fn is_ready(node: &Node) -> bool {
    condition(node, "Ready").is_some_and(|ready| ready.status == "True")
}

/// The condition after the node fell silent; none if it says so already.
fn unknown(known: Option<&NodeCondition>, type_: &str, now: Timestamp) -> Option<NodeCondition> {
    let (reason, message) = match known {
        Some(known) if known.status == "Unknown" => return None,
        Some(_) => ("NodeStatusUnknown", "Kubelet stopped posting node status."),
        None => ("NodeStatusNeverUpdated", "Kubelet never posted node status."),
    };
    Some(NodeCondition {
        type_: type_.into(),
        status: "Unknown".into(),
        reason: Some(reason.into()),
        message: Some(message.into()),
        last_heartbeat_time: known.and_then(|known| known.last_heartbeat_time.clone()),
        last_transition_time: Some(Time(now)),
    })
}

/// The taints a node should have: foreign ones as they are, ours by its conditions. A node that has not said
/// yet whether it is ready keeps those it was registered with. Without `evict` none drives pods away.
fn taints(node: &Node, now: Timestamp, evict: bool) -> Vec<Taint> {
    let known = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
    let ready = condition(node, "Ready").map(|ready| ready.status.as_str());
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    match ready {
        Some("False") => wanted.extend([(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")]),
        Some("Unknown") => wanted.extend([(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")]),
        Some(_) => {}
        None => {
            let kept = known.iter().filter(|taint| taint.key == NOT_READY);
            wanted.extend(kept.map(|taint| {
                (NOT_READY, if taint.effect == "NoExecute" { "NoExecute" } else { "NoSchedule" })
            }));
        }
    }
    wanted.retain(|(_, effect)| evict || *effect != "NoExecute");
    for (type_, key) in PRESSURES {
        if condition(node, type_).is_some_and(|condition| condition.status == "True") {
            wanted.push((key, "NoSchedule"));
        }
    }
    if node.spec.as_ref().is_some_and(|spec| spec.unschedulable == Some(true)) {
        wanted.push((CORDONED, "NoSchedule"));
    }
    let ours = |taint: &Taint| {
        let key = taint.key.as_str();
        let by_condition =
            [NOT_READY, UNREACHABLE, CORDONED].contains(&key) || PRESSURES.iter().any(|(_, own)| *own == key);
        by_condition && (taint.effect == "NoSchedule" || [NOT_READY, UNREACHABLE].contains(&key))
    };
    let is_wanted = |taint: &Taint| wanted.contains(&(taint.key.as_str(), taint.effect.as_str()));
    let mut taints: Vec<_> = known.into_iter().filter(|taint| !ours(taint) || is_wanted(taint)).collect();
    for (key, effect) in wanted {
        if !taints.iter().any(|taint| taint.key == key && taint.effect == effect) {
            let time_added = (effect == "NoExecute").then_some(Time(now));
            taints.push(Taint { key: key.into(), effect: effect.into(), time_added, value: None });
        }
    }
    taints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(conditions: &[(&str, &str)], taints: &[(&str, &str)], cordoned: bool) -> Node {
        let conditions: Vec<_> =
            conditions.iter().map(|(type_, status)| json!({"type": type_, "status": status})).collect();
        let taints: Vec<_> =
            taints.iter().map(|(key, effect)| json!({"key": key, "effect": effect})).collect();
        serde_json::from_value(
            json!({"metadata": {"name": "n"}, "spec": {"taints": taints, "unschedulable": cordoned},
            "status": {"conditions": conditions}}),
        )
        .unwrap()
    }

    fn shown(node: &Node) -> Vec<(String, String)> {
        shown_if(node, true)
    }

    fn shown_if(node: &Node, evict: bool) -> Vec<(String, String)> {
        taints(node, now(), evict).into_iter().map(|taint| (taint.key, taint.effect)).collect()
    }

    #[test]
    fn where_no_node_is_ready_nobody_is_driven_away() {
        let silent =
            node(&[("Ready", "Unknown")], &[("mine", "NoExecute"), (UNREACHABLE, "NoExecute")], false);
        let own = |key: &str, effect: &str| (key.to_owned(), effect.to_owned());
        assert_eq!(shown_if(&silent, false), [own("mine", "NoExecute"), own(UNREACHABLE, "NoSchedule")]);
    }

    #[test]
    fn taints_follow_conditions_and_leave_others_alone() {
        let own = |key: &str, effect: &str| (key.to_owned(), effect.to_owned());
        let foreign = [("mine", "NoExecute"), (NOT_READY, "NoSchedule")];
        assert_eq!(shown(&node(&[("Ready", "True")], &foreign, false)), [own("mine", "NoExecute")]);
        assert_eq!(
            shown(&node(&[("Ready", "Unknown"), ("DiskPressure", "True")], &foreign, true)),
            [
                own("mine", "NoExecute"),
                own(UNREACHABLE, "NoSchedule"),
                own(UNREACHABLE, "NoExecute"),
                own("node.kubernetes.io/disk-pressure", "NoSchedule"),
                own(CORDONED, "NoSchedule")
            ]
        );
        assert_eq!(
            shown(&node(&[], &foreign, false)),
            [own("mine", "NoExecute"), own(NOT_READY, "NoSchedule")]
        );
    }

    #[test]
    fn silence_is_said_once() {
        let silent = node(&[("Ready", "True")], &[], false);
        let ready = unknown(condition(&silent, "Ready"), "Ready", now()).unwrap();
        assert_eq!((ready.status.as_str(), ready.reason.as_deref()), ("Unknown", Some("NodeStatusUnknown")));
        assert_eq!(unknown(Some(&ready), "Ready", now()), None);
        assert_eq!(unknown(None, "Ready", now()).unwrap().reason.as_deref(), Some("NodeStatusNeverUpdated"));
    }
}
