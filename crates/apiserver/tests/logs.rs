//! Logs and streams of pods: what the kubelet of the node is asked, and how its answer comes through.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::tls::{Authority, serve};
use common::{Fixture, start_with};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const PODS: &str = "/api/v1/namespaces/default/pods";

/// Answers with the path it was asked for; upgrades exec requests and sends back what it gets.
async fn answer(
    mut request: Request<Incoming>,
) -> Result<Response<Full<bytes::Bytes>>, std::convert::Infallible> {
    let path = request.uri().to_string();
    if path.starts_with("/exec/") {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("upgrade", request.headers()["upgrade"].clone());
        response.headers_mut().insert("connection", "Upgrade".parse().unwrap());
        tokio::spawn(async move {
            let mut stream = TokioIo::new(hyper::upgrade::on(&mut request).await.unwrap());
            stream.write_all(path.as_bytes()).await.unwrap();
            let mut buffer = [0; 5];
            stream.read_exact(&mut buffer).await.unwrap();
            stream.write_all(&buffer).await.unwrap();
        });
        return Ok(response);
    }
    let mut response = Response::new(Full::from(path.clone()));
    if path.contains("previous=true") {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        *response.body_mut() = Full::from("previous terminated container \"c\" in pod \"p\" not found\n");
    }
    Ok(response)
}

/// A kubelet that demands a client certificate, a server that has one, a node and a pod on it.
async fn cluster() -> Fixture {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(authority.server(true));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), hyper::service::service_fn(answer));
                connection.with_upgrades().await.unwrap();
            });
        }
    });
    let (certificate, key) = authority.sign("kube-apiserver-kubelet-client", &[]);
    let api = start_with(|options| {
        options.kubelet_client = Some(authority.client_config(certificate, key));
    })
    .await;
    let node = json!({"metadata": {"name": "n"}});
    assert_eq!(api.send(Method::POST, "/api/v1/nodes", Some(&node)).await.code, 201);
    let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}});
    assert_eq!(api.patch("/api/v1/nodes/n/status", "merge-patch+json", &status).await.code, 200);
    let account = json!({"metadata": {"name": "default"}});
    api.send(Method::POST, "/api/v1/namespaces/default/serviceaccounts", Some(&account)).await;
    let pod = json!({"metadata": {"name": "p"}, "spec": {"nodeName": "n", "containers": [
        {"name": "c", "image": "i:1"}]}});
    let made = api.send(Method::POST, PODS, Some(&pod)).await;
    assert_eq!(made.code, 201, "{made:?}");
    api
}

#[tokio::test]
async fn a_log_comes_from_the_kubelet_of_the_pods_node() {
    let api = cluster().await;
    let log = api.get(&format!("{PODS}/p/log?follow=true&tailLines=3&timestamps=true")).await;
    assert_eq!(log.code, 200);
    let asked = String::from_utf8(log.bytes).unwrap();
    assert_eq!(asked, "/containerLogs/default/p/c?follow=true&tailLines=3&timestamps=true");
    let refused = api.get(&format!("{PODS}/p/log?previous=true")).await;
    assert_eq!((refused.code, refused.body["reason"].as_str()), (400, Some("BadRequest")));
    assert_eq!(refused.body["message"], "previous terminated container \"c\" in pod \"p\" not found");
    let unknown = api.get(&format!("{PODS}/p/log?container=x")).await;
    assert_eq!(unknown.body["message"], "container x is not valid for pod p");
    let nobody = api.get(&format!("{PODS}/q/log")).await;
    assert_eq!(nobody.code, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_through_to_the_kubelet() {
    let api = cluster().await;
    let served = serve(&api).await;
    let mut stream = served.connect().await;
    let request = format!(
        "POST {PODS}/p/exec?command=sh&command=-c&stdin=true&stdout=true HTTP/1.1\r\nHost: x\r\n\
         Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let path = "/exec/default/p/c?input=1&output=1&command=sh&command=-c";
    while !String::from_utf8_lossy(&got).ends_with(path) {
        let mut buffer = [0; 1024];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&buffer[..count]);
    }
    assert!(got.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&got));
    stream.write_all(b"hello").await.unwrap();
    let mut echo = [0; 5];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"hello");
}
