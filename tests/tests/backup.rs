//! A cluster in one file, and back.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use e2e::{Cluster, eventually, images};

#[test]
fn a_cluster_comes_back_from_one_file_with_its_images_and_volumes() {
    let cluster = Cluster::new();
    cluster.ok(&["cluster", "start"]);
    let image = images::busybox(&cluster);
    let data = cluster.home().join("volumes/data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("row"), "one\n").unwrap();
    let overrides = serde_json::json!({"spec": {
        "containers": [{
            "name": "app", "image": image, "command": ["sh", "-c", "cat /data/row; exec sleep 1000"],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }],
        "volumes": [{"name": "data", "hostPath": {"path": data}}],
        "terminationGracePeriodSeconds": 0,
    }});
    cluster.kubectl_ok(&["run", "app", "--image", image, "--overrides", &overrides.to_string()]);
    cluster.kubectl_ok(&["create", "configmap", "kept", "--from-literal=key=value"]);
    let logs = |cluster: &Cluster| {
        let ran = cluster.kubectl(&["logs", "app"]);
        (ran.stdout == "one\n").then_some(())
    };
    eventually("the pod reads its volume", || logs(&cluster));

    // While it runs.
    let file = cluster.folder().join("cluster.backup");
    let file = file.to_str().unwrap();
    let made = cluster.ok(&["cluster", "backup", file, "--volumes"]);
    assert!(made.stderr.contains("as of revision"), "{}", made.stderr);
    let again = cluster.run(&["cluster", "backup", file]);
    assert!(!again.success && again.stderr.contains("cannot create"), "{}", again.stderr);
    let there = cluster.run(&["cluster", "restore", file]);
    assert!(!there.success && there.stderr.contains("there is a cluster in"), "{}", there.stderr);
    cluster.kubectl_ok(&["create", "configmap", "lost"]);

    cluster.ok(&["cluster", "delete"]);
    assert!(!cluster.home().exists());
    cluster.ok(&["cluster", "restore", file]);
    cluster.ok(&["cluster", "start"]);
    eventually("the pod runs again", || logs(&cluster));
    assert_eq!(cluster.get(&["configmap", "kept"])["data"]["key"], "value");
    assert!(!cluster.kubectl(&["get", "configmap", "lost"]).success);
}
