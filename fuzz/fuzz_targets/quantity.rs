//! Quantities: the canonical form means the same and stays as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use objects::quantity::{Quantity, canonical};

fuzz_target!(|text: &str| {
    let Ok(quantity) = Quantity::parse(text) else { return };
    let written = canonical(text).expect("a quantity has a canonical form");
    let again = Quantity::parse(&written).expect("the canonical form is a quantity");
    // Beyond 64 bits there is no suffix: Kubernetes then drops the exponent (1000E becomes 1), and so does this.
    if quantity.value().unsigned_abs() >= i64::MAX.unsigned_abs() {
        return;
    }
    assert_eq!((quantity.value(), quantity.milli()), (again.value(), again.milli()), "{text} {written}");
    assert_eq!(canonical(&written).expect("canonical"), written);
});
