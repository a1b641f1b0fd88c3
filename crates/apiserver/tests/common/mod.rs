//! An API server over a store in a folder of its own, for each test.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses a part")]

pub mod tls;

use apiserver::{ApiServer, Options, UserInfo};
use http::{Method, Request};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server that ends with the test.
pub struct Fixture {
    pub server: ApiServer,
    pub client: kube::Client,
    pub store: store::Store,
    _dir: TempDir,
}

pub fn admin() -> UserInfo {
    UserInfo {
        name: "admin".into(),
        groups: vec!["system:masters".into(), "system:authenticated".into()],
        ..UserInfo::default()
    }
}

pub async fn start() -> Fixture {
    start_with(|_| ()).await
}

/// A server with options of the test's own.
pub async fn start_with(change: impl FnOnce(&mut Options)) -> Fixture {
    let dir = TempDir::new().unwrap();
    let store = store::Store::open(dir.path(), store::Options::default()).await.unwrap();
    let mut options = Options::new(store.clone());
    change(&mut options);
    let server = ApiServer::start(options).await.unwrap();
    let client = server.client(admin());
    let fixture = Fixture { server, client, store, _dir: dir };
    let namespace = json!({"metadata": {"name": "default"}});
    let created = fixture.send(Method::POST, "/api/v1/namespaces", Some(&namespace)).await;
    assert!(created.code == 201 || created.code == 409, "{created:?}");
    fixture
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub code: u16,
    pub headers: http::HeaderMap,
    pub body: Value,
    pub bytes: Vec<u8>,
}

impl Fixture {
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.send_as(method, path, &[("content-type", "application/json")], bytes).await
    }

    pub async fn patch(&self, path: &str, kind: &str, body: &Value) -> Reply {
        let kind = format!("application/{kind}");
        self.send_as(Method::PATCH, path, &[("content-type", &kind)], body.to_string().into_bytes()).await
    }

    pub async fn send_as(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.client.send(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes().to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { code: parts.status.as_u16(), headers: parts.headers, body, bytes }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }
}

pub fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v"}})
}

pub fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "i:1"}]}}}})
}

/// A certificate request as an object of the API holds it.
pub fn certificate_request() -> String {
    use base64::Engine;
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    base64::engine::general_purpose::STANDARD.encode(pem)
}
