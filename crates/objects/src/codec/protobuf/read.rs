//! Protobuf messages to values.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

use super::wire::{Data, Reader};
use crate::codec::{DecodeError, canonical, typed};
use crate::quantity;
use crate::schema::{Choice, Content, Field, Shape, TypeRef};

/// Messages nested deeper are refused, since reading them needs stack.
const MAX_DEPTH: u32 = 128;

/// Reads the fields of a message into `map`; unknown numbers are skipped, as Go does.
pub(super) fn message(
    schema: TypeRef,
    bytes: &[u8],
    map: &mut Map<String, Value>,
    depth: u32,
) -> Result<(), DecodeError> {
    fields(schema, bytes, map, depth)?;
    typed::fill(schema, map);
    Ok(())
}

fn fields(
    schema: TypeRef,
    bytes: &[u8],
    map: &mut Map<String, Value>,
    depth: u32,
) -> Result<(), DecodeError> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::Syntax(format!("proto: {} is nested too deeply", schema.short_name())));
    }
    let wires = schema.get().wire;
    let mut reader = Reader::new(bytes);
    while let Some((number, data)) = reader.next()? {
        let Ok(at) = wires.binary_search_by_key(&number, |wire| wire.number) else { continue };
        match wires[at].content {
            Content::Field(index) => {
                let field = &schema.get().fields[usize::from(index)];
                member(schema, field, data, map, depth)?;
            }
            Content::Embedded { of, .. } => fields(of, length(schema, "", data)?, map, depth + 1)?,
        }
    }
    Ok(())
}

fn wrong_type(schema: TypeRef, field: &str) -> DecodeError {
    DecodeError::Syntax(format!("proto: wrong wireType for field {}.{field}", schema.short_name()))
}

fn length<'a>(schema: TypeRef, field: &str, data: Data<'a>) -> Result<&'a [u8], DecodeError> {
    match data {
        Data::Bytes(bytes) => Ok(bytes),
        _ => Err(wrong_type(schema, field)),
    }
}

fn member(
    schema: TypeRef,
    field: &'static Field,
    data: Data<'_>,
    map: &mut Map<String, Value>,
    depth: u32,
) -> Result<(), DecodeError> {
    let bad = || wrong_type(schema, field.name);
    match field.shape {
        Shape::List(list) if !list.message => {
            let items = map.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
            let Value::Array(items) = items else { return Err(bad()) };
            if let (Shape::Int32 | Shape::Int64 | Shape::Bool, Data::Bytes(packed)) = (list.item, data) {
                let mut reader = Reader::new(packed);
                while !reader.is_empty() {
                    items.push(scalar(list.item, Data::Varint(reader.varint()?)).ok_or_else(bad)?);
                }
                return Ok(());
            }
            items.push(single(schema, field.name, list.item, data, depth)?);
        }
        Shape::Map(of) => {
            let mut key = String::new();
            let mut value = None;
            let mut reader = Reader::new(length(schema, field.name, data)?);
            while let Some((number, data)) = reader.next()? {
                match number {
                    1 => key = text(length(schema, field.name, data)?),
                    2 => value = Some(single(schema, field.name, of.value, data, depth)?),
                    _ => {}
                }
            }
            let value = value.unwrap_or_else(|| match of.value {
                Shape::List(_) => Value::Array(Vec::new()),
                Shape::Struct(_) | Shape::Map(_) => Value::Object(Map::new()),
                _ => Value::String(String::new()),
            });
            let entries = map.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(entries) = entries else { return Err(bad()) };
            entries.insert(key, value);
        }
        // A message that comes in parts is merged.
        Shape::Struct(of) => {
            let bytes = length(schema, field.name, data)?;
            let value = map.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = value else { return Err(bad()) };
            message(of, bytes, inner, depth + 1)?;
        }
        shape => {
            let value = single(schema, field.name, shape, data, depth)?;
            if typed::keeps(field, &value) {
                map.insert(field.name.to_owned(), value);
            } else {
                map.remove(field.name);
            }
        }
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn scalar(shape: Shape, data: Data<'_>) -> Option<Value> {
    Some(match (shape, data) {
        (Shape::Bool, Data::Varint(value)) => Value::Bool(value != 0),
        (Shape::Int32, Data::Varint(value)) => Value::from(value as i32),
        (Shape::Int64, Data::Varint(value)) => Value::from(value as i64),
        (Shape::Double, Data::Fixed64(bits)) => {
            let value = f64::from_bits(bits);
            // Go prints whole numbers without a fraction.
            if value.fract() == 0.0 && value.abs() < 1e15 {
                Value::from(value as i64)
            } else {
                Value::Number(Number::from_f64(value)?)
            }
        }
        (Shape::String, Data::Bytes(bytes)) => Value::String(text(bytes)),
        (Shape::Bytes, Data::Bytes(bytes)) => Value::String(STANDARD.encode(bytes)),
        _ => return None,
    })
}

fn single(
    schema: TypeRef,
    name: &str,
    shape: Shape,
    data: Data<'_>,
    depth: u32,
) -> Result<Value, DecodeError> {
    if let Shape::Bool | Shape::Int32 | Shape::Int64 | Shape::Double | Shape::String | Shape::Bytes = shape {
        return scalar(shape, data).ok_or_else(|| wrong_type(schema, name));
    }
    let bytes = length(schema, name, data)?;
    match shape {
        Shape::Struct(of) => {
            let mut map = Map::new();
            message(of, bytes, &mut map, depth + 1)?;
            Ok(Value::Object(map))
        }
        Shape::List(list) => {
            let mut items = Vec::new();
            let mut reader = Reader::new(bytes);
            while let Some((number, data)) = reader.next()? {
                if number == 1 {
                    items.push(single(schema, name, list.item, data, depth + 1)?);
                }
            }
            Ok(Value::Array(items))
        }
        Shape::Choice(choice, of) => choose(schema, name, choice, of, bytes, depth + 1),
        _ => leaf(shape, bytes),
    }
}

/// The small messages behind times, quantities and raw values.
fn leaf(shape: Shape, bytes: &[u8]) -> Result<Value, DecodeError> {
    let (mut first, mut second) = (0_i64, 0_i64);
    let mut payload: Option<&[u8]> = None;
    let mut reader = Reader::new(bytes);
    while let Some((number, data)) = reader.next()? {
        match (number, data) {
            (1, Data::Varint(value)) => first = value as i64,
            (2, Data::Varint(value)) => second = value as i64,
            (1 | 3, Data::Bytes(bytes)) => payload = Some(bytes),
            _ => {}
        }
    }
    Ok(match shape {
        // An empty message is Go's zero time, which prints as null.
        Shape::Time | Shape::MicroTime if bytes.is_empty() => Value::Null,
        Shape::Time => Value::String(canonical::format(first)),
        Shape::MicroTime => Value::String(canonical::format_micro(first, second as i32)),
        Shape::Duration => Value::String(canonical::format_duration(first)),
        Shape::IntOrString if first == 1 => Value::String(text(payload.unwrap_or_default())),
        Shape::IntOrString => Value::from(second as i32),
        Shape::Quantity => {
            let given = text(payload.unwrap_or(b"0"));
            let canonical =
                quantity::canonical(&given).map_err(|error| DecodeError::Type(error.to_string()))?;
            Value::String(canonical.into_owned())
        }
        _ => match payload {
            None | Some([]) => Value::Null,
            Some(json) => {
                serde_json::from_slice(json).map_err(|error| DecodeError::Syntax(error.to_string()))?
            }
        },
    })
}

fn choose(
    schema: TypeRef,
    name: &str,
    choice: Choice,
    of: TypeRef,
    bytes: &[u8],
    depth: u32,
) -> Result<Value, DecodeError> {
    let mut allows = false;
    let mut whole = None;
    let mut items = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some((number, data)) = reader.next()? {
        match (choice, number, data) {
            (Choice::SchemaOrBool, 1, Data::Varint(value)) => allows = value != 0,
            (Choice::SchemaOrBool, 2, _) | (Choice::SchemaOrArray | Choice::SchemaOrStrings, 1, _) => {
                whole = Some(single(schema, name, Shape::Struct(of), data, depth)?);
            }
            (Choice::SchemaOrArray, 2, _) => {
                items.push(single(schema, name, Shape::Struct(of), data, depth)?)
            }
            (Choice::SchemaOrStrings, 2, _) => items.push(single(schema, name, Shape::String, data, depth)?),
            _ => {}
        }
    }
    Ok(match whole {
        Some(value) => value,
        None if choice == Choice::SchemaOrBool => Value::Bool(allows),
        None if items.is_empty() => Value::Null,
        None => Value::Array(items),
    })
}
