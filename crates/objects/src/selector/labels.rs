//! Requirements on labels and how they match.

use std::fmt;

use serde_json::{Map, Value};

use super::{SelectorError, parse};
use crate::validate;

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
        Ok(Self { requirements: parse::requirements(text)?, nothing: false })
    }

    /// Reads the object form with `matchLabels` and `matchExpressions`; null selects nothing, an empty object
    /// everything.
    pub fn from_object(selector: &Value) -> Result<Self, SelectorError> {
        let Value::Object(selector) = selector else { return Ok(Self::nothing()) };
        let mut requirements = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement::new(key.clone(), Operator::In, vec![value])?);
        }
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            requirements.push(Requirement::from_expression(expression)?);
        }
        Ok(Self { requirements, nothing: false })
    }

    /// Reads a plain map of labels, as in a Service's `spec.selector`; null and an empty map select nothing.
    pub fn from_map(labels: &Value) -> Self {
        let requirements: Vec<Requirement> = labels
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| Requirement {
                key: key.clone(),
                operator: Operator::In,
                values: vec![value.as_str().unwrap_or_default().to_owned()],
            })
            .collect();
        let nothing = requirements.is_empty();
        Self { requirements, nothing }
    }

    /// Whether it selects every object.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Whether it selects no object, whatever its labels.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// The requirements, all of which must hold.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether an object's `metadata.labels` fit.
    pub fn matches(&self, object: &Value) -> bool {
        self.matches_labels(object.get("metadata").and_then(|metadata| metadata.get("labels")))
    }

    /// Whether a map of labels fits; absent or not a map is an empty one.
    pub fn matches_labels(&self, labels: Option<&Value>) -> bool {
        let labels = labels.and_then(Value::as_object);
        !self.nothing && self.requirements.iter().all(|requirement| requirement.matches(labels))
    }
}

impl fmt::Display for LabelSelector {
    /// The text form, as in `status.selector` of a `Scale`: requirements in order of their keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<&Requirement> = self.requirements.iter().collect();
        sorted.sort_by(|left, right| left.key.cmp(&right.key));
        for (at, requirement) in sorted.into_iter().enumerate() {
            if at > 0 {
                formatter.write_str(",")?;
            }
            requirement.fmt(formatter)?;
        }
        Ok(())
    }
}

impl Requirement {
    /// A checked requirement.
    pub(super) fn new(key: String, operator: Operator, values: Vec<String>) -> Result<Self, SelectorError> {
        let invalid = |place: &str, value: &str, what: &str| {
            Err(SelectorError(format!("{place}: Invalid value: {value:?}: {what}")))
        };
        let problems = validate::qualified_name(&key);
        if !problems.is_empty() {
            return invalid("<nil>", &key, &problems.join("; "));
        }
        match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                let what =
                    "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty";
                return Err(SelectorError(what.to_owned()));
            }
            Operator::Exists | Operator::Absent if !values.is_empty() => {
                let what = "values set must be empty for exists and does not exist";
                return Err(SelectorError(format!("values: Invalid value: {values:?}: {what}")));
            }
            Operator::Greater | Operator::Less => {
                let bad = values.iter().enumerate().find(|(_, value)| value.parse::<i64>().is_err());
                if let Some((at, value)) = bad {
                    let what = "for 'Gt', 'Lt' operators, the value must be an integer";
                    return invalid(&format!("values[{at}]"), value, what);
                }
            }
            _ => {}
        }
        for (at, value) in values.iter().enumerate() {
            let problems = validate::label_value(value);
            if !problems.is_empty() {
                return invalid(&format!("values[{at}][{key}]"), value, &problems.join("; "));
            }
        }
        Ok(Self { key, operator, values })
    }

    fn from_expression(expression: &Value) -> Result<Self, SelectorError> {
        let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
        let operator = match text("operator") {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::Absent,
            other => return Err(SelectorError(format!("{other:?} is not a valid label selector operator"))),
        };
        let values = expression.get("values").and_then(Value::as_array);
        let values = values.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        Self::new(text("key").to_owned(), operator, values)
    }

    fn matches(&self, labels: Option<&Map<String, Value>>) -> bool {
        let value = labels.and_then(|labels| labels.get(&self.key)).and_then(Value::as_str);
        let compare = |fits: fn(i64, i64) -> bool| {
            let value = value.and_then(|value| value.parse().ok());
            let bound = self.values.first().and_then(|bound| bound.parse().ok());
            value.zip(bound).is_some_and(|(value, bound)| fits(value, bound))
        };
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.iter().any(|one| one == value)),
            Operator::NotIn => value.is_none_or(|value| self.values.iter().all(|one| one != value)),
            Operator::Exists => value.is_some(),
            Operator::Absent => value.is_none(),
            Operator::Greater => compare(|value, bound| value > bound),
            Operator::Less => compare(|value, bound| value < bound),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, operator, values } = self;
        let mut sorted: Vec<&str> = values.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        let list = sorted.join(",");
        match operator {
            Operator::In if values.len() == 1 => write!(formatter, "{key}={list}"),
            Operator::NotIn if values.len() == 1 => write!(formatter, "{key}!={list}"),
            Operator::In => write!(formatter, "{key} in ({list})"),
            Operator::NotIn => write!(formatter, "{key} notin ({list})"),
            Operator::Exists => write!(formatter, "{key}"),
            Operator::Absent => write!(formatter, "!{key}"),
            Operator::Greater => write!(formatter, "{key}>{list}"),
            Operator::Less => write!(formatter, "{key}<{list}"),
        }
    }
}
