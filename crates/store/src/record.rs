//! What frames contain: records of commits, compactions and leases, and the snapshot's own.
//!
//! Creation revisions, versions and previous states are not written with commits: replaying them against the
//! index gives them again.

use std::time::Duration;

use bytes::Bytes;

use crate::types::{Event, LeaseId};

const COMMIT: u8 = 1;
const COMPACT: u8 = 2;
const GRANT: u8 = 3;
const REVOKE: u8 = 4;
const HEAD: u8 = 5;
const BASE: u8 = 6;
const END: u8 = 7;

const DELETED: u8 = 1;
const LEASED: u8 = 2;

/// One record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// All changes of one revision.
    Commit(u64, Vec<Change>),
    /// The history up to this revision was given up.
    Compact(u64),
    /// A lease began.
    Grant(LeaseId, Duration),
    /// A lease ended; its keys were deleted by the commit before.
    Revoke(LeaseId),
    /// First record of a snapshot: its compaction revision.
    Head(u64),
    /// An entry as of the snapshot's compaction revision: change, creation, modification, version.
    Base(Change, u64, u64, u64),
    /// Last record of a snapshot: the revision that it leads to.
    End(u64),
}

/// One change of a commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: String,
    pub(crate) value: Bytes,
    pub(crate) lease: Option<LeaseId>,
    pub(crate) deleted: bool,
}

/// Appends records to a frame's body.
#[derive(Debug)]
pub(crate) struct Encoder<'a>(pub(crate) &'a mut Vec<u8>);

impl Encoder<'_> {
    pub(crate) fn commit(&mut self, revision: u64, events: &[Event]) {
        self.tagged(COMMIT, revision);
        self.0.extend_from_slice(&(events.len() as u32).to_le_bytes());
        for event in events {
            self.change(&event.entry.key, &event.entry.value, event.entry.lease, event.deleted);
        }
    }

    pub(crate) fn compact(&mut self, revision: u64) {
        self.tagged(COMPACT, revision);
    }

    pub(crate) fn grant(&mut self, id: LeaseId, ttl: Duration) {
        self.tagged(GRANT, id);
        self.number(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    }

    pub(crate) fn revoke(&mut self, id: LeaseId) {
        self.tagged(REVOKE, id);
    }

    pub(crate) fn head(&mut self, compacted: u64) {
        self.tagged(HEAD, compacted);
    }

    pub(crate) fn base(&mut self, entry: &crate::types::Entry) {
        self.0.push(BASE);
        self.change(&entry.key, &entry.value, entry.lease, false);
        self.number(entry.create_revision);
        self.number(entry.mod_revision);
        self.number(entry.version);
    }

    pub(crate) fn end(&mut self, revision: u64) {
        self.tagged(END, revision);
    }

    fn tagged(&mut self, tag: u8, number: u64) {
        self.0.push(tag);
        self.number(number);
    }

    fn change(&mut self, key: &str, value: &[u8], lease: Option<LeaseId>, deleted: bool) {
        self.0.push(if deleted { DELETED } else { 0 } | if lease.is_some() { LEASED } else { 0 });
        self.bytes(key.as_bytes());
        self.bytes(value);
        if let Some(id) = lease {
            self.number(id);
        }
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }
}

/// Reads the records of a frame's body.
#[derive(Debug)]
pub(crate) struct Decoder<'a>(pub(crate) &'a [u8]);

impl Iterator for Decoder<'_> {
    type Item = Result<Record, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let record = self.record().ok_or_else(|| "a record is not readable".to_owned());
        if record.is_err() {
            self.0 = &[];
        }
        Some(record)
    }
}

impl Decoder<'_> {
    fn record(&mut self) -> Option<Record> {
        Some(match self.byte()? {
            COMMIT => {
                let revision = self.number()?;
                let count = self.length()?;
                Record::Commit(revision, (0..count).map(|_| self.change()).collect::<Option<_>>()?)
            }
            COMPACT => Record::Compact(self.number()?),
            GRANT => Record::Grant(self.number()?, Duration::from_millis(self.number()?)),
            REVOKE => Record::Revoke(self.number()?),
            HEAD => Record::Head(self.number()?),
            BASE => Record::Base(self.change()?, self.number()?, self.number()?, self.number()?),
            END => Record::End(self.number()?),
            _ => return None,
        })
    }

    fn change(&mut self) -> Option<Change> {
        let flags = self.byte()?;
        let key = String::from_utf8(self.bytes()?.to_vec()).ok()?;
        // Copied, so that one value does not keep a whole segment in memory.
        let value = Bytes::copy_from_slice(self.bytes()?);
        let lease = if flags & LEASED != 0 { Some(self.number()?) } else { None };
        Some(Change { key, value, lease, deleted: flags & DELETED != 0 })
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn length(&mut self) -> Option<usize> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*bytes) as usize)
    }

    fn number(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    fn bytes(&mut self) -> Option<&[u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}
