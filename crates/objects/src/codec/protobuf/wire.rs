//! Protobuf's own grammar: keys, varints, fixed and length-delimited data. Knows no schema.

use crate::codec::{DecodeError, EncodeError};

pub(super) const VARINT: u32 = 0;
pub(super) const FIXED64: u32 = 1;
pub(super) const LENGTH: u32 = 2;
const GROUP_START: u32 = 3;
const GROUP_END: u32 = 4;
const FIXED32: u32 = 5;

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn key(out: &mut Vec<u8>, number: u32, kind: u32) {
    varint(out, u64::from(number << 3 | kind));
}

pub(super) fn bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    key(out, number, LENGTH);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn integer(out: &mut Vec<u8>, number: u32, value: i64) {
    key(out, number, VARINT);
    varint(out, value as u64);
}

/// A message whose length is known only afterwards: one byte is kept free, and the body moves if that is too little.
pub(super) fn nested(
    out: &mut Vec<u8>,
    number: u32,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    key(out, number, LENGTH);
    let at = out.len();
    out.push(0);
    body(out)?;
    let length = out.len() - at - 1;
    if length < 0x80 {
        out[at] = length as u8;
    } else {
        let mut prefix = Vec::with_capacity(5);
        varint(&mut prefix, length as u64);
        out.splice(at..=at, prefix);
    }
    Ok(())
}

/// The data of one field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Data<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

/// Goes through the fields of a message.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or_else(unexpected_end)?;
            self.rest = rest;
            if shift < 64 {
                value |= u64::from(byte & 0x7f) << shift;
            }
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Syntax("proto: integer overflow".to_owned()))
    }

    pub(super) fn fixed64(&mut self) -> Result<u64, DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>().ok_or_else(unexpected_end)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(length).map_err(|_| unexpected_end())?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(unexpected_end)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The next field's number and data; groups, which Kubernetes does not use, are errors.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Data<'a>)>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| DecodeError::Syntax(format!("proto: illegal tag {}", key >> 3)))?;
        let data = match (key & 7) as u32 {
            VARINT => Data::Varint(self.varint()?),
            FIXED64 => Data::Fixed64(self.fixed64()?),
            LENGTH => {
                let length = self.varint()?;
                Data::Bytes(self.take(length)?)
            }
            FIXED32 => {
                self.take(4)?;
                Data::Fixed32
            }
            kind @ (GROUP_START | GROUP_END) => {
                return Err(DecodeError::Syntax(format!("proto: wiretype {kind} (group) is not supported")));
            }
            kind => return Err(DecodeError::Syntax(format!("proto: illegal wireType {kind}"))),
        };
        Ok(Some((number, data)))
    }
}

fn unexpected_end() -> DecodeError {
    DecodeError::Syntax("unexpected EOF".to_owned())
}
