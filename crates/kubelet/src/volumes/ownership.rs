//! `fsGroup`: a volume's files belong to a group that every container of the pod is in.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;

const SETGID: u32 = 0o2000;

/// Gives everything below `root` to `group`, readable and writable for it, folders set-group-ID so that new files
/// inherit the group. With `only_if_needed`, a root that is right already means that the rest is too.
pub(crate) fn apply(root: &Path, group: u32, only_if_needed: bool) -> io::Result<()> {
    let meta = fs::metadata(root)?;
    if only_if_needed && meta.gid() == group && meta.mode() & (0o070 | SETGID) == 0o070 | SETGID {
        return Ok(());
    }
    visit(root, group)
}

fn visit(path: &Path, group: u32) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    lchown(path, None, Some(group))?;
    if meta.is_symlink() {
        return Ok(());
    }
    let extra = if meta.is_dir() { 0o070 | SETGID } else { 0o060 };
    fs::set_permissions(path, fs::Permissions::from_mode(meta.mode() & 0o7777 | extra))?;
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            visit(&entry?.path(), group)?;
        }
    }
    Ok(())
}
