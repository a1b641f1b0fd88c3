//! `proxy` of pods, services and nodes: any request to what runs there, upgrades included.
//!
//! Method, path behind `proxy`, query and body go on as they are; the caller's credentials stay here, and so does what
//! belongs to one hop of a connection. Answers come back with their own links made to lead through this server, as
//! upstream's do. Who may do so is decided before: it is as much as having a connection to the target.

mod html;
mod links;
mod location;
mod tls;

use super::{Body, BoxError, Call, node_proxy, reply, upgrade};
use crate::kubelets;
use crate::status::Status;
use bytes::Bytes;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use links::Links;
use location::{Location, Scheme};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// A target must take the connection within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest page whose links are rewritten.
const LONGEST_PAGE: usize = 16 << 20;

/// Headers that mean something to one hop alone (RFC 9110, section 7.6.1, and its predecessors).
const HOP: [HeaderName; 8] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Whether the call goes to what an object stands for.
pub(crate) fn is_meant(call: &Call) -> bool {
    call.target.subresource_name() == "proxy"
}

/// Hands the request on.
pub(crate) async fn forward(mut call: Call) -> Result<Response<Body>, Status> {
    let location = location::of(&call)?;
    let path = call.parts.uri.path().to_owned();
    let tail = behind_proxy(&path, call.target.namespace.is_some());
    let query = call.parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let upgrading = upgrade::is_asked(&call.parts.headers);
    let reading = matches!(call.parts.method, Method::GET | Method::HEAD);
    if tail.is_empty() && reading && !upgrading {
        // Relative links of the page would otherwise lead beside it.
        return Ok(moved(&format!("{path}/{query}")));
    }
    let prefix = path.strip_suffix(tail).unwrap_or(&path);
    let host = host_of(&call);
    let body = std::mem::replace(&mut call.body, reply::full(""));
    let mut request = Request::builder()
        .method(call.parts.method.clone())
        .uri(format!("{}{query}", if tail.is_empty() { "/" } else { tail }))
        .body(body)
        .map_err(|error| Status::bad_request(format!("the request cannot be passed on: {error}")))?;
    *request.headers_mut() = passed_on(&call, &host, prefix, tail, upgrading);

    let mut response = match &location {
        Location::Kubelet(address) => node_proxy::kubelets(&call)?.send(address, request).await?,
        Location::Plain { scheme, host, port } => {
            send(*scheme, host, *port, request).await.map_err(|error| {
                Status::service_unavailable(format!("error trying to reach service: {error}"))
            })?
        }
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(upgrade::join(&mut call.parts, &mut response, HeaderMap::clone));
    }
    let links = Links { prefix, target: &location.authority(), host: &host };
    answer(response, &links).await
}

/// The path behind `proxy` as the client wrote it, so that what was encoded stays encoded.
fn behind_proxy(path: &str, namespaced: bool) -> &str {
    // api, v1, namespaces, a, pods, b, proxy; or api, v1, nodes, n, proxy
    let mut left = if namespaced { 7 } else { 5 };
    let mut before = b'/';
    for (at, byte) in path.bytes().enumerate() {
        if byte == b'/' && before != b'/' {
            left -= 1;
            if left == 0 {
                return &path[at..];
            }
        }
        before = byte;
    }
    ""
}

fn moved(to: &str) -> Response<Body> {
    let mut response = Response::new(reply::full(""));
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// The host that the client asked, as it wrote it.
fn host_of(call: &Call) -> String {
    let header = call.parts.headers.get(HOST).and_then(|value| value.to_str().ok());
    let authority = call.parts.uri.authority().map(http::uri::Authority::as_str);
    header.or(authority).unwrap_or_default().to_owned()
}

/// The client's headers without what is not the target's business.
fn passed_on(call: &Call, host: &str, prefix: &str, tail: &str, upgrading: bool) -> HeaderMap {
    let mut headers = without_hop(&call.parts.headers);
    let secret = |name: &HeaderName| *name == AUTHORIZATION || name.as_str().starts_with("impersonate-");
    let secrets: Vec<HeaderName> = headers.keys().filter(|name| secret(name)).cloned().collect();
    for name in secrets {
        headers.remove(name);
    }
    upgrade::hide_tokens(&mut headers);
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    if upgrading {
        let protocol = call.parts.headers.get(UPGRADE).and_then(|value| value.to_str().ok());
        set(CONNECTION, "Upgrade");
        set(UPGRADE, protocol.unwrap_or_default());
    }
    if !host.is_empty() {
        set(HOST, host);
    }
    set(HeaderName::from_static("x-forwarded-uri"), &format!("{prefix}{tail}"));
    if let Some(peer) = call.parts.extensions.get::<SocketAddr>() {
        let before =
            call.parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let mut hops: Vec<String> = before.map(str::to_owned).collect();
        hops.push(peer.ip().to_string());
        set(HeaderName::from_static("x-forwarded-for"), &hops.join(", "));
    }
    headers
}

/// All headers but those of one hop, and those that `Connection` names as such.
fn without_hop(from: &HeaderMap) -> HeaderMap {
    let named = from.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<String> =
        named.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect();
    let mut to = HeaderMap::with_capacity(from.len());
    for (name, value) in from {
        if !HOP.contains(name) && !named.iter().any(|one| one == name.as_str()) {
            to.append(name, value.clone());
        }
    }
    to
}

/// Sends the request over a connection of its own. The error is the text for the client.
async fn send(
    scheme: Scheme,
    host: &str,
    port: u16,
    request: Request<Body>,
) -> Result<Response<Incoming>, String> {
    let connect = async {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok::<_, std::io::Error>(stream)
    };
    let dial = |error: &dyn std::fmt::Display| format!("dial tcp {host}:{port}: {error}");
    let stream = match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(dial(&format!("connect: {error}"))),
        Err(_) => return Err(dial(&"i/o timeout")),
    };
    let sent = match scheme {
        Scheme::Http => kubelets::exchange(stream, request).await,
        Scheme::Https => {
            let stream = tls::connect(host, stream).await.map_err(|error| error.to_string())?;
            kubelets::exchange(stream, request).await
        }
    };
    sent.map_err(|error| error.to_string())
}

/// The target's answer, its links rewritten.
async fn answer(response: Response<Incoming>, links: &Links<'_>) -> Result<Response<Body>, Status> {
    let (parts, body) = response.into_parts();
    let mut headers = without_hop(&parts.headers);
    // What a target allows to other origins is said of itself, not of this server.
    let foreign = |name: &HeaderName| name.as_str().starts_with("access-control-");
    for name in parts.headers.keys().filter(|name| foreign(name)) {
        headers.remove(name);
    }
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(to) = text(LOCATION) {
        if let Ok(to) = HeaderValue::from_str(&links.rewrite(to)) {
            headers.insert(LOCATION, to);
        }
    } else if text(CONTENT_TYPE)
        .is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/html")
    {
        let encoding = text(CONTENT_ENCODING).unwrap_or_default();
        if matches!(encoding, "" | "identity" | "gzip") {
            let page = Limited::new(body, LONGEST_PAGE).collect().await;
            let page = page.map_err(|error| Status::internal(format!("the page cannot be read: {error}")))?;
            let page = rewritten(page.to_bytes(), encoding == "gzip", links);
            let page =
                page.map_err(|error| Status::internal(format!("the page cannot be rewritten: {error}")))?;
            if parts.headers.contains_key(CONTENT_LENGTH) && !page.is_empty() {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(page.len()));
            }
            return Ok(finish(parts.status, headers, reply::full(page)));
        }
    }
    Ok(finish(parts.status, headers, body.map_err(BoxError::from).boxed_unsync()))
}

fn rewritten(page: Bytes, zipped: bool, links: &Links<'_>) -> std::io::Result<Bytes> {
    if !zipped {
        return Ok(html::rewrite(&page, |link| links.rewrite(link)).into());
    }
    let mut plain = Vec::new();
    let most = u64::try_from(LONGEST_PAGE).unwrap_or(u64::MAX);
    GzDecoder::new(&page[..]).take(most).read_to_end(&mut plain)?;
    let mut zip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(&html::rewrite(&plain, |link| links.rewrite(link)))?;
    zip.finish().map(Bytes::from)
}

fn finish(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_behind_the_subresource() {
        for (path, namespaced, tail) in [
            ("/api/v1/namespaces/a/pods/b:80/proxy", true, ""),
            ("/api/v1/namespaces/a/pods/b:80/proxy/", true, "/"),
            ("/api/v1/namespaces/a/services/b/proxy/x%2Fy//z/", true, "/x%2Fy//z/"),
            ("/api/v1/nodes/n/proxy/metrics", false, "/metrics"),
            ("//api/v1//nodes/n/proxy/a", false, "/a"),
        ] {
            assert_eq!(behind_proxy(path, namespaced), tail, "{path}");
        }
    }

    #[test]
    fn what_belongs_to_one_hop_stays() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("accept", "a"),
            ("accept", "b"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let kept = without_hop(&headers);
        assert_eq!(kept.len(), 2);
        assert_eq!(kept.get_all("accept").iter().count(), 2);
    }
}
