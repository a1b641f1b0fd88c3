//! Bytes and file descriptors over unix sockets, and the frames of the shim's protocol.
//!
//! A frame is its length (4 bytes, little endian), the number of descriptors that travel with it (1 byte) and
//! JSON. Descriptors are sent with the frame's first byte and queue up at the receiver in order.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

/// Most descriptors in one message.
const DESCRIPTORS: usize = 4;
/// Frames above this are refused: no specification comes near it.
const LONGEST: usize = 16 << 20;
const HEADER: usize = 5;

/// Sends bytes, with descriptors beside the first of them. Returns how many bytes went.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[OwnedFd]) -> Result<usize, Errno> {
    let borrowed: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !borrowed.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(Errno::TOOBIG);
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)
}

/// Receives bytes, and appends descriptors to `descriptors`. Zero bytes: the other side has closed.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    descriptors: &mut VecDeque<OwnedFd>,
) -> Result<usize, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received =
        rustix::net::recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            descriptors.extend(fds);
        }
    }
    Ok(received.bytes)
}

/// Binds or connects a socket by its name in `folder`, however long the folder's path is (a socket's address
/// holds 108 bytes).
pub(crate) fn in_folder<T>(
    folder: &Path,
    name: &str,
    call: impl FnOnce(PathBuf) -> std::io::Result<T>,
) -> std::io::Result<T> {
    let directory = std::fs::File::open(folder)?;
    call(PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name))
}

/// One frame ready to be sent.
pub(crate) fn frame(json: &[u8], descriptors: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + json.len());
    bytes.extend((json.len() as u32).to_le_bytes());
    bytes.push(descriptors as u8);
    bytes.extend(json);
    bytes
}

/// A frame's JSON and what travelled beside it.
pub(crate) type Frame = (Vec<u8>, Vec<OwnedFd>);

/// Takes frames off a stream.
#[derive(Default)]
pub(crate) struct Decoder {
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

/// The other side does not speak the protocol.
#[derive(Debug, thiserror::Error)]
#[error("a frame of {0} bytes is too long")]
pub(crate) struct FrameTooLong(usize);

impl Decoder {
    /// Receives what is there, once. Zero: the other side has closed.
    pub(crate) fn fill(&mut self, socket: BorrowedFd<'_>) -> Result<usize, Errno> {
        let mut chunk = [0; 16 << 10];
        let count = receive(socket, &mut chunk, &mut self.descriptors)?;
        self.bytes.extend(&chunk[..count]);
        Ok(count)
    }

    /// The next whole frame.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, FrameTooLong> {
        let Some((&[a, b, c, d, count], _)) = self.bytes.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > LONGEST {
            return Err(FrameTooLong(length));
        }
        if self.bytes.len() < HEADER + length {
            return Ok(None);
        }
        let json = self.bytes[HEADER..HEADER + length].to_vec();
        self.bytes.drain(..HEADER + length);
        let count = usize::from(count).min(self.descriptors.len());
        Ok(Some((json, self.descriptors.drain(..count).collect())))
    }
}
