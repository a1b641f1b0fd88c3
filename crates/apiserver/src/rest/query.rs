//! Query parameters: `ListOptions`, write options, and single look-ups.

use crate::status::Status;
use crate::strategy;
use objects::registry::Kind;
use objects::selector::{FieldSelector, LabelSelector};
use std::time::Duration;

/// All parameters of a request in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

/// How `resourceVersion` of a list or watch is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionMatch {
    /// That revision, no other.
    Exact,
    /// That revision or any later one.
    NotOlderThan,
}

/// Parameters of a list or watch.
#[derive(Debug, Clone)]
pub(crate) struct ListOptions {
    pub(crate) labels: LabelSelector,
    pub(crate) fields: FieldSelector,
    /// Most items in the answer; 0 for all.
    pub(crate) limit: usize,
    pub(crate) continue_token: Option<String>,
    /// As sent; `Some(0)` is the explicit `0`.
    pub(crate) version: Option<u64>,
    pub(crate) version_match: Option<VersionMatch>,
    pub(crate) bookmarks: bool,
    pub(crate) send_initial_events: Option<bool>,
    pub(crate) timeout: Option<Duration>,
}

/// How unknown and duplicate fields in a body are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

// === impl Query ===

impl Query {
    /// Reads the part of a URL behind the question mark.
    pub(crate) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The first value of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A switch: there and neither `false` nor `0`.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value != "false" && value != "0")
    }

    /// A number, if the parameter is there and is one.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name).and_then(|value| value.parse().ok())
    }

    /// Whether nothing is to be stored.
    pub(crate) fn dry_run(&self) -> Result<bool, Status> {
        match self.get("dryRun") {
            None | Some("") => Ok(false),
            Some("All") => Ok(true),
            Some(other) => Err(unsupported("dryRun", other, "\"All\"")),
        }
    }

    /// The treatment of unknown fields; a warning is the default.
    pub(crate) fn field_validation(&self) -> Result<FieldValidation, Status> {
        match self.get("fieldValidation") {
            None | Some("" | "Warn") => Ok(FieldValidation::Warn),
            Some("Ignore") => Ok(FieldValidation::Ignore),
            Some("Strict") => Ok(FieldValidation::Strict),
            Some(other) => Err(unsupported("fieldValidation", other, "\"Ignore\", \"Strict\", \"Warn\"")),
        }
    }

    /// The parameters of a list or watch of that kind.
    pub(crate) fn list_options(&self, kind: &'static Kind) -> Result<ListOptions, Status> {
        let (labels, fields) =
            (self.get("labelSelector").unwrap_or(""), self.get("fieldSelector").unwrap_or(""));
        let unfit = |error: String| {
            Status::bad_request(format!(
                "Unable to find {:?} that match label selector {labels:?}, field selector {fields:?}: {error}",
                crate::status::resource(kind)
            ))
        };
        let label_selector = LabelSelector::parse(labels)
            .map_err(|e| Status::bad_request(format!("unable to parse requirement: {e}")))?;
        let field_selector = FieldSelector::parse(fields).map_err(|e| unfit(e.to_string()))?;
        let known = strategy::of(kind).selectable_fields();
        for term in &field_selector.terms {
            let path = term.path.as_str();
            let general = path == "metadata.name" || (path == "metadata.namespace" && kind.namespaced);
            if !general && !known.contains(&path) {
                return Err(unfit(format!("field label not supported: {path}")));
            }
        }
        let version = match self.get("resourceVersion") {
            None | Some("") => None,
            Some(text) => Some(text.parse().map_err(|_| {
                Status::bad_request(format!(
                    "Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
                ))
            })?),
        };
        let version_match = match self.get("resourceVersionMatch") {
            None | Some("") => None,
            Some("Exact") => Some(VersionMatch::Exact),
            Some("NotOlderThan") => Some(VersionMatch::NotOlderThan),
            Some(other) => {
                return Err(unsupported("resourceVersionMatch", other, "\"Exact\", \"NotOlderThan\""));
            }
        };
        let continue_token = self.get("continue").filter(|token| !token.is_empty()).map(str::to_owned);
        let options = ListOptions {
            labels: label_selector,
            fields: field_selector,
            limit: self.number::<i64>("limit").unwrap_or(0).max(0) as usize,
            continue_token,
            version,
            version_match,
            bookmarks: self.flag("allowWatchBookmarks").unwrap_or(false),
            send_initial_events: self.flag("sendInitialEvents"),
            timeout: self.number("timeoutSeconds").filter(|seconds| *seconds > 0).map(Duration::from_secs),
        };
        options.check(self.flag("watch").unwrap_or(false))?;
        Ok(options)
    }
}

// === impl ListOptions ===

impl ListOptions {
    /// Whether no selector leaves anything out.
    pub(crate) fn selects_all(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// The rules between the parameters, in upstream's words.
    fn check(&self, watch: bool) -> Result<(), Status> {
        let forbidden = |field: &str, text: &str| Err(invalid(&format!("{field}: Forbidden: {text}")));
        if watch {
            match (self.send_initial_events, self.version_match) {
                (None, Some(_)) => {
                    let text =
                        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
                    return forbidden("resourceVersionMatch", text);
                }
                (Some(_), found) if found != Some(VersionMatch::NotOlderThan) => {
                    let text = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
                    return forbidden("resourceVersionMatch", text);
                }
                _ => return Ok(()),
            }
        }
        if self.send_initial_events.is_some() {
            return forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
        }
        if self.version_match.is_some() && self.continue_token.is_some() {
            let text = "resourceVersionMatch is forbidden when continue is provided";
            return forbidden("resourceVersionMatch", text);
        }
        if self.version_match.is_some() && self.version.is_none() {
            let text = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            return forbidden("resourceVersionMatch", text);
        }
        if self.version_match == Some(VersionMatch::Exact) && self.version == Some(0) {
            let text = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            return forbidden("resourceVersionMatch", text);
        }
        Ok(())
    }
}

fn unsupported(field: &str, value: &str, supported: &str) -> Status {
    invalid(&format!("{field}: Unsupported value: {value:?}: supported values: {supported}"))
}

fn invalid(text: &str) -> Status {
    Status::new(422, "Invalid", format!("ListOptions.meta.k8s.io \"\" is invalid: {text}"))
}
