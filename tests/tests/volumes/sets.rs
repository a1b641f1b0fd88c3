//! Claims of StatefulSets, and what becomes of them.

use e2e::eventually;
use e2e::objects::{apply, started, until_gone};
use serde_json::json;

use crate::{consumer, describes, exec, folder, phase, text};

#[test]
fn the_claims_of_a_stateful_set_stay_or_go_as_its_policy_says() {
    let cluster = started();
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
    until_gone(&cluster, &["pod/stay-1"]);
    until_gone(&cluster, &["pvc/data-go-1"]);
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
    until_gone(&cluster, &["pvc/data-go-0"]);
    until_gone(&cluster, &["pvc/data-go-1"]);
    let left = cluster.kubectl_ok(&["get", "pvc", "-o", "name"]);
    assert_eq!(left, "persistentvolumeclaim/data-stay-0\npersistentvolumeclaim/data-stay-1\n");
}
