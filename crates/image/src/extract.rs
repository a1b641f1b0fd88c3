//! Extracts a layer's tar archive below a folder that nothing in the archive can leave.
//!
//! Names with `..` or a leading slash are refused. Parents are opened by the kernel with the folder as root of the
//! walk, so that symbolic links among them, absolute ones too, stay inside; the last part of a name is never
//! followed. Attributes that steer overlayfs are not taken from archives.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{
    self as sys, AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;
use tar::{Archive, Entry, EntryType, Header};

use crate::disk::failed;
use crate::error::Error;

const OPAQUE: &str = ".wh..wh..opq";
const WHITEOUT: &str = ".wh.";
/// Up to this many entries are flushed one by one; beyond, flushing the whole file system is cheaper.
const FEW: usize = 64;

/// Extracts everything that `reader` has into the empty folder `root` and flushes it; `what` names the archive.
pub(crate) fn extract(reader: impl Read, root: &Path, what: &str) -> Result<(), Error> {
    let dir = sys::open(root, dir_flags(), Mode::empty());
    let root_fd = dir.map_err(|error| failed("open", root)(error.into()))?;
    // The image's root is for everyone, whatever the process's mask is.
    sys::fchmod(&root_fd, Mode::from_raw_mode(0o755))
        .map_err(|error| failed("unpack into", root)(error.into()))?;
    let mut target = Target { root: root_fd, parent: None, dirs: Vec::new(), files: Vec::new(), entries: 0 };
    let mut archive = Archive::new(reader);
    let malformed = |error: io::Error| Error::Malformed { what: what.to_owned(), why: error.to_string() };
    for entry in archive.entries().map_err(malformed)? {
        let mut entry = entry.map_err(malformed)?;
        let path = entry.path().map_err(malformed)?.into_owned();
        let name = format!("{} in {what}", path.display());
        let Some(path) = inside(&path, &name)? else { continue };
        target.entry(&mut entry, &path).map_err(|error| match error.kind() {
            // The last is how the archive's reader reports fields that it cannot make sense of.
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Other => Error::Malformed { what: name, why: error.to_string() },
            _ => failed("unpack into", &root.join(&path))(error),
        })?;
    }
    target.finish().map_err(failed("flush", root))
}

/// The name without `./`; `None` for the root itself.
fn inside(path: &Path, what: &str) -> Result<Option<String>, Error> {
    let malformed = |why: &str| Error::Malformed { what: what.to_owned(), why: why.to_owned() };
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => {
                parts.push(part.to_str().ok_or_else(|| malformed("the name is not UTF-8"))?)
            }
            Component::CurDir => {}
            _ => return Err(malformed("the name leads out of the image")),
        }
    }
    Ok((!parts.is_empty()).then(|| parts.join("/")))
}

struct Target {
    root: OwnedFd,
    /// The folder that the last entry was put into.
    parent: Option<(String, OwnedFd)>,
    /// Folders whose times are set at the end, when nothing is put into them any more.
    dirs: Vec<(OwnedFd, Timestamps)>,
    files: Vec<OwnedFd>,
    entries: usize,
}

impl Target {
    fn entry(&mut self, entry: &mut Entry<'_, impl Read>, path: &str) -> io::Result<()> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.parent(parent)?;
        self.entries += 1;
        if name == OPAQUE {
            sys::fsetxattr(&parent, "trusted.overlay.opaque", b"y", XattrFlags::empty())?;
            return Ok(());
        }
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            if matches!(hidden, "" | "." | "..") {
                return Err(invalid("a whiteout of nothing"));
            }
            // `.wh..wh.` names are bookkeeping of an older file system.
            if !hidden.starts_with(WHITEOUT) {
                self.clear(&parent, hidden)?;
                sys::mknodat(&parent, hidden, FileType::CharacterDevice, Mode::empty(), 0)?;
            }
            return Ok(());
        }
        match entry.header().entry_type() {
            EntryType::Directory => self.directory(entry, &parent, name),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.file(entry, &parent, name)
            }
            EntryType::Symlink => {
                let target = link_name(entry)?;
                self.clear(&parent, name)?;
                sys::symlinkat(target.as_str(), &parent, name)?;
                owned(&parent, name, entry.header())
            }
            EntryType::Link => {
                let target = link_name(entry)?;
                let inside = inside(Path::new(&target), "a hard link")
                    .map_err(|_| invalid("a hard link that leads out of the image"))?;
                let target = inside.ok_or_else(|| invalid("a hard link to the root"))?;
                let (dir, file) = target.rsplit_once('/').unwrap_or(("", &target));
                let dir = self.parent(dir)?;
                if (sys::fstat(&dir)?.st_ino, file) == (sys::fstat(&parent)?.st_ino, name) {
                    return Ok(());
                }
                self.clear(&parent, name)?;
                sys::linkat(&dir, file, &parent, name, AtFlags::empty()).map_err(|error| {
                    if error == Errno::NOENT {
                        invalid("a hard link to a file that is not in the layer")
                    } else {
                        error.into()
                    }
                })
            }
            EntryType::Char => self.node(entry, &parent, name, FileType::CharacterDevice),
            EntryType::Block => self.node(entry, &parent, name, FileType::BlockDevice),
            EntryType::Fifo => self.node(entry, &parent, name, FileType::Fifo),
            // Global pax headers and extensions describe no file.
            _ => Ok(()),
        }
    }

    fn directory(
        &mut self,
        entry: &mut Entry<'_, impl Read>,
        parent: &OwnedFd,
        name: &str,
    ) -> io::Result<()> {
        match sys::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {}
            Ok(_) => {
                self.clear(parent, name)?;
                sys::mkdirat(parent, name, Mode::from_raw_mode(0o700))?;
            }
            Err(Errno::NOENT) => sys::mkdirat(parent, name, Mode::from_raw_mode(0o700))?,
            Err(error) => return Err(error.into()),
        }
        let dir = sys::openat(parent, name, dir_flags() | OFlags::NOFOLLOW, Mode::empty())?;
        let times = attributes(&dir, entry)?;
        self.dirs.push((dir, times));
        // Open folders are few at a time, however many a layer has.
        if self.dirs.len() > FEW {
            self.set_times()?;
        }
        Ok(())
    }

    fn file(&mut self, entry: &mut Entry<'_, impl Read>, parent: &OwnedFd, name: &str) -> io::Result<()> {
        self.clear(parent, name)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(sys::openat(parent, name, flags, Mode::from_raw_mode(0o600))?);
        let copied = io::copy(entry, &mut file)?;
        if copied != entry.size() {
            return Err(invalid("the archive ends inside this file"));
        }
        let times = attributes(&file, entry)?;
        sys::futimens(&file, &times)?;
        if self.entries <= FEW {
            self.files.push(file.into());
        } else {
            self.files.clear();
        }
        Ok(())
    }

    fn node(
        &mut self,
        entry: &mut Entry<'_, impl Read>,
        parent: &OwnedFd,
        name: &str,
        kind: FileType,
    ) -> io::Result<()> {
        self.clear(parent, name)?;
        let device = match kind {
            FileType::Fifo => 0,
            _ => {
                let (major, minor) = (entry.header().device_major()?, entry.header().device_minor()?);
                sys::makedev(major.unwrap_or(0), minor.unwrap_or(0))
            }
        };
        let mode = Mode::from_raw_mode(entry.header().mode()? & 0o7777);
        sys::mknodat(parent, name, kind, mode, device)?;
        // Again, since the process's mask took bits away.
        sys::chmodat(parent, name, mode, AtFlags::empty())?;
        owned(parent, name, entry.header())
    }

    /// Makes room for an entry: the last of several with one name counts.
    fn clear(&mut self, parent: &OwnedFd, name: &str) -> io::Result<()> {
        match sys::unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ISDIR) => {
                self.parent = None;
                remove_tree(parent, name)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the folder `path`, made where it is missing.
    fn parent(&mut self, path: &str) -> io::Result<OwnedFd> {
        if let Some((known, dir)) = &self.parent
            && known == path
        {
            return dir.try_clone();
        }
        let dir = match open_inside(&self.root, path) {
            Err(Errno::NOENT) if !path.is_empty() => {
                let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
                let parent = self.parent(parent)?;
                match sys::mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
                    Ok(()) => {
                        let dir = sys::openat(&parent, name, dir_flags() | OFlags::NOFOLLOW, Mode::empty())?;
                        // Whatever the process's mask is.
                        sys::fchmod(&dir, Mode::from_raw_mode(0o755))?;
                        dir
                    }
                    Err(Errno::EXIST) => return Err(invalid("its folder is a broken symbolic link")),
                    Err(error) => return Err(error.into()),
                }
            }
            Err(Errno::NOTDIR) => return Err(invalid("its folder is a file")),
            Err(Errno::LOOP) => return Err(invalid("its folder is a loop of symbolic links")),
            other => other?,
        };
        self.parent = Some((path.to_owned(), dir.try_clone()?));
        Ok(dir)
    }

    fn set_times(&mut self) -> io::Result<()> {
        for (dir, times) in self.dirs.drain(..) {
            sys::futimens(&dir, &times)?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        for (dir, times) in &self.dirs {
            sys::futimens(dir, times)?;
        }
        if self.entries > FEW {
            sys::syncfs(&self.root)?;
            return Ok(());
        }
        for fd in self.files.drain(..).chain(self.dirs.drain(..).map(|(dir, _)| dir)) {
            sys::fsync(&fd)?;
        }
        sys::fsync(&self.root)?;
        Ok(())
    }
}

fn dir_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
}

fn open_inside(root: &OwnedFd, path: &str) -> Result<OwnedFd, Errno> {
    let path = if path.is_empty() { "." } else { path };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    loop {
        match sys::openat2(root, path, dir_flags(), Mode::empty(), resolve) {
            // Something was renamed elsewhere during the walk: the kernel asks to repeat it.
            Err(Errno::AGAIN) => {}
            other => return other,
        }
    }
}

/// Owner, mode and attributes; returns the times to set when the content is complete.
fn attributes(fd: impl AsFd, entry: &mut Entry<'_, impl Read>) -> io::Result<Timestamps> {
    let header = entry.header();
    let (uid, gid) = ids(header)?;
    let (mode, mtime) = (header.mode()?, header.mtime()?);
    sys::fchown(&fd, Some(uid), Some(gid))?;
    // After the owner: changing that clears the set-id bits.
    sys::fchmod(&fd, Mode::from_raw_mode(mode & 0o7777))?;
    for extension in entry.pax_extensions()?.into_iter().flatten() {
        let extension = extension?;
        let Some(name) = extension.key().ok().and_then(|key| key.strip_prefix("SCHILY.xattr.")) else {
            continue;
        };
        if name == "security.capability" || name.starts_with("user.") && !name.starts_with("user.overlay.") {
            sys::fsetxattr(&fd, name, extension.value_bytes(), XattrFlags::empty())?;
        }
    }
    Ok(times(mtime))
}

fn times(mtime: u64) -> Timestamps {
    let time = Timespec { tv_sec: i64::try_from(mtime).unwrap_or(0), tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

/// Owner and times of what cannot be opened.
fn owned(parent: &OwnedFd, name: &str, header: &Header) -> io::Result<()> {
    let (uid, gid) = ids(header)?;
    sys::chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    sys::utimensat(parent, name, &times(header.mtime()?), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

fn ids(header: &Header) -> io::Result<(Uid, Gid)> {
    // The highest number means "no change" to the system.
    let id = |id: u64| {
        u32::try_from(id)
            .ok()
            .filter(|&id| id != u32::MAX)
            .ok_or_else(|| invalid("its owner is not a number that the system has"))
    };
    Ok((Uid::from_raw(id(header.uid()?)?), Gid::from_raw(id(header.gid()?)?)))
}

fn link_name(entry: &Entry<'_, impl Read>) -> io::Result<String> {
    let target = entry.link_name_bytes().ok_or_else(|| invalid("a link without a target"))?;
    String::from_utf8(target.into_owned()).map_err(|_| invalid("a link whose target is not UTF-8"))
}

fn remove_tree(parent: &OwnedFd, name: &str) -> io::Result<()> {
    let dir = sys::openat(parent, name, dir_flags() | OFlags::NOFOLLOW, Mode::empty())?;
    for entry in sys::Dir::read_from(&dir)? {
        let entry = entry?;
        let child = entry.file_name();
        if matches!(child.to_bytes(), b"." | b"..") {
            continue;
        }
        match sys::unlinkat(&dir, child, AtFlags::empty()) {
            Err(Errno::ISDIR) => {
                remove_tree(&dir, child.to_str().map_err(|_| invalid("a name that is not UTF-8"))?)?
            }
            other => other?,
        }
    }
    sys::unlinkat(parent, name, AtFlags::REMOVEDIR)?;
    Ok(())
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}
