//! The forms of an answer: tables, metadata alone, YAML, protobuf; and what several versions of a kind share.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::{config_map, deployment, start};
use http::Method;
use objects::codec::{Codec, Protobuf};
use objects::registry;
use serde_json::json;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

#[tokio::test]
async fn a_table_has_columns_and_a_row_for_each_object() {
    let api = start().await;
    let path = "/apis/apps/v1/namespaces/default/deployments";
    api.send(Method::POST, path, Some(&deployment("web"))).await;
    let table = api.send_as(Method::GET, path, &[("accept", TABLE)], Vec::new()).await.body;
    assert_eq!(table["kind"], "Table");
    let columns: Vec<&str> = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        columns,
        ["Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"]
    );
    assert_eq!(table["columnDefinitions"][0]["format"], "name");
    assert_eq!(table["columnDefinitions"][5]["priority"], 1);
    let row = &table["rows"][0];
    assert_eq!(row["cells"][0], "web");
    assert_eq!(row["cells"][1], "0/2");
    assert_eq!(row["cells"][7], "app=web");
    assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(row["object"]["metadata"]["name"], "web");
    let whole = format!("{path}/web?includeObject=Object");
    let table = api.send_as(Method::GET, &whole, &[("accept", TABLE)], Vec::new()).await.body;
    assert_eq!(table["rows"][0]["object"]["spec"]["replicas"], 2);
}

#[tokio::test]
async fn metadata_can_be_had_alone() {
    let api = start().await;
    api.send(Method::POST, MAPS, Some(&config_map("a"))).await;
    let accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let list = api.send_as(Method::GET, MAPS, &[("accept", accept)], Vec::new()).await.body;
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["kind"], "PartialObjectMetadata");
    assert_eq!(list["items"][0]["metadata"]["name"], "a");
    assert!(list["items"][0].get("data").is_none());
    let accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let one = api.send_as(Method::GET, &format!("{MAPS}/a"), &[("accept", accept)], Vec::new()).await.body;
    assert_eq!((one["kind"].as_str(), one.get("data")), (Some("PartialObjectMetadata"), None));
}

#[tokio::test]
async fn protobuf_is_read_and_written() {
    let api = start().await;
    let kind = registry::by_resource("", "v1", "configmaps").unwrap();
    let body = Protobuf.encode(kind.schema, &config_map("pb")).unwrap();
    let headers =
        [("content-type", PROTOBUF), ("accept", "application/vnd.kubernetes.protobuf,application/json")];
    let made = api.send_as(Method::POST, MAPS, &headers, body).await;
    assert_eq!(made.code, 201, "{}", String::from_utf8_lossy(&made.bytes));
    assert_eq!(made.headers["content-type"], PROTOBUF);
    let object = Protobuf.decode(kind.schema, &made.bytes).unwrap().value;
    assert_eq!(object["data"]["k"], "v");
    let as_json = api.get(&format!("{MAPS}/pb")).await.body;
    assert_eq!(as_json["metadata"]["uid"], object["metadata"]["uid"]);

    let list = api.send_as(Method::GET, MAPS, &headers[1..], Vec::new()).await;
    let schema = registry::type_of("", "v1", "ConfigMapList").unwrap();
    let list = Protobuf.decode(schema, &list.bytes).unwrap().value;
    assert_eq!(list["items"][0]["metadata"]["name"], "pb");

    let from = as_json["metadata"]["resourceVersion"].as_str().unwrap();
    api.patch(&format!("{MAPS}/pb"), "merge-patch+json", &json!({"data": {"k": "w"}})).await;
    let path = format!("{MAPS}?watch=true&resourceVersion={from}&timeoutSeconds=1");
    let accept = [("accept", "application/vnd.kubernetes.protobuf;stream=watch")];
    let watch = api.send_as(Method::GET, &path, &accept, Vec::new()).await;
    assert_eq!(watch.headers["content-type"], "application/vnd.kubernetes.protobuf;stream=watch");
    let length = u32::from_be_bytes(watch.bytes[..4].try_into().unwrap()) as usize;
    assert_eq!(length + 4, watch.bytes.len(), "one event");
    assert_eq!(&watch.bytes[4..14], b"\x0a\x08MODIFIED");
}

#[tokio::test]
async fn deletions_speak_protobuf_too() {
    let api = start().await;
    api.send(Method::POST, MAPS, Some(&config_map("a"))).await;
    let schema = registry::type_of("", "v1", "DeleteOptions").unwrap();
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
    let body = Protobuf.encode(schema, &options).unwrap();
    let headers = [("content-type", PROTOBUF), ("accept", PROTOBUF)];
    let deleted = api.send_as(Method::DELETE, &format!("{MAPS}/a"), &headers, body).await;
    assert_eq!(deleted.code, 200, "{}", String::from_utf8_lossy(&deleted.bytes));
    let status = registry::type_of("", "v1", "Status").unwrap();
    assert_eq!(Protobuf.decode(status, &deleted.bytes).unwrap().value["status"], "Success");
}

#[tokio::test]
async fn yaml_is_written_and_nothing_else_is_refused() {
    let api = start().await;
    api.send(Method::POST, MAPS, Some(&config_map("a"))).await;
    let one = format!("{MAPS}/a");
    let yaml = api.send_as(Method::GET, &one, &[("accept", "application/yaml")], Vec::new()).await;
    assert!(String::from_utf8(yaml.bytes).unwrap().contains("kind: ConfigMap"));
    let refused = api.send_as(Method::GET, &one, &[("accept", "text/html")], Vec::new()).await;
    assert_eq!((refused.code, refused.body["reason"].as_str()), (406, Some("NotAcceptable")));
}

#[tokio::test]
async fn events_of_both_groups_are_the_same_objects() {
    let api = start().await;
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}, "reason": "Started",
        "message": "it runs", "type": "Normal", "count": 2, "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:01Z"});
    let made = api.send(Method::POST, "/api/v1/namespaces/default/events", Some(&event)).await;
    assert_eq!(made.code, 201, "{made:?}");
    let other = api.get("/apis/events.k8s.io/v1/namespaces/default/events/e").await.body;
    assert_eq!(
        (other["apiVersion"].as_str(), other["note"].as_str()),
        (Some("events.k8s.io/v1"), Some("it runs"))
    );
    assert_eq!(other["regarding"]["name"], "p");
    assert_eq!(other["deprecatedCount"], 2);
    let path = "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp";
    assert_eq!(api.get(path).await.body["items"].as_array().unwrap().len(), 1);
    let table = api.send_as(Method::GET, path, &[("accept", TABLE)], Vec::new()).await.body;
    assert_eq!(table["rows"][0]["cells"][3], "pod/p");
}

#[tokio::test]
async fn discovery_comes_in_both_forms_and_openapi_in_two_versions() {
    let api = start().await;
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let found = api.send_as(Method::GET, "/apis", &[("accept", accept)], Vec::new()).await;
    assert_eq!(found.body["kind"], "APIGroupDiscoveryList");
    let apps =
        found.body["items"].as_array().unwrap().iter().find(|one| one["metadata"]["name"] == "apps").unwrap();
    let resources = apps["versions"][0]["resources"].as_array().unwrap();
    let deployments = resources.iter().find(|one| one["resource"] == "deployments").unwrap();
    assert_eq!(deployments["scope"], "Namespaced");
    assert!(deployments["subresources"].as_array().unwrap().iter().any(|one| one["subresource"] == "scale"));
    let tag = found.headers["etag"].to_str().unwrap();
    let again =
        api.send_as(Method::GET, "/apis", &[("accept", accept), ("if-none-match", tag)], Vec::new()).await;
    assert_eq!(again.code, 304);
    let classic = api.get("/apis/apps/v1").await.body;
    assert_eq!(classic["kind"], "APIResourceList");
    let v3 = api.get("/openapi/v3/apis/apps/v1").await.body;
    let patch = &v3["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
    assert!(
        v3["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"].is_object()
    );
    let v2 = api.get("/openapi/v2").await.body;
    assert!(v2["definitions"]["io.k8s.api.core.v1.Pod"].is_object());
    // Every reference leads somewhere.
    let text = v3.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(v3["components"]["schemas"][name].is_object(), "{name}");
    }
}
