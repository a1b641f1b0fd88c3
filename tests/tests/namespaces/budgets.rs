//! PodDisruptionBudgets and eviction.

use e2e::eventually;
use e2e::objects::started;
use serde_json::json;

use crate::{applied, kubectl, pod, refused};

#[test]
fn a_budget_keeps_pods_from_being_evicted() {
    let cluster = started();
    let spec = pod("default", "web", "sleep 1000")["spec"].clone();
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}});
    applied(&cluster, &[web]);
    cluster.kubectl_ok(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    cluster.kubectl_ok(&["create", "poddisruptionbudget", "keep", "--selector=app=web", "--min-available=2"]);
    let allowed = || cluster.get(&["poddisruptionbudget", "keep"])["status"]["currentHealthy"].clone();
    eventually("the budget counts", || (allowed() == 2).then_some(()));
    let name = || {
        cluster.get(&["pods", "-l", "app=web"])["items"][0]["metadata"]["name"].as_str().unwrap().to_owned()
    };
    let evict = |name: &str| {
        let path = format!("/api/v1/namespaces/default/pods/{name}/eviction");
        let body =
            json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}).to_string();
        kubectl(&cluster.kubeconfig(), &["create", "--raw", &path, "-f", "-"], &body)
    };
    let kept = name();
    let no = refused(evict(&kept));
    assert_eq!(
        no.trim(),
        "Error from server (TooManyRequests): Cannot evict pod as it would violate the pod's disruption budget."
    );
    let node = cluster.get(&["nodes"])["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let drain = ["drain", &node, "--ignore-daemonsets", "--pod-selector=app=web", "--timeout=2s"];
    let no = refused(cluster.kubectl(&drain));
    assert!(
        no.contains(
            "(will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget."
        ),
        "{no}"
    );
    cluster.kubectl_ok(&["uncordon", &node]);
    cluster.kubectl_ok(&["patch", "poddisruptionbudget", "keep", "-p", "{\"spec\":{\"minAvailable\":1}}"]);
    eventually("the budget allows one", || {
        (cluster.get(&["poddisruptionbudget", "keep"])["status"]["disruptionsAllowed"] == 1).then_some(())
    });
    let ran = evict(&kept);
    assert!(ran.success, "{}", ran.stderr);
    eventually("another takes its place", || {
        let pods = cluster.get(&["pods", "-l", "app=web"]);
        let names: Vec<&str> = pods["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|pod| pod["metadata"]["name"].as_str())
            .collect();
        (!names.contains(&kept.as_str()) && names.len() == 2).then_some(())
    });
}
