//! The four ways to patch an object. All are pure: current object and patch in, new object out.
//!
//! The result is not yet checked against the schema: run [`crate::validate::conform`] on it.

pub mod apply;
mod strategic;

use serde_json::Value;
use thiserror::Error;

pub use self::strategic::strategic;

/// Why a patch cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatchError {
    /// The patch itself is malformed (HTTP 400).
    #[error("{0}")]
    Malformed(String),
    /// The patch is well-formed but does not fit the object, as a failed `test` (HTTP 422).
    #[error("{0}")]
    Unprocessable(String),
}

/// Applies a JSON patch (RFC 6902).
pub fn json(current: &Value, patch: &[u8]) -> Result<Value, PatchError> {
    let patch: json_patch::Patch = serde_json::from_slice(patch)
        .map_err(|error| PatchError::Malformed(format!("error decoding patch: {error}")))?;
    let mut result = current.clone();
    json_patch::patch(&mut result, &patch).map_err(|error| PatchError::Unprocessable(error.to_string()))?;
    Ok(result)
}

/// Applies a merge patch (RFC 7386).
pub fn merge(current: &Value, patch: &Value) -> Value {
    let mut result = current.clone();
    json_patch::merge(&mut result, patch);
    result
}
