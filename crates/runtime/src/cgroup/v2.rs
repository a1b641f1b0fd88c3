//! cgroup version 2: one folder for all controllers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::detect::Hierarchy;
use super::{Cgroup, CgroupError, fault, keyed, read_number, write};
use crate::spec::Resources;
use crate::state::Stats;

pub(super) fn create(hierarchy: &Hierarchy, path: &str) -> Result<Cgroup, CgroupError> {
    let relative = path.trim_start_matches('/');
    // Processes and sub-groups with controllers exclude each other except at the root, so a group below this
    // process's own cannot work unless that one is delegated; it is tried where the root refuses.
    let below_own = hierarchy.mount.join(hierarchy.own.trim_start_matches('/'));
    let top =
        [&hierarchy.mount, &below_own].into_iter().find(|top| fs::create_dir_all(top.join(relative)).is_ok());
    let Some(top) = top else {
        let folder = hierarchy.mount.join(relative);
        fs::create_dir_all(&folder).map_err(fault(&folder, "cannot create"))?;
        unreachable!("creating failed a moment ago and then did not");
    };
    let mut folder = top.clone();
    for part in Path::new(relative) {
        enable_controllers(&folder)?;
        folder.push(part);
    }
    Ok(Cgroup { version: 2, folders: BTreeMap::from([("unified".to_string(), folder)]) })
}

/// Hands the controllers that are used on to the groups below `folder`.
pub(super) fn enable_controllers(folder: &Path) -> Result<(), CgroupError> {
    let available = fs::read_to_string(folder.join("cgroup.controllers")).unwrap_or_default();
    let file = folder.join("cgroup.subtree_control");
    let enabled = fs::read_to_string(&file).unwrap_or_default();
    let missing: Vec<String> = ["cpu", "memory", "pids", "cpuset"]
        .into_iter()
        .filter(|name| available.split_whitespace().any(|a| a == *name))
        .filter(|name| !enabled.split_whitespace().any(|e| e == *name))
        .map(|name| format!("+{name}"))
        .collect();
    if missing.is_empty() { Ok(()) } else { write(&file, &missing.join(" ")) }
}

pub(super) fn apply(cgroup: &Cgroup, resources: &Resources) -> Result<(), CgroupError> {
    let folder = &cgroup.folders["unified"];
    let set = |file: &str, value: String| write(&folder.join(file), &value);
    if let Some(limit) = resources.memory_limit {
        set("memory.max", limit.to_string())?;
        if folder.join("memory.swap.max").exists() {
            set("memory.swap.max", "0".into())?;
        }
    }
    if let Some(memory) = resources.memory_min {
        set("memory.min", memory.to_string())?;
    }
    if let Some(quota) = resources.cpu_quota {
        let quota = if quota < 0 { "max".to_string() } else { quota.to_string() };
        set("cpu.max", format!("{quota} {}", resources.cpu_period.unwrap_or(100_000)))?;
    }
    if let Some(shares) = resources.cpu_shares {
        set("cpu.weight", weight(shares).to_string())?;
    }
    if let Some(pids) = resources.pids {
        set("pids.max", pids.to_string())?;
    }
    if let Some(cpus) = &resources.cpuset {
        set("cpuset.cpus", cpus.clone())?;
    }
    Ok(())
}

/// Weight (1 to 10000) for version 1 shares (2 to 262144), as the OCI runtimes convert.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

pub(super) fn stats(cgroup: &Cgroup) -> Stats {
    let folder = &cgroup.folders["unified"];
    let memory = |key: &str| keyed(&folder.join("memory.stat"), key).unwrap_or(0);
    let usage = read_number(&folder.join("memory.current")).unwrap_or(0);
    Stats {
        cpu_ns: keyed(&folder.join("cpu.stat"), "usage_usec").unwrap_or(0) * 1000,
        memory_usage: usage,
        memory_working_set: usage.saturating_sub(memory("inactive_file")),
        memory_rss: memory("anon"),
        pids: read_number(&folder.join("pids.current")).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::weight;

    #[test]
    fn shares_become_weights() {
        assert_eq!([2, 1024, 262_144].map(weight), [1, 39, 10_000]);
    }
}
