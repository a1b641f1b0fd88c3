//! Values to protobuf messages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::wire;
use crate::codec::{EncodeError, canonical};
use crate::schema::{Choice, Content, Field, Shape, TypeRef};

type Result = std::result::Result<(), EncodeError>;

/// The message of a whole object.
pub(super) fn root(schema: TypeRef, value: &Value, out: &mut Vec<u8>) -> Result {
    let map = value.as_object().ok_or_else(|| mismatch(schema.short_name(), "an object"))?;
    message(schema, Some(map), out)
}

fn mismatch(path: &str, expected: &'static str) -> EncodeError {
    EncodeError::Type { path: path.to_owned(), expected }
}

/// The fields of a message; `None` stands for a structure by value that is absent.
fn message(schema: TypeRef, map: Option<&Map<String, Value>>, out: &mut Vec<u8>) -> Result {
    for wire in schema.get().wire {
        match wire.content {
            Content::Field(index) => {
                let field = &schema.get().fields[usize::from(index)];
                let value = map.and_then(|map| map.get(field.name)).filter(|value| !value.is_null());
                member(wire.number, field, value, out).map_err(|error| within(error, schema, field))?;
            }
            Content::Embedded { of, pointer } => {
                let present = || {
                    of.get().fields.iter().any(|field| map.is_some_and(|map| map.contains_key(field.name)))
                };
                if !pointer || present() {
                    wire::nested(out, wire.number, |out| message(of, map, out))?;
                }
            }
        }
    }
    Ok(())
}

/// Names the field in an error that does not name one yet.
fn within(error: EncodeError, schema: TypeRef, field: &Field) -> EncodeError {
    match error {
        EncodeError::Type { path, expected } if path.is_empty() => {
            EncodeError::Type { path: format!("{}.{}", schema.short_name(), field.name), expected }
        }
        other => other,
    }
}

/// One field: every element of a list, every entry of a map, or the one value.
fn member(number: u32, field: &Field, value: Option<&Value>, out: &mut Vec<u8>) -> Result {
    let Some(value) = value else {
        return if field.pointer { Ok(()) } else { zero(number, field.shape, out) };
    };
    match (field.shape, value) {
        (Shape::List(list), Value::Array(items)) if !list.message => {
            items.iter().try_for_each(|item| single(number, list.item, item, out))
        }
        (Shape::Map(map), Value::Object(entries)) => entries.iter().try_for_each(|(key, value)| {
            wire::nested(out, number, |out| {
                wire::bytes(out, 1, key.as_bytes());
                single(2, map.value, value, out)
            })
        }),
        (Shape::Map(_), _) => Err(mismatch("", "a map")),
        (shape, value) => single(number, shape, value, out),
    }
}

/// What Go writes for an absent value that is no pointer.
fn zero(number: u32, shape: Shape, out: &mut Vec<u8>) -> Result {
    match shape {
        Shape::String => wire::bytes(out, number, b""),
        Shape::Bool | Shape::Int32 | Shape::Int64 => wire::integer(out, number, 0),
        Shape::Double => fixed(out, number, 0.0),
        Shape::Time | Shape::MicroTime | Shape::Raw | Shape::Any | Shape::FieldsV1 => {
            wire::bytes(out, number, b"")
        }
        Shape::Duration | Shape::IntOrString | Shape::Choice(Choice::SchemaOrBool, _) => {
            let value = match shape {
                Shape::Duration => Value::from("0s"),
                Shape::IntOrString => Value::from(0),
                _ => Value::from(false),
            };
            return single(number, shape, &value, out);
        }
        Shape::Quantity => return single(number, shape, &Value::from("0"), out),
        Shape::Choice(..) => wire::bytes(out, number, b""),
        Shape::Struct(of) => return wire::nested(out, number, |out| message(of, None, out)),
        Shape::Bytes | Shape::List(_) | Shape::Map(_) => {}
    }
    Ok(())
}

fn fixed(out: &mut Vec<u8>, number: u32, value: f64) {
    wire::key(out, number, wire::FIXED64);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// One value with its key.
fn single(number: u32, shape: Shape, value: &Value, out: &mut Vec<u8>) -> Result {
    let text = || value.as_str().ok_or_else(|| mismatch("", "text"));
    match shape {
        // The zero time and the empty extension print as null inside lists and maps.
        Shape::Time | Shape::MicroTime | Shape::Raw if value.is_null() => return zero(number, shape, out),
        Shape::String => wire::bytes(out, number, text()?.as_bytes()),
        Shape::Bool => {
            let value = value.as_bool().ok_or_else(|| mismatch("", "true or false"))?;
            wire::integer(out, number, value.into());
        }
        Shape::Int32 | Shape::Int64 => {
            let value = value.as_i64().ok_or_else(|| mismatch("", "an integer"))?;
            wire::integer(out, number, value);
        }
        Shape::Double => {
            let value = value.as_f64().ok_or_else(|| mismatch("", "a number"))?;
            fixed(out, number, value);
        }
        Shape::Bytes => {
            let bytes = STANDARD.decode(text()?).map_err(|_| mismatch("", "base64"))?;
            wire::bytes(out, number, &bytes);
        }
        Shape::Time | Shape::MicroTime => {
            let (seconds, nanos) = canonical::seconds(text()?).map_err(|_| mismatch("", "a time"))?;
            let nanos = if matches!(shape, Shape::Time) { 0 } else { i64::from(nanos) / 1000 * 1000 };
            wire::nested(out, number, |out| {
                wire::integer(out, 1, seconds);
                wire::integer(out, 2, nanos);
                Ok(())
            })?;
        }
        Shape::Duration => {
            let nanos = canonical::parse_duration(text()?).ok_or_else(|| mismatch("", "a duration"))?;
            wire::nested(out, number, |out| {
                wire::integer(out, 1, nanos);
                Ok(())
            })?;
        }
        Shape::Quantity => {
            let text = text()?.as_bytes();
            wire::nested(out, number, |out| {
                wire::bytes(out, 1, text);
                Ok(())
            })?;
        }
        Shape::IntOrString => {
            let (kind, integer, text) = match value {
                Value::String(text) => (1, 0, text.as_str()),
                other => (0, other.as_i64().ok_or_else(|| mismatch("", "a number or text"))?, ""),
            };
            wire::nested(out, number, |out| {
                wire::integer(out, 1, kind);
                wire::integer(out, 2, integer);
                wire::bytes(out, 3, text.as_bytes());
                Ok(())
            })?;
        }
        Shape::Raw | Shape::Any | Shape::FieldsV1 => {
            let json = serde_json::to_vec(value).unwrap_or_default();
            wire::nested(out, number, |out| {
                wire::bytes(out, 1, &json);
                Ok(())
            })?;
        }
        Shape::Choice(choice, of) => wire::nested(out, number, |out| choose(choice, of, value, out))?,
        Shape::Struct(of) => {
            let map = value.as_object().ok_or_else(|| mismatch("", "an object"))?;
            wire::nested(out, number, |out| message(of, Some(map), out))?;
        }
        Shape::List(list) => {
            let items = value.as_array().ok_or_else(|| mismatch("", "a list"))?;
            wire::nested(out, number, |out| {
                items.iter().try_for_each(|item| single(1, list.item, item, out))
            })?;
        }
        Shape::Map(_) => return Err(mismatch("", "no map inside a list or map")),
    }
    Ok(())
}

fn choose(choice: Choice, of: TypeRef, value: &Value, out: &mut Vec<u8>) -> Result {
    let schema = if choice == Choice::SchemaOrBool { 2 } else { 1 };
    if choice == Choice::SchemaOrBool {
        wire::integer(out, 1, i64::from(value.as_bool().unwrap_or(true)));
    }
    match value {
        Value::Object(map) => wire::nested(out, schema, |out| message(of, Some(map), out)),
        Value::Array(items) => {
            let shape = if choice == Choice::SchemaOrStrings { Shape::String } else { Shape::Struct(of) };
            items.iter().try_for_each(|item| single(2, shape, item, out))
        }
        Value::Bool(_) if choice == Choice::SchemaOrBool => Ok(()),
        _ => Err(mismatch("", "a schema or what may stand in its place")),
    }
}
