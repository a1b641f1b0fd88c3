//! A WebSocket as a plain connection: the content of its messages, one after the other, whatever their bounds.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::Mutex;

use super::frame::{Message, Reader, close, pong, write};

/// Bytes on their way in each direction, and the longest message that is sent.
const CHUNK: usize = 32 << 10;

/// The connection inside a WebSocket. Its end ends the WebSocket well.
pub fn tunnel(io: impl AsyncRead + AsyncWrite + Send + 'static) -> DuplexStream {
    let (ours, inner) = tokio::io::duplex(CHUNK);
    tokio::spawn(async move {
        let (reader, writer) = tokio::io::split(io);
        let writer = Mutex::new(writer);
        let (mut from, mut to) = tokio::io::split(inner);
        let incoming = async {
            let mut reader = Reader::new(reader);
            loop {
                match reader.read().await {
                    Ok(Some(Message::Data(data))) => to.write_all(&data).await?,
                    Ok(Some(Message::Ping(data))) => pong(&mut *writer.lock().await, &data).await?,
                    Ok(Some(Message::Close) | None) => return to.shutdown().await,
                    Err(error) => return Err(error),
                }
            }
        };
        let outgoing = async {
            let mut buffer = vec![0; CHUNK];
            loop {
                let count = from.read(&mut buffer).await?;
                let mut writer = writer.lock().await;
                if count == 0 {
                    close(&mut *writer).await?;
                    return writer.shutdown().await;
                }
                write(&mut *writer, &[&buffer[..count]]).await?;
            }
        };
        if let Err(error) = tokio::try_join!(incoming, outgoing) {
            tracing::debug!(%error, "a tunnel broke");
        }
    });
    ours
}

#[cfg(test)]
mod tests {
    use super::super::frame::masked;
    use super::*;

    #[tokio::test]
    async fn bytes_pass_and_pings_are_answered() {
        let (mut client, server) = tokio::io::duplex(1 << 10);
        let mut inner = tunnel(server);
        for frame in [masked(0x82, b"he"), masked(0x89, b"?"), masked(0x82, b"llo"), masked(0x88, &[])] {
            client.write_all(&frame).await.unwrap();
        }
        let mut text = String::new();
        inner.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        inner.write_all(b"hi").await.unwrap();
        drop(inner);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, [&[0x8a, 1, b'?'][..], &[0x82, 2, b'h', b'i'], &[0x88, 2, 3, 232]].concat());
    }
}
