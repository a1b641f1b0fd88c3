//! The binary: arguments, output, wiring.
//!
//! Thin on purpose: every command is a call into a library crate and words about its result. The shim of a pod and
//! the name server's process are this binary, too, and are dispatched before anything else starts.
#![forbid(unsafe_code)]

mod args;
mod cluster_command;
mod doctor;
mod down;
mod images;
mod migrate_command;
mod node_command;
mod ui;
mod up;
mod user_command;
mod why;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// What a command fails with: the text is what the user reads.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next().unwrap_or_default();
    if first == "shim" {
        return runtime::shim_main(&arguments.collect::<Vec<_>>());
    }
    if first == "names" {
        start_logging(true);
        return cluster::names_main(&arguments.collect::<Vec<_>>());
    }
    let args = Args::parse();
    start_logging(matches!(args.command, Command::Daemon { .. }));
    // Before there is a second thread: a node among several on a machine lives in a network namespace of its own.
    if let Command::Daemon { .. } = &args.command
        && let Err(error) = cluster::enter_namespace(&cluster::Home::new(&args.home))
    {
        return fail(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(dispatch(args)) {
        Ok(code) => code,
        Err(error) => fail(&*error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

async fn dispatch(args: Args) -> Result<ExitCode, Failure> {
    let home = cluster::Home::new(args.home);
    let done = match args.command {
        Command::Doctor => return doctor::run(&home).await,
        Command::Up { directory, force } => up::run(&home, &directory, force).await,
        Command::Down { directory } => down::run(&home, &directory).await,
        Command::Why { pod, namespace } => why::run(&home, &pod, namespace.as_deref()).await,
        Command::Migrate { locations, url } => migrate_command::run(&locations, &url).await,
        Command::Cluster(command) => cluster_command::run(&home, command).await,
        Command::Image(command) => images::run(&home, command).await,
        Command::Daemon { wanted } => cluster_command::daemon(&home, wanted.into()).await,
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The daemon tells what it does in its log; commands only what went wrong. `LAUNCHWAY_LOG` says otherwise.
fn start_logging(daemon: bool) {
    use tracing_subscriber::EnvFilter;
    let default = if daemon { "info" } else { "error" };
    let filter = EnvFilter::try_from_env("LAUNCHWAY_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(!daemon).init();
}
