//! DELETE of a collection: every object that the selectors fit, one after the other.

use super::delete::{self, DeleteOptions};
use super::list;
use super::table::IncludeObject;
use super::write::Write;
use super::{Body, Call, body, negotiate, reply};
use crate::status::Status;
use http::Response;

/// Deletes what a list with the same parameters would show; answers with that list.
pub(crate) async fn delete(mut call: Call) -> Result<Response<Body>, Status> {
    let output = negotiate::output(&call.parts.headers)?;
    let kind = call.target.kind;
    if !kind.allows("deletecollection") || (kind.namespaced && call.target.namespace.is_none()) {
        return Err(Status::method_not_allowed());
    }
    let bytes = body::read(std::mem::replace(&mut call.body, reply::full(""))).await?;
    let options = DeleteOptions::read(&call.query, &call.parts.headers, &bytes)?.for_collection();
    let mut list_options = call.query.list_options(kind)?;
    list_options.version = None;
    let namespace = call.target.namespace.as_deref();
    let page = list::page(&call.state, kind, namespace, &list_options)?;
    let mut write = Write::of(&call)?;
    write.dry_run |= options.dry_run;
    for entry in &page.entries {
        let name = entry.key.rsplit('/').next().unwrap_or_default();
        match delete::remove(&write, name, &options).await {
            Ok(_) => {}
            // Someone else was faster.
            Err(status) if status.code == 404 => {}
            Err(status) => return Err(status),
        }
    }
    list::answer(kind, &page, output, IncludeObject::parse(call.query.get("includeObject")))
}
