//! Volumes of several nodes, and of a node that is away.

use std::path::PathBuf;

use e2e::objects::{apply, started, until_gone, until_ready};
use e2e::{Cluster, eventually, images};
use serde_json::{Value, json};

use crate::{claim, class, consumer, describes, exec, folder, phase, text};

#[test]
fn a_volume_lies_on_one_node_and_its_pods_follow_it_there() {
    let cluster = Cluster::new();
    cluster.ok(&["cluster", "start", "--nodes", "2"]);
    images::busybox(&cluster);
    let nodes = eventually("both nodes are ready", || {
        let ran = cluster.kubectl(&["wait", "node", "--all", "--for=condition=Ready", "--timeout=30s"]);
        let nodes = cluster.get(&["nodes"]);
        let names: Vec<String> =
            nodes["items"].as_array()?.iter().map(|node| text(node, "/metadata/name").to_owned()).collect();
        (ran.success && names.len() == 2).then_some(names)
    });
    let (first, second) = (nodes[0].clone(), nodes[1].clone());
    let on = |mut pod: Value, node: &str| {
        pod["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": node});
        pod
    };
    apply(&cluster, &[claim("far", None, "1Mi"), on(consumer("there", "far"), &second)]);
    until_ready(&cluster, "there");
    let volume = text(&cluster.get(&["pvc", "far"]), "/spec/volumeName").to_owned();
    let object = cluster.get(&["pv", &volume]);
    let path = PathBuf::from(text(&object, "/spec/local/path"));
    assert!(path.starts_with(cluster.home().join("nodes").join(&second)), "{}", path.display());
    exec(&cluster, "there", "echo kept > /data/file");
    assert_eq!(std::fs::read_to_string(path.join("file")).unwrap(), "kept\n");
    cluster.kubectl_ok(&["delete", "pod", "there"]);

    // Nothing but the volume leads it there; and it cannot be had elsewhere.
    apply(&cluster, &[consumer("follows", "far"), on(consumer("cannot", "far"), &first)]);
    until_ready(&cluster, "follows");
    assert_eq!(text(&cluster.get(&["pod", "follows"]), "/spec/nodeName"), second);
    assert_eq!(exec(&cluster, "follows", "cat /data/file"), "kept\n");
    describes(
        &cluster,
        "pod/cannot",
        &[
            "1 node(s) didn't match Pod's node affinity/selector",
            "1 node(s) didn't match PersistentVolume's node affinity",
        ],
    );
    cluster.kubectl_ok(&["delete", "pod", "follows", "cannot"]);
    cluster.kubectl_ok(&["delete", "pvc", "far"]);
    until_gone(&cluster, &[&format!("pv/{volume}")]);
    assert!(!path.exists(), "its node removed {}", path.display());
}

#[test]
fn a_folder_of_a_node_that_is_away_is_removed_when_it_is_back() {
    let cluster = started();
    apply(&cluster, &[class("now", "Immediate", "Delete"), claim("data", Some("now"), "1Mi")]);
    phase(&cluster, "pvc/data", "Bound");
    let (volume, path) = folder(&cluster, "data");
    cluster.ok(&["cluster", "component", "stop", "kubelet"]);
    cluster.kubectl_ok(&["delete", "pvc", "data"]);
    describes(
        &cluster,
        &format!("pv/{volume}"),
        &["Status: Released", "VolumeFailedDelete", "cannot reach the kubelet"],
    );
    assert!(path.exists());
    // Nor can one be made meanwhile.
    apply(&cluster, &[claim("more", Some("now"), "1Mi")]);
    describes(&cluster, "pvc/more", &["Status: Pending", "ProvisioningFailed"]);
    cluster.ok(&["cluster", "component", "start", "kubelet"]);
    until_gone(&cluster, &[&format!("pv/{volume}")]);
    assert!(!path.exists());
    phase(&cluster, "pvc/more", "Bound");
}
