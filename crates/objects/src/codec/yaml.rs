//! YAML: the same values as JSON, with Kubernetes' reading of it (`yes` is true, `0644` is octal).

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;

use super::{Codec, DecodeError, Decoded, EncodeError, typed};
use crate::schema::TypeRef;

/// Collections nested deeper are refused, since reading them needs stack.
const MAX_DEPTH: usize = 64;

/// `application/yaml`.
#[derive(Debug, Clone, Copy)]
pub struct Yaml;

impl Codec for Yaml {
    fn media_type(&self) -> &'static str {
        "application/yaml"
    }

    fn decode(&self, schema: TypeRef, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        let options = options(DuplicateKeyPolicy::PassThrough);
        serde_saphyr::with_deserializer_from_slice_with_options(bytes, options, |deserializer| {
            Ok(typed::read(schema, deserializer))
        })
        .map_err(syntax)?
    }

    fn encode(&self, schema: TypeRef, value: &Value) -> Result<Vec<u8>, EncodeError> {
        let text = serde_saphyr::to_string(value);
        text.map(String::into_bytes)
            .map_err(|_| EncodeError::NoForm { schema: schema.name(), format: "YAML" })
    }
}

/// The documents of a YAML stream, each as an untyped value; empty documents are left out.
/// A key that occurs twice is an error. Errors name line and column.
pub fn documents(bytes: &[u8]) -> Result<Vec<Value>, DecodeError> {
    let options = options(DuplicateKeyPolicy::Error);
    let documents: Vec<Document> =
        serde_saphyr::from_slice_multiple_with_options(bytes, options).map_err(syntax)?;
    Ok(documents.into_iter().map(|document| document.0).filter(|value| !value.is_null()).collect())
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Document(Value);

fn options(duplicate_keys: DuplicateKeyPolicy) -> serde_saphyr::Options {
    serde_saphyr::options! {
        duplicate_keys: duplicate_keys,
        legacy_octal_numbers: true,
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
    }
}

fn syntax(error: serde_saphyr::Error) -> DecodeError {
    DecodeError::Syntax(format!("error converting YAML to JSON: {}", error.without_snippet()))
}
