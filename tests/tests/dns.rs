//! Names in the cluster: what the specification says, from pods and beside `dig`; others' names; and answers that go on
//! while the daemon is killed, replaced or stopped.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::eventually;
use e2e::objects::{apply, exec, pod, shell, started, until, until_ready, with};
use serde_json::{Value, json};

const SERVER: &str = "@10.43.0.10";

/// What `dig +short` prints, a line after the other, sorted; over UDP and over TCP it must be the same.
fn dig(name: &str, kind: &str) -> String {
    let ask = |transport: &str| {
        let mut lines: Vec<String> =
            dig_with(&["+short", transport, name, kind]).lines().map(str::to_owned).collect();
        lines.sort();
        lines.join(" | ")
    };
    let (udp, tcp) = (ask("+notcp"), ask("+tcp"));
    assert_eq!(udp, tcp, "{name} {kind}");
    udp
}

fn dig_with(arguments: &[&str]) -> String {
    let output = Command::new("dig").args(["+time=5", "+tries=1", SERVER]).args(arguments).output();
    String::from_utf8(output.expect("dig is installed; `cargo xtask test` does it").stdout).unwrap()
}

/// The code of an answer, and how many answers and authorities it has.
fn code(name: &str, kind: &str) -> String {
    let text = dig_with(&[name, kind]);
    let after = |key: &str| {
        let rest = text.split_once(key).unwrap_or_else(|| panic!("no {key} in\n{text}")).1;
        rest.split([',', '\n']).next().unwrap().trim().to_owned()
    };
    format!("{} {} {}", after("status:"), after("ANSWER:"), after("AUTHORITY:"))
}

fn service(name: &str, spec: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name }, "spec": spec })
}

fn labelled(mut object: Value, app: &str) -> Value {
    object["metadata"]["labels"] = json!({ "app": app });
    object
}

#[test]
fn names_are_answered_as_the_specification_says() {
    let cluster = started();
    let web = json!({ "ipFamilyPolicy": "PreferDualStack", "selector": { "app": "web" }, "ports": [
        { "name": "http", "port": 80 }, { "name": "dns", "port": 53, "protocol": "UDP" }] });
    let headless = |early: bool| {
        json!({ "clusterIP": "None", "publishNotReadyAddresses": early, "selector": { "app": "db" },
            "ports": [{ "name": "sql", "port": 5432 }] })
    };
    let member = |name: &str, ready: bool| {
        let probe =
            json!({ "exec": { "command": [if ready { "true" } else { "false" }] }, "periodSeconds": 1 });
        let container = with(shell("c", "sleep 1000"), json!({ "readinessProbe": probe }));
        let spec = json!({ "hostname": name, "subdomain": "db", "terminationGracePeriodSeconds": 0,
            "containers": [container] });
        labelled(pod(name, spec), "db")
    };
    let many: Vec<Value> = (1..=60).map(|n| json!({ "addresses": [format!("192.0.2.{n}")] })).collect();
    apply(
        &cluster,
        &[
            service("web", web),
            service("db", headless(false)),
            service("early", headless(true)),
            service("outside", json!({ "type": "ExternalName", "externalName": "www.example.com" })),
            service("many", json!({ "clusterIP": "None", "ports": [{ "port": 1 }] })),
            json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                "metadata": { "name": "many", "labels": { "kubernetes.io/service-name": "many" } },
                "endpoints": many, "ports": [{ "port": 1 }] }),
            member("db-0", true),
            member("db-1", false),
            pod(
                "client",
                json!({ "terminationGracePeriodSeconds": 0, "containers": [shell("c", "sleep 1000")] }),
            ),
        ],
    );
    until_ready(&cluster, "client");
    let address = |name: &str| {
        let pod = until(&cluster, &["pod", name], "an address", |pod| pod["status"]["podIP"].is_string());
        pod["status"]["podIP"].as_str().unwrap().to_owned()
    };
    let (first, second) = (address("db-0"), address("db-1"));
    until_ready(&cluster, "db-0");
    let name = |service: &str| format!("{service}.default.svc.cluster.local");
    eventually("the ready pod has its name", || (dig(&name("db"), "A") == first).then_some(()));
    let both = {
        let mut both = [first.clone(), second];
        both.sort();
        both.join(" | ")
    };
    eventually("pods that are not ready are published", || (dig(&name("early"), "A") == both).then_some(()));

    let web = cluster.get(&["service", "web"]);
    let ips: Vec<&str> =
        web["spec"]["clusterIPs"].as_array().unwrap().iter().map(|ip| ip.as_str().unwrap()).collect();
    let of = |six: bool| ips.iter().find(|ip| ip.contains(':') == six).copied().unwrap_or_default();
    assert_eq!((dig(&name("web"), "A").as_str(), dig(&name("web"), "AAAA").as_str()), (of(false), of(true)));
    for (asked, kind, expected) in [
        (name("_http._tcp.web"), "SRV", format!("0 100 80 {}.", name("web"))),
        (name("_dns._udp.web"), "SRV", format!("0 100 53 {}.", name("web"))),
        (name("_sql._tcp.db"), "SRV", format!("0 100 5432 {}.", name("db-0.db"))),
        (name("db-0.db"), "A", first.clone()),
        (name("outside"), "CNAME", "www.example.com.".to_owned()),
        (format!("{}.default.pod.cluster.local", first.replace('.', "-")), "A", first.clone()),
        ("dns-version.cluster.local".to_owned(), "TXT", "\"1.1.0\"".to_owned()),
    ] {
        assert_eq!(dig(&asked, kind), expected, "{asked} {kind}");
    }
    for (address, expected) in [(of(false), name("web")), (first.as_str(), name("db-0.db"))] {
        let reverse = dig_with(&["+short", "-x", address]);
        assert!(reverse.lines().any(|line| line == format!("{expected}.")), "{address}: {reverse}");
    }
    // No such name, and a name without such a record, each with how long that may be believed.
    for (asked, kind, expected) in [
        (name("absent"), "A", "NXDOMAIN 0 1"),
        (name("db-1.db"), "A", "NXDOMAIN 0 1"),
        (name("_http._udp.web"), "SRV", "NXDOMAIN 0 1"),
        (name("web"), "MX", "NOERROR 0 1"),
        ("default.svc.cluster.local".to_owned(), "A", "NOERROR 0 1"),
    ] {
        assert_eq!(code(&asked, kind), expected, "{asked} {kind}");
    }
    // What does not fit into a datagram is said to be cut off, and comes whole over TCP.
    let cut = dig_with(&["+noedns", "+ignore", &name("many"), "A"]);
    assert!(cut.lines().any(|line| line.contains("flags:") && line.contains(" tc")), "{cut}");
    assert_eq!(dig_with(&["+tcp", "+short", &name("many"), "A"]).lines().count(), 60);

    // As a pod sees it.
    let conf = exec(&cluster, "client", "c", &["cat", "/etc/resolv.conf"]);
    assert!(conf.contains("nameserver 10.43.0.10") && conf.contains("ndots:5"), "{conf}");
    assert!(conf.contains("search default.svc.cluster.local svc.cluster.local cluster.local"), "{conf}");
    let ping = |host: &str| {
        exec(&cluster, "client", "c", &["sh", "-c", &format!("ping -c 1 -W 2 {host} | head -1")])
    };
    for host in ["db-0.db", "db-0.db.default", "db-0.db.default.svc", "db-0.db.default.svc.cluster.local"] {
        assert!(ping(host).contains(&first), "{host}: {}", ping(host));
    }
    // Its search list takes one question: the first name of the list leads to the one that exists.
    let searched = "db-0.db.default.svc.default.svc.cluster.local";
    assert_eq!(code(searched, "A"), "NXDOMAIN 0 1", "for anybody else there is no such name");
    assert!(ping(&format!("{searched}.")).contains(&first), "{}", ping(searched));
}

/// A name server that answers every question for an address with this one.
fn name_server(answer: [u8; 4]) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut packet = [0; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut packet) {
            // Header and question as they came, without what follows: up to the name's end and type and class.
            let end = 12 + packet[12..length].iter().position(|byte| *byte == 0).unwrap() + 5;
            let mut reply = packet[..end].to_vec();
            reply[2..4].copy_from_slice(&[0x81, 0x80]);
            let has_address = packet[end - 3] == 1;
            reply[6..12].copy_from_slice(&[0, u8::from(has_address), 0, 0, 0, 0]);
            if has_address {
                reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                reply.extend(answer);
            }
            socket.send_to(&reply, client).unwrap();
        }
    });
    address
}

#[test]
fn other_names_are_asked_of_whom_the_config_map_says() {
    let cluster = started();
    let (general, company, other) =
        (name_server([192, 0, 2, 1]), name_server([192, 0, 2, 2]), name_server([192, 0, 2, 3]));
    let settings = |data: Value| {
        apply(
            &cluster,
            &[json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": data,
                "metadata": { "name": "kube-dns", "namespace": "kube-system" } })],
        );
    };
    let asked = |name: &'static str, expected: &str| {
        eventually(&format!("{name} is {expected}"), || {
            (dig_with(&["+short", name]).trim() == expected).then_some(())
        });
    };
    settings(json!({
        "upstreamNameservers": json!([general]).to_string(),
        "stubDomains": json!({ "corp.example": [company] }).to_string(),
    }));
    asked("www.example.com", "192.0.2.1");
    asked("db.corp.example", "192.0.2.2");
    assert_eq!(dig("kubernetes.default.svc.cluster.local", "A"), "10.43.0.1");
    // A change counts at once, also for what is remembered.
    settings(json!({
        "upstreamNameservers": json!([general]).to_string(),
        "stubDomains": json!({ "corp.example": [other] }).to_string(),
    }));
    asked("db.corp.example", "192.0.2.3");
    // What cannot be read is told, and what held before goes on.
    settings(json!({ "upstreamNameservers": "8.8.8.8" }));
    eventually("the mistake is told", || {
        cluster.log().contains("kube-system/kube-dns is not used").then_some(())
    });
    asked("new.corp.example", "192.0.2.3");
    asked("new.example.com", "192.0.2.1");
}

/// Processes of the name server of this home, with the programs they run.
fn servers(home: &Path) -> Vec<(u32, PathBuf)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(" names ") && command.contains(home.to_str().unwrap()) {
            let program = std::fs::read_link(entry.path().join("exe")).unwrap_or_default();
            found.extend(entry.file_name().to_string_lossy().parse().ok().map(|pid| (pid, program)));
        }
    }
    found
}

#[test]
fn no_name_is_lost_while_the_daemon_is_killed_stopped_and_replaced() {
    let cluster = started();
    let notes = cluster.folder().join("notes");
    std::fs::create_dir(&notes).unwrap();
    let script = "while true; do if nslookup web.default.svc.cluster.local >/dev/null 2>&1; then echo ok; \
                  else echo lost; fi >> /notes/names; usleep 20000; done";
    let container =
        with(shell("c", script), json!({ "volumeMounts": [{ "name": "n", "mountPath": "/notes" }] }));
    apply(&cluster, &[service("web", json!({ "ports": [{ "port": 80 }] }))]);
    eventually("the name is there", || (!dig("web.default.svc.cluster.local", "A").is_empty()).then_some(()));
    apply(
        &cluster,
        &[pod(
            "client",
            json!({ "terminationGracePeriodSeconds": 0, "containers": [container],
            "volumes": [{ "name": "n", "hostPath": { "path": notes } }] }),
        )],
    );
    let told = || -> Vec<String> {
        let text = std::fs::read_to_string(notes.join("names")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let more = |what: &str| {
        let before = told().len();
        eventually(what, || (told().len() > before + 25).then_some(()));
        assert!(!told().contains(&"lost".to_owned()), "a name was lost until: {what}");
    };
    more("names are answered");
    let first = servers(&cluster.home());
    assert_eq!(first.len(), 1, "{first:?}");

    cluster.kill_daemon();
    more("names are answered without a daemon");
    cluster.ok(&["cluster", "start"]);
    more("names are answered after a new start");
    assert_eq!(servers(&cluster.home()), first, "the new daemon took the same process over");
    apply(&cluster, &[service("late", json!({ "clusterIP": "10.43.7.7", "ports": [{ "port": 80 }] }))]);
    eventually("a new name is known", || {
        (dig("late.default.svc.cluster.local", "A") == "10.43.7.7").then_some(())
    });

    cluster.ok(&["cluster", "stop"]);
    more("names are answered while the cluster is stopped");
    let newer = cluster.folder().join("launchway");
    std::fs::copy(std::env::var("LAUNCHWAY").unwrap(), &newer).unwrap();
    let start = cluster.command(&["cluster", "start"]);
    let mut upgraded = Command::new(&newer);
    upgraded.args(start.get_args()).envs(start.get_envs().filter_map(|(key, value)| Some((key, value?))));
    assert!(upgraded.output().unwrap().status.success());
    eventually("the newer program answers", || {
        let now = servers(&cluster.home());
        (now.len() == 1 && now[0].1 == newer).then_some(())
    });
    more("names are answered while the process is replaced");

    // It is a component: whoever stops it wants no names, and gets them back.
    cluster.ok(&["cluster", "component", "stop", "dns"]);
    assert_eq!(servers(&cluster.home()), []);
    eventually("names are lost", || told().contains(&"lost".to_owned()).then_some(()));
    cluster.ok(&["cluster", "component", "start", "dns"]);
    eventually("names are back", || {
        (dig("late.default.svc.cluster.local", "A") == "10.43.7.7").then_some(())
    });
    cluster.ok(&["cluster", "delete"]);
    assert_eq!(servers(&cluster.home()), []);
}
