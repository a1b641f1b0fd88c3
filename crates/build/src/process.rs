//! Runs one task's script: `sh -c` in the package's folder, in a process group of its own, output to its log.
//!
//! Dropping the future ends the whole group, so an interrupted run leaves no compiler behind.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::Command;

/// Runs `script` to its end; every line goes to `log` and to `line`.
pub(crate) async fn run_script(
    script: &str,
    dir: &Path,
    env: &BTreeMap<String, String>,
    log: &Path,
    line: &(dyn Fn(&str) + Sync),
) -> io::Result<ExitStatus> {
    if let Some(parent) = log.parent() {
        tokio::fs::create_dir_all(parent).await?;
    }
    let mut log = tokio::fs::File::create(log).await?;
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(script)
        .current_dir(dir)
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let group = Group(child.id());
    let (mut out, mut error) = (lines(child.stdout.take()), lines(child.stderr.take()));
    loop {
        let next = tokio::select! {
            next = next_line(&mut out) => next?,
            next = next_line(&mut error) => next?,
            else => break,
        };
        match next {
            Some(text) => {
                log.write_all(text.as_bytes()).await?;
                log.write_all(b"\n").await?;
                line(&text);
            }
            None if out.is_none() && error.is_none() => break,
            None => {}
        }
    }
    log.flush().await?;
    let status = child.wait().await?;
    group.disarm();
    Ok(status)
}

fn lines<R: AsyncRead>(stream: Option<R>) -> Option<BufReader<R>> {
    stream.map(BufReader::new)
}

/// The next line without its end; at the end of the stream the reader is taken away and never polled again.
async fn next_line<R: AsyncRead + Unpin>(reader: &mut Option<BufReader<R>>) -> io::Result<Option<String>> {
    let Some(open) = reader else { return std::future::pending().await };
    let mut bytes = Vec::new();
    if open.read_until(b'\n', &mut bytes).await? == 0 {
        *reader = None;
        return Ok(None);
    }
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Ends the process group it names unless disarmed.
struct Group(Option<u32>);

impl Group {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) =
            self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
        {
            // The group may have ended by itself meanwhile.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}
