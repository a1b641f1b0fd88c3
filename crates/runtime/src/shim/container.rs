//! One container as its shim sees it, and how its processes are started.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::pipe::PipeFlags;

use super::log::Log;
use crate::capability::Sets;
use crate::cgroup::Cgroup;
use crate::child::{self, Confinement, Enter, Init, SharedMemory, Stdio, reason};
use crate::protocol::Fault;
use crate::spec::{ContainerSpec, ExecSpec, SandboxSpec};
use crate::state::ContainerStatus;
use crate::sys::{self, Fork, Instruction};

/// Who waits for an answer: connection and request number.
pub(super) type Asker = (u64, u64);

/// What the shim waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The child sets itself up.
    Creating(Asker),
    /// It waits to be started.
    Created,
    /// It was told to start and has not exec'ed yet.
    Starting(Asker),
    Running,
    Exited,
}

/// A compiled system call filter, or none.
pub(super) type Filter = Option<Rc<[Instruction]>>;

/// One container.
pub(super) struct Container {
    pub(super) spec: ContainerSpec,
    pub(super) status: ContainerStatus,
    pub(super) phase: Phase,
    pub(super) cgroup: Cgroup,
    pub(super) sets: Sets,
    pub(super) filter: Filter,
    /// First process; 0 when it is reaped.
    pub(super) pid: i32,
    pub(super) pidfd: OwnedFd,
    pub(super) log: Option<Log>,
    /// Our end of its standard input, or its terminal.
    pub(super) input: Option<OwnedFd>,
    pub(super) terminal: bool,
    /// Tokens of its output pipes or terminal.
    pub(super) outputs: Vec<u64>,
    /// Token of the socket pair to the child, until it has exec'ed.
    pub(super) channel: Option<u64>,
    /// Tokens of attached engines' pipes.
    pub(super) attached: Vec<u64>,
    /// What the child said went wrong.
    pub(super) failure: Option<String>,
    /// Who waits for the removal.
    pub(super) removal: Option<Asker>,
}

/// An exec'ed process.
pub(super) struct ExecProcess {
    pub(super) asker: Asker,
    /// For messages.
    pub(super) container: String,
    pub(super) channel: Option<u64>,
    pub(super) terminal: Option<OwnedFd>,
    pub(super) failure: Option<String>,
    pub(super) answered: bool,
}

/// A new child with our ends of what connects us to it.
pub(super) struct Spawned {
    pub(super) pid: i32,
    pub(super) channel: OwnedFd,
    pub(super) outputs: Vec<OwnedFd>,
    pub(super) input: Option<OwnedFd>,
}

fn failed(step: &str) -> impl FnOnce(io::Error) -> Fault + '_ {
    move |error| Fault::Failed(format!("{step}: {}", reason(&error)))
}

/// Our end and the child's.
fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC;
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

fn set_nonblocking(fd: impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    Ok(rustix::fs::fcntl_setfl(&fd, flags | rustix::fs::OFlags::NONBLOCK)?)
}

/// Our read end, which never blocks, and the child's write end.
fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    set_nonblocking(&read)?;
    Ok((read, write))
}

/// Forks the first process of a container.
pub(super) fn spawn_init(
    spec: &ContainerSpec,
    sandbox: &SandboxSpec,
    confinement: Confinement<'_>,
    folder: &Path,
    shared_memory: &SharedMemory,
    pid_target: Option<BorrowedFd<'_>>,
) -> Result<Spawned, Fault> {
    let (ours, theirs) = channel().map_err(failed("cannot make a socket pair"))?;
    let (stdio, outputs, input) = if spec.tty {
        (Stdio::Terminal, Vec::new(), None)
    } else {
        let pipes = failed("cannot make pipes");
        let make = || -> io::Result<_> {
            let (out_read, out) = output_pipe()?;
            let (err_read, err) = output_pipe()?;
            let input = if spec.stdin { Some(rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?) } else { None };
            let (input, write) = input.unzip();
            Ok((Stdio::Streams([input, Some(out), Some(err)]), vec![out_read, err_read], write))
        };
        make().map_err(pipes)?
    };
    let own_pids = !sandbox.host_pid && !sandbox.share_pid;
    let target = pid_target.filter(|_| own_pids);
    let flags = libc::CLONE_NEWNS | if own_pids && target.is_none() { libc::CLONE_NEWPID } else { 0 };
    match fork_among(target, flags as u64)? {
        Fork::Child => child::run_init(Init { confinement, folder, shared_memory, stdio }, theirs),
        Fork::Parent(pid) => {
            set_nonblocking(&ours).map_err(failed("cannot set a socket up"))?;
            Ok(Spawned { pid, channel: ours, outputs, input })
        }
    }
}

/// Forks a child into the PID namespace of `target`'s process, if there is one. Only children are born into another
/// PID namespace; where one is shared by the whole pod that is arranged for good.
fn fork_among(target: Option<BorrowedFd<'_>>, flags: u64) -> Result<Fork, Fault> {
    if let Some(target) = target {
        sys::setns(target, libc::CLONE_NEWPID)
            .map_err(failed("cannot enter the container's PID namespace"))?;
    }
    let forked = sys::fork(flags);
    if target.is_some() && !matches!(forked, Ok(Fork::Child)) {
        let back =
            File::open("/proc/self/ns/pid").and_then(|own| sys::setns(own.as_fd(), libc::CLONE_NEWPID));
        back.map_err(failed("cannot leave the container's PID namespace"))?;
    }
    forked.map_err(failed("cannot fork"))
}

/// Forks a further process into a running container.
pub(super) fn spawn_exec(
    container: &Container,
    sandbox: &SandboxSpec,
    spec: &ExecSpec,
    streams: [Option<OwnedFd>; 3],
) -> Result<Spawned, Fault> {
    let (ours, theirs) = channel().map_err(failed("cannot make a socket pair"))?;
    let stdio = if spec.tty { Stdio::Terminal } else { Stdio::Streams(streams) };
    let own_pids = !sandbox.host_pid && !sandbox.share_pid;
    match fork_among(own_pids.then(|| container.pidfd.as_fd()), 0)? {
        Fork::Child => {
            let confinement = container.confinement();
            child::run_exec(Enter { confinement, spec, container: container.pidfd.as_fd(), stdio }, theirs)
        }
        Fork::Parent(pid) => {
            set_nonblocking(&ours).map_err(failed("cannot set a socket up"))?;
            Ok(Spawned { pid, channel: ours, outputs: Vec::new(), input: None })
        }
    }
}

impl Container {
    pub(super) fn confinement(&self) -> Confinement<'_> {
        Confinement {
            spec: &self.spec,
            cgroup: &self.cgroup,
            sets: self.sets,
            filter: self.filter.as_deref(),
        }
    }

    /// Tells the waiting child to start.
    pub(super) fn release(channel: &OwnedFd) -> io::Result<()> {
        crate::wire::send(channel.as_fd(), &[1], &[])?;
        Ok(())
    }
}

/// One message from a child; `None` when nothing waits, `Closed` when it has exec'ed or ended.
pub(super) enum FromChild {
    Message(u8, String, Option<OwnedFd>),
    Closed,
    Nothing,
}

/// Reads one message from a child.
pub(super) fn read_channel(channel: &OwnedFd) -> FromChild {
    let mut bytes = [0; 9 << 10];
    let mut descriptors = VecDeque::new();
    match crate::wire::receive(channel.as_fd(), &mut bytes, &mut descriptors) {
        Ok(0) => FromChild::Closed,
        Ok(count) => {
            let text = String::from_utf8_lossy(&bytes[1..count]).into_owned();
            FromChild::Message(bytes[0], text, descriptors.pop_front())
        }
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => FromChild::Nothing,
        Err(_) => FromChild::Closed,
    }
}
