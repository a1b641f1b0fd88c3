//! From any self-describing format to a value of a declared type, in one pass and without a tree in between.
//!
//! Keeps one invariant: the value that comes out is what Go's types would print after reading the same
//! input, less the fields that print as null. That is: unknown fields are dropped (and reported), zero
//! values are dropped or kept as their tags say, structures by value are always there, quantities and times
//! are canonical. The texts of errors are those of Kubernetes' JSON decoder.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{DecodeError, Decoded, canonical};
use crate::quantity;
use crate::schema::{Choice, Field, Shape, TypeRef};

/// Strict-decoding findings reported for one object; the rest is cut off.
const MAX_PROBLEMS: usize = 100;

/// Reads one object of the type `schema` from a serde deserializer.
pub(crate) fn read<'de, D>(schema: TypeRef, deserializer: D) -> Result<Decoded, DecodeError>
where
    D: Deserializer<'de>,
    D::Error: fmt::Display,
{
    let state = State::default();
    let seed = Seed { shape: Shape::Struct(schema), go_type: "", place: Place::Root(schema), state: &state };
    let result = seed.deserialize(deserializer);
    let state = state.0.into_inner();
    match result {
        Ok(Value::Null) => {
            let mut map = Map::new();
            fill(schema, &mut map);
            Ok(Decoded { value: Value::Object(map), problems: state.problems })
        }
        Ok(value) => Ok(Decoded { value, problems: state.problems }),
        Err(error) => {
            Err(state.mismatch.map_or_else(|| DecodeError::Syntax(error.to_string()), DecodeError::Type))
        }
    }
}

/// The value that an absent field prints as in Go; `None` where it prints nothing or null.
pub(crate) fn absent(field: &Field) -> Option<Value> {
    if field.pointer || field.omit_empty {
        return None;
    }
    Some(match field.shape {
        Shape::String => Value::String(String::new()),
        Shape::Bool => Value::Bool(false),
        Shape::Int32 | Shape::Int64 | Shape::Double | Shape::IntOrString => Value::Number(0.into()),
        Shape::Quantity => Value::String("0".to_owned()),
        Shape::Duration => Value::String("0s".to_owned()),
        Shape::Struct(of) => {
            let mut map = Map::new();
            fill(of, &mut map);
            Value::Object(map)
        }
        Shape::Bytes
        | Shape::Time
        | Shape::MicroTime
        | Shape::Raw
        | Shape::FieldsV1
        | Shape::Any
        | Shape::Choice(..)
        | Shape::List(_)
        | Shape::Map(_) => return None,
    })
}

/// Adds what absent fields print as.
pub(crate) fn fill(schema: TypeRef, map: &mut Map<String, Value>) {
    for field in schema.get().fields {
        if !field.pointer
            && !field.omit_empty
            && !map.contains_key(field.name)
            && let Some(value) = absent(field)
        {
            map.insert(field.name.to_owned(), value);
        }
    }
}

/// Whether a value is one that Go leaves out under `omitempty`.
pub(crate) fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// Whether a field keeps a value: not null, and not a zero value that its tag leaves out.
pub(crate) fn keeps(field: &Field, value: &Value) -> bool {
    !value.is_null() && (field.pointer || !field.omit_empty || !is_zero(value))
}

/// Findings and the first type error, shared by all seeds of one object.
#[derive(Default)]
struct State(RefCell<Findings>);

#[derive(Default)]
struct Findings {
    problems: Vec<String>,
    mismatch: Option<String>,
    /// Depth of types with own decoders in Go, below which nothing is reported.
    quiet: u32,
}

/// Where a value stands: a list on the stack from the value up to the root.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root(TypeRef),
    Field { parent: &'a Place<'a>, of: TypeRef, name: &'a str },
    Key { parent: &'a Place<'a>, key: &'a str },
    Index { parent: &'a Place<'a>, index: usize },
}

impl Place<'_> {
    /// `spec.containers[0].name`.
    fn path(&self, out: &mut String) {
        match self {
            Self::Root(_) => {}
            Self::Field { parent, name, .. } | Self::Key { parent, key: name } => {
                parent.path(out);
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Self::Index { parent, index } => {
                parent.path(out);
                out.push_str(&format!("[{index}]"));
            }
        }
    }

    /// The path as Go's type errors print it: fields of structures only.
    fn go_path(&self, out: &mut String) {
        match self {
            Self::Root(_) => {}
            Self::Field { parent, name, .. } => {
                parent.go_path(out);
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Self::Key { parent, .. } | Self::Index { parent, .. } => parent.go_path(out),
        }
    }

    /// The structure that the nearest field belongs to.
    fn structure(&self) -> Option<TypeRef> {
        match self {
            Self::Root(_) => None,
            Self::Field { of, .. } => Some(*of),
            Self::Key { parent, .. } | Self::Index { parent, .. } => parent.structure(),
        }
    }
}

impl State {
    fn problem(&self, what: &str, parent: &Place<'_>, name: &str) {
        let mut findings = self.0.borrow_mut();
        if findings.quiet == 0 && findings.problems.len() < MAX_PROBLEMS {
            let mut path = String::new();
            Place::Key { parent, key: name }.path(&mut path);
            findings.problems.push(format!("{what} field {path:?}"));
        }
    }

    /// Notes the text for the caller and gives serde an error to stop with.
    fn fail<E: de::Error>(&self, text: String) -> E {
        let error = E::custom(&text);
        self.0.borrow_mut().mismatch.get_or_insert(text);
        error
    }
}

/// Reads one value of a shape.
#[derive(Clone, Copy)]
struct Seed<'a> {
    shape: Shape,
    /// The value's type in Go; empty for the root.
    go_type: &'static str,
    place: Place<'a>,
    state: &'a State,
}

impl Seed<'_> {
    /// `json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32`.
    fn mismatch<E: de::Error>(&self, found: &str) -> E {
        // A type with an own decoder fails on the inner type.
        let go_type: Cow<'_, str> = match self.shape {
            Shape::Time | Shape::MicroTime | Shape::Duration => "string".into(),
            Shape::IntOrString => "int32".into(),
            _ if self.go_type.is_empty() => match self.place {
                Place::Root(of) => format!("{}.{}", package(of), of.short_name()).into(),
                _ => "object".into(),
            },
            _ => self.go_type.into(),
        };
        let text = match self.place.structure() {
            Some(of) => {
                let mut path = String::new();
                self.place.go_path(&mut path);
                format!(
                    "json: cannot unmarshal {found} into Go struct field {}.{path} of type {go_type}",
                    of.short_name()
                )
            }
            None => format!("json: cannot unmarshal {found} into Go value of type {go_type}"),
        };
        self.state.fail(text)
    }

    fn integer<E: de::Error>(&self, number: Number) -> Result<Value, E> {
        let fits = match (self.shape, number.as_i64()) {
            (Shape::Int64, Some(_)) => true,
            (_, Some(value)) => i32::try_from(value).is_ok(),
            (_, None) => false,
        };
        if fits { Ok(Value::Number(number)) } else { Err(self.mismatch(&format!("number {number}"))) }
    }

    fn number<E: de::Error>(&self, number: Number) -> Result<Value, E> {
        match self.shape {
            Shape::Int32 | Shape::Int64 | Shape::IntOrString => self.integer(number),
            Shape::Double => Ok(Value::Number(number)),
            Shape::Quantity => self.quantity(&number.to_string()),
            _ => Err(self.mismatch("number")),
        }
    }

    fn quantity<E: de::Error>(&self, text: &str) -> Result<Value, E> {
        match quantity::canonical(text.trim()) {
            Ok(text) => Ok(Value::String(text.into_owned())),
            Err(error) => Err(self.state.fail(error.to_string())),
        }
    }

    fn text<E: de::Error>(&self, text: Cow<'_, str>) -> Result<Value, E> {
        let canonical = match self.shape {
            Shape::String | Shape::IntOrString => return Ok(Value::String(text.into_owned())),
            Shape::Quantity => return self.quantity(&text),
            Shape::Time => canonical::time(text),
            Shape::MicroTime => canonical::micro_time(text),
            Shape::Duration => canonical::duration(text),
            Shape::Bytes => bytes(text),
            _ => return Err(self.mismatch("string")),
        };
        canonical.map(|text| Value::String(text.into_owned())).map_err(|error| self.state.fail(error))
    }
}

/// Base64 in canonical form; line breaks inside are allowed.
fn bytes(text: Cow<'_, str>) -> Result<Cow<'_, str>, String> {
    if text.contains(['\r', '\n']) {
        let joined: String = text.chars().filter(|letter| !matches!(letter, '\r' | '\n')).collect();
        return bytes(Cow::Owned(joined)).map(|text| Cow::Owned(text.into_owned()));
    }
    match STANDARD.decode(text.as_bytes()) {
        Ok(_) => Ok(text),
        Err(
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol { offset: at, .. },
        ) => Err(format!("illegal base64 data at input byte {at}")),
        Err(_) => Err(format!("illegal base64 data at input byte {}", text.len() / 4 * 4)),
    }
}

/// The Go package of a type, which Kubernetes names after its version.
fn package(of: TypeRef) -> &'static str {
    of.name().rsplit('.').nth(1).unwrap_or_default()
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.shape {
            Shape::Any | Shape::Raw | Shape::FieldsV1 => Value::deserialize(deserializer),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a value of type {}", self.go_type)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        match self.shape {
            Shape::Bool | Shape::Choice(Choice::SchemaOrBool, _) => Ok(Value::Bool(value)),
            _ => Err(self.mismatch("bool")),
        }
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.number(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.number(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) => self.number(number),
            None => Err(self.mismatch("number")),
        }
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.text(Cow::Borrowed(value))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        self.text(Cow::Owned(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let (item, go_type) = match self.shape {
            Shape::List(list) => (list.item, element(self.go_type)),
            Shape::Choice(Choice::SchemaOrArray, of) => (Shape::Struct(of), "v1.JSONSchemaProps"),
            Shape::Choice(Choice::SchemaOrStrings, _) => (Shape::String, "string"),
            _ => return Err(self.mismatch("array")),
        };
        let mut items = Vec::with_capacity(access.size_hint().unwrap_or(0).min(64));
        loop {
            let place = Place::Index { parent: &self.place, index: items.len() };
            let seed = Seed { shape: item, go_type, place, state: self.state };
            let Some(value) = access.next_element_seed(seed)? else { break };
            // In Go a null element is the zero value.
            let value = if value.is_null() { zero_element(item) } else { value };
            items.push(value);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        match self.shape {
            Shape::Struct(of) => self.structure(of, access),
            Shape::Map(map) => self.map(map.value, element(self.go_type), access),
            Shape::Choice(_, of) => {
                self.state.0.borrow_mut().quiet += 1;
                let value = self.structure(of, access);
                self.state.0.borrow_mut().quiet -= 1;
                value
            }
            _ => Err(self.mismatch("object")),
        }
    }
}

/// The element type of `[]v1.Container` or `map[string]string`.
fn element(go_type: &'static str) -> &'static str {
    match go_type.strip_prefix("map[") {
        Some(rest) => rest.split_once(']').map_or("", |(_, value)| value),
        None => go_type.strip_prefix("[]").unwrap_or(go_type),
    }
}

/// What null becomes as an element of a list or map.
fn zero_element(shape: Shape) -> Value {
    match shape {
        Shape::String => Value::String(String::new()),
        Shape::Bool => Value::Bool(false),
        Shape::Int32 | Shape::Int64 | Shape::Double | Shape::IntOrString => Value::Number(0.into()),
        Shape::Quantity => Value::String("0".to_owned()),
        Shape::Duration => Value::String("0s".to_owned()),
        Shape::Struct(of) => {
            let mut map = Map::new();
            fill(of, &mut map);
            Value::Object(map)
        }
        _ => Value::Null,
    }
}

impl Seed<'_> {
    fn structure<'de, A: MapAccess<'de>>(&self, of: TypeRef, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        let mut seen = 0_u128;
        while let Some(name) = access.next_key_seed(FieldName(of))? {
            let index = match name {
                Name::Field(index) => index,
                Name::Unknown(name) => {
                    self.state.problem("unknown", &self.place, &name);
                    access.next_value::<de::IgnoredAny>()?;
                    continue;
                }
            };
            let field = &of.get().fields[index];
            let bit = 1_u128 << (index % 128);
            if seen & bit != 0 {
                self.state.problem("duplicate", &self.place, field.name);
            }
            seen |= bit;
            let place = Place::Field { parent: &self.place, of, name: field.name };
            let seed = Seed { shape: field.shape, go_type: field.go_type, place, state: self.state };
            let value = access.next_value_seed(seed)?;
            if keeps(field, &value) {
                map.insert(field.name.to_owned(), value);
            } else if !value.is_null() {
                // A later zero value overwrites an earlier one.
                map.remove(field.name);
            }
        }
        fill(of, &mut map);
        Ok(Value::Object(map))
    }

    fn map<'de, A: MapAccess<'de>>(
        &self,
        shape: Shape,
        go_type: &'static str,
        mut access: A,
    ) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let place = Place::Key { parent: &self.place, key: &key };
            let seed = Seed { shape, go_type, place, state: self.state };
            let value = access.next_value_seed(seed)?;
            let value = if value.is_null() { zero_element(shape) } else { value };
            if map.contains_key(&key) {
                self.state.problem("duplicate", &self.place, &key);
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// A key of a structure: the field's index, or the text if there is no such field.
enum Name {
    Field(usize),
    Unknown(String),
}

/// Finds a field by name without keeping the name.
struct FieldName(TypeRef);

impl<'de> DeserializeSeed<'de> for FieldName {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a field name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
        let found = self.0.get().fields.binary_search_by(|field| field.name.cmp(name));
        Ok(found.map_or_else(|_| Name::Unknown(name.to_owned()), Name::Field))
    }
}
