//! Finds the cgroup hierarchies of the node from `/proc/self/mountinfo` and `/proc/self/cgroup`.

use std::fs;
use std::path::PathBuf;

/// The controllers that are used where the node has them under version 1.
const CONTROLLERS: [&str; 7] = ["cpu", "cpuacct", "memory", "pids", "devices", "freezer", "cpuset"];

/// One mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// One controller of it; several on one mount are named by the first.
    pub(crate) controller: String,
    /// Where it is mounted.
    pub(crate) mount: PathBuf,
    /// This process's own group in it.
    pub(crate) own: String,
}

/// How the node does cgroups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hierarchies {
    /// Version 1 and the hybrid, in which the version 2 mount has none of the controllers needed.
    V1(Vec<Hierarchy>),
    /// Version 2 alone.
    V2(Hierarchy),
}

impl Hierarchies {
    /// Of this process; `None` when no cgroup file system is mounted.
    pub(crate) fn detect() -> Option<Hierarchies> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        parse(&mounts, &own)
    }
}

fn parse(mountinfo: &str, own: &str) -> Option<Hierarchies> {
    let own_group = |controller: &str| {
        own.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (names, path) = (fields.next()?, fields.next()?);
            names.split(',').any(|name| name == controller).then(|| path.to_string())
        })
    };
    let mut unified = None;
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let Some(mount) = left.split(' ').nth(4).map(PathBuf::from) else { continue };
        let fields: Vec<&str> = right.split(' ').collect();
        let [kind, _, options, ..] = fields[..] else { continue };
        match kind {
            "cgroup2" => {
                let own = own_group("").unwrap_or_else(|| "/".into());
                unified.get_or_insert(Hierarchy { controller: "unified".into(), mount, own });
            }
            "cgroup" => {
                let controller = options.split(',').find(|name| CONTROLLERS.contains(name));
                let Some(controller) = controller else { continue };
                // The same hierarchy may be mounted twice.
                if found.iter().all(|hierarchy| hierarchy.controller != controller) {
                    let own = own_group(controller).unwrap_or_else(|| "/".into());
                    found.push(Hierarchy { controller: controller.into(), mount, own });
                }
            }
            _ => {}
        }
    }
    if found.is_empty() { unified.map(Hierarchies::V2) } else { Some(Hierarchies::V1(found)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        let hybrid = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                      35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let own = "4:memory:/a/b\n1:cpu,cpuacct:/\n0::/\n";
        let Some(Hierarchies::V1(found)) = parse(hybrid, own) else { panic!("hybrid is version 1") };
        let summary: Vec<_> = found.iter().map(|h| (h.controller.as_str(), h.own.as_str())).collect();
        assert_eq!(summary, [("cpu", "/"), ("memory", "/a/b")]);
        assert_eq!(found[0].mount, PathBuf::from("/sys/fs/cgroup/cpu,cpuacct"));

        let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let Some(Hierarchies::V2(one)) = parse(unified, "0::/user.slice\n") else { panic!("version 2") };
        assert_eq!((one.mount, one.own.as_str()), (PathBuf::from("/sys/fs/cgroup"), "/user.slice"));
        assert_eq!(parse("", ""), None);
    }
}
