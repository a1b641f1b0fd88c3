//! What all benchmarks share: latencies and their percentiles, medians over runs, the conditions they ran under.

use std::fs;
use std::time::{Duration, Instant};

/// A benchmark stops at the first thing that goes wrong; the text is for the person who runs it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long each of a number of like operations took, and all of them together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Sample {
    /// Joins what several clients measured while `elapsed` passed.
    pub(crate) fn new(mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        Self { latencies, elapsed }
    }

    /// How many there were.
    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    /// Operations per second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The latency that `percent` of the operations did not exceed.
    pub(crate) fn percentile(&self, percent: f64) -> Duration {
        let place = (self.latencies.len() as f64 * percent / 100.0).ceil() as usize;
        self.latencies.get(place.saturating_sub(1)).copied().unwrap_or_default()
    }
}

/// Calls `operation` until `time` has passed; one latency for each call.
pub(crate) async fn repeat<F: Future<Output = Result<(), Failure>>>(
    time: Duration,
    mut operation: impl FnMut(u64) -> F,
) -> Result<Vec<Duration>, Failure> {
    let (begin, mut latencies) = (Instant::now(), Vec::new());
    while begin.elapsed() < time {
        let start = Instant::now();
        operation(latencies.len() as u64).await?;
        latencies.push(start.elapsed());
    }
    Ok(latencies)
}

/// The run with the median rate.
pub(crate) fn median(mut runs: Vec<Sample>) -> Sample {
    runs.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    let middle = runs.len() / 2;
    runs.into_iter().nth(middle).unwrap_or_default()
}

/// A duration in the unit that fits.
pub(crate) fn human(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        m if m < 10.0 => format!("{m:.1} µs"),
        m if m < 1000.0 => format!("{m:.0} µs"),
        m if m < 1e6 => format!("{:.1} ms", m / 1e3),
        m => format!("{:.2} s", m / 1e6),
    }
}

/// How many threads wanted to run in the last minute.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Says on what machine, and how busy it was before we began.
pub(crate) fn print_conditions() {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let model = read("/proc/cpuinfo");
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let load = load_average();
    let kernel = read("/proc/sys/kernel/osrelease");
    let profile = if cfg!(debug_assertions) { "debug build: figures mean nothing" } else { "release build" };
    println!(
        "{processors} processors{}, Linux {}, load before the run {load}, {profile}",
        model.replace('\t', "").replacen(": ", " ", 1),
        kernel.trim(),
    );
}
