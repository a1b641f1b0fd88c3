//! `/exec` and `/attach`: a process' input and output over a WebSocket, one numbered channel each.
//!
//! Protocols `v5.channel.k8s.io` (kubectl's), `v4.channel.k8s.io` and `channel.k8s.io`: the first byte of a message is
//! 0 input, 1 output, 2 errors, 3 the result as a Status, 4 a terminal's size, 255 (v5) the end of a channel. SPDY is
//! not served: clients that know only that are told so.

mod websocket;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use runtime::{EngineError, Exec, ExecSpec};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::Mutex;

use super::{Shared, decode};
use websocket::Message;

/// What is read from a process and sent at once.
const CHUNK: usize = 32 * 1024;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const RESULT: u8 = 3;
const RESIZE: u8 = 4;
const END: u8 = 255;

/// How results are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    V5,
    V4,
    /// Tells failures as bare text, and success not at all.
    Plain,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Protocol::V5 => "v5.channel.k8s.io",
            Protocol::V4 => "v4.channel.k8s.io",
            Protocol::Plain => "channel.k8s.io",
        }
    }

    /// The best that both sides know.
    fn choose(headers: &HeaderMap) -> Option<Protocol> {
        let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
        let offered: Vec<&str> = lines.flat_map(|l| l.split(',')).map(str::trim).collect();
        [Protocol::V5, Protocol::V4, Protocol::Plain].into_iter().find(|p| offered.contains(&p.name()))
    }
}

/// Parameters of a request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    command: Vec<String>,
    stdin: bool,
    stdout: bool,
    stderr: bool,
    tty: bool,
}

impl Wish {
    fn parse(query: &str) -> Wish {
        let mut wish = Wish::default();
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            let set = value == "1" || value == "true";
            match name {
                "command" => wish.command.push(value),
                "input" | "stdin" => wish.stdin = set,
                "output" | "stdout" => wish.stdout = set,
                "error" | "stderr" => wish.stderr = set,
                "tty" => wish.tty = set,
                _ => {}
            }
        }
        wish
    }
}

pub(super) async fn exec(
    State(shared): State<Arc<Shared>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let wish = Wish::parse(query.as_deref().unwrap_or_default());
    if wish.command.is_empty() {
        return (StatusCode::BAD_REQUEST, "you must specify at least 1 command").into_response();
    }
    let (uid, id) = match running(&shared, &namespace, &pod, &container) {
        Ok(found) => found,
        Err(refusal) => return refusal.into_response(),
    };
    upgrade(request, move |protocol, io| async move {
        let spec =
            ExecSpec { args: wish.command.clone(), tty: wish.tty, stdin: wish.stdin, ..ExecSpec::default() };
        let started = shared.ctx.engine.exec(&uid, &id, &spec).await;
        serve(io, protocol, started, &wish, true).await;
    })
}

pub(super) async fn attach(
    State(shared): State<Arc<Shared>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let wish = Wish::parse(query.as_deref().unwrap_or_default());
    let (uid, id) = match running(&shared, &namespace, &pod, &container) {
        Ok(found) => found,
        Err(refusal) => return refusal.into_response(),
    };
    upgrade(request, move |protocol, io| async move {
        let joined = shared.ctx.engine.attach(&uid, &id).await;
        serve(io, protocol, joined, &wish, false).await;
    })
}

/// Identity of the running container of that name.
fn running(
    shared: &Shared,
    namespace: &str,
    pod: &str,
    container: &str,
) -> Result<(String, String), (StatusCode, String)> {
    let found = shared
        .pods
        .get(Some(namespace), pod)
        .and_then(|p| p.metadata.uid.clone())
        .ok_or_else(|| (StatusCode::NOT_FOUND, format!("pod {namespace}/{pod} is not on this node")))?;
    let containers = shared.ctx.engine.sandbox(&found).map(|s| s.containers).unwrap_or_default();
    let live = containers
        .into_iter()
        .find(|c| c.name == container && matches!(c.state, runtime::ContainerState::Running { .. }))
        .ok_or_else(|| {
            let text = format!("container {container} of pod {namespace}/{pod} is not running");
            (StatusCode::NOT_FOUND, text)
        })?;
    Ok((found, live.id))
}

/// Answers the handshake, and runs `work` on the connection that follows.
fn upgrade<F>(
    mut request: Request,
    work: impl FnOnce(Protocol, TokioIo<Upgraded>) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send,
{
    let headers = request.headers();
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|k| k.to_str().ok()).map(websocket::accept);
    let (Some(accept), Some(protocol)) = (key, Protocol::choose(headers)) else {
        let text = "streams are served over WebSocket with protocol v5.channel.k8s.io, v4.channel.k8s.io or \
                    channel.k8s.io; SPDY is not served\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(io) => work(protocol, TokioIo::new(io)).await,
            Err(error) => tracing::debug!(%error, "a stream was not upgraded"),
        }
    });
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .header(header::SEC_WEBSOCKET_PROTOCOL, protocol.name())
        .body(Body::empty());
    answer.unwrap_or_else(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()).into_response())
}

type Writer = Arc<Mutex<WriteHalf<TokioIo<Upgraded>>>>;

/// Moves bytes until the process or the client is at its end.
async fn serve(
    io: TokioIo<Upgraded>,
    protocol: Protocol,
    process: Result<Exec, EngineError>,
    wish: &Wish,
    own: bool,
) {
    let (mut reader, writer) = tokio::io::split(io);
    let writer = Arc::new(Mutex::new(writer));
    // An empty message tells the client that the stream is open.
    let first = if wish.stdout {
        STDOUT
    } else if wish.stderr {
        STDERR
    } else {
        RESULT
    };
    if websocket::write(&mut *writer.lock().await, first, &[]).await.is_err() {
        return;
    }
    let result = match process {
        Ok(mut process) => {
            let stdout = process.stdout.take().filter(|_| wish.stdout);
            let stderr = process.stderr.take().filter(|_| wish.stderr);
            let stdin = process.stdin.take().filter(|_| wish.stdin);
            let ended = async {
                tokio::join!(pump(stdout, STDOUT, writer.clone()), pump(stderr, STDERR, writer.clone()));
            };
            let input = listen(&mut reader, &process, stdin, &writer);
            tokio::select! {
                () = ended => {}
                // A client that is gone wants no result; what was started for it ends with `process`.
                () = input => return,
            }
            process.wait().await.map_err(|e| e.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    // The result of an attachment is that it is over.
    let result = if own { result } else { result.map(|_| 0) };
    let mut writer = writer.lock().await;
    let told = match tell(protocol, &result) {
        Some(text) => websocket::write(&mut *writer, RESULT, text.as_bytes()).await,
        None => Ok(()),
    };
    if let Err(error) = told.and(websocket::close(&mut *writer).await) {
        tracing::debug!(%error, "the client left before the result");
    }
    let _ = writer.shutdown().await;
}

/// Sends what the process writes, to its end.
async fn pump(stream: Option<impl AsyncRead + Unpin>, channel: u8, writer: Writer) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; CHUNK];
    while let Ok(count) = stream.read(&mut buffer).await {
        if count == 0 || websocket::write(&mut *writer.lock().await, channel, &buffer[..count]).await.is_err()
        {
            return;
        }
    }
}

/// Takes what the client sends, until it closes the connection.
async fn listen(
    reader: &mut ReadHalf<TokioIo<Upgraded>>,
    process: &Exec,
    mut stdin: Option<impl tokio::io::AsyncWrite + Unpin>,
    writer: &Writer,
) {
    loop {
        let data = match websocket::read(reader).await {
            Ok(Some(Message::Data(data))) => data,
            Ok(Some(Message::Ping(data))) => {
                if websocket::pong(&mut *writer.lock().await, &data).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(Some(Message::Close) | None) => return,
            Err(error) => return tracing::debug!(%error, "a client's stream broke"),
        };
        match data.split_first() {
            Some((&STDIN, bytes)) => {
                if let Some(input) = &mut stdin
                    && input.write_all(bytes).await.is_err()
                {
                    // The process does not read any more; it may go on all the same.
                    stdin = None;
                }
            }
            Some((&RESIZE, bytes)) => {
                if let Some((rows, columns)) = size(bytes)
                    && let Err(error) = process.resize(rows, columns)
                {
                    tracing::debug!(%error, "terminal not resized");
                }
            }
            Some((&END, [STDIN])) => {
                if let Some(mut input) = stdin.take() {
                    let _ = input.shutdown().await;
                }
            }
            _ => {}
        }
    }
}

/// Rows and columns of `{"Width":80,"Height":25}`.
fn size(bytes: &[u8]) -> Option<(u16, u16)> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let number = |name: &str| u16::try_from(value.get(name)?.as_u64()?).ok();
    Some((number("Height")?, number("Width")?))
}

/// The result as the protocol has it.
fn tell(protocol: Protocol, result: &Result<i32, String>) -> Option<String> {
    let status = match result {
        Ok(0) => json!({"metadata": {}, "status": "Success"}),
        Ok(code) => json!({"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]}}),
        Err(message) => {
            json!({"metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500, "message": message})
        }
    };
    match (protocol, result) {
        (Protocol::V5 | Protocol::V4, _) => Some(status.to_string()),
        (Protocol::Plain, Ok(0)) => None,
        (Protocol::Plain, _) => status["message"].as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_common_protocol() {
        let choose = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, text.parse().unwrap());
            Protocol::choose(&headers)
        };
        assert_eq!(choose("v4.channel.k8s.io, v5.channel.k8s.io"), Some(Protocol::V5));
        assert_eq!(choose("channel.k8s.io"), Some(Protocol::Plain));
        assert_eq!(choose("SPDY/3.1+portforward.k8s.io"), None);
    }

    #[test]
    fn parameters() {
        let wish = Wish::parse("command=sh&command=-c&command=echo+a%26b&input=1&output=1&tty=0");
        assert_eq!(wish.command, ["sh", "-c", "echo a&b"]);
        assert!(wish.stdin && wish.stdout && !wish.stderr && !wish.tty);
    }

    #[test]
    fn results() {
        assert_eq!(tell(Protocol::Plain, &Ok(0)), None);
        let failed: Value = serde_json::from_str(&tell(Protocol::V5, &Ok(7)).unwrap()).unwrap();
        assert_eq!(failed["details"]["causes"][0]["message"], "7");
        assert_eq!(failed["reason"], "NonZeroExitCode");
        assert_eq!(size(b"{\"Width\":99,\"Height\":33}"), Some((33, 99)));
        assert_eq!(size(b"nonsense"), None);
    }
}
