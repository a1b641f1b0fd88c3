//! Who the server takes a client for, over TLS and with the real kubectl: certificates, tokens, nobody.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use apiserver::{ApiServer, Options};
use common::tls::Served;
use common::{Fixture, tls};
use http::Method;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use std::process::{Command, Stdio};

/// A served fixture that can sign tokens, with the account `default` in the namespace of that name.
async fn served() -> (Fixture, Served) {
    let mut fixture = common::start().await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    let mut options = Options::new(fixture.store.clone());
    options.service_account_key_pem = Some(key.into_bytes());
    fixture.server = ApiServer::start(options).await.unwrap();
    fixture.client = fixture.server.client(common::admin());
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    fixture.send(Method::POST, "/api/v1/namespaces/default/serviceaccounts", Some(&account)).await;
    let served = tls::serve(&fixture).await;
    (fixture, served)
}

/// kubectl with a token instead of the administrator's certificate: success, output, errors.
async fn kubectl_as(served: &Served, token: &str, arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".into()));
    command
        .args(["--kubeconfig", "/dev/null", "--server", &served.url, "--certificate-authority"])
        .arg(served.kubeconfig().with_file_name("ca.crt"))
        .arg("--cache-dir")
        .arg(served.kubeconfig().with_file_name("other-cache"))
        .arg(format!("--token={token}"))
        .args(arguments)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let output = output.expect("kubectl is needed: install it or name it in KUBECTL");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_names_user_and_groups() {
    let (_fixture, served) = served().await;
    let who = served.ok(&["auth", "whoami", "-o", "json"], "").await;
    let who: serde_json::Value = serde_json::from_str(&who).unwrap();
    assert_eq!(who["status"]["userInfo"]["username"], "test-admin");
    assert_eq!(who["status"]["userInfo"]["groups"], json!(["system:masters", "system:authenticated"]));
    assert_eq!(served.ok(&["auth", "can-i", "*", "*"], "").await.trim(), "yes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_names_its_account() {
    let (_fixture, served) = served().await;
    let token = served.ok(&["create", "token", "default"], "").await;
    let token = token.trim();
    let (good, who, error) = kubectl_as(&served, token, &["auth", "whoami", "-o", "json"]).await;
    assert!(good, "{error}");
    let who: serde_json::Value = serde_json::from_str(&who).unwrap();
    assert_eq!(who["status"]["userInfo"]["username"], "system:serviceaccount:default:default");
    let (good, _, error) = kubectl_as(&served, token, &["get", "pods"]).await;
    assert!(!good);
    assert_eq!(
        error.trim(),
        "Error from server (Forbidden): pods is forbidden: User \"system:serviceaccount:default:default\" cannot \
         list resource \"pods\" in API group \"\" in the namespace \"default\""
    );
    let (good, keys, error) = kubectl_as(&served, token, &["get", "--raw", "/openid/v1/jwks"]).await;
    assert!(good && keys.contains("\"ES256\""), "{keys} {error}");
    served.ok(&["delete", "serviceaccount", "default"], "").await;
    let (good, _, error) = kubectl_as(&served, token, &["auth", "whoami"]).await;
    assert!(!good && error.contains("Unauthorized"), "{error}");
}

/// The HTTP status of a GET without a certificate, with that `Authorization` header if one is given.
async fn status_of(served: &Served, authorization: Option<&str>, path: &str) -> u16 {
    let pem = std::fs::read(served.kubeconfig().with_file_name("ca.crt")).unwrap();
    let mut config = kube::Config::new(served.url.parse().unwrap());
    config.root_cert = Some(vec![CertificateDer::from_pem_slice(&pem).unwrap().to_vec()]);
    let client = kube::Client::try_from(config).unwrap();
    let mut request = http::Request::builder().uri(path);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    client.send(request.body(Vec::new().into()).unwrap()).await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_health_and_version_alone() {
    let (_fixture, served) = served().await;
    for (authorization, path, code) in [
        (None, "/version", 200),
        (None, "/healthz", 200),
        (None, "/readyz", 200),
        (None, "/livez", 200),
        (None, "/", 401),
        (None, "/api", 401),
        (None, "/metrics", 401),
        (None, "/api/v1/namespaces/default/pods", 401),
        (None, "/openid/v1/jwks", 401),
        // A bad credential is not as good as none.
        (Some("Bearer not.a.token"), "/version", 401),
        (Some("Bearer "), "/version", 401),
        (Some("Basic YWRtaW46YWRtaW4="), "/version", 401),
    ] {
        assert_eq!(status_of(&served, authorization, path).await, code, "{authorization:?} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_may_act_for_others() {
    let (_fixture, served) = served().await;
    let answer = served.kubectl(&["auth", "can-i", "create", "pods", "--as", "ann"], "").await;
    assert_eq!(answer.out.trim(), "no");
    served.ok(&["create", "rolebinding", "ann", "--clusterrole=edit", "--user=ann"], "").await;
    let answer = served.kubectl(&["auth", "can-i", "create", "pods", "--as", "ann"], "").await;
    assert_eq!(answer.out.trim(), "yes");
    let list = served.ok(&["auth", "can-i", "--list", "--as", "ann"], "").await;
    assert!(list.contains("deployments.apps"), "{list}");
}
