//! Running programs: what is run is said first, and a failure names it.

use std::path::PathBuf;
use std::process::Command;

/// What a command fails with.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// Runs cargo with `arguments` and further `environment`.
pub(crate) fn cargo(arguments: &[&str], environment: &[(String, String)]) -> Result<(), Failure> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    // What cargo says about this program is not for the next cargo: build scripts would run anew for it, and
    // everything above them compile again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command.args(arguments).current_dir(root()).envs(environment.iter().cloned());
    checked(&mut command)
}

/// Runs `command` and turns anything but success into an error.
pub(crate) fn checked(command: &mut Command) -> Result<(), Failure> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let text = words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    eprintln!("+ {text}");
    let status = command.status().map_err(|e| format!("cannot run `{text}`: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{text}` ended with {status}").into()) }
}

/// The root of this repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Path of the release binary.
pub(crate) fn release_binary() -> Result<String, Failure> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let output = Command::new("rustc").args(["--print", "host-tuple"]).output()?;
    let host = String::from_utf8(output.stdout)?;
    let path = target.join(host.trim()).join("release/launchway");
    Ok(path.canonicalize().map_err(|e| format!("{}: {e}", path.display()))?.to_string_lossy().into_owned())
}
