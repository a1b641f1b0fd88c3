//! Lists in pages and by selector; watches from a revision, with selectors, bookmarks and streaming lists.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::{Fixture, config_map, start};
use futures::{StreamExt, TryStreamExt, pin_mut};
use http::{Method, Request};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::{Value, json};
use std::collections::VecDeque;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn add(api: &Fixture, name: &str, app: &str) -> u64 {
    let mut object = config_map(name);
    object["metadata"]["labels"] = json!({"app": app});
    let reply = api.send(Method::POST, MAPS, Some(&object)).await;
    assert_eq!(reply.code, 201, "{reply:?}");
    reply.body["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

/// A watch read line by line.
struct Lines {
    body: kube::client::Body,
    buffer: Vec<u8>,
    lines: VecDeque<Value>,
}

impl Lines {
    async fn open(api: &Fixture, path: &str) -> Self {
        let request = Request::get(path).body(Vec::new().into()).unwrap();
        let response = api.client.send(request).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        Self { body: response.into_body(), buffer: Vec::new(), lines: VecDeque::new() }
    }

    async fn next(&mut self) -> Option<Value> {
        while self.lines.is_empty() {
            let frame = http_body_util::BodyExt::frame(&mut self.body).await?.unwrap();
            self.buffer.extend_from_slice(&frame.into_data().unwrap());
            while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                self.lines.push_back(serde_json::from_slice(&line).unwrap());
            }
        }
        self.lines.pop_front()
    }

    async fn expect(&mut self, kind: &str, name: &str) -> Value {
        let event = self.next().await.unwrap();
        assert_eq!(event["type"], kind, "{event}");
        assert_eq!(event["object"]["metadata"]["name"], name, "{event}");
        event["object"].clone()
    }
}

#[tokio::test]
async fn a_list_comes_in_pages_of_one_revision() {
    let api = start().await;
    for number in 0..7 {
        add(&api, &format!("m{number}"), "x").await;
    }
    let first = api.get(&format!("{MAPS}?limit=3")).await;
    assert_eq!(first.body["kind"], "ConfigMapList");
    assert_eq!(first.body["items"].as_array().unwrap().len(), 3);
    assert_eq!(first.body["metadata"]["remainingItemCount"], 4);
    let version = first.body["metadata"]["resourceVersion"].clone();
    add(&api, "m55", "x").await;
    let token = first.body["metadata"]["continue"].as_str().unwrap();
    let second = api.get(&format!("{MAPS}?limit=3&continue={token}")).await;
    assert_eq!(second.body["metadata"]["resourceVersion"], version);
    let token = second.body["metadata"]["continue"].as_str().unwrap();
    let last = api.get(&format!("{MAPS}?limit=3&continue={token}")).await;
    assert!(last.body["metadata"].get("continue").is_none());
    let names: Vec<&str> = [&first, &second, &last]
        .into_iter()
        .flat_map(|page| page.body["items"].as_array().unwrap())
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);

    // The history goes: the token is refused, with one that goes on at the present revision.
    api.store.compact(api.store.revision()).await.unwrap();
    let token = first.body["metadata"]["continue"].as_str().unwrap();
    let expired = api.get(&format!("{MAPS}?limit=10&continue={token}")).await;
    assert_eq!((expired.code, expired.body["reason"].as_str()), (410, Some("Expired")));
    let token = expired.body["metadata"]["continue"].as_str().unwrap();
    let rest = api.get(&format!("{MAPS}?limit=10&continue={token}")).await;
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 5, "{rest:?}");
}

#[tokio::test]
async fn selectors_leave_out_and_unknown_fields_are_refused() {
    let api = start().await;
    add(&api, "a", "x").await;
    add(&api, "b", "y").await;
    let names = |body: &Value| -> Vec<String> {
        let items = body["items"].as_array().unwrap().iter();
        items.map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let list = api.get(&format!("{MAPS}?labelSelector=app%3Dx")).await;
    assert_eq!(names(&list.body), ["a"]);
    let list = api.get(&format!("{MAPS}?fieldSelector=metadata.name%3Db")).await;
    assert_eq!(names(&list.body), ["b"]);
    let list = api.get(&format!("{MAPS}?labelSelector=app&limit=1")).await;
    assert_eq!(names(&list.body), ["a"]);
    assert!(list.body["metadata"].get("remainingItemCount").is_none());
    let refused = api.get(&format!("{MAPS}?fieldSelector=data.k%3Dv")).await;
    assert_eq!(refused.code, 400);
    assert!(
        refused.body["message"].as_str().unwrap().contains("field label not supported: data.k"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_watch_tells_every_change_from_its_revision_on() {
    let api = start().await;
    let first = add(&api, "a", "x").await;
    let second = add(&api, "b", "x").await;
    let mut watch = Lines::open(&api, &format!("{MAPS}?watch=true&resourceVersion={first}")).await;
    watch.expect("ADDED", "b").await;
    api.patch(&format!("{MAPS}/b"), "merge-patch+json", &json!({"data": {"k": "2"}})).await;
    let changed = watch.expect("MODIFIED", "b").await;
    assert_eq!(changed["data"]["k"], "2");
    api.send(Method::DELETE, &format!("{MAPS}/a"), None).await;
    let deleted = watch.expect("DELETED", "a").await;
    let version: u64 = deleted["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    assert!(version > second, "a tombstone carries the revision of the deletion");
    assert_eq!(version, api.store.revision());

    let mut watch =
        Lines::open(&api, &format!("{MAPS}?watch=true&resourceVersion={second}&timeoutSeconds=1")).await;
    watch.expect("MODIFIED", "b").await;
    watch.expect("DELETED", "a").await;
    assert_eq!(watch.next().await, None, "the watch ends with its timeout");
}

#[tokio::test]
async fn an_object_that_ceases_to_fit_comes_as_deleted() {
    let api = start().await;
    let from = add(&api, "a", "y").await;
    let path = format!("{MAPS}?watch=true&resourceVersion={from}&labelSelector=app%3Dx");
    let mut watch = Lines::open(&api, &path).await;
    let label = |app: &str| json!({"metadata": {"labels": {"app": app}}});
    let one = format!("{MAPS}/a");
    api.patch(&one, "merge-patch+json", &label("x")).await;
    watch.expect("ADDED", "a").await;
    let left = api.patch(&one, "merge-patch+json", &label("z")).await;
    let deleted = watch.expect("DELETED", "a").await;
    assert_eq!(deleted["metadata"]["labels"]["app"], "x", "the last state that fitted");
    assert_eq!(deleted["metadata"]["resourceVersion"], left.body["metadata"]["resourceVersion"]);
    api.send(Method::DELETE, &one, None).await;
    add(&api, "b", "x").await;
    watch.expect("ADDED", "b").await;
}

#[tokio::test]
async fn a_streaming_list_ends_with_its_bookmark() {
    let api = start().await;
    add(&api, "a", "x").await;
    let last = add(&api, "b", "x").await;
    let path = format!(
        "{MAPS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    );
    let mut watch = Lines::open(&api, &path).await;
    watch.expect("ADDED", "a").await;
    watch.expect("ADDED", "b").await;
    let bookmark = watch.next().await.unwrap();
    assert_eq!(bookmark["type"], "BOOKMARK");
    let metadata = &bookmark["object"]["metadata"];
    assert_eq!(metadata["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!(metadata["resourceVersion"], last.to_string());
    let refused = api.get(&format!("{MAPS}?watch=true&sendInitialEvents=true")).await;
    assert_eq!(refused.code, 422);
}

#[tokio::test]
async fn history_that_is_gone_is_said_so() {
    let api = start().await;
    let first = add(&api, "a", "x").await;
    add(&api, "b", "x").await;
    api.store.compact(api.store.revision()).await.unwrap();
    let mut watch = Lines::open(&api, &format!("{MAPS}?watch=true&resourceVersion={first}")).await;
    let event = watch.next().await.unwrap();
    assert_eq!((event["type"].as_str(), event["object"]["code"].as_i64()), (Some("ERROR"), Some(410)));
    let list = api.get(&format!("{MAPS}?resourceVersion={first}&resourceVersionMatch=Exact")).await;
    assert_eq!(list.code, 410);
    let future = api.get(&format!("{MAPS}?resourceVersion=100000")).await;
    assert_eq!(future.code, 504);
    assert_eq!(future.body["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
}

#[tokio::test]
async fn the_shutdown_ends_watches() {
    let api = start().await;
    let mut watch = Lines::open(&api, &format!("{MAPS}?watch=true")).await;
    api.server.shutdown();
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn kube_rs_follows_with_streaming_lists_and_with_lists() {
    let api = start().await;
    add(&api, "a", "x").await;
    for config in [watcher::Config::default().streaming_lists(), watcher::Config::default()] {
        let maps: kube::Api<ConfigMap> = kube::Api::namespaced(api.client.clone(), "default");
        let events = watcher(maps, config).boxed();
        pin_mut!(events);
        let mut seen = Vec::new();
        loop {
            match events.try_next().await.unwrap().unwrap() {
                Event::InitApply(map) => seen.push(map.metadata.name.unwrap()),
                Event::InitDone => break,
                Event::Init => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(seen.contains(&"a".to_owned()), "{seen:?}");
        let name = format!("later-{}", api.store.revision());
        add(&api, &name, "x").await;
        match events.try_next().await.unwrap().unwrap() {
            Event::Apply(map) => assert_eq!(map.metadata.name.unwrap(), name),
            other => panic!("{other:?}"),
        }
    }
}
