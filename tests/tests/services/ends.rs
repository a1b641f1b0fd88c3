//! Backends that end: no connection is lost, and those that leave serve as long as nobody else does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::{eventually, http, images};
use serde_json::{Value, json};

use crate::world::{WHO, answers, apply, ask, cluster, ready, server, service};

#[test]
fn no_request_is_lost_while_pods_are_replaced() {
    let cluster = cluster(&[]);
    let container = json!({
        "name": "web", "image": images::BUSYBOX, "command": ["sh", "-c", format!("{WHO}exec httpd -f -p 80 -h /tmp")],
        "readinessProbe": { "tcpSocket": { "port": 80 }, "periodSeconds": 1 },
        // httpd as the first process ignores the signal; the hook gives rules their moment, and then it is killed.
        "lifecycle": { "preStop": { "exec": { "command": ["sh", "-c", "sleep 1; kill -9 -1"] } } },
    });
    let labels = json!({ "app": "web" });
    apply(
        &cluster,
        &[
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
                "spec": {
                    "replicas": 3, "selector": { "matchLabels": labels },
                    "template": { "metadata": { "labels": labels }, "spec": {
                        "terminationGracePeriodSeconds": 2, "containers": [container] } },
                },
            }),
            service(
                "web",
                "web",
                json!({ "type": "NodePort", "ports": [{ "port": 80, "nodePort": 30088 }] }),
            ),
        ],
    );
    cluster.kubectl_ok(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    answers("the Service", "web-", || ask("127.0.0.1:30088"));
    let load = http::Load::start(30088, "/cgi-bin/who", 3);
    cluster.kubectl_ok(&["rollout", "restart", "deployment/web"]);
    cluster.kubectl_ok(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    cluster.kubectl_ok(&["scale", "deployment/web", "--replicas=1"]);
    eventually("two pods are gone", || {
        (cluster.get(&["pods", "-l", "app=web"])["items"].as_array().unwrap().len() == 1).then_some(())
    });
    let (answered, failures) = load.stop();
    assert_eq!(failures, Vec::<String>::new(), "of {answered} requests");
    assert!(answered > 100, "{answered}");
}

#[test]
fn an_endpoint_that_leaves_serves_until_it_ends_if_there_is_no_other() {
    let cluster = cluster(&[]);
    let slow = json!({ "lifecycle": { "preStop": { "exec": { "command": ["sleep", "6"] } } } });
    let mut pod = server("a", "web", json!({}));
    for (key, value) in slow.as_object().unwrap() {
        pod["spec"]["containers"][0][key] = value.clone();
    }
    apply(&cluster, &[pod, service("web", "web", json!({}))]);
    ready(&cluster, &["a"]);
    let ip = cluster.get(&["service", "web"])["spec"]["clusterIP"].as_str().unwrap().to_owned();
    answers("the Service", "a ", || ask(&ip));
    let conditions = || -> Value {
        let slices = cluster.get(&["endpointslices", "-l", "kubernetes.io/service-name=web"]);
        slices["items"][0]["endpoints"][0]["conditions"].clone()
    };
    assert_eq!(conditions(), json!({ "ready": true, "serving": true, "terminating": false }));
    // Asked all the time while it leaves.
    let lost = Arc::new(AtomicBool::new(false));
    let stop = Arc::new(AtomicBool::new(false));
    let asking = std::thread::spawn({
        let (lost, stop, ip) = (lost.clone(), stop.clone(), ip.clone());
        move || {
            let mut asked = 0;
            while !stop.load(Ordering::Relaxed) {
                lost.fetch_or(ask(&ip).is_err(), Ordering::Relaxed);
                asked += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            asked
        }
    });
    cluster.kubectl_ok(&["delete", "pod", "a", "--wait=false"]);
    let leaving = json!({ "ready": false, "serving": true, "terminating": true });
    eventually("it is said to leave", || (conditions() == leaving).then_some(()));
    std::thread::sleep(Duration::from_secs(1));
    stop.store(true, Ordering::Relaxed);
    assert!(asking.join().unwrap() > 10 && !lost.load(Ordering::Relaxed), "every request was answered");
    // As soon as another one is ready it gets everything.
    apply(&cluster, &[server("b", "web", json!({}))]);
    ready(&cluster, &["b"]);
    answers("the other one", "b ", || ask(&ip));
    for _ in 0..8 {
        assert!(ask(&ip).unwrap().starts_with("b "));
    }
}
