//! The appending side of the log: frames into segments, one flush each.
//!
//! Invariants: bytes behind the last frame are zeros; the next frame is written only after the one before was
//! flushed (or, between flushes of [`Fsync::Interval`](crate::Fsync), says that it was not); after a failed flush
//! nothing is written any more, since what the disk holds is then unknown.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Failure;
use crate::files::{Disk, DiskFile};
use crate::frame::{self, FILE_HEADER, FRAME_HEADER, FileKind};

/// Space is filled with zeros ahead of the log by as much as the file is long, within these bounds: an idle
/// store stays small, a busy one changes file sizes rarely.
const AHEAD: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 20;

/// Where the log ends.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    /// First frame of the segment that is written to.
    pub(crate) segment: u64,
    /// Byte behind the last frame.
    pub(crate) position: u64,
    /// Bytes of the file.
    pub(crate) length: u64,
    /// Number of the next frame.
    pub(crate) next: u64,
    /// Whether the last frame is empty, as a closed store leaves it.
    pub(crate) sealed: bool,
}

/// The log of an open store.
#[derive(Debug)]
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    id: u64,
    segment_size: u64,
    file: Box<dyn DiskFile>,
    tail: Tail,
    /// Frames up to this one are flushed.
    synced: u64,
    /// Set by the first failure after which the log's content is unknown.
    broken: Option<String>,
}

impl Log {
    /// Begins the log of a new store.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        id: u64,
        segment_size: u64,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let (file, length) = create_segment(&*disk, dir, id, 1).map_err(|error| (dir.to_owned(), error))?;
        let tail = Tail { segment: 1, position: FILE_HEADER as u64, length, next: 1, sealed: true };
        Ok(Self { disk, dir: dir.to_owned(), id, segment_size, file, tail, synced: 0, broken: None })
    }

    /// Continues a log; cuts off what an interrupted write left behind `tail`.
    pub(crate) fn resume(
        disk: Arc<dyn Disk>,
        dir: &Path,
        id: u64,
        segment_size: u64,
        mut tail: Tail,
        torn: bool,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let path = dir.join(FileKind::Log.file_name(tail.segment));
        let opened = (|| {
            let mut file = disk.open(&path)?;
            if torn {
                file.truncate(tail.position)?;
                tail.length = tail.position;
            }
            // What was read may still be in memory only, if the process before was killed; it is served from now on.
            file.sync()?;
            disk.sync_dir(dir)?;
            Ok(file)
        })();
        let file = opened.map_err(|error| (path, error))?;
        let synced = tail.next - 1;
        Ok(Self { disk, dir: dir.to_owned(), id, segment_size, file, tail, synced, broken: None })
    }

    /// First frame of the present segment.
    pub(crate) fn segment(&self) -> u64 {
        self.tail.segment
    }

    /// The store's id, which every frame carries.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Whether there is anything that a flush would make durable.
    pub(crate) fn is_dirty(&self) -> bool {
        self.broken.is_none() && self.synced + 1 < self.tail.next
    }

    /// Appends the frame (begun by [`frame::begin`]), flushed if `sync`. Returns its length.
    /// If this fails with [`Failure::NoSpace`], nothing was changed and the next attempt may succeed.
    pub(crate) fn append(&mut self, frame: &mut Vec<u8>, sync: bool) -> Result<u64, Failure> {
        self.usable()?;
        let empty = frame.len() == FRAME_HEADER;
        frame::seal(frame, self.id, self.tail.next, self.synced);
        let length = frame.len() as u64;
        if self.tail.position > FILE_HEADER as u64 && self.tail.position + length > self.segment_size {
            self.rotate()?;
        }
        self.reserve(self.tail.position + length)?;
        if let Err(error) = self.file.write_at(frame, self.tail.position) {
            // What was written of it must not stay: the commits in it are answered as failed. Cutting needs no space.
            let cut = self.file.truncate(self.tail.position);
            self.tail.length = self.tail.position;
            return Err(match cut {
                Ok(()) => self.failed("write", error),
                Err(_) => self.break_off("write", &error),
            });
        }
        if sync {
            self.file.sync().map_err(|error| self.break_off("flush", &error))?;
            self.synced = self.tail.next;
        }
        self.tail.position += length;
        self.tail.next += 1;
        self.tail.sealed = empty;
        Ok(length)
    }

    /// Flushes what [`Log::append`] did not.
    pub(crate) fn sync(&mut self) -> Result<(), Failure> {
        self.usable()?;
        if self.is_dirty() {
            self.file.sync().map_err(|error| self.break_off("flush", &error))?;
            self.synced = self.tail.next - 1;
        }
        Ok(())
    }

    /// Begins a new segment and returns its first frame's number. Does nothing if the present one has no frame.
    pub(crate) fn rotate(&mut self) -> Result<u64, Failure> {
        self.sync()?;
        if self.tail.position > FILE_HEADER as u64 {
            let (file, length) = create_segment(&*self.disk, &self.dir, self.id, self.tail.next)
                .map_err(|error| self.failed("begin a segment of", error))?;
            self.file = file;
            self.tail.segment = self.tail.next;
            self.tail.position = FILE_HEADER as u64;
            self.tail.length = length;
        }
        Ok(self.tail.segment)
    }

    /// Ends a log in good order: with an empty frame, which protects the last one that matters against being
    /// taken for an interrupted write should it be damaged later.
    pub(crate) fn seal(&mut self) -> Result<(), Failure> {
        self.sync()?;
        if !self.tail.sealed {
            self.append(&mut frame::begin(), true)?;
        }
        Ok(())
    }

    fn reserve(&mut self, end: u64) -> Result<(), Failure> {
        if end <= self.tail.length {
            return Ok(());
        }
        let ahead = self.tail.length.clamp(*AHEAD.start(), *AHEAD.end());
        let length = end.max((self.tail.length + ahead).min(self.segment_size)).next_multiple_of(4096);
        let grown = self.file.allocate(self.tail.length, length - self.tail.length);
        grown.map_err(|error| self.failed("extend", error))?;
        self.tail.length = length;
        Ok(())
    }

    fn usable(&self) -> Result<(), Failure> {
        match &self.broken {
            Some(reason) => Err(Failure::ReadOnly { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    fn failed(&mut self, action: &str, error: io::Error) -> Failure {
        if is_no_space(&error) {
            return Failure::NoSpace { dir: self.dir.clone() };
        }
        self.break_off(action, &error)
    }

    fn break_off(&mut self, action: &str, error: &io::Error) -> Failure {
        let path = self.dir.join(FileKind::Log.file_name(self.tail.segment));
        let reason = format!("cannot {action} {}: {error}", path.display());
        tracing::error!(reason, "the store takes no more writes");
        self.broken = Some(reason.clone());
        Failure::ReadOnly { reason }
    }
}

/// Whether the disk, or the owner's share of it, is full.
pub(crate) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Makes a segment appear at once with its header, so that a cut-off header is always damage.
fn create_segment(disk: &dyn Disk, dir: &Path, id: u64, first: u64) -> io::Result<(Box<dyn DiskFile>, u64)> {
    let name = FileKind::Log.file_name(first);
    let temporary = dir.join(format!("{name}.tmp"));
    let made = (|| {
        let mut file = disk.create(&temporary)?;
        file.allocate(0, *AHEAD.start())?;
        file.write_at(&FileKind::Log.header(id, first), 0)?;
        file.sync()?;
        disk.rename(&temporary, &dir.join(&name))?;
        disk.sync_dir(dir)?;
        Ok((file, *AHEAD.start()))
    })();
    if made.is_err() {
        // Left behind it would only waste space until the next start.
        let _ = disk.remove(&temporary);
    }
    made
}
