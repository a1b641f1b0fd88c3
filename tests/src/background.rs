//! Programs that run beside a test: what they print is read as it comes, and they end with the test.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::eventually;

/// A running program.
pub struct Background {
    child: Child,
    printed: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    /// Our end of its terminal, if it has one.
    terminal: Option<File>,
}

impl Background {
    /// Starts a program; output and errors are read as one text.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let printed = Arc::default();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let readers = vec![collect(out, &printed), collect(err, &printed)];
        Self { child, printed, readers, terminal: None }
    }

    /// Starts a program in a terminal of its own.
    pub fn in_terminal(command: &Command, rows: u16, columns: u16) -> Self {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        set_size(&master, rows, columns);
        let open = || {
            let name = name.to_str().unwrap();
            Stdio::from(File::options().read(true).write(true).open(name).unwrap())
        };
        // The program hears of a new size only if the terminal is its session's.
        let mut inside = Command::new("setsid");
        inside.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let child = inside.stdin(open()).stdout(open()).stderr(open()).spawn().unwrap();
        drop(inside);
        let master = File::from(master);
        let printed = Arc::default();
        let readers = vec![collect(master.try_clone().unwrap(), &printed)];
        Self { child, printed, readers, terminal: Some(master) }
    }

    /// Types into the program's terminal.
    pub fn enter(&mut self, text: &str) {
        self.terminal.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Makes its terminal another size.
    pub fn resize(&self, rows: u16, columns: u16) {
        set_size(self.terminal.as_ref().unwrap(), rows, columns);
    }

    /// What it has printed so far.
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Waits until it has printed that.
    pub fn until(&self, text: &str) -> String {
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(text, || Some(self.printed()).filter(|printed| printed.contains(text)))
        }));
        found.unwrap_or_else(|_| panic!("{text:?} is not in\n{}", self.printed()))
    }

    /// Waits for its end: exit code and all that it printed.
    pub fn end(mut self) -> (i32, String) {
        let status = eventually("the program ends", || self.child.try_wait().unwrap());
        self.terminal = None;
        for reader in std::mem::take(&mut self.readers) {
            reader.join().unwrap();
        }
        (status.code().unwrap_or(-1), self.printed())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn set_size(terminal: impl std::os::fd::AsFd, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(terminal, size).unwrap();
}

/// Appends what comes to the text, to the end: a terminal's end is an error.
fn collect(mut from: impl Read + Send + 'static, to: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let to = to.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            to.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    })
}
