//! Attributes of the kernel's answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use network::netlink::message;

fuzz_target!(|data: &[u8]| {
    for (kind, value) in message::attributes(data) {
        let _ = message::attribute(data, kind);
        let _ = (message::u16_at(value, 0), message::u32_at(value, 4), message::text(value));
        for (_, inner) in message::attributes(value) {
            assert!(inner.len() <= value.len());
        }
    }
});
