//! What a container changed, read from the upper folder of its overlay, as a layer.
//!
//! Overlayfs' own marks become those of the image specification; modification times are dropped like everywhere in
//! layers made here.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::disk::failed;
use crate::error::Error;
use crate::layer::{self, Attributes, Content, LayerBuilder};
use crate::merged::{Merged, is_opaque, is_whiteout};

/// Where a container's kernel file systems are mounted: an empty folder made for that is no change.
const MOUNT_POINTS: [&str; 3] = ["proc", "sys", "dev"];

impl LayerBuilder {
    /// The layer that turns the image `below` into what the container with this upper folder left.
    pub fn from_overlay(upper: &Path, below: &Merged) -> Result<Self, Error> {
        let mut layer = Self::new();
        for entry in fs::read_dir(upper).map_err(failed("list", upper))? {
            let entry = entry.map_err(failed("list", upper))?;
            let path = entry.path();
            let name = entry.file_name();
            let is_mount_point = MOUNT_POINTS.iter().any(|point| name == *point);
            if is_mount_point && below.entry(&name.to_string_lossy())?.is_none() && is_empty(&path) {
                continue;
            }
            add(&mut layer, "", &path)?;
        }
        Ok(layer)
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn add(layer: &mut LayerBuilder, parent: &str, path: &Path) -> Result<(), Error> {
    let unusable = |why: &str| Error::Malformed { what: path.display().to_string(), why: why.to_owned() };
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| unusable("its name is not UTF-8"))?;
    let to = if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
    let metadata = path.symlink_metadata().map_err(failed("read", path))?;
    if is_whiteout(&metadata) {
        layer.entry(&to, Content::Whiteout, Attributes::default())?;
        return Ok(());
    }
    for mark in ["trusted.overlay.redirect", "trusted.overlay.metacopy"] {
        if rustix::fs::lgetxattr(path, mark, &mut [0_u8; 256]).is_ok() {
            return Err(unusable(
                "the kernel's overlay module is set to redirect_dir or metacopy; turn both off",
            ));
        }
    }
    let Some(content) = content(path, &metadata)? else { return Ok(()) };
    let folder = content == Content::Directory;
    layer.entry(&to, content, attributes(path, &metadata)?)?;
    if folder {
        if is_opaque(path) {
            layer.entry(&to, Content::Opaque, Attributes::default())?;
        }
        let entries = fs::read_dir(path).map_err(failed("list", path))?;
        for entry in entries {
            add(layer, &to, &entry.map_err(failed("list", path))?.path())?;
        }
    }
    Ok(())
}

/// What a file of the host is, for a layer; `None` for a socket, which no archive can hold.
pub fn content(path: &Path, metadata: &fs::Metadata) -> Result<Option<Content>, Error> {
    let kind = metadata.file_type();
    Ok(Some(if kind.is_dir() {
        Content::Directory
    } else if kind.is_symlink() {
        let target = fs::read_link(path).map_err(failed("read", path))?;
        let target = target.into_os_string().into_string().map_err(|_| Error::Malformed {
            what: path.display().to_string(),
            why: "its target is not UTF-8".to_owned(),
        })?;
        Content::Symlink(target)
    } else if kind.is_file() {
        Content::File(path.to_owned(), layer::inode(metadata))
    } else if kind.is_fifo() {
        Content::Fifo
    } else if kind.is_char_device() || kind.is_block_device() {
        let device = metadata.rdev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        Content::Device { block: kind.is_block_device(), major, minor }
    } else {
        return Ok(None);
    }))
}

/// Owner, permissions and those extended attributes that an image keeps.
pub fn attributes(path: &Path, metadata: &fs::Metadata) -> Result<Attributes, Error> {
    let mut xattrs = Vec::new();
    if metadata.is_file() || metadata.is_dir() {
        let mut names = vec![0_u8; 4096];
        let length = rustix::fs::llistxattr(path, &mut names[..]).unwrap_or(0);
        for name in names[..length].split(|byte| *byte == 0) {
            let Ok(name) = std::str::from_utf8(name) else { continue };
            if name != "security.capability" && !name.starts_with("user.") {
                continue;
            }
            let mut value = vec![0_u8; 64 << 10];
            let read = rustix::fs::lgetxattr(path, name, &mut value[..]);
            let length = read.map_err(|error| failed("read attributes of", path)(error.into()))?;
            value.truncate(length);
            xattrs.push((name.to_owned(), value));
        }
        xattrs.sort();
    }
    Ok(Attributes { mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid(), xattrs })
}
