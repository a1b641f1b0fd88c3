//! The local cache: `<hash>.tar.zst` holds a task's outputs and its log, `<hash>.json` how long it took.
//!
//! Layout and archive follow Turborepo's local cache (zstd tar, paths relative to the root, modification time 0,
//! log first). Unlike it, restoring also removes output files that the archive does not hold, so that the
//! folder is what the task made and nothing older. Entries appear by rename: a killed run leaves none half-written.
//! A damaged entry counts as none. One run at a time works in a repository: see [`Cache::lock`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::inputs::{Globs, walk};

/// Why the cache could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("build cache: {action} {path}: {source}; free some space or delete the cache folder")]
pub struct CacheError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// A folder of entries.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    dir: PathBuf,
    root: PathBuf,
}

/// Facts about an entry.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// The task's hash.
    pub(crate) hash: String,
    /// How long the task ran when it was not cached, in milliseconds.
    pub(crate) duration: u64,
}

/// What became of a look into the cache.
#[derive(Debug)]
pub(crate) enum Restored {
    /// The outputs are in place.
    Whole(Meta),
    /// There is no entry.
    None,
    /// There is one that cannot be used, for the reason given.
    Damaged(String),
}

/// One file of an archive.
enum Content {
    File { mode: u32, bytes: Vec<u8> },
    Link(PathBuf),
}

/// What of a package belongs to a task: its folder, its log and the globs of its outputs.
pub(crate) struct Outputs<'a> {
    pub(crate) package_dir: &'a str,
    pub(crate) log: &'a str,
    pub(crate) globs: &'a Globs,
}

fn err(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError { action, path, source }
}

// === impl Cache ===

impl Cache {
    pub(crate) fn open(root: &Path, dir: Option<&Path>) -> Result<Self, CacheError> {
        let dir = root.join(dir.unwrap_or(Path::new(".turbo/cache")));
        fs::create_dir_all(&dir).map_err(err("creating", &dir))?;
        Ok(Self { dir, root: root.to_owned() })
    }

    /// Waits until no other run works in this repository; the lock goes with the file, or with the process.
    /// Two runs at once would write each other's outputs while they are packed.
    pub(crate) async fn lock(&self) -> Result<fs::File, CacheError> {
        let path = self.dir.join("lock");
        let file = fs::File::create(&path).map_err(err("creating", &path))?;
        if file.try_lock().is_ok() {
            return Ok(file);
        }
        // A thread of its own: one of the runtime's would keep an interrupted run from ending.
        let (send, receive) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let locked = file.lock().map(|()| file);
            // Nobody waits any more after an interrupt.
            let _ = send.send(locked);
        });
        let locked = receive.await.unwrap_or_else(|_| Err(io::Error::other("the waiting thread ended")));
        locked.map_err(err("locking", &path))
    }

    /// Puts the outputs of `hash` in place, or says why that cannot be done.
    pub(crate) fn restore(&self, hash: &str, outputs: &Outputs<'_>) -> Result<Restored, CacheError> {
        let archive = self.archive_path(hash);
        let damaged = |path: &Path, reason: &dyn std::fmt::Display| {
            Ok(Restored::Damaged(format!("{} is damaged ({reason}); the task runs again", path.display())))
        };
        let meta = match fs::read(self.meta_path(hash)) {
            Ok(text) => match serde_json::from_slice::<Meta>(&text) {
                Ok(meta) => meta,
                Err(error) => return damaged(&self.meta_path(hash), &error),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Restored::None),
            Err(error) => return damaged(&self.meta_path(hash), &error),
        };
        let file = match fs::File::open(&archive) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Restored::None),
            Err(error) => return damaged(&archive, &error),
        };
        let files = match read_archive(file, outputs.package_dir) {
            Ok(files) => files,
            Err(error) => return damaged(&archive, &error),
        };
        for (path, content) in &files {
            let target = self.root.join(path);
            self.put(&target, content).map_err(err("restoring", &target))?;
        }
        let restored = files.into_keys().map(|path| self.root.join(path)).collect();
        self.remove_stale(&restored, outputs).map_err(err("cleaning outputs of", &archive))?;
        Ok(Restored::Whole(meta))
    }

    /// Stores the outputs that lie on disk as the entry of `hash`; answers how many files it holds.
    pub(crate) fn save(&self, meta: &Meta, outputs: &Outputs<'_>) -> Result<usize, CacheError> {
        let archive = self.archive_path(&meta.hash);
        let temporary = self.dir.join(format!(".{}.{}", meta.hash, std::process::id()));
        let saved = self.pack(&temporary, outputs).and_then(|count| {
            fs::rename(&temporary, &archive)?;
            fs::write(&temporary, serde_json::to_vec(meta)?)?;
            fs::rename(&temporary, self.meta_path(&meta.hash))?;
            Ok(count)
        });
        if saved.is_err() {
            // The failure itself is what is reported; a leftover temporary file would only hide it.
            let _ = fs::remove_file(&temporary);
        }
        saved.map_err(err("writing", &archive))
    }

    fn archive_path(&self, hash: &str) -> PathBuf {
        self.dir.join(format!("{hash}.tar.zst"))
    }

    fn meta_path(&self, hash: &str) -> PathBuf {
        self.dir.join(format!("{hash}-meta.json"))
    }

    fn pack(&self, to: &Path, outputs: &Outputs<'_>) -> io::Result<usize> {
        let mut tar = tar::Builder::new(zstd::Encoder::new(fs::File::create(to)?, 3)?);
        let log = self.root.join(outputs.package_dir).join(outputs.log);
        if log.is_file() {
            append(&mut tar, &log, &format!("{}/{}", outputs.package_dir, outputs.log))?;
        }
        let mut files = self.output_files(outputs)?;
        files.sort();
        for (path, relative) in &files {
            append(&mut tar, path, &format!("{}/{relative}", outputs.package_dir))?;
        }
        let mut file = tar.into_inner()?.finish()?;
        file.flush()?;
        file.sync_all()?;
        Ok(files.len())
    }

    fn output_files(&self, outputs: &Outputs<'_>) -> io::Result<Vec<(PathBuf, String)>> {
        let mut files = Vec::new();
        for entry in walk(&self.root.join(outputs.package_dir), false) {
            let (path, relative) = entry.map_err(io::Error::other)?;
            if outputs.globs.matches(&relative) {
                files.push((path, relative));
            }
        }
        Ok(files)
    }

    fn put(&self, target: &Path, content: &Content) -> io::Result<()> {
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
            if !parent.canonicalize()?.starts_with(&self.root) {
                return Err(io::Error::other("a link leads out of the repository"));
            }
        }
        match content {
            Content::File { mode, bytes } => {
                if !already_there(target, *mode, bytes)? {
                    remove_if_there(target)?;
                    write_file(target, *mode, bytes)?;
                }
            }
            Content::Link(to) => {
                remove_if_there(target)?;
                std::os::unix::fs::symlink(to, target)?;
            }
        }
        Ok(())
    }

    fn remove_stale(&self, restored: &BTreeSet<PathBuf>, outputs: &Outputs<'_>) -> io::Result<()> {
        self.output_files(outputs)?
            .into_iter()
            .filter(|(path, _)| !restored.contains(path))
            .try_for_each(|(path, _)| fs::remove_file(path))
    }
}

/// Reads a whole archive before anything is written: a damaged one must not leave half of it in the tree.
fn read_archive(file: fs::File, package_dir: &str) -> io::Result<BTreeMap<PathBuf, Content>> {
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(zstd::Decoder::new(file)?);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_plain || !path.starts_with(package_dir) {
            return Err(io::Error::other(format!("{} is not a file of the package", path.display())));
        }
        let kind = entry.header().entry_type();
        let content = if kind.is_file() {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            Content::File { mode: entry.header().mode()? & 0o777, bytes }
        } else if let (true, Some(to)) = (kind.is_symlink(), entry.link_name()?) {
            Content::Link(to.into_owned())
        } else {
            return Err(io::Error::other(format!("{} is neither file nor link", path.display())));
        };
        files.insert(path, content);
    }
    Ok(files)
}

/// Whether the file on disk is what the entry holds: by content, because two files can share size and time.
fn already_there(target: &Path, mode: u32, content: &[u8]) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = target.symlink_metadata() else { return Ok(false) };
    Ok(metadata.is_file()
        && metadata.len() == content.len() as u64
        && metadata.mode() & 0o777 == mode
        && fs::read(target)? == content)
}

/// A running program's file cannot be written over, but its name can be given to a new one.
fn remove_if_there(target: &Path) -> io::Result<()> {
    match fs::remove_file(target) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn write_file(target: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(target)?.write_all(content)
}

fn append(tar: &mut tar::Builder<impl Write>, path: &Path, name: &str) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = path.symlink_metadata()?;
    let mut header = tar::Header::new_gnu();
    header.set_mtime(0);
    header.set_mode(metadata.mode() & 0o777);
    header.set_uid(0);
    header.set_gid(0);
    if metadata.is_symlink() {
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, name, path.read_link()?)
    } else {
        header.set_size(metadata.len());
        tar.append_data(&mut header, name, fs::File::open(path)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs() -> Globs {
        Globs::new("outputs", &["dist/**".to_owned()]).unwrap()
    }

    #[test]
    fn outputs_come_back_and_older_files_go() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("p/dist")).unwrap();
        fs::create_dir_all(root.join("p/.turbo")).unwrap();
        fs::write(root.join("p/dist/a"), "one").unwrap();
        fs::write(root.join("p/.turbo/turbo-build.log"), "log").unwrap();
        let cache = Cache::open(root, None).unwrap();
        let globs = globs();
        let outputs = Outputs { package_dir: "p", log: ".turbo/turbo-build.log", globs: &globs };
        assert!(matches!(cache.restore("h", &outputs).unwrap(), Restored::None));
        assert_eq!(cache.save(&Meta { hash: "h".to_owned(), duration: 7 }, &outputs).unwrap(), 1);

        fs::write(root.join("p/dist/a"), "changed").unwrap();
        fs::write(root.join("p/dist/old"), "stale").unwrap();
        fs::remove_dir_all(root.join("p/.turbo")).unwrap();
        assert!(matches!(cache.restore("h", &outputs).unwrap(), Restored::Whole(meta) if meta.duration == 7));
        assert_eq!(fs::read_to_string(root.join("p/dist/a")).unwrap(), "one");
        assert_eq!(fs::read_to_string(root.join("p/.turbo/turbo-build.log")).unwrap(), "log");
        assert!(!root.join("p/dist/old").exists());
    }

    #[test]
    fn a_damaged_entry_is_none_and_leaves_the_tree_alone() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("p/dist")).unwrap();
        fs::write(root.join("p/dist/a"), "one").unwrap();
        fs::write(root.join("p/dist/b"), [7; 9000]).unwrap();
        let cache = Cache::open(root, None).unwrap();
        let globs = globs();
        let outputs = Outputs { package_dir: "p", log: "l", globs: &globs };
        cache.save(&Meta { hash: "h".to_owned(), duration: 1 }, &outputs).unwrap();
        let whole = fs::read(cache.archive_path("h")).unwrap();
        fs::write(root.join("p/dist/a"), "two").unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(cache.archive_path("h"), &whole[..length]).unwrap();
            let restored = cache.restore("h", &outputs).unwrap();
            assert!(
                matches!(&restored, Restored::Damaged(text) if text.contains("h.tar.zst")),
                "{restored:?}"
            );
            assert_eq!(fs::read_to_string(root.join("p/dist/a")).unwrap(), "two", "{length} bytes");
        }
        let other = Outputs { package_dir: "q", log: "l", globs: &globs };
        fs::write(cache.archive_path("h"), &whole).unwrap();
        assert!(matches!(cache.restore("h", &other).unwrap(), Restored::Damaged(_)), "of another package");
        fs::write(cache.meta_path("h"), "{").unwrap();
        assert!(matches!(cache.restore("h", &outputs).unwrap(), Restored::Damaged(_)));
    }
}
