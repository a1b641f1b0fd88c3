//! The frame of a watch event in each stream format: JSON and YAML documents, and length-delimited protobuf.

use super::negotiate::Format;
use super::watch::EventType;

/// One event alone.
pub(crate) fn event(format: Format, kind: EventType, object: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(object.len() + 48);
    push(&mut out, format, kind, object);
    out
}

/// Appends one event; `object` is encoded in the same format.
pub(crate) fn push(out: &mut Vec<u8>, format: Format, kind: EventType, object: &[u8]) {
    match format {
        Format::Json => {
            out.extend_from_slice(b"{\"type\":\"");
            out.extend_from_slice(kind.as_str().as_bytes());
            out.extend_from_slice(b"\",\"object\":");
            out.extend_from_slice(object);
            out.extend_from_slice(b"}\n");
        }
        Format::Yaml => {
            out.extend_from_slice(b"---\nobject:\n");
            for line in object.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                out.extend_from_slice(b"  ");
                out.extend_from_slice(line);
                out.push(b'\n');
            }
            out.extend_from_slice(b"type: ");
            out.extend_from_slice(kind.as_str().as_bytes());
            out.push(b'\n');
        }
        Format::Protobuf => {
            // meta/v1 WatchEvent: type = 1; object = 2, a RawExtension whose field 1 is the object's own envelope.
            let mut raw = Vec::with_capacity(object.len() + 8);
            field(&mut raw, 1, object);
            let mut body = Vec::with_capacity(raw.len() + 24);
            field(&mut body, 1, kind.as_str().as_bytes());
            field(&mut body, 2, &raw);
            out.extend_from_slice(&(body.len() as u32).to_be_bytes());
            out.extend_from_slice(&body);
        }
    }
}

/// A length-delimited protobuf field.
fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    let mut rest = bytes.len();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protobuf_frames_have_length_type_and_nested_object() {
        let object = vec![7; 200];
        let bytes = event(Format::Protobuf, EventType::Added, &object);
        assert_eq!(u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize, bytes.len() - 4);
        assert_eq!(&bytes[4..11], b"\x0a\x05ADDED");
        // Field 2 with 203 bytes; in it field 1 with 200.
        assert_eq!(&bytes[11..17], &[0x12, 0xcb, 0x01, 0x0a, 0xc8, 0x01]);
        assert_eq!(&bytes[17..], &object);
    }

    #[test]
    fn json_frames_are_lines() {
        assert_eq!(event(Format::Json, EventType::Deleted, b"{}"), b"{\"type\":\"DELETED\",\"object\":{}}\n");
    }
}
