//! A disk in memory that fills up, fails to flush and loses power.
//!
//! Power loss keeps what was flushed, and of the rest any sectors, in any order; of names that were changed since
//! the folder was flushed, the first few changes, as journalling file systems do.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use store::files::{Disk, DiskFile, Lock};

use super::common::Random;

const SECTOR: usize = 512;

#[derive(Debug, Default, Clone)]
struct Content {
    now: Vec<u8>,
    flushed: Vec<u8>,
    /// Writes since the flush, by sector.
    pending: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    flushed_names: BTreeMap<PathBuf, usize>,
    /// Name changes since the folder was flushed; `None` removes.
    name_changes: Vec<Vec<(PathBuf, Option<usize>)>>,
    space: Option<usize>,
    reserves: bool,
    failing_syncs: bool,
    failing_writes: Option<ErrorKind>,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

impl MemoryDisk {
    pub fn new() -> Self {
        let disk = Self::default();
        disk.0.lock().unwrap().reserves = true;
        disk
    }

    /// Leaves room for this many more bytes; `None` = no limit.
    pub fn limit(&self, space: Option<usize>) {
        self.0.lock().unwrap().space = space;
    }

    /// Whether space is taken when it is reserved, or (as on some file systems) only when it is written.
    pub fn reserves(&self, reserves: bool) {
        self.0.lock().unwrap().reserves = reserves;
    }

    pub fn fail_syncs(&self, fail: bool) {
        self.0.lock().unwrap().failing_syncs = fail;
    }

    pub fn fail_writes(&self, kind: Option<ErrorKind>) {
        self.0.lock().unwrap().failing_writes = kind;
    }

    /// The disk as it is, as after the death of the process.
    pub fn copy(&self) -> Self {
        let state = self.0.lock().unwrap();
        let files: Vec<_> = state.files.iter().map(|file| settled(file.now.clone())).collect();
        Self::of(files, state.names.clone())
    }

    /// The disk as it may be after a power loss.
    pub fn lose_power(&self, random: &mut Random) -> Self {
        let state = self.0.lock().unwrap();
        let mut names = state.flushed_names.clone();
        let kept = random.below(state.name_changes.len() as u64 + 1) as usize;
        for (path, file) in state.name_changes[..kept].iter().flatten() {
            match file {
                Some(file) => names.insert(path.clone(), *file),
                None => names.remove(path),
            };
        }
        let files = state.files.iter().map(|file| {
            let mut content = file.flushed.clone();
            let likely = random.below(4);
            for (at, bytes) in &file.pending {
                if random.below(4) < likely {
                    write(&mut content, *at, bytes);
                }
            }
            settled(content)
        });
        Self::of(files.collect(), names)
    }

    fn of(files: Vec<Content>, names: BTreeMap<PathBuf, usize>) -> Self {
        let flushed_names = names.clone();
        Self(Arc::new(Mutex::new(State { files, names, flushed_names, reserves: true, ..State::default() })))
    }
}

fn settled(content: Vec<u8>) -> Content {
    Content { now: content.clone(), flushed: content, pending: Vec::new() }
}

fn write(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

fn not_found() -> io::Error {
    ErrorKind::NotFound.into()
}

impl State {
    fn file(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(not_found)
    }

    fn change_names(&mut self, changes: Vec<(PathBuf, Option<usize>)>) {
        for (path, file) in &changes {
            match file {
                Some(file) => self.names.insert(path.clone(), *file),
                None => self.names.remove(path),
            };
        }
        self.name_changes.push(changes);
    }

    /// Takes space for a file that grows; the bytes that fit.
    fn take(&mut self, file: usize, end: usize) -> usize {
        let grows = end.saturating_sub(self.files[file].now.len());
        let Some(space) = &mut self.space else { return end };
        let taken = grows.min(*space);
        *space -= taken;
        end - (grows - taken)
    }
}

impl Disk for MemoryDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Lock>> {
        Ok(Some(Box::new(())))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        let state = self.0.lock().unwrap();
        Ok(state.names.keys().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let state = self.0.lock().unwrap();
        let file = state.file(path)?;
        Ok(Box::new(Cursor::new(state.files[file].now.clone())))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock().unwrap();
        state.files.push(Content::default());
        let file = state.files.len() - 1;
        state.change_names(vec![(path.to_owned(), Some(file))]);
        Ok(Box::new(MemoryFile { disk: self.clone(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.0.lock().unwrap().file(path)?;
        Ok(Box::new(MemoryFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let file = state.file(from)?;
        state.change_names(vec![(from.to_owned(), None), (to.to_owned(), Some(file))]);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let file = state.file(path)?;
        let freed = state.files[file].now.len();
        if let Some(space) = &mut state.space {
            *space += freed;
        }
        state.change_names(vec![(path.to_owned(), None)]);
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.failing_syncs {
            return Err(io::Error::other("input/output error"));
        }
        state.flushed_names = state.names.clone();
        state.name_changes.clear();
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    file: usize,
}

impl MemoryFile {
    fn put(&self, bytes: &[u8], at: usize, takes_space: bool) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        let end = at + bytes.len();
        let fits = if takes_space { state.take(self.file, end) } else { end };
        let written = &bytes[..fits.saturating_sub(at).min(bytes.len())];
        let content = &mut state.files[self.file];
        write(&mut content.now, at, written);
        let mut from = 0;
        while from < written.len() {
            let to = (((at + from) / SECTOR + 1) * SECTOR - at).min(written.len());
            content.pending.push((at + from, written[from..to].to_vec()));
            from = to;
        }
        if written.len() < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl DiskFile for MemoryFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Some(kind) = self.disk.0.lock().unwrap().failing_writes {
            return Err(kind.into());
        }
        self.put(bytes, offset as usize, true)
    }

    fn allocate(&mut self, offset: u64, len: u64) -> io::Result<()> {
        if self.disk.0.lock().unwrap().reserves {
            return self.put(&vec![0; len as usize], offset as usize, true);
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        if let Some(kind) = state.failing_writes {
            return Err(kind.into());
        }
        let content = &mut state.files[self.file];
        let freed = content.now.len().saturating_sub(len as usize);
        content.now.truncate(len as usize);
        // Kept simple: a cut is flushed at once.
        *content = settled(content.now.clone());
        if let Some(space) = &mut state.space {
            *space += freed;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        if state.failing_syncs {
            return Err(io::Error::other("input/output error"));
        }
        let content = &mut state.files[self.file];
        *content = settled(std::mem::take(&mut content.now));
        Ok(())
    }
}
