//! Reading a store's files: the newest snapshot, then the log behind it.
//!
//! What an interrupted write left at the very end is cut off; anything else that is not as it was written stops
//! the opening with file and offset, and nothing is changed. The same reading, without the mending, is the check.

use std::io;
use std::path::Path;

use crate::error::OpenError;
use crate::files::Disk;
use crate::frame::{self, FILE_HEADER, FileKind, Next};
use crate::index::{self, Index};
use crate::log::Tail;
use crate::record::{Decoder, Record};
use crate::snapshot;
use crate::types::Entry;

/// What the files hold.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) index: Index,
    pub(crate) id: u64,
    pub(crate) tail: Tail,
    /// Bytes of an interrupted write behind the tail.
    pub(crate) torn: u64,
    /// Bytes of log since the snapshot.
    pub(crate) log_size: u64,
    pub(crate) snapshot_size: u64,
    /// Names of files that are not needed any more.
    pub(crate) stale: Vec<String>,
    pub(crate) segments: usize,
}

/// Reads the store in `dir`; `None` if there is none yet.
pub(crate) fn load(disk: &dyn Disk, dir: &Path) -> Result<Option<Loaded>, OpenError> {
    let names = disk.list(dir).map_err(|source| io_error("list", dir, source))?;
    let numbers = |kind: FileKind| {
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| kind.parse_name(name)).collect();
        numbers.sort_unstable();
        numbers
    };
    let mut stale: Vec<String> = names.iter().filter(|name| name.ends_with(".tmp")).cloned().collect();
    let (snapshots, mut segments) = (numbers(FileKind::Snapshot), numbers(FileKind::Log));

    let (mut replay, mut id, mut expected, mut snapshot_size) = (Replay::default(), None, 1, 0);
    if let Some(&first) = snapshots.last() {
        let (snapshot_id, index, size) = snapshot::load(disk, dir, first)?;
        (replay, id, expected, snapshot_size) = (Replay { index }, Some(snapshot_id), first, size);
        stale.extend(
            snapshots[..snapshots.len() - 1].iter().map(|&first| FileKind::Snapshot.file_name(first)),
        );
    }
    stale.extend(
        segments.iter().filter(|&&first| first < expected).map(|&first| FileKind::Log.file_name(first)),
    );
    segments.retain(|&first| first >= expected);
    if segments.is_empty() {
        return match id {
            None => Ok(None),
            Some(_) => Err(missing(dir, expected)),
        };
    }

    let (mut log_size, mut tail, mut torn) = (0, None, 0);
    for (place, &first) in segments.iter().enumerate() {
        if first != expected {
            return Err(missing(dir, expected));
        }
        let last = place + 1 == segments.len();
        let read = read_segment(disk, dir, first, id, last, &mut replay)?;
        id = Some(read.id);
        expected = read.tail.next;
        log_size += read.tail.position - FILE_HEADER as u64;
        torn = read.torn;
        tail = Some(read.tail);
    }
    let (Some(tail), Some(id)) = (tail, id) else { return Err(missing(dir, expected)) };
    let (index, segments) = (replay.index, segments.len());
    Ok(Some(Loaded { index, id, tail, torn, log_size, snapshot_size, stale, segments }))
}

struct Segment {
    id: u64,
    tail: Tail,
    torn: u64,
}

fn read_segment(
    disk: &dyn Disk,
    dir: &Path,
    first: u64,
    id: Option<u64>,
    last: bool,
    replay: &mut Replay,
) -> Result<Segment, OpenError> {
    let path = dir.join(FileKind::Log.file_name(first));
    let damaged = |offset: usize, what: &str| OpenError::Damaged {
        file: path.clone(),
        offset: offset as u64,
        what: what.to_owned(),
    };
    let mut file = Vec::new();
    let read = disk.read(&path).and_then(|mut reader| reader.read_to_end(&mut file));
    read.map_err(|source| io_error("read", &path, source))?;

    let own = FileKind::Log.check_header(&file, first).map_err(|what| damaged(0, &what))?;
    if id.is_some_and(|id| id != own) {
        return Err(damaged(8, "the file belongs to another store"));
    }
    let (mut offset, mut expected, mut sealed) = (FILE_HEADER, first, true);
    let broken = loop {
        match frame::next(&file, offset, own, expected) {
            Next::Frame(body, behind) => {
                for record in Decoder(body) {
                    let applied = record.and_then(|record| replay.apply(record));
                    applied.map_err(|what| damaged(offset, &what))?;
                }
                sealed = body.is_empty();
                (offset, expected) = (behind, expected + 1);
            }
            Next::End => break "zeros where a frame was",
            Next::Broken(what) => break what,
        }
    };
    if frame::proves_flushed(&file, offset, own, expected).is_some() {
        return Err(damaged(offset, &format!("{broken}, though later frames are whole")));
    }
    // A frame's padding may lie behind the end of the file.
    let rest = file.get(offset..).unwrap_or_default();
    let torn = rest.iter().rposition(|&byte| byte != 0).map_or(0, |place| place as u64 + 1);
    if torn > 0 && !last {
        return Err(damaged(offset, &format!("{broken}, though the next log file exists")));
    }
    let length = (file.len().max(offset)) as u64;
    let tail = Tail { segment: first, position: offset as u64, length, next: expected, sealed };
    Ok(Segment { id: own, tail, torn })
}

/// Builds the index from records.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) index: Index,
}

impl Replay {
    pub(crate) fn apply(&mut self, record: Record) -> Result<(), String> {
        let index = &mut self.index;
        match record {
            Record::Commit(revision, changes) => {
                if revision != index.revision() + 1 {
                    return Err(format!("revision {revision} follows revision {}", index.revision()));
                }
                let events = changes.into_iter().map(|change| {
                    let previous = index.get(&change.key);
                    index::event(previous, &change.key, change.value, revision, change.lease, change.deleted)
                });
                let events = events.collect();
                index.apply(events);
            }
            Record::Compact(revision) => {
                if revision > index.revision() {
                    return Err(format!("compaction at revision {revision} is in the future"));
                }
                index.compact(revision);
            }
            Record::Grant(id, ttl) => index.grant(id, ttl),
            Record::Revoke(id) => index.revoke(id),
            Record::Head(compacted) => *index = Index::at_compaction(compacted),
            Record::Base(change, create_revision, mod_revision, version) => {
                let (key, value, lease) = (change.key.into(), change.value, change.lease);
                let entry = Entry { key, value, create_revision, mod_revision, version, lease };
                index.insert(&entry.into());
            }
            Record::End(_) => return Err("a snapshot's end inside the log".to_owned()),
        }
        Ok(())
    }
}

/// What a check of a store's files found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Latest revision.
    pub revision: u64,
    /// Compaction revision.
    pub compacted: u64,
    /// Live keys.
    pub keys: usize,
    /// Log files behind the snapshot.
    pub segments: usize,
    /// Bytes of log behind the snapshot.
    pub log_size: u64,
    /// Bytes of the snapshot; 0 if there is none.
    pub snapshot_size: u64,
    /// Bytes of an interrupted write at the log's end, which the next opening cuts off.
    pub torn: u64,
}

/// Reads and verifies all files of the store in `dir` without changing anything; `None` if there is none.
/// While the store is open elsewhere, a write in progress shows as torn bytes.
pub fn check(disk: &dyn Disk, dir: &Path) -> Result<Option<Report>, OpenError> {
    Ok(load(disk, dir)?.map(|loaded| Report {
        revision: loaded.index.revision(),
        compacted: loaded.index.compacted(),
        keys: loaded.index.live(),
        segments: loaded.segments,
        log_size: loaded.log_size,
        snapshot_size: loaded.snapshot_size,
        torn: loaded.torn,
    }))
}

pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { action, path: path.to_owned(), source }
}

fn missing(dir: &Path, first: u64) -> OpenError {
    OpenError::Missing { dir: dir.to_owned(), what: format!("the file {}", FileKind::Log.file_name(first)) }
}
