//! Probes of every kind, what they decide, and what is said when they fail.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use e2e::objects::{
    apply, condition, container, events, exec, pod, shell, started, until, until_event, until_ready, with,
};
use e2e::{Cluster, eventually};
use serde_json::{Value, json};

use crate::{STAY, restarts};

/// Ends a program with its owner.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server on the node that speaks HTTPS with a certificate that nobody signed.
fn https(cluster: &Cluster, address: &str) -> Ends {
    let (key, certificate) = (cluster.folder().join("key.pem"), cluster.folder().join("certificate.pem"));
    let (key, certificate) = (key.to_str().unwrap(), certificate.to_str().unwrap());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "1", "-subj", "/CN=nobody.test", "-keyout", key, "-out", certificate])
        .output()
        .expect("openssl is installed; `cargo xtask test` does it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut server = Command::new("openssl");
    server.args(["s_server", "-accept", address, "-key", key, "-cert", certificate, "-www", "-quiet"]);
    Ends(server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// A server of `grpc.health.v1.Health` that answers every check with one status. It knows just enough of HTTP/2: its
/// own settings, and one answer to the request that ends the first stream.
fn grpc_health(address: &str, status: u8) {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away early is no concern of the others.
            let _ = answer(stream, status);
        }
    });
}

fn frame(kind: u8, flags: u8, stream: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], body].concat()
}

fn answer(mut stream: TcpStream, status: u8) -> std::io::Result<()> {
    const SETTINGS: u8 = 4;
    let literal = |name: &str, value: &str| {
        let part = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        [vec![0], part(name), part(value)].concat()
    };
    let mut preface = [0; 24];
    stream.read_exact(&mut preface)?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let (kind, flags, number) = (head[3], head[4], head[8]);
        if kind == SETTINGS && flags & 1 == 0 {
            stream.write_all(&frame(SETTINGS, 1, 0, &[]))?;
        }
        // Data or headers that end the stream: the request is whole.
        if kind <= 1 && flags & 1 == 1 {
            let headers = [literal(":status", "200"), literal("content-type", "application/grpc")].concat();
            let message = [0, 0, 0, 0, 2, 8, status];
            stream.write_all(&frame(1, 4, number, &headers))?;
            stream.write_all(&frame(0, 0, number, &message))?;
            stream.write_all(&frame(1, 5, number, &literal("grpc-status", "0")))?;
        }
    }
}

#[test]
fn every_kind_of_probe_decides_about_readiness() {
    let cluster = started();
    let node = cluster.get(&["nodes"])["items"][0].clone();
    let address = node["status"]["addresses"][0]["address"].as_str().unwrap().to_owned();
    let _server = https(&cluster, &format!("{address}:38443"));
    grpc_health(&format!("{address}:38500"), 1);
    grpc_health(&format!("{address}:38501"), 2);
    let serve = "mkdir -p /tmp/cgi-bin; printf '#!/bin/sh\\n[ \"$HTTP_X_WHO\" = me ] || echo \"Status: 403 Forbidden\"; \
                 echo; echo \"$HTTP_USER_AGENT\" > /tmp/agent\\n' > /tmp/cgi-bin/who; chmod +x /tmp/cgi-bin/who; \
                 exec httpd -f -p 8080 -h /tmp";
    let probed = |name: &str, script: &str, probe: Value| {
        let probe = with(json!({"periodSeconds": 1, "failureThreshold": 1}), probe);
        with(shell(name, script), json!({"readinessProbe": probe}))
    };
    let header = |value: &str| json!([{"name": "X-Who", "value": value}]);
    let one = |container: Value| json!({"containers": [container], "terminationGracePeriodSeconds": 1});
    let host = |container: Value| with(one(container), json!({"hostNetwork": true}));
    let named = json!([{"name": "web", "containerPort": 8080}]);
    apply(
        &cluster,
        &[
            pod(
                "http",
                one(with(
                    probed(
                        "c",
                        serve,
                        json!({
                "httpGet": {"port": "web", "path": "/cgi-bin/who", "httpHeaders": header("me")}}),
                    ),
                    json!({"ports": named}),
                )),
            ),
            pod(
                "http-refused",
                one(probed(
                    "c",
                    serve,
                    json!({
                "httpGet": {"port": 8080, "path": "/cgi-bin/who", "httpHeaders": header("you")}}),
                )),
            ),
            pod("tcp", one(probed("c", serve, json!({"tcpSocket": {"port": 8080}})))),
            pod("tcp-refused", one(probed("c", STAY, json!({"tcpSocket": {"port": 8081}})))),
            pod(
                "exec",
                one(probed(
                    "c",
                    &format!("touch /tmp/ok; {STAY}"),
                    json!({"exec": {"command": ["cat", "/tmp/ok"]}}),
                )),
            ),
            pod("exec-late", one(probed("c", STAY, json!({"exec": {"command": ["sleep", "1000"]}})))),
            pod(
                "https",
                one(probed(
                    "c",
                    STAY,
                    json!({
                "httpGet": {"scheme": "HTTPS", "host": address, "port": 38443, "path": "/"}}),
                )),
            ),
            pod("grpc", host(probed("c", STAY, json!({"grpc": {"port": 38500}})))),
            pod("grpc-bad", host(probed("c", STAY, json!({"grpc": {"port": 38501, "service": "shop"}})))),
        ],
    );
    for name in ["http", "tcp", "exec", "https", "grpc"] {
        until_ready(&cluster, name);
    }
    assert_eq!(exec(&cluster, "http", "c", &["cat", "/tmp/agent"]), "kube-probe/1.37");
    let ip =
        |name: &str| cluster.get(&["pod", name])["status"]["podIP"].as_str().unwrap_or_default().to_owned();
    for (name, text) in [
        ("http-refused", "Readiness probe failed: HTTP probe failed with statuscode: 403".to_owned()),
        (
            "tcp-refused",
            format!(
                "Readiness probe failed: dial tcp {}:8081: connect: connection refused",
                ip("tcp-refused")
            ),
        ),
        (
            "exec-late",
            "Readiness probe failed: command timed out: \"sleep 1000\" timed out after 1s".to_owned(),
        ),
        ("grpc-bad", "Readiness probe failed: service unhealthy (responded with \"NOT_SERVING\")".to_owned()),
    ] {
        until_event(&cluster, name, &format!("Unhealthy: {text}"));
        let found = cluster.get(&["pod", name]);
        assert_eq!(condition(&found, "Ready")["reason"], "ContainersNotReady", "{name}");
        assert_eq!((&found["status"]["phase"], restarts(&found, "c")), (&json!("Running"), 0), "{name}");
    }
    // Readiness comes and goes while the container runs on.
    exec(&cluster, "exec", "c", &["rm", "/tmp/ok"]);
    until(&cluster, &["pod", "exec"], "not ready", |pod| condition(pod, "Ready")["status"] == "False");
    until_event(
        &cluster,
        "exec",
        "Unhealthy: Readiness probe failed: cat: can't open '/tmp/ok': No such file or directory",
    );
    exec(&cluster, "exec", "c", &["touch", "/tmp/ok"]);
    assert_eq!(restarts(&until_ready(&cluster, "exec"), "c"), 0);
}

#[test]
fn liveness_and_startup_probes_restart_what_fails_them() {
    let cluster = started();
    let probe = |file: &str, more: Value| {
        with(json!({"exec": {"command": ["cat", file]}, "periodSeconds": 1, "failureThreshold": 2}), more)
    };
    let deaf = "trap '' TERM; touch /tmp/alive; while :; do sleep 1; done";
    let one = |container: Value, more: Value| {
        with(json!({"containers": [container], "terminationGracePeriodSeconds": 1}), more)
    };
    let probed = |script: &str, probes: Value| with(shell("c", script), probes);
    apply(
        &cluster,
        &[
            pod(
                "lives",
                one(
                    probed(
                        &format!("touch /tmp/alive; {STAY}"),
                        json!({"livenessProbe": probe("/tmp/alive", json!({}))}),
                    ),
                    json!({}),
                ),
            ),
            // The pod's grace would keep the test waiting; the probe's own ends it.
            pod(
                "deaf",
                one(
                    probed(
                        deaf,
                        json!({"livenessProbe": probe("/tmp/none", json!({"terminationGracePeriodSeconds": 1}))}),
                    ),
                    json!({"terminationGracePeriodSeconds": 600}),
                ),
            ),
            pod(
                "slow",
                one(
                    probed(
                        &format!("(sleep 3; touch /tmp/up) & {STAY}"),
                        json!({
                "startupProbe": probe("/tmp/up", json!({"failureThreshold": 30})),
                "livenessProbe": probe("/tmp/up", json!({"failureThreshold": 1}))}),
                    ),
                    json!({}),
                ),
            ),
            pod(
                "never-up",
                one(probed(STAY, json!({"startupProbe": probe("/tmp/up", json!({}))})), json!({})),
            ),
            pod(
                "not-again",
                one(
                    probed(STAY, json!({"livenessProbe": probe("/tmp/none", json!({}))})),
                    json!({"restartPolicy": "Never"}),
                ),
            ),
        ],
    );
    let not_started = until(&cluster, &["pod", "slow"], "runs without being started", |pod| {
        container(pod, "c")["state"]["running"].is_object()
    });
    assert_eq!(container(&not_started, "c")["started"], false);
    until_ready(&cluster, "lives");
    exec(&cluster, "lives", "c", &["rm", "/tmp/alive"]);
    let restarted = until(&cluster, &["pod", "lives"], "restarted", |pod| restarts(pod, "c") == 1);
    assert_eq!(
        container(&restarted, "c")["lastState"]["terminated"]["exitCode"],
        0,
        "it listened to the signal"
    );
    until_event(&cluster, "lives", "Unhealthy: Liveness probe failed: cat: can't open '/tmp/alive'");
    until_event(&cluster, "lives", "Killing: Container c failed liveness probe, will be restarted");

    let killed = until(&cluster, &["pod", "deaf"], "killed and restarted", |pod| restarts(pod, "c") >= 1);
    assert_eq!(container(&killed, "c")["lastState"]["terminated"]["exitCode"], 137);
    until(&cluster, &["pod", "never-up"], "restarted", |pod| restarts(pod, "c") >= 1);
    until_event(&cluster, "never-up", "Killing: Container c failed startup probe, will be restarted");
    let ended = until(&cluster, &["pod", "not-again"], "ended for good", |pod| {
        matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
    });
    assert_eq!(restarts(&ended, "c"), 0);
    eventually("the end is told without a restart", || {
        let said = "Killing: Container c failed liveness probe";
        events(&cluster, "not-again").iter().any(|event| event == said).then_some(())
    });

    let slow = until_ready(&cluster, "slow");
    assert_eq!((restarts(&slow, "c"), &container(&slow, "c")["started"]), (0, &json!(true)));
    cluster.kubectl_ok(&["delete", "pod", "deaf", "--grace-period=1", "--wait=false"]);
}
