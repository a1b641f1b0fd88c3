//! What the kubelet of a pod's node answers: container logs, and the streams of exec, attach and port-forward.
//!
//! Parameters are translated to the kubelet's; bytes pass through. Upgraded connections are joined end to end, so
//! the stream protocol (WebSocket or SPDY) is a matter between client and kubelet.

use super::{Body, BoxError, Call, identity, log_socket, reply, upgrade};
use crate::kubelets::{Address, Kubelets};
use crate::state::State;
use crate::status::Status;
use form_urlencoded::Serializer;
use http::header::UPGRADE;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use objects::meta;
use objects::registry::{self, Kind};
use serde_json::Value;

/// Parameters of a log request that mean the same to the kubelet.
const LOG_PARAMETERS: [&str; 8] =
    ["follow", "limitBytes", "previous", "sinceSeconds", "sinceTime", "stream", "tailLines", "timestamps"];

/// Parameters of exec and attach, and what the kubelet calls them.
const STREAM_PARAMETERS: [(&str, &str); 4] =
    [("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty")];

/// Whether the subresource is a stream to the pod.
pub(crate) fn is_stream(subresource: &str) -> bool {
    matches!(subresource, "exec" | "attach" | "portforward")
}

/// GET of a container's log; also over a WebSocket.
pub(crate) async fn log(mut call: Call) -> Result<Response<Body>, Status> {
    let pod = pod(&call)?;
    let container = container(&call, &pod)?;
    let Some(node) = node_of(&call, &pod)? else {
        // Not placed yet: nothing was ever written.
        return Ok(reply::text(200, ""));
    };
    let given = LOG_PARAMETERS.into_iter().filter_map(|name| Some((name, call.query.get(name)?)));
    let query = Serializer::new(String::new()).extend_pairs(given).finish();
    let path = format!("/containerLogs/{}/{}/{container}?{query}", meta::namespace(&pod), meta::name(&pod));
    let request = request(Method::GET, &path, reply::full(""))?;
    let response = kubelets(&call)?.send(&node, request).await?;
    let (parts, body) = response.into_parts();
    if !parts.status.is_success() {
        let text = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        return Err(refusal(parts.status, String::from_utf8_lossy(&text).trim()));
    }
    if let Some(accept) = log_socket::key(&call.parts) {
        return log_socket::answer(&mut call.parts, &accept, body);
    }
    Ok(reply::bytes(200, "text/plain", body.map_err(BoxError::from).boxed_unsync()))
}

/// A kubelet's refusal as the client gets it.
fn refusal(status: StatusCode, text: &str) -> Status {
    match status.as_u16() {
        400 => Status::bad_request(text),
        404 => Status::new(404, "NotFound", text),
        403 => Status::new(403, "Forbidden", text),
        code @ 500.. => {
            let mut status = Status::internal(text);
            status.code = code;
            status
        }
        code => Status::new(code, "Unknown", text),
    }
}

/// Opens a stream to a container or to ports of a pod, by upgrading the connection.
pub(crate) async fn stream(mut call: Call) -> Result<Response<Body>, Status> {
    // WebSockets begin with GET; whoever may only read must not run commands by them, as upstream has it since v1.35.
    if call.parts.method == Method::GET {
        identity::authorize_resource(&call.state, &call.user, &call.target, "create", &call.query)?;
    }
    let pod = pod(&call)?;
    let (namespace, name) = (meta::namespace(&pod), meta::name(&pod));
    let subresource = call.target.subresource_name();
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let path = if subresource == "portforward" {
        pairs.extend(call.query.all("ports").map(|ports| ("port", ports)));
        format!("/portForward/{namespace}/{name}")
    } else {
        let asked = STREAM_PARAMETERS.into_iter().filter(|(from, _)| call.query.flag(from) == Some(true));
        pairs.extend(asked.map(|(_, to)| (to, "1")));
        pairs.extend(call.query.all("command").map(|word| ("command", word)));
        format!("/{subresource}/{namespace}/{name}/{}", container(&call, &pod)?)
    };
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    let node = node_of(&call, &pod)?
        .ok_or_else(|| Status::bad_request(format!("pod {name} does not have a host assigned")))?;
    if !call.parts.headers.contains_key(UPGRADE) {
        return Err(Status::bad_request("Upgrade request required"));
    }
    let mut forwarded = request(call.parts.method.clone(), &format!("{path}?{query}"), reply::full(""))?;
    *forwarded.headers_mut() = of_upgrade(&call.parts.headers);
    upgrade::hide_tokens(forwarded.headers_mut());
    let mut response = kubelets(&call)?.send(&node, forwarded).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        // As it is: clients say what they could not upgrade, and add the text.
        let status = response.status().as_u16();
        let text = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        return Ok(reply::text(status, text));
    }
    Ok(upgrade::join(&mut call.parts, &mut response, of_upgrade))
}

/// Headers that make up the upgrade; credentials stay here.
fn of_upgrade(headers: &HeaderMap) -> HeaderMap {
    let wanted = headers.iter().filter(|(name, _)| upgrade::is_part(name));
    let mut found = HeaderMap::new();
    for (name, value) in wanted {
        found.append(name, value.clone());
    }
    found
}

fn pod(call: &Call) -> Result<Value, Status> {
    let (kind, name) = (call.target.kind, call.target.name()?);
    call.state.read(kind, call.target.namespace.as_deref(), name).ok_or_else(|| Status::not_found(kind, name))
}

/// The container that is meant: the one named, or the only one.
fn container(call: &Call, pod: &Value) -> Result<String, Status> {
    let names = |list: &str| -> Vec<&str> {
        let containers = pod["spec"][list].as_array().into_iter().flatten();
        containers.filter_map(|container| container["name"].as_str()).collect()
    };
    let main = names("containers");
    match call.query.get("container").filter(|name| !name.is_empty()) {
        Some(wanted) => {
            let known = ["containers", "initContainers", "ephemeralContainers"].into_iter().flat_map(names);
            if known.into_iter().any(|name| name == wanted) {
                Ok(wanted.to_owned())
            } else {
                Err(Status::bad_request(format!(
                    "container {wanted} is not valid for pod {}",
                    meta::name(pod)
                )))
            }
        }
        None if main.len() == 1 => Ok(main[0].to_owned()),
        None => {
            let init = names("initContainers");
            let init = if init.is_empty() {
                String::new()
            } else {
                format!(" or one of the init containers: [{}]", init.join(" "))
            };
            Err(Status::bad_request(format!(
                "a container name must be specified for pod {}, choose one of: [{}]{init}",
                meta::name(pod),
                main.join(" ")
            )))
        }
    }
}

/// The kubelet of the pod's node; none before the pod is placed.
fn node_of(call: &Call, pod: &Value) -> Result<Option<Address>, Status> {
    let Some(name) = pod["spec"]["nodeName"].as_str().filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let kind =
        registry::by_resource("", "v1", "nodes").ok_or_else(|| Status::internal("nodes are not served"))?;
    address_of(&call.state, kind, name).map(Some)
}

/// Where the kubelet of the node called `name` listens; `kind` is that of nodes.
pub(super) fn address_of(state: &State, kind: &'static Kind, name: &str) -> Result<Address, Status> {
    let node = state.read(kind, None, name).ok_or_else(|| Status::not_found(kind, name))?;
    Address::of_node(&node).ok_or_else(|| {
        Status::service_unavailable(format!("node {name} has no address yet; its kubelet has not reported"))
    })
}

pub(super) fn kubelets(call: &Call) -> Result<&Kubelets, Status> {
    call.state.kubelets.as_ref().ok_or_else(|| {
        Status::service_unavailable(
            "this server has no identity for kubelets; give it a kubelet client certificate",
        )
    })
}

fn request(method: Method, path: &str, body: Body) -> Result<Request<Body>, Status> {
    Request::builder()
        .method(method)
        .uri(path)
        .body(body)
        .map_err(|error| Status::bad_request(format!("the request has no form for the kubelet: {error}")))
}
