//! Every developer command.
#![forbid(unsafe_code)]
fn main() {}
