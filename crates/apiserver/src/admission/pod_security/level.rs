//! Which Pod Security Standard a namespace asks for: levels and versions from its labels.

use std::fmt;

use objects::meta;
use objects::validate::FieldError;
use serde_json::Value;

/// What all labels begin with.
const PREFIX: &str = "pod-security.kubernetes.io/";

/// How strict, from loose to strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Privileged,
    Baseline,
    Restricted,
}

/// The minor version of v1 whose rules count; none: the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version(Option<u32>);

/// A level as of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standard {
    pub(super) level: Level,
    pub(super) version: Version,
}

/// What a namespace asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Policy {
    /// Pods below this are refused.
    pub(super) enforce: Standard,
    /// Pods below this, and what makes such pods, are warned of.
    pub(super) warn: Standard,
    /// Labels that cannot be read.
    pub(super) errors: Vec<FieldError>,
}

impl Level {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "privileged" => Some(Self::Privileged),
            "baseline" => Some(Self::Baseline),
            "restricted" => Some(Self::Restricted),
            _ => None,
        }
    }
}

impl Version {
    const LATEST: Self = Self(None);

    fn parse(text: &str) -> Option<Self> {
        if text == "latest" {
            return Some(Self::LATEST);
        }
        let digits = text.strip_prefix("v1.")?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let minor = digits.parse().ok().filter(|_| plain && (digits == "0" || !digits.starts_with('0')))?;
        Some(Self(Some(minor)))
    }

    /// The minor version, no later than the newest rules.
    pub(super) fn minor(self) -> u32 {
        self.0.unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Standard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        };
        match self.version.0 {
            None => write!(formatter, "{level}:latest"),
            Some(minor) => write!(formatter, "{level}:v1.{minor}"),
        }
    }
}

/// What the labels of a namespace ask for. A level that cannot be read is enforced as the strictest and warned of
/// as the loosest. Without a level of their own warnings are given for what is enforced.
pub(super) fn policy(namespace: &Value) -> Policy {
    let mut errors = Vec::new();
    let mut read = |mode: &str, fallback: Level| {
        let name = format!("{PREFIX}{mode}");
        let level = meta::label(namespace, &name).map(|text| {
            Level::parse(text).ok_or_else(|| {
                let detail = "must be one of privileged, baseline, restricted";
                errors.push(FieldError::invalid(format!("metadata.labels[{name}]"), text, detail));
                fallback
            })
        });
        let name = format!("{name}-version");
        let version = meta::label(namespace, &name).map(|text| {
            Version::parse(text).unwrap_or_else(|| {
                let detail = "must be \"latest\" or \"v1.x\"";
                errors.push(FieldError::invalid(format!("metadata.labels[{name}]"), text, detail));
                Version::LATEST
            })
        });
        (level, version)
    };
    let (enforced, enforced_version) = read("enforce", Level::Restricted);
    // Read for its errors: there is no log of requests that its findings could go to.
    read("audit", Level::Privileged);
    let (warned, warned_version) = read("warn", Level::Privileged);
    let standard = |level: Option<Result<Level, Level>>, version: Option<Version>| Standard {
        level: level.map_or(Level::Privileged, |level| level.unwrap_or_else(|fallback| fallback)),
        version: version.unwrap_or(Version::LATEST),
    };
    let enforce = standard(enforced, enforced_version);
    let mut warn = standard(warned, warned_version);
    if warned.is_none() && matches!(enforced, Some(Ok(_))) && enforce.level > warn.level {
        warn = Standard { level: enforce.level, version: warned_version.unwrap_or(enforce.version) };
    }
    Policy { enforce, warn, errors }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(labels: &[(&str, &str)]) -> (String, String, Vec<String>) {
        let labels: serde_json::Map<String, Value> =
            labels.iter().map(|(key, value)| (format!("{PREFIX}{key}"), (*value).into())).collect();
        let policy = policy(&json!({"metadata": {"labels": labels}}));
        let errors = policy.errors.iter().map(ToString::to_string).collect();
        (policy.enforce.to_string(), policy.warn.to_string(), errors)
    }

    #[test]
    fn labels_name_levels_and_versions() {
        let plain = |enforce: &str, warn: &str| (enforce.to_owned(), warn.to_owned(), Vec::new());
        assert_eq!(of(&[]), plain("privileged:latest", "privileged:latest"));
        assert_eq!(of(&[("enforce", "baseline")]), plain("baseline:latest", "baseline:latest"));
        assert_eq!(
            of(&[("enforce", "baseline"), ("enforce-version", "v1.24")]),
            plain("baseline:v1.24", "baseline:v1.24")
        );
        assert_eq!(
            of(&[("enforce", "baseline"), ("warn", "restricted"), ("warn-version", "v1.30")]),
            plain("baseline:latest", "restricted:v1.30")
        );
        assert_eq!(
            of(&[("enforce", "restricted"), ("warn", "privileged")]),
            plain("restricted:latest", "privileged:latest")
        );
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let (enforce, warn, errors) = of(&[("enforce", "strict"), ("audit-version", "1.2"), ("warn", "x")]);
        assert_eq!((enforce.as_str(), warn.as_str()), ("restricted:latest", "privileged:latest"));
        assert_eq!(
            errors,
            [
                "metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"strict\": must be one of privileged, baseline, restricted",
                "metadata.labels[pod-security.kubernetes.io/audit-version]: Invalid value: \"1.2\": must be \"latest\" or \"v1.x\"",
                "metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: \"x\": must be one of privileged, baseline, restricted",
            ]
        );
        assert_eq!(Version::parse("v1.01"), None);
        assert_eq!(Version::parse("v1."), None);
    }
}
