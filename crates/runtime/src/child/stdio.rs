//! The standard streams of a new process: pipes, descriptors that were sent, or a terminal of its own.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, fchown};
use std::path::Path;

use super::{Named, Step, tag, target};
use crate::{sys, wire};

/// Where the streams go. What is `None` is `/dev/null`.
pub(crate) enum Stdio {
    /// One descriptor each.
    Streams([Option<OwnedFd>; 3]),
    /// A new terminal, whose master is sent to the shim.
    Terminal,
}

impl Stdio {
    /// The descriptors that are needed.
    pub(super) fn descriptors(&self) -> Vec<RawFd> {
        match self {
            Stdio::Streams(streams) => streams.iter().flatten().map(AsRawFd::as_raw_fd).collect(),
            Stdio::Terminal => Vec::new(),
        }
    }
}

/// Connects descriptors 0 to 2. The user `uid` will own them, so that it may open `/dev/stdout` again; with
/// `console` a terminal is also `/dev/console`.
pub(super) fn connect(stdio: Stdio, shim: &OwnedFd, uid: u32, console: bool) -> Step<()> {
    match stdio {
        Stdio::Streams(streams) => {
            for (number, stream) in streams.into_iter().enumerate() {
                let stream = match stream {
                    Some(stream) => stream,
                    None => null(number)?,
                };
                sys::dup_to(stream.as_fd(), number as i32)
                    .step(|| format!("cannot connect stream {number}"))?;
                let file = File::from(stream);
                let is_pipe =
                    file.metadata().is_ok_and(|m| m.file_type().is_fifo() || m.file_type().is_socket());
                if uid != 0 && is_pipe {
                    fchown(&file, Some(uid), None)
                        .step(|| format!("cannot give stream {number} to user {uid}"))?;
                }
            }
            Ok(())
        }
        Stdio::Terminal => terminal(shim, uid, console),
    }
}

fn null(number: usize) -> Step<OwnedFd> {
    let file = OpenOptions::new().read(number == 0).write(number != 0).open("/dev/null");
    file.map(OwnedFd::from).step(|| "cannot open /dev/null".into())
}

fn terminal(shim: &OwnedFd, uid: u32, console: bool) -> Step<()> {
    const DEVPTS: i64 = 0x1cd1;
    let open = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open("/dev/pts/ptmx");
    let master = OwnedFd::from(open.step(|| "cannot open a terminal at /dev/pts/ptmx".into())?);
    // The container's own processes may have put something else there.
    if !sys::file_system_is(master.as_fd(), DEVPTS) {
        return Err("/dev/pts/ptmx in the container is not a terminal".into());
    }
    let slave = sys::terminal_peer(master.as_fd()).step(|| "cannot open the terminal".into())?;
    for number in 0..3 {
        sys::dup_to(slave.as_fd(), number).step(|| format!("cannot connect stream {number}"))?;
    }
    sys::control_terminal().step(|| "cannot control the terminal".into())?;
    fchown(slave.as_fd(), Some(uid), None).step(|| format!("cannot give the terminal to user {uid}"))?;
    if console {
        let name = fs::read_link("/proc/self/fd/0").step(|| "cannot find the terminal's name".into())?;
        let place = Path::new("/dev/console");
        let mounted = target::make_file(place)
            .and_then(|()| sys::open_tree(&name, false))
            .and_then(|tree| sys::move_mount(tree.as_fd(), place));
        mounted.step(|| "cannot mount /dev/console".into())?;
    }
    wire::send(shim.as_fd(), &[tag::TERMINAL], &[master])
        .map(drop)
        .map_err(std::io::Error::from)
        .step(|| "cannot hand the terminal over".into())
}
