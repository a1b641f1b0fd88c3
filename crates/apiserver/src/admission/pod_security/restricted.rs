//! The checks of the restricted standard beyond the baseline: today's best practice of hardening.

use std::collections::BTreeSet;

use serde_json::Value;

use super::baseline::{added, confines, profile, seccomp};
use super::{Violation, containers, has_own_users, named, plural, quoted, setters, these, unmasked};
use crate::strategy::fields::{items, text};

/// Volumes that come from the pod's own namespace.
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// All other kinds of volumes.
const FOREIGN: [&str; 21] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
];

/// What the pod does that the standard of v1.`minor` forbids beyond the baseline.
pub(super) fn check(spec: &Value, minor: u32) -> Vec<Violation> {
    // Fields that mean nothing on Windows are not asked for there.
    let windows = minor >= 25 && spec.pointer("/os/name").is_some_and(|name| name == "windows");
    let own_users = minor >= 35 && has_own_users(spec);
    let found = [
        escalation(spec).filter(|_| minor >= 8 && !windows),
        capabilities(spec).filter(|_| minor >= 22 && !windows),
        unmasked(spec).filter(|_| minor >= 35),
        volumes(spec),
        root(spec).filter(|_| !own_users),
        user_zero(spec).filter(|_| minor >= 23 && !own_users),
        seccomp(spec).or_else(|| unconfined(spec)).filter(|_| minor >= 19 && !windows),
    ];
    found.into_iter().flatten().collect()
}

fn escalation(spec: &Value) -> Option<Violation> {
    let names = named(spec, |one| {
        one.pointer("/securityContext/allowPrivilegeEscalation") != Some(&Value::Bool(false))
    });
    (!names.is_empty()).then(|| {
        let detail = format!("{} must set securityContext.allowPrivilegeEscalation=false", these(&names));
        Violation::new("allowPrivilegeEscalation != false", detail)
    })
}

fn capabilities(spec: &Value) -> Option<Violation> {
    let keeps = |one: &Value| {
        let dropped = one.pointer("/securityContext/capabilities/drop").and_then(Value::as_array);
        !dropped.is_some_and(|list| list.iter().any(|name| name == "ALL"))
    };
    let bad = |name: &&str| *name != "NET_BIND_SERVICE";
    let (keeping, adding) = (named(spec, keeps), named(spec, |one| added(one).any(|name| bad(&name))));
    let mut details = Vec::new();
    if !keeping.is_empty() {
        details.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", these(&keeping)));
    }
    if !adding.is_empty() {
        let all: BTreeSet<&str> = containers(spec).flat_map(added).filter(bad).collect();
        let list = quoted(all);
        details
            .push(format!("{} must not include {list} in securityContext.capabilities.add", these(&adding)));
    }
    (!details.is_empty()).then(|| Violation::new("unrestricted capabilities", details.join("; ")))
}

fn volumes(spec: &Value) -> Option<Violation> {
    let has = |volume: &Value, kinds: &[&'static str]| {
        kinds.iter().copied().find(|kind| volume.get(*kind).is_some_and(Value::is_object))
    };
    let bad: Vec<&Value> = items(spec, "volumes").iter().filter(|one| has(one, &VOLUMES).is_none()).collect();
    let kinds: BTreeSet<&str> = bad.iter().map(|one| has(one, &FOREIGN).unwrap_or("unknown")).collect();
    (!bad.is_empty()).then(|| {
        let detail = format!(
            "{} {} {} {} {}",
            plural(bad.len(), "volume", "volumes"),
            quoted(bad.iter().map(|one| text(one, "name"))),
            plural(bad.len(), "uses", "use"),
            plural(kinds.len(), "restricted volume type", "restricted volume types"),
            quoted(kinds)
        );
        Violation::new("restricted volume types", detail)
    })
}

fn root(spec: &Value) -> Option<Violation> {
    let set = |holder: &Value| holder.pointer("/securityContext/runAsNonRoot").and_then(Value::as_bool);
    let refusing = named(spec, |one| set(one) == Some(false));
    let detail = match setters(set(spec) == Some(false), &refusing) {
        Some(who) => format!("{who} must not set securityContext.runAsNonRoot=false"),
        None if set(spec) == Some(true) => return None,
        None => {
            let silent = named(spec, |one| set(one).is_none());
            if silent.is_empty() {
                return None;
            }
            format!("pod or {} must set securityContext.runAsNonRoot=true", these(&silent))
        }
    };
    Some(Violation::new("runAsNonRoot != true", detail))
}

fn user_zero(spec: &Value) -> Option<Violation> {
    let zero =
        |holder: &Value| holder.pointer("/securityContext/runAsUser").and_then(Value::as_i64) == Some(0);
    let who = setters(zero(spec), &named(spec, zero))?;
    Some(Violation::new("runAsUser=0", format!("{who} must not set runAsUser=0")))
}

/// Containers that nobody has given a seccomp profile.
fn unconfined(spec: &Value) -> Option<Violation> {
    if profile(spec).is_some_and(confines) {
        return None;
    }
    let names = named(spec, |one| profile(one).is_none());
    (!names.is_empty()).then(|| {
        let detail = format!(
            "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
            these(&names)
        );
        Violation::new("seccompProfile", detail)
    })
}
