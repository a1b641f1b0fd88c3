//! JSON, the format in which objects are stored.

use serde_json::Value;

use super::{Codec, DecodeError, Decoded, EncodeError, typed};
use crate::schema::TypeRef;

/// `application/json`.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl Codec for Json {
    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn decode(&self, schema: TypeRef, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let decoded = typed::read(schema, &mut deserializer)?;
        deserializer.end().map_err(|error| DecodeError::Syntax(error.to_string()))?;
        Ok(decoded)
    }

    fn encode(&self, _schema: TypeRef, value: &Value) -> Result<Vec<u8>, EncodeError> {
        // Writing a `Value` to memory cannot fail: its keys are texts.
        Ok(serde_json::to_vec(value).unwrap_or_default())
    }
}
