//! REST over HTTP: the way of one request.
//!
//! Identity, then route, then permission, then the handler of the verb. All handlers are generic over the kind;
//! a failure anywhere is a [`Status`] and becomes a response in one place.

mod body;
mod collection;
mod create;
mod delete;
mod discovery;
mod encoded;
mod frame;
mod identity;
mod list;
mod log_socket;
mod negotiate;
mod node_proxy;
mod openapi;
mod openapi_protobuf;
mod patch;
mod proxy;
mod query;
mod read;
mod render;
mod reply;
mod route;
mod scale;
mod table;
mod update;
mod upgrade;
mod watch;
mod write;

pub(crate) use write::uuid;

pub(crate) use encoded::Encoded;

use crate::auth::UserInfo;
use crate::state::State;
use crate::status::Status;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use query::Query;
use route::{Route, Target};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Error of a body stream.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Body of requests and responses.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Ends the long requests of one listener; a request extension.
#[derive(Debug, Clone)]
pub(crate) struct StopToken(pub(crate) CancellationToken);

/// A request on a resource, after identity and permission are settled.
pub(crate) struct Call {
    pub(crate) state: Arc<State>,
    pub(crate) user: Arc<UserInfo>,
    pub(crate) target: Target,
    pub(crate) query: Query,
    pub(crate) parts: Parts,
    pub(crate) body: Body,
}

/// Answers one request.
pub(crate) async fn handle(state: Arc<State>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match dispatch(state, parts, body).await {
        Ok(response) => response,
        Err(status) => reply::failure(&status),
    }
}

async fn dispatch(state: Arc<State>, parts: Parts, body: Body) -> Result<Response<Body>, Status> {
    let user = identity::of_request(&state, &parts).await?;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let target = match route::of_path(parts.uri.path()) {
        Route::Resource(target) => target,
        other => {
            identity::authorize_path(&state, &user, &parts)?;
            return discovery::answer(&state, &other, &parts);
        }
    };
    let verb = target.verb(&parts.method, &query);
    identity::authorize_resource(&state, &user, &target, verb, &query)?;
    resource(Call { state, user, target, query, parts, body }, verb).await
}

async fn resource(call: Call, verb: &str) -> Result<Response<Body>, Status> {
    let Some(subresource) = call.target.subresource else {
        return match (verb, call.target.name.is_some()) {
            ("get", true) => read::get(call).await,
            ("list", false) => list::list(call).await,
            ("watch", false) => watch::watch(call).await,
            ("create", false) => create::create(call).await,
            ("update", true) => update::put(call).await,
            ("patch", true) => patch::patch(call).await,
            ("delete", true) => delete::delete(call).await,
            ("deletecollection", false) => collection::delete(call).await,
            _ => Err(Status::method_not_allowed()),
        };
    };
    // `status`, `finalize`, `approval` and the like speak in the object itself.
    let whole = subresource.schema == Some(call.target.kind.schema);
    match verb {
        // An upgrade over HTTP/1.1 begins with GET or POST, whichever the client's protocol uses.
        "get" | "create" if node_proxy::is_stream(subresource.name) => node_proxy::stream(call).await,
        // Any method, also those that are no verb.
        _ if proxy::is_meant(&call) => proxy::forward(call).await,
        verb if !subresource.verbs.contains(&verb) => Err(Status::method_not_allowed()),
        "get" if subresource.name == "log" => node_proxy::log(call).await,
        "get" if whole => read::get(call).await,
        "update" if whole => update::put(call).await,
        "patch" if whole => patch::patch(call).await,
        "get" if subresource.kind == "Scale" => scale::get(call).await,
        "update" | "patch" if subresource.kind == "Scale" => scale::change(call).await,
        "create" if subresource.schema.is_some() => create::create_subresource(call).await,
        _ => Err(Status::method_not_allowed()),
    }
}
