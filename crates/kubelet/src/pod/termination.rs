//! The last words of a container: its termination message file, or the end of its log.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::logs;

/// Upstream's limits: of the file, and of what is taken from a log.
const FILE_LIMIT: u64 = 4096;
const LOG_BYTES: usize = 2048;
const LOG_LINES: usize = 80;

/// Reads the message of a run that ended. `from_log` is the policy `FallbackToLogsOnError` with a failed run.
pub(crate) fn message(file: &Path, log: &Path, from_log: bool) -> Option<String> {
    let text = read(file).unwrap_or_default();
    if !text.is_empty() || !from_log {
        return (!text.is_empty()).then_some(text);
    }
    match logs::tail(log, LOG_LINES, LOG_BYTES) {
        Ok(text) => (!text.is_empty()).then_some(text),
        Err(error) => Some(format!("Error on reading termination message from logs: {error}")),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_LIMIT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_file_wins_over_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let (file, log) = (dir.path().join("m"), dir.path().join("0.log"));
        fs::write(&log, "2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:01Z stderr F two\n").unwrap();
        assert_eq!(message(&file, &log, false), None);
        assert_eq!(message(&file, &log, true).as_deref(), Some("one\ntwo\n"));
        fs::write(&file, "x".repeat(5000)).unwrap();
        assert_eq!(message(&file, &log, true).unwrap().len(), 4096);
    }
}
