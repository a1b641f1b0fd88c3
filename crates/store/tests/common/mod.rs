//! What the store's tests share: short ways to write operations, a small random generator, copies of folders.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::path::Path;

use store::{Expect, LeaseId, Op, Options, Payload, Store};

pub fn put(key: &str, value: &str) -> Op {
    put_if(key, value, Expect::Any)
}

pub fn put_if(key: &str, value: &str, expect: Expect) -> Op {
    Op::Put { key: key.to_owned(), payload: plain(value), expect, lease: None }
}

pub fn put_leased(key: &str, value: &str, lease: LeaseId) -> Op {
    Op::Put { key: key.to_owned(), payload: plain(value), expect: Expect::Any, lease: Some(lease) }
}

pub fn delete(key: &str) -> Op {
    Op::Delete { key: key.to_owned(), expect: Expect::Any, last: None }
}

pub fn plain(value: &str) -> Payload {
    Payload::Plain(value.to_owned().into())
}

/// All live keys with their values.
pub fn content(store: &Store) -> Vec<(String, String)> {
    let range = store.range("", None, 0, None).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    range.entries.iter().map(|entry| (entry.key.to_string(), text(&entry.value))).collect()
}

/// Small files, so that tests meet the ends of segments and snapshots often.
pub fn small() -> Options {
    Options { segment_size: 8 << 10, snapshot_after: 32 << 10, ..Options::default() }
}

/// One log file, no snapshot.
pub fn single() -> Options {
    Options::default()
}

/// Xorshift: repeatable by its seed.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
