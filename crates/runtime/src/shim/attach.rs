//! An attached engine's pipe: gets a copy of a container's output, and never holds the container up.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::log::Stream;

/// One that does not read for this many bytes is cut off.
const MOST_PENDING: usize = 4 << 20;

/// One pipe.
pub(super) struct Attached {
    pub(super) fd: OwnedFd,
    pub(super) container: String,
    pub(super) stream: Stream,
    /// Close when everything is written.
    pub(super) closing: bool,
    pending: Vec<u8>,
}

/// The other side has closed or does not read.
#[derive(Debug)]
pub(super) struct Gone;

impl Attached {
    pub(super) fn new(fd: OwnedFd, container: &str, stream: Stream) -> Attached {
        if let Ok(flags) = rustix::fs::fcntl_getfl(&fd) {
            let _ = rustix::fs::fcntl_setfl(&fd, flags | rustix::fs::OFlags::NONBLOCK);
        }
        Attached { fd, container: container.into(), stream, closing: false, pending: Vec::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend(bytes);
    }

    /// Writes what goes; whether that was all.
    pub(super) fn flush(&mut self) -> Result<bool, Gone> {
        while !self.pending.is_empty() {
            match rustix::io::write(&self.fd, &self.pending) {
                Ok(count) => drop(self.pending.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if self.pending.len() <= MOST_PENDING => return Ok(false),
                Err(_) => return Err(Gone),
            }
        }
        Ok(true)
    }
}
