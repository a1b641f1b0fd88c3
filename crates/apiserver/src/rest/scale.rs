//! The `scale` subresource: a workload's number of replicas as an autoscaling/v1 Scale.

use super::body::{self, Expected};
use super::patch;
use super::write::{Change, Write};
use super::{Body, Call, negotiate, render, reply};
use crate::status::Status;
use crate::storage;
use crate::strategy::scale;
use http::{Method, Response};
use objects::schema::TypeRef;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// GET of the Scale.
pub(crate) async fn get(call: Call) -> Result<Response<Body>, Status> {
    let (kind, name) = (call.target.kind, call.target.name()?);
    let entry = call.state.entry(kind, call.target.namespace.as_deref(), name);
    let entry = entry.ok_or_else(|| Status::not_found(kind, name))?;
    let found = scale::of_workload(&storage::decode(kind, &entry)?);
    answer(&call, &found, &[])
}

/// PUT or PATCH of the Scale: changes the workload's replicas and nothing else.
pub(crate) async fn change(mut call: Call) -> Result<Response<Body>, Status> {
    let expected = expected(&call)?;
    let bytes = body::read(std::mem::replace(&mut call.body, reply::full(""))).await?;
    let mode = call.query.field_validation()?;
    let mut write = Write::of(&call)?;
    let kind = call.target.kind;
    let media_type = body::media_type(&call.parts.headers);
    let name = call.target.name()?;
    let warnings = Mutex::new(Vec::new());
    let to_workload = |sent: &Value, old: &Value| {
        scale::apply(sent, old).map_err(|errors| Status::invalid(kind, name, &errors))
    };
    let patch = match (&call.parts.method, media_type) {
        (&Method::PATCH, "application/apply-patch+yaml") | (&Method::PUT, _) => None,
        _ => Some(patch::Patch::read(media_type, &bytes)?),
    };
    let written = if let Some(patch) = patch {
        let change = |old: &Value| {
            let mut found = Vec::new();
            let sent = patch.apply_to(expected, &scale::of_workload(old), mode, &mut found)?;
            *warnings.lock().unwrap_or_else(PoisonError::into_inner) = found;
            to_workload(&sent, old)
        };
        write.update(name, Change::Update(&change)).await?
    } else {
        // An applied Scale has one field that counts, so it is taken like a replaced one.
        let media_type =
            if media_type == "application/apply-patch+yaml" { "application/yaml" } else { media_type };
        let sent = body::decode(expected, media_type, &bytes, mode, &mut write.warnings)?;
        write.update(name, Change::Update(&|old: &Value| to_workload(&sent, old))).await?
    };
    let mut all = warnings.into_inner().unwrap_or_default();
    all.append(&mut write.warnings);
    answer(&call, &scale::of_workload(&written.object), &all)
}

fn expected(call: &Call) -> Result<Expected<'static>, Status> {
    let subresource = call.target.subresource.ok_or_else(Status::method_not_allowed)?;
    let schema: TypeRef = subresource.schema.ok_or_else(Status::method_not_allowed)?;
    Ok(Expected { group: subresource.group, version: subresource.version, kind: subresource.kind, schema })
}

fn answer(call: &Call, found: &Value, warnings: &[String]) -> Result<Response<Body>, Status> {
    let output = negotiate::output(&call.parts.headers)?;
    let bytes = render::encode(output.format, expected(call)?.schema, found)?;
    Ok(reply::warn(reply::bytes(200, output.format.media_type(), reply::full(bytes)), warnings))
}
