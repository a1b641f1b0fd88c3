//! Versions as Flyway compares them: numbers separated by dots or underscores, trailing zeros without meaning.

use std::cmp::Ordering;
use std::fmt;

/// A version; keeps its text, compares by its numbers.
#[derive(Debug, Clone)]
pub struct Version {
    text: String,
    /// Digits without leading zeros, compared by length and then by text: versions like
    /// `20261122190000123456789` do not fit a machine word.
    parts: Vec<String>,
}

impl Version {
    /// Parses `1.2_3`; `None` when a part is not a number.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.replace('_', ".");
        let mut parts = Vec::new();
        for part in text.split('.') {
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            parts.push(part.trim_start_matches('0').to_owned());
        }
        while parts.last().is_some_and(String::is_empty) {
            parts.pop();
        }
        Some(Self { text, parts })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |part: Option<&String>| (part.map_or(0, String::len), part.cloned().unwrap_or_default());
        (0..self.parts.len().max(other.parts.len()))
            .map(|i| number(self.parts.get(i)).cmp(&number(other.parts.get(i))))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        let sorted =
            ["1", "1.1", "1.2", "1.10", "2_1", "10", "20261122190000123456789", "20261122190000123456790"];
        for pair in sorted.windows(2) {
            assert!(Version::parse(pair[0]).unwrap() < Version::parse(pair[1]).unwrap(), "{pair:?}");
        }
        assert_eq!(Version::parse("1.0").unwrap(), Version::parse("01").unwrap());
        assert_eq!(Version::parse("1_2").unwrap().to_string(), "1.2");
    }

    #[test]
    fn only_numbers_are_versions() {
        for text in ["", "a", "1.", ".1", "1..2", "1-2"] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }
}
