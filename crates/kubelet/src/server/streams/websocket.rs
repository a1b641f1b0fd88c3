//! The server's side of a WebSocket connection (RFC 6455): handshake and frames, as far as streams into containers
//! need them. No extensions, no text that has to be valid UTF-8.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest message taken from a client; kubectl sends 32 KiB at a time.
const LONGEST: usize = 4 << 20;
/// What the protocol appends to the client's key.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
pub(super) fn accept(key: &str) -> String {
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{MAGIC}").as_bytes()))
}

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Data(Vec<u8>),
    Ping(Vec<u8>),
    Close,
}

/// Reads the next message; `None` when the connection is at its end.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
    let mut data = Vec::new();
    loop {
        let mut head = [0; 2];
        match stream.read_exact(&mut head).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let (last, opcode) = (head[0] & 0x80 != 0, head[0] & 0x0f);
        if head[1] & 0x80 == 0 {
            return Err(invalid("a client's frames must be masked"));
        }
        let length = match head[1] & 0x7f {
            126 => u64::from(stream.read_u16().await?),
            127 => stream.read_u64().await?,
            short => u64::from(short),
        };
        let length = usize::try_from(length).ok().filter(|l| data.len() + l <= LONGEST);
        let length = length.ok_or_else(|| invalid("message too long"))?;
        let mut mask = [0; 4];
        stream.read_exact(&mut mask).await?;
        let start = if opcode >= CLOSE { 0 } else { data.len() };
        let mut control = Vec::new();
        let buffer = if opcode >= CLOSE { &mut control } else { &mut data };
        buffer.resize(start + length, 0);
        stream.read_exact(&mut buffer[start..]).await?;
        for (byte, key) in buffer[start..].iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        match opcode {
            CLOSE => return Ok(Some(Message::Close)),
            // A ping in the middle of a message would lose that message's beginning here; no client does that.
            PING if data.is_empty() => return Ok(Some(Message::Ping(control))),
            PING | PONG => {}
            CONTINUATION | TEXT | BINARY if last => return Ok(Some(Message::Data(data))),
            CONTINUATION | TEXT | BINARY => {}
            _ => return Err(invalid("unknown kind of frame")),
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes one binary message made of a channel number and data.
pub(super) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    channel: u8,
    data: &[u8],
) -> io::Result<()> {
    let mut payload = Vec::with_capacity(data.len() + 1);
    payload.push(channel);
    payload.extend_from_slice(data);
    frame(stream, BINARY, &payload).await
}

/// Answers a ping.
pub(super) async fn pong(stream: &mut (impl AsyncWrite + Unpin), data: &[u8]) -> io::Result<()> {
    frame(stream, PONG, data).await
}

/// Ends the connection well: code 1000. Without it clients take the end for an error.
pub(super) async fn close(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    frame(stream, CLOSE, &1000_u16.to_be_bytes()).await
}

async fn frame(stream: &mut (impl AsyncWrite + Unpin), opcode: u8, payload: &[u8]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(payload.len() + 10);
    bytes.push(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short), _) if short < 126 => bytes.push(short),
        (_, Ok(medium)) => {
            bytes.push(126);
            bytes.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&u64::try_from(payload.len()).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_of_the_specification() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    fn masked(head: u8, payload: &[u8]) -> Vec<u8> {
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

    #[tokio::test]
    async fn frames_become_messages() {
        let long = vec![7; 300];
        let mut bytes = masked(0x82, b"\0hi");
        bytes.extend(masked(0x02, b"\0in "));
        bytes.extend(masked(0x80, b"parts"));
        bytes.extend(masked(0x89, b"there?"));
        bytes.extend(masked(0x82, &long));
        bytes.extend(masked(0x88, &[3, 232]));
        let mut stream = &bytes[..];
        for expected in [
            Message::Data(b"\0hi".to_vec()),
            Message::Data(b"\0in parts".to_vec()),
            Message::Ping(b"there?".to_vec()),
            Message::Data(long),
            Message::Close,
        ] {
            assert_eq!(read(&mut stream).await.unwrap(), Some(expected));
        }
        assert_eq!(read(&mut stream).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_not_allowed_is_refused() {
        assert!(read(&mut &[0x82, 0x01, b'x'][..]).await.is_err(), "not masked");
        let mut huge = vec![0x82, 0x80 | 127];
        huge.extend_from_slice(&(1_u64 << 40).to_be_bytes());
        assert!(read(&mut &huge[..]).await.is_err(), "too long");
    }

    #[tokio::test]
    async fn lengths_are_written_in_three_ways() {
        for (length, head) in [(5, vec![0x82, 6]), (200, vec![0x82, 126, 0, 201]), (70_000, vec![0x82, 127])]
        {
            let mut out = Vec::new();
            write(&mut out, 1, &vec![0; length]).await.unwrap();
            assert!(out.starts_with(&head), "{length}");
        }
        let mut out = Vec::new();
        close(&mut out).await.unwrap();
        assert_eq!(out, [0x88, 2, 3, 232]);
    }
}
