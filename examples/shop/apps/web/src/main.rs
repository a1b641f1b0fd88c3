//! The shop's front end: static assets from `assets/`, and the API, passed on, under `/api`.

use std::io;
use std::path::{Component, Path};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::main]
async fn main() -> io::Result<()> {
    let api = std::env::var("API_URL").unwrap_or_else(|_| "http://127.0.0.1:8081".to_owned());
    let host = api.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let routes = Router::new().route("/api/{*path}", any(pass_on)).fallback(get(asset)).with_state(host);
    shop_http::serve(routes).await
}

async fn asset(uri: Uri) -> Response {
    let path = match uri.path() {
        "/" => Path::new("index.html"),
        path => Path::new(path.trim_start_matches('/')),
    };
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "application/octet-stream",
    };
    match tokio::fs::read(Path::new("assets").join(path)).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn pass_on(State(host): State<String>, method: Method, uri: Uri, body: Bytes) -> Response {
    match ask(&host, &method, uri.path().trim_start_matches("/api"), &body).await {
        Ok(response) => response,
        Err(error) => {
            eprintln!("api at {host}: {error}");
            (StatusCode::BAD_GATEWAY, "the API does not answer\n").into_response()
        }
    }
}

/// One HTTP/1.0 exchange: the answer ends where the connection does.
async fn ask(host: &str, method: &Method, path: &str, body: &[u8]) -> io::Result<Response> {
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "{method} {path} HTTP/1.0\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(bad)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok()).ok_or_else(bad)?;
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or("text/plain");
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from(answer.split_off(end + 4)))
        .map_err(|_| bad())
}
