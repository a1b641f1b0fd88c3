//! cgroup version 1: one folder per controller.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::detect::Hierarchy;
use super::{Cgroup, CgroupError, DeviceRule, fault, keyed, read_number, write};
use crate::spec::Resources;
use crate::state::Stats;

pub(super) fn create(mounts: &[Hierarchy], path: &str) -> Result<Cgroup, CgroupError> {
    let mut folders = BTreeMap::new();
    for hierarchy in mounts {
        let relative = path.trim_start_matches('/');
        let below_root = hierarchy.mount.join(relative);
        let folder = match fs::create_dir_all(&below_root) {
            Ok(()) => below_root,
            Err(error) if refused(&error) && hierarchy.own != "/" => {
                let own = hierarchy.mount.join(hierarchy.own.trim_start_matches('/')).join(relative);
                fs::create_dir_all(&own).map_err(fault(&own, "cannot create"))?;
                own
            }
            Err(error) => return Err(fault(&below_root, "cannot create")(error)),
        };
        folders.insert(hierarchy.controller.clone(), folder);
    }
    let cgroup = Cgroup { version: 1, folders };
    inherit_cpuset(&cgroup)?;
    Ok(cgroup)
}

fn refused(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM | libc::EROFS))
}

/// A new cpuset holds nothing and takes no process before it has CPUs and memory nodes: copy those of the
/// group above, top down.
pub(super) fn inherit_cpuset(cgroup: &Cgroup) -> Result<(), CgroupError> {
    let Some(folder) = cgroup.folders.get("cpuset") else { return Ok(()) };
    for file in ["cpuset.cpus", "cpuset.mems"] {
        inherit(folder, file)?;
    }
    Ok(())
}

fn inherit(folder: &Path, file: &str) -> Result<String, CgroupError> {
    let path = folder.join(file);
    let current = fs::read_to_string(&path).map_err(fault(&path, "cannot read"))?;
    if !current.trim().is_empty() {
        return Ok(current.trim().into());
    }
    let above = inherit(folder.parent().unwrap_or(folder), file)?;
    write(&path, &above)?;
    Ok(above)
}

pub(super) fn apply(cgroup: &Cgroup, resources: &Resources) -> Result<(), CgroupError> {
    let set = |controller: &str, file: &str, value: String| match cgroup.folders.get(controller) {
        Some(folder) => write(&folder.join(file), &value),
        None => Ok(()),
    };
    if let Some(limit) = resources.memory_limit {
        set_memory(cgroup, limit)?;
    }
    if let Some(period) = resources.cpu_period {
        set("cpu", "cpu.cfs_period_us", period.to_string())?;
    }
    if let Some(quota) = resources.cpu_quota {
        set("cpu", "cpu.cfs_quota_us", quota.to_string())?;
    }
    if let Some(shares) = resources.cpu_shares {
        set("cpu", "cpu.shares", shares.to_string())?;
    }
    if let Some(pids) = resources.pids {
        set("pids", "pids.max", pids.to_string())?;
    }
    match (&resources.cpuset, cgroup.folders.get("cpuset")) {
        (Some(cpus), Some(folder)) => write(&folder.join("cpuset.cpus"), cpus),
        (Some(_), None) => {
            let folder = cgroup.folders.values().next().cloned().unwrap_or_default();
            Err(fault(&folder, "a cpuset must be asked for at creation")(io::ErrorKind::Unsupported.into()))
        }
        (None, _) => Ok(()),
    }
}

/// Memory and, where swap is accounted, memory with swap at the same value: no swap. The two must never
/// cross, so the order depends on the direction.
fn set_memory(cgroup: &Cgroup, limit: u64) -> Result<(), CgroupError> {
    let Some(folder) = cgroup.folders.get("memory") else { return Ok(()) };
    let (memory, both) = (folder.join("memory.limit_in_bytes"), folder.join("memory.memsw.limit_in_bytes"));
    let value = limit.to_string();
    let mut order: Vec<PathBuf> = vec![memory];
    if both.exists() {
        order.push(both.clone());
        if read_number(&both).is_some_and(|current| limit > current) {
            order.reverse();
        }
    }
    order.iter().try_for_each(|file| write(file, &value))
}

pub(super) fn allow_devices(cgroup: &Cgroup, rules: &[DeviceRule]) -> Result<(), CgroupError> {
    let Some(folder) = cgroup.folders.get("devices") else { return Ok(()) };
    write(&folder.join("devices.deny"), "a")?;
    rules.iter().try_for_each(|rule| write(&folder.join("devices.allow"), &rule.to_string()))
}

pub(super) fn stats(cgroup: &Cgroup) -> Stats {
    let number = |controller: &str, file: &str| {
        cgroup.folders.get(controller).and_then(|folder| read_number(&folder.join(file))).unwrap_or(0)
    };
    let memory = |key: &str| {
        let folder = cgroup.folders.get("memory");
        folder.and_then(|folder| keyed(&folder.join("memory.stat"), key)).unwrap_or(0)
    };
    // cpuacct may be mounted together with cpu and is then named by it.
    let cpu = number("cpuacct", "cpuacct.usage").max(number("cpu", "cpuacct.usage"));
    let usage = number("memory", "memory.usage_in_bytes");
    Stats {
        cpu_ns: cpu,
        memory_usage: usage,
        memory_working_set: usage.saturating_sub(memory("total_inactive_file")),
        memory_rss: memory("total_rss"),
        pids: number("pids", "pids.current"),
    }
}
