//! The container's file system: overlay root, kernel file systems, volumes, and what is hidden of them.
//!
//! Everything from the node is taken hold of first, as detached copies of mounts; then the root is changed;
//! only then is anything attached, by plain paths that can lead nowhere but into the container.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::dev;
use super::target::{make_file, make_folder};
use super::{Named, Step};
use crate::cgroup::Cgroup;
use crate::spec::{ContainerSpec, Mount, MountSource, Propagation};
use crate::sys::{
    self, ATTR_NODEV, ATTR_NOEXEC, ATTR_NOSUID, ATTR_RDONLY, FsOption, MountChange, move_mount, new_mount,
};

/// The pod's `/dev/shm`.
pub(crate) enum SharedMemory {
    /// The node's.
    Host,
    /// A mount that is attached nowhere: nothing shows on the node. Needs Linux 6.15 to be shared.
    Detached(OwnedFd),
    /// Mounted in the shim's folder, for kernels before that.
    Folder(PathBuf),
}

/// What is hidden when the specification does not say.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// What is read-only when the specification does not say.
const READONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

const KERNEL_FS: u64 = ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC;

/// Changes into the container's root, with everything mounted in it. Run in a mount namespace of its own.
pub(super) fn enter(
    spec: &ContainerSpec,
    cgroup: &Cgroup,
    folder: &Path,
    shared_memory: &SharedMemory,
) -> Step<()> {
    let volumes = open_volumes(spec)?;
    let groups = open_groups(spec, cgroup)?;
    let shm = open_shared_memory(shared_memory)?;
    let nodes = dev::nodes(spec)?;
    let root = overlay(spec, folder)?;

    // From here on no mount of this namespace reaches the node's, nor the other way round.
    let private = MountChange { propagation: libc::MS_PRIVATE, recursive: true, ..MountChange::default() };
    sys::set_mount_at(c"/", &private).step(|| "cannot make mounts private".into())?;
    change_root(&root, &folder.join("root"))?;

    kernel_file_systems(spec)?;
    attach_groups(groups)?;
    dev::populate(&nodes)?;
    attach(&shm, Path::new("/dev/shm"), true)?;
    for volume in volumes {
        attach_volume(volume)?;
    }
    Ok(())
}

// === root ===

fn overlay(spec: &ContainerSpec, folder: &Path) -> Step<OwnedFd> {
    for name in ["upper", "work", "root", "empty"] {
        fs::create_dir_all(folder.join(name))
            .step(|| format!("cannot make {}", folder.join(name).display()))?;
    }
    let empty = [folder.join("empty")];
    let layers = if spec.lower_dirs.is_empty() { &empty[..] } else { &spec.lower_dirs[..] };
    // By descriptor: no length limit, no characters to escape.
    let mut opened = Vec::with_capacity(layers.len());
    for layer in layers {
        let directory =
            fs::File::open(layer).step(|| format!("cannot open image layer {}", layer.display()))?;
        opened.push((directory, layer));
    }
    // Relative names keep the node's paths out of the container's mount table.
    std::env::set_current_dir(folder).step(|| format!("cannot change to {}", folder.display()))?;
    let text = |s: &str| CString::new(s).unwrap_or_default();
    let names: Vec<CString> =
        opened.iter().map(|(file, _)| text(&format!("/proc/self/fd/{}", file.as_raw_fd()))).collect();
    let mut options: Vec<FsOption<'_>> =
        names.iter().map(|name| FsOption::Value(c"lowerdir+", name)).collect();
    options.push(FsOption::Value(c"upperdir", c"upper"));
    options.push(FsOption::Value(c"workdir", c"work"));
    // What a container writes to its root ends with it: no need to flush it when it is unmounted.
    options.push(FsOption::Flag(c"volatile"));
    match new_mount(c"overlay", &options, 0) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => old_overlay(&opened, folder),
        other => other.step(|| format!("cannot mount the root of {} layers", layers.len())),
    }
}

/// For kernels that do not take layers one by one (before 6.5).
fn old_overlay(layers: &[(fs::File, &PathBuf)], folder: &Path) -> Step<OwnedFd> {
    let names: Vec<String> =
        layers.iter().map(|(file, _)| format!("/proc/self/fd/{}", file.as_raw_fd())).collect();
    let options = format!("lowerdir={},upperdir=upper,workdir=work,volatile", names.join(":"));
    let root = folder.join("root");
    // This namespace's mounts may still reach the node's; those of a folder made private do not.
    let private = MountChange { propagation: libc::MS_PRIVATE, recursive: true, ..MountChange::default() };
    sys::set_mount_at(c"/", &private).step(|| "cannot make mounts private".into())?;
    sys::mount("overlay", &root, "overlay", 0, &options)
        .and_then(|()| sys::open_tree(&root, false))
        .step(|| format!("cannot mount the root of {} layers", layers.len()))
}

fn change_root(root: &OwnedFd, place: &Path) -> Step<()> {
    move_mount(root.as_fd(), place).step(|| format!("cannot mount the root at {}", place.display()))?;
    let changed = std::env::set_current_dir(place)
        .and_then(|()| sys::pivot_root_here())
        .and_then(|()| sys::unmount(Path::new(".")))
        .and_then(|()| std::env::set_current_dir("/"));
    changed.step(|| "cannot change the root".into())
}

/// The root itself; what is mounted below keeps its own flags.
pub(super) fn make_readonly() -> Step<()> {
    let readonly = MountChange { set: ATTR_RDONLY, ..MountChange::default() };
    sys::set_mount_at(c"/", &readonly).step(|| "cannot make the root read-only".into())
}

// === kernel file systems ===

fn kernel_file_systems(spec: &ContainerSpec) -> Step<()> {
    let proc = new_mount(c"proc", &[], KERNEL_FS).step(|| "cannot make /proc".into())?;
    attach(&proc, Path::new("/proc"), true)?;
    let readonly = if spec.privileged { 0 } else { ATTR_RDONLY };
    let sys = new_mount(c"sysfs", &[], KERNEL_FS | readonly).step(|| "cannot make /sys".into())?;
    attach(&sys, Path::new("/sys"), true)?;
    let options = [FsOption::Value(c"mode", c"755"), FsOption::Value(c"size", c"64k")];
    let dev = new_mount(c"tmpfs", &options, ATTR_NOSUID).step(|| "cannot make /dev".into())?;
    attach(&dev, Path::new("/dev"), true)?;
    let options = [
        FsOption::Value(c"ptmxmode", c"0666"),
        FsOption::Value(c"mode", c"0620"),
        FsOption::Value(c"gid", c"5"),
    ];
    let pts =
        new_mount(c"devpts", &options, ATTR_NOSUID | ATTR_NOEXEC).step(|| "cannot make /dev/pts".into())?;
    attach(&pts, Path::new("/dev/pts"), true)?;
    // A kernel may be built without POSIX message queues.
    if let Ok(queues) = new_mount(c"mqueue", &[], KERNEL_FS) {
        attach(&queues, Path::new("/dev/mqueue"), true)?;
    }
    Ok(())
}

fn open_groups<'a>(spec: &ContainerSpec, cgroup: &'a Cgroup) -> Step<Vec<(&'a str, OwnedFd)>> {
    let set = KERNEL_FS | if spec.privileged { 0 } else { ATTR_RDONLY };
    let change = MountChange { set, ..MountChange::default() };
    let open = |(name, folder): (&'a str, &Path)| {
        let tree = sys::open_tree(folder, false);
        let tree = tree.and_then(|tree| sys::set_mount(tree.as_fd(), &change).map(|()| tree));
        tree.map(|tree| (name, tree)).step(|| format!("cannot show cgroup {}", folder.display()))
    };
    cgroup.views().map(open).collect()
}

fn attach_groups(groups: Vec<(&str, OwnedFd)>) -> Step<()> {
    let top = Path::new("/sys/fs/cgroup");
    if let [("", tree)] = &groups[..] {
        return attach(tree, top, true);
    }
    let options = [FsOption::Value(c"mode", c"755"), FsOption::Value(c"size", c"0")];
    let folder = new_mount(c"tmpfs", &options, KERNEL_FS).step(|| "cannot make /sys/fs/cgroup".into())?;
    attach(&folder, top, true)?;
    for (name, tree) in &groups {
        attach(tree, &top.join(name), true)?;
    }
    let readonly = MountChange { set: ATTR_RDONLY, ..MountChange::default() };
    sys::set_mount_at(c"/sys/fs/cgroup", &readonly).step(|| "cannot make /sys/fs/cgroup read-only".into())
}

fn open_shared_memory(memory: &SharedMemory) -> Step<OwnedFd> {
    let tree = match memory {
        SharedMemory::Host => sys::open_tree(Path::new("/dev/shm"), false),
        SharedMemory::Detached(mount) => sys::clone_tree(mount.as_fd()),
        SharedMemory::Folder(folder) => sys::open_tree(folder, false),
    };
    tree.step(|| "cannot share /dev/shm".into())
}

// === volumes ===

struct Volume<'a> {
    mount: &'a Mount,
    tree: OwnedFd,
    folder: bool,
}

/// Takes hold of every volume, in the order in which they are to be attached: outer before inner.
fn open_volumes(spec: &ContainerSpec) -> Step<Vec<Volume<'_>>> {
    let mut mounts: Vec<&Mount> = spec.mounts.iter().collect();
    mounts.sort_by_key(|mount| Path::new(&mount.target).components().count());
    mounts.into_iter().map(open_volume).collect()
}

fn open_volume(mount: &Mount) -> Step<Volume<'_>> {
    if !mount.target.starts_with('/') {
        return Err(format!("mount target {:?} is not an absolute path", mount.target));
    }
    match &mount.source {
        MountSource::Bind(source) => {
            let name = || format!("cannot mount {} at {}", source.display(), mount.target);
            let folder = fs::metadata(source).step(name)?.is_dir();
            let tree = sys::open_tree(source, true).step(name)?;
            let change = MountChange {
                set: if mount.readonly { ATTR_RDONLY } else { 0 },
                propagation: match mount.propagation {
                    Propagation::Private => libc::MS_PRIVATE,
                    Propagation::HostToContainer => libc::MS_SLAVE,
                    Propagation::Bidirectional => libc::MS_SHARED,
                },
                recursive: true,
            };
            sys::set_mount(tree.as_fd(), &change).step(name)?;
            Ok(Volume { mount, tree, folder })
        }
        MountSource::Tmpfs { size, mode } => {
            let mode = CString::new(format!("{mode:o}")).unwrap_or_default();
            let size = size.map(|size| CString::new(size.to_string()).unwrap_or_default());
            let mut options = vec![FsOption::Value(c"mode", &mode)];
            options.extend(size.as_ref().map(|size| FsOption::Value(c"size", size)));
            let readonly = if mount.readonly { ATTR_RDONLY } else { 0 };
            let tree = new_mount(c"tmpfs", &options, ATTR_NOSUID | ATTR_NODEV | readonly);
            let tree = tree.step(|| format!("cannot make a memory file system for {}", mount.target))?;
            Ok(Volume { mount, tree, folder: true })
        }
    }
}

fn attach_volume(volume: Volume<'_>) -> Step<()> {
    let Volume { mount, tree, folder } = volume;
    let place = Path::new(&mount.target);
    // The kernel only says "invalid argument" to this.
    if let (MountSource::Bind(source), Ok(found)) = (&mount.source, fs::metadata(place))
        && found.is_dir() != folder
    {
        let (what, on) = if folder { ("folder", "file") } else { ("file", "folder") };
        let (source, target) = (source.display(), &mount.target);
        return Err(format!("cannot mount {source} at {target}: a {what} cannot be mounted on a {on}"));
    }
    attach(&tree, place, folder)
}

/// Attaches `tree` at `place`, which is made when it is missing.
fn attach(tree: &OwnedFd, place: &Path, folder: bool) -> Step<()> {
    let made = if folder { make_folder(place) } else { make_file(place) };
    made.step(|| format!("cannot make mount point {}", place.display()))?;
    move_mount(tree.as_fd(), place).step(|| format!("cannot mount at {}", place.display()))
}

// === hiding ===

/// Masks and protects paths. The last step before the process is made to wait.
pub(super) fn finish(spec: &ContainerSpec) -> Step<()> {
    if spec.privileged {
        return Ok(());
    }
    let defaults = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
    let readonly = spec.readonly_paths.clone().unwrap_or_else(|| defaults(&READONLY));
    for path in &readonly {
        protect(Path::new(path)).step(|| format!("cannot make {path} read-only"))?;
    }
    let masked = spec.masked_paths.clone().unwrap_or_else(|| defaults(&MASKED));
    for path in &masked {
        mask(Path::new(path)).step(|| format!("cannot mask {path}"))?;
    }
    Ok(())
}

fn protect(path: &Path) -> std::io::Result<()> {
    let tree = match sys::open_tree(path, true) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let change = MountChange { set: ATTR_RDONLY, recursive: true, ..MountChange::default() };
    sys::set_mount(tree.as_fd(), &change)?;
    move_mount(tree.as_fd(), path)
}

fn mask(path: &Path) -> std::io::Result<()> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let cover = if found.is_dir() {
        new_mount(c"tmpfs", &[FsOption::Value(c"size", c"0")], ATTR_RDONLY)?
    } else {
        sys::open_tree(Path::new("/dev/null"), false)?
    };
    move_mount(cover.as_fd(), path)
}
