//! Request bodies: read with a limit, decoded by media type, checked for fields that the kind does not know.

use super::Body;
use super::query::FieldValidation;
use crate::status::Status;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use objects::codec::{self, Codec, DecodeError};
use objects::registry::Kind;
use objects::schema::TypeRef;
use serde_json::Value;

/// Bodies may have so many bytes; etcd's default of 1.5 MiB with room for the rest, as upstream.
const LIMIT: usize = 3 << 20;

/// What is read, in messages when the media type is unknown.
const READ: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

/// Reads a whole body.
pub(crate) async fn read(mut body: Body) -> Result<Bytes, Status> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Status::bad_request(format!("the body of the request could not be read: {error}"))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > LIMIT {
            return Err(Status::too_large(LIMIT));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// The media type of a body without parameters; JSON when the client says nothing.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match text.split(';').next().unwrap_or_default().trim() {
        "" => "application/json",
        media_type => media_type,
    }
}

/// Decodes an object of a kind, checks that it is of that kind, and settles unknown fields: they are dropped, and
/// by `mode` named in `warnings` or a failure. `schema` is the kind's, or that of a subresource.
pub(crate) fn decode(
    expected: Expected<'_>,
    media_type: &str,
    bytes: &[u8],
    mode: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Value, Status> {
    let decoded =
        codec(media_type, bytes)?.decode(expected.schema, bytes).map_err(|error| expected.unfit(&error))?;
    let value = expected.of_that_kind(decoded.value)?;
    settle(expected, &decoded.problems, mode, warnings)?;
    Ok(value)
}

/// Decodes options in a body. Clients send them under the group they act on, so only the schema counts.
pub(crate) fn decode_options(
    expected: Expected<'_>,
    media_type: &str,
    bytes: &[u8],
) -> Result<Value, Status> {
    let decoded =
        codec(media_type, bytes)?.decode(expected.schema, bytes).map_err(|error| expected.unfit(&error))?;
    Ok(decoded.value)
}

/// The codec for a body. What is called YAML is most often JSON, whose reader is stricter and faster.
fn codec(media_type: &str, bytes: &[u8]) -> Result<&'static dyn Codec, Status> {
    let codec = codec::for_media_type(media_type).ok_or_else(|| Status::unsupported_media_type(&READ))?;
    let is_json = bytes.trim_ascii_start().first() == Some(&b'{');
    Ok(if is_json && media_type.contains("yaml") { &codec::Json } else { codec })
}

/// Treats findings about unknown and duplicate fields by `mode`.
pub(crate) fn settle(
    expected: Expected<'_>,
    problems: &[String],
    mode: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<(), Status> {
    match mode {
        _ if problems.is_empty() => Ok(()),
        FieldValidation::Ignore => Ok(()),
        FieldValidation::Warn => {
            warnings.extend_from_slice(problems);
            Ok(())
        }
        FieldValidation::Strict => {
            let problem = format!("strict decoding error: {}", problems.join(", "));
            Err(Status::bad_request(expected.sentence(&problem)))
        }
    }
}

/// The type that a body must have.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) schema: TypeRef,
}

// === impl Expected ===

impl<'a> Expected<'a> {
    /// An object of that kind.
    pub(crate) fn object(kind: &Kind) -> Expected<'static> {
        Expected { group: kind.group, version: kind.version, kind: kind.kind, schema: kind.schema }
    }

    fn sentence(&self, problem: &str) -> String {
        format!("{0} in version {1:?} cannot be handled as a {0}: {problem}", self.kind, self.version)
    }

    /// The answer to bytes that do not decode.
    pub(crate) fn unfit(&self, error: &DecodeError) -> Status {
        match error {
            DecodeError::Type(text) => Status::bad_request(self.sentence(text)),
            DecodeError::Syntax(text) => Status::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): couldn't get version/kind; \
                 json parse error: {text}",
                self.kind
            )),
        }
    }

    /// Sets the type where the client left it out and refuses another one.
    fn of_that_kind(&self, mut value: Value) -> Result<Value, Status> {
        if !value.is_object() {
            let text = format!("json: cannot unmarshal into Go value of type {}", self.kind);
            return Err(Status::bad_request(self.sentence(&text)));
        }
        let wanted = objects::registry::api_version(self.group, self.version);
        let version = objects::meta::api_version(&value);
        if !version.is_empty() && version != wanted {
            return Err(Status::bad_request(format!(
                "the API version in the data ({version}) does not match the expected API version ({wanted})"
            )));
        }
        let kind = objects::meta::kind(&value);
        if !kind.is_empty() && kind != self.kind {
            return Err(Status::bad_request(format!(
                "{kind} in version {:?} cannot be handled as a {}: the kind in the data does not match the resource",
                self.version, self.kind
            )));
        }
        objects::meta::set_type(&mut value, &wanted, self.kind);
        Ok(value)
    }
}
