//! The kubelet's HTTPS endpoints and the Node it registers. Needs root.

#![allow(clippy::unwrap_used)]

mod common;

use common::client::connect;
use common::*;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

/// One request with a client certificate, or none.
async fn get(
    world: &World,
    path: &str,
    identity: Option<&(String, String)>,
) -> Result<(StatusCode, String), String> {
    let mut response = open(world, path, identity).await?;
    let status = response.status();
    let body = response.body_mut().collect().await.map_err(|e| e.to_string())?;
    Ok((status, String::from_utf8(body.to_bytes().to_vec()).unwrap()))
}

async fn open(
    world: &World,
    path: &str,
    identity: Option<&(String, String)>,
) -> Result<http::Response<hyper::body::Incoming>, String> {
    let stream = connect(world, identity).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    let request = Request::get(path).header("host", "n1").body(Empty::<bytes::Bytes>::new()).unwrap();
    sender.send_request(request).await.map_err(|e| e.to_string())
}

#[test]
fn only_the_trusted_are_served() {
    on_a_node(async |world| {
        let client = Some(&world.keys.client);
        assert_eq!(get(world, "/healthz", client).await.unwrap(), (StatusCode::OK, "ok".to_owned()));
        assert_eq!(get(world, "/pods", Some(&world.keys.stranger)).await.unwrap().0, StatusCode::FORBIDDEN);
        assert!(get(world, "/pods", None).await.is_err(), "no certificate, no connection");
    });
}

#[test]
fn logs_are_read_and_followed() {
    on_a_node(async |world| {
        let script = "echo one; echo two; echo three; until [ -e /v/go ]; do sleep 0.05; done; echo four >&2";
        let pod = world
            .pod("p", json!({"restartPolicy": "Never", "volumes": [{"name": "v", "emptyDir": {}}],
                "containers": [{"name": "c", "command": sh(script), "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}))
            .await;
        world.until_ready("p").await;
        let client = Some(&world.keys.client);
        let log = async |query: &str| {
            get(world, &format!("/containerLogs/default/p/c{query}"), client).await.unwrap()
        };

        // Output is on its way to the file while the pod is ready already: following waits for it.
        let mut followed = open(world, "/containerLogs/default/p/c?follow=true", client).await.unwrap();
        let mut text = String::new();
        while text != "one\ntwo\nthree\n" {
            let frame =
                tokio::time::timeout(PATIENCE, followed.body_mut().frame()).await.unwrap().unwrap().unwrap();
            text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
            assert!("one\ntwo\nthree\n".starts_with(&text), "{text}");
        }
        assert_eq!(log("").await, (StatusCode::OK, text.clone()));
        assert_eq!(log("?tailLines=1").await.1, "three\n");
        assert_eq!(log("?limitBytes=5").await.1, "one\nt");
        assert_eq!(log("?stream=Stderr").await.1, "");
        assert_eq!(log("?sinceTime=2100-01-01T00%3A00%3A00Z").await.1, "");
        let stamped = log("?timestamps=true&tailLines=1").await.1;
        let (time, line) = stamped.split_once(' ').unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok() && line == "three\n", "{stamped}");
        assert_eq!(log("?tailLines=x").await.0, StatusCode::BAD_REQUEST);
        assert_eq!(log("?previous=true").await.0, StatusCode::BAD_REQUEST);
        assert_eq!(
            get(world, "/containerLogs/default/none/c", client).await.unwrap().0,
            StatusCode::NOT_FOUND
        );

        let uid = pod.metadata.uid.unwrap();
        std::fs::write(world.home.join("pods").join(&uid).join("volumes/v/go"), "").unwrap();
        let rest = tokio::time::timeout(PATIENCE, followed.body_mut().collect()).await.unwrap().unwrap();
        assert_eq!(rest.to_bytes(), "four\n", "following ends with the container");
        world.until_phase("p", "Succeeded").await;
        assert_eq!(log("?tailLines=2").await.1, "three\nfour\n", "logs outlive the sandbox");
        assert_eq!(log("?stream=Stderr").await.1, "four\n");
        let (_, list) = get(world, "/pods", client).await.unwrap();
        assert!(list.contains(&uid));
        let (_, summary) = get(world, "/stats/summary", client).await.unwrap();
        assert!(summary.contains("\"nodeName\":\"n1\""), "{summary}");
    });
}

#[test]
fn the_log_of_the_run_before() {
    on_a_node(async |world| {
        world
            .pod("p", json!({"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"name": "c",
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                "command": sh("if [ -e /v/x ]; then echo second; sleep 1000; fi; touch /v/x; echo first; exit 1")}]}))
            .await;
        world.until("p", "running again", |p| restarts(p) == 1 && is_ready(p)).await;
        let client = Some(&world.keys.client);
        let (status, text) = get(world, "/containerLogs/default/p/c?previous=true", client).await.unwrap();
        assert_eq!((status, text.as_str()), (StatusCode::OK, "first\n"));
    });
}

#[test]
fn the_node_registers_and_keeps_what_others_wrote() {
    on_a_node(async |world| {
        let nodes: Api<Node> = Api::all(world.admin.clone());
        let ready = |n: &Node| {
            n.status
                .iter()
                .flat_map(|s| s.conditions.iter().flatten())
                .any(|c| c.type_ == "Ready" && c.status == "True")
        };
        let found = async {
            use futures::StreamExt;
            let mut seen = std::pin::pin!(kube::runtime::watcher::watch_object(nodes.clone(), NODE));
            loop {
                if let Some(Ok(Some(node))) = seen.next().await
                    && ready(&node)
                {
                    return node;
                }
            }
        };
        let node = tokio::time::timeout(PATIENCE, found).await.expect("the node is not ready");
        let labels = node.metadata.labels.unwrap();
        assert_eq!(labels["kubernetes.io/hostname"], NODE);
        assert_eq!(labels["example.com/zone"], "here");
        let status = node.status.unwrap();
        assert_eq!(status.node_info.as_ref().unwrap().kubelet_version, "v1.37.1");
        assert_eq!(status.capacity.as_ref().unwrap()["pods"].0, "110");
        assert_eq!(status.addresses.as_ref().unwrap()[0].address, "10.42.0.1");
        let port = status.daemon_endpoints.unwrap().kubelet_endpoint.unwrap().port;
        assert_eq!(port, i32::from(world.kubelet.as_ref().unwrap().port().unwrap()));

        // An extended resource written by somebody else becomes allocatable.
        let patch = json!({"status": {"capacity": {"example.com/dongle": "3"}}});
        nodes.patch_status(NODE, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        let allocatable = async {
            loop {
                let node = nodes.get(NODE).await.unwrap();
                let list = node.status.and_then(|s| s.allocatable).unwrap_or_default();
                if list.get("example.com/dongle").is_some_and(|q| q.0 == "3") {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, allocatable).await.expect("the extended resource is not allocatable");

        let leases: Api<Lease> = Api::namespaced(world.admin.clone(), "kube-node-lease");
        let spec = leases.get(NODE).await.unwrap().spec.unwrap();
        assert_eq!(spec.holder_identity.as_deref(), Some(NODE));
        assert!(spec.renew_time.is_some());
        // At rest nothing is written: neither by the change above nor by its own writes.
        let before = nodes.get(NODE).await.unwrap().metadata.resource_version;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert_eq!(nodes.get(NODE).await.unwrap().metadata.resource_version, before);
    });
}
