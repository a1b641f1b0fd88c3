//! Whether an applied configuration fits its schema, in the words of structured merge.

use serde_json::Value;

use super::set::{key_of, printed};
use crate::schema::{List, ListKind, Shape};

/// Everything that is wrong, each with its path; nothing if all is well.
pub(super) fn problems(shape: Shape, value: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    check(shape, value, "", &mut problems);
    problems
}

/// Joins problems as upstream does.
pub(super) fn joined(problems: &[String]) -> String {
    match problems {
        [one] => one.clone(),
        many => format!("errors:\n  {}", many.join("\n  ")),
    }
}

/// A value as Go prints it inside an error.
fn go(value: &Value) -> String {
    match value {
        Value::String(text) => format!("&{{{text}}}"),
        other => format!("&{{{other}}}"),
    }
}

fn check(shape: Shape, value: &Value, path: &str, problems: &mut Vec<String>) {
    if value.is_null() {
        return;
    }
    let mut expected = |what: &str| problems.push(format!("{path}: expected {what}, got {}", go(value)));
    match shape {
        Shape::String | Shape::Bytes | Shape::Duration if !value.is_string() => match value {
            Value::Object(_) | Value::Array(_) => expected("string"),
            _ => problems
                .push(format!("{path}: expected string, got &value.valueUnstructured{{Value:{value}}}")),
        },
        Shape::Bool if !value.is_boolean() => expected("boolean"),
        Shape::Int32 | Shape::Int64 | Shape::Double if !value.is_number() => {
            let kind = match value {
                Value::String(_) => "string",
                Value::Bool(_) => "bool",
                Value::Array(_) => "[]interface {}",
                _ => "map[string]interface {}",
            };
            problems.push(format!("{path}: expected numeric (int or float), got {kind}"));
        }
        Shape::IntOrString | Shape::Quantity | Shape::Time | Shape::MicroTime
            if value.is_object() || value.is_array() =>
        {
            expected("any scalar");
        }
        Shape::Struct(of) => match value {
            Value::Object(map) => {
                for (name, value) in map {
                    match of.field(name) {
                        Some(field) => check(field.shape, value, &format!("{path}.{name}"), problems),
                        None => problems.push(format!("{path}.{name}: field not declared in schema")),
                    }
                }
            }
            _ => expected("map"),
        },
        Shape::Map(map) => match value {
            Value::Object(entries) => {
                for (name, value) in entries {
                    check(map.value, value, &format!("{path}.{name}"), problems);
                }
            }
            _ => expected("map"),
        },
        Shape::List(list) => match value {
            Value::Array(items) => check_items(list, items, path, problems),
            _ => expected("list"),
        },
        _ => {}
    }
}

fn check_items(list: &List, items: &[Value], path: &str, problems: &mut Vec<String>) {
    let mut seen: Vec<String> = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let name = match list.kind {
            ListKind::Atomic => Ok(format!("i:{at}")),
            ListKind::Map(keys) => match item {
                Value::Null => Err("associative list with keys may not have a null element".to_owned()),
                Value::Object(_) => key_of(item, list.item, keys).ok_or_else(|| {
                    let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
                    format!(
                        "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                        keys.join(" ")
                    )
                }),
                _ => Err("associative list with keys may not have non-map elements".to_owned()),
            },
            ListKind::Set => match item {
                Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
                Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
                Value::Null => {
                    Err("associative list without keys has an element that's an explicit null".to_owned())
                }
                item => Ok(format!("v:{item}")),
            },
        };
        let name = match name {
            Ok(name) => name,
            Err(what) => {
                problems.push(format!("{path}: element {at}: {what}"));
                return;
            }
        };
        if seen.contains(&name) {
            problems.push(format!("{path}: duplicate entries for key {}", printed(&name)));
        }
        check(list.item, item, &format!("{path}{}", printed(&name)), problems);
        seen.push(name);
    }
}
