//! How large each ReplicaSet of a Deployment should be. Pure.
//!
//! The rules are upstream's: never more than `replicas + maxSurge` pods, never fewer available than
//! `replicas - maxUnavailable`; while several sets are active, a change of `replicas` is shared out in
//! proportion to their sizes.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use crate::shared::{created, share};

/// The number of replicas the Deployment had when the set was last scaled.
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// The same with maxSurge.
pub(super) const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";

/// A set and its new size.
#[derive(Debug)]
pub(super) struct Resize {
    pub(super) set: Arc<ReplicaSet>,
    pub(super) to: i32,
}

pub(super) fn wanted(deployment: &Deployment) -> i32 {
    deployment.spec.replicas.unwrap_or(1)
}

pub(super) fn size(set: &ReplicaSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

pub(super) fn available(set: &ReplicaSet) -> i32 {
    set.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0)
}

pub(super) fn recreates(deployment: &Deployment) -> bool {
    let strategy = deployment.spec.strategy.as_ref();
    strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("Recreate")
}

/// maxSurge and maxUnavailable as numbers; not both zero.
fn fences(deployment: &Deployment) -> (i32, i32) {
    if recreates(deployment) {
        return (0, 0);
    }
    let rolling = deployment.spec.strategy.as_ref().and_then(|strategy| strategy.rolling_update.as_ref());
    let wanted = wanted(deployment);
    let quarter = Some(k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::String("25%".into()));
    let field = |value: Option<&Option<_>>| value.cloned().flatten().or_else(|| quarter.clone());
    let surge = share(field(rolling.map(|rolling| &rolling.max_surge)).as_ref(), wanted, true);
    let unavailable = share(field(rolling.map(|rolling| &rolling.max_unavailable)).as_ref(), wanted, false);
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

/// How many pods may be missing.
pub(super) fn max_unavailable(deployment: &Deployment) -> i32 {
    if wanted(deployment) == 0 { 0 } else { fences(deployment).1.min(wanted(deployment)) }
}

/// How many pods there may be in all.
pub(super) fn max_total(deployment: &Deployment) -> i32 {
    wanted(deployment) + fences(deployment).0
}

fn total<'a>(sets: impl IntoIterator<Item = &'a Arc<ReplicaSet>>) -> i32 {
    sets.into_iter().map(|set| size(set)).sum()
}

/// The size of the set of the current template, whose size is `current` among sets with `all` pods.
pub(super) fn new_size(deployment: &Deployment, current: i32, all: i32) -> i32 {
    let wanted = wanted(deployment);
    if recreates(deployment) || current > wanted {
        return wanted;
    }
    let room = max_total(deployment) - all;
    if room <= 0 { current } else { current + room.min(wanted - current) }
}

/// As [`new_size`] for a set that exists or not.
pub(super) fn grow_new(
    deployment: &Deployment,
    new: Option<&Arc<ReplicaSet>>,
    old: &[Arc<ReplicaSet>],
) -> i32 {
    let current = new.map_or(0, |set| size(set));
    new_size(deployment, current, total(old) + current)
}

/// Which old sets shrink now: first by pods that are not available anyway, then as far as availability allows.
pub(super) fn shrink_old(deployment: &Deployment, new: &ReplicaSet, old: &[Arc<ReplicaSet>]) -> Vec<Resize> {
    let old_pods = total(old);
    if old_pods == 0 {
        return Vec::new();
    }
    let least = wanted(deployment) - max_unavailable(deployment);
    let new_unavailable = size(new) - available(new);
    let most_removed = old_pods + size(new) - least - new_unavailable;
    if most_removed <= 0 {
        return Vec::new();
    }
    let mut sets: Vec<_> = old.iter().map(|set| (set, size(set))).collect();
    sets.sort_by_key(|(set, _)| created(&***set));
    let mut removed = 0;
    for (set, left) in &mut sets {
        let broken = (size(set) - available(set)).max(0);
        let cut = broken.min(most_removed - removed).max(0);
        *left -= cut;
        removed += cut;
    }
    let all_available = available(new) + old.iter().map(|set| available(set)).sum::<i32>();
    let mut spare = (all_available - least).max(0);
    for (_, left) in &mut sets {
        let cut = spare.min(*left);
        *left -= cut;
        spare -= cut;
    }
    resizes(sets.into_iter().map(|(set, to)| (set.clone(), to)))
}

fn resizes(sizes: impl Iterator<Item = (Arc<ReplicaSet>, i32)>) -> Vec<Resize> {
    sizes.filter(|(set, to)| size(set) != *to).map(|(set, to)| Resize { set, to }).collect()
}

/// The sizes after `replicas` changed (or while paused): without regard to availability, since no template changes.
pub(super) fn rescale(
    deployment: &Deployment,
    new: Option<&Arc<ReplicaSet>>,
    old: &[Arc<ReplicaSet>],
) -> Vec<Resize> {
    let wanted = wanted(deployment);
    let all = || new.into_iter().chain(old);
    let active: Vec<_> = all().filter(|set| size(set) > 0).cloned().collect();
    let newest_old = old.iter().max_by_key(|set| created(&***set));
    match active.as_slice() {
        [] => return resizes(new.or(newest_old).map(|set| (set.clone(), wanted)).into_iter()),
        [only] => return resizes(std::iter::once((only.clone(), wanted))),
        _ => {}
    }
    if let Some(new) = new
        && size(new) == wanted
        && number(new, DESIRED) == Some(wanted)
        && available(new) == wanted
    {
        return resizes(old.iter().map(|set| (set.clone(), 0)));
    }
    if recreates(deployment) { Vec::new() } else { proportional(deployment, active) }
}

/// Shares out what is to be added or removed by size; the largest set takes what rounding leaves.
fn proportional(deployment: &Deployment, mut sets: Vec<Arc<ReplicaSet>>) -> Vec<Resize> {
    let allowed = if wanted(deployment) > 0 { max_total(deployment) } else { 0 };
    let change = allowed - total(&sets);
    // Larger sets first; among equals the newer ones grow first and the older ones shrink first.
    sets.sort_by(|one, other| {
        let by_age = created(&**one).cmp(&created(&**other));
        size(other).cmp(&size(one)).then(if change > 0 { by_age.reverse() } else { by_age })
    });
    let (mut given, mut sizes) = (0, Vec::new());
    for set in sets {
        let part = proportion(deployment, &set, change, given);
        given += part;
        sizes.push((size(&set) + part, set));
    }
    if let Some((largest, _)) = sizes.first_mut() {
        *largest = (*largest + change - given).max(0);
    }
    resizes(sizes.into_iter().map(|(to, set)| (set, to)))
}

fn proportion(deployment: &Deployment, set: &ReplicaSet, change: i32, given: i32) -> i32 {
    if size(set) == 0 || change == 0 || change == given {
        return 0;
    }
    let before = number(set, MAXIMUM)
        .filter(|maximum| *maximum > 0)
        .unwrap_or_else(|| deployment.status.as_ref().and_then(|status| status.replicas).unwrap_or(0).max(1));
    let fraction = if wanted(deployment) == 0 {
        -size(set)
    } else {
        let target = f64::from(size(set)) * f64::from(max_total(deployment)) / f64::from(before);
        target.round() as i32 - size(set)
    };
    let left = change - given;
    if change > 0 { fraction.min(left) } else { fraction.max(left) }
}

/// Whether the Deployment was scaled since its sets last were.
pub(super) fn was_scaled(deployment: &Deployment, sets: &[Arc<ReplicaSet>]) -> bool {
    let active = sets.iter().filter(|set| size(set) > 0);
    active.filter_map(|set| number(set, DESIRED)).any(|desired| desired != wanted(deployment))
}

fn number(set: &ReplicaSet, annotation: &str) -> Option<i32> {
    set.metadata.annotations.as_ref()?.get(annotation)?.parse().ok()
}

/// Old sets that the history limit does not keep: empty ones, lowest revision first.
pub(super) fn surplus(deployment: &Deployment, old: &[Arc<ReplicaSet>]) -> Vec<Arc<ReplicaSet>> {
    let limit = usize::try_from(deployment.spec.revision_history_limit.unwrap_or(10)).unwrap_or(0);
    let mut kept: Vec<_> =
        old.iter().filter(|set| set.metadata.deletion_timestamp.is_none()).cloned().collect();
    let too_many = kept.len().saturating_sub(limit);
    kept.sort_by_key(|set| (super::revision::revision(&set.metadata), created(&**set)));
    kept.truncate(too_many);
    kept.retain(|set| {
        let status = set.status.clone().unwrap_or_default();
        let settled = status.observed_generation.unwrap_or(0) >= set.metadata.generation.unwrap_or(0);
        status.replicas == 0 && size(set) == 0 && settled
    });
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(replicas: i32, surge: &str, unavailable: &str) -> Deployment {
        let number = |text: &str| text.parse::<i32>().map_or_else(|_| json!(text), |number| json!(number));
        serde_json::from_value(json!({"metadata": {}, "spec": {"replicas": replicas, "selector": {}, "template": {},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": number(surge), "maxUnavailable": number(unavailable)}}}}))
        .unwrap()
    }

    fn set(name: &str, replicas: i32, available: i32, maximum: i32) -> Arc<ReplicaSet> {
        let second = name.bytes().last().unwrap_or(0) % 60;
        Arc::new(
            serde_json::from_value(json!({"metadata": {"name": name, "generation": 1,
                "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
                "annotations": {MAXIMUM: maximum.to_string(), DESIRED: maximum.to_string()}},
                "spec": {"replicas": replicas, "selector": {}},
                "status": {"replicas": replicas, "availableReplicas": available, "observedGeneration": 1}}))
            .unwrap(),
        )
    }

    fn shown(resizes: Vec<Resize>) -> Vec<(String, i32)> {
        let mut shown: Vec<_> = resizes
            .into_iter()
            .map(|resize| (resize.set.metadata.name.clone().unwrap(), resize.to))
            .collect();
        shown.sort();
        shown
    }

    #[test]
    fn fences_round_surge_up_and_unavailable_down() {
        for (replicas, surge, unavailable, expected) in [
            (10, "25%", "25%", (3, 2)),
            (1, "25%", "25%", (1, 0)),
            (3, "0", "0", (0, 1)),
            (4, "0", "10%", (0, 1)),
            (5, "2", "3", (2, 3)),
        ] {
            assert_eq!(
                fences(&deployment(replicas, surge, unavailable)),
                expected,
                "{replicas} {surge} {unavailable}"
            );
        }
    }

    #[test]
    fn the_new_set_grows_as_far_as_the_surge_allows() {
        let d = deployment(10, "2", "2");
        for (new, old, expected) in [(0, 10, 2), (2, 8, 4), (4, 8, 4), (0, 0, 10), (12, 0, 10), (10, 0, 10)] {
            let (new, old) = (set("b", new, 0, 12), [set("a", old, 0, 12)]);
            assert_eq!(grow_new(&d, Some(&new), &old), expected, "{} beside {}", size(&new), size(&old[0]));
        }
    }

    #[test]
    fn old_sets_shrink_by_broken_pods_first_and_never_below_availability() {
        let d = deployment(10, "2", "2");
        // All 10 old ones available, 2 new ones not yet: 2 may go.
        assert_eq!(shown(shrink_old(&d, &set("b", 2, 0, 12), &[set("a", 10, 10, 12)])), [("a".into(), 8)]);
        // New ones are up: 4 may go.
        assert_eq!(shown(shrink_old(&d, &set("b", 2, 2, 12), &[set("a", 10, 10, 12)])), [("a".into(), 6)]);
        // Broken old pods go though availability is short.
        assert_eq!(shown(shrink_old(&d, &set("b", 2, 0, 12), &[set("a", 8, 5, 12)])), []);
        assert_eq!(shown(shrink_old(&d, &set("b", 4, 4, 12), &[set("a", 8, 4, 12)])), [("a".into(), 4)]);
        assert_eq!(shown(shrink_old(&d, &set("b", 10, 10, 12), &[set("a", 2, 2, 12)])), [("a".into(), 0)]);
    }

    #[test]
    fn a_rollout_ends_and_keeps_its_promises() {
        for (replicas, surge, unavailable) in
            [(10, "25%", "25%"), (1, "1", "0"), (7, "0", "1"), (3, "100%", "0"), (5, "1", "50%")]
        {
            let d = deployment(replicas, surge, unavailable);
            let (mut old, mut new) = (replicas, 0);
            for step in 0.. {
                assert!(step < 100, "never ends: {replicas} {surge} {unavailable}");
                let sets = |old, new| (set("a", old, old, replicas), set("b", new, new, replicas));
                let (a, b) = sets(old, new);
                let grown = grow_new(&d, Some(&b), std::slice::from_ref(&a));
                // The new pods are not available at once.
                let not_yet = set("b", grown, new, replicas);
                let shrunk = shrink_old(&d, &not_yet, std::slice::from_ref(&a))
                    .first()
                    .map_or(old, |resize| resize.to);
                assert!(grown + old <= max_total(&d), "too many");
                assert!(new + shrunk >= replicas - max_unavailable(&d), "too few");
                (old, new) = (shrunk, grown);
                if (old, new) == (0, replicas) {
                    break;
                }
            }
        }
    }

    #[test]
    fn scaling_in_mid_rollout_is_shared_out() {
        // Upstream's documented example: 10 replicas, maxSurge 3, maxUnavailable 2, 8 + 5 pods, scaled to 15.
        let d = deployment(15, "3", "2");
        let sets = [set("a", 8, 8, 13)];
        assert_eq!(shown(rescale(&d, Some(&set("b", 5, 0, 13)), &sets)), [("a".into(), 11), ("b".into(), 7)]);
        let down = deployment(5, "3", "2");
        let total: i32 = {
            let resized = rescale(&down, Some(&set("b", 5, 0, 13)), &sets);
            resized.iter().map(|resize| resize.to).sum()
        };
        assert_eq!(total, 8);
        let zero = deployment(0, "3", "2");
        assert_eq!(
            shown(rescale(&zero, Some(&set("b", 5, 0, 13)), &sets)),
            [("a".into(), 0), ("b".into(), 0)]
        );
    }

    #[test]
    fn only_empty_settled_sets_beyond_the_limit_go() {
        let mut d = deployment(1, "1", "0");
        d.spec.revision_history_limit = Some(1);
        let old = [set("a", 0, 0, 1), set("b", 0, 0, 1), set("c", 2, 0, 1)];
        let names: Vec<_> = surplus(&d, &old).iter().map(|set| set.metadata.name.clone().unwrap()).collect();
        assert_eq!(names, ["a", "b"]);
        d.spec.revision_history_limit = Some(3);
        assert!(surplus(&d, &old).is_empty());
    }
}
