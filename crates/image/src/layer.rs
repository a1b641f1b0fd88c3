//! Layers made here: deterministic tar archives, so that the same files give the same digest anywhere, any day.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::disk::failed;
use crate::error::Error;

/// Collects files for a layer. Paths are relative to the image's root; parents are added by themselves.
///
/// Entries are sorted, owned by 0:0, dated 1970, with mode 0755 (folders, executables) or 0644.
#[derive(Debug, Default)]
pub struct LayerBuilder {
    entries: BTreeMap<String, Node>,
}

#[derive(Debug)]
enum Node {
    Directory(u32),
    Bytes(Vec<u8>, bool),
    /// A host's file, with device and inode if it has several names.
    File(PathBuf, Option<(u64, u64)>),
    Symlink(String),
}

impl LayerBuilder {
    /// An empty layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder (its parents come by themselves). `mode` 0 = 0755.
    pub fn directory(&mut self, path: &str, mode: u32) -> Result<&mut Self, Error> {
        self.insert(path, Node::Directory(if mode == 0 { 0o755 } else { mode & 0o7777 }))
    }

    /// Adds a file with this content.
    pub fn bytes(&mut self, path: &str, content: Vec<u8>, executable: bool) -> Result<&mut Self, Error> {
        self.insert(path, Node::Bytes(content, executable))
    }

    /// Adds the host's file `source`; executable if the source is. Links to one inode become hard links.
    pub fn file(&mut self, path: &str, source: &Path) -> Result<&mut Self, Error> {
        let metadata = fs::metadata(source).map_err(failed("read", source))?;
        if !metadata.is_file() {
            let why = "it is not a regular file".to_owned();
            return Err(Error::Malformed { what: source.display().to_string(), why });
        }
        let inode = (metadata.nlink() > 1).then(|| (metadata.dev(), metadata.ino()));
        self.insert(path, Node::File(source.to_owned(), inode))
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<&mut Self, Error> {
        self.insert(path, Node::Symlink(target.to_owned()))
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

    fn insert(&mut self, path: &str, node: Node) -> Result<&mut Self, Error> {
        let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if parts.contains(&"..") {
            let why = "a path in an image does not contain `..`".to_owned();
            return Err(Error::Malformed { what: format!("path {path}"), why });
        }
        for count in 1..parts.len() {
            self.entries.entry(parts[..count].join("/")).or_insert(Node::Directory(0o755));
        }
        // The root itself is always there.
        if !parts.is_empty() {
            self.entries.insert(parts.join("/"), node);
        }
        Ok(self)
    }

    /// Writes the archive.
    pub(crate) fn write(&self, writer: impl Write, to: &Path) -> Result<(), Error> {
        let mut archive = Builder::new(writer);
        let mut inodes: HashMap<(u64, u64), &str> = HashMap::new();
        for (path, node) in &self.entries {
            let written = match node {
                Node::Directory(mode) => {
                    let mut header = header(EntryType::Directory, 0, *mode);
                    archive.append_data(&mut header, format!("{path}/"), io::empty())
                }
                Node::Bytes(content, executable) => {
                    let mut header = header(EntryType::Regular, content.len() as u64, mode(*executable));
                    archive.append_data(&mut header, path, content.as_slice())
                }
                Node::Symlink(target) => {
                    archive.append_link(&mut header(EntryType::Symlink, 0, 0o777), path, target)
                }
                Node::File(_, Some(inode)) if inodes.contains_key(inode) => {
                    archive.append_link(&mut header(EntryType::Link, 0, 0o644), path, inodes[inode])
                }
                Node::File(source, inode) => {
                    inodes.extend(inode.map(|inode| (inode, path.as_str())));
                    append_file(&mut archive, path, source)?
                }
            };
            written.map_err(failed("write", to))?;
        }
        let finished = archive.into_inner().and_then(|mut writer| writer.flush());
        finished.map_err(failed("write", to))
    }
}

fn append_file(
    archive: &mut Builder<impl Write>,
    path: &str,
    source: &Path,
) -> Result<io::Result<()>, Error> {
    let file = File::open(source).map_err(failed("open", source))?;
    let metadata = file.metadata().map_err(failed("read", source))?;
    let size = metadata.len();
    let mut header = header(EntryType::Regular, size, mode(metadata.mode() & 0o111 != 0));
    let mut reader = Counting { inner: file.take(size), count: 0 };
    let written = archive.append_data(&mut header, path, &mut reader);
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
