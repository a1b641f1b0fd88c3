//! Deployments, ReplicaSets and ReplicationControllers.

use std::collections::BTreeSet;

use e2e::objects::{apply, condition, started, until, until_gone};
use e2e::{Cluster, eventually};
use serde_json::{Value, json};

use crate::{names, pods, stays, version, workload};

/// Waits as a user would.
fn rolled_out(cluster: &Cluster, name: &str) {
    let said = cluster.kubectl_ok(&["rollout", "status", "deployment", name, "--timeout=60s"]);
    assert!(said.contains("successfully rolled out"), "{said}");
}

fn sets(cluster: &Cluster, app: &str) -> Vec<Value> {
    let list = cluster.get(&["replicasets", "-l", &format!("app={app}")]);
    list["items"].as_array().cloned().unwrap_or_default()
}

fn versions(cluster: &Cluster, app: &str) -> BTreeSet<String> {
    pods(cluster, app).iter().map(|pod| version(pod).to_owned()).collect()
}

fn set_version(cluster: &Cluster, name: &str, to: &str) {
    cluster.kubectl_ok(&["set", "env", &format!("deployment/{name}"), &format!("VERSION={to}")]);
}

#[test]
fn a_deployment_rolls_goes_back_pauses_and_restarts() {
    let cluster = started();
    let image = e2e::images::BUSYBOX;
    cluster.kubectl_ok(&[
        "create",
        "deployment",
        "made",
        &format!("--image={image}"),
        "--replicas=2",
        "--",
        "sleep",
        "1000",
    ]);
    rolled_out(&cluster, "made");
    cluster.kubectl_ok(&["delete", "deployment", "made", "--wait=false"]);

    let rolling = json!({"replicas": 3, "revisionHistoryLimit": 2, "strategy": {"type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}});
    apply(&cluster, &[workload("Deployment", "web", "1", rolling)]);
    rolled_out(&cluster, "web");
    let first = names(&pods(&cluster, "web"));

    // Never fewer than three ready, never more than four in all.
    set_version(&cluster, "web", "2");
    eventually("the second version is there alone", || {
        let found = cluster.get(&["deployment", "web"]);
        let ready = found["status"]["readyReplicas"].as_i64().unwrap_or_default();
        let all = found["status"]["replicas"].as_i64().unwrap_or_default();
        assert!(ready >= 3 && all <= 4, "{ready} of {all}");
        (versions(&cluster, "web") == BTreeSet::from(["2".to_owned()])).then_some(())
    });
    rolled_out(&cluster, "web");
    assert!(names(&pods(&cluster, "web")).iter().all(|name| !first.contains(name)));
    let history = cluster.kubectl_ok(&["rollout", "history", "deployment/web"]);
    assert!(history.contains("\n1 ") && history.contains("\n2 "), "{history}");

    cluster.kubectl_ok(&["rollout", "undo", "deployment/web"]);
    rolled_out(&cluster, "web");
    assert_eq!(versions(&cluster, "web"), BTreeSet::from(["1".to_owned()]));
    let web = cluster.get(&["deployment", "web"]);
    assert_eq!(web["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    assert_eq!(sets(&cluster, "web").len(), 2, "the first set serves again");

    cluster.kubectl_ok(&["rollout", "pause", "deployment/web"]);
    set_version(&cluster, "web", "4");
    cluster.kubectl_ok(&["scale", "deployment/web", "--replicas=4"]);
    until(&cluster, &["deployment", "web"], "scaled while paused", |found| {
        found["status"]["readyReplicas"] == 4
    });
    assert_eq!(versions(&cluster, "web"), BTreeSet::from(["1".to_owned()]));
    assert_eq!(condition(&cluster.get(&["deployment", "web"]), "Progressing")["reason"], "DeploymentPaused");
    cluster.kubectl_ok(&["rollout", "resume", "deployment/web"]);
    rolled_out(&cluster, "web");
    assert_eq!(versions(&cluster, "web"), BTreeSet::from(["4".to_owned()]));

    let before = names(&pods(&cluster, "web"));
    cluster.kubectl_ok(&["rollout", "restart", "deployment/web"]);
    rolled_out(&cluster, "web");
    eventually("every pod is a new one", || {
        let now = names(&pods(&cluster, "web"));
        (now.len() == 4 && now.iter().all(|name| !before.contains(name))).then_some(())
    });
    eventually("old sets beyond the limit are gone", || (sets(&cluster, "web").len() == 3).then_some(()));
    cluster.kubectl_ok(&["rollout", "undo", "deployment/web", "--to-revision=4"]);
    rolled_out(&cluster, "web");
    assert_eq!(versions(&cluster, "web"), BTreeSet::from(["4".to_owned()]));
}

#[test]
fn a_stuck_rollout_is_told_and_scales_in_proportion() {
    let cluster = started();
    let surge = json!({"replicas": 6, "progressDeadlineSeconds": 2, "strategy": {"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 2}}});
    let slow = json!({"replicas": 1, "minReadySeconds": 3});
    let recreate = json!({"replicas": 2, "strategy": {"type": "Recreate"}});
    apply(
        &cluster,
        &[
            workload("Deployment", "stuck", "1", surge),
            workload("Deployment", "slow", "1", slow),
            workload("Deployment", "db", "1", recreate),
        ],
    );
    rolled_out(&cluster, "stuck");
    let available = |found: &Value| found["status"]["availableReplicas"].as_i64().unwrap_or_default();
    let waits =
        until(&cluster, &["deployment", "slow"], "ready", |found| found["status"]["readyReplicas"] == 1);
    assert_eq!(available(&waits), 0, "ready is not yet available");
    until(&cluster, &["deployment", "slow"], "available", |found| available(found) == 1);

    rolled_out(&cluster, "db");
    set_version(&cluster, "db", "2");
    eventually("the second version runs alone", || {
        let found = versions(&cluster, "db");
        assert!(found.len() <= 1, "{found:?} at once");
        (found.contains("2")).then_some(())
    });
    rolled_out(&cluster, "db");

    // An image that is nowhere: two of six give way, and there it ends.
    cluster.kubectl_ok(&["set", "image", "deployment/stuck", "c=absent:1"]);
    let failed = until(&cluster, &["deployment", "stuck"], "past its deadline", |found| {
        condition(found, "Progressing")["reason"] == "ProgressDeadlineExceeded"
    });
    assert_eq!((available(&failed), &failed["status"]["updatedReplicas"]), (4, &json!(4)));
    let said = cluster.kubectl(&["rollout", "status", "deployment/stuck", "--timeout=30s"]);
    assert!(!said.success && said.stderr.contains("exceeded its progress deadline"), "{}", said.stderr);
    // Twelve plus two of surge, spread over both sets as they are: four to four.
    cluster.kubectl_ok(&["scale", "deployment/stuck", "--replicas=12"]);
    eventually("both sets grew", || {
        let mut wanted: Vec<i64> =
            sets(&cluster, "stuck").iter().map(|set| set["spec"]["replicas"].as_i64().unwrap()).collect();
        wanted.sort_unstable();
        (wanted == [7, 7]).then_some(())
    });
}

#[test]
fn replica_sets_and_controllers_keep_their_number() {
    let cluster = started();
    let controller = json!({
        "apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "old"},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "old"}},
                 "spec": {"containers": [stays()], "terminationGracePeriodSeconds": 1}}},
    });
    apply(&cluster, &[workload("ReplicaSet", "set", "1", json!({"replicas": 3})), controller]);
    until(&cluster, &["replicaset", "set"], "ready", |found| found["status"]["readyReplicas"] == 3);
    until(&cluster, &["rc", "old"], "ready", |found| found["status"]["readyReplicas"] == 2);

    let released = names(&pods(&cluster, "set"))[0].clone();
    cluster.kubectl_ok(&["label", "pod", &released, "app=free", "--overwrite"]);
    eventually("another took its place", || (pods(&cluster, "set").len() == 3).then_some(()));
    let free =
        until(&cluster, &["pod", &released], "released", |pod| pod["metadata"]["ownerReferences"].is_null());
    assert_eq!(free["status"]["phase"], "Running");
    let victim = names(&pods(&cluster, "old"))[0].clone();
    cluster.kubectl_ok(&["delete", "pod", &victim, "--wait=false"]);
    until_gone(&cluster, &["pod", &victim]);
    until(&cluster, &["rc", "old"], "whole again", |found| found["status"]["readyReplicas"] == 2);
    cluster.kubectl_ok(&["scale", "rc/old", "--replicas=0"]);
    eventually("none is left", || pods(&cluster, "old").is_empty().then_some(()));
    cluster.kubectl_ok(&["scale", "replicaset/set", "--replicas=1"]);
    until(&cluster, &["replicaset", "set"], "one", |found| found["status"]["replicas"] == 1);
}
