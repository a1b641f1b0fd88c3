//! Messages and their frames.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest message taken from a client; kubectl sends 32 KiB at a time.
const LONGEST: usize = 4 << 20;
/// Longest content of a control frame (RFC 6455, section 5.5).
const LONGEST_CONTROL: usize = 125;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// A whole message, text or not.
    Data(Vec<u8>),
    /// To be answered with [`pong`].
    Ping(Vec<u8>),
    /// The client has no more to say.
    Close,
}

/// Takes messages off a connection.
pub struct Reader<R> {
    stream: R,
    /// Fragments of a message whose last one has not come yet.
    partial: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads messages from the part of a connection that is read.
    pub fn new(stream: R) -> Self {
        Self { stream, partial: Vec::new() }
    }

    /// The next message; `None` when the connection is at its end. Loses its place when it is given up half-way.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is no WebSocket.
    pub async fn read(&mut self) -> io::Result<Option<Message>> {
        loop {
            let mut head = [0; 2];
            match self.stream.read_exact(&mut head).await {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            }
            let (last, opcode) = (head[0] & 0x80 != 0, head[0] & 0x0f);
            if head[1] & 0x80 == 0 {
                return Err(invalid("a client's frames must be masked"));
            }
            let length = match head[1] & 0x7f {
                126 => u64::from(self.stream.read_u16().await?),
                127 => self.stream.read_u64().await?,
                short => u64::from(short),
            };
            let control = opcode >= CLOSE;
            let room = if control { LONGEST_CONTROL } else { LONGEST - self.partial.len() };
            let length = usize::try_from(length).ok().filter(|length| *length <= room);
            let length = length.ok_or_else(|| invalid("message too long"))?;
            let content = self.content(length).await?;
            match opcode {
                CLOSE => return Ok(Some(Message::Close)),
                PING => return Ok(Some(Message::Ping(content))),
                PONG => {}
                CONTINUATION | TEXT | BINARY => {
                    self.partial.extend(content);
                    if last {
                        return Ok(Some(Message::Data(std::mem::take(&mut self.partial))));
                    }
                }
                _ => return Err(invalid("unknown kind of frame")),
            }
        }
    }

    async fn content(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut mask = [0; 4];
        self.stream.read_exact(&mut mask).await?;
        let mut content = vec![0; length];
        self.stream.read_exact(&mut content).await?;
        for (byte, key) in content.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        Ok(content)
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes one binary message whose content is the parts, one after the other.
///
/// # Errors
/// When the connection breaks.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), parts: &[&[u8]]) -> io::Result<()> {
    frame(stream, BINARY, parts).await
}

/// Writes one message of text.
///
/// # Errors
/// When the connection breaks.
pub async fn write_text(stream: &mut (impl AsyncWrite + Unpin), text: &str) -> io::Result<()> {
    frame(stream, TEXT, &[text.as_bytes()]).await
}

/// Answers a ping.
///
/// # Errors
/// When the connection breaks.
pub async fn pong(stream: &mut (impl AsyncWrite + Unpin), data: &[u8]) -> io::Result<()> {
    frame(stream, PONG, &[data]).await
}

/// Ends the connection well: code 1000. Without it clients take the end for an error.
///
/// # Errors
/// When the connection breaks.
pub async fn close(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    frame(stream, CLOSE, &[&1000_u16.to_be_bytes()]).await
}

async fn frame(stream: &mut (impl AsyncWrite + Unpin), opcode: u8, parts: &[&[u8]]) -> io::Result<()> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(length + 10);
    bytes.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => bytes.push(short),
        (_, Ok(medium)) => {
            bytes.push(126);
            bytes.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    for part in parts {
        bytes.extend_from_slice(part);
    }
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// A frame as a client sends it.
#[cfg(test)]
pub(super) fn masked(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![head];
    if payload.len() < 126 {
        bytes.push(0x80 | u8::try_from(payload.len()).unwrap());
    } else {
        bytes.push(0x80 | 126);
        bytes.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
    }
    let mask = [1, 2, 3, 4];
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_become_messages() {
        let long = vec![7; 300];
        let mut bytes = masked(0x82, b"\0hi");
        bytes.extend(masked(0x02, b"\0in "));
        bytes.extend(masked(0x89, b"there?"));
        bytes.extend(masked(0x80, b"parts"));
        bytes.extend(masked(0x8a, b"unasked"));
        bytes.extend(masked(0x82, &long));
        bytes.extend(masked(0x88, &[3, 232]));
        let mut reader = Reader::new(&bytes[..]);
        for expected in [
            Message::Data(b"\0hi".to_vec()),
            Message::Ping(b"there?".to_vec()),
            Message::Data(b"\0in parts".to_vec()),
            Message::Data(long),
            Message::Close,
        ] {
            assert_eq!(reader.read().await.unwrap(), Some(expected));
        }
        assert_eq!(reader.read().await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_not_allowed_is_refused() {
        assert!(Reader::new(&[0x82, 0x01, b'x'][..]).read().await.is_err(), "not masked");
        assert!(Reader::new(&masked(0x83, b"")[..]).read().await.is_err(), "unknown");
        assert!(Reader::new(&masked(0x89, &[0; 126])[..]).read().await.is_err(), "a long ping");
        let mut huge = vec![0x82, 0x80 | 127];
        huge.extend_from_slice(&(1_u64 << 40).to_be_bytes());
        assert!(Reader::new(&huge[..]).read().await.is_err(), "too long");
    }

    #[tokio::test]
    async fn lengths_are_written_in_three_ways() {
        for (length, head) in [(5, vec![0x82, 6]), (200, vec![0x82, 126, 0, 201]), (70_000, vec![0x82, 127])]
        {
            let mut out = Vec::new();
            write(&mut out, &[&[1], &vec![0; length]]).await.unwrap();
            assert!(out.starts_with(&head), "{length}");
        }
        let mut out = Vec::new();
        close(&mut out).await.unwrap();
        assert_eq!(out, [0x88, 2, 3, 232]);
    }
}
