//! `/volumes/NAME`: folders for the volumes of the embedded provisioner. PUT makes one, DELETE removes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path as Part, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Shared;
use crate::volumes::local::{self, LocalError};

pub(super) async fn make(State(shared): State<Arc<Shared>>, Part(name): Part<String>) -> Response {
    answer(shared, name, local::make).await
}

pub(super) async fn remove(State(shared): State<Arc<Shared>>, Part(name): Part<String>) -> Response {
    answer(shared, name, local::remove).await
}

async fn answer(
    shared: Arc<Shared>,
    name: String,
    work: fn(&Path, &str) -> Result<PathBuf, LocalError>,
) -> Response {
    let home = shared.ctx.home.clone();
    let done = tokio::task::spawn_blocking(move || work(&home, &name)).await;
    match done {
        Ok(Ok(path)) => Json(json!({ "path": path })).into_response(),
        Ok(Err(error @ LocalError::Name(_))) => refuse(StatusCode::BAD_REQUEST, "BadRequest", &error),
        Ok(Err(error)) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", &error),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", &error),
    }
}

/// A refusal in the API's own form: its reader is a client of the API server.
fn refuse(code: StatusCode, reason: &str, error: &dyn std::fmt::Display) -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": error.to_string(), "reason": reason, "code": code.as_u16()});
    (code, Json(status)).into_response()
}
