//! A registry that answers what it is told, over real sockets.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use image::Digest;
use serde_json::json;
use tokio::sync::Notify;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What is at a path below `/v2/`.
#[derive(Clone)]
pub enum Answer {
    Bytes(String, Vec<u8>),
    Redirect(String),
}

impl Answer {
    pub fn bytes(kind: &str, bytes: Vec<u8>) -> Self {
        Self::Bytes(kind.to_owned(), bytes)
    }

    pub fn redirect(to: &str) -> Self {
        Self::Redirect(to.to_owned())
    }
}

#[derive(Default)]
struct State {
    answers: HashMap<String, Answer>,
    /// Times left, and bytes of each answer.
    cuts: HashMap<String, (usize, usize)>,
    stalls: HashMap<String, usize>,
    failures: HashMap<String, usize>,
    ranges: HashMap<String, Vec<String>>,
    authorizations: Vec<Option<String>>,
    user: Option<(String, String)>,
    tokens: usize,
    used: usize,
    token_requests: Vec<String>,
    prefix: String,
}

/// A registry of the test's own.
pub struct Fake {
    state: Arc<Mutex<State>>,
    stalled: Arc<Notify>,
    port: u16,
}

impl Fake {
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// One that speaks TLS, with a certificate of its own making, which is given as PEM.
    pub async fn start_tls() -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        (Self::start_with(Some(acceptor)).await, made.cert.pem())
    }

    async fn start_with(tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, stalled) = (Arc::new(Mutex::new(State::default())), Arc::new(Notify::new()));
        let (shared, told) = (state.clone(), stalled.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (state, stalled) = (shared.clone(), told.clone());
                let service = service_fn(move |request| {
                    let answer = answer(&state, &stalled, &request, port);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                match tls.clone() {
                    None => {
                        tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
                    }
                    Some(tls) => {
                        tokio::spawn(async move {
                            if let Ok(stream) = tls.accept(stream).await {
                                let _ = http.serve_connection(TokioIo::new(stream), service).await;
                            }
                        });
                    }
                }
            }
        });
        Self { state, stalled, port }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.host())
    }

    pub fn put(&self, path: &str, answer: Answer) {
        self.state().answers.insert(path.to_owned(), answer);
    }

    pub fn bytes(&self, path: &str) -> Vec<u8> {
        match &self.state().answers[path] {
            Answer::Bytes(_, bytes) => bytes.clone(),
            Answer::Redirect(_) => Vec::new(),
        }
    }

    /// The next answers with this blob end after so many bytes.
    pub fn cut(&self, digest: &Digest, times: usize, bytes: usize) {
        self.state().cuts.insert(digest.to_string(), (times, bytes));
    }

    /// Answers with this blob stand still after so many bytes.
    pub fn stall(&self, digest: &Digest, bytes: usize) {
        self.state().stalls.insert(digest.to_string(), bytes);
    }

    pub async fn stalled(&self) {
        self.stalled.notified().await;
        // What was sent is on its way.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }

    /// The next answers for this blob are refusals.
    pub fn fail(&self, digest: &Digest, times: usize) {
        self.state().failures.insert(digest.to_string(), times);
    }

    pub fn heal(&self) {
        let mut state = self.state();
        state.cuts.clear();
        state.stalls.clear();
    }

    /// Everything is below this path.
    pub fn below(&self, prefix: &str) {
        self.state().prefix = prefix.to_owned();
    }

    /// From now on a token of this user is wanted, a fresh one for each request.
    pub fn want_tokens(&self, user: &str, password: &str) {
        self.state().user = Some((user.to_owned(), password.to_owned()));
    }

    /// `Range` of each request for a blob.
    pub fn ranges(&self, digest: &Digest) -> Vec<String> {
        self.state().ranges.get(&digest.to_string()).cloned().unwrap_or_default()
    }

    pub fn authorizations(&self) -> Vec<Option<String>> {
        self.state().authorizations.clone()
    }

    pub fn token_requests(&self) -> Vec<String> {
        self.state().token_requests.clone()
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

fn answer(
    state: &Mutex<State>,
    stalled: &Arc<Notify>,
    request: &Request<Incoming>,
    port: u16,
) -> Response<Body> {
    let mut state = state.lock().unwrap();
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let plain =
        |status: u16, body: String| Response::builder().status(status).body(whole(body.into())).unwrap();
    let authorization = header("authorization");
    if request.uri().path() == "/token" {
        state.token_requests.push(request.uri().query().unwrap_or_default().to_owned());
        let (user, password) = state.user.clone().unwrap();
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        if authorization.as_deref().is_some_and(|given| given != format!("Basic {basic}")) {
            return plain(401, String::new());
        }
        // Whoever says nothing gets a token that opens nothing.
        let known = authorization.is_some();
        state.tokens += usize::from(known);
        let token = if known { format!("token-{}", state.tokens) } else { "nothing".to_owned() };
        return plain(200, json!({"token": token}).to_string());
    }
    state.authorizations.push(authorization.clone());
    let prefix = format!("{}/v2/", state.prefix);
    let Some(path) = request.uri().path().strip_prefix(&prefix).map(str::to_owned) else {
        return plain(404, "no API here".to_owned());
    };
    if state.user.is_some() {
        let expected = format!("Bearer token-{}", state.tokens);
        if state.used == state.tokens || authorization != Some(expected) {
            let challenge = format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"fake\"");
            return Response::builder()
                .status(StatusCode::UNAUTHORIZED)
                .header("WWW-Authenticate", challenge)
                .body(whole(Vec::new()))
                .unwrap();
        }
        state.used = state.tokens;
    }
    let (kind, bytes) = match state.answers.get(&path).cloned() {
        None => {
            let errors = json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]});
            return plain(404, errors.to_string());
        }
        Some(Answer::Redirect(to)) => {
            return Response::builder().status(307).header("Location", to).body(whole(Vec::new())).unwrap();
        }
        Some(Answer::Bytes(kind, bytes)) => (kind, bytes),
    };
    let name = path.rsplit('/').next().unwrap().to_owned();
    if let Some(left) = state.failures.get_mut(&name).filter(|left| **left > 0) {
        *left -= 1;
        return plain(503, json!({"errors": [{"code": "UNAVAILABLE", "message": "try later"}]}).to_string());
    }
    let range = header("range");
    state.ranges.entry(name.clone()).or_default().push(range.clone().unwrap_or_default());
    let start = range.map(|range| range["bytes=".len()..].trim_end_matches('-').parse::<usize>().unwrap());
    let rest = bytes[start.unwrap_or(0)..].to_vec();
    let mut response = Response::builder().header("Content-Type", kind).header("Content-Length", rest.len());
    if let Some(start) = start {
        let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
        response = response.status(206).header("Content-Range", range);
    }
    let stall = state.stalls.get(&name).copied();
    let body = match (state.cuts.get_mut(&name), stall) {
        (Some((times, limit)), _) if *times > 0 && rest.len() > *limit => {
            *times -= 1;
            let end = stream::once(async {
                // What was written goes out before the connection is cut.
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                Err(io::Error::other("cut"))
            });
            StreamBody::new(first(&rest, *limit).chain(end).boxed()).boxed_unsync()
        }
        (_, Some(limit)) => {
            let stalled = stalled.clone();
            let end = stream::once(async move {
                stalled.notify_one();
                std::future::pending().await
            });
            StreamBody::new(first(&rest, limit).chain(end).boxed()).boxed_unsync()
        }
        _ => whole(rest),
    };
    response.body(body).unwrap()
}

fn first(
    bytes: &[u8],
    limit: usize,
) -> impl futures::Stream<Item = Result<Frame<Bytes>, io::Error>> + Send + use<> {
    let bytes = Bytes::copy_from_slice(&bytes[..limit.min(bytes.len())]);
    stream::once(async move { Ok(Frame::data(bytes)) })
}

fn whole(bytes: Vec<u8>) -> Body {
    http_body_util::Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
}

/// Gives the registry a blob.
pub fn blob(fake: &Fake, repository: &str, bytes: &[u8]) -> Digest {
    let digest = Digest::of(bytes);
    fake.put(
        &format!("{repository}/blobs/{digest}"),
        Answer::bytes("application/octet-stream", bytes.to_vec()),
    );
    digest
}

/// Gives the registry an image of these layers (which nobody unpacks) and gives its digest.
pub fn image(fake: &Fake, repository: &str, tag: &str, layers: &[&[u8]]) -> Digest {
    let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let config = json!({
        "architecture": image::architecture(), "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = config.to_string().into_bytes();
    let describe = |kind: &str, bytes: &[u8]| {
        let digest = blob(fake, repository, bytes);
        json!({"mediaType": kind, "digest": digest.to_string(), "size": bytes.len()})
    };
    let layers: Vec<_> =
        layers.iter().map(|layer| describe("application/vnd.oci.image.layer.v1.tar", layer)).collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": describe("application/vnd.oci.image.config.v1+json", &config), "layers": layers,
    });
    document(fake, repository, tag, MANIFEST, manifest.to_string().into_bytes())
}

/// Gives the registry an index of (system, architecture, manifest).
pub fn index(fake: &Fake, repository: &str, tag: &str, entries: &[(&str, &str, &Digest)]) -> Digest {
    let entries: Vec<_> = entries
        .iter()
        .map(|(os, architecture, digest)| {
            json!({
                "mediaType": MANIFEST, "digest": digest.to_string(), "size": 1,
                "platform": {"os": os, "architecture": architecture},
            })
        })
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    document(fake, repository, tag, INDEX, index.to_string().into_bytes())
}

fn document(fake: &Fake, repository: &str, tag: &str, kind: &str, bytes: Vec<u8>) -> Digest {
    let digest = Digest::of(&bytes);
    for name in [tag, &digest.to_string()] {
        fake.put(&format!("{repository}/manifests/{name}"), Answer::bytes(kind, bytes.clone()));
    }
    digest
}
