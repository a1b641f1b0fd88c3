//! The daemon as a process: is it there, start it, stop it. One daemon a home, kept by a lock on a file.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::layout::Home;

/// First word of the line by which a starting daemon says that it is ready.
pub(crate) const READY: &str = "ready";
/// First word of the line by which a starting daemon says why it is not.
pub(crate) const FAILED: &str = "failed";

/// How long a daemon may take to end before it is killed.
const STOP_PATIENCE: rustix::event::Timespec = rustix::event::Timespec { tv_sec: 30, tv_nsec: 0 };

/// Why the daemon could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// A file of the home cannot be used.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another daemon holds the lock.
    #[error("a daemon (process {pid}) already runs the cluster in {home}")]
    Running {
        /// Its process id.
        pid: i32,
        /// The cluster's folder.
        home: PathBuf,
    },
    /// The daemon ended before it was ready.
    #[error("the cluster did not start: {reason}\n  its log is {log}")]
    NotReady {
        /// What the daemon said.
        reason: String,
        /// Its log.
        log: PathBuf,
    },
}

/// Held by a daemon as long as it runs.
#[derive(Debug)]
pub struct DaemonLock(#[expect(dead_code, reason = "the open file is the lock")] fs::File);

impl DaemonLock {
    /// Takes the lock of `home` and writes this process's id into it.
    pub fn acquire(home: &Home) -> Result<Self, ProcessError> {
        let path = home.lock();
        let fail = |action| {
            let path = path.clone();
            move |source| ProcessError::Io { action, path, source }
        };
        let mut file = open_lock(&path).map_err(fail("open"))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let pid = read_pid(&mut file).map_or(0, |pid| pid.as_raw_nonzero().get());
            return Err(ProcessError::Running { pid, home: home.path().to_owned() });
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(fail("write"))?;
        Ok(Self(file))
    }
}

fn open_lock(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn read_pid(file: &mut fs::File) -> Option<Pid> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    Pid::from_raw(text.trim().parse().ok()?)
}

/// The running daemon of `home`; `None` when there is none.
pub fn running(home: &Home) -> Option<Pid> {
    let mut file = fs::OpenOptions::new().read(true).open(home.lock()).ok()?;
    // A shared lock is refused while the daemon holds its exclusive one, and let go with the file.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => None,
        Err(_) => read_pid(&mut file).filter(|pid| !is_dying(*pid)),
    }
}

/// Whether the process has been killed and is only being taken apart; then waits until that is over, because until
/// then it holds its lock and its ports.
fn is_dying(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let is_zombie = stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'));
    if is_zombie && let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) {
        let mut polled = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
        return rustix::event::poll(&mut polled, None).is_ok();
    }
    is_zombie
}

/// Starts `command` (this program as daemon) apart from this terminal and waits until it is ready; each step it
/// names goes to `progress`.
pub fn start(home: &Home, mut command: Command, progress: &mut dyn FnMut(&str)) -> Result<Pid, ProcessError> {
    let log_path = home.log();
    let fail = |action, path: &Path| {
        let path = path.to_owned();
        move |source| ProcessError::Io { action, path, source }
    };
    fs::create_dir_all(home.path()).map_err(fail("create", home.path()))?;
    let log =
        fs::OpenOptions::new().create(true).append(true).open(&log_path).map_err(fail("open", &log_path))?;
    let program = PathBuf::from(command.get_program());
    let mut child = command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(fail("start", &program))?;
    let mut reason = "it ended without a word".to_owned();
    for line in
        child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(Result::ok)
    {
        match line.split_once(' ') {
            None if line == READY => return Ok(Pid::from_child(&child)),
            Some((FAILED, text)) => reason = text.replace("\\n", "\n"),
            _ => progress(&line),
        }
    }
    // Its standard output is closed: it is ending or has ended.
    let status = child.wait().map_err(fail("wait for", &program))?;
    tracing::debug!("daemon ended with {status}");
    Err(ProcessError::NotReady { reason, log: log_path })
}

/// Leaves the session of the terminal that started this process, so that closing it ends nothing.
pub fn detach() -> Result<(), ProcessError> {
    match rustix::process::setsid() {
        // A process that leads its group already has no terminal to leave.
        Ok(_) | Err(rustix::io::Errno::PERM) => Ok(()),
        Err(error) => Err(ProcessError::Io {
            action: "leave the terminal of",
            path: "/dev/tty".into(),
            source: error.into(),
        }),
    }
}

/// Tells whoever started this daemon that it is ready, and lets go of standard output.
pub fn say_ready() {
    println!("{READY}");
    close_stdout();
}

/// Tells whoever started this daemon why it is not ready.
pub fn say_failed(reason: &str) {
    // One line, whatever the reason's text is.
    println!("{FAILED} {}", reason.replace('\n', "\\n"));
}

/// From here on standard output leads nowhere: the reader waits for its end.
fn close_stdout() {
    match fs::OpenOptions::new().write(true).open("/dev/null") {
        Ok(null) => {
            if let Err(error) = rustix::stdio::dup2_stdout(&null) {
                tracing::warn!("cannot let go of standard output: {error}");
            }
        }
        Err(error) => tracing::warn!("cannot open /dev/null: {error}"),
    }
}

/// Asks the daemon of `home` to stop and waits until it is gone; pods go on running. `false` when none ran.
pub fn stop(home: &Home) -> Result<bool, ProcessError> {
    let Some(pid) = running(home) else { return Ok(false) };
    let fail = |error: rustix::io::Errno| ProcessError::Io {
        action: "stop",
        path: home.lock(),
        source: error.into(),
    };
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(false) };
    let mut polled = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
    pidfd_send_signal(&pidfd, Signal::TERM).map_err(fail)?;
    if rustix::event::poll(&mut polled, Some(&STOP_PATIENCE)).map_err(fail)? == 0 {
        // It hangs. Nothing is lost by this: it is made to be killed at any moment.
        pidfd_send_signal(&pidfd, Signal::KILL).map_err(fail)?;
        rustix::event::poll(&mut polled, None).map_err(fail)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        (dir, home)
    }

    #[test]
    fn one_daemon_a_home() {
        let (_dir, home) = home();
        assert!(running(&home).is_none());
        let lock = DaemonLock::acquire(&home).unwrap();
        assert_eq!(running(&home).unwrap().as_raw_nonzero().get().cast_unsigned(), std::process::id());
        assert!(matches!(DaemonLock::acquire(&home), Err(ProcessError::Running { .. })));
        drop(lock);
        assert!(running(&home).is_none());
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command
    }

    #[test]
    fn a_daemon_says_how_far_it_is_and_when_it_is_ready() {
        let (_dir, home) = home();
        let mut steps = Vec::new();
        start(&home, shell("echo keys made; echo ready; exec sleep 0"), &mut |step| {
            steps.push(step.to_owned())
        })
        .unwrap();
        assert_eq!(steps, ["keys made"]);
    }

    #[test]
    fn a_daemon_that_fails_says_why() {
        let (_dir, home) = home();
        let error = start(&home, shell("echo 'failed port 1 is taken'; exit 1"), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("port 1 is taken"), "{error}");
    }
}
