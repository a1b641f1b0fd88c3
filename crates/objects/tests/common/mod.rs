//! Reading of the test data, and comparison that names the first difference.
#![allow(dead_code, reason = "each test file uses its own part")]

use objects::schema::{Shape, TypeRef};
use serde_json::Value;

/// The lines of a file under `tests/data`, each a JSON value.
pub(crate) fn cases(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The value as Go prints it, less the fields of structures that are null.
pub(crate) fn without_nulls(schema: TypeRef, value: &Value) -> Value {
    strip(Shape::Struct(schema), value)
}

fn strip(shape: Shape, value: &Value) -> Value {
    match (shape, value) {
        (Shape::Struct(of) | Shape::Choice(_, of), Value::Object(map)) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                kept.map(|(name, value)| {
                    let shape = of.field(name).map_or(Shape::Any, |field| field.shape);
                    (name.clone(), strip(shape, value))
                })
                .collect(),
            )
        }
        (Shape::Map(map), Value::Object(entries)) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), strip(map.value, value))).collect())
        }
        (Shape::List(list), Value::Array(items)) => {
            Value::Array(items.iter().map(|item| strip(list.item, item)).collect())
        }
        (Shape::Choice(_, of), Value::Array(items)) => {
            Value::Array(items.iter().map(|item| strip(Shape::Struct(of), item)).collect())
        }
        // Go's printer writes whole floating-point numbers as integers.
        (Shape::Double, Value::Number(number)) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 => Value::from(float as i64),
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

/// Notes where two values differ.
pub(crate) fn compare(failures: &mut Vec<String>, name: &str, ours: &Value, theirs: &Value) {
    if let Some(difference) = difference("", ours, theirs) {
        failures.push(format!("{name}: {difference}"));
    }
}

fn difference(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                difference(
                    &format!("{path}.{key}"),
                    left.get(key).unwrap_or(&Value::Null),
                    right.get(key).unwrap_or(&Value::Null),
                )
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .enumerate()
            .find_map(|(at, (left, right))| difference(&format!("{path}[{at}]"), left, right)),
        _ if ours == theirs => None,
        _ => Some(format!("at {path}: ours {ours}, theirs {theirs}")),
    }
}
