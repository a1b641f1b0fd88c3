//! Create, read, change and delete, as clients see it.

mod common;

use common::{config_map, deployment, start};
use http::Method;
use serde_json::json;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn an_object_goes_through_its_life() {
    let api = start().await;
    let created = api.send(Method::POST, MAPS, Some(&config_map("a"))).await;
    assert_eq!(created.code, 201, "{created:?}");
    let metadata = &created.body["metadata"];
    assert_eq!(metadata["namespace"], "default");
    assert_eq!(metadata["uid"].as_str().unwrap().len(), 36);
    assert!(metadata["creationTimestamp"].is_string());
    let version: u64 = metadata["resourceVersion"].as_str().unwrap().parse().unwrap();
    assert_eq!(version, api.store.revision());

    let read = api.get(&format!("{MAPS}/a")).await;
    assert_eq!(read.body, created.body, "a read gives what the write answered");

    let again = api.send(Method::POST, MAPS, Some(&config_map("a"))).await;
    assert_eq!(again.code, 409);
    assert_eq!(again.body["reason"], "AlreadyExists");
    assert_eq!(again.body["message"], "configmaps \"a\" already exists");

    let mut changed = read.body.clone();
    changed["data"]["k"] = json!("w");
    let updated = api.send(Method::PUT, &format!("{MAPS}/a"), Some(&changed)).await;
    assert_eq!(updated.code, 200, "{updated:?}");
    assert_eq!(updated.body["data"]["k"], "w");

    let stale = api.send(Method::PUT, &format!("{MAPS}/a"), Some(&changed)).await;
    assert_eq!(stale.code, 409);
    assert_eq!(
        stale.body["message"],
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; \
         please apply your changes to the latest version and try again"
    );

    let before = api.store.revision();
    let same = api.send(Method::PUT, &format!("{MAPS}/a"), Some(&updated.body)).await;
    assert_eq!(same.body["metadata"]["resourceVersion"], updated.body["metadata"]["resourceVersion"]);
    assert_eq!(api.store.revision(), before, "a write without a change is not written");

    let deleted = api.send(Method::DELETE, &format!("{MAPS}/a"), None).await;
    assert_eq!((deleted.code, deleted.body["status"].as_str()), (200, Some("Success")));
    let gone = api.get(&format!("{MAPS}/a")).await;
    assert_eq!(gone.code, 404);
    assert_eq!(gone.body["message"], "configmaps \"a\" not found");
    assert_eq!(gone.body["details"], json!({"name": "a", "kind": "configmaps"}));
}

#[tokio::test]
async fn generation_follows_the_spec_and_status_has_its_own_path() {
    let api = start().await;
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let mut object = deployment("d");
    object["status"] = json!({"replicas": 9});
    let created = api.send(Method::POST, path, Some(&object)).await;
    assert_eq!(created.code, 201, "{created:?}");
    assert_eq!(created.body["metadata"]["generation"], 1);
    assert!(created.body["status"].get("replicas").is_none());

    let one = format!("{path}/d");
    let patched = api
        .patch(&one, "merge-patch+json", &json!({"spec": {"replicas": 3}, "status": {"replicas": 1}}))
        .await;
    assert_eq!(patched.code, 200, "{patched:?}");
    assert_eq!(patched.body["metadata"]["generation"], 2);
    assert!(patched.body["status"].get("replicas").is_none());

    let labelled =
        api.patch(&one, "strategic-merge-patch+json", &json!({"metadata": {"labels": {"x": "y"}}})).await;
    assert_eq!(labelled.body["metadata"]["generation"], 2);

    let status = format!("{one}/status");
    let patched = api
        .patch(&status, "merge-patch+json", &json!({"spec": {"replicas": 7}, "status": {"replicas": 3}}))
        .await;
    assert_eq!(patched.code, 200, "{patched:?}");
    assert_eq!(patched.body["status"]["replicas"], 3);
    assert_eq!(patched.body["spec"]["replicas"], 3);
    assert_eq!(patched.body["metadata"]["generation"], 2);
}

#[tokio::test]
async fn finalizers_hold_a_deleted_object() {
    let api = start().await;
    let mut object = config_map("held");
    object["metadata"]["finalizers"] = json!(["example.com/hold"]);
    api.send(Method::POST, MAPS, Some(&object)).await;
    let one = format!("{MAPS}/held");
    let deleted = api.send(Method::DELETE, &one, None).await;
    assert_eq!(deleted.code, 200);
    assert!(deleted.body["metadata"]["deletionTimestamp"].is_string(), "{deleted:?}");
    assert_eq!(api.get(&one).await.code, 200);
    let freed = api.patch(&one, "merge-patch+json", &json!({"metadata": {"finalizers": null}})).await;
    assert_eq!(freed.code, 200, "{freed:?}");
    assert_eq!(api.get(&one).await.code, 404);
}

#[tokio::test]
async fn propagation_becomes_a_finalizer_for_the_garbage_collector() {
    let api = start().await;
    for (policy, finalizer) in [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")] {
        let name = policy.to_lowercase();
        api.send(Method::POST, MAPS, Some(&config_map(&name))).await;
        let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy});
        let deleted = api.send(Method::DELETE, &format!("{MAPS}/{name}"), Some(&options)).await;
        assert_eq!(deleted.body["metadata"]["finalizers"], json!([finalizer]), "{deleted:?}");
    }
    api.send(Method::POST, MAPS, Some(&config_map("background"))).await;
    let options = json!({"propagationPolicy": "Background", "preconditions": {"uid": "other"}});
    let refused = api.send(Method::DELETE, &format!("{MAPS}/background"), Some(&options)).await;
    assert_eq!((refused.code, refused.body["reason"].as_str()), (409, Some("Conflict")));
    let gone =
        api.send(Method::DELETE, &format!("{MAPS}/background?propagationPolicy=Background"), None).await;
    assert_eq!(gone.body["status"], "Success");
}

#[tokio::test]
async fn names_are_generated_and_dry_runs_store_nothing() {
    let api = start().await;
    let mut object = config_map("");
    object["metadata"] = json!({"generateName": "gen-"});
    let created = api.send(Method::POST, MAPS, Some(&object)).await;
    let name = created.body["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("gen-") && name.len() == 9, "{name}");
    let before = api.store.revision();
    let dry = api.send(Method::POST, &format!("{MAPS}?dryRun=All"), Some(&config_map("dry"))).await;
    assert_eq!(dry.code, 201);
    let dry = api.send(Method::DELETE, &format!("{MAPS}/{name}?dryRun=All"), None).await;
    assert_eq!(dry.code, 200);
    assert_eq!(api.store.revision(), before);
}

#[tokio::test]
async fn patches_without_a_version_do_not_lose_each_other() {
    let api = std::sync::Arc::new(start().await);
    api.send(Method::POST, MAPS, Some(&config_map("busy"))).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let api = api.clone();
        tasks.spawn(async move {
            let patch = json!({"data": {format!("k{number}"): "v"}});
            let reply = api.patch(&format!("{MAPS}/busy"), "merge-patch+json", &patch).await;
            assert_eq!(reply.code, 200, "{reply:?}");
        });
    }
    tasks.join_all().await;
    let read = api.get(&format!("{MAPS}/busy")).await;
    assert_eq!(read.body["data"].as_object().unwrap().len(), 21);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_as_upstream_does() {
    let api = start().await;
    let mut other = config_map("a");
    other["metadata"]["namespace"] = json!("elsewhere");
    let reply = api.send(Method::POST, MAPS, Some(&other)).await;
    assert_eq!(reply.code, 400);
    let reply = api.send(Method::POST, MAPS, Some(&json!({"apiVersion": "v1", "kind": "Secret"}))).await;
    assert_eq!(reply.code, 400, "{reply:?}");
    let reply = api.send_as(Method::POST, MAPS, &[("content-type", "text/plain")], b"x".to_vec()).await;
    assert_eq!((reply.code, reply.body["reason"].as_str()), (415, Some("UnsupportedMediaType")));
    let reply = api.send(Method::POST, MAPS, None).await;
    assert_eq!(reply.code, 400);
    let reply = api.get("/api/v1/namespaces/default/foos").await;
    assert_eq!((reply.code, reply.body["reason"].as_str()), (404, Some("NotFound")));
    let reply = api.send(Method::PUT, MAPS, Some(&config_map("a"))).await;
    assert_eq!(reply.code, 405);
    let reply = api.send(Method::POST, MAPS, Some(&json!({"metadata": {"name": "x".repeat(4 << 20)}}))).await;
    assert_eq!(reply.code, 413);
}

#[tokio::test]
async fn deletecollection_takes_what_the_selector_fits() {
    let api = start().await;
    for (name, app) in [("a", "x"), ("b", "x"), ("c", "y")] {
        let mut object = config_map(name);
        object["metadata"]["labels"] = json!({"app": app});
        api.send(Method::POST, MAPS, Some(&object)).await;
    }
    let deleted = api.send(Method::DELETE, &format!("{MAPS}?labelSelector=app%3Dx"), None).await;
    assert_eq!(deleted.code, 200, "{deleted:?}");
    assert_eq!(deleted.body["items"].as_array().unwrap().len(), 2);
    let left = api.get(MAPS).await;
    assert_eq!(left.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(left.body["items"][0]["metadata"]["name"], "c");
}
