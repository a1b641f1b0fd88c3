//! Label selectors (text and object form) and field selectors.

use serde_json::Value;
use thiserror::Error;

/// Why a selector cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SelectorError(pub String);

/// A conjunction of requirements on labels; without any it selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
    nothing: bool,
}

/// One requirement on a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Label key.
    pub key: String,
    /// What is asked of its value.
    pub operator: Operator,
    /// Operands: any number for `In` and `NotIn`, one for `Greater` and `Less`, else none.
    pub values: Vec<String>,
}

/// What is asked of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// The value is one of the operands.
    In,
    /// The label is absent or its value is none of the operands.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    Absent,
    /// The value is an integer greater than the operand.
    Greater,
    /// The value is an integer less than the operand.
    Less,
}

impl LabelSelector {
    /// Selects everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Selects nothing.
    pub fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    /// Reads the text form: `app=web,tier in (a,b),!old`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let _ = text;
        Ok(Self::default())
    }

    /// Reads the object form with `matchLabels` and `matchExpressions`; null selects nothing, an empty object everything.
    pub fn from_object(selector: &Value) -> Result<Self, SelectorError> {
        let _ = selector;
        Ok(Self::default())
    }

    /// Reads a plain map of labels, as in a Service's `spec.selector`; null selects nothing.
    pub fn from_map(labels: &Value) -> Self {
        let _ = labels;
        Self::default()
    }

    /// Whether it selects every object.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// The requirements, all of which must hold.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether an object's `metadata.labels` fit.
    pub fn matches(&self, object: &Value) -> bool {
        self.matches_labels(object.pointer("/metadata/labels"))
    }

    /// Whether a map of labels fits.
    pub fn matches_labels(&self, labels: Option<&Value>) -> bool {
        let _ = labels;
        !self.nothing
    }
}

/// A conjunction of `path=value` and `path!=value` terms on an object's fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldSelector {
    /// The terms, all of which must hold.
    pub terms: Vec<FieldTerm>,
}

/// One term of a field selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldTerm {
    /// Path such as `spec.nodeName`.
    pub path: String,
    /// The value compared with.
    pub value: String,
    /// `false` for `!=`.
    pub equal: bool,
}

impl FieldSelector {
    /// Reads `metadata.name=a,status.phase!=Running`, with `\\`, `\,` and `\=` as escapes in values.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let _ = text;
        Ok(Self::default())
    }

    /// Whether it selects every object.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// The value that the field must have, if a term demands one.
    pub fn required(&self, path: &str) -> Option<&str> {
        self.terms.iter().find(|term| term.equal && term.path == path).map(|term| term.value.as_str())
    }

    /// Whether an object fits. An absent field counts as the empty text, `false` or `0`, as in Go.
    /// Which paths a kind allows is the API server's to check.
    pub fn matches(&self, object: &Value) -> bool {
        let _ = object;
        true
    }
}
