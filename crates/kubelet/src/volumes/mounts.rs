//! Mounts that the kubelet itself makes on the node: tmpfs volumes and sub paths.
//!
//! Invariant: nothing is deleted below a path on which something is still mounted, so that removing a pod can
//! never empty a folder of the node that was mounted into it.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

/// Mounts a memory file system unless one is there; `size` in bytes.
pub(crate) fn tmpfs(path: &Path, size: Option<u64>) -> io::Result<()> {
    if is_mount_point(path)? {
        return Ok(());
    }
    let mut options = String::from("mode=0777");
    if let Some(size) = size {
        options.push_str(&format!(",size={size}"));
    }
    let options = std::ffi::CString::new(options).map_err(io::Error::other)?;
    mount("tmpfs", path, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())?;
    Ok(())
}

/// Mounts folders on top of each other, the first one uppermost, unless something is mounted there. Nothing can be
/// written.
pub(crate) fn overlay(path: &Path, layers: &[PathBuf]) -> io::Result<()> {
    if is_mount_point(path)? {
        return Ok(());
    }
    let list: Vec<String> = layers.iter().map(|l| l.display().to_string()).collect();
    let options = std::ffi::CString::new(format!("lowerdir={}", list.join(":"))).map_err(io::Error::other)?;
    mount("overlay", path, "overlay", MountFlags::RDONLY | MountFlags::NODEV, options.as_c_str())?;
    Ok(())
}

/// Shows `sub` of the folder `volume` at `target`, for a container to mount. Links inside the volume are followed as
/// long as they stay inside; missing folders are made. The way is resolved once, by the kernel, and what is mounted
/// is what was resolved: a container that changes links meanwhile gains nothing.
pub(crate) fn sub_path(volume: &Path, sub: &str, target: &Path) -> io::Result<()> {
    let root = rustix::fs::open(volume, OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY, Mode::empty())?;
    let found = match beneath(&root, sub) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            make_beneath(&root, sub)?;
            beneath(&root, sub)?
        }
        other => other?,
    };
    if fs::symlink_metadata(target).is_ok() && is_mount_point(target)? {
        unmount(target, UnmountFlags::DETACH)?;
    }
    let source = PathBuf::from(format!("/proc/self/fd/{}", found.as_raw_fd()));
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    if fs::metadata(&source)?.is_dir() {
        fs::create_dir_all(target)?;
    } else if fs::symlink_metadata(target).is_err() {
        fs::File::create(target)?;
    }
    mount_bind(&source, target)?;
    Ok(())
}

fn beneath(root: &OwnedFd, sub: &str) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(root, sub, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)?)
}

fn make_beneath(root: &OwnedFd, sub: &str) -> io::Result<()> {
    let mut done = String::new();
    for part in sub.split('/').filter(|p| !p.is_empty() && *p != ".") {
        if part == ".." {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "subPath must not contain '..'"));
        }
        let parent = if done.is_empty() { rustix::io::dup(root)? } else { beneath(root, &done)? };
        match rustix::fs::mkdirat(&parent, part, Mode::from_raw_mode(0o750)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(e) => return Err(e.into()),
        }
        if !done.is_empty() {
            done.push('/');
        }
        done.push_str(part);
    }
    Ok(())
}

/// Unmounts everything mounted at or below `root`, the latest first.
pub(crate) fn unmount_below(root: &Path) -> io::Result<()> {
    for point in points_below(root)?.iter().rev() {
        match unmount(point, UnmountFlags::DETACH) {
            Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Whether anything is mounted at or below `root`.
pub(crate) fn has_mounts(root: &Path) -> io::Result<bool> {
    Ok(!points_below(root)?.is_empty())
}

/// Unmounts and deletes a folder with all that is in it. Fine when it is gone already.
pub(crate) fn remove_tree(root: &Path) -> io::Result<()> {
    unmount_below(root)?;
    if let Some(left) = points_below(root)?.first() {
        return Err(io::Error::other(format!("{} is still mounted; nothing was deleted", left.display())));
    }
    match fs::remove_dir_all(root) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn is_mount_point(path: &Path) -> io::Result<bool> {
    let path = path.canonicalize()?;
    Ok(points_below(&path)?.contains(&path))
}

/// Mount points at or below a path, in the order they were mounted.
fn points_below(root: &Path) -> io::Result<Vec<PathBuf>> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape);
    Ok(points.filter(|p| p.starts_with(&root)).collect())
}

/// The kernel writes blanks, tabs, newlines and backslashes as octal numbers.
fn unescape(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let octal = (bytes[at] == b'\\').then(|| text.get(at + 1..at + 4)).flatten();
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_kernel_s_escapes_are_undone() {
        assert_eq!(unescape("/a\\040b\\134c"), Path::new("/a b\\c"));
        assert_eq!(unescape("/plain"), Path::new("/plain"));
    }

    #[test]
    fn sub_paths_cannot_leave_the_volume() {
        let dir = tempfile::tempdir().unwrap();
        let volume = dir.path().join("v");
        fs::create_dir_all(volume.join("real/deep")).unwrap();
        symlink("/etc", volume.join("out")).unwrap();
        symlink("../..", volume.join("up")).unwrap();
        symlink("real", volume.join("in")).unwrap();
        let root = rustix::fs::open(&volume, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        assert!(beneath(&root, "in/deep").is_ok());
        assert!(beneath(&root, "out").is_err());
        assert!(beneath(&root, "up").is_err());
        make_beneath(&root, "new/a/b").unwrap();
        assert!(volume.join("new/a/b").is_dir());
        assert!(make_beneath(&root, "out/x").is_err());
        assert!(make_beneath(&root, "../x").is_err());
    }

    /// Needs root, as every test that mounts.
    #[test]
    fn mounted_things_are_not_deleted() {
        assert!(rustix::process::geteuid().is_root(), "run the tests as root: they mount");
        let dir = tempfile::tempdir().unwrap();
        let (volume, target) = (dir.path().join("v"), dir.path().join("pod/sub/0"));
        fs::create_dir_all(&volume).unwrap();
        fs::write(volume.join("keep"), "x").unwrap();
        sub_path(&volume, ".", &target).unwrap();
        assert!(target.join("keep").exists());
        let memory = dir.path().join("pod/memory");
        fs::create_dir_all(&memory).unwrap();
        tmpfs(&memory, Some(1 << 20)).unwrap();
        tmpfs(&memory, None).unwrap();
        fs::write(memory.join("x"), "1").unwrap();
        remove_tree(&dir.path().join("pod")).unwrap();
        assert!(!dir.path().join("pod").exists());
        assert_eq!(fs::read_to_string(volume.join("keep")).unwrap(), "x");
    }
}
