//! Bytes to values and back: JSON, YAML and Kubernetes protobuf, all driven by the schema.
//!
//! Decoding follows the typed decoders of Kubernetes: fields that the schema does not know are dropped
//! and reported, a value of the wrong type is an error, and what comes out is what Go's types would print:
//! quantities and times canonical, zero values there or not as their tags say (`status: {}` is, `replicas:
//! null` is not). Only fields that Go prints as null are left out instead.

mod canonical;
mod json;
pub mod protobuf;
pub(crate) mod typed;
mod yaml;

use serde_json::Value;
use thiserror::Error;

pub use self::json::Json;
pub use self::protobuf::Protobuf;
pub use self::yaml::{Yaml, documents};
use crate::schema::TypeRef;

/// One wire format.
pub trait Codec: Send + Sync {
    /// The format's media type, without parameters.
    fn media_type(&self) -> &'static str;

    /// Reads one object of the type `schema` (for a kind: `kind.schema`).
    fn decode(&self, schema: TypeRef, bytes: &[u8]) -> Result<Decoded, DecodeError>;

    /// Writes one object of the type `schema`.
    fn encode(&self, schema: TypeRef, value: &Value) -> Result<Vec<u8>, EncodeError>;
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The object, without the fields that its type does not know.
    pub value: Value,
    /// Strict-decoding findings in the API server's words: `unknown field "spec.foo"`,
    /// `duplicate field "spec.replicas"`.
    pub problems: Vec<String>,
}

/// Why bytes are no object of the type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes are not in the format at all.
    #[error("{0}")]
    Syntax(String),
    /// A value has another type than its field; the text names the field.
    #[error("{0}")]
    Type(String),
}

/// Why a value cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A value has another type than its field.
    #[error("cannot encode {path}: expected {expected}; check the object against the schema first")]
    Type {
        /// Path of the field.
        path: String,
        /// What the field holds by its schema.
        expected: &'static str,
    },
    /// The format has no place for the type.
    #[error("{schema} has no {format} form; ask for application/json")]
    NoForm {
        /// Name of the type.
        schema: &'static str,
        /// Name of the format.
        format: &'static str,
    },
}

/// The codec for a media type (parameters are ignored), if there is one.
pub fn for_media_type(media_type: &str) -> Option<&'static dyn Codec> {
    match media_type.split(';').next().unwrap_or_default().trim() {
        "application/json" => Some(&Json),
        "application/yaml" | "application/x-yaml" | "text/yaml" => Some(&Yaml),
        "application/vnd.kubernetes.protobuf" => Some(&Protobuf),
        _ => None,
    }
}
