//! A blob that arrives in pieces, perhaps over several attempts: what came stays for the next one.
//!
//! Its file lies among the temporary ones under the digest's name and is locked while somebody writes it. It becomes
//! a blob only when its digest is right.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use crate::content::ContentStore;
use crate::digest::Digest;
use crate::disk::{failed, sync_parent};
use crate::error::Error;

/// A blob that is not complete yet. Dropping it keeps what came.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    digest: Digest,
    state: Sha256,
    length: u64,
}

impl ContentStore {
    /// Takes up the blob where an earlier attempt ended, waiting for whoever is writing it; `None` when the store has
    /// it. Hold [`ContentStore::writing`] meanwhile, or a collection takes it.
    pub fn partial(&self, digest: &Digest) -> Result<Option<Partial>, Error> {
        let path = self.temporary().join(format!("partial-{}", digest.hex()));
        let target = self.blob_path(digest);
        loop {
            if target.exists() {
                return Ok(None);
            }
            let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
            let mut file = file.map_err(failed("open", &path))?;
            file.lock().map_err(failed("lock", &path))?;
            // Whoever had the lock may have completed or removed it: then this file is no longer that of the path.
            let own = file.metadata().map_err(failed("read", &path))?.ino();
            if fs::metadata(&path).map_or(0, |data| data.ino()) != own {
                continue;
            }
            let mut state = Sha256::new();
            let mut buffer = vec![0; 128 << 10];
            let mut length = 0;
            loop {
                match file.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => {
                        state.update(&buffer[..count]);
                        length += count as u64;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(failed("read", &path)(error)),
                }
            }
            return Ok(Some(Partial { file, path, target, digest: digest.clone(), state, length }));
        }
    }
}

impl Partial {
    /// Bytes that are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends what came.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(failed("write", &self.path))?;
        self.state.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Throws away what came.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.file.set_len(0).map_err(failed("write", &self.path))?;
        self.file.seek(SeekFrom::Start(0)).map_err(failed("write", &self.path))?;
        self.state = Sha256::new();
        self.length = 0;
        Ok(())
    }

    /// Makes it a blob. Content with another digest is thrown away.
    pub fn finish(self) -> Result<(), Error> {
        let actual = Digest::from_bytes(&self.state.finalize());
        if actual != self.digest {
            fs::remove_file(&self.path).map_err(failed("remove", &self.path))?;
            let what = format!("blob {}", self.digest);
            return Err(Error::Mismatch { what, expected: self.digest, actual });
        }
        let publish = || {
            self.file.set_permissions(fs::Permissions::from_mode(0o644))?;
            self.file.sync_data()?;
            fs::rename(&self.path, &self.target)
        };
        publish().map_err(failed("write", &self.target))?;
        sync_parent(&self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_stays_until_it_is_complete_and_right() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(dir.path()).unwrap();
        let digest = Digest::of(b"hello world");
        let mut partial = store.partial(&digest).unwrap().unwrap();
        partial.write(b"hello ").unwrap();
        drop(partial);
        let mut partial = store.partial(&digest).unwrap().unwrap();
        assert_eq!(partial.length(), 6);
        partial.write(b"world").unwrap();
        partial.finish().unwrap();
        assert!(store.partial(&digest).unwrap().is_none());
        assert_eq!(fs::read(store.blob(&digest).unwrap()).unwrap(), b"hello world");
    }

    #[test]
    fn wrong_content_is_refused_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(dir.path()).unwrap();
        let digest = Digest::of(b"right");
        let mut partial = store.partial(&digest).unwrap().unwrap();
        partial.write(b"wrong").unwrap();
        let error = partial.finish().unwrap_err().to_string();
        assert!(error.contains(&digest.to_string()), "{error}");
        assert!(store.blob(&digest).is_none());
        let mut partial = store.partial(&digest).unwrap().unwrap();
        assert_eq!(partial.length(), 0);
        partial.write(b"wr").unwrap();
        partial.restart().unwrap();
        partial.write(b"right").unwrap();
        partial.finish().unwrap();
    }
}
