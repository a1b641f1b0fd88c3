//! POST: new objects, reviews that store nothing, and the actions below an object (`binding`, `eviction`, `token`).

use super::body::{self, Expected};
use super::negotiate::{self, Form, Format, Output};
use super::table::IncludeObject;
use super::write::{Write, Written};
use super::{Body, Call, render, reply};
use crate::admission::{self, Operation};
use crate::status::Status;
use crate::storage;
use crate::strategy;
use http::Response;
use objects::meta;
use serde_json::Value;

/// Stores a new object, or answers a review.
pub(crate) async fn create(mut call: Call) -> Result<Response<Body>, Status> {
    let output = negotiate::output(&call.parts.headers)?;
    let kind = call.target.kind;
    if !kind.allows("create") {
        return Err(Status::method_not_supported(kind, "create"));
    }
    if kind.namespaced && call.target.namespace.is_none() {
        return Err(Status::method_not_allowed());
    }
    let bytes = body::read(std::mem::replace(&mut call.body, reply::full(""))).await?;
    let mode = call.query.field_validation()?;
    let mut write = Write::of(&call)?;
    let media_type = body::media_type(&call.parts.headers);
    let mut object = body::decode(Expected::object(kind), media_type, &bytes, mode, &mut write.warnings)?;
    let strategy = strategy::of(kind);
    if strategy.is_virtual() {
        objects::defaults::apply(kind.schema, &mut object);
        let name = meta::name(&object).to_owned();
        let answer = strategy.review(&write.ctx(&name, &meta::now()), object).await?;
        return send(&call, output, 201, &answer, &write.warnings);
    }
    let written = write.create(object).await?;
    answer(&call, output, &written, &write.warnings)
}

/// Does what a POST below an object asks for.
pub(crate) async fn create_subresource(mut call: Call) -> Result<Response<Body>, Status> {
    let output = negotiate::output(&call.parts.headers)?;
    let kind = call.target.kind;
    let subresource = call.target.subresource.ok_or_else(Status::method_not_allowed)?;
    let (Some(schema), true) = (subresource.schema, subresource.verbs.contains(&"create")) else {
        return Err(Status::method_not_allowed());
    };
    let bytes = body::read(std::mem::replace(&mut call.body, reply::full(""))).await?;
    let mode = call.query.field_validation()?;
    let mut write = Write::of(&call)?;
    let expected =
        Expected { group: subresource.group, version: subresource.version, kind: subresource.kind, schema };
    let media_type = body::media_type(&call.parts.headers);
    let mut object = body::decode(expected, media_type, &bytes, mode, &mut write.warnings)?;
    objects::defaults::apply(schema, &mut object);
    let name = call.target.name()?;
    let ctx = write.ctx(name, &meta::now());
    admission::admit(&ctx, Operation::Create, &mut object, None).await?;
    let answer = strategy::of(kind).create_subresource(&ctx, object).await?;
    let schema = if meta::kind(&answer) == "Status" { render::meta_type("Status")? } else { schema };
    let bytes = render::encode(output.format, schema, &answer)?;
    drop(ctx);
    let response = reply::bytes(201, output.format.media_type(), reply::full(bytes));
    Ok(reply::warn(response, &write.warnings))
}

/// The answer to a write: the object, 201 if it is new.
pub(crate) fn answer(
    call: &Call,
    output: Output,
    written: &Written,
    warnings: &[String],
) -> Result<Response<Body>, Status> {
    let code = if written.created { 201 } else { 200 };
    let plain =
        output.format == Format::Json && output.form == Form::Object && storage::is_native(call.target.kind);
    if let Some(stored) = written.stored.clone().filter(|_| plain) {
        let response = reply::bytes(code, output.format.media_type(), reply::full(stored));
        return Ok(reply::warn(response, warnings));
    }
    send(call, output, code, &written.object, warnings)
}

fn send(
    call: &Call,
    output: Output,
    code: u16,
    object: &Value,
    warnings: &[String],
) -> Result<Response<Body>, Status> {
    let include = IncludeObject::parse(call.query.get("includeObject"));
    let bytes = render::value(call.target.kind, object, output, include, true)?;
    let response = reply::bytes(code, output.format.media_type(), reply::full(bytes));
    Ok(reply::warn(response, warnings))
}
