//! One pod on every node that takes it: DaemonSets.
//!
//! A pod is tied to its node by node affinity and placed by the scheduler like any other. Which nodes take it is
//! asked of the scheduler's own filters. Updates replace pods a few at a time, or surge where that is asked for.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use client::{Change, Events, Failure, Informer, Queue, failure};
use k8s_openapi::{
    api::{
        apps::v1::{ControllerRevision, DaemonSet, DaemonSetStatus},
        core::v1::{
            Affinity, Node, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod,
            Toleration,
        },
    },
    jiff::Timestamp,
};
use kube::{
    Resource,
    api::{DeleteParams, PostParams, Preconditions},
};
use scheduler::{affinity::node_matches, filters::taints::tolerates_taint};
use tokio::task::JoinSet;

use crate::shared::{
    Context, Key,
    batch::slow_start,
    created,
    feed::feed,
    history::{self, History, REVISION_HASH},
    name, namespace, now, owners,
    pods::{self, Availability},
    share, uid,
    writes::Writes,
};

/// Keeps DaemonSets.
pub(crate) async fn run(context: Context) {
    let (sets, pods) = (context.informers.of::<DaemonSet>(), context.informers.of::<Pod>());
    let (nodes, revisions) = (context.informers.of::<Node>(), context.informers.of::<ControllerRevision>());
    tokio::join!(sets.synced(), pods.synced(), nodes.synced(), revisions.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    let selector = |set: &DaemonSet| owners::selector(Some(&set.spec.selector));
    feed(&mut feeds, &sets, &queue, |change| [Key::of(&**change.object())]);
    let all = sets.clone();
    feed(&mut feeds, &pods, &queue, move |change| owners::concerned(&all, change, selector));
    let all = sets.clone();
    feed(&mut feeds, &revisions, &queue, move |change| owners::concerned(&all, change, |_| None));
    let all = sets.clone();
    feed(&mut feeds, &nodes, &queue, move |change| {
        let matters = |node: &Node| (node.metadata.labels.clone(), node.spec.clone());
        match change {
            Change::Modified { old, new } if matters(old) == matters(new) => Vec::new(),
            _ => all.list().iter().map(|set| Key::of(&**set)).collect(),
        }
    });
    let controller = Arc::new(Controller {
        events: context.events("daemonset-controller"),
        context,
        sets,
        pods,
        nodes,
        revisions,
        pod_writes: Writes::default(),
        own_writes: Writes::default(),
    });
    let reconcile = move |key: Key| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("daemonset-controller", 4, reconcile).await;
}

struct Controller {
    context: Context,
    events: Events,
    sets: Informer<DaemonSet>,
    pods: Informer<Pod>,
    nodes: Informer<Node>,
    revisions: Informer<ControllerRevision>,
    pod_writes: Writes,
    own_writes: Writes,
}

/// What to do now.
#[derive(Debug, Default)]
struct Plan {
    /// Names of nodes that lack a pod.
    create: Vec<String>,
    delete: Vec<Arc<Pod>>,
    again: Option<Duration>,
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let Some(set) = self.sets.get(Some(&key.namespace), &key.name) else { return Ok(None) };
        let own = uid(&*set);
        for visible in [self.pod_writes.visible(own, &self.pods), self.own_writes.visible(own, &self.sets)] {
            if let Err(wait) = visible {
                return Ok(Some(wait));
            }
        }
        let spec = &set.spec;
        let Some(selector) = owners::selector(Some(&spec.selector)) else { return Ok(None) };
        let claims = owners::claim(&*set, &selector, self.pods.list_in(&key.namespace));
        let adopting = !claims.adopt.is_empty() || !claims.release.is_empty();
        let api = self.context.api::<Pod>(&key.namespace);
        let owned = claims.settle(&*set, &self.context.api(&key.namespace), &api).await?;
        if adopting {
            owned.iter().for_each(|pod| self.pod_writes.wrote(own, &**pod));
        }
        let present: HashSet<_> = owned.iter().map(|pod| uid(&**pod)).collect();
        self.pod_writes.keep_removed(own, &present);
        let before = set.status.clone().unwrap_or_default();
        let known = self.revisions.list_in(&key.namespace);
        let history =
            history::keep(&self.context, &*set, &selector, &spec.template, before.collision_count, known)
                .await?;
        let (nodes, hash) = (self.nodes.list(), history::hash_of(&history.current).to_owned());
        let mut again = None;
        let mut result = Ok(());
        if set.metadata.deletion_timestamp.is_none() && !history.collided {
            let mut plan = plan(&set, &nodes, &owned, &hash, now());
            plan.delete.retain(|pod| !self.pod_writes.is_removed(own, uid(&**pod)));
            again = plan.again;
            result = self.carry_out(&set, &plan, &hash).await;
        }
        let status = new_status(&set, &nodes, &owned, &history, &before, now());
        if status != before {
            let changed = DaemonSet { status: Some(status), ..(*set).clone() };
            let api = self.context.api::<DaemonSet>(&key.namespace);
            let written = api.replace_status(&key.name, &PostParams::default(), &changed).await?;
            self.own_writes.wrote(own, &written);
        }
        let live: HashSet<_> = owned.iter().map(|pod| format!("{}-{}", key.name, hash_label(pod))).collect();
        history.trim(&self.context, spec.revision_history_limit.unwrap_or(10), &live).await?;
        match result {
            Err(error) if failure(&error) == Failure::NamespaceTerminating => Ok(None),
            other => other.map(|()| again),
        }
    }

    async fn carry_out(&self, set: &DaemonSet, plan: &Plan, hash: &str) -> Result<(), kube::Error> {
        let api = self.context.api::<Pod>(namespace(set));
        for pod in &plan.delete {
            let only = Preconditions { uid: pod.metadata.uid.clone(), ..Preconditions::default() };
            let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
            match api.delete(name(&**pod), &params).await {
                Err(error) if !matches!(failure(&error), Failure::NotFound | Failure::Conflict) => {
                    return Err(error);
                }
                _ => {
                    self.pod_writes.removed(uid(set), uid(&**pod));
                    let message = format!("Deleted pod: {}", name(&**pod));
                    self.events.normal(set.object_ref(&()), "SuccessfulDelete", message);
                }
            }
        }
        let create = |at: usize| {
            let (api, pod) = (&api, new_pod(set, &plan.create[at], hash));
            async move {
                let made = api.create(&PostParams::default(), &pod).await?;
                self.pod_writes.wrote(uid(set), &made);
                self.events.normal(
                    set.object_ref(&()),
                    "SuccessfulCreate",
                    format!("Created pod: {}", name(&made)),
                );
                Ok(())
            }
        };
        match slow_start(plan.create.len(), create).await.1 {
            None => Ok(()),
            Some(error) => {
                if failure(&error) != Failure::NamespaceTerminating {
                    self.events.warning(
                        set.object_ref(&()),
                        "FailedCreate",
                        format!("Error creating: {error}"),
                    );
                }
                Err(error)
            }
        }
    }
}

/// The node that a pod of the set is for, bound to it or not yet.
fn target(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    if let Some(node) = spec.node_name.as_deref().filter(|node| !node.is_empty()) {
        return Some(node);
    }
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let terms = &affinity.required_during_scheduling_ignored_during_execution.as_ref()?.node_selector_terms;
    let field = terms
        .iter()
        .flat_map(|term| term.match_fields.iter().flatten())
        .find(|field| field.key == "metadata.name")?;
    field.values.as_ref()?.first().map(String::as_str)
}

fn hash_label(pod: &Pod) -> &str {
    let labels = pod.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(REVISION_HASH)).map(String::as_str).unwrap_or_default()
}

/// A new pod for a node.
fn new_pod(set: &DaemonSet, node: &str, hash: &str) -> Pod {
    let template = set.spec.template.clone();
    let mut pod =
        pods::from_template(&template, namespace(set), name(set), owners::controller_reference(set));
    pod.metadata.labels.get_or_insert_default().insert(REVISION_HASH.into(), hash.into());
    let spec = pod.spec.get_or_insert_default();
    spec.tolerations.get_or_insert_default().extend(tolerations(spec.host_network == Some(true)));
    let this_node = NodeSelectorRequirement {
        key: "metadata.name".into(),
        operator: "In".into(),
        values: Some(vec![node.into()]),
    };
    let affinity: &mut NodeAffinity =
        spec.affinity.get_or_insert_with(Affinity::default).node_affinity.get_or_insert_default();
    let required = affinity
        .required_during_scheduling_ignored_during_execution
        .get_or_insert_with(NodeSelector::default);
    if required.node_selector_terms.is_empty() {
        required.node_selector_terms.push(NodeSelectorTerm::default());
    }
    for term in &mut required.node_selector_terms {
        term.match_fields = Some(vec![this_node.clone()]);
    }
    pod
}

/// What every pod of a DaemonSet tolerates: it is needed most where things go wrong.
fn tolerations(host_network: bool) -> Vec<Toleration> {
    let mut taints = vec![
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    ];
    if host_network {
        taints.push(("network-unavailable", "NoSchedule"));
    }
    let toleration = |(key, effect): (&str, &str)| Toleration {
        key: Some(format!("node.kubernetes.io/{key}")),
        operator: Some("Exists".into()),
        effect: Some(effect.into()),
        ..Toleration::default()
    };
    taints.into_iter().map(toleration).collect()
}

/// Whether a pod should be put on the node, and whether one that is there may stay.
fn fits(sample: &Pod, node: &Node) -> (bool, bool) {
    let wanted = sample.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    let mut sample = std::borrow::Cow::Borrowed(sample);
    if let Some(field) = target(&sample)
        && field != name(node)
        && wanted.is_empty()
    {
        // The sample is tied to some node; here every node is asked in turn.
        let own = NodeSelectorRequirement {
            key: "metadata.name".into(),
            operator: "In".into(),
            values: Some(vec![name(node).into()]),
        };
        let affinity =
            sample.to_mut().spec.as_mut().and_then(|spec| spec.affinity.as_mut()?.node_affinity.as_mut());
        let required =
            affinity.and_then(|all| all.required_during_scheduling_ignored_during_execution.as_mut());
        for term in required.into_iter().flat_map(|required| &mut required.node_selector_terms) {
            term.match_fields = Some(vec![own.clone()]);
        }
    }
    if !(wanted.is_empty() || wanted == name(node)) || !node_matches(&sample, node) {
        return (false, false);
    }
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    let untolerated: Vec<_> = taints.filter(|taint| !tolerates_taint(&sample, taint)).collect();
    let stays = !untolerated.iter().any(|taint| taint.effect == "NoExecute");
    (stays && !untolerated.iter().any(|taint| taint.effect == "NoSchedule"), stays)
}

/// Surge and unavailability that an update may cause among `wanted` pods.
fn fences(set: &DaemonSet, wanted: i32) -> (i32, i32) {
    let strategy = set.spec.update_strategy.as_ref();
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let surge = share(rolling.and_then(|rolling| rolling.max_surge.as_ref()), wanted, true);
    let unavailable = match rolling.and_then(|rolling| rolling.max_unavailable.as_ref()) {
        Some(given) => share(Some(given), wanted, true),
        None => 1,
    };
    if surge == 0 { (0, unavailable.max(1)) } else { (surge, unavailable) }
}

fn is_available(set: &DaemonSet, pod: &Pod, now: Timestamp, again: &mut Option<Duration>) -> bool {
    let min_ready = set.spec.min_ready_seconds.unwrap_or(0);
    match pods::availability(pod, min_ready, now) {
        Availability::Available => true,
        Availability::In(seconds) => {
            let wait = Duration::from_secs(u64::try_from(seconds).unwrap_or(0).max(1));
            *again = Some(again.map_or(wait, |known| known.min(wait)));
            false
        }
        Availability::Unavailable => false,
    }
}

fn plan(set: &DaemonSet, nodes: &[Arc<Node>], owned: &[Arc<Pod>], hash: &str, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut by_node: BTreeMap<&str, Vec<&Arc<Pod>>> = BTreeMap::new();
    for pod in owned {
        by_node.entry(target(pod).unwrap_or_default()).or_default().push(pod);
    }
    let sample = new_pod(set, "", hash);
    let chosen: Vec<_> = nodes.iter().map(|node| (node, fits(&sample, node))).collect();
    let wanted = i32::try_from(chosen.iter().filter(|(_, (should, _))| *should).count()).unwrap_or(i32::MAX);
    let strategy = set.spec.update_strategy.as_ref();
    let on_delete = strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete");
    let (surge, unavailable) = fences(set, wanted);
    let (mut surging, mut down) = (0, 0);
    let mut replaceable: Vec<(bool, &Arc<Pod>)> = Vec::new();
    for (node, (should, may_stay)) in chosen {
        let there = by_node.remove(name(&**node)).unwrap_or_default();
        if !may_stay {
            plan.delete.extend(there.into_iter().filter(|pod| !pods::is_leaving(pod)).cloned());
            continue;
        }
        let (finished, mut running): (Vec<_>, Vec<_>) = there
            .iter()
            .copied()
            .filter(|pod| !pods::is_leaving(pod))
            .partition(|pod| pods::is_finished(pod));
        // A pod that ended makes room for its successor first.
        plan.delete.extend(finished.iter().map(|pod| (*pod).clone()));
        if running.is_empty() {
            if should && there.is_empty() {
                plan.create.push(name(&**node).to_owned());
            }
            down += i32::from(should);
            continue;
        }
        running.sort_by_key(|pod| (created(&***pod), name(&***pod).to_owned()));
        let (new, old): (Vec<_>, Vec<_>) = running.into_iter().partition(|pod| hash_label(pod) == hash);
        match (new.as_slice(), old.as_slice()) {
            ([first, more @ ..], []) => {
                plan.delete.extend(more.iter().map(|pod| (*pod).clone()));
                down += i32::from(!is_available(set, first, now, &mut plan.again));
            }
            ([first, more @ ..], old) => {
                plan.delete.extend(more.iter().map(|pod| (*pod).clone()));
                surging += 1;
                if is_available(set, first, now, &mut plan.again) {
                    plan.delete.extend(old.iter().map(|pod| (*pod).clone()));
                }
            }
            ([], [first, more @ ..]) => {
                plan.delete.extend(more.iter().map(|pod| (*pod).clone()));
                let available = is_available(set, first, now, &mut plan.again);
                down += i32::from(!available);
                replaceable.push((available, first));
            }
            ([], []) => {}
        }
    }
    // What is left is for nodes that are gone; a bound one is removed with its node.
    let lost = by_node.into_values().flatten();
    plan.delete.extend(lost.filter(|pod| pods::node(pod).is_empty() && !pods::is_leaving(pod)).cloned());
    if !on_delete {
        replaceable.sort_by_key(|(available, _)| *available);
        replace(&mut plan, replaceable, (surge - surging).max(0), (unavailable - down).max(0), surge > 0);
    }
    plan
}

/// Old pods that do not work go at once; the others as far as the fences allow.
fn replace(plan: &mut Plan, old: Vec<(bool, &Arc<Pod>)>, mut surge: i32, mut spare: i32, surges: bool) {
    for (available, pod) in old {
        if !available {
            plan.delete.push(pod.clone());
        } else if surges {
            if surge > 0 {
                surge -= 1;
                plan.create.extend(target(pod).map(Into::into));
            }
        } else if spare > 0 {
            spare -= 1;
            plan.delete.push(pod.clone());
        }
    }
}

fn new_status(
    set: &DaemonSet,
    nodes: &[Arc<Node>],
    owned: &[Arc<Pod>],
    history: &History,
    before: &DaemonSetStatus,
    now: Timestamp,
) -> DaemonSetStatus {
    let hash = history::hash_of(&history.current);
    let sample = new_pod(set, "", hash);
    let mut status = DaemonSetStatus {
        observed_generation: set.metadata.generation,
        collision_count: before
            .collision_count
            .or(Some(0).filter(|_| history.collided))
            .map(|count| count + i32::from(history.collided)),
        conditions: before.conditions.clone(),
        ..DaemonSetStatus::default()
    };
    let (mut updated, mut available) = (0, 0);
    for node in nodes {
        let mut there: Vec<_> =
            owned.iter().filter(|pod| target(pod) == Some(name(&**node)) && !pods::is_leaving(pod)).collect();
        if !fits(&sample, node).0 {
            status.number_misscheduled += i32::from(!there.is_empty());
            continue;
        }
        status.desired_number_scheduled += 1;
        there.sort_by_key(|pod| (hash_label(pod) != hash, created(&***pod)));
        let Some(pod) = there.iter().find(|pod| pods::is_ready(pod)).or(there.first()) else { continue };
        status.current_number_scheduled += 1;
        status.number_ready += i32::from(pods::is_ready(pod));
        available += i32::from(is_available(set, pod, now, &mut None));
        updated += i32::from(there.iter().any(|pod| hash_label(pod) == hash));
    }
    let some = |count: i32| Some(count).filter(|count| *count != 0);
    status.updated_number_scheduled = some(updated);
    status.number_available = some(available);
    status.number_unavailable = some(status.desired_number_scheduled - available);
    status
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(spec: Value) -> DaemonSet {
        let mut set = json!({"metadata": {"name": "d", "namespace": "n", "uid": "u"}, "spec": {"selector": {},
            "template": {"spec": {"containers": []}}}});
        json_patch::merge(&mut set, &json!({"spec": spec}));
        serde_json::from_value(set).unwrap()
    }

    fn node(name: &str, labels: Value, taints: Value) -> Arc<Node> {
        Arc::new(
            serde_json::from_value(
                json!({"metadata": {"name": name, "labels": labels}, "spec": {"taints": taints}}),
            )
            .unwrap(),
        )
    }

    fn pod(node: &str, hash: &str, ready: bool) -> Arc<Pod> {
        let mut pod = new_pod(&set(json!({})), node, hash);
        pod.metadata.name = Some(format!("{node}-{hash}"));
        pod.status = serde_json::from_value(json!({"phase": "Running",
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}))
        .unwrap();
        Arc::new(pod)
    }

    fn shown(set: &DaemonSet, nodes: &[Arc<Node>], pods: &[Arc<Pod>]) -> String {
        let plan = plan(set, nodes, pods, "new", Timestamp::UNIX_EPOCH);
        let create = plan.create.iter().map(|node| format!("+{node}"));
        let delete = plan.delete.iter().map(|pod| format!("-{}", name(&**pod)));
        create.chain(delete).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_node_that_takes_it_has_one() {
        let nodes = [
            node("a", json!({}), json!([])),
            node(
                "b",
                json!({}),
                json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]),
            ),
            node("c", json!({}), json!([{"key": "k", "effect": "NoSchedule"}])),
            node("d", json!({"disk": "fast"}), json!([{"key": "k", "effect": "NoExecute"}])),
        ];
        assert_eq!(shown(&set(json!({})), &nodes, &[]), "+a +b");
        let there =
            [pod("a", "new", true), pod("c", "new", true), pod("d", "new", true), pod("gone", "new", true)];
        assert_eq!(shown(&set(json!({})), &nodes, &there), "+b -d-new -gone-new", "c may stay");
        let fast = set(json!({"template": {"spec": {"nodeSelector": {"disk": "fast"},
            "tolerations": [{"operator": "Exists"}]}}}));
        assert_eq!(shown(&fast, &nodes, &[]), "+d");
    }

    #[test]
    fn updates_keep_within_their_fences() {
        let nodes: Vec<_> = ["a", "b", "c"].map(|name| node(name, json!({}), json!([]))).into();
        let rolling = |rolling: Value| {
            set(json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}))
        };
        let old = ["a", "b", "c"].map(|node| pod(node, "old", true));
        assert_eq!(shown(&rolling(json!({"maxUnavailable": 1})), &nodes, &old), "-a-old");
        assert_eq!(shown(&rolling(json!({"maxUnavailable": "50%"})), &nodes, &old), "-a-old -b-old");
        assert_eq!(shown(&rolling(json!({"maxUnavailable": 0, "maxSurge": 1})), &nodes, &old), "+a");
        assert_eq!(shown(&set(json!({"updateStrategy": {"type": "OnDelete"}})), &nodes, &old), "");
        let broken = [pod("a", "old", true), pod("b", "old", false), pod("c", "new", false)];
        assert_eq!(shown(&rolling(json!({})), &nodes, &broken), "-b-old", "what is down may go, no more");
        let surged =
            [pod("a", "old", true), pod("a", "new", true), pod("b", "old", true), pod("c", "old", true)];
        assert_eq!(shown(&rolling(json!({"maxUnavailable": 0, "maxSurge": 1})), &nodes, &surged), "-a-old");
    }
}
