//! Json.

use serde_json::Value;

use super::{Codec, DecodeError, Decoded, EncodeError};
use crate::schema::TypeRef;

/// Json.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl Codec for Json {
    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn decode(&self, _schema: TypeRef, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        let value = serde_json::from_slice(bytes).map_err(|error| DecodeError::Syntax(error.to_string()))?;
        Ok(Decoded { value, problems: Vec::new() })
    }

    fn encode(&self, _schema: TypeRef, value: &Value) -> Result<Vec<u8>, EncodeError> {
        Ok(value.to_string().into_bytes())
    }
}
