//! Network namespaces by file descriptor: make one, work in one.
//!
//! A namespace belongs to a thread. Both functions use a thread of their own, so that the caller's threads,
//! an async runtime's among them, never change theirs.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::thread::{LinkNameSpaceType, UnshareFlags};
use thiserror::Error;

/// What can go wrong with a network namespace.
#[derive(Debug, Error)]
pub enum Error {
    /// A new namespace was refused.
    #[error("cannot make a network namespace: {0} (needs root)")]
    Create(#[source] io::Error),
    /// A namespace could not be entered.
    #[error("cannot enter the network namespace: {0} (is it one, and are we root?)")]
    Enter(#[source] io::Error),
    /// No thread could be started.
    #[error("cannot start a thread for the network namespace: {0}")]
    Thread(#[source] io::Error),
}

/// A new network namespace, with a loopback device that is down; it lives as long as the descriptor (or
/// whatever else uses it).
pub fn create() -> Result<OwnedFd, Error> {
    on_thread(|| {
        // SAFETY: the flag gives this thread a network namespace of its own; no memory, file or signal
        // state that Rust code relies on is unshared.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
            .map_err(|errno| Error::Create(errno.into()))?;
        current().map_err(Error::Create)
    })
}

/// The calling thread's network namespace.
pub fn current() -> io::Result<OwnedFd> {
    Ok(File::open("/proc/thread-self/ns/net")?.into())
}

/// Runs `work` inside `netns`, on a thread that ends with it.
pub fn run_in<T: Send>(netns: impl AsFd, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    let netns = netns.as_fd();
    on_thread(move || enter(netns).map(|()| work()))
}

/// Moves the calling thread into `netns` for good.
pub fn enter(netns: BorrowedFd<'_>) -> Result<(), Error> {
    rustix::thread::move_into_link_name_space(netns, Some(LinkNameSpaceType::Network))
        .map_err(|errno| Error::Enter(errno.into()))
}

fn on_thread<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("netns".to_owned()).spawn_scoped(scope, work);
        match thread.map_err(Error::Thread)?.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
