//! Frames: what lies on the wire, and nothing of what it means. Pure.
//!
//! A control frame has its highest bit set, version 3, a type, flags and a length; a data frame a stream's number,
//! flags and a length (SPDY/3.1, section 2.2).

use super::headers::{Headers, Unfolder, block};

/// Bytes before a frame's content.
const HEADER: usize = 8;
/// Longest control frame: they hold a few headers.
const LONGEST_CONTROL: usize = 64 << 10;
/// The sender has no more to say on that stream.
const FIN: u8 = 1;
const VERSION: u16 = 3;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;

/// Why bytes are no SPDY.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrameError {
    /// Another version, or another protocol.
    #[error("the peer speaks version {0} of SPDY, not 3")]
    Version(u16),
    /// More than any such frame holds.
    #[error("a control frame of {0} bytes is too long")]
    TooLong(usize),
    /// Less than such a frame holds.
    #[error("a frame of type {0} is cut short")]
    Short(u16),
    /// Headers that cannot be unfolded or are no headers.
    #[error("a frame's headers are damaged")]
    Headers,
}

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// A new stream; `fin` when its maker will not send on it.
    Open {
        /// Number of the stream.
        id: u32,
        /// Nothing follows.
        fin: bool,
        /// What the stream is for.
        headers: Headers,
    },
    /// The answer to it.
    Reply {
        /// Number of the stream.
        id: u32,
        /// Nothing follows.
        fin: bool,
    },
    /// A stream is given up, with the reason's number.
    Reset {
        /// Number of the stream.
        id: u32,
        /// Why.
        status: u32,
    },
    /// To be sent back as it is.
    Ping(u32),
    /// No new streams.
    GoAway,
    /// More headers of a stream.
    Headers {
        /// Number of the stream.
        id: u32,
        /// Nothing follows.
        fin: bool,
    },
    /// Bytes of a stream.
    Data {
        /// Number of the stream.
        id: u32,
        /// Nothing follows.
        fin: bool,
        /// The bytes.
        data: Vec<u8>,
    },
    /// What the dialect spoken here does not use: settings, windows.
    Other(u16),
}

/// Cuts frames out of a stream of bytes.
#[derive(Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// How much of `bytes` is done with.
    done: usize,
    headers: Unfolder,
}

impl Decoder {
    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.done);
        self.done = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// When the bytes are no SPDY/3.1; the decoder is then of no further use.
    #[expect(clippy::should_implement_trait, reason = "an iterator's end is final, this one's is not")]
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        let rest = &self.bytes[self.done..];
        let Some((&[a, b, c, d, flags, x, y, z], content)) = rest.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([0, x, y, z]) as usize;
        let (control, word) = (a & 0x80 != 0, u32::from_be_bytes([a & 0x7f, b, c, d]));
        if control && u16::from_be_bytes([a & 0x7f, b]) != VERSION {
            return Err(FrameError::Version(u16::from_be_bytes([a & 0x7f, b])));
        }
        if control && length > LONGEST_CONTROL {
            return Err(FrameError::TooLong(length));
        }
        let Some(content) = content.get(..length) else { return Ok(None) };
        let frame = if control {
            decode(u16::from_be_bytes([c, d]), flags, content, &mut self.headers)?
        } else {
            Frame::Data { id: word, fin: flags & FIN != 0, data: content.to_vec() }
        };
        self.done += HEADER + length;
        Ok(Some(frame))
    }
}

fn decode(kind: u16, flags: u8, content: &[u8], unfolder: &mut Unfolder) -> Result<Frame, FrameError> {
    let word = |at: usize| -> Result<u32, FrameError> {
        let bytes = content.get(at..at + 4).and_then(|bytes| bytes.first_chunk::<4>());
        bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(FrameError::Short(kind))
    };
    let id = |at: usize| word(at).map(|word| word & 0x7fff_ffff);
    let fin = flags & FIN != 0;
    Ok(match kind {
        SYN_STREAM => {
            let block = content.get(10..).ok_or(FrameError::Short(kind))?;
            Frame::Open { id: id(0)?, fin, headers: unfolder.block(block)? }
        }
        SYN_REPLY | HEADERS => {
            let (id, block) = (id(0)?, content.get(4..).ok_or(FrameError::Short(kind))?);
            // Also what is not used has to be unfolded: later blocks refer back to it.
            unfolder.block(block)?;
            if kind == HEADERS { Frame::Headers { id, fin } } else { Frame::Reply { id, fin } }
        }
        RST_STREAM => Frame::Reset { id: id(0)?, status: word(4)? },
        PING => Frame::Ping(word(0)?),
        GOAWAY => Frame::GoAway,
        other => Frame::Other(other),
    })
}

fn control(kind: u16, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + content.len());
    bytes.extend_from_slice(&(0x8000 | VERSION).to_be_bytes());
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(content);
    bytes
}

/// A data frame. `bytes` must be shorter than 16 MiB.
pub fn data(id: u32, fin: bool, bytes: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER + bytes.len());
    frame.extend_from_slice(&(id & 0x7fff_ffff).to_be_bytes());
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX) & 0x00ff_ffff;
    frame.extend_from_slice(&(u32::from(fin) << 24 | length).to_be_bytes());
    frame.extend_from_slice(bytes);
    frame
}

/// The answer to a new stream; `first` for the first one of a connection.
pub fn reply(id: u32, first: bool) -> Vec<u8> {
    let mut content = id.to_be_bytes().to_vec();
    content.extend(block(&[], first));
    control(SYN_REPLY, &content)
}

/// A stream given up: cancelled.
pub fn reset(id: u32) -> Vec<u8> {
    const CANCEL: u32 = 5;
    control(RST_STREAM, &[id.to_be_bytes(), CANCEL.to_be_bytes()].concat())
}

/// The answer to a ping.
pub(super) fn ping(id: u32) -> Vec<u8> {
    control(PING, &id.to_be_bytes())
}

/// A new stream, as a client makes it; `first` for the first one of a connection.
pub fn open(id: u32, headers: &[(&str, &str)], first: bool) -> Vec<u8> {
    let mut content = [id.to_be_bytes(), [0; 4]].concat();
    content.extend([0, 0]);
    content.extend(block(headers, first));
    control(SYN_STREAM, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Vec<Frame> {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        // A byte at a time: no frame may depend on how the bytes come.
        for byte in bytes {
            decoder.push(&[*byte]);
            while let Some(frame) = decoder.next().unwrap() {
                frames.push(frame);
            }
        }
        frames
    }

    #[test]
    fn frames_are_read_as_they_are_written() {
        let mut bytes = open(1, &[("streamType", "error")], true);
        bytes.extend(reply(3, false));
        bytes.extend(data(1, false, b"hello"));
        bytes.extend(data(1, true, b""));
        bytes.extend(reset(1));
        bytes.extend(ping(7));
        bytes.extend(control(4, &[0; 4]));
        assert_eq!(
            decoded(&bytes),
            [
                Frame::Open { id: 1, fin: false, headers: vec![("streamtype".into(), "error".into())] },
                Frame::Reply { id: 3, fin: false },
                Frame::Data { id: 1, fin: false, data: b"hello".to_vec() },
                Frame::Data { id: 1, fin: true, data: Vec::new() },
                Frame::Reset { id: 1, status: 5 },
                Frame::Ping(7),
                Frame::Other(4),
            ]
        );
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for (bytes, error) in [
            (vec![0x80, 2, 0, 1, 0, 0, 0, 0], FrameError::Version(2)),
            (vec![0x80, 3, 0, 1, 0, 0xff, 0, 0], FrameError::TooLong(0xff_0000)),
            (control(SYN_STREAM, &[0; 9]), FrameError::Short(SYN_STREAM)),
            (control(RST_STREAM, &[0; 7]), FrameError::Short(RST_STREAM)),
            (control(SYN_STREAM, &[0; 12]), FrameError::Headers),
        ] {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            assert_eq!(decoder.next(), Err(error));
        }
    }
}
