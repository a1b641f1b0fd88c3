//! The kernel calls that neither `std` nor `rustix` give in the form needed here, each as a safe function.
//!
//! No policy: what is mounted where and in which order is said by the callers.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Result of a system call: its value, or errno as an error.
fn check(value: libc::c_long) -> io::Result<libc::c_long> {
    if value == -1 { Err(io::Error::last_os_error()) } else { Ok(value) }
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn owned(value: libc::c_long) -> OwnedFd {
    // SAFETY: the kernel just returned this descriptor to us alone.
    unsafe { OwnedFd::from_raw_fd(value as RawFd) }
}

/// Where [`fork`] came out.
pub(crate) enum Fork {
    /// The new process.
    Child,
    /// The caller; the child's process id.
    Parent(i32),
}

/// Forks into the namespaces named by `flags` (`CLONE_NEW*`); the child ends with SIGCHLD. With
/// `CLONE_PARENT` it is a child of the caller's parent.
///
/// Only for single-threaded programs: the child goes on with a copy of all memory, locks included.
pub(crate) fn fork(flags: u64) -> io::Result<Fork> {
    // SAFETY: zeroes are a valid clone_args.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = flags;
    arguments.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: without CLONE_VM the child has its own copy of memory and stack; the caller has one thread.
    let pid = check(unsafe {
        libc::syscall(libc::SYS_clone3, &arguments as *const _, std::mem::size_of::<libc::clone_args>())
    })?;
    Ok(if pid == 0 { Fork::Child } else { Fork::Parent(pid as i32) })
}

/// Ends this process at once: no destructors, no buffers flushed. For forked children.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

/// A pidfd for `pid`.
pub(crate) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) }).map(owned)
}

/// Sends `signal` to the process behind `pidfd`.
pub(crate) fn pidfd_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: a null siginfo is allowed.
    check(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<u8>(), 0)
    })
    .map(drop)
}

/// Sends `signal` to a process.
pub(crate) fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::kill(pid, signal) }.into()).map(drop)
}

/// Reaps one ended child, if there is one: its id and raw wait status.
pub(crate) fn reap() -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG | libc::__WALL) };
    (pid > 0).then_some((pid, status))
}

/// Leaves for the namespaces named by `flags`.
pub(crate) fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: single-threaded callers; no pointers.
    check(unsafe { libc::unshare(flags) }.into()).map(drop)
}

/// Joins the namespaces `flags` of a namespace file or pidfd.
pub(crate) fn setns(fd: BorrowedFd<'_>, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::setns(fd.as_raw_fd(), flags) }.into()).map(drop)
}

/// Becomes leader of a new session.
pub(crate) fn setsid() -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::setsid() }.into()).map(drop)
}

/// `prctl` with integer arguments.
pub(crate) fn prctl(option: libc::c_int, a: u64, b: u64) -> io::Result<()> {
    // SAFETY: only used for options without pointers.
    check(unsafe { libc::prctl(option, a, b, 0u64, 0u64) }.into()).map(drop)
}

/// Names this process in `ps`.
pub(crate) fn set_name(name: &CStr) -> io::Result<()> {
    // SAFETY: the string is NUL-terminated and copied by the kernel.
    check(unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) }.into()).map(drop)
}

/// Host name of the current UTS namespace.
pub(crate) fn sethostname(name: &str) -> io::Result<()> {
    // SAFETY: pointer and length belong together.
    check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) }.into()).map(drop)
}

/// Blocks SIGCHLD (and takes it from a descriptor) and ignores the rest that could end the shim.
pub(crate) fn child_signals() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised by sigemptyset before use; handlers are SIG_IGN.
    unsafe {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGPIPE, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1]
        {
            libc::signal(signal, libc::SIG_IGN);
        }
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        check(libc::sigprocmask(libc::SIG_SETMASK, &set, std::ptr::null_mut()).into())?;
        check(libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK).into()).map(owned)
    }
}

/// Every signal at its default and none blocked, as a new program expects it.
pub(crate) fn reset_signals() {
    // SAFETY: SIG_DFL needs no handler; failures for SIGKILL and SIGSTOP are without effect.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &set, std::ptr::null_mut());
    }
}

/// Closes every descriptor from 3 on but those in `keep`.
pub(crate) fn close_all_but(keep: &mut [RawFd]) -> io::Result<()> {
    keep.sort_unstable();
    let mut first: u32 = 3;
    let close = |first: u32, last: u32| {
        // SAFETY: the caller is a forked child that never returns to the owners of these descriptors.
        check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
    };
    for fd in keep.iter().map(|fd| *fd as u32).filter(|fd| *fd >= 3) {
        if fd > first {
            close(first, fd - 1)?;
        }
        first = first.max(fd + 1);
    }
    close(first, u32::MAX)
}

/// Makes `fd` also known as `target` (0, 1 or 2), kept over exec.
pub(crate) fn dup_to(fd: BorrowedFd<'_>, target: RawFd) -> io::Result<()> {
    if fd.as_raw_fd() == target {
        // SAFETY: no pointers.
        return check(unsafe { libc::fcntl(target, libc::F_SETFD, 0) }.into()).map(drop);
    }
    // SAFETY: the targets are the standard streams, which nothing here owns as OwnedFd.
    check(unsafe { libc::dup2(fd.as_raw_fd(), target) }.into()).map(drop)
}

// === mounts ===

/// `mount(2)`; empty strings stand for null.
pub(crate) fn mount(source: &str, target: &Path, kind: &str, flags: u64, data: &str) -> io::Result<()> {
    let text = |s: &str| CString::new(s).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
    let (source, kind, data, target) = (text(source)?, text(kind)?, text(data)?, c_path(target)?);
    // SAFETY: all four strings live until after the call.
    check(
        unsafe {
            libc::mount(
                source.as_ptr(),
                target.as_ptr(),
                kind.as_ptr(),
                flags as libc::c_ulong,
                data.as_ptr().cast(),
            )
        }
        .into(),
    )
    .map(drop)
}

/// Detaches what is mounted at `target`.
pub(crate) fn unmount(target: &Path) -> io::Result<()> {
    let target = c_path(target)?;
    // SAFETY: the string lives until after the call.
    check(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH | libc::UMOUNT_NOFOLLOW) }.into())
        .map(drop)
}

/// A detached copy of the mount at `path`, with the mounts below it when `recursive`.
pub(crate) fn open_tree(path: &Path, recursive: bool) -> io::Result<OwnedFd> {
    open_tree_at(libc::AT_FDCWD, &c_path(path)?, recursive, 0)
}

/// A detached copy of a mount that is itself only known by its descriptor.
pub(crate) fn clone_tree(mount: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    open_tree_at(mount.as_raw_fd(), c"", false, libc::AT_EMPTY_PATH as u32)
}

fn open_tree_at(at: RawFd, path: &CStr, recursive: bool, extra: u32) -> io::Result<OwnedFd> {
    const OPEN_TREE_CLONE: u32 = 1;
    let recursive = if recursive { libc::AT_RECURSIVE as u32 } else { 0 };
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC as u32 | recursive | extra;
    // SAFETY: the path is NUL-terminated and lives until after the call.
    check(unsafe { libc::syscall(libc::SYS_open_tree, at, path.as_ptr(), flags) }).map(owned)
}

/// Attaches a detached mount at `target`.
pub(crate) fn move_mount(mount: BorrowedFd<'_>, target: &Path) -> io::Result<()> {
    const MOVE_MOUNT_F_EMPTY_PATH: u32 = 4;
    // Links in the target are followed: the caller has already changed its root.
    const MOVE_MOUNT_T_SYMLINKS: u32 = 0x10;
    let target = c_path(target)?;
    // SAFETY: both strings are NUL-terminated and live until after the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            target.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS,
        )
    })
    .map(drop)
}

/// What [`set_mount`] changes.
#[derive(Default)]
pub(crate) struct MountChange {
    /// `MOUNT_ATTR_*` to set.
    pub(crate) set: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED` or 0.
    pub(crate) propagation: u64,
    /// The mounts below it too.
    pub(crate) recursive: bool,
}

/// Changes a mount known by descriptor.
pub(crate) fn set_mount(mount: BorrowedFd<'_>, change: &MountChange) -> io::Result<()> {
    mount_setattr(mount.as_raw_fd(), c"", libc::AT_EMPTY_PATH as u32, change)
}

/// Changes the mount at `path`.
pub(crate) fn set_mount_at(path: &CStr, change: &MountChange) -> io::Result<()> {
    mount_setattr(libc::AT_FDCWD, path, 0, change)
}

fn mount_setattr(at: RawFd, path: &CStr, flags: u32, change: &MountChange) -> io::Result<()> {
    let attributes: [u64; 4] = [change.set, 0, change.propagation, 0];
    let flags = flags | if change.recursive { libc::AT_RECURSIVE as u32 } else { 0 };
    // SAFETY: the attribute block has the size that is passed with it.
    check(unsafe {
        libc::syscall(libc::SYS_mount_setattr, at, path.as_ptr(), flags, attributes.as_ptr(), 32usize)
    })
    .map(drop)
}

/// Mount attributes (`MOUNT_ATTR_*`).
pub(crate) const ATTR_RDONLY: u64 = 1;
pub(crate) const ATTR_NOSUID: u64 = 2;
pub(crate) const ATTR_NODEV: u64 = 4;
pub(crate) const ATTR_NOEXEC: u64 = 8;

/// One setting of a file system that is being made.
pub(crate) enum FsOption<'a> {
    /// `name=value`.
    Value(&'a CStr, &'a CStr),
    /// A bare name.
    Flag(&'a CStr),
}

/// Makes a file system of `kind` and mounts it detached, with the given `MOUNT_ATTR_*`.
pub(crate) fn new_mount(kind: &CStr, options: &[FsOption<'_>], attributes: u64) -> io::Result<OwnedFd> {
    const FSOPEN_CLOEXEC: u32 = 1;
    const FSMOUNT_CLOEXEC: u32 = 1;
    const SET_FLAG: u32 = 0;
    const SET_STRING: u32 = 1;
    const CREATE: u32 = 6;
    // SAFETY: NUL-terminated string.
    let context = owned(check(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) })?);
    let configure = |command: u32, key: *const libc::c_char, value: *const libc::c_char| {
        // SAFETY: key and value are null or NUL-terminated and outlive the call.
        check(unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key, value, 0) })
            .map(drop)
    };
    for option in options {
        match option {
            FsOption::Value(key, value) => configure(SET_STRING, key.as_ptr(), value.as_ptr())?,
            FsOption::Flag(key) => configure(SET_FLAG, key.as_ptr(), std::ptr::null())?,
        }
    }
    configure(CREATE, std::ptr::null(), std::ptr::null())?;
    // SAFETY: no pointers.
    check(unsafe {
        libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), FSMOUNT_CLOEXEC, attributes as u32)
    })
    .map(owned)
}

/// Makes the current directory the root, with the old root mounted over it.
pub(crate) fn pivot_root_here() -> io::Result<()> {
    // SAFETY: NUL-terminated strings.
    check(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) }).map(drop)
}

/// Makes a device node.
pub(crate) fn mknod(path: &Path, mode: u32, device: u64) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: NUL-terminated string.
    check(unsafe { libc::mknod(path.as_ptr(), mode, device) }.into()).map(drop)
}

/// Whether `fd` is on a file system of the given magic number.
pub(crate) fn file_system_is(fd: BorrowedFd<'_>, magic: i64) -> bool {
    // SAFETY: zeroes are a valid statfs; the kernel fills it.
    let mut information: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the structure outlives the call.
    unsafe { libc::fstatfs(fd.as_raw_fd(), &mut information) == 0 && information.f_type as i64 == magic }
}

// === identity ===

/// Sets real, effective and saved user and group, and the supplementary groups, of this (only) thread.
pub(crate) fn become_user(uid: u32, gid: u32, groups: &[u32]) -> io::Result<()> {
    // SAFETY: pointer and length belong together; raw calls act on the one thread there is.
    unsafe {
        check(libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()))?;
        check(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        check(libc::syscall(libc::SYS_setresuid, uid, uid, uid)).map(drop)
    }
}

/// Sets effective, permitted and inheritable capabilities.
pub(crate) fn capset(effective: u64, permitted: u64, inheritable: u64) -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION_3, 0];
    let low = |set: u64| set as u32;
    let high = |set: u64| (set >> 32) as u32;
    let data: [u32; 6] = [
        low(effective),
        low(permitted),
        low(inheritable),
        high(effective),
        high(permitted),
        high(inheritable),
    ];
    // SAFETY: version 3 takes two blocks of three words.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) }).map(drop)
}

/// One instruction of a classic BPF program.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) code: u16,
    pub(crate) jump_true: u8,
    pub(crate) jump_false: u8,
    pub(crate) k: u32,
}

/// Loads a system call filter for this process and its children.
pub(crate) fn load_filter(program: &[Instruction]) -> io::Result<()> {
    #[repr(C)]
    struct Program {
        length: u16,
        instructions: *const Instruction,
    }
    let program = Program { length: program.len() as u16, instructions: program.as_ptr() };
    // SAFETY: length and pointer belong together and outlive the call; the kernel copies them.
    check(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &program as *const Program)
    })
    .map(drop)
}

/// Sets a resource limit of this process.
pub(crate) fn setrlimit(resource: u32, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the structure outlives the call.
    check(unsafe { libc::prlimit(0, resource, &limit, std::ptr::null_mut()) }.into()).map(drop)
}

/// The hard limit of a resource of this process.
pub(crate) fn hard_limit(resource: u32) -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure outlives the call.
    check(unsafe { libc::prlimit(0, resource, std::ptr::null(), &mut limit) }.into())?;
    Ok(limit.rlim_max)
}

/// Replaces the program. Returns only on failure.
pub(crate) fn execve(program: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    let list = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|s| s.as_ptr()).chain(std::iter::once(std::ptr::null())).collect()
    };
    let (arguments, environment) = (list(arguments), list(environment));
    // SAFETY: both lists end with null and their strings outlive the call.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

// === terminals ===

/// Opens the other end of a pseudo terminal without going through a path.
pub(crate) fn terminal_peer(master: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let unlock: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads one int.
    check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &unlock) }.into())?;
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes flags by value.
    check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) }.into()).map(owned)
}

/// Makes the terminal on standard input the controlling one.
pub(crate) fn control_terminal() -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) }.into()).map(drop)
}

/// Sets a terminal's size.
pub(crate) fn resize_terminal(master: BorrowedFd<'_>, rows: u16, columns: u16) -> io::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the structure outlives the call.
    check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &size) }.into()).map(drop)
}

// === network ===

/// Brings the loopback interface of the current network namespace up.
pub(crate) fn loopback_up() -> io::Result<()> {
    // SAFETY: plain calls with a zeroed, then filled request that outlives them.
    unsafe {
        let socket =
            owned(check(libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0).into())?);
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        check(libc::ioctl(socket.as_fd().as_raw_fd(), libc::SIOCSIFFLAGS, &request).into()).map(drop)
    }
}

/// Reaps children, sleeping in between; for the first process of a PID namespace.
pub(crate) fn reap_for_ever() -> ! {
    // SAFETY: the set is initialised before use. SIGCHLD is blocked before the first look, so none is missed.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        loop {
            while reap().is_some() {}
            let mut signal = 0;
            libc::sigwait(&set, &mut signal);
        }
    }
}
