//! Join tokens: what is shown is read the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    if let Ok(token) = data.parse::<cluster::JoinToken>() {
        assert_eq!(token.to_string().parse(), Ok(token));
    }
});
