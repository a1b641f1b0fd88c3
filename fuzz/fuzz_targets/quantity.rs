//! Quantities: the canonical form means the same and stays as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use objects::quantity::{Quantity, canonical};

fuzz_target!(|text: &str| {
    let Ok(quantity) = Quantity::parse(text) else { return };
    let written = canonical(text).expect("a quantity has a canonical form");
    let again = Quantity::parse(&written).expect("the canonical form is a quantity");
    assert_eq!((quantity.value(), quantity.milli()), (again.value(), again.milli()), "{text} {written}");
    assert_eq!(canonical(&written).expect("canonical"), written);
});
