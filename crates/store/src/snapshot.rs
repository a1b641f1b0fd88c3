//! Snapshots: the state before some frame of the log in one file, so that the log before it can go.
//!
//! A snapshot holds the entries as of the compaction revision, sorted, then the history since: the same records
//! as the log's, so loading and replaying are one thing. It appears by rename when it is complete and flushed.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::OpenError;
use crate::files::{Disk, DiskFile};
use crate::frame::{self, FILE_HEADER, FRAME_HEADER, FileKind, FrameHeader};
use crate::index::{Frozen, Index};
use crate::record::{Decoder, Encoder, Record};
use crate::recover::{self, Replay};

/// Frames are closed at about this size: the unit of checksums and of memory while loading.
const FRAME_SIZE: usize = 1 << 20;

/// Writes the snapshot for the log from frame `first` on. Returns its size.
pub(crate) fn write(disk: &dyn Disk, dir: &Path, id: u64, first: u64, state: &Frozen) -> io::Result<u64> {
    let name = FileKind::Snapshot.file_name(first);
    let temporary = dir.join(format!("{name}.tmp"));
    let written = (|| {
        let mut out = Writer::new(disk.create(&temporary)?, id, first)?;
        out.records().head(state.compacted);
        for &(lease, ttl) in &state.leases {
            out.records().grant(lease, ttl);
        }
        for entry in &state.base {
            out.records().base(entry);
            out.flush_full()?;
        }
        let mut revision = state.compacted;
        for events in &state.history {
            revision += 1;
            // Revision 1 of a new store is nobody's commit.
            if !events.is_empty() {
                out.records().commit(revision, events);
                out.flush_full()?;
            }
        }
        out.records().end(state.revision);
        out.flush()?;
        out.file.sync()?;
        disk.rename(&temporary, &dir.join(&name))?;
        disk.sync_dir(dir)?;
        Ok(out.position)
    })();
    if written.is_err() {
        let _ = disk.remove(&temporary);
    }
    written
}

#[derive(Debug)]
struct Writer {
    file: Box<dyn DiskFile>,
    id: u64,
    position: u64,
    sequence: u64,
    frame: Vec<u8>,
}

impl Writer {
    fn new(mut file: Box<dyn DiskFile>, id: u64, first: u64) -> io::Result<Self> {
        file.write_at(&FileKind::Snapshot.header(id, first), 0)?;
        Ok(Self { file, id, position: FILE_HEADER as u64, sequence: 1, frame: frame::begin() })
    }

    fn records(&mut self) -> Encoder<'_> {
        Encoder(&mut self.frame)
    }

    fn flush_full(&mut self) -> io::Result<()> {
        if self.frame.len() >= FRAME_SIZE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        frame::seal(&mut self.frame, self.id, self.sequence, 0);
        self.file.write_at(&self.frame, self.position)?;
        self.position += self.frame.len() as u64;
        self.sequence += 1;
        self.frame.clear();
        self.frame.resize(FRAME_HEADER, 0);
        Ok(())
    }
}

/// Loads the snapshot for the log from frame `first` on. Returns the store's id, the state and the file's size.
pub(crate) fn load(disk: &dyn Disk, dir: &Path, first: u64) -> Result<(u64, Index, u64), OpenError> {
    let path = dir.join(FileKind::Snapshot.file_name(first));
    let file = disk.read(&path).map_err(|source| recover::io_error("read", &path, source))?;
    let mut reader = Reader { file: io::BufReader::with_capacity(1 << 18, file), path, offset: 0 };

    let header = reader.bytes(FILE_HEADER)?;
    let id = FileKind::Snapshot.check_header(&header, first).map_err(|what| reader.damaged(0, what))?;
    let mut replay = Replay::default();
    let mut sequence = 0;
    loop {
        let start = reader.offset;
        sequence += 1;
        let header = FrameHeader::parse(&reader.bytes(FRAME_HEADER)?, id)
            .filter(|header| header.sequence == sequence && header.length <= frame::MAX_BODY)
            .ok_or_else(|| reader.damaged(start, "no valid frame header"))?;
        let mut body = reader.bytes(frame::padded(header.length) - FRAME_HEADER)?;
        body.truncate(header.length);
        if !header.fits(&body) {
            return Err(reader.damaged(start, "the frame's checksum does not match"));
        }
        for record in Decoder(&body) {
            let record = record.map_err(|what| reader.damaged(start, what))?;
            if let Record::End(revision) = record {
                if revision != replay.index.revision() {
                    return Err(reader.damaged(start, "the snapshot ends at another revision than it says"));
                }
                return Ok((id, replay.index, reader.offset));
            }
            replay.apply(record).map_err(|what| reader.damaged(start, what))?;
        }
    }
}

struct Reader {
    file: io::BufReader<Box<dyn Read + Send>>,
    path: PathBuf,
    offset: u64,
}

impl Reader {
    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, OpenError> {
        let mut bytes = vec![0; count];
        match self.file.read_exact(&mut bytes) {
            Ok(()) => {
                self.offset += count as u64;
                Ok(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.damaged(self.offset, "the snapshot is cut off"))
            }
            Err(error) => Err(recover::io_error("read", &self.path, error)),
        }
    }

    fn damaged(&self, offset: u64, what: impl Into<String>) -> OpenError {
        OpenError::Damaged { file: self.path.clone(), offset, what: what.into() }
    }
}

/// A snapshot being written in a thread of its own.
#[derive(Debug)]
pub(crate) struct Running {
    /// First frame that the snapshot does not cover.
    pub(crate) first: u64,
    thread: std::thread::JoinHandle<io::Result<u64>>,
}

impl Running {
    /// Starts writing; `done` is called when it has ended, well or not.
    pub(crate) fn start(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        id: u64,
        first: u64,
        state: Frozen,
        done: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let thread = std::thread::Builder::new().name("store-snapshot".to_owned()).spawn(move || {
            let result = write(&*disk, &dir, id, first, &state);
            drop(state);
            done();
            result
        })?;
        Ok(Self { first, thread })
    }

    /// Waits for the end.
    pub(crate) fn finish(self) -> io::Result<u64> {
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the snapshot's thread panicked")))
    }
}
