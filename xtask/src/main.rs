//! Every developer command: `cargo xtask test`, `ci`, `bench`, `deny`, `regenerate`.
//!
//! What a command needs it installs or fetches itself; what it cannot have it names, with what is not covered then.
#![forbid(unsafe_code)]

mod deny;
mod regenerate;
mod run;
mod tools;

use std::process::ExitCode;

use run::{Failure, cargo};

const USAGE: &str = "\
cargo xtask COMMAND
  test         install what the tests need, then run everything; as root
  ci           fmt, clippy with warnings as errors, deny, docs, test
  deny         licences and duplicate versions of dependencies
  bench [NAME] side-by-side benchmarks; without NAME all of them
  regenerate   make the table of Kubernetes kinds again (needs Go)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["test"] => test(),
        ["ci"] => ci(),
        ["deny"] => deny::run(),
        ["bench", names @ ..] => bench(names),
        ["regenerate"] => regenerate::run(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Unit and integration tests of every crate, then the whole product end to end on its release binary.
fn test() -> Result<(), Failure> {
    let tools = tools::prepare()?;
    run::tests(&["--workspace", "--exclude", "e2e"], &[], &tools)?;
    let environment = with_release_binary(tools)?;
    // One cluster at a time: each uses the whole machine.
    run::tests(&["--package", "e2e"], &["--test-threads=1"], &environment)
}

/// Builds the release binary and tells it to what runs with `environment`.
fn with_release_binary(mut environment: Vec<(String, String)>) -> Result<Vec<(String, String)>, Failure> {
    cargo(&["build", "--release", "--package", "launchway"], &[])?;
    environment.push(("LAUNCHWAY".to_owned(), run::release_binary()?));
    Ok(environment)
}

fn ci() -> Result<(), Failure> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"], &[])?;
    deny::run()?;
    cargo(
        &["doc", "--workspace", "--no-deps", "--document-private-items"],
        &[("RUSTDOCFLAGS".to_owned(), "--deny warnings".to_owned())],
    )?;
    test()
}

fn bench(names: &[&str]) -> Result<(), Failure> {
    let tools = tools::prepare()?;
    let environment = with_release_binary(tools)?;
    let mut arguments = vec!["run", "--release", "--package", "bench", "--"];
    arguments.extend(names);
    cargo(&arguments, &environment)
}
