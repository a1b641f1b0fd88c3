//! Image references: what is read and shown is read the same again.
#![no_main]

use image::Reference;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    if let Ok(reference) = Reference::parse(data) {
        let shown = reference.to_string();
        let again = Reference::parse(&shown).expect("what is shown is a reference");
        assert_eq!(again.to_string(), shown);
        assert_eq!(again.location(), reference.location());
    }
});
