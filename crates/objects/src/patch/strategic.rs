//! Strategic merge patches: JSON merge patches whose lists merge by the keys that the schema names.
//!
//! Directives: `$patch: replace | delete` in maps and list elements, `$retainKeys`, `$setElementOrder/LIST` and
//! `$deleteFromPrimitiveList/LIST`. A null deletes; a null for what is not there is dropped.

use serde_json::{Map, Value};

use super::PatchError;
use crate::schema::{Field, Shape, TypeRef};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETIONS: &str = "$deleteFromPrimitiveList/";

type Object = Map<String, Value>;

/// Applies a strategic merge patch to an object of the type `schema`.
pub fn strategic(schema: TypeRef, current: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Value::Object(patch) = patch else {
        return Err(malformed(format!("a strategic merge patch is a map, not {}", kind(patch))));
    };
    let mut result = current.as_object().cloned().unwrap_or_default();
    merge_map(Some(Shape::Struct(schema)), &mut result, patch)?;
    Ok(Value::Object(result))
}

fn malformed(text: String) -> PatchError {
    PatchError::Malformed(text)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a Boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// How the value below a key merges: the field if the parent is a structure, else its shape alone.
#[derive(Clone, Copy)]
struct Member {
    field: Option<&'static Field>,
    shape: Option<Shape>,
}

impl Member {
    fn of(parent: Option<Shape>, name: &str) -> Self {
        match parent {
            Some(Shape::Struct(of) | Shape::Choice(_, of)) => {
                let field = of.field(name);
                Self { field, shape: field.map(|field| field.shape) }
            }
            Some(Shape::Map(map)) => Self { field: None, shape: Some(map.value) },
            _ => Self { field: None, shape: None },
        }
    }

    fn merges(self) -> bool {
        self.field.is_some_and(|field| field.patch.merge)
    }

    fn replaces(self) -> bool {
        self.field.is_some_and(|field| field.patch.replace)
    }

    /// The merge key; empty for lists of scalars.
    fn key(self) -> &'static str {
        self.field.map_or("", |field| field.patch.key)
    }

    fn item(self) -> Option<Shape> {
        match self.shape {
            Some(Shape::List(list)) => Some(list.item),
            _ => None,
        }
    }
}

fn merge_map(shape: Option<Shape>, original: &mut Object, patch: &Object) -> Result<(), PatchError> {
    match patch.get(DIRECTIVE) {
        None => {}
        Some(Value::String(directive)) if directive == "replace" => {
            *original = patch.iter().filter(|(key, _)| *key != DIRECTIVE).map(clone_entry).collect();
            return Ok(());
        }
        Some(Value::String(directive)) if directive == "delete" => {
            original.clear();
            return Ok(());
        }
        Some(other) => return Err(malformed(format!("unknown patch type found: {other}"))),
    }
    retain_keys(original, patch)?;
    for (key, order) in patch {
        if let Some(name) = key.strip_prefix(ORDER) {
            let member = Member::of(shape, name);
            merge_ordered(member, name, original, patch.get(name), order)?;
        } else if key == ORDER.trim_end_matches('/') {
            return Err(malformed(format!("invalid patch format of {key} list")));
        }
    }
    for (key, change) in patch {
        if let Some(name) = key.strip_prefix(DELETIONS) {
            delete_scalars(original, name, change)?;
        } else if key == RETAIN_KEYS || key.starts_with(ORDER) {
            // Done above.
        } else if change.is_null() {
            original.remove(key);
        } else if !patch.contains_key(&format!("{ORDER}{key}")) {
            merge_member(Member::of(shape, key), key, original, change)?;
        }
    }
    Ok(())
}

fn clone_entry((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// Merges one key's value.
fn merge_member(member: Member, key: &str, original: &mut Object, change: &Value) -> Result<(), PatchError> {
    match (original.get_mut(key), change) {
        (Some(Value::Object(current)), Value::Object(change)) => {
            if member.replaces() {
                *current = change.clone();
                return Ok(());
            }
            merge_map(member.shape, current, change)
        }
        (Some(Value::Array(current)), Value::Array(change)) => {
            if member.merges() {
                *current = merge_list(member, std::mem::take(current), change)?;
            } else {
                current.clone_from(change);
            }
            Ok(())
        }
        _ => {
            match without_directives(change) {
                Some(value) => original.insert(key.to_owned(), value),
                None => original.remove(key),
            };
            Ok(())
        }
    }
}

/// `$retainKeys`: keys that the patch does not name go away.
fn retain_keys(original: &mut Object, patch: &Object) -> Result<(), PatchError> {
    let Some(keys) = patch.get(RETAIN_KEYS) else { return Ok(()) };
    let keys = keys.as_array().map(Vec::as_slice).unwrap_or_default();
    let retained = |key: &str| keys.iter().any(|one| one == key);
    let set = patch.iter().filter(|(key, value)| !key.starts_with('$') && !value.is_null());
    if let Some((key, _)) = set.into_iter().find(|(key, _)| !retained(key)) {
        return Err(malformed(format!(
            "invalid patch format of retainKeys: it sets {key:?} but does not retain it"
        )));
    }
    original.retain(|key, _| retained(key));
    Ok(())
}

fn delete_scalars(original: &mut Object, name: &str, deletions: &Value) -> Result<(), PatchError> {
    let Value::Array(deletions) = deletions else {
        return Err(malformed(format!("invalid patch format of primitive list: {DELETIONS}{name}")));
    };
    if let Some(Value::Array(items)) = original.get_mut(name) {
        items.retain(|item| !deletions.contains(item));
    }
    Ok(())
}

/// A copy of a patch's value for where nothing was: without nulls in maps and without directives; `None` if it is
/// itself a directive.
fn without_directives(value: &Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => None,
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Some(Value::Object(
                kept.filter_map(|(key, value)| Some((key.clone(), without_directives(value)?))).collect(),
            ))
        }
        Value::Array(items) => Some(Value::Array(items.iter().filter_map(without_directives).collect())),
        other => Some(other.clone()),
    }
}

/// Whether two elements are the same: by the merge key, or by value where there is none.
fn same(left: &Value, right: &Value, key: &str) -> bool {
    if key.is_empty() {
        left == right
    } else {
        left.get(key).is_some_and(|value| right.get(key) == Some(value))
    }
}

fn position(list: &[Value], item: &Value, key: &str) -> Option<usize> {
    list.iter().position(|one| same(one, item, key))
}

fn check_keys(list: &[Value], key: &str) -> Result<(), PatchError> {
    for item in list {
        match item {
            Value::Object(map) if map.contains_key(key) => {}
            Value::Object(_) => {
                return Err(malformed(format!("map: {item} does not contain declared merge key: {key}")));
            }
            other => {
                return Err(malformed(format!("expected a map with the key {key:?}, found {}", kind(other))));
            }
        }
    }
    Ok(())
}

/// Merges two lists and orders the result as the patch has it.
fn merge_list(member: Member, original: Vec<Value>, patch: &[Value]) -> Result<Vec<Value>, PatchError> {
    let merged = merge_items(member, original, patch)?;
    Ok(arrange(merged.items, &merged.patch, &merged.server, member.key()))
}

/// Two lists merged, not yet in order.
struct Merged {
    items: Vec<Value>,
    /// The server's elements before.
    server: Vec<Value>,
    /// The patch's elements that are no directives.
    patch: Vec<Value>,
}

fn merge_items(member: Member, mut original: Vec<Value>, patch: &[Value]) -> Result<Merged, PatchError> {
    let key = member.key();
    let maps = original.iter().chain(patch).any(Value::is_object);
    if !maps {
        let mut merged: Vec<Value> = Vec::with_capacity(original.len() + patch.len());
        for item in original.iter().chain(patch) {
            if !merged.contains(item) {
                merged.push(item.clone());
            }
        }
        return Ok(Merged { items: merged, server: original, patch: patch.to_vec() });
    }
    if key.is_empty() {
        return Err(malformed("cannot merge lists of maps without merge key".to_owned()));
    }
    if let Some(other) = original.iter().chain(patch).find(|item| !item.is_object()) {
        return Err(malformed(format!("list element types are not identical: a map and {}", kind(other))));
    }
    let mut elements = Vec::with_capacity(patch.len());
    let mut replace = false;
    for item in patch {
        match item.get(DIRECTIVE).map(|directive| directive.as_str().unwrap_or_default()) {
            None => elements.push(item.clone()),
            Some("delete") => {
                check_keys(std::slice::from_ref(item), key)?;
                original.retain(|one| !same(one, item, key));
            }
            Some("replace") => replace = true,
            Some("merge") => {
                return Err(malformed("merging lists cannot yet be specified in the patch".to_owned()));
            }
            Some(other) => return Err(malformed(format!("unknown patch type found: {other:?}"))),
        }
    }
    if replace {
        return Ok(Merged { items: elements.clone(), server: elements, patch: Vec::new() });
    }
    check_keys(&elements, key)?;
    let server = original.clone();
    let mut merged = original;
    for item in &elements {
        match (position(&merged, item, key), item) {
            (Some(at), Value::Object(change)) => {
                if let Value::Object(current) = &mut merged[at] {
                    merge_map(member.item(), current, change)?;
                }
            }
            _ => merged.push(item.clone()),
        }
    }
    check_keys(&merged, key)?;
    Ok(Merged { items: merged, server, patch: elements })
}

/// Orders `merged`: elements in `order` go by it, the others by their place on the server; where an element of both
/// kinds is next, the server's order decides if it knows both, else the patch's comes first.
fn arrange(merged: Vec<Value>, order: &[Value], server: &[Value], key: &str) -> Vec<Value> {
    let (mut patched, mut others): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|item| position(order, item, key).is_some());
    patched.sort_by_key(|item| position(order, item, key));
    others.sort_by_key(|item| position(server, item, key).unwrap_or(usize::MAX));
    let mut arranged = Vec::with_capacity(patched.len() + others.len());
    let mut patched = patched.into_iter().peekable();
    let mut others = others.into_iter().peekable();
    loop {
        let other_first = match (others.peek(), patched.peek()) {
            (Some(other), Some(patched)) => {
                matches!((position(server, other, key), position(server, patched, key)), (Some(other), Some(patched)) if other < patched)
            }
            (other, _) => other.is_some(),
        };
        match if other_first { others.next() } else { patched.next() } {
            Some(item) => arranged.push(item),
            None => return arranged,
        }
    }
}

/// A list with `$setElementOrder`: merged if the patch has elements too, then ordered.
fn merge_ordered(
    member: Member,
    name: &str,
    original: &mut Object,
    patch: Option<&Value>,
    order: &Value,
) -> Result<(), PatchError> {
    let bad = || malformed(format!("invalid patch format of {ORDER}{name} list"));
    let key = member.key();
    let order = order.as_array().ok_or_else(bad)?;
    let patch = match patch {
        None => None,
        Some(Value::Null) => {
            original.remove(name);
            return Ok(());
        }
        Some(value) => Some(value.as_array().ok_or_else(bad)?),
    };
    if let Some(patch) = patch {
        check_order(patch, order, name, key)?;
    }
    let server = match original.get(name) {
        None | Some(Value::Null) => None,
        Some(value) => Some(value.as_array().cloned().ok_or_else(bad)?),
    };
    let (merged, server) = match (server, patch) {
        (None, None) => return Ok(()),
        (Some(server), None) => (server.clone(), server),
        (None, Some(patch)) => (patch.iter().filter_map(without_directives).collect(), Vec::new()),
        (Some(server), Some(patch)) if member.merges() => {
            let merged = merge_items(member, server, patch)?;
            (merged.items, merged.server)
        }
        (Some(server), Some(patch)) => (patch.clone(), server),
    };
    if !key.is_empty() {
        check_keys(&merged, key)?;
        check_keys(order, key)?;
    }
    original.insert(name.to_owned(), Value::Array(arrange(merged, order, &server, key)));
    Ok(())
}

/// The patch's elements must come in the order that the directive gives.
fn check_order(patch: &[Value], order: &[Value], name: &str, key: &str) -> Result<(), PatchError> {
    let plain = patch.iter().filter(|item| item.get(DIRECTIVE).is_none());
    let mut rest = order.iter();
    for item in plain {
        if !order.is_empty() && !rest.any(|one| same(one, item, key)) {
            let patch = Value::Array(patch.to_vec());
            let order = Value::Array(order.to_vec());
            return Err(malformed(format!(
                "the order in the patch list {patch} doesn't match the list {ORDER}{name} {order}"
            )));
        }
    }
    Ok(())
}
