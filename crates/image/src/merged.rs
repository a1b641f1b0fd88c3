//! Stacked folders seen as one tree, as overlayfs would show them, without mounting anything.
//!
//! Reads only. No walk leaves the tree: symbolic links, absolute ones too, and `..` are followed with the top of the
//! tree as root. A single folder of the host is a stack of one.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::disk::failed;
use crate::error::Error;

/// As many symbolic links as the kernel follows.
const LINKS: usize = 40;

/// A tree made of folders that hide each other's entries.
#[derive(Debug, Clone)]
pub struct Merged {
    /// Top first.
    layers: Vec<PathBuf>,
}

/// An entry of a tree.
#[derive(Debug, Clone)]
pub struct Found {
    /// Path from the top of the tree, without a leading slash; empty for the top itself.
    pub path: String,
    /// Where it lies on the host.
    pub real: PathBuf,
    /// Its own, not that of what it may link to.
    pub metadata: Metadata,
}

/// Where a path leads.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The path without symbolic links, from the top of the tree.
    pub path: String,
    /// What is there.
    pub found: Option<Found>,
}

enum Child {
    Missing,
    Folder(Vec<PathBuf>),
    Other(PathBuf),
}

impl Merged {
    /// The tree of these folders, top first, as [`ContentStore::unpack`](crate::ContentStore::unpack) gives them.
    pub fn new(layers: Vec<PathBuf>) -> Self {
        Self { layers }
    }

    /// The entry of this very path: no symbolic link is followed, in no part of it.
    pub fn entry(&self, path: &str) -> Result<Option<Found>, Error> {
        let mut dirs = self.layers.clone();
        let mut real = self.layers.first().cloned();
        let mut open = path.split('/').filter(|part| !matches!(*part, "" | ".")).peekable();
        while let Some(part) = open.next() {
            match child(&dirs, part)? {
                Child::Missing => return Ok(None),
                Child::Other(_) if open.peek().is_some() => return Ok(None),
                Child::Other(path) => real = Some(path),
                Child::Folder(folders) => {
                    real = folders.first().cloned();
                    dirs = folders;
                }
            }
        }
        let Some(real) = real else { return Ok(None) };
        let metadata = real.symlink_metadata().map_err(failed("read", &real))?;
        Ok(Some(Found { path: clean(path), real, metadata }))
    }

    /// Follows symbolic links in `path`; the last part too, if asked. What is missing is taken as it is written, so
    /// that the result says where it would have to be made.
    pub fn resolve(&self, path: &str, follow_last: bool) -> Result<Resolved, Error> {
        let mut open: Vec<String> = parts(path);
        open.reverse();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        let mut found = self.entry("")?;
        while let Some(part) = open.pop() {
            if part == ".." {
                done.pop();
                found = self.entry(&done.join("/"))?;
                continue;
            }
            done.push(part);
            let here = done.join("/");
            found = self.entry(&here)?;
            let Some(entry) = &found else { continue };
            if !entry.metadata.is_symlink() || (open.is_empty() && !follow_last) {
                continue;
            }
            links += 1;
            if links > LINKS {
                let why = "it is a loop of symbolic links".to_owned();
                return Err(Error::Malformed { what: format!("/{here}"), why });
            }
            let target = fs::read_link(&entry.real).map_err(failed("read", &entry.real))?;
            let target = target.to_str().ok_or_else(|| Error::Malformed {
                what: format!("/{here}"),
                why: "its target is not UTF-8".to_owned(),
            })?;
            if target.starts_with('/') {
                done.clear();
            } else {
                done.pop();
            }
            open.extend(parts(target).into_iter().rev());
            found = self.entry(&done.join("/"))?;
        }
        Ok(Resolved { path: done.join("/"), found })
    }

    /// What is in the folder `path`, in which no symbolic link is followed; sorted by name.
    pub fn list(&self, path: &str) -> Result<Vec<Found>, Error> {
        let mut dirs = self.layers.clone();
        for part in parts(path) {
            match child(&dirs, &part)? {
                Child::Folder(folders) => dirs = folders,
                _ => return Ok(Vec::new()),
            }
        }
        let mut names = BTreeMap::new();
        for dir in &dirs {
            for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
                let entry = entry.map_err(failed("list", dir))?;
                let name = entry.file_name().into_string().map_err(|name| Error::Malformed {
                    what: dir.join(name).display().to_string(),
                    why: "its name is not UTF-8".to_owned(),
                })?;
                names.entry(name).or_insert_with(|| entry.path());
            }
        }
        let mut list = Vec::new();
        for (name, real) in names {
            let metadata = real.symlink_metadata().map_err(failed("read", &real))?;
            if !is_whiteout(&metadata) {
                let path = if path.is_empty() { name } else { format!("{}/{name}", clean(path)) };
                list.push(Found { path, real, metadata });
            }
        }
        Ok(list)
    }
}

impl Found {
    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

fn parts(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect()
}

fn clean(path: &str) -> String {
    parts(path).join("/")
}

/// What the folders that make up one folder have under this name.
fn child(dirs: &[PathBuf], name: &str) -> Result<Child, Error> {
    let mut folders = Vec::new();
    for dir in dirs {
        let path = dir.join(name);
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                continue;
            }
            Err(error) => return Err(failed("read", &path)(error)),
        };
        if !metadata.is_dir() {
            if is_whiteout(&metadata) || !folders.is_empty() {
                break;
            }
            return Ok(Child::Other(path));
        }
        let opaque = is_opaque(&path);
        folders.push(path);
        if opaque {
            break;
        }
    }
    Ok(if folders.is_empty() { Child::Missing } else { Child::Folder(folders) })
}

/// Overlayfs' mark for a name that is hidden.
pub(crate) fn is_whiteout(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}

/// Overlayfs' mark for a folder that hides the folders below it.
pub(crate) fn is_opaque(path: &Path) -> bool {
    let mut value = [0_u8; 8];
    let read = rustix::fs::lgetxattr(path, "trusted.overlay.opaque", &mut value);
    read.is_ok_and(|length| value[..length] == *b"y")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree(root: &Path, files: &[&str]) -> PathBuf {
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file).unwrap();
        }
        root.to_owned()
    }

    #[test]
    fn upper_layers_hide_lower_ones_and_folders_merge() {
        let dir = tempfile::tempdir().unwrap();
        let lower = tree(&dir.path().join("lower"), &["etc/a", "etc/b", "opt/x"]);
        let upper = tree(&dir.path().join("upper"), &["etc/b", "etc/c"]);
        fs::write(upper.join("opt"), "a file now").unwrap();
        let merged = Merged::new(vec![upper.clone(), lower.clone()]);
        let names: Vec<String> =
            merged.list("etc").unwrap().iter().map(|found| found.name().to_owned()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(merged.entry("etc/b").unwrap().unwrap().real, upper.join("etc/b"));
        assert_eq!(merged.entry("etc/a").unwrap().unwrap().real, lower.join("etc/a"));
        assert!(merged.entry("opt/x").unwrap().is_none());
        assert!(merged.entry("opt").unwrap().unwrap().metadata.is_file());
    }

    #[test]
    fn links_stay_inside_and_loops_end() {
        let dir = tempfile::tempdir().unwrap();
        let root = tree(&dir.path().join("root"), &["usr/bin/sh"]);
        symlink("usr/bin", root.join("bin")).unwrap();
        symlink("/usr/bin/sh", root.join("usr/bin/ash")).unwrap();
        symlink("../../../../etc", root.join("out")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let merged = Merged::new(vec![root]);
        assert_eq!(merged.resolve("/bin/ash", true).unwrap().path, "usr/bin/sh");
        assert_eq!(merged.resolve("/bin/ash", false).unwrap().path, "usr/bin/ash");
        let outside = merged.resolve("/out/passwd", true).unwrap();
        assert_eq!(outside.path, "etc/passwd");
        assert!(outside.found.is_none());
        let error = merged.resolve("loop", true).unwrap_err().to_string();
        assert!(error.contains("/loop"), "{error}");
        assert_eq!(merged.resolve("/bin/new/../x", true).unwrap().path, "usr/bin/x");
    }
}
