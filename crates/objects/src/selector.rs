//! Label selectors (text and object form) and field selectors.
//!
//! Grammar, answers and error texts are those of Kubernetes.

mod fields;
mod labels;
mod parse;

use thiserror::Error;

pub use self::fields::{FieldSelector, FieldTerm};
pub use self::labels::{LabelSelector, Operator, Requirement};

/// Why a selector cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SelectorError(pub String);
