//! Manifests and indexes as a registry may send them.
#![no_main]

use image::Document;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(document) = image::document("fuzzed", data) else { return };
    let entries = match document {
        Document::Index(entries) => entries,
        Document::Image { config, layers } => layers.into_iter().chain([config]).collect(),
    };
    for entry in entries {
        let _ = entry.fits();
        if let Ok(digest) = entry.digest("fuzzed") {
            assert_eq!(digest.to_string(), entry.digest);
        }
    }
});
