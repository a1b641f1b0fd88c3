//! The next step of a StatefulSet. Pure.
//!
//! In order, pods are made from the lowest ordinal up and removed from the highest down, one at a time, each only
//! when all before it are available; `Parallel` management does not wait. Updates go from the highest ordinal down,
//! one at a time, and stop at the partition.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::{
    api::{apps::v1::StatefulSet, core::v1::Pod},
    jiff::Timestamp,
};

use super::pod;
use crate::shared::pods::{self, Availability};

/// What to do now.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Ordinals to make, and whether from the former revision.
    pub(super) create: Vec<(i32, bool)>,
    pub(super) delete: Vec<Arc<Pod>>,
    /// When to look again without an event.
    pub(super) again: Option<Duration>,
}

pub(super) fn replicas(set: &StatefulSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

fn start(set: &StatefulSet) -> i32 {
    set.spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or(0)
}

/// The first ordinal that is updated.
fn partition(set: &StatefulSet) -> i32 {
    let strategy = set.spec.update_strategy.as_ref();
    strategy.and_then(|strategy| strategy.rolling_update.as_ref()?.partition).unwrap_or(0)
}

pub(super) fn updates_on_delete(set: &StatefulSet) -> bool {
    let strategy = set.spec.update_strategy.as_ref();
    strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete")
}

fn is_parallel(set: &StatefulSet) -> bool {
    set.spec.pod_management_policy.as_deref() == Some("Parallel")
}

/// `update` is the revision of the current template.
pub(super) fn plan(set: &StatefulSet, pods: &[Arc<Pod>], update: &str, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let by_ordinal: BTreeMap<i32, &Arc<Pod>> =
        pods.iter().filter_map(|pod| Some((pod::ordinal(set, pod)?, pod))).collect();
    let (first, parallel) = (start(set), is_parallel(set));
    let wanted = first..first + replicas(set);
    let from_former = |ordinal: i32| !updates_on_delete(set) && ordinal < first + partition(set);
    let mut settled = true;
    for ordinal in wanted.clone() {
        match by_ordinal.get(&ordinal) {
            None => {
                plan.create.push((ordinal, from_former(ordinal)));
                settled = false;
            }
            Some(pod) if pods::is_finished(pod) && !pods::is_leaving(pod) => {
                plan.delete.push((*pod).clone());
                settled = false;
            }
            Some(pod) => settled &= is_available(set, pod, now, &mut plan.again),
        }
        if !settled && !parallel {
            return plan;
        }
    }
    let condemned: Vec<_> =
        by_ordinal.iter().rev().filter(|(ordinal, _)| !wanted.contains(ordinal)).collect();
    for (_, pod) in condemned {
        if !pods::is_leaving(pod) {
            plan.delete.push((*pod).clone());
        }
        // In order, the next one goes when this one has gone.
        if !parallel {
            return plan;
        }
    }
    if updates_on_delete(set) || !plan.create.is_empty() || !plan.delete.is_empty() {
        return plan;
    }
    for ordinal in wanted.rev().take_while(|ordinal| !from_former(*ordinal)) {
        let Some(pod) = by_ordinal.get(&ordinal) else { return plan };
        if pod::revision(pod) != update {
            if !pods::is_leaving(pod) {
                plan.delete.push((*pod).clone());
            }
            return plan;
        }
        if !is_available(set, pod, now, &mut plan.again) {
            return plan;
        }
    }
    plan
}

/// Running, ready long enough and not leaving.
fn is_available(set: &StatefulSet, pod: &Pod, now: Timestamp, again: &mut Option<Duration>) -> bool {
    if pods::is_leaving(pod) || pods::phase(pod) != "Running" {
        return false;
    }
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(spec: Value) -> StatefulSet {
        let mut set =
            json!({"metadata": {"name": "s"}, "spec": {"replicas": 3, "selector": {}, "template": {}}});
        json_patch::merge(&mut set, &json!({"spec": spec}));
        serde_json::from_value(set).unwrap()
    }

    /// `0a` is ordinal 0 of revision a, ready; `!` not ready, `-` leaving, `x` failed.
    fn pods(text: &str) -> Vec<Arc<Pod>> {
        let pod = |word: &str| {
            let mut letters = word.chars();
            let (ordinal, revision, mark) =
                (letters.next().unwrap(), letters.next().unwrap(), letters.next());
            let ready = if mark == Some('!') { "False" } else { "True" };
            let mut pod = json!({"metadata": {"name": format!("s-{ordinal}"), "labels": {"controller-revision-hash": revision}},
                "status": {"phase": if mark == Some('x') { "Failed" } else { "Running" }, "conditions": [{"type": "Ready", "status": ready}]}});
            if mark == Some('-') {
                pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            }
            Arc::new(serde_json::from_value(pod).unwrap())
        };
        text.split_whitespace().map(pod).collect()
    }

    fn shown(spec: Value, there: &str) -> String {
        let plan = plan(&set(spec), &pods(there), "b", Timestamp::UNIX_EPOCH);
        let create = plan
            .create
            .iter()
            .map(|(ordinal, former)| format!("+{ordinal}{}", if *former { "a" } else { "b" }));
        let delete = plan.delete.iter().map(|pod| pod.metadata.name.clone().unwrap().replace("s-", "-"));
        create.chain(delete).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn in_order_one_at_a_time() {
        for (there, expected) in [
            ("", "+0b"),
            ("0b!", ""),
            ("0b", "+1b"),
            ("0b 2b", "+1b"),
            ("0b 1bx", "-1"),
            ("0b 1b- 2b", ""),
            ("0b 1b 2b 3b 4b", "-4"),
            ("0b 1b! 2b 3b 4b", ""),
            ("0b 1b 2b 3b 4b-", ""),
            ("0a 1a 2a", "-2"),
            ("0a 1a 2b!", ""),
            ("0a 1a 2b", "-1"),
            ("0b 1b 2b", ""),
        ] {
            assert_eq!(shown(json!({}), there), expected, "{there}");
        }
    }

    #[test]
    fn in_parallel_all_at_once_but_updates_one_by_one() {
        let parallel = json!({"podManagementPolicy": "Parallel"});
        for (there, expected) in
            [("", "+0b +1b +2b"), ("0b! 3b 4b!", "+1b +2b -4 -3"), ("0a 1a 2a", "-2"), ("0a 1a 2b!", "")]
        {
            assert_eq!(shown(parallel.clone(), there), expected, "{there}");
        }
    }

    #[test]
    fn a_partition_keeps_the_former_revision_below_it() {
        let canary = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}});
        for (there, expected) in [("0a 1a 2a", "-2"), ("0a 1a", "+2b"), ("0a 1a 2b", ""), ("0a 2b", "+1a")] {
            assert_eq!(shown(canary.clone(), there), expected, "{there}");
        }
        let on_delete = json!({"updateStrategy": {"type": "OnDelete"}});
        assert_eq!(shown(on_delete, "0a 1a 2a"), "");
        assert_eq!(shown(json!({"ordinals": {"start": 5}, "replicas": 1}), "0b"), "+5b");
    }
}
