//! Running programs: what is run is said first, and a failure names it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a command fails with.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// Runs cargo with `arguments` and further `environment`.
pub(crate) fn cargo(arguments: &[&str], environment: &[(String, String)]) -> Result<(), Failure> {
    checked(&mut cargo_command(arguments, environment))
}

/// Runs `cargo test` with `arguments`, and test programs that failed once more: machines are shared, and a test that
/// fails for the moment's load is told apart from one that fails. `flags` go to the test programs.
pub(crate) fn tests(
    arguments: &[&str],
    flags: &[&str],
    environment: &[(String, String)],
) -> Result<(), Failure> {
    let arguments = [&["test", "--no-fail-fast"], arguments, &["--"], flags].concat();
    let mut command = cargo_command(&arguments, environment);
    eprintln!("+ cargo {}", arguments.join(" "));
    // Colours would be in the way of reading it.
    command.env("CARGO_TERM_COLOR", "never").stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("cannot run cargo: {e}"))?;
    let (sender, targets) = std::sync::mpsc::channel();
    let output = child.stderr.take().map(BufReader::new);
    std::thread::spawn(move || {
        for line in output.into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
            eprintln!("{line}");
            if let Some(target) = failed_target(&line) {
                let _ = sender.send(target);
            }
        }
    });
    if child.wait()?.success() {
        return Ok(());
    }
    // Not until the end of the output: a process that a failed test left behind may hold it.
    let mut failed: Vec<String> =
        std::iter::from_fn(|| targets.recv_timeout(Duration::from_secs(2)).ok()).collect();
    if failed.is_empty() {
        return Err("the tests do not compile".into());
    }
    failed.sort();
    failed.dedup();
    for target in &failed {
        eprintln!("xtask: once more: {target}");
        let words: Vec<&str> = target.split(' ').collect();
        cargo(&[&["test"], words.as_slice(), &["--"], flags].concat(), environment)
            .map_err(|_| format!("`cargo test {target}` failed twice"))?;
    }
    eprintln!("xtask: UNSTABLE, passed at the second try: {}", failed.join(", "));
    Ok(())
}

/// The arguments that name a test program, from cargo's line about its failure.
fn failed_target(line: &str) -> Option<String> {
    let named = line.strip_prefix("error: test failed, to rerun pass `")?;
    Some(named.strip_suffix('`')?.to_owned())
}

fn cargo_command(arguments: &[&str], environment: &[(String, String)]) -> Command {
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
    command
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_program_is_named() {
        let target = failed_target("error: test failed, to rerun pass `-p proxy --test names`");
        assert_eq!(target.as_deref(), Some("-p proxy --test names"));
        assert_eq!(failed_target("error: could not compile `proxy`"), None);
    }
}
