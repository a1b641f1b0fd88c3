//! PATCH: JSON patch, merge patch, strategic merge patch and server-side apply of an object or its subresource.

use super::body::{self, Expected};
use super::query::FieldValidation;
use super::write::{Change, Write};
use super::{Body, Call, create, negotiate, reply};
use crate::status::{Cause, Status};
use http::Response;
use objects::codec;
use objects::meta;
use objects::patch::apply::{self, ApplyError, Writer};
use objects::patch::{self, PatchError};
use objects::registry::Kind;
use objects::validate;
use serde_json::Value;
use std::sync::Mutex;

/// The media types of patches, in messages.
const READ: [&str; 5] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
    "application/apply-patch+cbor",
];

/// A patch, read.
pub(crate) enum Patch {
    Json(Vec<u8>),
    Merge(Value),
    Strategic(Value),
}

/// Changes the object as the patch says.
pub(crate) async fn patch(mut call: Call) -> Result<Response<Body>, Status> {
    let output = negotiate::output(&call.parts.headers)?;
    let bytes = body::read(std::mem::replace(&mut call.body, reply::full(""))).await?;
    let mode = call.query.field_validation()?;
    let mut write = Write::of(&call)?;
    let media_type = body::media_type(&call.parts.headers);
    let name = call.target.name()?;
    let written = if media_type == "application/apply-patch+yaml" {
        let (subresource, manager) = (call.target.subresource_name(), write.manager.clone());
        let force = call.query.flag("force").unwrap_or(false);
        if call.query.get("fieldManager").is_none_or(str::is_empty) {
            return Err(Status::new(
                422,
                "Invalid",
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
            ));
        }
        let kind = call.target.kind;
        let applied = read_applied(&call, &bytes, mode, &mut write.warnings)?;
        let change = |live: Option<&Value>, now: &str| {
            let writer = Writer { manager: &manager, subresource, now };
            apply::apply(kind.schema, live, &applied, writer, force).map_err(refused)
        };
        write.update(name, Change::Apply(&change)).await?
    } else {
        let kind = call.target.kind;
        let patch = Patch::read(media_type, &bytes)?;
        let warnings = Mutex::new(Vec::new());
        let change = |old: &Value| {
            let mut found = Vec::new();
            let new = patch.apply(kind, old, mode, &mut found)?;
            *warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = found;
            Ok(new)
        };
        let written = write.update(name, Change::Update(&change)).await?;
        write.warnings.extend(warnings.into_inner().unwrap_or_default());
        written
    };
    create::answer(&call, output, &written, &write.warnings)
}

/// The applied configuration: an object of the kind, of which only what this path writes counts.
fn read_applied(
    call: &Call,
    bytes: &[u8],
    mode: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Value, Status> {
    let (kind, name) = (call.target.kind, call.target.name()?);
    let typed = body::decode(Expected::object(kind), "application/yaml", bytes, mode, warnings)?;
    let sent = codec::documents(bytes).ok().and_then(|mut documents| documents.pop()).unwrap_or_default();
    let mut applied = restricted(typed, &sent);
    meta::set_type(&mut applied, &kind.api_version(), kind.kind);
    if applied["metadata"]
        .get("managedFields")
        .is_some_and(|fields| !fields.is_null() && *fields != Value::Array(vec![]))
    {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    if meta::name(&applied).is_empty() {
        meta::set(&mut applied, "name", name);
    }
    if meta::name(&applied) != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            meta::name(&applied)
        )));
    }
    let namespace = call.target.namespace.as_deref().unwrap_or_default();
    if meta::namespace(&applied).is_empty() {
        meta::set(&mut applied, "namespace", namespace);
    }
    let has_status = kind.subresource("status").is_some();
    let fields = meta::map_mut(&mut applied);
    match call.target.subresource_name() {
        "" if has_status => {
            fields.remove("status");
        }
        "status" => {
            fields.retain(|field, _| matches!(field.as_str(), "apiVersion" | "kind" | "metadata" | "status"))
        }
        _ => {}
    }
    Ok(applied)
}

/// Of a decoded object, what the client sent: decoding adds empty values that a type always has, and to apply a
/// field is to own it.
fn restricted(typed: Value, sent: &Value) -> Value {
    match (typed, sent) {
        (Value::Object(typed), Value::Object(sent)) => {
            let kept = typed.into_iter().filter_map(|(key, value)| {
                let sent = sent.get(&key)?;
                Some((key, restricted(value, sent)))
            });
            Value::Object(kept.collect())
        }
        (Value::Array(typed), Value::Array(sent)) if typed.len() == sent.len() => {
            typed.into_iter().zip(sent).map(|(typed, sent)| restricted(typed, sent)).collect()
        }
        (typed, _) => typed,
    }
}

fn refused(error: ApplyError) -> Status {
    match &error {
        ApplyError::Malformed(text) => Status::bad_request(text.clone()),
        ApplyError::Conflicts(conflicts) => {
            let causes = conflicts.iter().map(|conflict| Cause {
                reason: "FieldManagerConflict",
                message: format!("conflict with {}", conflict.manager),
                field: conflict.field.clone(),
            });
            Status::apply_conflict(error.to_string(), causes.collect())
        }
    }
}

// === impl Patch ===

impl Patch {
    /// Reads a patch of that media type.
    pub(crate) fn read(media_type: &str, bytes: &[u8]) -> Result<Self, Status> {
        let value = || -> Result<Value, Status> {
            let value: Value = serde_json::from_slice(bytes)
                .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
            if value.is_object() { Ok(value) } else { Err(Status::bad_request("a patch must be an object")) }
        };
        match media_type {
            "application/json-patch+json" => Ok(Self::Json(bytes.to_vec())),
            "application/merge-patch+json" => Ok(Self::Merge(value()?)),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic(value()?)),
            _ => Err(Status::unsupported_media_type(&READ)),
        }
    }

    /// The patched object of a kind, checked against the schema.
    fn apply(
        &self,
        kind: &'static Kind,
        old: &Value,
        mode: FieldValidation,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        self.apply_to(Expected::object(kind), old, mode, warnings)
    }

    /// The patched object of a type, checked against its schema.
    pub(crate) fn apply_to(
        &self,
        expected: Expected<'_>,
        old: &Value,
        mode: FieldValidation,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        let patched = match self {
            Self::Json(bytes) => patch::json(old, bytes),
            Self::Merge(patch) => Ok(patch::merge(old, patch)),
            Self::Strategic(patch) => patch::strategic(expected.schema, old, patch),
        };
        let patched = patched.map_err(|error| match error {
            PatchError::Malformed(text) => Status::bad_request(text),
            PatchError::TooLarge(text) => Status::new(413, "RequestEntityTooLarge", text),
            PatchError::Unprocessable(text) => Status::new(422, "Invalid", text),
        })?;
        let decoded = validate::conform(expected.schema, patched).map_err(|error| expected.unfit(&error))?;
        body::settle(expected, &decoded.problems, mode, warnings)?;
        Ok(decoded.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_applied_object_has_no_field_that_was_not_sent() {
        let typed = json!({"a": {"b": "1", "empty": {}}, "list": [{"x": 1, "y": ""}], "z": ""});
        let sent = json!({"a": {"b": 1}, "list": [{"x": 1}]});
        assert_eq!(restricted(typed, &sent), json!({"a": {"b": "1"}, "list": [{"x": 1}]}));
    }
}
