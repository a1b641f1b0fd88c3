//! Layers made here: deterministic tar archives, so that the same files give the same digest anywhere, any day.
//!
//! Entries are sorted by path and dated 1970; whoever builds says everything else. Hard links among a host's files
//! stay hard links.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::disk::failed;
use crate::error::Error;

/// Collects files for a layer. Paths are relative to the image's root.
///
/// The plain calls add parents by themselves and give everything to 0:0 with mode 0755 (folders, executables) or
/// 0644. [`LayerBuilder::entry`] adds one entry with attributes of its own, and no parents.
#[derive(Debug, Default)]
pub struct LayerBuilder {
    entries: BTreeMap<String, Entry>,
}

/// What an entry of a layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A folder.
    Directory,
    /// A file with this content.
    Bytes(Vec<u8>),
    /// A file with the content of this file of the host, and device and inode if that has several names.
    File(PathBuf, Option<(u64, u64)>),
    /// A symbolic link to this target.
    Symlink(String),
    /// A device node: character or block device with major and minor number.
    Device {
        /// Block device, not character device.
        block: bool,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// Hides what lower layers have under this name.
    Whiteout,
    /// This folder hides everything that lower layers have in it.
    Opaque,
}

/// Owner and permissions of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits, set-id and sticky bits included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Extended attributes by full name.
    pub xattrs: Vec<(String, Vec<u8>)>,
}

#[derive(Debug)]
struct Entry {
    content: Content,
    attributes: Attributes,
    /// The folder hides what is below it in lower layers.
    opaque: bool,
}

impl LayerBuilder {
    /// An empty layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// True when nothing was added.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// True when the layer has an entry of this path.
    pub fn contains(&self, path: &str) -> bool {
        parts(path).is_ok_and(|parts| self.entries.contains_key(&parts.join("/")))
    }

    /// Adds a folder (its parents come by themselves). `mode` 0 = 0755.
    pub fn directory(&mut self, path: &str, mode: u32) -> Result<&mut Self, Error> {
        self.insert(path, Content::Directory, if mode == 0 { 0o755 } else { mode & 0o7777 })
    }

    /// Adds a file with this content.
    pub fn bytes(&mut self, path: &str, content: Vec<u8>, executable: bool) -> Result<&mut Self, Error> {
        self.insert(path, Content::Bytes(content), mode(executable))
    }

    /// Adds the host's file `source`; executable if the source is. Links to one inode become hard links.
    pub fn file(&mut self, path: &str, source: &Path) -> Result<&mut Self, Error> {
        let metadata = fs::metadata(source).map_err(failed("read", source))?;
        if !metadata.is_file() {
            let why = "it is not a regular file".to_owned();
            return Err(Error::Malformed { what: source.display().to_string(), why });
        }
        let content = Content::File(source.to_owned(), inode(&metadata));
        self.insert(path, content, mode(metadata.mode() & 0o111 != 0))
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<&mut Self, Error> {
        self.insert(path, Content::Symlink(target.to_owned()), 0o777)
    }

    /// Adds all that is below the host's folder `source`, as `path/...`. Symbolic links stay links.
    pub fn tree(&mut self, path: &str, source: &Path) -> Result<&mut Self, Error> {
        for entry in fs::read_dir(source).map_err(failed("list", source))? {
            let entry = entry.map_err(failed("list", source))?;
            let from = entry.path();
            let unusable =
                |why: &str| Error::Malformed { what: from.display().to_string(), why: why.to_owned() };
            let name = entry.file_name().into_string().map_err(|_| unusable("its name is not UTF-8"))?;
            let to = format!("{path}/{name}");
            let kind = entry.file_type().map_err(failed("read", &from))?;
            if kind.is_dir() {
                self.directory(&to, 0)?.tree(&to, &from)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&from).map_err(failed("read", &from))?;
                self.symlink(&to, target.to_str().ok_or_else(|| unusable("its target is not UTF-8"))?)?;
            } else if kind.is_file() {
                self.file(&to, &from)?;
            } else {
                return Err(unusable("only files, folders and symbolic links can be packed"));
            }
        }
        Ok(self)
    }

    /// Adds one entry as it is said, without its parents: those whom lower layers do not have must be added, too.
    pub fn entry(
        &mut self,
        path: &str,
        content: Content,
        attributes: Attributes,
    ) -> Result<&mut Self, Error> {
        let path = parts(path)?.join("/");
        // The root itself is always there.
        if path.is_empty() {
            return Ok(self);
        }
        if content == Content::Opaque {
            let entry = self.entries.entry(path).or_insert(Entry {
                content: Content::Directory,
                attributes,
                opaque: true,
            });
            entry.opaque = true;
            return Ok(self);
        }
        let opaque =
            self.entries.get(&path).is_some_and(|entry| entry.opaque) && content == Content::Directory;
        self.entries.insert(path, Entry { content, attributes, opaque });
        Ok(self)
    }

    fn insert(&mut self, path: &str, content: Content, mode: u32) -> Result<&mut Self, Error> {
        let plain = |mode: u32| Attributes { mode, ..Attributes::default() };
        let parts = parts(path)?;
        for count in 1..parts.len() {
            self.entries.entry(parts[..count].join("/")).or_insert(Entry {
                content: Content::Directory,
                attributes: plain(0o755),
                opaque: false,
            });
        }
        if !parts.is_empty() {
            self.entries.insert(parts.join("/"), Entry { content, attributes: plain(mode), opaque: false });
        }
        Ok(self)
    }

    /// Writes the archive.
    pub(crate) fn write(&self, writer: impl Write, to: &Path) -> Result<(), Error> {
        let mut archive = Builder::new(writer);
        let mut inodes: HashMap<(u64, u64), &str> = HashMap::new();
        for (path, entry) in &self.entries {
            if !entry.attributes.xattrs.is_empty() {
                let names: Vec<(String, &[u8])> = entry
                    .attributes
                    .xattrs
                    .iter()
                    .map(|(name, value)| (format!("SCHILY.xattr.{name}"), value.as_slice()))
                    .collect();
                let extensions = names.iter().map(|(name, value)| (name.as_str(), *value));
                archive.append_pax_extensions(extensions).map_err(failed("write", to))?;
            }
            append(&mut archive, path, entry, &mut inodes)?.map_err(failed("write", to))?;
        }
        let finished = archive.into_inner().and_then(|mut writer| writer.flush());
        finished.map_err(failed("write", to))
    }
}

/// Writes one entry. The outer error is one of reading what goes in, the inner one of writing.
fn append<'a>(
    archive: &mut Builder<impl Write>,
    path: &'a str,
    entry: &'a Entry,
    inodes: &mut HashMap<(u64, u64), &'a str>,
) -> Result<io::Result<()>, Error> {
    let with = |kind: EntryType, size: u64| {
        let mut header = header(kind, size, entry.attributes.mode);
        header.set_uid(u64::from(entry.attributes.uid));
        header.set_gid(u64::from(entry.attributes.gid));
        header
    };
    let beside = |name: &str| match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    };
    let empty = |archive: &mut Builder<_>, path: String| {
        archive.append_data(&mut header(EntryType::Regular, 0, 0), path, io::empty())
    };
    Ok(match &entry.content {
        Content::Directory | Content::Opaque => {
            let made =
                archive.append_data(&mut with(EntryType::Directory, 0), format!("{path}/"), io::empty());
            match made {
                Ok(()) if entry.opaque => empty(archive, format!("{path}/.wh..wh..opq")),
                other => other,
            }
        }
        Content::Bytes(content) => {
            archive.append_data(&mut with(EntryType::Regular, content.len() as u64), path, content.as_slice())
        }
        Content::Symlink(target) => archive.append_link(&mut with(EntryType::Symlink, 0), path, target),
        Content::File(_, Some(inode)) if inodes.contains_key(inode) => {
            archive.append_link(&mut with(EntryType::Link, 0), path, inodes[inode])
        }
        Content::File(source, inode) => {
            inodes.extend(inode.map(|inode| (inode, path)));
            append_file(archive, path, source, |size| with(EntryType::Regular, size))?
        }
        Content::Device { block, major, minor } => {
            let mut header = with(if *block { EntryType::Block } else { EntryType::Char }, 0);
            header
                .set_device_major(*major)
                .and_then(|()| header.set_device_minor(*minor))
                .and_then(|()| archive.append_data(&mut header, path, io::empty()))
        }
        Content::Fifo => archive.append_data(&mut with(EntryType::Fifo, 0), path, io::empty()),
        Content::Whiteout => {
            let name = path.rsplit('/').next().unwrap_or(path);
            empty(archive, beside(&format!(".wh.{name}")))
        }
    })
}

fn append_file(
    archive: &mut Builder<impl Write>,
    path: &str,
    source: &Path,
    header: impl FnOnce(u64) -> Header,
) -> Result<io::Result<()>, Error> {
    let file = File::open(source).map_err(failed("open", source))?;
    let size = file.metadata().map_err(failed("read", source))?.len();
    let mut reader = Counting { inner: file.take(size), count: 0 };
    let written = archive.append_data(&mut header(size), path, &mut reader);
    if written.is_ok() && reader.count != size {
        let why = "it changed while it was being packed; run the build again".to_owned();
        return Err(Error::Malformed { what: source.display().to_string(), why });
    }
    Ok(written)
}

struct Counting<T> {
    inner: T,
    count: u64,
}

impl<T: Read> Read for Counting<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

/// The path's parts; none for the root.
fn parts(path: &str) -> Result<Vec<&str>, Error> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        let why = "a path in an image does not contain `..`".to_owned();
        return Err(Error::Malformed { what: format!("path {path}"), why });
    }
    Ok(parts)
}

/// Device and inode of a file that has several names.
pub(crate) fn inode(metadata: &fs::Metadata) -> Option<(u64, u64)> {
    (metadata.nlink() > 1).then(|| (metadata.dev(), metadata.ino()))
}

fn mode(executable: bool) -> u32 {
    if executable { 0o755 } else { 0o644 }
}

/// A header without anything that changes from one day or machine to the next.
pub(crate) fn header(kind: EntryType, size: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
