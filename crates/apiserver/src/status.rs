//! Errors as the API speaks them: `meta/v1 Status` with upstream's reasons, codes and message texts.
//!
//! kubectl and client libraries act on `code`, `reason` and `details`, and people read `message`; all three
//! follow kube-apiserver word for word. Mapping any failure to HTTP happens here and nowhere else.

use objects::registry::Kind;
use objects::validate::FieldError;
use serde_json::{Value, json};

/// One failed request: what the client gets as a `Status` object of that HTTP code.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason, e.g. `NotFound`; empty when upstream gives none.
    pub reason: &'static str,
    /// Text for people.
    pub message: String,
    /// What it is about: name, group, kind (plural resource or kind name, as upstream), uid, causes.
    pub details: Option<Box<Details>>,
    /// A continue token that the client may use instead (expired lists only).
    pub continue_token: Option<String>,
}

/// The `details` of a [`Status`].
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// Name of the object.
    pub name: String,
    /// API group of the object.
    pub group: String,
    /// Plural resource name or kind, as upstream fills it for the reason at hand.
    pub kind: String,
    /// UID of the object.
    pub uid: String,
    /// The single faults.
    pub causes: Vec<Cause>,
    /// Seconds after which a retry makes sense; zero for none.
    pub retry_after_seconds: u32,
}

/// One cause in [`Details`].
#[derive(Debug, Clone)]
pub struct Cause {
    /// Machine-readable type, e.g. `FieldValueInvalid`.
    pub reason: &'static str,
    /// Text for people, without the field.
    pub message: String,
    /// Path of the field, e.g. `spec.ports[0].port`.
    pub field: String,
}

// === impl Status ===

impl Status {
    /// A status without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, continue_token: None }
    }

    fn with(code: u16, reason: &'static str, message: String, details: Details) -> Self {
        Self { code, reason, message, details: Some(Box::new(details)), continue_token: None }
    }

    fn about(kind: &Kind, name: &str) -> Details {
        Details {
            name: name.into(),
            group: kind.group.into(),
            kind: kind.plural.into(),
            ..Details::default()
        }
    }

    /// The object does not exist.
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource(kind));
        Self::with(404, "NotFound", message, Self::about(kind, name))
    }

    /// The path names nothing that is served.
    pub fn unknown_path() -> Self {
        let message = "the server could not find the requested resource".into();
        Self::with(404, "NotFound", message, Details::default())
    }

    /// The name is taken.
    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource(kind));
        Self::with(409, "AlreadyExists", message, Self::about(kind, name))
    }

    /// Every generated name was taken.
    pub fn generate_name_conflict(kind: &Kind, name: &str) -> Self {
        let message = format!(
            "{} \"{name}\" already exists, the server was not able to generate a unique name for the object",
            resource(kind)
        );
        Self::with(409, "AlreadyExists", message, Self::about(kind, name))
    }

    /// The write conflicts with the state; `detail` says how.
    pub fn conflict(kind: &Kind, name: &str, detail: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {detail}", resource(kind));
        Self::with(409, "Conflict", message, Self::about(kind, name))
    }

    /// The resourceVersion sent is not the current one.
    pub fn modified(kind: &Kind, name: &str) -> Self {
        let detail =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, detail)
    }

    /// Server-side apply met fields of other managers.
    pub fn apply_conflict(message: String, causes: Vec<Cause>) -> Self {
        Self::with(409, "Conflict", message, Details { causes, ..Details::default() })
    }

    /// The user may not do that; `detail` says who and what.
    pub fn forbidden(kind: &Kind, name: &str, detail: &str) -> Self {
        let message = if name.is_empty() {
            format!("{} is forbidden: {detail}", resource(kind))
        } else {
            format!("{} \"{name}\" is forbidden: {detail}", resource(kind))
        };
        Self::with(403, "Forbidden", message, Self::about(kind, name))
    }

    /// The user may not use that path.
    pub fn forbidden_path(path: &str, detail: &str) -> Self {
        Self::with(403, "Forbidden", format!("forbidden: {detail}{path}"), Details::default())
    }

    /// Nobody that this server knows.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// The object breaks rules of its kind.
    pub fn invalid(kind: &Kind, name: &str, errors: &[FieldError]) -> Self {
        let mut texts: Vec<String> = Vec::new();
        for error in errors {
            let text = if error.field.is_empty() { error.message() } else { error.to_string() };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let list = if texts.len() == 1 { texts.remove(0) } else { format!("[{}]", texts.join(", ")) };
        let title =
            if kind.group.is_empty() { kind.kind.into() } else { format!("{}.{}", kind.kind, kind.group) };
        let message = format!("{title} \"{name}\" is invalid: {list}");
        let causes = errors
            .iter()
            .map(|e| Cause { reason: e.reason.cause(), message: e.message(), field: e.field.clone() })
            .collect();
        let details = Details { causes, kind: kind.kind.into(), ..Self::about(kind, name) };
        Self::with(422, "Invalid", message, details)
    }

    /// The resource does not know the verb.
    pub fn method_not_supported(kind: &Kind, verb: &str) -> Self {
        let message = format!("{verb} is not supported on resources of kind \"{}\"", resource(kind));
        Self::with(405, "MethodNotAllowed", message, Self::about(kind, ""))
    }

    /// The path is served, but not with this HTTP method.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::with(405, "MethodNotAllowed", message.into(), Details::default())
    }

    /// None of the media types in `Accept` is produced here.
    pub fn not_acceptable(accepted: &[&str]) -> Self {
        let message = format!("only the following media types are accepted: {}", accepted.join(", "));
        Self::new(406, "NotAcceptable", message)
    }

    /// The body's media type is not read here.
    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// The body is over the limit of so many bytes.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// The history back to the revision asked for is gone.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// A revision of the future was asked for.
    pub fn future_revision(wanted: u64, current: u64) -> Self {
        let cause = Cause {
            reason: "ResourceVersionTooLarge",
            message: "Too large resource version".into(),
            field: String::new(),
        };
        let message = format!("Too large resource version: {wanted}, current: {current}");
        let details = Details { causes: vec![cause], retry_after_seconds: 1, ..Details::default() };
        Self::with(504, "Timeout", message, details)
    }

    /// Too many requests now; retry after so many seconds.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        let details = Details { retry_after_seconds, ..Details::default() };
        Self::with(429, "TooManyRequests", message.into(), details)
    }

    /// Something in the server failed; the text goes to the client, so no secrets.
    pub fn internal(message: impl Into<String>) -> Self {
        let message = message.into();
        let cause = Cause { reason: "", message: message.clone(), field: String::new() };
        let details = Details { causes: vec![cause], ..Details::default() };
        Self::with(500, "InternalError", format!("Internal error occurred: {message}"), details)
    }

    /// A part that the request needs is away for now.
    pub fn service_unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    /// Adds a cause, e.g. `DisruptionBudget` to a refused eviction.
    #[must_use]
    pub fn with_cause(
        mut self,
        reason: &'static str,
        message: impl Into<String>,
        field: impl Into<String>,
    ) -> Self {
        let cause = Cause { reason, message: message.into(), field: field.into() };
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// As the `v1 Status` object that goes to the client.
    pub fn to_value(&self) -> Value {
        let mut meta = json!({});
        if let Some(token) = &self.continue_token {
            meta["continue"] = json!(token);
        }
        let mut object = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": meta,
            "status": "Failure", "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            object["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            object["details"] = details.to_value();
        }
        object
    }
}

// === impl Details ===

impl Details {
    fn to_value(&self) -> Value {
        let mut value = json!({});
        for (key, text) in
            [("name", &self.name), ("group", &self.group), ("kind", &self.kind), ("uid", &self.uid)]
        {
            if !text.is_empty() {
                value[key] = json!(text);
            }
        }
        if !self.causes.is_empty() {
            value["causes"] = self.causes.iter().map(Cause::to_value).collect();
        }
        if self.retry_after_seconds > 0 {
            value["retryAfterSeconds"] = json!(self.retry_after_seconds);
        }
        value
    }
}

// === impl Cause ===

impl Cause {
    fn to_value(&self) -> Value {
        let mut value = json!({});
        for (key, text) in [("reason", self.reason), ("message", &self.message), ("field", &self.field)] {
            if !text.is_empty() {
                value[key] = json!(text);
            }
        }
        value
    }
}

/// A resource in upstream's messages: `deployments.apps`, or `pods` for the core group.
pub(crate) fn resource(kind: &Kind) -> String {
    if kind.group.is_empty() { kind.plural.into() } else { format!("{}.{}", kind.plural, kind.group) }
}
