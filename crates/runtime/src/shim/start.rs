//! Making the sandbox: namespaces, kernel settings, shared memory, cgroup, socket, and the record of it all.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::server::Server;
use crate::cgroup::{Cgroup, Hierarchies};
use crate::child::{SharedMemory, reason};
use crate::files::{now_ms, replace, start_ticks};
use crate::protocol::{SandboxRecord, Start, names};
use crate::spec::SandboxSpec;
use crate::sys::{self, ATTR_NODEV, ATTR_NOEXEC, ATTR_NOSUID, Fork, FsOption, new_mount};
use crate::wire;

fn named<T>(result: io::Result<T>, step: &str) -> Result<T, String> {
    result.map_err(|error| format!("{step}: {}", reason(&error)))
}

/// Makes the sandbox that `folder/spec.json` asks for, in this process. The error is for the reader.
pub(super) fn start(folder: &Path) -> Result<Server, String> {
    let path = folder.join(names::SPEC);
    let text = named(fs::read(&path), &format!("cannot read {}", path.display()))?;
    let start: Start =
        serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let spec = start.sandbox;
    named(std::env::set_current_dir("/"), "cannot change to /")?;
    let _ = sys::set_name(c"launchway-shim");
    named(sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0), "cannot adopt orphans")?;
    let signals = named(sys::child_signals(), "cannot receive signals")?;
    // Containers must not be killed for a shim that grew: it is the last to go where the node permits that.
    let _ = fs::write("/proc/self/oom_score_adj", "-998");

    namespaces(&spec)?;
    let shared_memory = shared_memory(&spec, folder)?;
    let hierarchies = Hierarchies::detect().ok_or("no cgroup file system is mounted on this node")?;
    let group_path = group_path(&start.cgroup_parent, &spec);
    let cgroup = Cgroup::create(&hierarchies, &group_path).map_err(|error| error.to_string())?;
    let made = cgroup.apply(&spec.resources).map_err(|error| error.to_string()).and_then(|()| {
        let init = if spec.share_pid && !spec.host_pid { Some(pod_init(&cgroup)?) } else { None };
        let listener = announce(&spec, folder, &cgroup)?;
        Server::new(folder, spec, cgroup.clone(), shared_memory, init, listener, signals)
    });
    if made.is_err() {
        let _ = cgroup.remove();
        let _ = sys::unmount(&folder.join(names::SHARED_MEMORY));
    }
    made
}

/// Where the pod's cgroup lies: in its class, below the parent of all.
fn group_path(parent: &str, spec: &SandboxSpec) -> String {
    let parent = parent.trim_end_matches('/');
    let class = if spec.class.is_empty() { String::new() } else { format!("/{}", spec.class) };
    format!("{parent}{class}/pod{}", spec.uid)
}

fn namespaces(spec: &SandboxSpec) -> Result<(), String> {
    let mut flags = 0;
    if !spec.host_network {
        flags |= libc::CLONE_NEWNET | libc::CLONE_NEWUTS;
    }
    if !spec.host_ipc {
        flags |= libc::CLONE_NEWIPC;
    }
    named(sys::unshare(flags), "cannot make the pod's namespaces")?;
    if !spec.host_network {
        named(sys::loopback_up(), "cannot bring the loopback interface up")?;
        if !spec.hostname.is_empty() {
            named(sys::sethostname(&spec.hostname), &format!("cannot set host name {:?}", spec.hostname))?;
        }
    }
    sysctls(spec)
}

/// Sets kernel values, but only those that belong to a namespace of the pod's own.
fn sysctls(spec: &SandboxSpec) -> Result<(), String> {
    const OF_IPC: [&str; 4] = ["kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."];
    for (name, value) in &spec.sysctls {
        let dotted = name.replace('/', ".");
        let own = if dotted.starts_with("net.") {
            !spec.host_network
        } else {
            !spec.host_ipc && OF_IPC.iter().any(|prefix| dotted.starts_with(prefix))
        };
        if !own || dotted.contains("..") {
            return Err(format!("sysctl {name} belongs to the whole node, not to the pod"));
        }
        let path = Path::new("/proc/sys").join(dotted.replace('.', "/"));
        named(fs::write(&path, value), &format!("cannot set sysctl {name} to {value:?}"))?;
    }
    Ok(())
}

fn shared_memory(spec: &SandboxSpec, folder: &Path) -> Result<SharedMemory, String> {
    if spec.host_ipc {
        return Ok(SharedMemory::Host);
    }
    let size = CString::new(spec.shm_size.unwrap_or(64 << 20).to_string()).unwrap_or_default();
    let options = [FsOption::Value(c"mode", c"1777"), FsOption::Value(c"size", &size)];
    let attributes = ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC;
    let mount = named(new_mount(c"tmpfs", &options, attributes), "cannot make the pod's /dev/shm")?;
    use std::os::fd::AsFd;
    if let Ok(copy) = sys::clone_tree(mount.as_fd()) {
        // Letting go of a mount waits for every processor (milliseconds): it may stay until the shim ends.
        std::mem::forget(copy);
        return Ok(SharedMemory::Detached(mount));
    }
    // Before Linux 6.15 a mount has to be attached somewhere to be copied.
    let place = folder.join(names::SHARED_MEMORY);
    let mounted = fs::create_dir_all(&place).and_then(|()| sys::move_mount(mount.as_fd(), &place));
    named(mounted, "cannot mount the pod's /dev/shm")?;
    Ok(SharedMemory::Folder(place))
}

/// Makes the pod's PID namespace (its group has a name that no container can have): later children of this process are born into it. Its first process does
/// nothing but reap orphans.
fn pod_init(cgroup: &Cgroup) -> Result<i32, String> {
    let group = cgroup.child(".init", false).map_err(|error| error.to_string())?;
    named(sys::unshare(libc::CLONE_NEWPID), "cannot make the pod's PID namespace")?;
    match named(sys::fork(0), "cannot fork the pod's first process")? {
        Fork::Parent(pid) => Ok(pid),
        Fork::Child => {
            sys::reset_signals();
            let _ = sys::close_all_but(&mut []);
            // The starter waits for the end of what the shim says.
            super::release_output();
            let _ = sys::set_name(c"pod-init");
            // The pod ends with its shim.
            let _ = sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0);
            if group.join().is_err() {
                sys::exit_now(1);
            }
            sys::reap_for_ever()
        }
    }
}

/// Opens the socket and writes the record, in this order: who finds the record can connect.
fn announce(spec: &SandboxSpec, folder: &Path, cgroup: &Cgroup) -> Result<UnixListener, String> {
    let containers = folder.join(names::CONTAINERS);
    named(fs::create_dir_all(&containers), &format!("cannot make {}", containers.display()))?;
    let socket = folder.join(names::SOCKET);
    let _ = fs::remove_file(&socket);
    let listener = named(
        wire::in_folder(folder, names::SOCKET, UnixListener::bind),
        &format!("cannot listen on {}", socket.display()),
    )?;
    let private = fs::Permissions::from_mode(0o600);
    named(fs::set_permissions(&socket, private), &format!("cannot protect {}", socket.display()))?;
    named(listener.set_nonblocking(true), "cannot set the socket up")?;
    let pid = std::process::id() as i32;
    let record = SandboxRecord {
        uid: spec.uid.clone(),
        name: spec.name.clone(),
        namespace: spec.namespace.clone(),
        pid,
        start_ticks: start_ticks(pid).unwrap_or(0),
        created_at: now_ms(),
        host_network: spec.host_network,
        labels: BTreeMap::clone(&spec.labels),
        cgroup: cgroup.clone(),
    };
    let json = serde_json::to_vec(&record).map_err(|error| format!("cannot write the record: {error}"))?;
    let path = folder.join(names::RECORD);
    named(replace(&path, &json, false), &format!("cannot write {}", path.display()))?;
    Ok(listener)
}
