//! `launchway.toml`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("launchway.toml");
    std::fs::write(&path, data).expect("the file is written");
    let _ = ship::ProjectConfig::read(&path);
});
