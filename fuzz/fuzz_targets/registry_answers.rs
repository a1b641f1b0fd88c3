//! `WWW-Authenticate` headers and files of credentials; messages never quote a password.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::{Keyring, challenges};

fuzz_target!(|data: &[u8]| {
    let mut keyring = Keyring::new();
    let _ = keyring.add_config("fuzzed", data);
    let _ = keyring.add_old_config("fuzzed", data);
    let _ = keyring.matching("registry.example:5000", "team/app");
    if let Ok(text) = std::str::from_utf8(data) {
        for challenge in challenges(text) {
            assert!(!challenge.scheme.is_empty());
            assert_eq!(challenge.scheme, challenge.scheme.to_ascii_lowercase());
        }
    }
});
