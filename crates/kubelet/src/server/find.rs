//! Which pod and which run of a container a request means.
//!
//! A static pod is known to the API by its mirror, whose UID is another: the runtime's is in an annotation.

use axum::http::StatusCode;
use k8s_openapi::api::core::v1::Pod;

use super::Shared;
use crate::static_pods::uid_on_node;

/// A running container, as the runtime knows it.
pub(super) struct Found {
    pub(super) uid: String,
    pub(super) id: String,
}

/// Why there is none.
pub(super) type Refusal = (StatusCode, String);

/// UID by which the runtime knows the pod of that name.
pub(super) fn pod(shared: &Shared, namespace: &str, name: &str) -> Result<String, Refusal> {
    let pod = shared.pods.get(Some(namespace), name);
    let uid = pod.as_deref().and_then(|pod: &Pod| uid_on_node(pod));
    uid.map(str::to_owned)
        .ok_or_else(|| (StatusCode::NOT_FOUND, format!("pod {namespace}/{name} is not on this node")))
}

/// The pod's UID, when something of it runs.
pub(super) fn sandbox(shared: &Shared, namespace: &str, name: &str) -> Result<String, Refusal> {
    let uid = pod(shared, namespace, name)?;
    let alive = shared.ctx.engine.sandbox(&uid).is_some_and(|sandbox| sandbox.alive);
    if alive {
        Ok(uid)
    } else {
        Err((StatusCode::NOT_FOUND, format!("pod not found (\"{name}_{namespace}\"): it has no sandbox")))
    }
}

/// The running container of that name.
pub(super) fn running(
    shared: &Shared,
    namespace: &str,
    name: &str,
    container: &str,
) -> Result<Found, Refusal> {
    let uid = pod(shared, namespace, name)?;
    let containers = shared.ctx.engine.sandbox(&uid).map(|s| s.containers).unwrap_or_default();
    let live = containers
        .into_iter()
        .find(|c| c.name == container && matches!(c.state, runtime::ContainerState::Running { .. }));
    match live {
        Some(live) => Ok(Found { uid, id: live.id }),
        None => Err((StatusCode::NOT_FOUND, format!("container not found (\"{container}\")"))),
    }
}
