//! Damaged files of a store: recovery reports them or finds a beginning of what was written, and never more.
#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use store::files::OsDisk;
use store::{Expect, Op, Options, Payload, Store, check};

/// Name and content of the files of a store with 20 revisions, without the space allocated behind them.
static FILES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(dir.path(), Options::default()).await.expect("a store");
        for number in 0..20 {
            let payload = Payload::Plain(vec![b'v'; number * 7].into());
            let put =
                Op::Put { key: format!("/k/{}", number % 5), payload, expect: Expect::Any, lease: None };
            store.commit(vec![put]).await.expect("a commit");
        }
    });
    let read = |entry: fs::DirEntry| {
        let mut bytes = fs::read(entry.path()).expect("a file");
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 64));
        (entry.file_name().to_string_lossy().into_owned(), bytes)
    };
    fs::read_dir(dir.path()).expect("the folder").flatten().map(read).collect()
});

fn revision(dir: &Path) -> Option<u64> {
    check(&OsDisk, dir).ok().flatten().map(|report| report.revision)
}

fuzz_target!(|data: &[u8]| {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in FILES.iter() {
        let mut bytes = bytes.clone();
        for change in data.chunks_exact(3) {
            if bytes.is_empty() {
                break;
            }
            let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
            match change[2] {
                0 => bytes.truncate(at),
                bits => bytes[at] ^= bits,
            }
        }
        fs::write(dir.path().join(name), bytes).expect("a file is written");
    }
    let last = revision(dir.path());
    assert!(last.is_none_or(|last| last <= 21), "{last:?}");
});
