//! Writing files so that they are there complete or not at all, and the lock that keeps collection and writing
//! apart. Knows nothing of images.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::digest::Digest;
use crate::error::Error;

/// Turns a system error into ours; a full disk is a case of its own.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::NoSpace { path },
        _ => Error::Io { action, path, source },
    }
}

/// Held while something is written; see [`ContentStore::writing`](crate::ContentStore::writing).
#[derive(Debug)]
pub struct Writing(#[allow(dead_code, reason = "held for its lock")] File);

/// Takes the lock in `root`: shared to write, alone to collect.
pub(crate) fn lock(root: &Path, alone: bool) -> Result<Writing, Error> {
    let path = root.join("LOCK");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(failed("open", &path))?;
    let locked = if alone { file.lock() } else { file.lock_shared() };
    locked.map_err(failed("lock", &path))?;
    Ok(Writing(file))
}

/// A file that appears under its name when it is complete.
#[derive(Debug)]
pub(crate) struct Draft(NamedTempFile);

impl Draft {
    /// Begins a file in the folder for temporary ones.
    pub(crate) fn new(temporary: &Path) -> Result<Self, Error> {
        NamedTempFile::new_in(temporary).map(Self).map_err(failed("create a file in", temporary))
    }

    /// Copies all of `reader` and returns its digest and length.
    pub(crate) fn fill(
        &mut self,
        reader: &mut dyn Read,
        action: &'static str,
    ) -> Result<(Digest, u64), Error> {
        let path = self.0.path().to_owned();
        let mut hashing = Hashing::new(self.0.as_file_mut());
        let mut buffer = vec![0; 128 << 10];
        let mut length = 0;
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(action, &path)(error)),
            };
            hashing.write_all(&buffer[..count]).map_err(failed("write", &path))?;
            length += count as u64;
        }
        Ok((hashing.digest(), length))
    }

    /// Makes the file durable and gives it its name, replacing.
    pub(crate) fn publish(self, path: &Path) -> Result<(), Error> {
        self.0.as_file().sync_data().map_err(failed("flush", path))?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        self.0.as_file().set_permissions(mode).map_err(failed("set the mode of", path))?;
        self.0.persist(path).map_err(|error| failed("rename a file to", path)(error.error))?;
        sync_parent(path)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Makes a name durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(Path::new("."));
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(failed("flush", parent))
}

/// Makes a folder and its parents.
pub(crate) fn make_dir(path: PathBuf) -> Result<PathBuf, Error> {
    fs::create_dir_all(&path).map_err(failed("create", &path))?;
    Ok(path)
}

/// The file's bytes; `None` if it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Passes bytes on and computes their digest.
pub(crate) struct Hashing<T> {
    inner: T,
    state: Sha256,
}

impl<T> Hashing<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, state: Sha256::new() }
    }

    pub(crate) fn digest(self) -> Digest {
        Digest::from_bytes(&self.state.finalize())
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.state.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.state.update(&buffer[..count]);
        Ok(count)
    }
}
