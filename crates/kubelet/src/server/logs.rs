//! `/containerLogs/{namespace}/{pod}/{container}`.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;

use super::{Shared, decode};
use crate::logs::{self, Query};
use crate::static_pods::uid_on_node;

pub(super) async fn container(
    State(shared): State<Arc<Shared>>,
    Path((namespace, name, container)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    match open(&shared, &namespace, &name, &container, query.as_deref().unwrap_or_default()) {
        Ok(body) => ([(header::CONTENT_TYPE, "text/plain")], body).into_response(),
        Err((status, message)) => (status, message).into_response(),
    }
}

fn open(
    shared: &Arc<Shared>,
    namespace: &str,
    name: &str,
    container: &str,
    query: &str,
) -> Result<Body, (StatusCode, String)> {
    let pairs = query.split('&').filter(|p| !p.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")));
    let pairs: Vec<(String, String)> = pairs.map(|(k, v)| (decode(k), decode(v))).collect();
    let query = Query::parse(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())), Timestamp::now())
        .map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    let pod = shared
        .pods
        .get(Some(namespace), name)
        .ok_or_else(|| (StatusCode::NOT_FOUND, format!("pod {namespace}/{name} is not on this node")))?;
    let status = container_status(&pod, container).ok_or_else(|| {
        (StatusCode::BAD_REQUEST, format!("container {container} not found in pod {name}_{namespace}"))
    })?;
    let uid = uid_on_node(&pod).unwrap_or_default().to_owned();
    let attempt =
        attempt(shared, name, &uid, &status, query.previous).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    let path: PathBuf =
        shared.ctx.log_dir(namespace, name, &uid).join(container).join(format!("{attempt}.log"));
    let ended = if query.follow {
        ended(shared.clone(), uid, container.to_owned(), attempt)
    } else {
        watch::channel(true).1
    };
    let stream = logs::stream(path, query, ended).map_err(|e| {
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("unable to retrieve container logs for {namespace}/{name}/{container}: {e}"),
        )
    })?;
    Ok(Body::from_stream(ReceiverStream::new(stream).map(Ok::<_, std::convert::Infallible>)))
}

fn container_status(pod: &Pod, name: &str) -> Option<ContainerStatus> {
    let spec = pod.spec.as_ref()?;
    let known = spec.containers.iter().chain(spec.init_containers.iter().flatten()).any(|c| c.name == name)
        || spec.ephemeral_containers.iter().flatten().any(|c| c.name == name);
    let status = pod.status.clone().unwrap_or_default();
    let lists =
        [status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses];
    let found = lists.into_iter().flatten().flatten().find(|s| s.name == name);
    found.or_else(|| known.then(|| ContainerStatus { name: name.to_owned(), ..ContainerStatus::default() }))
}

/// Which run's log is meant. The runtime knows of a run before the API does.
fn attempt(
    shared: &Shared,
    pod: &str,
    uid: &str,
    status: &ContainerStatus,
    previous: bool,
) -> Result<u32, String> {
    let container = &status.name;
    let runtime = shared.ctx.engine.sandbox(uid).and_then(|s| {
        let runs = s.containers.iter().filter(|c| c.name == status.name);
        runs.filter(|c| !matches!(c.state, runtime::ContainerState::Created)).map(|c| c.attempt).max()
    });
    let latest = match runtime {
        Some(attempt) => attempt,
        None if status.container_id.is_some() => u32::try_from(status.restart_count).unwrap_or(0),
        None => {
            let waiting = status.state.as_ref().and_then(|s| s.waiting.as_ref());
            let why = match waiting.and_then(|w| w.reason.as_deref()).unwrap_or("ContainerCreating") {
                "ErrImagePull" => "image can't be pulled",
                "ImagePullBackOff" => "trying and failing to pull image",
                other => other,
            };
            return Err(format!("container {container:?} in pod {pod:?} is waiting to start: {why}"));
        }
    };
    match (previous, latest) {
        (false, latest) => Ok(latest),
        (true, 0) => Err(format!("previous terminated container {container:?} in pod {pod:?} not found")),
        (true, latest) => Ok(latest - 1),
    }
}

/// Turns true when the run has ended, which the pod's status tells.
fn ended(shared: Arc<Shared>, uid: String, container: String, attempt: u32) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    let mut changes = shared.pods.subscribe();
    tokio::spawn(async move {
        loop {
            let over = match shared.ctx.engine.sandbox(&uid) {
                Some(sandbox) => !sandbox.containers.iter().any(|c| {
                    c.name == container
                        && c.attempt == attempt
                        && matches!(c.state, runtime::ContainerState::Running { .. })
                }),
                None => true,
            };
            if over {
                sender.send_replace(true);
                return;
            }
            // Any change of this pod may be the end of the run.
            loop {
                tokio::select! {
                    change = changes.recv() => match change {
                        Some(change) if uid_on_node(change.object()) == Some(uid.as_str()) => break,
                        Some(_) => {}
                        None => return,
                    },
                    () = sender.closed() => return,
                }
            }
        }
    });
    receiver
}
