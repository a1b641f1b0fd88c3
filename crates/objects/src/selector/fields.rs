//! Field selectors: `metadata.name=a,status.phase!=Running`.

use serde_json::Value;

use super::SelectorError;

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
    /// Reads terms separated by commas, with `\\`, `\,` and `\=` as escapes in values. Empty terms are skipped.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut terms = Vec::new();
        for term in split(text) {
            if term.is_empty() {
                continue;
            }
            let found = term.char_indices().find_map(|(at, _)| {
                let rest = &term[at..];
                [("!=", false), ("==", true), ("=", true)]
                    .into_iter()
                    .find(|(operator, _)| rest.starts_with(operator))
                    .map(|(operator, equal)| (&term[..at], &rest[operator.len()..], equal))
            });
            let Some((path, value, equal)) = found else {
                return Err(SelectorError(format!("invalid selector: '{text}'; can't understand '{term}'")));
            };
            terms.push(FieldTerm { path: path.to_owned(), value: unescape(value)?, equal });
        }
        Ok(Self { terms })
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
        self.terms.iter().all(|term| term.matches(object))
    }
}

impl FieldTerm {
    fn matches(&self, object: &Value) -> bool {
        let field = self.path.split('.').try_fold(object, |value, name| value.get(name));
        let equal = match field {
            None | Some(Value::Null) => matches!(self.value.as_str(), "" | "false" | "0"),
            Some(Value::String(text)) => *text == self.value,
            Some(Value::Bool(value)) => self.value == if *value { "true" } else { "false" },
            Some(Value::Number(number)) => number.to_string() == self.value,
            Some(Value::Array(_) | Value::Object(_)) => false,
        };
        equal == self.equal
    }
}

/// Splits at commas that are not escaped.
fn split(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, letter) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == ',' {
            terms.push(&text[start..at]);
            start = at + 1;
        }
    }
    terms.push(&text[start..]);
    terms
}

fn unescape(value: &str) -> Result<String, SelectorError> {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                other => {
                    let sequence: String = std::iter::once('\\').chain(other).collect();
                    let text = format!("invalid field selector: invalid escape sequence: {sequence}");
                    return Err(SelectorError(text));
                }
            },
            ',' | '=' => {
                let text = format!("invalid field selector: unescaped character in value: {}", letter as u32);
                return Err(SelectorError(text));
            }
            letter => plain.push(letter),
        }
    }
    Ok(plain)
}
