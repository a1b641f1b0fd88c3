//! What clients send over upgraded connections: SPDY frames with their headers, and WebSocket messages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streams::spdy::{Decoder, Frame};
use streams::websocket::{Message, Reader};

/// All frames, and whether they end in an error; the bytes come in pieces of that length.
fn frames(bytes: &[u8], piece: usize) -> (Vec<Frame>, bool) {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for part in bytes.chunks(piece) {
        decoder.push(part);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(frames(bytes, 3), frames(bytes, bytes.len().max(1)), "frames do not depend on how bytes come");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut reader = Reader::new(bytes);
        while let Ok(Some(message)) = reader.read().await {
            let length = match message {
                Message::Data(data) | Message::Ping(data) => data.len(),
                Message::Close => 0,
            };
            assert!(length <= bytes.len(), "a message is no longer than what was sent");
        }
    });
});
