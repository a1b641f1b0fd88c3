//! Documents about the API itself.

use super::route::Route;
use super::{Body, reply};
use crate::state::State;
use crate::status::Status;
use http::Response;
use http::request::Parts;

/// Answers a path that names no objects.
pub(crate) fn answer(_state: &State, route: &Route, _parts: &Parts) -> Result<Response<Body>, Status> {
    match route {
        Route::Health => Ok(reply::text(200, "ok")),
        _ => Err(Status::unknown_path()),
    }
}
