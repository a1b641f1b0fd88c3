//! Containers' logs: files of lines `TIME STREAM TAG TEXT`, as the runtime writes them.
//!
//! `P` marks a part of a line that goes on in the next record, `F` its end. Rotated files lie beside the current one
//! as `N.log.<anything>`; their names sort by age.

mod follow;
mod select;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

pub(crate) use follow::stream;
pub(crate) use select::Query;

/// One record of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) time: &'a str,
    pub(crate) stream: &'a str,
    /// The line's last part.
    pub(crate) full: bool,
    pub(crate) text: &'a [u8],
}

/// Reads one line of a log file, without its newline; `None` when it is no record.
pub(crate) fn parse(line: &[u8]) -> Option<Record<'_>> {
    let mut parts = line.splitn(4, |b| *b == b' ');
    let mut word = || parts.next().and_then(|w| std::str::from_utf8(w).ok());
    let (time, stream, tag) = (word()?, word()?, word()?);
    let text = parts.next().unwrap_or_default();
    let full = tag.split(':').next() != Some("P");
    Some(Record { time, stream, full, text })
}

/// Files of a log, oldest first, the current one last. Compressed ones are left out.
pub(crate) fn files(current: &Path) -> Vec<PathBuf> {
    let name = current.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let prefix = format!("{name}.");
    let mut rotated: Vec<PathBuf> = Vec::new();
    for entry in current.parent().and_then(|d| std::fs::read_dir(d).ok()).into_iter().flatten().flatten() {
        let file = entry.file_name();
        let file = file.to_string_lossy();
        if file.starts_with(&prefix) && !file.ends_with(".gz") && !file.ends_with(".tmp") {
            rotated.push(entry.path());
        }
    }
    // By age: names may be times (ascending) or numbers (descending).
    rotated.sort_by_key(|p| std::fs::metadata(p).and_then(|m| m.modified()).ok());
    rotated.push(current.to_owned());
    rotated
}

/// The end of a log as text: at most so many lines and bytes of it.
pub(crate) fn tail(log: &Path, lines: usize, bytes: usize) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    // Records carry some fifty bytes beside their text.
    let window = u64::try_from(bytes + lines * 64).unwrap_or(u64::MAX);
    let start = length.saturating_sub(window);
    file.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    if start > 0 {
        reader.read_until(b'\n', &mut line)?;
    }
    let mut text = Vec::new();
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest)?;
    let records: Vec<Record<'_>> = rest.split(|b| *b == b'\n').filter_map(parse).collect();
    let skip = records.len().saturating_sub(lines);
    for record in &records[skip..] {
        text.extend_from_slice(record.text);
        if record.full {
            text.push(b'\n');
        }
    }
    let cut = text.len().saturating_sub(bytes);
    Ok(String::from_utf8_lossy(&text[cut..]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let record = parse(b"2026-01-02T03:04:05.123456789Z stdout F hello world ").unwrap();
        assert_eq!((record.stream, record.full, record.text), ("stdout", true, &b"hello world "[..]));
        assert!(!parse(b"2026-01-02T03:04:05Z stderr P part").unwrap().full);
        assert_eq!(parse(b"2026-01-02T03:04:05Z stderr F ").unwrap().text, b"");
        assert_eq!(parse(b"2026-01-02T03:04:05Z stderr F").unwrap().text, b"");
        assert!(parse(b"garbage").is_none());
    }

    #[test]
    fn the_end_of_a_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("0.log");
        let mut text = String::new();
        for i in 0..500 {
            text.push_str(&format!("2026-01-02T03:04:05.000000000Z stdout F line {i}\n"));
        }
        std::fs::write(&log, &text).unwrap();
        assert_eq!(tail(&log, 2, 2048).unwrap(), "line 498\nline 499\n");
        assert_eq!(tail(&log, 80, 7).unwrap(), "ne 499\n");
        assert!(tail(&dir.path().join("none"), 1, 1).is_err());
    }
}
