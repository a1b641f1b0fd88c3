//! Image archives and the layers in them: nothing is written outside the store.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let archive = dir.path().join("image.tar");
    std::fs::write(&archive, data).expect("the archive is written");
    let store = image::ContentStore::open(&dir.path().join("store")).expect("a store");
    // Well-formed blobs around the same bytes, so that unpacking is reached without guessing digests.
    if let Ok(blob) = store.put_blob(data) {
        assert_eq!(blob, image::Digest::of(data));
    }
    if let Ok(imported) = store.import_archive(&archive) {
        for name in imported.iter().flat_map(|image| &image.names) {
            if let Ok(Some(image)) = store.resolve(name) {
                let _ = store.unpack(&image);
            }
        }
    }
    let names: Vec<_> = std::fs::read_dir(dir.path()).expect("the folder").flatten().collect();
    assert_eq!(names.len(), 2, "{names:?}");
});
