//! Encodings of stored objects that many watchers ask for at the same time: each is made once.
//!
//! Plain JSON needs none of this, as it is what the store holds. Kept for a while, bounded in number; an encoding
//! belongs to one revision of one object and is never out of date.

use super::negotiate::Output;
use super::render;
use super::table::IncludeObject;
use crate::status::Status;
use bytes::Bytes;
use objects::registry::Kind;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::Entry;

/// Encodings in one generation; twice as many in all.
const GENERATION: usize = 512;

/// Revision, key, group and version, form.
type Id = (u64, Arc<str>, (&'static str, &'static str), Output, IncludeObject);

/// The encodings. When the young generation is full it becomes the old one, and the old one goes.
#[derive(Default)]
pub(crate) struct Encoded {
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Id, Bytes>,
    old: HashMap<Id, Bytes>,
}

// === impl Encoded ===

impl Encoded {
    /// The object as it is sent in a stream, without column definitions if it is a table.
    pub(crate) fn entry(
        &self,
        kind: &'static Kind,
        entry: &Entry,
        output: Output,
        include: IncludeObject,
    ) -> Result<Bytes, Status> {
        let id = (entry.mod_revision, entry.key.clone(), (kind.group, kind.version), output, include);
        if let Some(bytes) = self.lock().get(&id) {
            return Ok(bytes);
        }
        let bytes = render::entry(kind, entry, output, include, false)?;
        self.lock().insert(id, bytes.clone());
        Ok(bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Generations ===

impl Generations {
    fn get(&self, id: &Id) -> Option<Bytes> {
        self.young.get(id).or_else(|| self.old.get(id)).cloned()
    }

    fn insert(&mut self, id: Id, bytes: Bytes) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id, bytes);
    }
}
