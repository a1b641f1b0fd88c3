//! Claims that get folders from the embedded provisioner: made, kept, grown, given back.

use e2e::objects::{apply, started, until_gone, until_ready};
use serde_json::json;

use crate::{claim, class, consumer, describes, exec, folder, phase, squeezed, text, wait_for};

#[test]
fn a_claim_gets_a_folder_that_outlives_its_pods() {
    let cluster = started();
    let classes = squeezed(&cluster.kubectl_ok(&["get", "storageclass", "--no-headers"]));
    assert!(
        classes.starts_with("local (default) launchway.dev/local Delete WaitForFirstConsumer true"),
        "{classes}"
    );
    apply(&cluster, &[claim("data", None, "10Mi")]);
    describes(
        &cluster,
        "pvc/data",
        &[
            "StorageClass: local",
            "Status: Pending",
            "Finalizers: [kubernetes.io/pvc-protection]",
            "WaitForFirstConsumer",
            "persistentvolume-controller waiting for first consumer to be created before binding",
        ],
    );
    apply(&cluster, &[consumer("first", "data")]);
    until_ready(&cluster, "first");
    let (volume, path) = folder(&cluster, "data");
    let node = text(&cluster.get(&["pod", "first"]), "/spec/nodeName").to_owned();
    describes(
        &cluster,
        "pvc/data",
        &[
            "Status: Bound",
            &format!("Volume: {volume}"),
            "pv.kubernetes.io/bind-completed: yes",
            "pv.kubernetes.io/bound-by-controller: yes",
            "volume.kubernetes.io/storage-provisioner: launchway.dev/local",
            &format!("volume.kubernetes.io/selected-node: {node}"),
            "Capacity: 10Mi",
            "Access Modes: RWO",
            "Used By: first",
            "ExternalProvisioning",
            "Provisioning",
            "launchway.dev/local External provisioner is provisioning volume for claim \"default/data\"",
            "ProvisioningSucceeded",
            &format!("Successfully provisioned volume {volume}"),
        ],
    );
    describes(
        &cluster,
        &format!("pv/{volume}"),
        &[
            "pv.kubernetes.io/provisioned-by: launchway.dev/local",
            "kubernetes.io/pv-protection",
            "StorageClass: local",
            "Status: Bound",
            "Claim: default/data",
            "Reclaim Policy: Delete",
            "Access Modes: RWO",
            "Capacity: 10Mi",
            &format!("Term 0: kubernetes.io/hostname in [{node}]"),
            "Type: LocalVolume",
            &format!("Path: {}", path.display()),
        ],
    );
    describes(
        &cluster,
        "pod/first",
        &["Type: PersistentVolumeClaim", "ClaimName: data", "Successfully assigned default/first"],
    );

    let made = cluster.get(&["events", "--field-selector", "reason=ProvisioningSucceeded"]);
    assert_eq!(
        (made["items"].as_array().unwrap().len(), &made["items"][0]["count"]),
        (1, &json!(1)),
        "made once"
    );

    // Data outlives pod and daemon.
    exec(&cluster, "first", "echo kept > /data/file");
    cluster.kubectl_ok(&["delete", "pod", "first"]);
    cluster.kill_daemon();
    cluster.ok(&["cluster", "start"]);
    apply(&cluster, &[consumer("second", "data")]);
    until_ready(&cluster, "second");
    assert_eq!(exec(&cluster, "second", "cat /data/file"), "kept\n");

    // It grows, and never shrinks.
    let size =
        |size: &str| format!("{{\"spec\":{{\"resources\":{{\"requests\":{{\"storage\":\"{size}\"}}}}}}}}");
    cluster.kubectl_ok(&["patch", "pvc", "data", "-p", &size("20Mi")]);
    wait_for(&cluster, "pvc/data", "jsonpath={.status.capacity.storage}=20Mi");
    assert_eq!(text(&cluster.get(&["pv", &volume]), "/spec/capacity/storage"), "20Mi");
    let ran = cluster.kubectl(&["patch", "pvc", "data", "-p", &size("5Mi")]);
    assert!(
        !ran.success && ran.stderr.contains("field can not be less than status.capacity"),
        "{}",
        ran.stderr
    );

    // A claim in use stays until its pod is gone; then folder and volume go.
    cluster.kubectl_ok(&["delete", "pvc", "data", "--wait=false"]);
    describes(&cluster, "pvc/data", &["Status: Terminating (lasts"]);
    apply(&cluster, &[consumer("late", "data")]);
    describes(
        &cluster,
        "pod/late",
        &["0/1 nodes are available: persistentvolumeclaim \"data\" is being deleted."],
    );
    assert_eq!(exec(&cluster, "second", "cat /data/file"), "kept\n");
    cluster.kubectl_ok(&["delete", "pod", "second", "late"]);
    until_gone(&cluster, &["pvc/data"]);
    until_gone(&cluster, &[&format!("pv/{volume}")]);
    assert!(!path.exists(), "{} is removed", path.display());
}

#[test]
fn a_class_says_when_a_volume_is_made_and_what_becomes_of_it() {
    let cluster = started();
    apply(
        &cluster,
        &[
            class("now", "Immediate", "Delete"),
            class("keep", "Immediate", "Retain"),
            claim("now", Some("now"), "1Mi"),
            claim("keep", Some("keep"), "1Mi"),
        ],
    );
    // No pod is needed.
    phase(&cluster, "pvc/now", "Bound");
    phase(&cluster, "pvc/keep", "Bound");
    let ((kept, folder_kept), (gone, folder_gone)) = (folder(&cluster, "keep"), folder(&cluster, "now"));
    std::fs::write(folder_kept.join("file"), "precious").unwrap();
    let grown = "{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"2Mi\"}}}}";
    let ran = cluster.kubectl(&["patch", "pvc", "now", "-p", grown]);
    assert!(
        !ran.success && ran.stderr.contains("only dynamically provisioned pvc can be resized"),
        "{}",
        ran.stderr
    );
    cluster.kubectl_ok(&["delete", "pvc", "now", "keep"]);
    until_gone(&cluster, &[&format!("pv/{gone}")]);
    assert!(!folder_gone.exists());
    phase(&cluster, &format!("pv/{kept}"), "Released");
    // A new claim does not get another's data, until somebody says so.
    let mut again = claim("again", Some("keep"), "1Mi");
    again["spec"]["volumeName"] = json!(kept);
    apply(&cluster, &[again]);
    describes(
        &cluster,
        "pvc/again",
        &["FailedBinding", &format!("volume \"{kept}\" already bound to a different claim.")],
    );
    cluster.kubectl_ok(&["patch", "pv", &kept, "-p", "{\"spec\":{\"claimRef\":null}}"]);
    phase(&cluster, "pvc/again", "Bound");
    assert_eq!(std::fs::read_to_string(folder_kept.join("file")).unwrap(), "precious");
    cluster.kubectl_ok(&["delete", "pvc", "again"]);
    cluster.kubectl_ok(&["delete", "pv", &kept]);
    assert!(folder_kept.join("file").exists(), "deleting the object of a retained volume keeps its data");

    // A class that does not exist, or cannot do what is asked.
    let mut block = claim("block", Some("now"), "1Mi");
    block["spec"]["volumeMode"] = json!("Block");
    apply(&cluster, &[claim("lost", Some("nowhere"), "1Mi"), block]);
    describes(
        &cluster,
        "pvc/lost",
        &["ProvisioningFailed", "storageclass.storage.k8s.io \"nowhere\" not found"],
    );
    describes(
        &cluster,
        "pvc/block",
        &[
            "ProvisioningFailed",
            "failed to provision volume with StorageClass \"now\": block volumes are not supported",
        ],
    );
    apply(&cluster, &[consumer("waits", "lost"), consumer("misses", "absent")]);
    describes(
        &cluster,
        "pod/waits",
        &[
            "FailedScheduling",
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
        ],
    );
    describes(
        &cluster,
        "pod/misses",
        &["0/1 nodes are available: persistentvolumeclaim \"absent\" not found."],
    );
    // What it waited for comes.
    apply(&cluster, &[claim("absent", None, "1Mi")]);
    until_ready(&cluster, "misses");
}
