//! WebSocket (RFC 6455), the server's side: handshake, messages, and a tunnel for a protocol of bytes.
//!
//! No extensions, and no text that has to be valid UTF-8: what is carried here is bytes.

mod frame;
mod tunnel;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

pub use frame::{Message, Reader, close, pong, write, write_text};
pub use tunnel::tunnel;

/// What the protocol appends to the client's key.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
pub fn accept(key: &str) -> String {
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{MAGIC}").as_bytes()))
}

/// The protocols that a client offers, in its order, out of the values of `Sec-WebSocket-Protocol`.
pub fn offered<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_of_the_specification() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(offered(["a, b", "c"].into_iter()), ["a", "b", "c"]);
    }
}
