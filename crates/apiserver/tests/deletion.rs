//! Deletions that take time: pods with grace, namespaces with content; and logs through the kubelet.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::{Fixture, start};
use http::Method;
use serde_json::{Value, json};

const PODS: &str = "/api/v1/namespaces/default/pods";

async fn pod(api: &Fixture, name: &str, node: Option<&str>) -> Value {
    let account = json!({"metadata": {"name": "default"}});
    api.send(Method::POST, "/api/v1/namespaces/default/serviceaccounts", Some(&account)).await;
    let mut pod =
        json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}});
    if let Some(node) = node {
        pod["spec"]["nodeName"] = json!(node);
    }
    let made = api.send(Method::POST, PODS, Some(&pod)).await;
    assert_eq!(made.code, 201, "{made:?}");
    made.body
}

#[tokio::test]
async fn a_placed_pod_goes_in_two_steps() {
    let api = start().await;
    pod(&api, "p", Some("n")).await;
    let one = format!("{PODS}/p");
    let asked = api.send(Method::DELETE, &one, Some(&json!({"gracePeriodSeconds": 20}))).await;
    assert_eq!(asked.body["kind"], "Pod", "{asked:?}");
    assert_eq!(asked.body["metadata"]["deletionGracePeriodSeconds"], 20);
    let stamp = asked.body["metadata"]["deletionTimestamp"].clone();
    let longer = api.send(Method::DELETE, &one, Some(&json!({"gracePeriodSeconds": 60}))).await;
    assert_eq!(longer.body["metadata"]["deletionTimestamp"], stamp, "grace never gets longer");
    let shorter = api.send(Method::DELETE, &one, Some(&json!({"gracePeriodSeconds": 5}))).await;
    assert_eq!(shorter.body["metadata"]["deletionGracePeriodSeconds"], 5);
    assert!(shorter.body["metadata"]["deletionTimestamp"].as_str() < stamp.as_str());
    assert_eq!(api.get(&one).await.code, 200);
    let done = api.send(Method::DELETE, &one, Some(&json!({"gracePeriodSeconds": 0}))).await;
    assert_eq!(done.code, 200);
    assert_eq!(api.get(&one).await.code, 404);
}

#[tokio::test]
async fn an_unplaced_pod_goes_at_once() {
    let api = start().await;
    pod(&api, "p", None).await;
    let gone = api.send(Method::DELETE, &format!("{PODS}/p"), None).await;
    assert_eq!(gone.code, 200);
    assert_eq!(api.get(&format!("{PODS}/p")).await.code, 404);
}

#[tokio::test]
async fn a_finalizer_holds_a_pod_beyond_its_grace() {
    let api = start().await;
    pod(&api, "p", Some("n")).await;
    let one = format!("{PODS}/p");
    api.patch(&one, "merge-patch+json", &json!({"metadata": {"finalizers": ["example.com/hold"]}})).await;
    api.send(Method::DELETE, &one, None).await;
    let held = api.send(Method::DELETE, &one, Some(&json!({"gracePeriodSeconds": 0}))).await;
    assert_eq!(held.body["metadata"]["deletionGracePeriodSeconds"], 0, "{held:?}");
    assert_eq!(api.get(&one).await.code, 200);
    api.patch(&one, "merge-patch+json", &json!({"metadata": {"finalizers": []}})).await;
    assert_eq!(api.get(&one).await.code, 404);
}

#[tokio::test]
async fn a_namespace_waits_for_finalize() {
    let api = start().await;
    let made = api.send(Method::POST, "/api/v1/namespaces", Some(&json!({"metadata": {"name": "n"}}))).await;
    assert_eq!(made.body["spec"]["finalizers"], json!(["kubernetes"]), "{made:?}");
    let deleted = api.send(Method::DELETE, "/api/v1/namespaces/n", None).await;
    assert_eq!(deleted.body["status"]["phase"], "Terminating", "{deleted:?}");
    let mut namespace = api.get("/api/v1/namespaces/n").await.body;
    namespace["spec"]["finalizers"] = json!([]);
    let finalized = api.send(Method::PUT, "/api/v1/namespaces/n/finalize", Some(&namespace)).await;
    assert_eq!(finalized.code, 200, "{finalized:?}");
    assert_eq!(api.get("/api/v1/namespaces/n").await.code, 404);
}
