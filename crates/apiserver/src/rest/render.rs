//! Objects in the form and format that was agreed on. For plain JSON these are the stored bytes themselves.

use super::negotiate::{Form, Format, Output};
use super::table::{self, IncludeObject};
use crate::status::Status;
use crate::storage;
use bytes::Bytes;
use objects::codec::{self, Codec};
use objects::registry::{self, Kind};
use objects::schema::TypeRef;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use store::Entry;

/// `apiVersion` of the forms that are not the objects themselves.
const META: &str = "meta.k8s.io/v1";

/// One object as it is sent. `headers`: whether a table has its column definitions.
pub(crate) fn entry(
    kind: &'static Kind,
    entry: &Entry,
    output: Output,
    include: IncludeObject,
    headers: bool,
) -> Result<Bytes, Status> {
    match output.form {
        Form::Object if output.format == Format::Json => storage::served(kind, entry),
        Form::Metadata if output.format == Format::Json && storage::is_native(kind) => partial(&entry.value),
        _ => value(kind, &storage::decode(kind, entry)?, output, include, headers),
    }
}

/// The same for a decoded object.
pub(crate) fn value(
    kind: &'static Kind,
    object: &Value,
    output: Output,
    include: IncludeObject,
    headers: bool,
) -> Result<Bytes, Status> {
    match output.form {
        Form::Object => encode(output.format, kind.schema, object),
        Form::Metadata => {
            let partial = metadata_only(object);
            encode(output.format, meta_type("PartialObjectMetadata")?, &partial)
        }
        Form::Table => {
            let revision = objects::meta::resource_version(object);
            let table = table::of(kind, &[object], json!({"resourceVersion": revision}), include, headers);
            encode(output.format, meta_type("Table")?, &table)
        }
    }
}

/// A bookmark: type and metadata of no object in particular.
pub(crate) fn bookmark(kind: &'static Kind, object: &Value, output: Output) -> Result<Bytes, Status> {
    if output.form == Form::Table {
        let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
        let row = json!({"cells": [], "object": metadata_only(object)});
        let table = json!({"kind": "Table", "apiVersion": META, "metadata": metadata,
            "columnDefinitions": [], "rows": [row]});
        return encode(output.format, meta_type("Table")?, &table);
    }
    value(kind, object, output, IncludeObject::None, false)
}

/// Any document of the API in a format.
pub(crate) fn encode(format: Format, schema: TypeRef, object: &Value) -> Result<Bytes, Status> {
    let codec: &dyn Codec = match format {
        Format::Json => return Ok(object.to_string().into()),
        Format::Yaml => &codec::Yaml,
        Format::Protobuf => &codec::Protobuf,
    };
    codec
        .encode(schema, object)
        .map(Bytes::from)
        .map_err(|error| Status::new(406, "NotAcceptable", error.to_string()))
}

/// Schema of a type that goes with every group.
pub(crate) fn meta_type(kind: &str) -> Result<TypeRef, Status> {
    registry::type_of("meta.k8s.io", "v1", kind)
        .ok_or_else(|| Status::internal(format!("no schema for {kind}")))
}

/// `PartialObjectMetadata` of an object.
pub(crate) fn metadata_only(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": object["metadata"]})
}

#[derive(Deserialize)]
struct MetadataIn<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MetadataOut<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: &'a RawValue,
}

/// The same without decoding the object.
fn partial(bytes: &[u8]) -> Result<Bytes, Status> {
    let unread =
        |error: serde_json::Error| Status::internal(format!("a stored object cannot be read: {error}"));
    let MetadataIn { metadata } = serde_json::from_slice(bytes).map_err(unread)?;
    let out = MetadataOut { kind: "PartialObjectMetadata", api_version: META, metadata };
    serde_json::to_vec(&out).map(Bytes::from).map_err(unread)
}
