//! Informers, sets of informers and events against a small server that can refuse, break off and restart.

#![allow(clippy::unwrap_used)]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use client::{Change, Config, Events, Informer, Informers};
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube::{Api, Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// ConfigMaps and Events, a history, and the watches on it.
#[derive(Clone, Default)]
struct Server {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: Vec<Value>,
    revision: u64,
    watchers: Vec<mpsc::UnboundedSender<Bytes>>,
    streams_lists: bool,
    down: bool,
    requests: Vec<String>,
    written: Vec<(String, Value)>,
}

type Frame = Result<http_body::Frame<Bytes>, Infallible>;

impl Server {
    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                Ok::<_, Infallible>(server.answer(&head, &body))
            }
        });
        Client::new(service, "default")
    }

    fn answer(&self, head: &http::request::Parts, body: &[u8]) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
        let mut state = self.state.lock().unwrap();
        let query = head.uri.query().unwrap_or_default().to_owned();
        state.requests.push(format!("{} {}?{query}", head.method, head.uri.path()));
        if state.down {
            return status(503, "ServiceUnavailable");
        }
        if head.method != http::Method::GET {
            let body: Value = serde_json::from_slice(body).unwrap();
            let answer = json!({"metadata": {"name": "e"}, "involvedObject": {}});
            state.written.push((format!("{} {}", head.method, head.uri.path()), body));
            return reply(200, answer);
        }
        if !query.contains("watch=true") {
            return reply(
                200,
                json!({"apiVersion": "v1", "kind": "ConfigMapList", "items": state.objects,
                       "metadata": {"resourceVersion": state.revision.to_string()}}),
            );
        }
        let initial = query.contains("sendInitialEvents=true");
        if initial && !state.streams_lists {
            return status(422, "Invalid");
        }
        let (sender, mut receiver) = mpsc::unbounded_channel();
        if initial {
            for object in &state.objects {
                sender.send(line("ADDED", object)).unwrap();
            }
            let mark = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
                "resourceVersion": state.revision.to_string(),
                "annotations": {"k8s.io/initial-events-end": "true"}}});
            sender.send(line("BOOKMARK", &mark)).unwrap();
        }
        state.watchers.push(sender);
        let frames = futures::stream::poll_fn(move |context| {
            receiver.poll_recv(context).map(|line| line.map(|line| Frame::Ok(http_body::Frame::data(line))))
        });
        Response::new(StreamBody::new(frames).boxed_unsync())
    }

    fn put(&self, name: &str) {
        let mut state = self.state.lock().unwrap();
        state.revision += 1;
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": name, "namespace": "n", "uid": name, "resourceVersion": state.revision.to_string(),
            "managedFields": [{"manager": "m"}]}});
        state.objects.retain(|known| known["metadata"]["name"] != name);
        state.objects.push(object.clone());
        state.tell("MODIFIED", &object);
    }

    fn delete(&self, name: &str) {
        let mut state = self.state.lock().unwrap();
        state.revision += 1;
        let Some(at) = state.objects.iter().position(|known| known["metadata"]["name"] == name) else {
            return;
        };
        let mut object = state.objects.remove(at);
        object["metadata"]["resourceVersion"] = json!(state.revision.to_string());
        state.tell("DELETED", &object);
    }

    /// Ends all watches; with `lost`, what follows cannot be resumed.
    fn cut(&self, lost: bool) {
        let mut state = self.state.lock().unwrap();
        if lost {
            let gone = json!({"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "old"});
            state.tell("ERROR", &gone);
        }
        state.watchers.clear();
    }
}

impl State {
    fn tell(&mut self, kind: &str, object: &Value) {
        self.watchers.retain(|watcher| watcher.send(line(kind, object)).is_ok());
    }
}

fn line(kind: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{}\n", json!({"type": kind, "object": object})))
}

fn reply(code: u16, body: Value) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let body = http_body_util::Full::new(Bytes::from(body.to_string())).boxed_unsync();
    Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}

fn status(code: u16, reason: &str) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    reply(
        code,
        json!({"kind": "Status", "status": "Failure", "message": reason, "reason": reason, "code": code}),
    )
}

async fn heard(changes: &mut mpsc::UnboundedReceiver<Change<ConfigMap>>) -> String {
    let change = tokio::time::timeout(Duration::from_secs(30), changes.recv()).await.unwrap().unwrap();
    let name = change.object().metadata.name.clone().unwrap();
    match change {
        Change::Added(_) => format!("+{name}"),
        Change::Modified { .. } => format!("~{name}"),
        Change::Deleted(_) => format!("-{name}"),
    }
}

#[tokio::test]
async fn changes_arrive_with_streamed_and_with_plain_lists() {
    for streams_lists in [true, false] {
        let server = Server::default();
        server.state.lock().unwrap().streams_lists = streams_lists;
        server.put("a");
        let informer = Informer::<ConfigMap>::start(Api::all(server.client()), Config::default());
        informer.synced().await;
        let a = informer.get(Some("n"), "a").unwrap();
        assert!(a.metadata.managed_fields.is_none(), "stripped");
        let mut changes = informer.subscribe();
        assert_eq!(heard(&mut changes).await, "+a");
        server.put("b");
        server.put("a");
        server.delete("b");
        assert_eq!(heard(&mut changes).await, "+b");
        assert_eq!(heard(&mut changes).await, "~a");
        assert_eq!(heard(&mut changes).await, "-b");
        assert_eq!(informer.list().len(), 1);
        assert!(informer.get(Some("n"), "b").is_none() && informer.list_in("other").is_empty());
    }
}

#[tokio::test]
async fn a_restarted_server_costs_no_change() {
    let server = Server::default();
    server.state.lock().unwrap().streams_lists = true;
    server.put("a");
    server.put("b");
    let informer = Informer::<ConfigMap>::start(Api::all(server.client()), Config::default());
    informer.synced().await;
    let mut changes = informer.subscribe();
    assert_eq!(heard(&mut changes).await, "+a");
    assert_eq!(heard(&mut changes).await, "+b");
    server.state.lock().unwrap().down = true;
    server.cut(true);
    server.delete("a");
    server.put("c");
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(informer.list().len(), 2, "the last known state stays while the server is away");
    server.state.lock().unwrap().down = false;
    assert_eq!(heard(&mut changes).await, "+c");
    assert_eq!(heard(&mut changes).await, "-a");
    server.cut(false);
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.put("d");
    assert_eq!(heard(&mut changes).await, "+d");
}

#[tokio::test]
async fn one_watch_serves_all_who_ask() {
    let server = Server::default();
    server.state.lock().unwrap().streams_lists = true;
    let informers = Informers::new(server.client());
    let (first, second) = (informers.of::<ConfigMap>(), informers.clone().of::<ConfigMap>());
    first.synced().await;
    second.synced().await;
    let selected = informers.matching::<ConfigMap>(Config::default().labels("x=y"));
    selected.synced().await;
    assert_eq!(server.state.lock().unwrap().requests.len(), 2);
}

#[tokio::test]
async fn the_watch_ends_with_the_last_informer() {
    let server = Server::default();
    server.state.lock().unwrap().streams_lists = true;
    let informer = Informer::<ConfigMap>::start(Api::all(server.client()), Config::default());
    informer.synced().await;
    let mut changes = informer.subscribe();
    let other = informer.clone();
    drop(informer);
    server.put("a");
    assert_eq!(heard(&mut changes).await, "+a");
    drop(other);
    assert!(changes.recv().await.is_none());
}

#[tokio::test]
async fn equal_events_are_written_once_and_counted() {
    let server = Server::default();
    let events = Events::new(server.client(), "tester", Some("box"));
    let object = ObjectReference {
        kind: Some("Pod".into()),
        name: Some("p".into()),
        namespace: Some("n".into()),
        ..ObjectReference::default()
    };
    for _ in 0..3 {
        events.normal(object.clone(), "Tested", "it works");
    }
    events.warning(object, "Failed", "it does not");
    let written = loop {
        tokio::task::yield_now().await;
        let state = server.state.lock().unwrap();
        if state.written.len() == 4 {
            break state.written.clone();
        }
    };
    assert_eq!(written[0].0, "POST /api/v1/namespaces/n/events");
    assert_eq!(written[0].1["reason"], "Tested");
    assert_eq!(written[0].1["source"], json!({"component": "tester", "host": "box"}));
    assert!(written[1].0.starts_with("PATCH /api/v1/namespaces/n/events/p."), "{}", written[1].0);
    assert_eq!(written[2].1["count"], 3);
    assert_eq!(written[3].1["type"], "Warning");
}
