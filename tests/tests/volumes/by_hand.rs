//! PersistentVolumes that an administrator makes, and the claims that get them.

use std::path::Path;

use e2e::objects::{apply, started, until_ready};
use serde_json::{Value, json};

use crate::{claim, consumer, describes, exec, phase, squeezed, text};

/// A volume made by hand, in a folder of the node.
fn volume(name: &str, path: &Path, size: &str, extra: Value) -> Value {
    let mut volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name, "labels": {"which": name}},
        "spec": {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": "manual",
            "hostPath": {"path": path}}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        volume["spec"][key] = value.clone();
    }
    volume
}

#[test]
fn volumes_made_by_hand_go_to_the_claims_that_they_fit() {
    let cluster = started();
    let path = |name: &str| {
        let path = cluster.folder().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    let node = text(&cluster.get(&["nodes"]), "/items/0/metadata/name").to_owned();
    let at = |host: &str| {
        json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [
        {"key": "kubernetes.io/hostname", "operator": "In", "values": [host]}]}]}})
    };
    apply(
        &cluster,
        &[
            volume("large", &path("large"), "10Gi", json!({})),
            volume("small", &path("small"), "1Gi", json!({})),
            volume("decoy", &path("decoy"), "2Gi", json!({})),
            volume(
                "shared",
                &path("shared"),
                "1Gi",
                json!({"accessModes": ["ReadWriteOnce", "ReadWriteMany"]}),
            ),
            volume(
                "other",
                &path("other"),
                "1Gi",
                json!({"storageClassName": "elsewhere", "nodeAffinity": at("no-such-node")}),
            ),
            volume(
                "mine",
                &path("mine"),
                "5Gi",
                json!({"claimRef": {"namespace": "default", "name": "reserved"}}),
            ),
        ],
    );
    for name in ["large", "small", "shared", "other", "mine"] {
        phase(&cluster, &format!("pv/{name}"), "Available");
    }
    let with = |mut claim: Value, key: &str, value: Value| {
        claim["spec"][key] = value;
        claim
    };
    apply(
        &cluster,
        &[
            claim("fits", Some("manual"), "500Mi"),
            with(claim("many", Some("manual"), "1Mi"), "accessModes", json!(["ReadWriteMany"])),
            with(
                claim("chosen", Some("manual"), "1Mi"),
                "selector",
                json!({"matchLabels": {"which": "large"}}),
            ),
            claim("reserved", Some("manual"), "1Mi"),
            claim("none", Some("manual"), "100Gi"),
            claim("nowhere", Some("elsewhere"), "1Mi"),
        ],
    );
    for (claim, volume) in [
        ("fits", "small"),
        ("many", "shared"),
        ("chosen", "large"),
        ("reserved", "mine"),
        ("nowhere", "other"),
    ] {
        phase(&cluster, &format!("pvc/{claim}"), "Bound");
        assert_eq!(text(&cluster.get(&["pvc", claim]), "/spec/volumeName"), volume, "{claim}");
    }
    let shown = squeezed(&cluster.kubectl_ok(&["get", "pvc", "fits", "--no-headers"]));
    assert!(shown.starts_with("fits Bound small 1Gi RWO manual"), "{shown}");
    describes(
        &cluster,
        "pvc/none",
        &["Status: Pending", "ProvisioningFailed", "storageclass.storage.k8s.io \"manual\" not found"],
    );

    // Pods go where their volume is.
    let mut pinned = volume("pinned", &path("pinned"), "1Gi", json!({"nodeAffinity": at(&node)}));
    let source = pinned["spec"].as_object_mut().unwrap().remove("hostPath").unwrap();
    pinned["spec"]["local"] = source;
    let waiting = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "manual-late"},
        "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"});
    pinned["spec"]["storageClassName"] = json!("manual-late");
    apply(
        &cluster,
        &[
            waiting,
            consumer("far", "nowhere"),
            claim("late", Some("manual-late"), "1Mi"),
            consumer("early", "late"),
            consumer("near", "fits"),
        ],
    );
    describes(
        &cluster,
        "pod/far",
        &["0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity."],
    );
    describes(
        &cluster,
        "pod/early",
        &["0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind."],
    );
    apply(&cluster, &[pinned]);
    until_ready(&cluster, "early");
    until_ready(&cluster, "near");
    exec(&cluster, "early", "echo x > /data/file");
    assert!(path("pinned").join("file").exists());

    // Its data stays when the claim goes, and the claim is lost when the volume does.
    cluster.kubectl_ok(&["delete", "pod", "early", "near", "far"]);
    cluster.kubectl_ok(&["delete", "pvc", "late"]);
    phase(&cluster, "pv/pinned", "Released");
    assert!(path("pinned").join("file").exists());
    cluster.kubectl_ok(&["delete", "pv", "small", "--wait=false"]);
    describes(&cluster, "pv/small", &["Status: Terminating (lasts"]);
    cluster.kubectl_ok(&["patch", "pv", "small", "-p", "{\"metadata\":{\"finalizers\":null}}"]);
    phase(&cluster, "pvc/fits", "Lost");
    describes(
        &cluster,
        "pvc/fits",
        &["ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!"],
    );
}
