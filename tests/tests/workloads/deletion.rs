//! Owners and the three ways to delete them.

use e2e::eventually;
use e2e::objects::{apply, started, until, until_gone};
use serde_json::json;

use crate::{names, pods, workload};

#[test]
fn dependents_go_before_after_or_not_at_all() {
    let cluster = started();
    let one = |name: &str| workload("ReplicaSet", name, "1", json!({"replicas": 2}));
    apply(
        &cluster,
        &[
            one("background"),
            one("foreground"),
            one("orphans"),
            workload("Deployment", "web", "1", json!({"replicas": 1})),
        ],
    );
    for name in ["background", "foreground", "orphans"] {
        until(&cluster, &["replicaset", name], "ready", |found| found["status"]["readyReplicas"] == 2);
    }
    until(&cluster, &["deployment", "web"], "ready", |found| found["status"]["readyReplicas"] == 1);
    let kept = names(&pods(&cluster, "orphans"));

    cluster.kubectl_ok(&["delete", "replicaset", "background"]);
    eventually("dependents follow", || pods(&cluster, "background").is_empty().then_some(()));

    // A finalizer of somebody else holds a pod back, and the pod holds back its owner.
    let held = names(&pods(&cluster, "foreground"))[0].clone();
    let patch = |list: &str| format!(r#"{{"metadata":{{"finalizers":{list}}}}}"#);
    cluster.kubectl_ok(&["patch", "pod", &held, "-p", &patch(r#"["example.com/hold"]"#)]);
    cluster.kubectl_ok(&["delete", "replicaset", "foreground", "--cascade=foreground", "--wait=false"]);
    let waits = until(&cluster, &["replicaset", "foreground"], "waits for its pods", |found| {
        !found["metadata"]["deletionTimestamp"].is_null()
    });
    assert_eq!(waits["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    until(&cluster, &["pod", &held], "is being deleted", |pod| {
        !pod["metadata"]["deletionTimestamp"].is_null()
    });
    assert!(cluster.kubectl(&["get", "replicaset", "foreground"]).success);
    cluster.kubectl_ok(&["patch", "pod", &held, "--type=merge", "-p", &patch("null")]);
    until_gone(&cluster, &["replicaset", "foreground"]);
    until_gone(&cluster, &["pod", &held]);

    cluster.kubectl_ok(&["delete", "replicaset", "orphans", "--cascade=orphan"]);
    until_gone(&cluster, &["replicaset", "orphans"]);
    eventually("the pods belong to nobody", || {
        let left = pods(&cluster, "orphans");
        assert_eq!(names(&left), kept);
        left.iter().all(|pod| pod["metadata"]["ownerReferences"].is_null()).then_some(())
    });

    // Two steps of owners: the deployment takes its set, the set its pods.
    cluster.kubectl_ok(&["delete", "deployment", "web"]);
    eventually("everything below is gone", || {
        let sets = cluster.get(&["replicasets", "-l", "app=web"]);
        (sets["items"].as_array().unwrap().is_empty() && pods(&cluster, "web").is_empty()).then_some(())
    });
}
