//! Netlink messages as bytes: one writer for requests, one reader for attributes. Pure.
//!
//! Every number is in the host's byte order unless a method's name says otherwise (nf_tables wants most of
//! its numbers in network order). Layout: `nlmsghdr`, the family's fixed header, attributes; each part padded
//! to four bytes.

use std::borrow::Cow;

/// Size of `struct nlmsghdr`.
pub(crate) const HEADER: usize = 16;
const NESTED: u16 = libc::NLA_F_NESTED as u16;
/// Attribute types without the flags for nesting and byte order.
const TYPE_MASK: u16 = 0x3fff;

/// One or more messages that go to the kernel in a single call, each with words for errors about it.
#[derive(Debug, Default)]
pub struct Request {
    bytes: Vec<u8>,
    subjects: Vec<Cow<'static, str>>,
    /// Where the last message starts.
    last: usize,
}

impl Request {
    /// A request without messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a message of type `kind`; `subject` completes "cannot …" in an error: `"create device lw0"`.
    pub fn push(
        &mut self,
        subject: impl Into<Cow<'static, str>>,
        kind: u16,
        flags: u16,
        header: &[u8],
        body: impl FnOnce(&mut Attributes<'_>),
    ) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEADER]);
        self.bytes.extend_from_slice(header);
        pad(&mut self.bytes);
        body(&mut Attributes { bytes: &mut self.bytes });
        let length = (self.bytes.len() - start) as u32;
        let flags = flags | libc::NLM_F_REQUEST as u16;
        let message = &mut self.bytes[start..];
        message[0..4].copy_from_slice(&length.to_ne_bytes());
        message[4..6].copy_from_slice(&kind.to_ne_bytes());
        message[6..8].copy_from_slice(&flags.to_ne_bytes());
        self.subjects.push(subject.into());
        self.last = start;
        self
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.subjects.len()
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// Adds flags to every message.
    pub(crate) fn flag_all(&mut self, flags: u16) {
        let starts: Vec<usize> = spans(&self.bytes).map(|(start, _)| start).collect();
        for start in starts {
            let old = u16_at(&self.bytes, start + 6).unwrap_or_default();
            self.bytes[start + 6..start + 8].copy_from_slice(&(old | flags).to_ne_bytes());
        }
    }

    /// Adds flags to the last message.
    pub(crate) fn flag_last(&mut self, flags: u16) {
        let at = self.last + 6;
        let old = u16_at(&self.bytes, at).unwrap_or_default();
        if let Some(field) = self.bytes.get_mut(at..at + 2) {
            field.copy_from_slice(&(old | flags).to_ne_bytes());
        }
    }

    /// The bytes to send, with sequence numbers counted up from `first`.
    pub(crate) fn numbered(&mut self, first: u32) -> &[u8] {
        let starts: Vec<usize> = spans(&self.bytes).map(|(start, _)| start).collect();
        for (index, start) in starts.into_iter().enumerate() {
            let sequence = first.wrapping_add(index as u32);
            self.bytes[start + 8..start + 12].copy_from_slice(&sequence.to_ne_bytes());
        }
        &self.bytes
    }

    /// The words for errors about message number `index`.
    pub(crate) fn subject(&self, index: usize) -> &str {
        self.subjects.get(index).map_or("talk to the kernel", |subject| subject.as_ref())
    }
}

/// Appends attributes to the message that is being written.
#[derive(Debug)]
pub struct Attributes<'a> {
    bytes: &'a mut Vec<u8>,
}

impl Attributes<'_> {
    /// An attribute with these bytes. Values over 65,531 bytes do not fit the format and are a caller's bug.
    pub fn bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        debug_assert!(value.len() + 4 <= usize::from(u16::MAX));
        self.bytes.extend_from_slice(&((value.len() + 4) as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        pad(self.bytes);
        self
    }

    /// One byte.
    pub fn u8(&mut self, kind: u16, value: u8) -> &mut Self {
        self.bytes(kind, &[value])
    }

    /// A 32-bit number in the host's order.
    pub fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    /// A 16-bit number in network order.
    pub fn be16(&mut self, kind: u16, value: u16) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// A 32-bit number in network order.
    pub fn be32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// A 64-bit number in network order.
    pub fn be64(&mut self, kind: u16, value: u64) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// A string with its terminating zero.
    pub fn string(&mut self, kind: u16, value: &str) -> &mut Self {
        self.bytes(kind, &[value.as_bytes(), b"\0"].concat())
    }

    /// An attribute that holds attributes.
    pub fn nest(&mut self, kind: u16, body: impl FnOnce(&mut Attributes<'_>)) -> &mut Self {
        self.nest_after(kind, &[], body)
    }

    /// An attribute that holds a fixed header and then attributes (a veth peer's `ifinfomsg`).
    pub fn nest_after(
        &mut self,
        kind: u16,
        header: &[u8],
        body: impl FnOnce(&mut Attributes<'_>),
    ) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(header);
        pad(self.bytes);
        body(&mut Attributes { bytes: self.bytes });
        let length = self.bytes.len() - start;
        debug_assert!(length <= usize::from(u16::MAX));
        self.bytes[start..start + 2].copy_from_slice(&(length as u16).to_ne_bytes());
        self.bytes[start + 2..start + 4].copy_from_slice(&(kind | NESTED).to_ne_bytes());
        self
    }
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// Start and length of each message in `bytes`; ends at the first one that is cut off.
pub(crate) fn spans(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let length = u32_at(bytes, at)? as usize;
        if length < HEADER || at + length > bytes.len() {
            return None;
        }
        let span = (at, length);
        at += length.next_multiple_of(4);
        Some(span)
    })
}

/// Type (without flags) and value of each attribute; ends at the first one that is cut off.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & TYPE_MASK;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of this type.
pub fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// A 16-bit number in the host's order at this offset.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// A 32-bit number in the host's order at this offset.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A string up to its terminating zero.
pub fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut request = Request::new();
        request.push("one", 16, 5, &[9; 6], |a| {
            a.u8(1, 7).string(2, "lw0").nest(3, |a| {
                a.be16(1, 0x1234);
            });
        });
        request.push("two", 17, 0, &[], |_| {});
        request.flag_all(4);
        request.flag_last(8);
        let bytes = request.numbered(40).to_vec();
        let spans: Vec<_> = spans(&bytes).collect();
        assert_eq!(spans.len(), 2);
        let (start, length) = spans[0];
        assert_eq!((start, length), (0, 16 + 8 + 8 + 8 + 12));
        assert_eq!(u16_at(&bytes, 4), Some(16));
        assert_eq!(u16_at(&bytes, 6), Some(5 | 4 | 1));
        let body = &bytes[24..length];
        assert_eq!(attribute(body, 1), Some(&[7u8][..]));
        assert_eq!(text(attribute(body, 2).unwrap()), "lw0");
        assert_eq!(attribute(attribute(body, 3).unwrap(), 1), Some(&[0x12u8, 0x34][..]));
        let (second, _) = spans[1];
        assert_eq!(u16_at(&bytes, second + 6), Some(8 | 4 | 1));
        assert_eq!(u32_at(&bytes, second + 8), Some(41));
        assert_eq!((request.subject(1), request.len()), ("two", 2));
    }

    #[test]
    fn cut_off_input_ends_the_iteration() {
        assert_eq!(attributes(&[8, 0, 1, 0, 1]).count(), 0);
        assert_eq!(attributes(&[3, 0, 1, 0]).count(), 0);
        assert_eq!(attributes(&[5, 0, 1, 0, 1]).count(), 1);
        assert_eq!(spans(&[15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).count(), 0);
        assert_eq!(spans(&[]).count(), 0);
    }
}
