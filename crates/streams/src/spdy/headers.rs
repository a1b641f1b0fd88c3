//! Header blocks: names and values, compressed by one zlib stream for the whole connection and direction, which
//! begins with a dictionary that both sides know (SPDY/3.1, section 2.6.10).
//!
//! The way out is not compressed: stored blocks are a valid stream too, and a server's answers are a few bytes.

use flate2::{Decompress, FlushDecompress, Status};

use super::FrameError;

/// Names and values in order; names are lower case.
pub type Headers = Vec<(String, String)>;

/// Most bytes that one block may unfold to: clients send a few dozen.
const LONGEST: usize = 64 << 10;
/// Adler-32 of the dictionary.
const DICTIONARY_ID: [u8; 4] = [0xe3, 0xc6, 0xa7, 0xc2];
/// An empty stored block: the end of what is to be delivered at once.
const SYNC: [u8; 5] = [0, 0, 0, 0xff, 0xff];
/// zlib's header for deflate with the largest window and no dictionary.
const ZLIB: [u8; 2] = [0x78, 0x01];

/// The dictionary's first part: words that each have their length in front. `_` stands for a space.
const WORDS: &str = "\
    options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges \
    age allow authorization cache-control connection content-base content-encoding content-language \
    content-length content-location content-md5 content-range content-type date etag expect expires from \
    host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location \
    max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer \
    transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200_OK version \
    HTTP/1.1 url public set-cookie keep-alive origin";

/// Its second part, as it is.
const TAIL: &str = "\
    100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Author\
    itative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 No\
    t Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Au\
    g Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,\
    image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,def\
    late,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

fn dictionary() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1423);
    for word in WORDS.split(' ') {
        bytes.extend_from_slice(&length(word.len()));
        bytes.extend(word.bytes().map(|byte| if byte == b'_' { b' ' } else { byte }));
    }
    bytes.extend_from_slice(TAIL.as_bytes());
    bytes
}

/// Unfolds the header blocks of one direction, which depend on each other.
pub(super) struct Unfolder {
    /// Deflate without zlib's frame, which is taken off here.
    inflate: Decompress,
    begun: bool,
}

impl Default for Unfolder {
    fn default() -> Self {
        Self { inflate: Decompress::new(false), begun: false }
    }
}

impl Unfolder {
    /// The names and values of the next block.
    pub(super) fn block(&mut self, mut bytes: &[u8]) -> Result<Headers, FrameError> {
        if !self.begun {
            self.begun = true;
            bytes = self.begin(bytes)?;
        }
        parse(&self.inflate(bytes)?)
    }

    /// Takes zlib's header off. A dictionary is put into the window as what it stands for: data that came before.
    fn begin<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], FrameError> {
        const DEFLATE: u8 = 8;
        const WITH_DICTIONARY: u8 = 0x20;
        let (&[method, flags], rest) = bytes.split_first_chunk::<2>().ok_or(FrameError::Headers)?;
        if method & 0x0f != DEFLATE || u16::from_be_bytes([method, flags]) % 31 != 0 {
            return Err(FrameError::Headers);
        }
        if flags & WITH_DICTIONARY == 0 {
            return Ok(rest);
        }
        let (id, rest) = rest.split_first_chunk::<4>().ok_or(FrameError::Headers)?;
        if *id != DICTIONARY_ID {
            return Err(FrameError::Headers);
        }
        self.inflate(&stored(&dictionary()))?;
        Ok(rest)
    }

    fn inflate(&mut self, bytes: &[u8]) -> Result<Vec<u8>, FrameError> {
        let mut out = Vec::with_capacity(1 << 10);
        let mut rest = bytes;
        loop {
            let (before, filled) = (self.inflate.total_in(), out.len());
            let status = self.inflate.decompress_vec(rest, &mut out, FlushDecompress::Sync);
            let taken = usize::try_from(self.inflate.total_in() - before).map_err(|_| FrameError::Headers)?;
            rest = &rest[taken..];
            match status.map_err(|_| FrameError::Headers)? {
                // The stream of a connection has no end.
                Status::StreamEnd => return Err(FrameError::Headers),
                _ if out.len() > LONGEST => return Err(FrameError::Headers),
                _ if out.len() == out.capacity() => out.reserve(1 << 10),
                _ if rest.is_empty() => return Ok(out),
                _ if taken == 0 && out.len() == filled => return Err(FrameError::Headers),
                _ => {}
            }
        }
    }
}

/// A header block as it is sent; `first` for the first one of a connection.
pub(super) fn block(headers: &[(&str, &str)], first: bool) -> Vec<u8> {
    let mut plain = length(headers.len()).to_vec();
    for text in headers.iter().flat_map(|(name, value)| [name, value]) {
        plain.extend_from_slice(&length(text.len()));
        plain.extend_from_slice(text.as_bytes());
    }
    let mut bytes = if first { ZLIB.to_vec() } else { Vec::new() };
    bytes.extend(stored(&plain));
    bytes
}

/// Data as deflate's blocks that are not compressed, and a mark to deliver it at once.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(data.len() + 10);
    for chunk in data.chunks(usize::from(u16::MAX)) {
        let length = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        bytes.push(0);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&(!length).to_le_bytes());
        bytes.extend_from_slice(chunk);
    }
    bytes.extend_from_slice(&SYNC);
    bytes
}

fn length(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes()
}

fn parse(mut bytes: &[u8]) -> Result<Headers, FrameError> {
    fn number(bytes: &mut &[u8]) -> Result<usize, FrameError> {
        let (four, rest) = bytes.split_first_chunk::<4>().ok_or(FrameError::Headers)?;
        *bytes = rest;
        usize::try_from(u32::from_be_bytes(*four)).map_err(|_| FrameError::Headers)
    }
    fn text(bytes: &mut &[u8]) -> Result<String, FrameError> {
        let count = number(bytes)?;
        let (text, rest) = bytes.split_at_checked(count).ok_or(FrameError::Headers)?;
        *bytes = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }
    let count = number(&mut bytes)?;
    let mut headers = Vec::new();
    for _ in 0..count {
        headers.push((text(&mut bytes)?.to_lowercase(), text(&mut bytes)?));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_dictionary_is_the_one_of_the_specification() {
        let (mut low, mut high) = (1_u32, 0_u32);
        for byte in dictionary() {
            low = (low + u32::from(byte)) % 65_521;
            high = (high + low) % 65_521;
        }
        assert_eq!((high << 16 | low).to_be_bytes(), DICTIONARY_ID);
    }

    #[test]
    fn blocks_made_by_zlib_are_read() {
        let mut unfolder = Unfolder::default();
        // One stream of zlib's own, flushed after each block; the second refers back to the first.
        for (hex, value) in [
            ("78f9e3c6a7c202a62346703a2b294a4dcc851625aca9a08006000000ffff", "error"),
            ("c22a052a651201000000ffff", "data"),
        ] {
            assert_eq!(unfolder.block(&bytes(hex)).unwrap(), [("streamtype".to_owned(), value.to_owned())]);
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut unfolder = Unfolder::default();
        for first in [true, false] {
            let headers = unfolder.block(&block(&[("a", "1"), ("b", "")], first)).unwrap();
            assert_eq!(headers, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())]);
        }
        assert_eq!(unfolder.block(&block(&[], false)).unwrap(), []);
    }

    #[test]
    fn damage_is_an_error() {
        for hex in ["", "78", "0000", "78bb00000000", "7801ffff", "780100020000fdff0000", "78010300"] {
            assert!(Unfolder::default().block(&bytes(hex)).is_err(), "{hex}");
        }
        let mut bomb = flate2::Compress::new(flate2::Compression::best(), true);
        let mut small = Vec::with_capacity(1 << 16);
        bomb.compress_vec(&vec![0; 10 << 20], &mut small, flate2::FlushCompress::Sync).unwrap();
        assert!(Unfolder::default().block(&small).is_err());
    }
}
