//! PUT of an object or of a subresource that is the object again (`status`, `finalize`, `approval`, …).

use super::body::{self, Expected};
use super::write::{Change, Write};
use super::{Body, Call, create, negotiate, reply};
use crate::status::Status;
use crate::strategy;
use http::Response;
use objects::meta;
use serde_json::Value;

/// Replaces the object by the one sent.
pub(crate) async fn put(mut call: Call) -> Result<Response<Body>, Status> {
    let output = negotiate::output(&call.parts.headers)?;
    let kind = call.target.kind;
    let bytes = body::read(std::mem::replace(&mut call.body, reply::full(""))).await?;
    let mode = call.query.field_validation()?;
    let mut write = Write::of(&call)?;
    let media_type = body::media_type(&call.parts.headers);
    let object = body::decode(Expected::object(kind), media_type, &bytes, mode, &mut write.warnings)?;
    let name = call.target.name()?;
    if meta::name(&object).is_empty() {
        return Err(Status::bad_request("name must be provided"));
    }
    if meta::name(&object) != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            meta::name(&object)
        )));
    }
    let strategy = strategy::of(kind);
    if strategy.create_on_update()
        && call.target.subresource.is_none()
        && call.state.entry(kind, call.target.namespace.as_deref(), name).is_none()
    {
        write.may_create(name)?;
        let mut object = object;
        meta::set(&mut object, "resourceVersion", "");
        let written = write.create(object).await?;
        return create::answer(&call, output, &written, &write.warnings);
    }
    let change = |old: &Value| -> Result<Value, Status> {
        let mut new = object.clone();
        // Managed fields are the server's; a client that does not send them does not mean to drop them.
        if new["metadata"].get("managedFields").is_none()
            && let Some(fields) = old["metadata"].get("managedFields")
        {
            new["metadata"]["managedFields"] = fields.clone();
        }
        Ok(new)
    };
    let written = write.update(name, Change::Update(&change)).await?;
    create::answer(&call, output, &written, &write.warnings)
}
