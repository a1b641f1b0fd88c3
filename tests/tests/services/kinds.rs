//! The types of Services as their clients see them: in pods, on the node, outside.

use std::collections::BTreeMap;

use e2e::eventually;
use serde_json::json;

use crate::world::{
    LAN, LAN6, OUTSIDE, Outside, WHO, answers, apply, ask, ask_in, client, cluster, ready, server, service,
    silent,
};

#[test]
fn every_type_leads_to_ready_pods_by_every_way() {
    let cluster = cluster(&[]);
    let outside = Outside::new();
    apply(
        &cluster,
        &[
            server("a", "web", json!({})),
            server("b", "web", json!({})),
            server(
                "c",
                "other",
                json!({ "containers": [{
                    "name": "web", "image": e2e::images::BUSYBOX, "command": ["httpd", "-f", "-p", "80", "-h", "/tmp"],
                    "readinessProbe": { "exec": { "command": ["test", "-e", "/tmp/ready"] }, "periodSeconds": 1 },
                }]}),
            ),
            server(
                "hosted",
                "hosted",
                json!({ "containers": [{
                    "name": "web", "image": e2e::images::BUSYBOX, "command": ["sh", "-c", format!("{WHO}exec httpd -f -p 80 -h /tmp")],
                    "ports": [{ "containerPort": 80, "hostPort": 8088 }, { "containerPort": 80, "hostPort": 8089, "hostIP": LAN }],
                }]}),
            ),
        ],
    );
    cluster.kubectl_ok(&["create", "service", "nodeport", "web", "--tcp=8080:80", "-o", "name"]);
    ready(&cluster, &["a", "b", "hosted"]);
    // Variables name the Services that were there before the pod.
    apply(
        &cluster,
        &[
            client("client"),
            service(
                "outer",
                "web",
                json!({
                    "externalIPs": ["203.0.113.7", "2001:db8:71::7"], "ipFamilyPolicy": "RequireDualStack",
                }),
            ),
        ],
    );
    cluster.kubectl_ok(&[
        "patch",
        "service",
        "web",
        "-p",
        r#"{"spec":{"ipFamilyPolicy":"PreferDualStack"}}"#,
    ]);
    ready(&cluster, &["client"]);

    let web = cluster.get(&["service", "web"]);
    let port = web["spec"]["ports"][0]["nodePort"].as_i64().unwrap();
    assert!((30000..=32767).contains(&port), "{port}");
    let listed = cluster.kubectl_ok(&["get", "service", "web"]);
    let columns: Vec<&str> = listed.lines().nth(1).unwrap().split_whitespace().collect();
    let cluster_ip = web["spec"]["clusterIP"].as_str().unwrap();
    assert_eq!(columns[..5], ["web", "NodePort", cluster_ip, "<none>", &format!("8080:{port}/TCP")]);

    // By variables, by name, by address.
    let by_variable = "timeout 3 wget -q -O - http://$WEB_SERVICE_HOST:$WEB_SERVICE_PORT/cgi-bin/who";
    let answer = cluster.kubectl_ok(&["exec", "client", "--", "sh", "-c", by_variable]);
    assert!(answer.starts_with("a ") || answer.starts_with("b "), "{answer}");
    answers("web by name", "", || ask_in(&cluster, "client", "web.default.svc.cluster.local:8080"));
    // A pod reaches itself through its own Service.
    for pod in ["a", "b"] {
        for _ in 0..3 {
            ask_in(&cluster, pod, &format!("{cluster_ip}:8080")).unwrap();
        }
    }
    // By every address of the node, from inside and outside; both pods serve, and see who asks.
    for host in ["127.0.0.1", "10.42.0.1", LAN, "[fd00:10:42::1]", &format!("[{LAN6}]")] {
        answers(host, "", || ask(&format!("{host}:{port}")));
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..40 {
        *seen.entry(outside.ask(&format!("{LAN}:{port}")).unwrap()).or_default() += 1;
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen.keys().all(|answer| answer.ends_with(OUTSIDE)), "{seen:?}");
    assert!(outside.ask(&format!("[{LAN6}]:{port}")).unwrap().ends_with("2001:db8:51::9"));
    for host in ["203.0.113.7", "[2001:db8:71::7]"] {
        answers(host, "", || outside.ask(host));
        answers(host, "", || ask_in(&cluster, "client", host));
    }

    // A pod that is not ready is not asked; without a ready one clients are refused.
    cluster.kubectl_ok(&["label", "pod", "b", "app=off", "--overwrite"]);
    eventually("b is out", || {
        (0..8).all(|_| ask(&format!("{cluster_ip}:8080")).is_ok_and(|t| t.starts_with("a "))).then_some(())
    });
    cluster.kubectl_ok(&["expose", "pod", "c", "--port=80", "--name=slow"]);
    let slow = cluster.get(&["service", "slow"])["spec"]["clusterIP"].as_str().unwrap().to_owned();
    // curl's words for a refusal, which is not a silence.
    eventually("a Service without ready pods refuses", || {
        ask(&slow).err().filter(|error| error.contains("(7)"))
    });
    cluster.kubectl_ok(&["exec", "c", "--", "touch", "/tmp/ready"]);
    eventually("c is asked once it is ready", || ask(&slow).err().filter(|error| error.contains("404")));

    // Host ports: on every address, or on one.
    for host in ["127.0.0.1:8088", "[fd00:10:42::1]:8088", &format!("{LAN}:8089")] {
        answers(host, "hosted ", || ask(host));
    }
    answers("a host port from outside", "hosted ", || outside.ask(&format!("{LAN}:8088")));
    assert!(ask("10.42.0.1:8089").is_err(), "the host port is for one address");

    // Other kinds.
    cluster.kubectl_ok(&["create", "service", "externalname", "far", "--external-name=example.com"]);
    cluster.kubectl_ok(&["create", "service", "clusterip", "headless", "--clusterip=None"]);
    let listed = cluster.kubectl_ok(&["get", "service", "far", "headless", "--no-headers"]);
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..5], ["far", "ExternalName", "<none>", "example.com", "<none>"]);
    assert_eq!(rows[1][..5], ["headless", "ClusterIP", "None", "<none>", "<none>"]);
    // A taken port, one out of range, and a change of type that gives the port back.
    let ran = cluster.kubectl(&[
        "create",
        "service",
        "nodeport",
        "again",
        "--tcp=80",
        &format!("--node-port={port}"),
    ]);
    assert!(ran.stderr.contains("provided port is already allocated"), "{}", ran.stderr);
    let ran = cluster.kubectl(&["create", "service", "nodeport", "again", "--tcp=80", "--node-port=80"]);
    assert!(ran.stderr.contains("The range of valid ports is 30000-32767"), "{}", ran.stderr);
    cluster.kubectl_ok(&["patch", "service", "web", "-p", r#"{"spec":{"type":"ClusterIP"}}"#]);
    silent("a node port given back", || ask(&format!("127.0.0.1:{port}")));
    cluster.kubectl_ok(&[
        "create",
        "service",
        "nodeport",
        "again",
        "--tcp=80",
        &format!("--node-port={port}"),
    ]);
}
