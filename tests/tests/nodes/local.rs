//! Several nodes on one machine.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use e2e::{Cluster, Ran, eventually, machine, objects};
use serde_json::{Value, json};

use crate::world::{NODE_PORT, all_answer, ask, internal_ip, pod_on, ready, web, web_on};

fn signal(signal: &str, pid: u32) {
    let status = Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

/// The process of a further node.
fn agent(cluster: &Cluster, node: &str) -> Option<u32> {
    let text = std::fs::read_to_string(cluster.home().join("nodes").join(node).join("daemon.lock")).ok()?;
    text.trim().parse().ok().filter(|pid| machine::is_alive(*pid))
}

/// The nodes by name; the first one first.
fn nodes(cluster: &Cluster) -> Vec<String> {
    ready(cluster).into_iter().collect()
}

fn node(cluster: &Cluster, name: &str) -> Value {
    cluster.get(&["node", name])
}

/// `wget` of a URL in a pod; gives up after three seconds.
fn fetch(cluster: &Cluster, pod: &str, url: &str) -> Ran {
    cluster.kubectl(&["exec", pod, "--", "timeout", "3", "wget", "-qO-", url])
}

fn taints(node: &Value) -> BTreeSet<String> {
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    taints.map(|t| format!("{}:{}", t["key"].as_str().unwrap(), t["effect"].as_str().unwrap())).collect()
}

#[test]
fn three_nodes_on_one_machine_are_one_network() {
    let before = machine::traces();
    {
        let cluster = Cluster::new();
        cluster.ok(&["cluster", "start", "--nodes", "3"]);
        let names = nodes(&cluster);
        assert_eq!(names.len(), 3, "{names:?}");
        let objects: Vec<Value> = names.iter().map(|name| node(&cluster, name)).collect();
        for (what, of) in [
            (
                "range",
                Box::new(|node: &Value| node["spec"]["podCIDR"].to_string()) as Box<dyn Fn(&Value) -> String>,
            ),
            ("address", Box::new(|node: &Value| internal_ip(node).to_string())),
        ] {
            let different: BTreeSet<String> = objects.iter().map(of).collect();
            assert_eq!(different.len(), 3, "each node has its own {what}: {different:?}");
        }
        assert_eq!(objects[0]["spec"]["podCIDR"], "10.42.0.0/24", "the first node keeps its range");

        web(&cluster);
        let all: BTreeSet<String> = names.iter().cloned().collect();
        let servers: Vec<Value> = names.iter().map(|name| web_on(&cluster, name)).collect();
        // From every node's pods to every pod, by address and by name; by the node's own name server.
        for server in &servers {
            let pod = server["metadata"]["name"].as_str().unwrap();
            for other in &servers {
                let address = other["status"]["podIP"].as_str().unwrap();
                let got = eventually(&format!("{pod} reaches {address}"), || {
                    let ran = fetch(&cluster, pod, &format!("http://{address}:8080/"));
                    ran.success.then_some(ran.stdout)
                });
                assert_eq!(got.trim(), other["spec"]["nodeName"].as_str().unwrap());
            }
            all_answer(&all, &format!("the Service from {pod}"), || {
                let ran = fetch(&cluster, pod, "http://web.default.svc.cluster.local/");
                if ran.success { Ok(ran.stdout) } else { Err(ran.stderr) }
            });
        }
        // The node port works on each node and leads to all of them.
        for address in objects.iter().map(internal_ip).chain([IpAddr::V4(Ipv4Addr::LOCALHOST)]) {
            all_answer(&all, &format!("node port at {address}"), || ask(address, NODE_PORT));
        }
        // Logs and commands of pods on other nodes go through their kubelets.
        for name in &names {
            let pod = format!("says-{name}");
            objects::apply(&cluster, &[pod_on(name, &pod, "echo from $(hostname); exec sleep 1000")]);
            objects::until_ready(&cluster, &pod);
            let log = eventually("the log is written", || {
                Some(cluster.kubectl_ok(&["logs", &pod])).filter(|log| !log.is_empty())
            });
            assert_eq!(log.trim(), format!("from {pod}"));
            assert_eq!(cluster.kubectl_ok(&["exec", &pod, "--", "hostname"]).trim(), pod);
        }
    }
    eventually("nothing is left", || {
        let left: Vec<String> = machine::traces().difference(&before).cloned().collect();
        left.is_empty().then_some(()).or_else(|| {
            eprintln!("left: {left:?}");
            None
        })
    });
}

#[test]
fn nodes_outlive_the_daemon_and_their_pods_outlive_them() {
    let cluster = Cluster::new();
    cluster.ok(&["cluster", "start", "--nodes", "2"]);
    let names = nodes(&cluster);
    web(&cluster);
    let second = names[1].as_str();
    let started = |cluster: &Cluster| {
        let pod = web_on(cluster, second);
        objects::container(&pod, "web")["state"]["running"]["startedAt"].to_string()
    };
    let (since, process) = (started(&cluster), agent(&cluster, second).unwrap());

    cluster.kill_daemon();
    assert!(machine::is_alive(process), "the node's process is its own");
    cluster.ok(&["cluster", "start"]);
    assert_eq!(agent(&cluster, second), Some(process), "the node is taken over");
    assert_eq!(started(&cluster), since);

    signal("-9", process);
    eventually("the node's process is started again", || {
        agent(&cluster, second).filter(|pid| *pid != process)
    });
    eventually("both nodes are ready", || (ready(&cluster).len() == 2).then_some(()));
    assert_eq!(started(&cluster), since, "its pods were not touched");

    // Stopping stops both; starting with more or fewer nodes changes their number.
    cluster.ok(&["cluster", "stop"]);
    assert_eq!(agent(&cluster, second), None);
    let refused = cluster.run(&["cluster", "start", "--nodes", "99"]);
    assert!(!refused.success && refused.stderr.contains("1 to 15"), "{}", refused.stderr);
    cluster.ok(&["cluster", "start", "--nodes", "3"]);
    assert_eq!(ready(&cluster).len(), 3);
    assert_eq!(started(&cluster), since);
    let refused = cluster.run(&["cluster", "start", "--nodes", "1"]);
    assert!(!refused.success && refused.stderr.contains("cluster stop"), "{}", refused.stderr);
    cluster.ok(&["cluster", "stop"]);
    cluster.ok(&["cluster", "start", "--nodes", "1"]);
    assert_eq!(nodes(&cluster), names[..1]);
    assert!(!cluster.home().join("nodes").join(second).exists());
}

#[test]
fn cordon_drain_and_taints_keep_pods_away() {
    let cluster = Cluster::new();
    cluster.ok(&["cluster", "start", "--nodes", "2"]);
    let names = nodes(&cluster);
    let (first, second) = (names[0].as_str(), names[1].as_str());
    e2e::images::busybox(&cluster);
    cluster.kubectl_ok(&[
        "create",
        "deployment",
        "app",
        "--image=busybox:1.36",
        "--replicas=4",
        "--",
        "sleep",
        "1000",
    ]);
    cluster.kubectl_ok(&[
        "patch",
        "deployment",
        "app",
        "-p",
        r#"{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":0}}}}"#,
    ]);
    let on = |node: &str| {
        let pods = cluster.get(&[
            "pods",
            "-l",
            "app=app",
            "--field-selector",
            &format!("spec.nodeName={node},status.phase=Running"),
        ]);
        pods["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|p| p["metadata"]["deletionTimestamp"].is_null())
            .count()
    };
    let spread = |want: (usize, usize)| {
        eventually(&format!("pods are {want:?}"), || ((on(first), on(second)) == want).then_some(()));
    };
    spread((2, 2));

    cluster.kubectl_ok(&["cordon", second]);
    eventually("the taint of a cordoned node", || {
        taints(&node(&cluster, second)).contains("node.kubernetes.io/unschedulable:NoSchedule").then_some(())
    });
    cluster.kubectl_ok(&["scale", "deployment", "app", "--replicas=6"]);
    spread((4, 2));
    let drained = cluster.kubectl_ok(&["drain", second, "--ignore-daemonsets"]);
    assert!(drained.contains("drained"), "{drained}");
    spread((6, 0));
    cluster.kubectl_ok(&["uncordon", second]);

    // NoExecute: who tolerates it for a while goes after that while, the others at once.
    let pod = |name: &str, tolerations: Value| {
        let mut pod = pod_on(second, name, "exec sleep 1000");
        pod["spec"]["tolerations"] = tolerations;
        pod
    };
    let tolerated = |seconds: Value| {
        let mut toleration = json!({"key": "broken", "operator": "Exists", "effect": "NoExecute"});
        if !seconds.is_null() {
            toleration["tolerationSeconds"] = seconds;
        }
        json!([toleration])
    };
    objects::apply(
        &cluster,
        &[pod("plain", json!([])), pod("patient", tolerated(json!(3))), pod("stays", tolerated(Value::Null))],
    );
    for name in ["plain", "patient", "stays"] {
        objects::until_ready(&cluster, name);
    }
    cluster.kubectl_ok(&["taint", "nodes", second, "broken=disk:NoExecute"]);
    objects::until_gone(&cluster, &["pod", "plain"]);
    objects::until_gone(&cluster, &["pod", "patient"]);
    assert_eq!(cluster.get(&["pod", "stays"])["metadata"]["deletionTimestamp"], Value::Null);
    let evicted = cluster.kubectl_ok(&["get", "events", "--field-selector", "reason=TaintManagerEviction"]);
    assert!(evicted.contains("pod/patient") && evicted.contains("pod/plain"), "{evicted}");
}

#[test]
fn a_silent_node_loses_its_pods_and_comes_back() {
    let cluster = Cluster::new();
    cluster.ok(&["cluster", "start", "--nodes", "2", "--node-grace", "6s"]);
    let names = nodes(&cluster);
    let second = names[1].as_str();
    web(&cluster);
    let server = web_on(&cluster, second);
    let mut pod = pod_on(second, "moves", "exec sleep 1000");
    pod["spec"]["terminationGracePeriodSeconds"] = json!(1);
    pod["spec"]["tolerations"] = json!([
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2},
    ]);
    objects::apply(&cluster, &[pod]);
    objects::until_ready(&cluster, "moves");

    // It hangs: the process is there, and says nothing.
    let process = agent(&cluster, second).unwrap();
    signal("-STOP", process);
    let silent = eventually("the node is not ready", || {
        let node = node(&cluster, second);
        (objects::condition(&node, "Ready")["status"] == "Unknown").then_some(node)
    });
    assert_eq!(objects::condition(&silent, "Ready")["reason"], "NodeStatusUnknown");
    assert!(cluster.kubectl_ok(&["get", "node", second]).contains("NotReady"));
    eventually("the taints of an unreachable node", || {
        let taints = taints(&node(&cluster, second));
        let wanted =
            ["NoSchedule", "NoExecute"].map(|effect| format!("node.kubernetes.io/unreachable:{effect}"));
        wanted.iter().all(|taint| taints.contains(taint)).then_some(())
    });
    // Pods are taken out of service, and leave when they do not tolerate it any longer; nobody ends them there.
    eventually("its web server is not ready", || {
        let pod = cluster.get(&["pod", server["metadata"]["name"].as_str().unwrap()]);
        (objects::condition(&pod, "Ready")["status"] == "False").then_some(())
    });
    let leaving = eventually("the pod is to leave", || {
        let pod = cluster.get(&["pod", "moves"]);
        pod["metadata"]["deletionTimestamp"].is_string().then_some(pod)
    });
    assert_eq!(objects::condition(&leaving, "DisruptionTarget")["reason"], "DeletionByTaintManager");
    assert!(cluster.kubectl_ok(&["get", "pod", "moves"]).contains("Terminating"));
    // Said to be switched off: what is to leave it has left.
    cluster.kubectl_ok(&["taint", "nodes", second, "node.kubernetes.io/out-of-service=off:NoExecute"]);
    objects::until_gone(&cluster, &["pod", "moves"]);
    cluster.kubectl_ok(&["taint", "nodes", second, "node.kubernetes.io/out-of-service-"]);
    let first: BTreeSet<String> = names[..1].iter().cloned().collect();
    all_answer(&first, "the node that is left", || ask(IpAddr::V4(Ipv4Addr::LOCALHOST), NODE_PORT));

    signal("-CONT", process);
    eventually("the node is ready again", || (ready(&cluster).len() == 2).then_some(()));
    eventually("the taints are gone", || taints(&node(&cluster, second)).is_empty().then_some(()));
    web_on(&cluster, second);

    // A deleted Node stays away until its kubelet is started again.
    cluster.kubectl_ok(&["delete", "node", second]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(!cluster.kubectl(&["get", "node", second]).success, "nobody registers it again");
    signal("-9", process);
    eventually("the node registers again", || (ready(&cluster).len() == 2).then_some(()));
    assert_eq!(node(&cluster, second)["spec"]["podCIDR"], silent["spec"]["podCIDR"], "with its range");
    web_on(&cluster, second);
}
