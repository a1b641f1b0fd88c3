//! Volumes as kubectl's users know them: every kind in a pod, live updates, claims with folders that outlive pods,
//! volumes made by hand, StatefulSets' claims, and scratch space with a limit.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};

use e2e::{Cluster, eventually, images};
use serde_json::{Value, json};

/// A started cluster with busybox.
fn start() -> Cluster {
    let cluster = Cluster::new();
    cluster.ok(&["cluster", "start"]);
    images::busybox(&cluster);
    cluster
}

/// `kubectl apply` of these objects.
fn apply(cluster: &Cluster, objects: &[Value]) {
    let file = cluster.folder().join("objects.yaml");
    let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
    std::fs::write(&file, documents.join("\n---\n")).unwrap();
    cluster.kubectl_ok(&["apply", "-f", file.to_str().unwrap()]);
}

fn pod(name: &str, script: &str, volumes: Value, mounts: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": {
        "terminationGracePeriodSeconds": 0, "volumes": volumes, "restartPolicy": "Never",
        "containers": [{"name": "c", "image": images::BUSYBOX, "command": ["sh", "-c", script], "volumeMounts": mounts}]}})
}

/// A pod that mounts `claim` at `/data` and stays.
fn consumer(name: &str, claim: &str) -> Value {
    pod(
        name,
        "sleep 100000",
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]),
        json!([{"name": "data", "mountPath": "/data"}]),
    )
}

fn claim(name: &str, class: Option<&str>, size: &str) -> Value {
    let mut claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}});
    if let Some(class) = class {
        claim["spec"]["storageClassName"] = json!(class);
    }
    claim
}

fn class(name: &str, mode: &str, policy: &str) -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": "launchway.dev/local", "volumeBindingMode": mode, "reclaimPolicy": policy})
}

fn exec(cluster: &Cluster, pod: &str, script: &str) -> String {
    cluster.kubectl_ok(&["exec", pod, "--", "sh", "-c", script])
}

fn wait_for(cluster: &Cluster, what: &str, condition: &str) {
    cluster.kubectl_ok(&["wait", what, &format!("--for={condition}"), "--timeout=60s"]);
}

fn is_ready(cluster: &Cluster, pod: &str) {
    wait_for(cluster, &format!("pod/{pod}"), "condition=Ready");
}

/// Waits for the phase of a claim or volume.
fn phase(cluster: &Cluster, what: &str, phase: &str) {
    wait_for(cluster, what, &format!("jsonpath={{.status.phase}}={phase}"));
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Waits until `kubectl describe` shows every one of `words`.
fn describes(cluster: &Cluster, what: &str, words: &[&str]) {
    let mut shown = String::new();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        shown.clone_from(&cluster.kubectl_ok(&["describe", what]));
        let missing: Vec<_> = words.iter().filter(|word| !squeezed(&shown).contains(**word)).collect();
        if missing.is_empty() {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{missing:?} are not in\n{shown}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// With every run of blanks as one.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_gone(cluster: &Cluster, what: &str) {
    eventually(&format!("{what} is gone"), || {
        let ran = cluster.kubectl(&["get", what]);
        (!ran.success && ran.stderr.contains("not found")).then_some(())
    });
}

/// The folder of the volume that `claim` is bound to.
fn folder(cluster: &Cluster, claim: &str) -> (String, PathBuf) {
    let volume = text(&cluster.get(&["pvc", claim]), "/spec/volumeName").to_owned();
    let path = PathBuf::from(text(&cluster.get(&["pv", &volume]), "/spec/local/path"));
    assert!(path.starts_with(cluster.home().join("volumes")), "{}", path.display());
    (volume, path)
}

#[test]
fn every_kind_of_volume_shows_its_source_in_the_pod() {
    let cluster = start();
    let host = cluster.folder().join("host");
    std::fs::create_dir_all(host.join("sub")).unwrap();
    std::fs::write(host.join("sub/file"), "from the node").unwrap();
    let layer = {
        let mut layer = image::LayerBuilder::new();
        layer.bytes("data/inside", b"of an image".to_vec(), false).unwrap();
        layer
    };
    images::make(&cluster, "files:1", &image::ImageConfig::default(), &[layer]);
    cluster.kubectl_ok(&["create", "configmap", "m", "--from-literal=a=1", "--from-literal=b=1"]);
    cluster.kubectl_ok(&["create", "secret", "generic", "s", "--from-literal=pw=hunter2"]);
    let volumes = json!([
        {"name": "map", "configMap": {"name": "m", "items": [{"key": "a", "path": "deep/a", "mode": 0o400}]}},
        {"name": "secret", "secret": {"secretName": "s", "defaultMode": 0o440}},
        {"name": "down", "downwardAPI": {"items": [
            {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
            {"path": "cpu", "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu", "divisor": "1m"}}]}},
        {"name": "all", "projected": {"sources": [
            {"serviceAccountToken": {"path": "token", "audience": "them", "expirationSeconds": 600}},
            {"configMap": {"name": "m", "items": [{"key": "b", "path": "b"}]}},
            {"secret": {"name": "s"}},
            {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}}]}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "host", "hostPath": {"path": host, "type": "Directory"}},
        {"name": "new", "hostPath": {"path": host.join("made/here"), "type": "DirectoryOrCreate"}},
        {"name": "newfile", "hostPath": {"path": host.join("file"), "type": "FileOrCreate"}},
        {"name": "null", "hostPath": {"path": "/dev/null", "type": "CharDevice"}},
        {"name": "image", "image": {"reference": "files:1", "pullPolicy": "IfNotPresent"}},
        {"name": "optional", "configMap": {"name": "nowhere", "optional": true}},
        {"name": "own", "ephemeral": {"volumeClaimTemplate": {"spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}}},
    ]);
    let mounts = json!([
        {"name": "map", "mountPath": "/map"}, {"name": "secret", "mountPath": "/secret"},
        {"name": "down", "mountPath": "/down"}, {"name": "all", "mountPath": "/all"},
        {"name": "scratch", "mountPath": "/scratch"}, {"name": "memory", "mountPath": "/memory"},
        {"name": "host", "mountPath": "/host", "readOnly": true}, {"name": "new", "mountPath": "/new"},
        {"name": "newfile", "mountPath": "/newfile"}, {"name": "null", "mountPath": "/hostnull"},
        {"name": "host", "mountPath": "/one", "subPath": "sub/file"},
        {"name": "scratch", "mountPath": "/mine", "subPathExpr": "of/$(WHO)"},
        {"name": "image", "mountPath": "/image"}, {"name": "image", "mountPath": "/part", "subPath": "data"},
        {"name": "optional", "mountPath": "/optional"}, {"name": "own", "mountPath": "/own"},
    ]);
    let mut kinds = pod("kinds", "sleep 100000", volumes, mounts);
    kinds["spec"]["containers"][0]["env"] =
        json!([{"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]);
    kinds["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "250m"}});
    apply(&cluster, &[kinds]);
    is_ready(&cluster, "kinds");
    let said = |script: &str| exec(&cluster, "kinds", script).trim().to_owned();
    assert_eq!(said("cat /map/deep/a; stat -L -c ' %a' /map/deep/a"), "1 400");
    assert_eq!(
        said("cat /secret/pw; stat -L -c ' %a' /secret/pw; stat -f -c %T /secret"),
        "hunter2 440\ntmpfs"
    );
    assert_eq!(said("cat /down/labels; echo; cat /down/cpu"), "app=\"kinds\"\n250");
    assert_eq!(
        said("cat /all/b /all/pw /all/name; cut -d. -f2 /all/token | wc -c | grep -c ...; ls /all"),
        "1hunter2kinds1\nb\nname\npw\ntoken"
    );
    assert_eq!(
        said(
            "stat -c '%a' /scratch; stat -f -c %T /memory; df -k /memory | tail -1 | tr -s ' ' | cut -d' ' -f2"
        ),
        "777\ntmpfs\n1024"
    );
    assert_eq!(said("head -c 2000000 /dev/zero > /memory/x 2>/dev/null || echo full"), "full");
    assert_eq!(
        said("cat /host/sub/file; touch /host/x 2>/dev/null || echo ' read-only'"),
        "from the node read-only"
    );
    assert_eq!(
        said(
            "cat /one; echo hi > /new/f; echo more > /newfile; echo x > /hostnull; test -c /hostnull && echo ' device'"
        ),
        "from the node device"
    );
    assert_eq!(std::fs::read_to_string(host.join("made/here/f")).unwrap(), "hi\n");
    assert_eq!(std::fs::read_to_string(host.join("file")).unwrap(), "more\n");
    assert_eq!(said("echo here > /mine/f; cat /scratch/of/kinds/f"), "here");
    assert_eq!(
        said("cat /image/data/inside /part/inside; touch /image/x 2>/dev/null || echo ' read-only'"),
        "of an imageof an image read-only"
    );
    assert_eq!(said("ls /optional | wc -l; touch /own/x && echo written"), "0\nwritten");

    // A pod's own claim goes with it; what lies on the node stays.
    phase(&cluster, "pvc/kinds-own", "Bound");
    cluster.kubectl_ok(&["delete", "pod", "kinds"]);
    is_gone(&cluster, "pvc/kinds-own");
    assert_eq!(std::fs::read_to_string(host.join("sub/file")).unwrap(), "from the node");

    let wrong = |name: &str, kind: &str| {
        pod(
            name,
            "true",
            json!([{"name": "v", "hostPath": {"path": host.join("sub/file"), "type": kind}}]),
            json!([{"name": "v", "mountPath": "/v"}]),
        )
    };
    apply(&cluster, &[wrong("nodir", "Directory"), wrong("nosocket", "Socket")]);
    describes(&cluster, "pod/nodir", &["FailedMount", "hostPath type check failed:", "is not a directory"]);
    describes(&cluster, "pod/nosocket", &["FailedMount", "hostPath type check failed:", "is not a socket"]);
}

#[test]
fn config_maps_and_secrets_change_in_running_pods_as_a_whole() {
    let cluster = start();
    cluster.kubectl_ok(&["create", "configmap", "m", "--from-literal=a=0", "--from-literal=b=0"]);
    cluster.kubectl_ok(&["create", "secret", "generic", "s", "--from-literal=pw=old"]);
    // Reads both keys through one open folder again and again: they must always agree.
    let script = "while sleep 0.01; do d=$(readlink /m/..data); a=$(cat /m/$d/a 2>/dev/null) && b=$(cat /m/$d/b 2>/dev/null) \
        && [ \"$a\" != \"$b\" ] && echo \"$a $b\" >> /tmp/torn; done";
    let volumes = json!([{"name": "m", "configMap": {"name": "m"}}, {"name": "s", "secret": {"secretName": "s"}},
        {"name": "d", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]);
    let mounts = json!([{"name": "m", "mountPath": "/m"}, {"name": "s", "mountPath": "/s"}, {"name": "d", "mountPath": "/d"},
        {"name": "m", "mountPath": "/fixed", "subPath": "a"}]);
    apply(&cluster, &[pod("live", script, volumes, mounts)]);
    is_ready(&cluster, "live");
    let before = exec(&cluster, "live", "readlink /m/a; readlink /m/..data");
    assert!(before.starts_with("..data/a\n.."), "{before}");
    for round in 1..=5 {
        let data = format!("{{\"data\":{{\"a\":\"{round}\",\"b\":\"{round}\"}}}}");
        cluster.kubectl_ok(&["patch", "configmap", "m", "-p", &data]);
        eventually("the pod sees it", || {
            (exec(&cluster, "live", "cat /m/a /m/b") == format!("{round}{round}")).then_some(())
        });
    }
    let after = exec(&cluster, "live", "readlink /m/a; readlink /m/..data");
    assert!(after.starts_with("..data/a\n..") && after != before, "{before} {after}");
    assert_eq!(
        exec(&cluster, "live", "cat /fixed; cat /tmp/torn 2>/dev/null; true"),
        "0",
        "no mixture, and a sub path stays"
    );
    cluster.kubectl_ok(&["patch", "configmap", "m", "-p", "{\"data\":{\"b\":null,\"c\":\"new\"}}"]);
    cluster.kubectl_ok(&["patch", "secret", "s", "-p", "{\"stringData\":{\"pw\":\"new\"}}"]);
    cluster.kubectl_ok(&["label", "pod", "live", "more=yes"]);
    eventually("files come and go", || {
        let shown = exec(&cluster, "live", "ls /m; cat /s/pw /d/labels");
        (shown == "a\nc\nnewapp=\"live\"\nmore=\"yes\"").then_some(())
    });
}

#[test]
fn a_claim_gets_a_folder_that_outlives_its_pods() {
    let cluster = start();
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
    is_ready(&cluster, "first");
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
            &format!("ProvisioningSucceeded"),
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

    // Data outlives pod and daemon.
    exec(&cluster, "first", "echo kept > /data/file");
    cluster.kubectl_ok(&["delete", "pod", "first"]);
    cluster.kill_daemon();
    cluster.ok(&["cluster", "start"]);
    apply(&cluster, &[consumer("second", "data")]);
    is_ready(&cluster, "second");
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
    is_gone(&cluster, "pvc/data");
    is_gone(&cluster, &format!("pv/{volume}"));
    assert!(!path.exists(), "{} is removed", path.display());
}

#[test]
fn a_class_says_when_a_volume_is_made_and_what_becomes_of_it() {
    let cluster = start();
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
    is_gone(&cluster, &format!("pv/{gone}"));
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
    is_ready(&cluster, "misses");
}

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
    let cluster = start();
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
    is_ready(&cluster, "early");
    is_ready(&cluster, "near");
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

#[test]
fn the_claims_of_a_stateful_set_stay_or_go_as_its_policy_says() {
    let cluster = start();
    let set = |name: &str, deleted: &str, scaled: &str| {
        let mut template = consumer(name, "");
        let meta = json!({"labels": {"app": name}});
        template["spec"].as_object_mut().unwrap().remove("volumes");
        template["spec"]["restartPolicy"] = json!("Always");
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": {
            "replicas": 2, "serviceName": name, "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": name}}, "template": {"metadata": meta, "spec": template["spec"]},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": deleted, "whenScaled": scaled},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Mi"}}}}]}})
    };
    apply(&cluster, &[set("stay", "Retain", "Retain"), set("go", "Delete", "Delete")]);
    for name in ["stay", "go"] {
        cluster.kubectl_ok(&["rollout", "status", &format!("statefulset/{name}"), "--timeout=60s"]);
        for ordinal in 0..2 {
            let text = format!("echo {name}-{ordinal} > /data/who");
            exec(&cluster, &format!("{name}-{ordinal}"), &text);
            phase(&cluster, &format!("pvc/data-{name}-{ordinal}"), "Bound");
        }
    }
    describes(
        &cluster,
        "statefulset/stay",
        &["Volume Claims:", "create Claim data-stay-0 Pod stay-0 in StatefulSet stay success"],
    );
    let owner = |claim: &str| {
        let owner = cluster.get(&["pvc", claim])["metadata"]["ownerReferences"][0].clone();
        format!("{}/{}", text(&owner, "/kind"), text(&owner, "/name"))
    };
    assert_eq!((owner("data-stay-1"), owner("data-go-1")), ("/".to_owned(), "StatefulSet/go".to_owned()));
    let (_, folder_gone) = folder(&cluster, "data-go-1");

    cluster.kubectl_ok(&["scale", "statefulset", "stay", "go", "--replicas=1"]);
    is_gone(&cluster, "pod/stay-1");
    is_gone(&cluster, "pvc/data-go-1");
    eventually("its folder is removed", || (!folder_gone.exists()).then_some(()));
    cluster.kubectl_ok(&["get", "pvc", "data-stay-1", "data-go-0", "data-stay-0"]);

    // Scaled up again, one finds its data and the other starts anew.
    cluster.kubectl_ok(&["scale", "statefulset", "stay", "go", "--replicas=2"]);
    for name in ["stay", "go"] {
        cluster.kubectl_ok(&["rollout", "status", &format!("statefulset/{name}"), "--timeout=60s"]);
    }
    assert_eq!(exec(&cluster, "stay-1", "cat /data/who"), "stay-1\n");
    assert_eq!(exec(&cluster, "go-1", "ls /data"), "");
    assert_eq!(exec(&cluster, "go-0", "cat /data/who"), "go-0\n");

    cluster.kubectl_ok(&["delete", "statefulset", "stay", "go"]);
    is_gone(&cluster, "pvc/data-go-0");
    is_gone(&cluster, "pvc/data-go-1");
    let left = cluster.kubectl_ok(&["get", "pvc", "-o", "name"]);
    assert_eq!(left, "persistentvolumeclaim/data-stay-0\npersistentvolumeclaim/data-stay-1\n");
}

#[test]
fn a_pod_that_outgrows_its_scratch_volume_is_evicted() {
    let cluster = start();
    let volumes = json!([{"name": "cache", "emptyDir": {"sizeLimit": "1Mi"}}]);
    let mounts = json!([{"name": "cache", "mountPath": "/cache"}]);
    apply(
        &cluster,
        &[
            pod(
                "greedy",
                "while [ ! -e /cache/go ]; do sleep 0.1; done; mkdir -p /cache/a/b; head -c 3000000 /dev/zero > /cache/a/b/x; sleep 100000",
                volumes.clone(),
                mounts.clone(),
            ),
            pod("modest", "head -c 900000 /dev/zero > /cache/x; sleep 100000", volumes, mounts),
        ],
    );
    is_ready(&cluster, "greedy");
    is_ready(&cluster, "modest");
    exec(&cluster, "greedy", "touch /cache/go");
    phase(&cluster, "pod/greedy", "Failed");
    let status = cluster.get(&["pod", "greedy"])["status"].clone();
    let words = "Usage of EmptyDir volume \"cache\" exceeds the limit \"1Mi\". ";
    assert_eq!((text(&status, "/reason"), text(&status, "/message")), ("Evicted", words));
    let disrupted = status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "DisruptionTarget");
    assert_eq!(disrupted.map(|c| text(c, "/reason")), Some("TerminationByKubelet"), "{status}");
    describes(
        &cluster,
        "pod/greedy",
        &[
            "Status: Failed",
            "Reason: Evicted",
            "Warning Evicted",
            "kubelet Usage of EmptyDir volume \"cache\" exceeds the limit \"1Mi\".",
        ],
    );
    assert!(cluster.kubectl_ok(&["get", "pod", "greedy"]).contains("Evicted"));
    assert_eq!(text(&cluster.get(&["pod", "modest"]), "/status/phase"), "Running");
}

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
    is_ready(&cluster, "there");
    let volume = text(&cluster.get(&["pvc", "far"]), "/spec/volumeName").to_owned();
    let object = cluster.get(&["pv", &volume]);
    let path = PathBuf::from(text(&object, "/spec/local/path"));
    assert!(path.starts_with(cluster.home().join("nodes").join(&second)), "{}", path.display());
    exec(&cluster, "there", "echo kept > /data/file");
    assert_eq!(std::fs::read_to_string(path.join("file")).unwrap(), "kept\n");
    cluster.kubectl_ok(&["delete", "pod", "there"]);

    // Nothing but the volume leads it there; and it cannot be had elsewhere.
    apply(&cluster, &[consumer("follows", "far"), on(consumer("cannot", "far"), &first)]);
    is_ready(&cluster, "follows");
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
    is_gone(&cluster, &format!("pv/{volume}"));
    assert!(!path.exists(), "its node removed {}", path.display());
}
