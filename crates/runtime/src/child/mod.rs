//! What a forked process does to become a container's process: first process or exec'ed one.
//!
//! Everything here runs in the child, between fork and exec. Each step that fails says which one it was;
//! the text goes to the shim over a socket pair, which closes by itself when exec succeeds. The shim has one
//! thread, so a forked child may allocate.

mod dev;
mod identity;
mod rootfs;
mod stdio;
mod target;

use std::collections::VecDeque;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use crate::capability::Sets;
use crate::cgroup::Cgroup;
use crate::spec::{ContainerSpec, ExecSpec};
use crate::sys::{self, Instruction};
use crate::wire;

pub(crate) use rootfs::SharedMemory;
pub(crate) use stdio::Stdio;

/// First byte of a message from child to shim.
pub(crate) mod tag {
    /// Set up; waits for one byte to start.
    pub(crate) const READY: u8 = b'R';
    /// A step failed; the text follows. The child ends.
    pub(crate) const FAILED: u8 = b'E';
    /// A wish was not granted; the text follows.
    pub(crate) const WARNING: u8 = b'W';
    /// The terminal's master is beside it.
    pub(crate) const TERMINAL: u8 = b'T';
}

/// A step's outcome; the error is the text for the reader.
type Step<T> = Result<T, String>;

/// Gives a failed call the name of its step.
trait Named<T> {
    fn step(self, name: impl FnOnce() -> String) -> Step<T>;
}

impl<T> Named<T> for io::Result<T> {
    fn step(self, name: impl FnOnce() -> String) -> Step<T> {
        self.map_err(|error| format!("{}: {}", name(), reason(&error)))
    }
}

/// An error's text without the number that `std` adds.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_string()
}

/// What is prepared before the fork and the same for each process of a container.
pub(crate) struct Confinement<'a> {
    pub(crate) spec: &'a ContainerSpec,
    pub(crate) cgroup: &'a Cgroup,
    pub(crate) sets: Sets,
    pub(crate) filter: Option<&'a [Instruction]>,
}

/// What is prepared before the fork for a container's first process.
pub(crate) struct Init<'a> {
    pub(crate) confinement: Confinement<'a>,
    pub(crate) folder: &'a std::path::Path,
    pub(crate) shared_memory: &'a SharedMemory,
    pub(crate) stdio: Stdio,
}

/// What is prepared before the fork for an exec'ed process.
pub(crate) struct Enter<'a> {
    pub(crate) confinement: Confinement<'a>,
    pub(crate) spec: &'a ExecSpec,
    /// pidfd of the container's first process.
    pub(crate) container: BorrowedFd<'a>,
    pub(crate) stdio: Stdio,
}

/// The child of a container's creation. Never returns.
pub(crate) fn run_init(init: Init<'_>, shim: OwnedFd) -> ! {
    let failed = first_process(init, &shim);
    end(failed, &shim)
}

/// The child of an exec. Never returns.
pub(crate) fn run_exec(enter: Enter<'_>, shim: OwnedFd) -> ! {
    let failed = further_process(enter, &shim);
    end(failed, &shim)
}

fn end(outcome: Step<std::convert::Infallible>, shim: &OwnedFd) -> ! {
    let Err(text) = outcome;
    tell(shim, tag::FAILED, &text);
    sys::exit_now(128)
}

/// Sends one message; the shim being gone is noticed when the answer is read.
fn tell(shim: &OwnedFd, tag: u8, text: &str) {
    let mut message = vec![tag];
    message.extend(text.as_bytes().iter().take(8 << 10));
    let _ = wire::send(shim.as_fd(), &message, &[]);
}

fn first_process(init: Init<'_>, shim: &OwnedFd) -> Step<std::convert::Infallible> {
    let Init { confinement, folder, shared_memory, stdio } = init;
    let spec = confinement.spec;
    let mut keep = vec![shim.as_raw_fd()];
    keep.extend(stdio.descriptors());
    if let SharedMemory::Detached(mount) = shared_memory {
        keep.push(mount.as_raw_fd());
    }
    detach_from_shim(&mut keep)?;
    confinement.cgroup.join().map_err(|error| error.to_string())?;
    sys::unshare(libc::CLONE_NEWCGROUP).step(|| "cannot make a cgroup namespace".into())?;
    process_limits(spec, shim)?;
    rootfs::enter(spec, confinement.cgroup, folder, shared_memory)?;
    let user = identity::resolve(&spec.user)?;
    stdio::connect(stdio, shim, user.uid, true)?;
    rootfs::finish(spec)?;
    let cwd = if spec.cwd.is_empty() { "/" } else { &spec.cwd };
    target::make_folder(std::path::Path::new(cwd)).step(|| format!("cannot make working directory {cwd}"))?;
    if spec.readonly_root {
        rootfs::make_readonly()?;
    }
    tell(shim, tag::READY, "");
    let started = wire::receive(shim.as_fd(), &mut [0], &mut VecDeque::new());
    if started != Ok(1) {
        // The shim is gone, or the container was removed before it started.
        sys::exit_now(137);
    }
    let environment = environment(&spec.env, &[], &user, spec.tty);
    become_program(&confinement, &user, cwd, &spec.args, &environment)
}

fn further_process(enter: Enter<'_>, shim: &OwnedFd) -> Step<std::convert::Infallible> {
    let Enter { confinement, spec, container, stdio } = enter;
    let mut keep = vec![shim.as_raw_fd(), container.as_raw_fd()];
    keep.extend(stdio.descriptors());
    detach_from_shim(&mut keep)?;
    confinement.cgroup.join().map_err(|error| error.to_string())?;
    process_limits(confinement.spec, shim)?;
    let namespaces = libc::CLONE_NEWNS | libc::CLONE_NEWCGROUP;
    sys::setns(container, namespaces).step(|| "cannot enter the container's namespaces".into())?;
    let user = identity::resolve(&confinement.spec.user)?;
    stdio::connect(stdio, shim, user.uid, false)?;
    let container_cwd = if confinement.spec.cwd.is_empty() { "/" } else { &confinement.spec.cwd };
    let cwd = spec.cwd.as_deref().unwrap_or(container_cwd);
    let environment = environment(&confinement.spec.env, &spec.env, &user, spec.tty);
    become_program(&confinement, &user, cwd, &spec.args, &environment)
}

/// An own session, no inherited signal state, no descriptor of the shim's but those in `keep`, and closed to
/// the ptrace of others.
fn detach_from_shim(keep: &mut [RawFd]) -> Step<()> {
    sys::reset_signals();
    sys::close_all_but(keep).step(|| "cannot close descriptors".into())?;
    sys::prctl(libc::PR_SET_DUMPABLE, 0, 0).step(|| "cannot protect the new process".into())?;
    sys::setsid().step(|| "cannot start a session".into())?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    Ok(())
}

/// OOM score and resource limits. What the node does not permit is told and left as near as can be.
fn process_limits(spec: &ContainerSpec, shim: &OwnedFd) -> Step<()> {
    if let Some(score) = spec.oom_score_adj
        && let Err(error) = fs::write("/proc/self/oom_score_adj", score.to_string())
    {
        tell(
            shim,
            tag::WARNING,
            &format!("OOM score adjustment {score} is not permitted: {}", reason(&error)),
        );
    }
    for limit in &spec.rlimits {
        let resource =
            identity::rlimit(&limit.name).ok_or_else(|| format!("unknown rlimit {:?}", limit.name))?;
        if sys::setrlimit(resource, limit.soft, limit.hard).is_ok() {
            continue;
        }
        let name = &limit.name;
        let hard = sys::hard_limit(resource).step(|| format!("cannot read {name}"))?.min(limit.hard);
        let soft = limit.soft.min(hard);
        sys::setrlimit(resource, soft, hard).step(|| format!("cannot set {name} to {soft}:{hard}"))?;
        tell(
            shim,
            tag::WARNING,
            &format!("{name} {}:{} is not permitted: {soft}:{hard}", limit.soft, limit.hard),
        );
    }
    Ok(())
}

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The container's variables, then those of the exec (the later one of a name wins), and what programs rely
/// on where nobody set it.
fn environment(container: &[String], exec: &[String], user: &identity::Identity, tty: bool) -> Vec<String> {
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_string();
    let mut variables: Vec<String> = Vec::with_capacity(container.len() + exec.len() + 3);
    let mut places = std::collections::HashMap::new();
    let home = format!("HOME={}", user.home);
    let defaults = [format!("PATH={DEFAULT_PATH}"), home, "TERM=xterm".to_string()];
    let defaults = &defaults[..if tty { 3 } else { 2 }];
    for variable in defaults.iter().chain(container).chain(exec) {
        match places.entry(name(variable)) {
            std::collections::hash_map::Entry::Occupied(place) => variables[*place.get()] = variable.clone(),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(variables.len());
                variables.push(variable.clone());
            }
        }
    }
    variables
}

/// Takes the last privileges away and becomes the program.
fn become_program(
    confinement: &Confinement<'_>,
    user: &identity::Identity,
    cwd: &str,
    arguments: &[String],
    environment: &[String],
) -> Step<std::convert::Infallible> {
    let program = arguments.first().ok_or("there is no program to run")?;
    std::env::set_current_dir(cwd).step(|| format!("cannot change to working directory {cwd}"))?;
    let strings = |list: &[String]| -> Step<Vec<CString>> {
        list.iter().map(|s| CString::new(s.as_str()).map_err(|_| format!("{s:?} holds a NUL byte"))).collect()
    };
    let (argument_list, environment_list) = (strings(arguments)?, strings(environment)?);
    let candidates = candidates(program, environment)?;

    let spec = confinement.spec;
    let filter = |step: &str| match confinement.filter {
        Some(filter) => sys::load_filter(filter).step(|| format!("cannot load the seccomp filter {step}")),
        None => Ok(()),
    };
    identity::limit_bounding(confinement.sets.granted)?;
    // Without no_new_privs only the still privileged process may load a filter.
    if !spec.no_new_privs {
        filter("before changing user")?;
    }
    identity::assume(user, confinement.sets)?;
    if spec.no_new_privs {
        sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).step(|| "cannot set no_new_privs".into())?;
        filter("after changing user")?;
    }
    let mut failure = io::Error::from_raw_os_error(libc::ENOENT);
    for candidate in &candidates {
        let error = sys::execve(candidate, &argument_list, &environment_list);
        // Not there: try on. Anything else says more than the last folder's "not there".
        if !matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) {
            failure = error;
        }
    }
    let place = if program.contains('/') { "" } else { " in PATH" };
    Err(format!("cannot exec {program}{place}: {}", reason(&failure)))
}

/// Where the program may be.
fn candidates(program: &str, environment: &[String]) -> Step<Vec<CString>> {
    let string = |s: String| CString::new(s).map_err(|_| format!("program {program:?} holds a NUL byte"));
    if program.contains('/') {
        return Ok(vec![string(program.into())?]);
    }
    if program.is_empty() {
        return Err("the program's name is empty".into());
    }
    let path = environment.iter().find_map(|v| v.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
    path.split(':')
        .map(|folder| string(format!("{}/{program}", if folder.is_empty() { "." } else { folder })))
        .collect()
}
