//! Which images stay and which go.

use e2e::objects::{apply, pod, shell, started, until};
use e2e::{Cluster, eventually, images};
use image::{ContentStore, ImageConfig, LayerBuilder};
use serde_json::json;

/// An image that nothing else has a layer of.
fn make(cluster: &Cluster, name: &str) {
    let mut layer = LayerBuilder::new();
    layer.bytes("content", name.as_bytes().repeat(1000), false).unwrap();
    images::make(cluster, name, &ImageConfig::default(), &[layer]);
}

fn listed(cluster: &Cluster, name: &str) -> bool {
    cluster
        .ok(&["image", "list"])
        .stdout
        .lines()
        .any(|line| line.starts_with(&format!("docker.io/library/{name} ")))
}

#[test]
fn images_in_use_stay_and_others_go_by_hand_or_when_the_disk_is_full() {
    let cluster = started();
    make(&cluster, "spare:1");
    make(&cluster, "other:1");
    let spec = json!({"containers": [shell("c", "sleep 1000")], "terminationGracePeriodSeconds": 0});
    apply(&cluster, &[pod("user", spec)]);
    until(&cluster, &["pod", "user"], "runs", |pod| pod["status"]["phase"] == "Running");

    // By hand: never what a pod uses; with it go its blobs.
    let store = ContentStore::open(&cluster.home().join("images")).unwrap();
    let spare = store.require("spare:1").unwrap();
    eventually("the use is known", || {
        let list = cluster.ok(&["image", "list"]).stdout;
        list.lines().any(|line| line.contains("busybox:1.36") && line.ends_with("yes")).then_some(())
    });
    let ran = cluster.run(&["image", "rm", "spare:1", images::BUSYBOX]);
    assert!(!ran.success && ran.stderr.contains("busybox:1.36 is in use by pods"), "{}", ran.stderr);
    assert!(listed(&cluster, "spare:1"), "all or none");
    cluster.ok(&["image", "rm", "spare:1"]);
    assert!(!listed(&cluster, "spare:1") && store.blob(&spare.layers[0].digest).is_none());
    cluster.ok(&["image", "prune"]);
    assert!(listed(&cluster, "other:1"));
    cluster.ok(&["image", "prune", "--all"]);
    assert!(!listed(&cluster, "other:1") && listed(&cluster, "busybox:1.36"));

    // By the node: a limit that every disk is above.
    let settings = "[collection]\nhigh_percent = 0\nlow_percent = 0\nenough_bytes = 1152921504606846976\nminimum_age_seconds = 0\n";
    std::fs::write(cluster.home().join("images.toml"), settings).unwrap();
    make(&cluster, "unused:1");
    eventually("the unused image is collected", || (!listed(&cluster, "unused:1")).then_some(()));
    assert!(listed(&cluster, "busybox:1.36"));
    let exec = cluster.kubectl_ok(&["exec", "user", "--", "ls", "/bin/sh"]);
    assert_eq!(exec.trim(), "/bin/sh");
    eventually("the node tells that this is not enough", || {
        let events =
            cluster.kubectl_ok(&["get", "events", "-A", "--field-selector", "reason=FreeDiskSpaceFailed"]);
        events.contains("Insufficient free disk space on the node's image filesystem").then_some(())
    });

    // When its pod is gone, the image may go.
    std::fs::write(cluster.home().join("images.toml"), images::KEEP_ALL).unwrap();
    cluster.kubectl_ok(&["delete", "pod", "user"]);
    eventually("the image is free", || cluster.run(&["image", "rm", images::BUSYBOX]).success.then_some(()));
    assert!(!listed(&cluster, "busybox:1.36"));
}
