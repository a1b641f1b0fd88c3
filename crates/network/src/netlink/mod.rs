//! A netlink socket: requests in, acknowledgements and dumps out, the kernel's own words in errors.
//!
//! The kernel works on a request inside the `send` call, so every answer is in the socket's queue when
//! `send` returns, and receiving never waits. What is not here: asynchronous events (multicast groups).

pub mod message;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use thiserror::Error;

pub use message::{Attributes, Request};
use message::{HEADER, attribute, spans, text, u16_at, u32_at};

const ACK: u16 = libc::NLM_F_ACK as u16;
const ERROR_TEXT: u16 = 1; // NLMSGERR_ATTR_MSG
const ACK_TLVS: u16 = 0x200; // NLM_F_ACK_TLVS
const DUMP_INTERRUPTED: u16 = 0x10; // NLM_F_DUMP_INTR
/// The kernel cuts dumps into pieces of at most 32 KiB.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// A whole rule set goes out in one message; the kernel charges about twice its size.
const SEND_BUFFER: i32 = 64 * 1024 * 1024;

/// Which part of the kernel a [`Socket`] talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Links, addresses, routes, neighbours.
    Route,
    /// nf_tables and connection tracking.
    Netfilter,
}

/// What can go wrong between us and the kernel.
#[derive(Debug, Error)]
pub enum Error {
    /// No socket could be made.
    #[error("cannot open a netlink socket: {0}")]
    Open(#[source] io::Error),
    /// Sending or receiving failed.
    #[error("cannot {subject}: netlink socket: {source}")]
    Transport {
        /// What was asked of the kernel.
        subject: String,
        /// The system's error.
        source: io::Error,
    },
    /// The kernel refused.
    #[error("cannot {subject}: {source}{}", detail.as_deref().map(|d| format!(" ({d})")).unwrap_or_default())]
    Refused {
        /// What was asked of the kernel.
        subject: String,
        /// The error number.
        source: io::Error,
        /// The kernel's explanation, if it gave one.
        detail: Option<String>,
    },
    /// The kernel's answer has no acknowledgement or no end.
    #[error("cannot {subject}: the kernel's answer is incomplete")]
    Incomplete {
        /// What was asked of the kernel.
        subject: String,
    },
}

impl Error {
    /// Whether the kernel refused with this error number.
    pub fn is(&self, errno: i32) -> bool {
        matches!(self, Error::Refused { source, .. } if source.raw_os_error() == Some(errno))
    }
}

/// One message of the kernel's answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The message type.
    pub kind: u16,
    /// What follows the `nlmsghdr`.
    pub body: Vec<u8>,
}

/// A netlink socket of the network namespace that the opening thread was in.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace; it stays there.
    pub fn open(family: Family) -> Result<Self, Error> {
        let protocol = match family {
            Family::Route => None, // number 0
            Family::Netfilter => Some(rustix::net::netlink::NETFILTER),
        };
        let fd =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
                .map_err(|errno| Error::Open(errno.into()))?;
        // Without these two an error would carry the whole request back and no explanation.
        set_option(&fd, libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1).map_err(Error::Open)?;
        set_option(&fd, libc::SOL_NETLINK, libc::NETLINK_EXT_ACK, 1).map_err(Error::Open)?;
        if family == Family::Netfilter {
            set_option(&fd, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, SEND_BUFFER).map_err(Error::Open)?;
        }
        Ok(Self { fd, sequence: 1 })
    }

    /// Sends all messages and waits for each to be acknowledged; returns what else was answered.
    ///
    /// Messages are carried out in order and independently: on the first refusal that message's error is
    /// returned, but later ones may have been carried out.
    pub fn request(&mut self, mut request: Request) -> Result<Vec<Reply>, Error> {
        if request.is_empty() {
            return Ok(Vec::new());
        }
        request.flag_all(ACK);
        self.exchange(request, Expect::EveryAck)
    }

    /// Sends messages of which the last alone is acknowledged: an nf_tables transaction, which is carried
    /// out as a whole or not at all.
    pub(crate) fn transaction(&mut self, request: Request) -> Result<(), Error> {
        self.exchange(request, Expect::NoRefusal).map(drop)
    }

    /// Asks for a list; repeats the question if the list changed while it was being read.
    pub fn dump(
        &mut self,
        subject: &'static str,
        kind: u16,
        header: &[u8],
        body: impl Fn(&mut Attributes<'_>),
    ) -> Result<Vec<Reply>, Error> {
        loop {
            let mut request = Request::new();
            request.push(subject, kind, libc::NLM_F_DUMP as u16, header, &body);
            let mut interrupted = false;
            let replies = self.exchange(request, Expect::Dump { interrupted: &mut interrupted })?;
            if !interrupted {
                return Ok(replies);
            }
        }
    }

    fn exchange(&mut self, mut request: Request, mut expect: Expect<'_>) -> Result<Vec<Reply>, Error> {
        let first = self.sequence;
        let count = request.len() as u32;
        self.sequence = self.sequence.wrapping_add(count);
        self.send(&mut request, first)?;
        let mut replies = Vec::new();
        let mut refused = None;
        let (mut acknowledged, mut ended) = (0, false);
        let mut buffer = vec![0; RECEIVE_BUFFER];
        while let Some(received) = self.receive(&request, &mut buffer)? {
            for (start, length) in spans(received) {
                let message = &received[start..start + length];
                let kind = u16_at(message, 4).unwrap_or_default();
                let flags = u16_at(message, 6).unwrap_or_default();
                let index = u32_at(message, 8).unwrap_or_default().wrapping_sub(first);
                if index >= count {
                    continue; // left over from a question that was given up
                }
                if let Expect::Dump { interrupted } = &mut expect {
                    **interrupted |= flags & DUMP_INTERRUPTED != 0;
                }
                match i32::from(kind) {
                    libc::NLMSG_ERROR => match refusal(&request, index as usize, flags, message) {
                        Some(error) => refused = refused.or(Some(error)),
                        None => acknowledged += 1,
                    },
                    libc::NLMSG_DONE => {
                        ended = true;
                        refused = refused.or(refusal(&request, index as usize, flags, message));
                    }
                    _ => replies.push(Reply { kind, body: message[HEADER..].to_vec() }),
                }
            }
        }
        if let Some(error) = refused {
            return Err(error);
        }
        let complete = match expect {
            Expect::EveryAck => acknowledged == count,
            Expect::NoRefusal => acknowledged > 0,
            Expect::Dump { .. } => ended,
        };
        if complete { Ok(replies) } else { Err(Error::Incomplete { subject: request.subject(0).to_owned() }) }
    }

    fn send(&self, request: &mut Request, first: u32) -> Result<(), Error> {
        let sent = rustix::net::send(&self.fd, request.numbered(first), SendFlags::empty());
        sent.map(drop).map_err(|errno| transport(request, errno.into()))
    }

    /// The next datagram, or `None` when the queue is empty.
    fn receive<'b>(&self, request: &Request, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, Error> {
        loop {
            match rustix::net::recv(&self.fd, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((_, length)) => return Ok(Some(&buffer[..length.min(RECEIVE_BUFFER)])),
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(transport(request, errno.into())),
            }
        }
    }
}

/// When an answer is complete.
enum Expect<'a> {
    EveryAck,
    NoRefusal,
    Dump { interrupted: &'a mut bool },
}

fn transport(request: &Request, source: io::Error) -> Error {
    Error::Transport { subject: request.subject(0).to_owned(), source }
}

/// The error in an NLMSG_ERROR or NLMSG_DONE message, `None` if it is an acknowledgement.
fn refusal(request: &Request, index: usize, flags: u16, message: &[u8]) -> Option<Error> {
    let code = u32_at(message, HEADER).unwrap_or_default() as i32;
    if code == 0 {
        return None;
    }
    // After the code an error repeats the header of the request; explanations follow.
    let explanations = message.get(HEADER + 4 + HEADER..).filter(|_| flags & ACK_TLVS != 0);
    let detail = explanations.and_then(|bytes| attribute(bytes, ERROR_TEXT)).map(text);
    Some(Error::Refused {
        subject: request.subject(index).to_owned(),
        source: io::Error::from_raw_os_error(code.saturating_neg()),
        detail,
    })
}

fn set_option(fd: &OwnedFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    // SAFETY: the pointer and length describe `value`, which outlives the call; the kernel only reads it.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_subject_and_reason() {
        let mut socket = Socket::open(Family::Route).unwrap();
        let mut request = Request::new();
        // A link by a name that cannot exist: 16 bytes are one too many.
        request.push("look at device x", libc::RTM_GETLINK, 0, &[0; 16], |a| {
            a.string(libc::IFLA_IFNAME, "no-such-device0");
        });
        let error = socket.request(request).unwrap_err();
        assert!(error.is(libc::ENODEV), "{error}");
        assert!(error.to_string().starts_with("cannot look at device x: "), "{error}");
    }

    #[test]
    fn dumps_come_whole() {
        let mut socket = Socket::open(Family::Route).unwrap();
        let links = socket.dump("list devices", libc::RTM_GETLINK, &[0; 16], |_| {}).unwrap();
        assert!(links.iter().all(|l| l.kind == libc::RTM_NEWLINK));
        assert!(links.iter().any(|l| attribute(&l.body[16..], libc::IFLA_IFNAME) == Some(b"lo\0")));
    }
}
