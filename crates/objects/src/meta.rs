//! Access to `metadata` on untyped objects, and the few facts that go with it.
//!
//! Readers treat a missing or wrongly typed field as absent; writers create what is missing.

use serde_json::{Map, Value};

/// A text field of `metadata`; empty where absent.
fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get("metadata").and_then(|meta| meta.get(field)).and_then(Value::as_str).unwrap_or_default()
}

/// `apiVersion`; empty where absent.
pub fn api_version(object: &Value) -> &str {
    object.get("apiVersion").and_then(Value::as_str).unwrap_or_default()
}

/// `kind`; empty where absent.
pub fn kind(object: &Value) -> &str {
    object.get("kind").and_then(Value::as_str).unwrap_or_default()
}

/// `metadata.name`; empty where absent.
pub fn name(object: &Value) -> &str {
    text(object, "name")
}

/// `metadata.generateName`; empty where absent.
pub fn generate_name(object: &Value) -> &str {
    text(object, "generateName")
}

/// `metadata.namespace`; empty where absent.
pub fn namespace(object: &Value) -> &str {
    text(object, "namespace")
}

/// `metadata.uid`; empty where absent.
pub fn uid(object: &Value) -> &str {
    text(object, "uid")
}

/// `metadata.resourceVersion`; empty where absent.
pub fn resource_version(object: &Value) -> &str {
    text(object, "resourceVersion")
}

/// `metadata.creationTimestamp`; empty where absent.
pub fn creation_timestamp(object: &Value) -> &str {
    text(object, "creationTimestamp")
}

/// `metadata.deletionTimestamp`, if the object is being deleted.
pub fn deletion_timestamp(object: &Value) -> Option<&str> {
    Some(text(object, "deletionTimestamp")).filter(|text| !text.is_empty())
}

/// `metadata.generation`; 0 where absent.
pub fn generation(object: &Value) -> i64 {
    object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default()
}

/// `metadata.labels`.
pub fn labels(object: &Value) -> Option<&Map<String, Value>> {
    object.pointer("/metadata/labels").and_then(Value::as_object)
}

/// The value of a label.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    labels(object)?.get(key)?.as_str()
}

/// `metadata.annotations`.
pub fn annotations(object: &Value) -> Option<&Map<String, Value>> {
    object.pointer("/metadata/annotations").and_then(Value::as_object)
}

/// The value of an annotation.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    annotations(object)?.get(key)?.as_str()
}

/// `metadata.finalizers`.
pub fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    items(object, "finalizers").iter().filter_map(Value::as_str)
}

/// Whether the object has any finalizer.
pub fn has_finalizers(object: &Value) -> bool {
    !items(object, "finalizers").is_empty()
}

/// `metadata.ownerReferences`.
pub fn owner_references(object: &Value) -> &[Value] {
    items(object, "ownerReferences")
}

/// The owner reference whose `controller` is true.
pub fn controller_of(object: &Value) -> Option<&Value> {
    owner_references(object)
        .iter()
        .find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))
}

fn items<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    let list = object.get("metadata").and_then(|meta| meta.get(field)).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// The `metadata` map, made if it is missing. An object that is no map becomes one.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    map_mut(map_mut(object).entry("metadata").or_insert(Value::Null))
}

/// `value` as a map; anything else is replaced by an empty one.
pub fn map_mut(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("just made a map"),
    }
}

/// Sets a text field of `metadata`; an empty text removes it.
pub fn set(object: &mut Value, field: &str, text: &str) {
    let metadata = metadata_mut(object);
    if text.is_empty() {
        metadata.remove(field);
    } else {
        metadata.insert(field.to_owned(), Value::String(text.to_owned()));
    }
}

/// Sets `apiVersion` and `kind`.
pub fn set_type(object: &mut Value, api_version: &str, kind: &str) {
    let map = map_mut(object);
    map.insert("apiVersion".to_owned(), Value::String(api_version.to_owned()));
    map.insert("kind".to_owned(), Value::String(kind.to_owned()));
}

/// Now, in the form of `metav1.Time`: RFC 3339 in UTC with whole seconds.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Now, in the form of `metav1.MicroTime`: RFC 3339 in UTC with six digits of fraction.
pub fn now_micro() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// A name for `generateName`: the base, cut to 58 bytes, and five letters chosen by `random`.
/// The letters are those that form no words.
pub fn generated_name(base: &str, random: u64) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut end = base.len().min(58);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let mut name = base[..end].to_owned();
    let mut rest = random;
    for _ in 0..5 {
        name.push(char::from(LETTERS[(rest % 27) as usize]));
        rest /= 27;
    }
    name
}
