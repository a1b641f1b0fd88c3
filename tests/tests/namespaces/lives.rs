//! The same names in two namespaces, and the deletion of one of them.

use e2e::eventually;
use e2e::objects::started;
use serde_json::json;

use crate::{applied, apply, await_running, config_map, pod, refused};

#[test]
fn the_same_names_live_in_two_namespaces_and_one_goes_in_order_without_the_other() {
    let cluster = started();
    for space in ["red", "blue"] {
        cluster.kubectl_ok(&["create", "namespace", space]);
        let serve = format!("mkdir /www; echo {space} > /www/index.html; exec httpd -f -p 8080 -h /www");
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": space},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}});
        applied(
            &cluster,
            &[
                pod(space, "web", &serve),
                pod(space, "client", "sleep 1000"),
                service,
                config_map(space, "settings", space),
            ],
        );
    }
    for space in ["red", "blue"] {
        await_running(&cluster, space, "web");
        await_running(&cluster, space, "client");
    }
    let asked = |from: &str, name: &str| {
        let url = format!("http://{name}/");
        cluster
            .kubectl(&["exec", "-n", from, "client", "--", "wget", "-q", "-O", "-", &url])
            .stdout
            .trim()
            .to_owned()
    };
    // The short name is the namespace's own, the longer one anybody's.
    eventually("red asks for web", || (asked("red", "web") == "red").then_some(()));
    eventually("blue asks for web", || (asked("blue", "web") == "blue").then_some(()));
    eventually("red asks blue", || (asked("red", "web.blue") == "blue").then_some(()));

    // A pod that takes its time, and something that must not go yet.
    let slow = pod("red", "slow", "trap 'sleep 4; exit 0' TERM; while :; do sleep 0.1; done");
    let mut slow = slow;
    slow["spec"]["terminationGracePeriodSeconds"] = json!(30);
    let mut held = config_map("red", "held", "x");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    applied(&cluster, &[slow, held]);
    await_running(&cluster, "red", "slow");
    cluster.kubectl_ok(&["delete", "namespace", "red", "--wait=false"]);
    let space = cluster.get(&["namespace", "red"]);
    assert_eq!(space["status"]["phase"], "Terminating");
    let new = apply(&cluster, &[config_map("red", "late", "x")]);
    let text = "configmaps \"late\" is forbidden: unable to create new content in namespace red because it is being terminated";
    assert!(new.stderr.contains(text), "{}", new.stderr);
    // Pods first: while one is still there, everything else stays, Services and settings for its last words too.
    let gone = |kind: &str, name: &str| !cluster.kubectl(&["get", "-n", "red", kind, name]).success;
    eventually("the quick pod is gone", || {
        let web = gone("pod", "web");
        let slow_left = !gone("pod", "slow");
        if slow_left {
            assert!(!gone("configmap", "settings") && !gone("service", "web"), "pods go first");
        }
        web.then_some(())
    });
    eventually("the rest is gone", || {
        (gone("configmap", "settings") && gone("service", "web")).then_some(())
    });
    assert!(gone("pod", "slow"));
    let condition = |kind: &str| {
        let space = cluster.get(&["namespace", "red"]);
        let conditions = space["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.into_iter().find(|one| one["type"] == kind).unwrap_or_default();
        (found["status"].clone(), found["message"].as_str().unwrap_or_default().to_owned())
    };
    eventually("the finalizer is told of", || {
        let text = "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances";
        (condition("NamespaceFinalizersRemaining") == (json!("True"), text.to_owned())).then_some(())
    });
    let text = "Some resources are remaining: configmaps. has 1 resource instances";
    assert_eq!(condition("NamespaceContentRemaining"), (json!("True"), text.to_owned()));
    assert_eq!(condition("NamespaceDeletionDiscoveryFailure").0, json!("False"));
    cluster.kubectl_ok(&[
        "patch",
        "-n",
        "red",
        "configmap",
        "held",
        "-p",
        "{\"metadata\":{\"finalizers\":null}}",
    ]);
    cluster.kubectl_ok(&["wait", "--for=delete", "namespace/red", "--timeout=60s"]);

    assert_eq!(cluster.get(&["-n", "blue", "configmap", "settings"])["data"]["key"], "blue");
    assert_eq!(asked("blue", "web"), "blue");
    let stays = refused(cluster.kubectl(&["delete", "namespace", "kube-system"]));
    assert_eq!(
        stays.trim(),
        "Error from server (Forbidden): namespaces \"kube-system\" is forbidden: this namespace may not be deleted"
    );
}
