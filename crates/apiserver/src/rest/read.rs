//! GET of one object.

use super::table::IncludeObject;
use super::{Body, Call, negotiate, render, reply};
use crate::status::Status;
use http::Response;

/// Answers with the object; for plain JSON with the stored bytes.
pub(crate) async fn get(call: Call) -> Result<Response<Body>, Status> {
    let output = negotiate::output(&call.parts.headers)?;
    let (kind, name) = (call.target.kind, call.target.name()?);
    if let Some(wanted) = call.query.number::<u64>("resourceVersion")
        && wanted > call.state.store.revision()
    {
        return Err(Status::future_revision(wanted, call.state.store.revision()));
    }
    let entry = call
        .state
        .entry(kind, call.target.namespace.as_deref(), name)
        .ok_or_else(|| Status::not_found(kind, name))?;
    let include = IncludeObject::parse(call.query.get("includeObject"));
    let bytes = render::entry(kind, &entry, output, include, true)?;
    Ok(reply::bytes(200, output.format.media_type(), reply::full(bytes)))
}
