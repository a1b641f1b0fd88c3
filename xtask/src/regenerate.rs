//! `cargo xtask regenerate`: the tables of kinds and types, and the test data that Kubernetes' own libraries answer.
//!
//! Needs Go 1.26 and the Go module proxy; nothing else in the project does. The results are committed.

use std::path::Path;
use std::process::Command;

use crate::run::{Failure, checked, root};

/// Writes `crates/objects/src/generated` and `crates/objects/tests/data` anew.
pub(crate) fn run() -> Result<(), Failure> {
    let root = root().canonicalize()?;
    let program = root.join("xtask/schema");
    go(&program, ".", &root.join("crates/objects/src/generated"))?;
    go(&program, "./oracle", &root.join("crates/objects/tests/data"))
}

/// Runs one of the Go programs with the folder that it writes to.
fn go(program: &Path, package: &str, output: &Path) -> Result<(), Failure> {
    checked(Command::new("go").args(["run", package]).arg(output).current_dir(program))
}
