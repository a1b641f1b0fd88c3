//! The four ways to patch an object. All are pure: current object and patch in, new object out.
//!
//! The results of [`json`], [`merge`] and [`strategic()`] are not yet checked against the schema: run
//! [`crate::validate::conform`] on them. Server-side apply, in [`apply`], does so itself.

pub mod apply;
mod strategic;

use json_patch::PatchOperation;
use serde_json::Value;
use thiserror::Error;

pub use self::strategic::strategic;

/// Operations that one JSON patch may have.
const MAX_OPERATIONS: usize = 10_000;
/// Steps that a path in a JSON patch may have; bounds the depth of the result.
const MAX_DEPTH: usize = 256;
/// Bytes that the copies of one JSON patch may make in all.
const MAX_COPIED: usize = 3 * 1024 * 1024;

/// Why a patch cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatchError {
    /// The patch itself is malformed (HTTP 400).
    #[error("{0}")]
    Malformed(String),
    /// The patch is well-formed but does not fit the object, as a failed `test` (HTTP 422).
    #[error("{0}")]
    Unprocessable(String),
    /// The patch asks for more than the server gives (HTTP 413).
    #[error("{0}")]
    TooLarge(String),
}

/// Applies a JSON patch (RFC 6902). All or nothing.
pub fn json(current: &Value, patch: &[u8]) -> Result<Value, PatchError> {
    let patch: json_patch::Patch = serde_json::from_slice(patch)
        .map_err(|error| PatchError::Malformed(format!("error decoding patch: {error}")))?;
    if patch.0.len() > MAX_OPERATIONS {
        return Err(PatchError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
            patch.0.len()
        )));
    }
    let mut result = current.clone();
    let mut copied = 0;
    for operation in &patch.0 {
        if operation.path().count() > MAX_DEPTH {
            return Err(PatchError::TooLarge(format!(
                "a path in a JSON patch may have {MAX_DEPTH} steps at most"
            )));
        }
        if let PatchOperation::Copy(copy) = operation {
            copied += copy.from.resolve(&result).map_or(0, |value| value.to_string().len());
            if copied > MAX_COPIED {
                return Err(PatchError::TooLarge(format!(
                    "a JSON patch may copy {MAX_COPIED} bytes at most"
                )));
            }
        }
        json_patch::patch(&mut result, std::slice::from_ref(operation))
            .map_err(|error| PatchError::Unprocessable(error.to_string()))?;
    }
    Ok(result)
}

/// Applies a merge patch (RFC 7386).
pub fn merge(current: &Value, patch: &Value) -> Value {
    let mut result = current.clone();
    json_patch::merge(&mut result, patch);
    result
}
