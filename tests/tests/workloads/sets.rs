//! StatefulSets and DaemonSets. Claims of StatefulSets are in the tests of volumes.

use e2e::eventually;
use e2e::objects::{apply, condition, exec, started, until, until_gone, with};
use serde_json::{Value, json};

use crate::{names, pods, version, workload};

fn ready(found: &Value) -> i64 {
    found["status"]["readyReplicas"].as_i64().unwrap_or_default()
}

#[test]
fn a_stateful_set_keeps_order_and_names() {
    let cluster = started();
    let mut db = workload("StatefulSet", "db", "1", json!({"replicas": 3, "serviceName": "db"}));
    // Ready only when somebody says so.
    let gate =
        json!({"readinessProbe": {"exec": {"command": ["test", "-e", "/tmp/ok"]}, "periodSeconds": 1}});
    let container = db["spec"]["template"]["spec"]["containers"][0].clone();
    db["spec"]["template"]["spec"]["containers"][0] = with(container, gate);
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"},
        "spec": {"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"port": 80}]}});
    let parallel = json!({"replicas": 3, "serviceName": "p", "podManagementPolicy": "Parallel"});
    apply(&cluster, &[service, db, workload("StatefulSet", "p", "1", parallel)]);
    until(&cluster, &["statefulset", "p"], "all at once", |found| ready(found) == 3);
    for at in 0..3 {
        let name = format!("db-{at}");
        until(&cluster, &["pod", &name], "runs", |pod| pod["status"]["phase"] == "Running");
        assert_eq!(pods(&cluster, "db").len(), at + 1, "the next waits for {name}");
        exec(&cluster, &name, "c", &["touch", "/tmp/ok"]);
        until(&cluster, &["pod", &name], "ready", |pod| condition(pod, "Ready")["status"] == "True");
    }
    until(&cluster, &["statefulset", "db"], "ready", |found| ready(found) == 3);
    assert_eq!(exec(&cluster, "db-1", "c", &["hostname"]), "db-1");
    let labels = &cluster.get(&["pod", "db-2"])["metadata"]["labels"];
    assert_eq!(labels["statefulset.kubernetes.io/pod-name"], "db-2");
    assert_eq!(labels["apps.kubernetes.io/pod-index"], "2");

    // The same name comes back as another pod.
    let uid = cluster.get(&["pod", "p-1"])["metadata"]["uid"].clone();
    cluster.kubectl_ok(&["delete", "pod", "p-1"]);
    until(&cluster, &["pod", "p-1"], "is back", |pod| {
        pod["metadata"]["uid"] != uid && condition(pod, "Ready")["status"] == "True"
    });

    // Only ordinals from the partition on are updated, from the last on.
    let partition = r#"{"spec":{"updateStrategy":{"rollingUpdate":{"partition":2}}}}"#;
    cluster.kubectl_ok(&["patch", "statefulset", "p", "-p", partition]);
    cluster.kubectl_ok(&["set", "env", "statefulset/p", "VERSION=2"]);
    let versions = || {
        let mut found = pods(&cluster, "p");
        found.sort_by_key(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned());
        found.iter().map(|pod| version(pod).to_owned()).collect::<Vec<_>>()
    };
    eventually("the last is updated alone", || (versions() == ["1", "1", "2"]).then_some(()));
    until(&cluster, &["statefulset", "p"], "counted", |found| {
        found["status"]["updatedReplicas"] == 1 && ready(found) == 3
    });
    let all = r#"{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}"#;
    cluster.kubectl_ok(&["patch", "statefulset", "p", "-p", all]);
    let said = cluster.kubectl_ok(&["rollout", "status", "statefulset/p", "--timeout=60s"]);
    assert!(said.contains("partitioned roll out complete: 3 new pods have been updated"), "{said}");
    assert_eq!(versions(), ["2", "2", "2"]);

    cluster.kubectl_ok(&["scale", "statefulset/db", "--replicas=1"]);
    until_gone(&cluster, &["pod", "db-2"]);
    until_gone(&cluster, &["pod", "db-1"]);
    assert_eq!(names(&pods(&cluster, "db")), ["db-0"]);
}

#[test]
fn a_daemon_set_is_on_every_node_it_fits() {
    let cluster = started();
    let node = cluster.get(&["nodes"])["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let mut chosen = workload("DaemonSet", "chosen", "1", json!({"updateStrategy": {"type": "OnDelete"}}));
    chosen["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "fast"});
    apply(&cluster, &[workload("DaemonSet", "agent", "1", json!({})), chosen]);
    until(&cluster, &["daemonset", "agent"], "ready", |found| found["status"]["numberReady"] == 1);
    let none =
        until(&cluster, &["daemonset", "chosen"], "seen", |found| found["status"]["observedGeneration"] == 1);
    assert_eq!(none["status"]["desiredNumberScheduled"], 0);
    cluster.kubectl_ok(&["label", "node", &node, "disk=fast"]);
    until(&cluster, &["daemonset", "chosen"], "on the node", |found| found["status"]["numberReady"] == 1);

    cluster.kubectl_ok(&["set", "env", "daemonset/agent", "daemonset/chosen", "VERSION=2"]);
    let said = cluster.kubectl_ok(&["rollout", "status", "daemonset/agent", "--timeout=60s"]);
    assert!(said.contains("successfully rolled out"), "{said}");
    assert_eq!(version(&pods(&cluster, "agent")[0]), "2");
    let old = pods(&cluster, "chosen")[0].clone();
    assert_eq!(version(&old), "1", "it changes when it is deleted");
    cluster.kubectl_ok(&["delete", "pod", old["metadata"]["name"].as_str().unwrap()]);
    eventually("the new one is of the new version", || {
        pods(&cluster, "chosen").first().is_some_and(|pod| version(pod) == "2").then_some(())
    });
    cluster.kubectl_ok(&["rollout", "undo", "daemonset/agent"]);
    cluster.kubectl_ok(&["rollout", "status", "daemonset/agent", "--timeout=60s"]);
    assert_eq!(version(&pods(&cluster, "agent")[0]), "1");
    cluster.kubectl_ok(&["label", "node", &node, "disk-"]);
    eventually("it leaves the node", || pods(&cluster, "chosen").is_empty().then_some(()));
}
