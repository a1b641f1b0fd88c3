//! Kubernetes protobuf: `k8s\0`, then a `runtime.Unknown` with the type's name and the message.
//!
//! Messages are written and read by the field numbers of the schema, to the byte as Kubernetes writes them:
//! scalars that are no pointers are always there, fields go by ascending number, map entries by key.

mod read;
mod wire;
mod write;

use serde_json::{Map, Value};

use super::{Codec, DecodeError, Decoded, EncodeError};
use crate::meta;
use crate::schema::TypeRef;

/// The four bytes before every encoded object.
pub const MAGIC: &[u8; 4] = b"k8s\0";

/// `application/vnd.kubernetes.protobuf`.
#[derive(Debug, Clone, Copy)]
pub struct Protobuf;

impl Codec for Protobuf {
    fn media_type(&self) -> &'static str {
        "application/vnd.kubernetes.protobuf"
    }

    fn decode(&self, schema: TypeRef, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        let unknown = Unknown::read(bytes)?;
        let mut map = Map::new();
        read::message(schema, unknown.raw, &mut map, 0)?;
        for (name, text) in [("apiVersion", unknown.api_version), ("kind", unknown.kind)] {
            if !text.is_empty() && schema.field(name).is_some() {
                map.insert(name.to_owned(), Value::String(text.to_owned()));
            }
        }
        Ok(Decoded { value: Value::Object(map), problems: Vec::new() })
    }

    fn encode(&self, schema: TypeRef, value: &Value) -> Result<Vec<u8>, EncodeError> {
        if schema.get().wire.is_empty() && !schema.get().fields.is_empty() {
            return Err(EncodeError::NoForm { schema: schema.name(), format: "protobuf" });
        }
        let mut out = Vec::with_capacity(1024);
        out.extend_from_slice(MAGIC);
        wire::nested(&mut out, 1, |out| {
            wire::bytes(out, 1, meta::api_version(value).as_bytes());
            wire::bytes(out, 2, meta::kind(value).as_bytes());
            Ok(())
        })?;
        wire::nested(&mut out, 2, |out| write::root(schema, value, out))?;
        wire::bytes(&mut out, 3, b"");
        wire::bytes(&mut out, 4, b"");
        Ok(out)
    }
}

/// The type that encoded bytes name: `apiVersion` and `kind`.
pub fn type_of(bytes: &[u8]) -> Result<(&str, &str), DecodeError> {
    let unknown = Unknown::read(bytes)?;
    Ok((unknown.api_version, unknown.kind))
}

/// One event of a watch stream (`meta/v1.WatchEvent`, without envelope) around an encoded object.
/// The stream's framing, four bytes of length before each event, is the caller's.
pub fn watch_event(event: &str, object: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(object.len() + 32);
    wire::bytes(&mut out, 1, event.as_bytes());
    // The object is a RawExtension, whose field 1 are the bytes.
    let mut raw = Vec::with_capacity(8);
    wire::key(&mut raw, 1, wire::LENGTH);
    wire::varint(&mut raw, object.len() as u64);
    wire::key(&mut out, 2, wire::LENGTH);
    wire::varint(&mut out, (raw.len() + object.len()) as u64);
    out.extend_from_slice(&raw);
    out.extend_from_slice(object);
    out
}

/// The envelope.
struct Unknown<'a> {
    api_version: &'a str,
    kind: &'a str,
    raw: &'a [u8],
}

impl<'a> Unknown<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let Some(body) = bytes.strip_prefix(MAGIC) else {
            let text =
                "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]";
            return Err(DecodeError::Syntax(text.to_owned()));
        };
        let mut unknown = Unknown { api_version: "", kind: "", raw: &[] };
        let mut reader = wire::Reader::new(body);
        while let Some((number, data)) = reader.next()? {
            match (number, data) {
                (1, wire::Data::Bytes(bytes)) => {
                    let mut inner = wire::Reader::new(bytes);
                    while let Some((number, data)) = inner.next()? {
                        match (number, data) {
                            (1, wire::Data::Bytes(bytes)) => unknown.api_version = text(bytes)?,
                            (2, wire::Data::Bytes(bytes)) => unknown.kind = text(bytes)?,
                            _ => {}
                        }
                    }
                }
                (2, wire::Data::Bytes(bytes)) => unknown.raw = bytes,
                (3, wire::Data::Bytes(encoding)) if !encoding.is_empty() => {
                    return Err(DecodeError::Syntax(
                        "protobuf content encodings are not supported".to_owned(),
                    ));
                }
                _ => {}
            }
        }
        Ok(unknown)
    }
}

fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Syntax("proto: type name is not UTF-8".to_owned()))
}
