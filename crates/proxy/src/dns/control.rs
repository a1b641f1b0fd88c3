//! Speaking with a name server's process from outside: find it, ask how it is, end it, take its place. Blocking,
//! with limits.

use std::fs;
use std::io::{self, BufRead, BufReader, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::process::SOCKET;
use super::server::Sockets;
use super::wire::{Say, Status, Tell, line};

/// How long a process may take for an answer that it has at once. One that does not is stuck, and is killed where it
/// is in the way.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a process that was told to end may take.
const LAST_WORDS: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };
/// Descriptors that may come with one message: UDP and TCP of both address families, and some.
const DESCRIPTORS: usize = 16;

/// How the name server of this folder is; `None` if none runs.
///
/// # Errors
/// If one is there and does not answer.
pub fn status(folder: &Path) -> io::Result<Option<Status>> {
    let Some((mut stream, _)) = greet(folder)? else { return Ok(None) };
    stream.write_all(&line(&Say::Status))?;
    match read_line(&stream)? {
        Tell::Status(status) => Ok(Some(status)),
        other => Err(io::Error::other(format!("the name server answers {other:?}"))),
    }
}

/// Ends the name server of this folder, and waits until it is gone; `false` if none ran. Names are not answered from
/// then on.
///
/// # Errors
/// If it cannot be reached or killed.
pub fn stop(folder: &Path) -> io::Result<bool> {
    let Some(mut stream) = connect(folder)? else { return Ok(false) };
    let credentials = rustix::net::sockopt::socket_peercred(&stream)?;
    let Ok(process) = pidfd_open(credentials.pid, PidfdFlags::empty()) else { return Ok(true) };
    let _ = stream.write_all(&line(&Say::Stop));
    let mut polled = [PollFd::new(&process, PollFlags::IN)];
    if poll(&mut polled, Some(&LAST_WORDS))? == 0 {
        pidfd_send_signal(&process, Signal::KILL)?;
        poll(&mut polled, None)?;
    }
    let _ = fs::remove_file(folder.join(SOCKET));
    Ok(true)
}

/// A connection to the name server of this folder, if one runs.
pub(super) fn connect(folder: &Path) -> io::Result<Option<UnixStream>> {
    let stream = match in_folder(folder, SOCKET, UnixStream::connect) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        stream => stream?,
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(Some(stream))
}

/// A connection and the program at its other end (see [`super::process::identity`]), if one runs.
pub(super) fn greet(folder: &Path) -> io::Result<Option<(UnixStream, String)>> {
    let Some(stream) = connect(folder)? else { return Ok(None) };
    match read_line(&stream)? {
        Tell::Hello { identity } => Ok(Some((stream, identity))),
        other => Err(io::Error::other(format!("the name server greets with {other:?}"))),
    }
}

/// Sockets of the process that answers for this folder now, and the way to tell it that they are served; nothing if
/// there is none. One that is stuck is killed.
pub(super) fn take_over(folder: &Path) -> io::Result<(Vec<Sockets>, Option<UnixStream>)> {
    let taken = take(folder);
    if let Err(error) = &taken {
        tracing::warn!(%error, "the earlier name server does not hand its sockets over and is ended");
        stop(folder)?;
    }
    Ok(taken.ok().flatten().map_or((Vec::new(), None), |(sockets, stream)| (sockets, Some(stream))))
}

fn take(folder: &Path) -> io::Result<Option<(Vec<Sockets>, UnixStream)>> {
    let Some((mut stream, _)) = greet(folder)? else { return Ok(None) };
    stream.write_all(&line(&Say::HandOver))?;
    let mut descriptors = receive_descriptors(&stream)?.into_iter();
    let mut sockets = Vec::new();
    while let (Some(udp), Some(tcp)) = (descriptors.next(), descriptors.next()) {
        sockets.push(Sockets::adopt(udp, tcp)?);
    }
    Ok(Some((sockets, stream)))
}

/// One line; nothing may follow it before something else is asked.
fn read_line(stream: &UnixStream) -> io::Result<Tell> {
    let mut text = String::new();
    if BufReader::new(stream).read_line(&mut text)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_str(&text).map_err(io::Error::other)
}

/// Sends bytes with descriptors, which the receiver gets as its own.
pub(super) fn send_descriptors(stream: impl AsFd, bytes: &[u8], descriptors: &[OwnedFd]) -> io::Result<()> {
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::Error::other(format!("more than {DESCRIPTORS} sockets")));
    }
    let sent = rustix::net::sendmsg(stream, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn receive_descriptors(stream: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut bytes = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(stream, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags)?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    Ok(descriptors)
}

/// Binds or connects a socket by its name in `folder`, however long the folder's path is (a socket's address
/// holds 108 bytes).
pub(super) fn in_folder<T>(
    folder: &Path,
    name: &str,
    call: impl FnOnce(PathBuf) -> io::Result<T>,
) -> io::Result<T> {
    let directory = fs::File::open(folder)?;
    call(PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name))
}
