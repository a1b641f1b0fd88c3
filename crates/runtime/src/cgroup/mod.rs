//! One cgroup, whatever the node has: version 1, version 2, or the hybrid of both.
//!
//! A [`Cgroup`] is the same path below every hierarchy that is used; it is kept with the sandbox on disk so
//! that its processes can be found and ended without the shim. Nothing is made outside the configured
//! parent. cpusets are only used when asked for.

mod detect;
mod devices;
mod v1;
mod v2;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use detect::Hierarchies;
pub(crate) use devices::{DeviceRule, standard_devices};

use crate::spec::Resources;
use crate::state::Stats;
use crate::sys;

/// A cgroup operation that failed: what was tried on which file.
#[derive(Debug, thiserror::Error)]
#[error("cgroup {}: {action}: {error}", path.display())]
pub(crate) struct CgroupError {
    path: PathBuf,
    action: String,
    error: io::Error,
}

fn fault(path: &Path, action: impl Into<String>) -> impl FnOnce(io::Error) -> CgroupError {
    let (path, action) = (path.to_path_buf(), action.into());
    move |error| CgroupError { path, action, error }
}

/// A group of processes in every hierarchy that is used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cgroup {
    version: u8,
    /// Folder by controller; for version 2 the one folder under the name `unified`.
    folders: BTreeMap<String, PathBuf>,
}

impl Cgroup {
    /// Makes the group `path` (absolute, as `/launchway/pod…`) in the hierarchies, or below this process's own
    /// groups where the root refuses.
    pub(crate) fn create(hierarchies: &Hierarchies, path: &str) -> Result<Cgroup, CgroupError> {
        match hierarchies {
            Hierarchies::V1(mounts) => v1::create(mounts, path),
            Hierarchies::V2(mount) => v2::create(mount, path),
        }
    }

    /// Makes a group below this one, under version 1 in the cpuset hierarchy only when `cpuset`.
    pub(crate) fn child(&self, name: &str, cpuset: bool) -> Result<Cgroup, CgroupError> {
        let mut child = Cgroup { version: self.version, folders: BTreeMap::new() };
        let made = self.make_child(&mut child, name, cpuset);
        if made.is_err() {
            child.remove_if_empty();
        }
        made.map(|()| child)
    }

    fn make_child(&self, child: &mut Cgroup, name: &str, cpuset: bool) -> Result<(), CgroupError> {
        if self.version == 2 {
            v2::enable_controllers(&self.folders["unified"])?;
        }
        for (controller, folder) in self.folders.iter().filter(|(name, _)| cpuset || *name != "cpuset") {
            let folder = folder.join(name);
            match fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(fault(&folder, "cannot create")(error));
                }
                _ => child.folders.insert(controller.clone(), folder),
            };
        }
        if self.version == 1 { v1::inherit_cpuset(child) } else { Ok(()) }
    }

    /// The group of that name below this one, which is thought to exist.
    pub(crate) fn below(&self, name: &str) -> Cgroup {
        let existing =
            self.folders.iter().map(|(controller, folder)| (controller.clone(), folder.join(name)));
        Cgroup { version: self.version, folders: existing.filter(|(_, folder)| folder.is_dir()).collect() }
    }

    /// Sets limits. Values that are `None` stay as they are.
    pub(crate) fn apply(&self, resources: &Resources) -> Result<(), CgroupError> {
        if self.version == 1 { v1::apply(self, resources) } else { v2::apply(self, resources) }
    }

    /// Lets processes use these devices alone.
    pub(crate) fn allow_devices(&self, rules: &[DeviceRule]) -> Result<(), CgroupError> {
        if self.version == 1 { v1::allow_devices(self, rules) } else { devices::attach(self, rules) }
    }

    /// Moves this (single-threaded) process into the group.
    pub(crate) fn join(&self) -> Result<(), CgroupError> {
        // Version 1 lets a thread move itself by `tasks` without the global lock that `cgroup.procs` takes,
        // which costs milliseconds per hierarchy.
        let file = if self.version == 1 { "tasks" } else { "cgroup.procs" };
        self.folders.values().try_for_each(|folder| write(&folder.join(file), "0"))
    }

    /// How often the kernel killed here for want of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let file = if self.version == 1 { "memory.oom_control" } else { "memory.events" };
        self.folder("memory").and_then(|folder| keyed(&folder.join(file), "oom_kill")).unwrap_or(0)
    }

    /// What was used so far.
    pub(crate) fn stats(&self) -> Stats {
        if self.version == 1 { v1::stats(self) } else { v2::stats(self) }
    }

    /// Processes here and in the groups below.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let mut found = Vec::new();
        if let Some(folder) = self.process_folder() {
            collect_processes(folder, &mut found);
        }
        found
    }

    /// Sends SIGKILL to every process here and below; frozen meanwhile, so that none can fork away.
    pub(crate) fn kill(&self) {
        let Some(folder) = self.process_folder() else { return };
        if self.version == 2 && fs::write(folder.join("cgroup.kill"), "1").is_ok() {
            return;
        }
        let freezer = self.folders.get("freezer").map(|folder| folder.join("freezer.state"));
        let freeze = |state: &str| freezer.as_ref().is_some_and(|file| fs::write(file, state).is_ok());
        freeze("FROZEN");
        for pid in self.processes() {
            // The only failure is that it is gone already.
            let _ = sys::kill(pid, libc::SIGKILL);
        }
        freeze("THAWED");
    }

    /// Kills what is left and removes the group with those below it. Fine when it is gone.
    ///
    /// The kernel lets go of a group a moment after its last process, hence the short waits; the error after
    /// half a second names what is still there.
    pub(crate) fn remove(&self) -> Result<(), CgroupError> {
        const ATTEMPTS: u32 = 60;
        for attempt in 0.. {
            let mut left = None;
            for folder in self.folders.values() {
                if let Err(error) = remove_tree(folder) {
                    left = Some(fault(folder, "cannot remove")(error));
                }
            }
            let Some(error) = left else { return Ok(()) };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            self.kill();
            std::thread::sleep(Duration::from_millis(if attempt < 10 { 1 } else { 10 }));
        }
        Ok(())
    }

    /// Removes the group, and groups below it, if no process is in them. For the parent of all, which is shared.
    pub(crate) fn remove_if_empty(&self) {
        for folder in self.folders.values() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let _ = fs::remove_dir(entry.path());
                }
            }
            let _ = fs::remove_dir(folder);
        }
    }

    /// What shows this group inside a container: name below `/sys/fs/cgroup` (empty: that folder itself) and
    /// the folder to be mounted there.
    pub(crate) fn views(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.folders
            .iter()
            .map(|(name, folder)| (if self.version == 1 { name } else { "" }, folder.as_path()))
    }

    fn folder(&self, controller: &str) -> Option<&PathBuf> {
        self.folders.get(if self.version == 1 { controller } else { "unified" })
    }

    fn process_folder(&self) -> Option<&PathBuf> {
        self.folder("freezer").or_else(|| self.folders.values().next())
    }
}

fn collect_processes(folder: &Path, found: &mut Vec<i32>) {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    found.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_processes(&entry.path(), found);
        }
    }
}

/// Removes a cgroup folder after those below it; its files go with it.
fn remove_tree(folder: &Path) -> io::Result<()> {
    match fs::remove_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
        Ok(()) => return Ok(()),
    }
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

fn write(path: &Path, value: &str) -> Result<(), CgroupError> {
    fs::write(path, value).map_err(fault(path, format!("cannot write {value:?}")))
}

fn read_number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The value of `key` in a file of `key value` lines.
fn keyed(path: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}
