//! What a pod sandbox, a container and an exec'ed process are asked to be.
//!
//! Plain values that cross the shim's socket as JSON. What a field may hold follows the CRI
//! (`runtime.v1` of Kubernetes) and the OCI runtime specification; nothing here touches the system.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A pod's sandbox: the namespaces and the cgroup that its containers share.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SandboxSpec {
    /// The pod's UID: names its folder, its cgroup and its socket.
    pub uid: String,
    /// The pod's name, for messages.
    pub name: String,
    /// The pod's namespace, for messages.
    pub namespace: String,
    /// Host name inside the UTS namespace; not used with `host_network`.
    pub hostname: String,
    /// Stay in the node's network and UTS namespaces.
    pub host_network: bool,
    /// Let the containers stay in the node's PID namespace.
    pub host_pid: bool,
    /// Stay in the node's IPC namespace (and share its `/dev/shm`).
    pub host_ipc: bool,
    /// One PID namespace for all containers of the pod.
    pub share_pid: bool,
    /// Kernel settings of the pod's namespaces, by dotted name (`net.ipv4.ip_unprivileged_port_start`).
    pub sysctls: BTreeMap<String, String>,
    /// Limits of the whole pod's cgroup.
    pub resources: Resources,
    /// Name of the group that the pod's cgroup lies in, below the parent of all; directly there when empty.
    pub class: String,
    /// Size limit of the shared `/dev/shm` in bytes; 64 MiB when `None`.
    pub shm_size: Option<u64>,
    /// Kept with the sandbox and given back in [`crate::SandboxState`].
    pub labels: BTreeMap<String, String>,
}

/// One container.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    /// Identity of this very container (not of its name in the pod): letters, digits, `-`, `_`, `.`.
    pub id: String,
    /// Name in the pod.
    pub name: String,
    /// How many containers of this name came before.
    pub attempt: u32,
    /// Program and arguments; a program without a slash is looked up in the container's `PATH`.
    pub args: Vec<String>,
    /// Environment as `NAME=value`; `PATH` and `HOME` are filled in when absent.
    pub env: Vec<String>,
    /// Working directory; made when it does not exist. `/` when empty.
    pub cwd: String,
    /// Who the process is.
    pub user: User,
    /// Unpacked image layers, top layer first. May be empty: then the root is empty.
    pub lower_dirs: Vec<PathBuf>,
    /// What is mounted over the root.
    pub mounts: Vec<Mount>,
    /// Device nodes beyond the standard ones.
    pub devices: Vec<Device>,
    /// Capabilities added to and dropped from the default set.
    pub capabilities: Capabilities,
    /// System call filter.
    pub seccomp: Seccomp,
    /// Refuse privileges gained by exec (set-user-ID programs).
    pub no_new_privs: bool,
    /// Root file system is read-only (mounts keep their own flags).
    pub readonly_root: bool,
    /// All capabilities, all devices, no seccomp, nothing masked, `/sys` and cgroups writable.
    pub privileged: bool,
    /// Paths that read as empty; the usual list when `None`.
    pub masked_paths: Option<Vec<String>>,
    /// Paths that cannot be written; the usual list when `None`.
    pub readonly_paths: Option<Vec<String>>,
    /// Limits of the container's cgroup.
    pub resources: Resources,
    /// Resource limits of the process; what the node does not permit is left out with a warning.
    pub rlimits: Vec<Rlimit>,
    /// OOM score adjustment; lowered as far as the node permits.
    pub oom_score_adj: Option<i32>,
    /// File that receives the output in CRI log format; none: output is only for those attached.
    pub log_path: Option<PathBuf>,
    /// Rotation of `log_path` by the shim itself.
    pub log_limit: Option<LogLimit>,
    /// Give the process a terminal.
    pub tty: bool,
    /// Keep an open standard input that attached clients can write to; else it is `/dev/null`.
    pub stdin: bool,
    /// Close standard input when the first attached client has closed it.
    pub stdin_once: bool,
    /// Id of a running container of the pod whose PID namespace is joined instead of a new one.
    pub pid_target: Option<String>,
    /// Kept with the container and given back in [`crate::ContainerStatus`].
    pub labels: BTreeMap<String, String>,
}

/// A process started inside a running container. Namespaces, cgroup, capabilities, seccomp filter and user
/// are the container's.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecSpec {
    /// Program and arguments.
    pub args: Vec<String>,
    /// Environment added to (and winning over) the container's.
    pub env: Vec<String>,
    /// Working directory; the container's when `None`.
    pub cwd: Option<String>,
    /// Give the process a terminal; output and errors are then one stream.
    pub tty: bool,
    /// Connect standard input.
    pub stdin: bool,
}

/// Who a process is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// As in an image's configuration: `""` (root), `1000`, `1000:1000`, `name`, `name:group`. Names are
    /// looked up in the container's own `/etc/passwd` and `/etc/group`.
    pub user: String,
    /// Wins over the group that `user` gives.
    pub group: Option<u32>,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Leave out the supplementary groups that the container's `/etc/group` gives the user.
    pub strict_groups: bool,
}

/// One mount over the container's root.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mount {
    /// What is mounted.
    pub source: MountSource,
    /// Absolute path in the container; made when missing.
    pub target: String,
    /// Read-only, with everything below it.
    #[serde(default)]
    pub readonly: bool,
    /// How later mounts travel between node and container.
    #[serde(default)]
    pub propagation: Propagation,
}

/// What a [`Mount`] shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum MountSource {
    /// A file or folder of the node, with the mounts below it.
    Bind(PathBuf),
    /// A new memory file system.
    Tmpfs {
        /// Size limit in bytes.
        size: Option<u64>,
        /// Permission bits of its root.
        mode: u32,
    },
}

/// How mounts made later travel between the node and the container (`mountPropagation`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Propagation {
    /// Not at all.
    #[default]
    Private,
    /// From the node into the container.
    HostToContainer,
    /// Both ways.
    Bidirectional,
}

/// A device node of the node that the container may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Device {
    /// Path on the node.
    pub source: PathBuf,
    /// Path in the container.
    pub target: String,
    /// Any of `r`, `w`, `m`.
    pub access: String,
}

/// Capabilities relative to the default set of fourteen; names with or without `CAP_`, or `ALL`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Added after dropping.
    pub add: Vec<String>,
    /// Dropped from the default set.
    pub drop: Vec<String>,
    /// Also ambient (and inheritable): kept by a process that is not root.
    pub ambient: Vec<String>,
}

/// System call filter of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seccomp {
    /// The built-in default profile.
    #[default]
    Default,
    /// None.
    Unconfined,
    /// A profile in the OCI runtime specification's JSON form (`linux.seccomp`).
    Profile(String),
}

/// cgroup limits; `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Memory in bytes.
    pub memory_limit: Option<u64>,
    /// Memory that is kept from being reclaimed, in bytes (v2 `memory.min`; nothing on v1).
    pub memory_min: Option<u64>,
    /// CPU time in microseconds per `cpu_period`.
    pub cpu_quota: Option<i64>,
    /// Period in microseconds; 100000 when `None`.
    pub cpu_period: Option<u64>,
    /// Relative weight, 2 to 262144 (v1 scale; 1024 is one CPU).
    pub cpu_shares: Option<u64>,
    /// CPUs in list format (`0-1`).
    pub cpuset: Option<String>,
    /// Number of processes and threads.
    pub pids: Option<u64>,
}

/// One resource limit of a process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rlimit {
    /// `RLIMIT_NOFILE` and so on.
    pub name: String,
    /// What counts now.
    pub soft: u64,
    /// How far it may be raised.
    pub hard: u64,
}

/// When the shim rotates a log by itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogLimit {
    /// Size at which a file is put aside.
    pub max_bytes: u64,
    /// How many files are kept, the current one included.
    pub files: u32,
}
