//! Makes the generated table of Kubernetes kinds again: a Go program asks the published modules of Kubernetes.

use std::process::Command;

use crate::run::{Failure, checked, root};

/// Runs the generator in `xtask/schema`; it writes below `crates/objects/src/generated`.
pub(crate) fn run() -> Result<(), Failure> {
    let folder = root().join("xtask/schema");
    checked(Command::new("go").args(["run", ".", "../../crates/objects/src/generated"]).current_dir(folder))
        .map_err(|e| format!("{e}; the generator needs Go 1.26 or newer").into())
}
