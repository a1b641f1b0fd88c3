//! What /proc says of the daemon and of the shims that hold its pods.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::measure::Failure;

/// Length of a tick in `/proc/PID/stat`: 100 a second on every Linux that Rust runs on.
const TICK: Duration = Duration::from_millis(10);

/// Counters of a process since its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    /// Time of the processors.
    pub(crate) cpu: Duration,
    /// Bytes sent to disks.
    pub(crate) written: u64,
    /// How often its threads were woken.
    pub(crate) wakes: u64,
}

/// Memory of a process in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Its own pages.
    pub(crate) anonymous: u64,
    /// Its own pages and its share of those it shares.
    pub(crate) proportional: u64,
}

fn read(pid: u32, file: &str) -> Result<String, Failure> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).map_err(|error| format!("{path}: {error}").into())
}

/// The number after `key` in lines of `key: number`.
fn number(text: &str, key: &str) -> u64 {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    rest.trim_start_matches(':').split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Counters of `pid`.
pub(crate) fn used(pid: u32) -> Result<Used, Failure> {
    let stat = read(pid, "stat")?;
    // The name, which may hold spaces, ends at the last parenthesis; fields 14 and 15 are user and system time.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    let mut wakes = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        wakes += number(&status, "voluntary_ctxt_switches");
    }
    let written = number(&read(pid, "io")?, "write_bytes");
    Ok(Used { cpu: TICK * (ticks(11) + ticks(12)), written, wakes })
}

/// Memory of `pid`.
pub(crate) fn memory(pid: u32) -> Result<Memory, Failure> {
    let anonymous = number(&read(pid, "status")?, "RssAnon") << 10;
    let proportional = number(&read(pid, "smaps_rollup")?, "Pss") << 10;
    Ok(Memory { anonymous, proportional })
}

/// Process ids of the shims whose state lies below `home`.
pub(crate) fn shims(home: &Path) -> Result<Vec<u32>, Failure> {
    let home = home.to_string_lossy();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Gone meanwhile: then it is no shim of ours.
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.split('\0').nth(1) == Some("shim") && line.contains(&*home) {
            found.push(pid);
        }
    }
    Ok(found)
}
