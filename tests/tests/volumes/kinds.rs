//! Every kind of volume in a pod, updates of what they show, and scratch space that is too full.

use e2e::eventually;
use e2e::images;
use e2e::objects::{apply, started, until_gone, until_ready};
use serde_json::json;

use crate::{describes, exec, phase, pod, text};

#[test]
fn every_kind_of_volume_shows_its_source_in_the_pod() {
    let cluster = started();
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
    until_ready(&cluster, "kinds");
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
    until_gone(&cluster, &["pvc/kinds-own"]);
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
    let cluster = started();
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
    until_ready(&cluster, "live");
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
fn a_pod_that_outgrows_its_scratch_volume_is_evicted() {
    let cluster = started();
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
    until_ready(&cluster, "greedy");
    until_ready(&cluster, "modest");
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
