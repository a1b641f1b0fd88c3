//! Reading a log from its files and, on request, on and on as it grows.
//!
//! Growth is told by inotify on the log's folder, so an idle log costs nothing. Rotation shows as another file behind
//! the same name: the old one is read to its end first.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::{Query, files, parse};
use crate::notify::{Notify, WatchFlags};

/// Amount that is handed over at once.
const CHUNK: usize = 32 * 1024;

/// The bytes of a log as they are asked for, in order.
pub(crate) type Stream = mpsc::Receiver<Bytes>;

/// Starts to read. With `follow`, goes on until `ended` turns true and the file is read to its end.
pub(crate) fn stream(log: PathBuf, query: Query, ended: watch::Receiver<bool>) -> io::Result<Stream> {
    File::open(&log)?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        if let Err(error) = read_on(&log, query, ended, sender).await {
            tracing::warn!(%error, log = %log.display(), "log not read to its end");
        }
    });
    Ok(receiver)
}

async fn read_on(
    log: &Path,
    query: Query,
    mut ended: watch::Receiver<bool>,
    sender: mpsc::Sender<Bytes>,
) -> io::Result<()> {
    // Watching begins before reading: nothing that is written in between is missed.
    let notify = if query.follow { Some(watch_folder(log)?) } else { None };
    let mut reader = Reader::open(log, query)?;
    loop {
        // Whether it had ended before this round: then this round reads all there is.
        let last_round = reader.query.follow && *ended.borrow_and_update();
        loop {
            let (mut moved, chunk) = tokio::task::spawn_blocking(move || {
                let chunk = reader.next_chunk();
                (reader, chunk)
            })
            .await
            .map_err(io::Error::other)?;
            let chunk = chunk?;
            let finished = chunk.is_empty();
            if !finished && sender.send(Bytes::from(chunk)).await.is_err() {
                return Ok(());
            }
            let full = moved.left == Some(0);
            moved.query.follow &= !full;
            reader = moved;
            if full {
                return Ok(());
            }
            if finished {
                break;
            }
        }
        let Some(notify) = notify.as_ref().filter(|_| !last_round) else { return Ok(()) };
        tokio::select! {
            changed = notify.changed() => changed?,
            alive = ended.changed() => if alive.is_err() {
                return Ok(());
            },
            () = sender.closed() => return Ok(()),
        }
    }
}

fn watch_folder(log: &Path) -> io::Result<Notify> {
    let notify = Notify::new()?;
    let events = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
    notify.add(log.parent().unwrap_or(log), events)?;
    Ok(notify)
}

/// A position in a log's files.
struct Reader {
    current: PathBuf,
    /// Files still to be read after the open one, oldest first.
    later: Vec<PathBuf>,
    file: BufReader<File>,
    inode: u64,
    /// Bytes of a line whose end has not been written yet.
    partial: Vec<u8>,
    line_start: bool,
    query: Query,
    left: Option<u64>,
}

impl Reader {
    fn open(log: &Path, query: Query) -> io::Result<Reader> {
        let mut all = files(log);
        let mut skip = 0;
        if let Some(tail) = query.tail {
            // From the newest file backwards, as many as hold the lines that are wanted.
            let mut wanted = 0;
            let mut first = all.len();
            while first > 0 && wanted <= tail {
                first -= 1;
                wanted += count(&all[first], &query).unwrap_or(0);
            }
            all.drain(..first);
            skip = wanted.saturating_sub(tail);
        }
        let left = query.limit_bytes;
        let first = all.remove(0);
        let file = File::open(&first)?;
        let inode = file.metadata()?.ino();
        let mut reader = Reader {
            current: log.to_owned(),
            later: all,
            file: BufReader::new(file),
            inode,
            partial: Vec::new(),
            line_start: true,
            query,
            left,
        };
        reader.skip(skip)?;
        Ok(reader)
    }

    /// Drops the first lines that are wanted otherwise.
    fn skip(&mut self, mut lines: usize) -> io::Result<()> {
        while lines > 0 {
            let Some(line) = self.next_line()? else { return Ok(()) };
            if let Some(record) = parse(&line)
                && self.query.wants(&record)
                && record.full
            {
                lines -= 1;
            }
        }
        Ok(())
    }

    /// The next complete line; `None` at the end of what is written so far.
    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            self.file.read_until(b'\n', &mut self.partial)?;
            if self.partial.last() == Some(&b'\n') {
                let mut line = std::mem::take(&mut self.partial);
                line.pop();
                return Ok(Some(line));
            }
            if !self.next_file()? {
                return Ok(None);
            }
        }
    }

    /// Goes to the next file when the open one is read to its end and is not the one that is written to.
    fn next_file(&mut self) -> io::Result<bool> {
        if self.later.is_empty() {
            let same = std::fs::metadata(&self.current).map_or(true, |m| m.ino() == self.inode);
            if same {
                return Ok(false);
            }
            // It was put aside while we read: what was written before that is read once more to be sure.
            let mut rest = Vec::new();
            self.file.read_until(b'\n', &mut rest)?;
            if !rest.is_empty() {
                self.partial.extend(rest);
                return Ok(true);
            }
            self.later.push(self.current.clone());
        }
        let next = self.later.remove(0);
        let file = File::open(&next)?;
        self.inode = file.metadata()?.ino();
        self.file = BufReader::new(file);
        self.partial.clear();
        Ok(true)
    }

    /// As much as is there, up to a limit; empty at the end.
    fn next_chunk(&mut self) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        while out.len() < CHUNK {
            let Some(line) = self.next_line()? else { break };
            let Some(record) = parse(&line) else { continue };
            if self.query.wants(&record) {
                self.query.show(&record, self.line_start, &mut out);
                self.line_start = record.full;
            }
        }
        if let Some(left) = &mut self.left {
            let room = usize::try_from(*left).unwrap_or(usize::MAX);
            out.truncate(room);
            *left -= u64::try_from(out.len()).unwrap_or(0);
        }
        Ok(out)
    }
}

/// Number of lines in a file that the query wants.
fn count(path: &Path, query: &Query) -> io::Result<usize> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut line, mut lines) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.pop() == Some(b'\n')
            && let Some(record) = parse(&line)
            && record.full
            && query.wants(&record)
        {
            lines += 1;
        }
        line.clear();
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn line(i: usize) -> String {
        format!("2026-01-01T00:00:{i:02}Z stdout F line {i}\n")
    }

    async fn all(mut stream: Stream) -> String {
        let mut text = Vec::new();
        while let Some(chunk) = stream.recv().await {
            text.extend_from_slice(&chunk);
        }
        String::from_utf8(text).unwrap()
    }

    fn setup(lines: std::ops::Range<usize>) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("0.log");
        std::fs::write(&log, lines.map(line).collect::<String>()).unwrap();
        (dir, log)
    }

    #[tokio::test]
    async fn whole_tail_and_limit() {
        let (_dir, log) = setup(0..5);
        let read = |query| {
            let (_, ended) = watch::channel(false);
            all(stream(log.clone(), query, ended).unwrap())
        };
        assert_eq!(read(Query::default()).await, "line 0\nline 1\nline 2\nline 3\nline 4\n");
        assert_eq!(read(Query { tail: Some(2), ..Query::default() }).await, "line 3\nline 4\n");
        assert_eq!(read(Query { tail: Some(0), ..Query::default() }).await, "");
        assert_eq!(read(Query { limit_bytes: Some(9), ..Query::default() }).await, "line 0\nli");
    }

    #[tokio::test]
    async fn rotated_files_come_first() {
        let (dir, log) = setup(2..4);
        std::fs::write(dir.path().join("0.log.20260101-000000"), line(0) + &line(1)).unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH;
        File::open(dir.path().join("0.log.20260101-000000")).unwrap().set_modified(old).unwrap();
        let (_, ended) = watch::channel(false);
        let text =
            all(stream(log.clone(), Query { tail: Some(3), ..Query::default() }, ended).unwrap()).await;
        assert_eq!(text, "line 1\nline 2\nline 3\n");
    }

    #[tokio::test]
    async fn follows_across_a_rotation_to_the_end() {
        let (dir, log) = setup(0..1);
        let (end, ended) = watch::channel(false);
        let query = Query { follow: true, ..Query::default() };
        let mut stream = stream(log.clone(), query, ended).unwrap();
        assert_eq!(stream.recv().await.unwrap(), "line 0\n");
        let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
        file.write_all(line(1).as_bytes()).unwrap();
        assert_eq!(stream.recv().await.unwrap(), "line 1\n");
        std::fs::rename(&log, dir.path().join("0.log.1")).unwrap();
        file.write_all(line(2).as_bytes()).unwrap();
        std::fs::write(&log, line(3)).unwrap();
        end.send(true).unwrap();
        assert_eq!(all(stream).await, "line 2\nline 3\n");
    }
}
