//! A connected engine: frames in, frames out, never waiting for it.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::Errno;

use crate::protocol::Message;
use crate::wire::{self, Decoder};

/// An engine that does not read for this many bytes is cut off; it will connect again and be told the state.
const MOST_PENDING: usize = 8 << 20;

/// One connection.
pub(super) struct Client {
    pub(super) socket: UnixStream,
    pub(super) decoder: Decoder,
    pending: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
    pending_bytes: usize,
}

/// The connection cannot be used any more.
#[derive(Debug)]
pub(super) struct Gone;

impl Client {
    pub(super) fn new(socket: UnixStream) -> Client {
        Client { socket, decoder: Decoder::default(), pending: VecDeque::new(), pending_bytes: 0 }
    }

    /// Sends a message, or as much of it as goes now.
    pub(super) fn send(&mut self, message: &Message, descriptors: Vec<OwnedFd>) -> Result<(), Gone> {
        let json = serde_json::to_vec(message).map_err(|_| Gone)?;
        let frame = wire::frame(&json, descriptors.len());
        self.pending_bytes += frame.len();
        self.pending.push_back((frame, descriptors));
        if self.pending_bytes > MOST_PENDING {
            return Err(Gone);
        }
        self.flush()
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) -> Result<(), Gone> {
        while let Some((bytes, descriptors)) = self.pending.front_mut() {
            match wire::send(self.socket.as_fd(), bytes, descriptors) {
                Ok(sent) => {
                    descriptors.clear();
                    bytes.drain(..sent);
                    self.pending_bytes -= sent;
                    if bytes.is_empty() {
                        self.pending.pop_front();
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }

    /// Something waits to be sent.
    pub(super) fn is_behind(&self) -> bool {
        !self.pending.is_empty()
    }
}
