//! Checks that every kind shares: the schema, and the syntax of names, labels and annotations.
//!
//! Messages are those of the Kubernetes API server, since people and tools match on them.

use std::fmt;

use serde_json::Value;

mod metadata;
mod names;

pub use self::metadata::{annotations, finalizers, label_selector, labels, object_meta, owner_references};
pub use self::names::{
    config_map_key, dns1035_label, dns1123_label, dns1123_subdomain, env_var_name, label_value, path_segment,
    port_name, qualified_name,
};
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

    /// A value that occurs twice.
    pub fn duplicate(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(field, Reason::Duplicate, value.into(), "")
    }

    /// A text of more than `most` bytes.
    pub fn too_long(field: impl Into<String>, most: usize) -> Self {
        Self::new(field, Reason::TooLong, Value::Null, format!("may not be more than {most} bytes"))
    }

    /// A number below zero.
    pub fn negative(field: impl Into<String>, value: i64) -> Self {
        Self::invalid(field, value, "must be greater than or equal to 0")
    }

    /// The message of a status cause: all but the field.
    pub fn message(&self) -> String {
        let mut text = self.reason.words().to_owned();
        let bare =
            matches!(self.reason, Reason::Required | Reason::Forbidden | Reason::TooLong | Reason::Internal);
        if !bare && !self.value.is_null() {
            text.push_str(&format!(": {}", self.value));
        }
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message())
    }
}

/// Checks an untyped object against its schema and brings it into the form that decoding gives:
/// unknown fields and nulls dropped, quantities and times canonical. For results of patches.
pub fn conform(schema: TypeRef, value: Value) -> Result<Decoded, DecodeError> {
    typed::read(schema, value)
}
