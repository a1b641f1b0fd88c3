//! How far a pull or push has come.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A moment of a transfer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Layers of the image.
    pub layers: usize,
    /// Layers that are where they shall be, those included that were there before.
    pub layers_done: usize,
    /// Bytes of all blobs.
    pub bytes: u64,
    /// Bytes that are where they shall be.
    pub bytes_done: u64,
}

/// Counts and tells.
pub(crate) struct Counter<'a> {
    layers: AtomicUsize,
    layers_done: AtomicUsize,
    bytes: AtomicU64,
    bytes_done: AtomicU64,
    tell: &'a (dyn Fn(Progress) + Send + Sync),
}

impl<'a> Counter<'a> {
    pub(crate) fn new(tell: &'a (dyn Fn(Progress) + Send + Sync)) -> Self {
        Self {
            layers: AtomicUsize::new(0),
            layers_done: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            bytes_done: AtomicU64::new(0),
            tell,
        }
    }

    pub(crate) fn expect(&self, layers: usize, bytes: u64) {
        self.layers.store(layers, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
        self.tell();
    }

    pub(crate) fn bytes(&self, count: u64) {
        self.bytes_done.fetch_add(count, Ordering::Relaxed);
        self.tell();
    }

    /// What came before is thrown away and fetched again.
    pub(crate) fn undo(&self, count: u64) {
        self.bytes_done.fetch_sub(count, Ordering::Relaxed);
    }

    pub(crate) fn layer(&self) {
        self.layers_done.fetch_add(1, Ordering::Relaxed);
        self.tell();
    }

    fn tell(&self) {
        (self.tell)(Progress {
            layers: self.layers.load(Ordering::Relaxed),
            layers_done: self.layers_done.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            bytes_done: self.bytes_done.load(Ordering::Relaxed),
        });
    }
}
