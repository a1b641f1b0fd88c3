//! Streams into pods in every protocol that clients may speak, byte for byte. Needs root.

#![allow(clippy::unwrap_used)]

mod common;

use common::client::{Spdy, message, next_message, upgrade, websocket};
use common::*;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

const FAILING: &str = "command=sh&command=-c&command=echo+out%3B+echo+err+%3E%262%3B+exit+7&output=1&error=1";

async fn sleeper(world: &mut World) {
    let script = "httpd -p 127.0.0.1:8080 -h /; exec sleep 1000";
    world.pod("p", json!({"containers": [{"name": "c", "command": sh(script)}]})).await;
    world.until_ready("p").await;
}

/// Asks for SPDY with these protocols, best first.
async fn spdy(world: &World, request: &str, protocols: &[&str]) -> (String, Spdy) {
    let lines: Vec<String> =
        protocols.iter().map(|one| format!("x-stream-protocol-version: {one}")).collect();
    let headers: Vec<&str> =
        ["upgrade: SPDY/3.1"].into_iter().chain(lines.iter().map(String::as_str)).collect();
    let (head, stream) = upgrade(world, &format!("POST {request}"), &headers).await;
    (head, Spdy::new(stream))
}

#[test]
fn commands_speak_every_version_of_spdy() {
    on_a_node(async |world| {
        sleeper(world).await;
        for (offered, chosen, told) in [
            (&[][..], "channel.k8s.io", "command terminated with non-zero exit code: exit status 7"),
            (
                &["channel.k8s.io"],
                "channel.k8s.io",
                "command terminated with non-zero exit code: exit status 7",
            ),
            (&["v2.channel.k8s.io", "channel.k8s.io"], "v2.channel.k8s.io", "command terminated"),
            (&["v3.channel.k8s.io", "v2.channel.k8s.io"], "v3.channel.k8s.io", "command terminated"),
            (
                &["v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io"],
                "v4.channel.k8s.io",
                "ExitCode",
            ),
        ] {
            let (head, mut client) = spdy(world, &format!("/exec/default/p/c?{FAILING}"), offered).await;
            assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: spdy/3.1"), "{head}");
            assert!(head.contains(&format!("x-stream-protocol-version: {chosen}\r\n")), "{head}");
            let result = client.open(&[("streamType", "error")]).await;
            let out = client.open(&[("streamType", "stdout")]).await;
            let err = client.open(&[("streamType", "stderr")]).await;
            client.until(|client| client.ended.iter().all(|ended| *ended)).await;
            assert_eq!((client.received[out].as_str(), client.received[err].as_str()), ("out\n", "err\n"));
            assert!(client.received[result].contains(told), "{chosen}: {}", client.received[result]);
            let is_status = serde_json::from_str::<Value>(&client.received[result]).is_ok();
            assert_eq!(is_status, chosen.starts_with("v4"), "{chosen}");
        }
        let (head, _) = spdy(world, &format!("/exec/default/p/c?{FAILING}"), &["v9.channel.k8s.io"]).await;
        assert!(head.starts_with("http/1.1 403"), "{head}");
    });
}

#[test]
fn terminals_and_inputs_over_spdy() {
    on_a_node(async |world| {
        sleeper(world).await;
        let shell = "/exec/default/p/c?command=sh&input=1&output=1&error=1&tty=1";
        let (_, mut client) = spdy(world, shell, &["v4.channel.k8s.io"]).await;
        let result = client.open(&[("streamType", "error")]).await;
        let input = client.open(&[("streamType", "stdin")]).await;
        let out = client.open(&[("streamType", "stdout")]).await;
        let resize = client.open(&[("streamType", "resize")]).await;
        client.send(resize, b"{\"Width\":99,\"Height\":33}\n", false).await;
        client
            .send(input, b"until stty size | grep -q '33 99'; do :; done; echo sized $((40+2))\n", false)
            .await;
        client.until(|client| client.received[out].contains("sized 42")).await;
        client.send(input, b"exit 3\n", false).await;
        client.until(|client| client.ended[result]).await;
        assert!(client.received[result].contains("\"message\":\"3\""), "{}", client.received[result]);

        // The end of the input, and output after it.
        let script = "/exec/default/p/c?command=sh&command=-c&command=cat%3Becho+after&input=1&output=1";
        let (_, mut client) = spdy(world, script, &["v4.channel.k8s.io"]).await;
        let result = client.open(&[("streamType", "error")]).await;
        let input = client.open(&[("streamType", "stdin")]).await;
        let out = client.open(&[("streamType", "stdout")]).await;
        client.send(input, b"in", false).await;
        client.send(input, b"", true).await;
        client.until(|client| client.ended[result]).await;
        assert_eq!(client.received[out], "inafter\n");
        assert!(client.received[result].contains("Success"), "{}", client.received[result]);
    });
}

#[test]
fn commands_speak_every_version_of_websocket() {
    on_a_node(async |world| {
        sleeper(world).await;
        for protocol in ["v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io"] {
            let headers = websocket(protocol);
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let request = format!("GET /exec/default/p/c?{FAILING}");
            let (head, mut stream) = upgrade(world, &request, &headers).await;
            assert!(
                head.starts_with("http/1.1 101") && head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="),
                "{head}"
            );
            assert!(head.contains(&format!("sec-websocket-protocol: {protocol}\r\n")), "{head}");
            let mut channels = vec![String::new(); 4];
            while let Some(payload) = next_message(&mut stream).await {
                channels[usize::from(payload[0])].push_str(std::str::from_utf8(&payload[1..]).unwrap());
            }
            assert_eq!((channels[1].as_str(), channels[2].as_str()), ("out\n", "err\n"), "{protocol}");
            match serde_json::from_str::<Value>(&channels[3]) {
                Ok(status) => {
                    assert_eq!(status["details"]["causes"][0], json!({"reason": "ExitCode", "message": "7"}))
                }
                Err(_) => {
                    assert!(protocol == "channel.k8s.io" && channels[3].contains("status 7"), "{channels:?}")
                }
            }
        }
        // Version 5 ends the input.
        let headers = websocket("v5.channel.k8s.io");
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let (_, mut stream) =
            upgrade(world, "GET /exec/default/p/c?command=cat&input=1&output=1", &headers).await;
        for part in [&b"\0through the pipe"[..], &[255, 0]] {
            stream.write_all(&message(part)).await.unwrap();
        }
        let mut out = Vec::new();
        while let Some(payload) = next_message(&mut stream).await {
            if payload[0] == 1 {
                out.extend_from_slice(&payload[1..]);
            }
        }
        assert_eq!(out, b"through the pipe");
        let (head, _) = upgrade(world, "GET /exec/default/p/none?command=ls&output=1", &headers).await;
        assert!(head.starts_with("http/1.1 404"), "{head}");
    });
}

#[test]
fn ports_are_forwarded_by_streams_and_by_channels() {
    on_a_node(async |world| {
        sleeper(world).await;
        let question = b"GET /etc/passwd HTTP/1.0\r\n\r\n";
        // Two connections on one, the streams of each in either order.
        let (head, mut client) = spdy(world, "/portForward/default/p", &["portforward.k8s.io"]).await;
        assert!(head.contains("x-stream-protocol-version: portforward.k8s.io"), "{head}");
        let headers = |kind: &'static str, number: &'static str, port: &'static str| {
            [("streamType", kind), ("port", port), ("requestID", number)]
        };
        client.open(&headers("error", "0", "8080")).await;
        let first = client.open(&headers("data", "0", "8080")).await;
        let second = client.open(&headers("data", "1", "8080")).await;
        client.open(&headers("error", "1", "8080")).await;
        for place in [first, second] {
            client.send(place, question, false).await;
        }
        client.until(|client| client.ended.iter().all(|ended| *ended)).await;
        for place in [first, second] {
            assert!(client.received[place].contains("root:x:0"), "{:?}", client.received);
        }
        let error = client.open(&headers("error", "2", "81")).await;
        client.open(&headers("data", "2", "81")).await;
        client.until(|client| client.ended.iter().all(|ended| *ended)).await;
        assert!(
            client.received[error].contains("connection refused")
                || client.received[error].contains("Connection refused")
        );

        let protocol = websocket("v4.channel.k8s.io");
        let protocol: Vec<&str> = protocol.iter().map(String::as_str).collect();
        let (head, mut stream) =
            upgrade(world, "GET /portForward/default/p?port=8080&port=81", &protocol).await;
        assert!(head.starts_with("http/1.1 101"), "{head}");
        stream.write_all(&message(&[&[0], &question[..]].concat())).await.unwrap();
        let mut channels = vec![Vec::new(); 4];
        while let Some(payload) = next_message(&mut stream).await {
            channels[usize::from(payload[0])].extend_from_slice(&payload[1..]);
        }
        for (channel, port) in [(0, 8080_u16), (1, 8080), (2, 81), (3, 81)] {
            assert_eq!(channels[channel][..2], port.to_le_bytes(), "channel {channel} begins with its port");
        }
        assert!(String::from_utf8_lossy(&channels[0]).contains("root:x:0"));
        assert!(String::from_utf8_lossy(&channels[3]).contains("refused"));
    });
}
