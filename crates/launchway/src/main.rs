//! The binary: arguments, output, wiring.
#![forbid(unsafe_code)]
fn main() {}
