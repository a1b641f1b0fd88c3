//! Benchmarks beside the role models: what is measured, how, and as which ratio.
//!
//! `cargo run --release -p bench -- NAME [SECONDS]`. Every figure of a table comes from the same run on the same
//! machine, ours and the role model's in turns; the ratio counts, the absolute numbers are the machine's. A role
//! model that is not installed is named with what to do, and our figures are printed alone.
//!
//! One file per benchmark; this one only picks. Without a name all of them run.
#![forbid(unsafe_code)]

mod cluster;
mod container_start;
mod etcd;
mod measure;
mod pod;
mod store;

use std::process::ExitCode;
use std::time::Duration;

use measure::Failure;

/// Name, one line about it, and what runs it for about this long per figure.
type Benchmark = (&'static str, &'static str, fn(Duration) -> Result<(), Failure>);

const BENCHMARKS: &[Benchmark] = &[
    ("store", "durable puts, reads and size on disk of the store, beside etcd", store::run),
    (
        "container_start",
        "container start, removal and exec, beside runc and crun; as root",
        container_start::run,
    ),
    ("cluster", "starts, pods, Services and what an idle cluster costs; as root", cluster::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["shim", ..] = words[..] {
        let folder: Vec<_> = std::env::args_os().skip(2).collect();
        return runtime::shim_main(&folder);
    }
    if let ["pod", what] = words[..] {
        return pod::main(what);
    }
    let (name, seconds) = match words[..] {
        [] => (None, Ok(2.0)),
        [name] => (Some(name), Ok(2.0)),
        [name, seconds] => (Some(name), seconds.parse::<f64>()),
        _ => return usage(),
    };
    let chosen: Vec<_> =
        BENCHMARKS.iter().filter(|(other, ..)| name.is_none_or(|name| name == *other)).collect();
    let (false, Ok(seconds)) = (chosen.is_empty(), seconds) else { return usage() };
    measure::print_conditions();
    for (name, about, run) in chosen {
        println!("\n{name}: {about}");
        if let Err(error) = run(Duration::from_secs_f64(seconds)) {
            eprintln!("bench {name}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: bench [NAME [SECONDS PER FIGURE]]\n");
    for (name, about, _) in BENCHMARKS {
        eprintln!("  {name:<16} {about}");
    }
    ExitCode::from(2)
}
