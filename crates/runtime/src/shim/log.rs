//! A container's log file in the CRI format: `time stream tag content`, the tag `F` for a whole line and `P`
//! for a piece of one.
//!
//! A container never waits for its log: when the disk is full, lines are lost, counted, and the gap is marked
//! in the log as soon as there is room again. A service that stops because its log cannot be written would
//! be worse, and silence about the loss too. Pieces of entries are never left: a short write is cut off.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::spec::LogLimit;

/// Longest content of one entry; longer lines are split.
const LONGEST: usize = 16 << 10;

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

impl Stream {
    fn name(self) -> &'static str {
        if self == Stream::Out { "stdout" } else { "stderr" }
    }
}

/// The open log of one container.
pub(crate) struct Log {
    path: PathBuf,
    file: Option<File>,
    size: u64,
    limit: Option<LogLimit>,
    /// Begun lines of both streams.
    begun: [Vec<u8>; 2],
    /// Entries that could not be written.
    lost: u64,
    /// Reused for what one read becomes.
    entries: Vec<u8>,
}

impl Log {
    /// Opens (and makes) the file and the folder it is in.
    pub(crate) fn open(path: &Path, limit: Option<LogLimit>) -> io::Result<Log> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut log = Log {
            path: path.to_path_buf(),
            file: None,
            size: 0,
            limit,
            begun: [Vec::new(), Vec::new()],
            lost: 0,
            entries: Vec::new(),
        };
        log.reopen()?;
        Ok(log)
    }

    /// Opens the path anew, after a rotation.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().append(true).create(true).mode(0o640).open(&self.path)?;
        self.size = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }

    /// Writes what a stream gave. A begun line waits for its end or for 16 KiB.
    pub(crate) fn write(&mut self, stream: Stream, mut bytes: &[u8]) {
        let prefix = format!("{} {} ", timestamp(SystemTime::now()), stream.name());
        let mut begun = std::mem::take(&mut self.begun[stream as usize]);
        let mut count = 0;
        while !bytes.is_empty() {
            let room = LONGEST - begun.len();
            let window = &bytes[..bytes.len().min(room + 1)];
            match window.iter().position(|b| *b == b'\n') {
                Some(end) => {
                    self.entry(&prefix, b"F ", &begun, &bytes[..end]);
                    bytes = &bytes[end + 1..];
                    begun.clear();
                    count += 1;
                }
                None if window.len() > room => {
                    self.entry(&prefix, b"P ", &begun, &bytes[..room]);
                    bytes = &bytes[room..];
                    begun.clear();
                    count += 1;
                }
                None => {
                    begun.extend(bytes);
                    bytes = &[];
                }
            }
        }
        self.begun[stream as usize] = begun;
        self.flush(count);
    }

    /// Ends both streams: a begun line is written as it is.
    pub(crate) fn finish(&mut self) {
        for stream in [Stream::Out, Stream::Err] {
            let begun = std::mem::take(&mut self.begun[stream as usize]);
            if !begun.is_empty() {
                let prefix = format!("{} {} ", timestamp(SystemTime::now()), stream.name());
                self.entry(&prefix, b"F ", &begun, b"");
                self.flush(1);
            }
        }
    }

    fn entry(&mut self, prefix: &str, tag: &[u8], begun: &[u8], rest: &[u8]) {
        for part in [prefix.as_bytes(), tag, begun, rest, b"\n"] {
            self.entries.extend(part);
        }
    }

    fn flush(&mut self, count: u64) {
        if self.entries.is_empty() {
            return;
        }
        let mut entries = std::mem::take(&mut self.entries);
        if self.lost > 0 {
            let text = format!("{} log entries were lost: the log could not be written", self.lost);
            let mark = format!("{} stderr F {text}\n", timestamp(SystemTime::now()));
            if self.append(mark.as_bytes()) {
                self.lost = 0;
            }
        }
        if self.lost > 0 || !self.append(&entries) {
            self.lost += count;
        }
        // One burst's memory is not kept for ever.
        entries.clear();
        entries.shrink_to(128 << 10);
        self.entries = entries;
        self.rotate_if_large();
    }

    /// Appends all or nothing.
    fn append(&mut self, bytes: &[u8]) -> bool {
        let Some(file) = &mut self.file else { return false };
        if file.write_all(bytes).is_ok() {
            self.size += bytes.len() as u64;
            return true;
        }
        // Nobody else writes here; cutting can only fail with the disk itself.
        let _ = file.set_len(self.size);
        false
    }

    fn rotate_if_large(&mut self) {
        let Some(limit) = &self.limit else { return };
        if self.size < limit.max_bytes {
            return;
        }
        let keep = limit.files.saturating_sub(1) as usize;
        let stamp: String = timestamp(SystemTime::now()).chars().filter(char::is_ascii_digit).collect();
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{stamp}"));
        // When it cannot be put aside it grows on, which loses nothing.
        if std::fs::rename(&self.path, &name).is_ok() && self.reopen().is_err() {
            self.file = None;
        }
        let mut old = self.rotated();
        old.sort();
        for path in &old[..old.len().saturating_sub(keep)] {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Files that were put aside: the log's name with digits behind it.
    fn rotated(&self) -> Vec<PathBuf> {
        let Some((folder, name)) = self.path.parent().zip(self.path.file_name()) else { return Vec::new() };
        let prefix = format!("{}.", name.to_string_lossy());
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter(|entry| {
                let name = entry.file_name();
                let digits = name.to_str().and_then(|n| n.strip_prefix(&prefix));
                digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
            })
            .map(|entry| entry.path())
            .collect()
    }
}

/// RFC 3339 in UTC with nanoseconds, always as long: names and entries sort by time.
fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = since.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Civil date from days since 1970 (years begin in March, so that the leap day is the last of a year).
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(path: &Path) -> Vec<(String, String, String)> {
        let text = std::fs::read_to_string(path).unwrap();
        let entry = |line: &str| {
            let mut fields = line.splitn(4, ' ').skip(1).map(str::to_string);
            (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap())
        };
        text.lines().map(entry).collect()
    }

    fn entry(stream: &str, tag: &str, content: &str) -> (String, String, String) {
        (stream.into(), tag.into(), content.into())
    }

    #[test]
    fn times_are_civil() {
        let at = |seconds, nanos| timestamp(UNIX_EPOCH + Duration::new(seconds, nanos));
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(at(1_709_164_800, 5), "2024-02-29T00:00:00.000000005Z");
        assert_eq!(at(1_795_374_523, 120), "2026-11-22T19:08:43.000000120Z");
    }

    #[test]
    fn lines_come_whole_over_many_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/0.log");
        let mut log = Log::open(&path, None).unwrap();
        log.write(Stream::Out, b"one\ntw");
        log.write(Stream::Err, b"bad\n");
        log.write(Stream::Out, b"o\n\nrest");
        log.finish();
        let expected =
            [("stdout", "one"), ("stderr", "bad"), ("stdout", "two"), ("stdout", ""), ("stdout", "rest")];
        assert_eq!(contents(&path), expected.map(|(stream, text)| entry(stream, "F", text)));
    }

    #[test]
    fn long_lines_are_split_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.log");
        let mut log = Log::open(&path, None).unwrap();
        let long = vec![b'x'; LONGEST * 2];
        log.write(Stream::Out, &long[..100]);
        log.write(Stream::Out, &long[100..]);
        log.write(Stream::Out, b"\nend\n");
        let full = "x".repeat(LONGEST);
        assert_eq!(
            contents(&path),
            [entry("stdout", "P", &full), entry("stdout", "F", &full), entry("stdout", "F", "end")]
        );
    }

    #[test]
    fn rotation_keeps_the_newest_files_and_every_kept_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.log");
        let mut log = Log::open(&path, Some(LogLimit { max_bytes: 1000, files: 3 })).unwrap();
        for n in 0..200 {
            log.write(Stream::Out, format!("line {n}\n").as_bytes());
        }
        let mut files = log.rotated();
        files.sort();
        assert_eq!(files.len(), 2);
        files.push(path);
        let lines: Vec<String> = files.iter().flat_map(|f| contents(f)).map(|(.., text)| text).collect();
        let first: usize = lines[0].strip_prefix("line ").unwrap().parse().unwrap();
        assert!(first > 0);
        assert_eq!(lines, (first..200).map(|n| format!("line {n}")).collect::<Vec<_>>());
    }

    #[test]
    fn a_full_disk_loses_lines_but_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.log");
        let mut log = Log::open(&path, None).unwrap();
        log.write(Stream::Out, b"before\n");
        let file = log.file.replace(File::options().write(true).open("/dev/full").unwrap());
        log.write(Stream::Out, b"lost 1\nlost 2\n");
        log.file = file;
        log.write(Stream::Out, b"after\n");
        let texts: Vec<String> = contents(&path).into_iter().map(|(.., text)| text).collect();
        assert_eq!(texts, ["before", "2 log entries were lost: the log could not be written", "after"]);
    }
}
