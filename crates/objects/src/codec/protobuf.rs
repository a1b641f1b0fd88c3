//! Protobuf.

use serde_json::Value;

use super::{Codec, DecodeError, Decoded, EncodeError};
use crate::schema::TypeRef;

/// Protobuf.
#[derive(Debug, Clone, Copy)]
pub struct Protobuf;

impl Codec for Protobuf {
    fn media_type(&self) -> &'static str {
        "application/vnd.kubernetes.protobuf"
    }

    fn decode(&self, _schema: TypeRef, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        let value = serde_json::from_slice(bytes).map_err(|error| DecodeError::Syntax(error.to_string()))?;
        Ok(Decoded { value, problems: Vec::new() })
    }

    fn encode(&self, _schema: TypeRef, value: &Value) -> Result<Vec<u8>, EncodeError> {
        Ok(value.to_string().into_bytes())
    }
}
