//! Benchmarks beside the role models: what is measured, how, and as which ratio.
//!
//! `cargo run --release -p bench -- NAME [SECONDS]`. Every figure of a table comes from the same run on the same
//! machine, ours and the role model's in turns; the ratio counts, the absolute numbers are the machine's. A role
//! model that is not installed is named with what to do, and our figures are printed alone.
//!
//! One file per benchmark; this one only picks.
#![forbid(unsafe_code)]

mod etcd;
mod measure;
mod store;

use std::process::ExitCode;
use std::time::Duration;

use measure::Failure;

/// Name, one line about it, and what runs it for about this long per figure.
type Benchmark = (&'static str, &'static str, fn(Duration) -> Result<(), Failure>);

const BENCHMARKS: &[Benchmark] =
    &[("store", "durable puts, reads and size on disk of the store, beside etcd", store::run)];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let seconds = arguments.next().map_or(Ok(2.0), |text| text.parse::<f64>());
    let chosen = BENCHMARKS.iter().find(|(other, ..)| *other == name);
    let (Some((_, _, run)), Ok(seconds)) = (chosen, seconds) else {
        eprintln!("usage: bench NAME [SECONDS PER FIGURE]\n");
        for (name, about, _) in BENCHMARKS {
            eprintln!("  {name:<16} {about}");
        }
        return ExitCode::from(2);
    };
    measure::print_conditions();
    match run(Duration::from_secs_f64(seconds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench {name}: {error}");
            ExitCode::FAILURE
        }
    }
}
