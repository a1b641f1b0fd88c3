//! The container's `/dev`: standard nodes and links, devices asked for, all of the node's when privileged.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use super::target::make_folder;
use super::{Named, Step};
use crate::spec::ContainerSpec;
use crate::sys;

/// A device node to be made.
pub(super) struct Node {
    path: PathBuf,
    mode: u32,
    device: u64,
    owner: (u32, u32),
}

/// Name, major and minor of what is always there; all may read and write them.
const STANDARD: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

/// Collects the nodes while the node's own `/dev` can still be seen.
pub(super) fn nodes(spec: &ContainerSpec) -> Step<Vec<Node>> {
    let standard = STANDARD.map(|(name, major, minor)| Node {
        path: Path::new("/dev").join(name),
        mode: libc::S_IFCHR | 0o666,
        device: libc::makedev(major, minor),
        owner: (0, 0),
    });
    let mut nodes = Vec::from(standard);
    for device in &spec.devices {
        let name = || format!("cannot use device {}", device.source.display());
        let node = node(&device.source, PathBuf::from(&device.target)).step(name)?;
        nodes.push(node.ok_or_else(|| format!("{} is not a device", device.source.display()))?);
    }
    if spec.privileged {
        collect(Path::new("/dev"), &mut nodes);
    }
    Ok(nodes)
}

fn node(source: &Path, path: PathBuf) -> std::io::Result<Option<Node>> {
    let found = fs::metadata(source)?;
    let kind = found.file_type();
    let is_device = kind.is_char_device() || kind.is_block_device();
    let owner = (found.uid(), found.gid());
    Ok(is_device.then(|| Node { path, mode: found.mode(), device: found.rdev(), owner }))
}

/// Every node below `folder` that is not there yet; what the container has of its own is left out.
fn collect(folder: &Path, nodes: &mut Vec<Node>) {
    const OWN: [&str; 5] = ["/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/ptmx", "/dev/console"];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if OWN.iter().any(|own| path == Path::new(own)) || nodes.iter().any(|node| node.path == path) {
            continue;
        }
        if kind.is_dir() {
            collect(&path, nodes);
        } else if !kind.is_symlink() {
            nodes.extend(node(&path, path.clone()).ok().flatten());
        }
    }
}

/// Makes nodes and links in the new `/dev`.
pub(super) fn populate(nodes: &[Node]) -> Step<()> {
    let mask = rustix::process::umask(rustix::fs::Mode::empty());
    for node in nodes {
        let path = &node.path;
        let name = || format!("cannot make device {}", path.display());
        if path.components().count() > 3 {
            make_folder(path.parent().unwrap_or(path)).step(name)?;
        }
        sys::mknod(path, node.mode, node.device).step(name)?;
        if node.owner != (0, 0) {
            std::os::unix::fs::lchown(path, Some(node.owner.0), Some(node.owner.1)).step(name)?;
        }
    }
    for (to, link) in LINKS {
        symlink(to, link).step(|| format!("cannot link {link}"))?;
    }
    rustix::process::umask(mask);
    Ok(())
}
