//! The OpenAPI v2 document as protobuf (gnostic's `openapi.v2.Document`), as kubectl asks for it before it checks a
//! `List`. The definitions alone, which is all that clients check with; the paths are in the JSON form.

use serde_json::Value;

/// The media type of the answer. Clients may ask with an `@` before the version, which is none in a media type.
pub(super) const MEDIA_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// The JSON document in its binary form.
pub(super) fn encode(document: &Value) -> Vec<u8> {
    let mut info = text(1, &document["info"]["title"]);
    info.extend(text(2, &document["info"]["version"]));
    let mut out = text(1, &document["swagger"]);
    out.extend(bytes(2, &info));
    out.extend(bytes(8, &[]));
    out.extend(bytes(9, &named(&document["definitions"])));
    out
}

/// Named schemas in the order of their names.
fn named(schemas: &Value) -> Vec<u8> {
    let entries = schemas.as_object().into_iter().flatten();
    entries
        .flat_map(|(name, one)| bytes(1, &[bytes(1, name.as_bytes()), bytes(2, &schema(one))].concat()))
        .collect()
}

fn schema(schema: &Value) -> Vec<u8> {
    let mut out = text(1, &schema["$ref"]);
    out.extend(text(2, &schema["format"]));
    out.extend(text(4, &schema["description"]));
    if !schema["default"].is_null() {
        out.extend(bytes(5, &any(&schema["default"])));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        out.extend(text(19, name));
    }
    match &schema["additionalProperties"] {
        Value::Null => {}
        Value::Bool(allowed) => out.extend(bytes(21, &[0x10, u8::from(*allowed)])),
        of => out.extend(bytes(21, &bytes(1, &self::schema(of)))),
    }
    if schema["type"].is_string() {
        out.extend(bytes(22, &text(1, &schema["type"])));
    }
    if schema["items"].is_object() {
        out.extend(bytes(23, &bytes(1, &self::schema(&schema["items"]))));
    }
    for one in schema["allOf"].as_array().into_iter().flatten() {
        out.extend(bytes(24, &self::schema(one)));
    }
    if schema["properties"].is_object() {
        out.extend(bytes(25, &named(&schema["properties"])));
    }
    for (name, value) in schema.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("x-")) {
        out.extend(bytes(31, &[bytes(1, name.as_bytes()), bytes(2, &any(value))].concat()));
    }
    out
}

/// Anything, as YAML, of which JSON is a part.
fn any(value: &Value) -> Vec<u8> {
    bytes(2, value.to_string().as_bytes())
}

/// A field with a text; nothing for what is none.
fn text(number: u32, value: &Value) -> Vec<u8> {
    value.as_str().map(|text| bytes(number, text.as_bytes())).unwrap_or_default()
}

/// A field with a length and content.
fn bytes(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    varint(&mut out, u64::from(number << 3 | 2));
    varint(&mut out, content.len() as u64);
    out.extend_from_slice(content);
    out
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_have_their_numbers() {
        assert_eq!(bytes(1, b"ab"), [0x0a, 2, b'a', b'b']);
        assert_eq!(bytes(31, &[0; 200])[..4], [0xfa, 1, 200, 1]);
        let one = schema(&json!({"type": "object", "properties": {"a": {"$ref": "#/definitions/b"}}}));
        let reference = [0x0a, 15].iter().chain(b"#/definitions/b").copied().collect::<Vec<u8>>();
        let property = [vec![0x0a, 1, b'a'], bytes(2, &reference)].concat();
        let want = [bytes(22, &bytes(1, b"object")), bytes(25, &bytes(1, &property))].concat();
        assert_eq!(one, want);
    }
}
