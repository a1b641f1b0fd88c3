//! Streams into pods by the real kubectl: exec, attach, cp, port-forward and proxies, over WebSocket and over SPDY.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Output, Stdio};

use e2e::background::Background;
use e2e::objects::{apply, pod, shell, started, until, until_ready, with};
use e2e::{Cluster, eventually, http, images};
use serde_json::json;

/// What makes kubectl speak each of the protocols.
const PROTOCOLS: [(&str, &str); 2] = [("WebSocket", "true"), ("SPDY", "false")];

/// A pod that sleeps.
fn sleeper(cluster: &Cluster) {
    apply(
        cluster,
        &[pod("p", json!({"terminationGracePeriodSeconds": 0, "containers": [shell("c", "sleep 10000")]}))],
    );
    until_ready(cluster, "p");
}

/// Runs kubectl over a protocol with that input.
fn kubectl(cluster: &Cluster, websockets: &str, input: &[u8], arguments: &[&str]) -> Output {
    let mut command = cluster.kubectl_command(arguments);
    command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A command that ends before it has read everything closes the pipe.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().unwrap()
    })
}

/// Bytes without a pattern that anything could compress or lose unseen.
fn noise(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn commands_run_with_their_streams_and_exit_codes() {
    let cluster = started();
    sleeper(&cluster);
    let big = noise(4 << 20);
    for (protocol, websockets) in PROTOCOLS {
        let run = |input: &[u8], arguments: &[&str]| kubectl(&cluster, websockets, input, arguments);

        let ran = run(b"", &["exec", "p", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
        let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!((ran.status.code(), &ran.stdout[..]), (Some(7), &b"out\n"[..]), "{protocol}: {stderr}");
        assert!(
            stderr.contains("err\n") && stderr.contains("command terminated with exit code 7"),
            "{stderr}"
        );

        // The end of the input reaches the command, and what it says after that reaches the client.
        let ran = run(b"in\n", &["exec", "-i", "p", "--", "sh", "-c", "cat; echo after"]);
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "in\nafter\n", "{protocol}");

        let ran = run(&big, &["exec", "-i", "p", "--", "cat"]);
        assert!(
            ran.status.success() && ran.stdout == big,
            "{protocol}: {} bytes came back",
            ran.stdout.len()
        );

        // A command that does not read its input to the end.
        let ran = run(&big, &["exec", "-i", "p", "--", "head", "-c", "5"]);
        assert_eq!((ran.status.code(), &ran.stdout[..]), (Some(0), &big[..5]), "{protocol}");

        // Commands that end at once lose neither output nor code.
        let quick = |code: i32| {
            let ran = run(b"", &["exec", "p", "--", "sh", "-c", &format!("echo {code}; exit {code}")]);
            assert_eq!(ran.status.code(), Some(code), "{protocol}");
            assert_eq!(String::from_utf8_lossy(&ran.stdout), format!("{code}\n"), "{protocol}");
        };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || (0..5).for_each(|turn| quick(1 + thread * 5 + turn)));
            }
        });

        let ran = run(b"", &["exec", "p", "--", "no-such-program"]);
        let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!ran.status.success() && stderr.contains("no-such-program"), "{protocol}: {stderr}");
    }
    let refused = cluster.kubectl(&["exec", "p", "-c", "none", "--", "true"]).stderr;
    assert!(refused.contains("container none is not valid for pod p"), "{refused}");

    // Who may only read runs nothing, whatever the protocol's method is.
    cluster.kubectl_ok(&["create", "role", "reader", "--verb=get", "--resource=pods,pods/exec"]);
    cluster.kubectl_ok(&["create", "rolebinding", "reader", "--role=reader", "--user=dev"]);
    for (protocol, websockets) in PROTOCOLS {
        let ran = kubectl(&cluster, websockets, b"", &["--as=dev", "exec", "p", "--", "true"]);
        let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(
            !ran.status.success() && stderr.contains("cannot create resource \"pods/exec\""),
            "{protocol}: {stderr}"
        );
    }
}

#[test]
fn files_are_copied_both_ways() {
    let cluster = started();
    sleeper(&cluster);
    let (file, folder) = (cluster.folder().join("big"), cluster.folder().join("tree"));
    let big = noise(2 << 20);
    std::fs::write(&file, &big).unwrap();
    std::fs::create_dir_all(folder.join("inner")).unwrap();
    std::fs::write(folder.join("inner/file"), "inside").unwrap();
    for (protocol, websockets) in PROTOCOLS {
        let copy = |from: &str, to: &str| {
            let ran = kubectl(&cluster, websockets, b"", &["cp", from, to]);
            assert!(ran.status.success(), "{protocol}: {}", String::from_utf8_lossy(&ran.stderr));
        };
        copy(file.to_str().unwrap(), &format!("p:/tmp/{protocol}"));
        let back = cluster.folder().join(protocol);
        copy(&format!("p:/tmp/{protocol}"), back.to_str().unwrap());
        assert!(std::fs::read(&back).unwrap() == big, "{protocol}");
        copy(folder.to_str().unwrap(), &format!("p:/tmp/tree-{protocol}"));
        let back = cluster.folder().join(format!("tree-{protocol}"));
        copy(&format!("p:/tmp/tree-{protocol}"), back.to_str().unwrap());
        assert_eq!(std::fs::read_to_string(back.join("inner/file")).unwrap(), "inside", "{protocol}");
    }
}

#[test]
fn terminals_have_the_size_of_the_clients() {
    let cluster = started();
    sleeper(&cluster);
    for (_, websockets) in PROTOCOLS {
        let mut command = cluster.kubectl_command(&["exec", "-it", "p", "--", "sh"]);
        command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets);
        let mut terminal = Background::in_terminal(&command, 33, 99);
        terminal.until("# ");
        terminal.enter("until stty size | grep -q '^33 99'; do :; done; echo first $((40 + 2))\n");
        terminal.until("first 42");
        terminal.resize(44, 111);
        terminal.enter("until stty size | grep -q '^44 111'; do :; done; echo second $((40 + 2))\n");
        terminal.until("second 42");
        terminal.enter("exit 5\n");
        let (code, printed) = terminal.end();
        assert!(printed.contains("command terminated with exit code 5"), "{printed}");
        assert_eq!(code, 5, "{printed}");
    }
}

#[test]
fn clients_join_what_runs() {
    let cluster = started();
    let spec = |script: &str, more| json!({"restartPolicy": "Never", "containers": [with(shell("c", script), more)]});
    let echo = "echo ready; while read line; do echo \"got $line\"; done; echo end";
    for (protocol, websockets) in PROTOCOLS {
        let names = [format!("once-{websockets}"), format!("tty-{websockets}")];
        let [once, tty] = &names;
        apply(
            &cluster,
            &[
                pod(once, spec(echo, json!({"stdin": true, "stdinOnce": true}))),
                pod(
                    tty,
                    spec(
                        "while read line; do stty size; echo got $line; done",
                        json!({"stdin": true, "tty": true}),
                    ),
                ),
            ],
        );
        until_ready(&cluster, once);
        until_ready(&cluster, tty);
        // Somebody who only listens does not take the input away.
        let mut listener = cluster.kubectl_command(&["attach", once]);
        listener.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets);
        let listener = Background::start(listener);
        listener.until("If you don't see a command prompt");
        let ran = kubectl(&cluster, websockets, b"one\ntwo\n", &["attach", "-i", once]);
        let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success() && printed.contains("got one\ngot two\nend\n"), "{protocol}: {printed}");
        until(&cluster, &["pod", once], "its input ended", |pod| pod["status"]["phase"] == "Succeeded");
        let (_, heard) = listener.end();
        assert!(heard.contains("end\n"), "{protocol}: {heard}");

        let mut command = cluster.kubectl_command(&["attach", "-it", tty]);
        command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets);
        let mut terminal = Background::in_terminal(&command, 30, 70);
        terminal.until("If you don't see a command prompt");
        eventually("the terminal has the client's size", || {
            terminal.enter("x\n");
            terminal.printed().contains("30 70").then_some(())
        });
    }
    // A pod that lives as long as its client.
    let mut command =
        cluster.kubectl_command(&["run", "-it", "--rm", "brief", "--image", images::BUSYBOX, "--", "sh"]);
    command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "true");
    let mut terminal = Background::in_terminal(&command, 24, 80);
    terminal.until("# ");
    terminal.enter("echo sum $((40 + 2)); exit\n");
    let (code, printed) = terminal.end();
    assert!(
        code == 0 && printed.contains("sum 42") && printed.contains("pod \"brief\" deleted"),
        "{printed}"
    );
}

/// Starts `kubectl port-forward` of that object and port; answers it and the local port.
fn forward(cluster: &Cluster, websockets: &str, object: &str, port: u16) -> (Background, u16) {
    let mut command = cluster.kubectl_command(&["port-forward", object, &format!(":{port}")]);
    command.env("KUBECTL_PORT_FORWARD_WEBSOCKETS", websockets);
    let running = Background::start(command);
    let printed = running.until("Forwarding from 127.0.0.1:");
    let local = printed.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let local = local.parse().unwrap();
    (running, local)
}

#[test]
fn ports_are_forwarded() {
    let cluster = started();
    // Only the pod itself reaches its server; the blob is more than fits on the way.
    let script = "dd if=/dev/zero of=/tmp/blob bs=1M count=4; echo here > /tmp/index.html; \
                  exec httpd -f -p 127.0.0.1:8080 -h /tmp";
    let labels = json!({"app": "web"});
    let web = json!({"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [shell("c", script)]}});
    apply(
        &cluster,
        &[
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"selector": {"matchLabels": labels}, "template": web}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}}),
        ],
    );
    cluster.kubectl_ok(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    let pods = cluster.get(&["pods", "-l", "app=web"]);
    let name = format!("pod/{}", pods["items"][0]["metadata"]["name"].as_str().unwrap());
    for (protocol, websockets) in PROTOCOLS {
        for (object, port) in [(name.as_str(), 8080), ("service/web", 80), ("deployment/web", 8080)] {
            let (_running, local) = forward(&cluster, websockets, object, port);
            let answer = eventually("the server answers", || http::get(local, "/").ok());
            assert_eq!(answer, (200, "here\n".to_owned()), "{protocol} {object}");
        }
        // Many connections at a time on one.
        let (running, local) = forward(&cluster, websockets, &name, 8080);
        std::thread::scope(|scope| {
            for thread in 0..20 {
                scope.spawn(move || {
                    for _ in 0..3 {
                        let path = if thread < 4 { "/blob" } else { "/" };
                        let (status, body) = http::get(local, path).unwrap();
                        let length = if thread < 4 { 4 << 20 } else { 5 };
                        assert_eq!((status, body.len()), (200, length), "{protocol} {path}");
                    }
                });
            }
        });
        drop(running);
        let (running, local) = forward(&cluster, websockets, &name, 81);
        assert!(http::get(local, "/").is_err(), "nobody listens there");
        let told = running.until("error forwarding port 81");
        assert!(told.contains("onnection refused"), "{protocol}: {told}");
    }
}

#[test]
fn requests_are_proxied_to_pods_services_and_nodes() {
    let cluster = started();
    images::nginx(&cluster);
    // Answers every upgrade, then sends back what it gets.
    let upgrading = "exec nc -ll -p 9000 -e sh -c 'while read -r line; do [ \"$line\" = \"$(printf \"\\r\")\" ] && break; done; \
                     printf \"HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n\"; exec cat'";
    let web = with(
        pod(
            "web",
            json!({"containers": [
            {"name": "c", "image": images::NGINX, "imagePullPolicy": "Never", "ports": [{"containerPort": 80}]},
            shell("echo", upgrading)]}),
        ),
        json!({"metadata": {"name": "web", "labels": {"app": "web"}}}),
    );
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 8000, "targetPort": 80}]}});
    apply(&cluster, &[web, service]);
    until_ready(&cluster, "web");

    let raw = |path: &str| cluster.kubectl_ok(&["get", "--raw", path]);
    let pods = "/api/v1/namespaces/default/pods/web";
    let page = raw(&format!("{pods}/proxy/"));
    assert!(page.contains("Welcome to nginx!"), "{page}");
    assert!(page.contains(&format!("href=\"{pods}/proxy/docs/\"")), "links lead through the proxy: {page}");
    assert!(raw(&format!("{pods}:80/proxy/docs/")).contains("the documents"));
    let services = "/api/v1/namespaces/default/services";
    for name in ["web:8000", "web:http", "http:web:http"] {
        let page = eventually("the Service has an endpoint", || {
            let ran = cluster.kubectl(&["get", "--raw", &format!("{services}/{name}/proxy/docs/")]);
            ran.success.then_some(ran.stdout)
        });
        assert!(page.contains("the documents"), "{name}: {page}");
    }
    for (path, words) in [
        (format!("{pods}:81/proxy/"), "error trying to reach service: dial tcp"),
        (format!("{pods}/proxy/none"), "the server could not find the requested resource"),
        (format!("{services}/web:81/proxy/"), "no service port 81 found for service \"web\""),
        (format!("{services}/web/proxy/"), "no endpoints available for service \"web\""),
        (format!("{services}/none:80/proxy/"), "services \"none\" not found"),
    ] {
        let ran = cluster.kubectl(&["get", "--raw", &path]);
        assert!(!ran.success && ran.stderr.contains(words), "{path}: {}", ran.stderr);
    }
    let nodes = cluster.get(&["nodes"]);
    let node = format!("/api/v1/nodes/{}", nodes["items"][0]["metadata"]["name"].as_str().unwrap());
    assert_eq!(raw(&format!("{node}/proxy/healthz")), "ok");
    assert!(raw(&format!("{node}/proxy/pods")).contains("\"web\""));
    assert!(raw(&format!("{node}:10250/proxy/containerLogs/default/web/c?tailLines=1")).contains("GET /"));

    // What kubectl's own proxy passes on: redirects and upgrades.
    let proxy = Background::start(cluster.kubectl_command(&["proxy", "--port=0"]));
    let printed = proxy.until("Starting to serve on 127.0.0.1:");
    let port = printed.trim_end().rsplit(':').next().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
    let ask = |head: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(format!("GET {head}\r\nhost: {address}\r\n\r\n").as_bytes()).unwrap();
        stream
    };
    let until_blank = |stream: &mut TcpStream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap().to_lowercase()
    };
    let head = until_blank(&mut ask(&format!("{pods}/proxy/docs HTTP/1.1")));
    assert!(head.starts_with("http/1.1 301"), "{head}");
    assert!(head.contains(&format!("{pods}/proxy/docs/\r\n")), "a redirect leads through the proxy: {head}");
    let head = until_blank(&mut ask(&format!("{pods}/proxy HTTP/1.1")));
    assert!(head.contains(&format!("location: {pods}/proxy/\r\n")), "{head}");
    let mut stream = ask(&format!("{pods}:9000/proxy/ HTTP/1.1\r\nconnection: upgrade\r\nupgrade: echo"));
    let head = until_blank(&mut stream);
    assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: echo"), "{head}");
    stream.write_all(b"back and forth").unwrap();
    let mut echoed = [0; 14];
    stream.read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, b"back and forth");

    // A log over a WebSocket: an empty message first, then the log, then a good end.
    for (protocol, encoded) in [("binary.k8s.io", false), ("base64.binary.k8s.io", true)] {
        let mut stream = ask(&format!(
            "{pods}/log?container=c&tailLines=1 HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: {protocol}"
        ));
        let head = until_blank(&mut stream);
        assert!(head.starts_with("http/1.1 101") && head.contains(protocol), "{head}");
        let mut frames = Vec::new();
        stream.read_to_end(&mut frames).unwrap();
        assert!(frames.ends_with(&[0x88, 2, 3, 232]), "{frames:?}");
        let opcode = if encoded { 0x81 } else { 0x82 };
        assert!(frames[..2] == [opcode, 0] && frames[2] == opcode, "{frames:?}");
        let text = String::from_utf8_lossy(&frames).into_owned();
        assert_eq!(text.contains("GET /"), !encoded, "{text}");
    }
}
