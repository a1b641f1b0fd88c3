//! The few forms of DER (X.690) that certificates and requests are made of. Writing alone; reading is
//! `x509_parser`'s.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_ID: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// One element: tag, length, content.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let digits = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
            // A length has at most eight bytes.
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            out.extend_from_slice(digits);
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// A sequence of elements.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, parts)
}

/// A positive number, most significant byte first.
pub(super) fn positive(bytes: &[u8]) -> Vec<u8> {
    let digits = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, digits])
}

/// Whole bytes as a string of bits.
pub(super) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes])
}

/// A set of flags, of which bit `n` is the n-th of the string; zeros at its end are cut off.
pub(super) fn flags(bits: u16) -> Vec<u8> {
    let bytes: Vec<u8> = [0, 8]
        .iter()
        .map(|start| (0..8).filter(|at| bits >> (start + at) & 1 == 1).fold(0_u8, |sum, at| sum | 0x80 >> at))
        .collect();
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let unused = bytes[..used].last().map_or(0, |last| last.trailing_zeros());
    element(BIT_STRING, &[&[u8::try_from(unused).unwrap_or_default()], &bytes[..used]])
}

/// A moment in whole seconds, in the form that RFC 5280 asks for.
pub(super) fn time(at: Timestamp) -> Vec<u8> {
    let long = at.strftime("%Y%m%d%H%M%SZ").to_string();
    if long.as_str() < "2050" {
        element(UTC_TIME, &[&long.as_bytes()[2..]])
    } else {
        element(GENERALIZED_TIME, &[long.as_bytes()])
    }
}

/// The present moment.
pub(super) fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_second(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_numbers_are_minimal() {
        assert_eq!(element(SEQUENCE, &[]), [0x30, 0]);
        assert_eq!(element(OCTET_STRING, &[&[7; 127]])[..2], [4, 127]);
        assert_eq!(element(OCTET_STRING, &[&[7; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(element(OCTET_STRING, &[&[7; 300]])[..4], [4, 0x82, 1, 44]);
        assert_eq!(positive(&[0, 0, 5]), [2, 1, 5]);
        assert_eq!(positive(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(positive(&[0]), [2, 1, 0]);
    }

    #[test]
    fn flags_and_times() {
        // Digital signature, and key encipherment with it: as in RFC 5280's examples.
        assert_eq!(flags(0b1), [3, 2, 7, 0x80]);
        assert_eq!(flags(0b101), [3, 2, 5, 0xa0]);
        assert_eq!(flags(1 << 8), [3, 3, 7, 0, 0x80]);
        let text = |at: &str| String::from_utf8(time(at.parse().unwrap())[2..].to_vec()).unwrap();
        assert_eq!(text("2026-11-22T22:00:01Z"), "261122220001Z");
        assert_eq!(text("2051-01-02T03:04:05Z"), "20510102030405Z");
    }
}
