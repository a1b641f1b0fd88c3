//! ResourceQuota and LimitRange.

use e2e::objects::started;
use e2e::{eventually, images};
use serde_json::{Value, json};

use crate::{applied, apply, config_map, pod, refused};

#[test]
fn quotas_and_limits_are_kept_and_shown() {
    let cluster = started();
    cluster.kubectl_ok(&["create", "namespace", "team"]);
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "most", "namespace": "team"},
        "spec": {"hard": {"pods": "3", "requests.cpu": "400m", "limits.memory": "1Gi", "count/configmaps": "2",
            "services.nodeports": "1", "requests.storage": "5Gi"}}});
    let limits = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "each", "namespace": "team"},
        "spec": {"limits": [
            {"type": "Container", "default": {"cpu": "200m", "memory": "128Mi"}, "defaultRequest": {"cpu": "100m"},
                "max": {"memory": "512Mi"}, "min": {"cpu": "10m"}, "maxLimitRequestRatio": {"cpu": "4"}},
            {"type": "Pod", "max": {"cpu": "1"}},
            {"type": "PersistentVolumeClaim", "max": {"storage": "2Gi"}, "min": {"storage": "1Mi"}}]}});
    applied(&cluster, &[quota, limits]);
    let used =
        |name: &str| cluster.get(&["-n", "team", "resourcequota", "most"])["status"]["used"][name].clone();
    // The certificates for pods are in every namespace.
    eventually("the quota counts", || (used("count/configmaps") == "1").then_some(()));

    applied(&cluster, &[pod("team", "a", "sleep 1000")]);
    let made = cluster.get(&["-n", "team", "pod", "a"]);
    let want =
        json!({"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}});
    assert_eq!(made["spec"]["containers"][0]["resources"], want);
    assert_eq!(
        made["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        "LimitRanger plugin set: cpu, memory request for container main; cpu, memory limit for container main"
    );
    assert_eq!(
        (used("pods"), used("requests.cpu"), used("limits.memory")),
        (json!("1"), json!("100m"), json!("128Mi"))
    );

    let with = |name: &str, resources: Value| {
        let mut pod = pod("team", name, "sleep 1000");
        pod["spec"]["containers"][0]["resources"] = resources;
        pod
    };
    let said = |object: Value| refused(apply(&cluster, &[object])).trim().to_owned();
    let start = "Error from server (Forbidden): error when creating \"STDIN\": ";
    assert_eq!(
        said(with("big", json!({"requests": {"cpu": "350m"}, "limits": {"cpu": "400m"}}))),
        format!(
            "{start}pods \"big\" is forbidden: exceeded quota: most, requested: requests.cpu=350m, used: requests.cpu=100m, limited: requests.cpu=400m"
        )
    );
    assert_eq!(
        said(with("big", json!({"limits": {"memory": "600Mi"}}))),
        format!(
            "{start}pods \"big\" is forbidden: maximum memory usage per Container is 512Mi, but limit is 600Mi"
        )
    );
    assert_eq!(
        said(with("big", json!({"requests": {"cpu": "10m"}, "limits": {"cpu": "100m"}}))),
        format!(
            "{start}pods \"big\" is forbidden: cpu max limit to request ratio per Container is 4, but provided ratio is 10.000000"
        )
    );
    assert_eq!(
        said(with("big", json!({"requests": {"cpu": "5m"}, "limits": {"cpu": "20m"}}))),
        format!(
            "{start}pods \"big\" is forbidden: minimum cpu usage per Container is 10m, but request is 5m"
        )
    );
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": "team"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "3Gi"}}}});
    assert_eq!(
        said(claim),
        format!(
            "{start}persistentvolumeclaims \"c\" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"
        )
    );
    applied(&cluster, &[config_map("team", "one", "x")]);
    assert_eq!(
        said(config_map("team", "two", "x")),
        format!(
            "{start}configmaps \"two\" is forbidden: exceeded quota: most, requested: count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2"
        )
    );
    let ports = |name: &str, kind: &str| {
        json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": "team"}, "spec": {"type": kind, "ports": [{"port": 80}]}})
    };
    applied(&cluster, &[ports("one", "NodePort"), ports("two", "ClusterIP")]);
    let changed = refused(cluster.kubectl(&[
        "patch",
        "-n",
        "team",
        "service",
        "two",
        "-p",
        "{\"spec\":{\"type\":\"NodePort\"}}",
    ]));
    assert!(
        changed.contains("services \"two\" is forbidden: exceeded quota: most, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1"),
        "{changed}"
    );

    // A controller makes as many as fit, and says why there are no more.
    cluster.kubectl_ok(&[
        "create",
        "deployment",
        "web",
        "-n",
        "team",
        "--image",
        images::BUSYBOX,
        "--replicas=4",
        "--",
        "sleep",
        "1000",
    ]);
    let failure = eventually("the deployment says why", || {
        let web = cluster.get(&["-n", "team", "deployment", "web"]);
        let conditions = web["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|one| one["type"] == "ReplicaFailure" && one["status"] == "True")
    });
    assert!(
        failure["message"]
            .as_str()
            .unwrap()
            .contains("exceeded quota: most, requested: pods=1, used: pods=3, limited: pods=3"),
        "{failure}"
    );

    let shown = cluster.kubectl_ok(&["describe", "quota", "most", "-n", "team"]);
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(
        lines.contains(&vec!["pods", "3", "3"]) && lines.contains(&vec!["requests.cpu", "300m", "400m"]),
        "{shown}"
    );
    let shown = cluster.kubectl_ok(&["describe", "namespace", "team"]);
    assert!(shown.contains("Resource Quotas") && shown.contains("Resource Limits"), "{shown}");
    let row: Vec<&str> = shown
        .lines()
        .find(|line| line.contains("memory") && line.contains("512Mi"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(row, ["Container", "memory", "-", "512Mi", "128Mi", "128Mi", "-"]);

    // What goes is given back, and used by the one who waits.
    cluster.kubectl_ok(&["delete", "pod", "a", "-n", "team"]);
    eventually("the deployment's third pod", || {
        let web = cluster.get(&["-n", "team", "deployment", "web"]);
        (web["status"]["replicas"] == 3 && used("pods") == "3").then_some(())
    });

    // Scopes: pods without resources are counted apart, and so are those of a priority.
    cluster.kubectl_ok(&["create", "namespace", "scoped"]);
    cluster.kubectl_ok(&["create", "quota", "rest", "-n", "scoped", "--hard=pods=1", "--scopes=BestEffort"]);
    cluster.kubectl_ok(&["create", "priorityclass", "high", "--value=1000"]);
    let reserved = refused(cluster.kubectl(&["create", "priorityclass", "system-own", "--value=1"]));
    let why = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-own is not a known system priority class";
    assert!(reserved.contains(why), "{reserved}");
    let by_class = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "high", "namespace": "scoped"},
        "spec": {"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}}});
    applied(&cluster, &[by_class]);
    let pods_of = |quota: &str| {
        cluster.get(&["-n", "scoped", "resourcequota", quota])["status"]["used"]["pods"].clone()
    };
    eventually("both count", || (pods_of("rest") == "0" && pods_of("high") == "0").then_some(()));
    let in_scope = |name: &str, class: &str, cpu: &str| {
        let mut pod = pod("scoped", name, "sleep 1000");
        if !class.is_empty() {
            pod["spec"]["priorityClassName"] = json!(class);
        }
        if !cpu.is_empty() {
            pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": cpu}});
        }
        pod
    };
    applied(&cluster, &[in_scope("a", "", ""), in_scope("b", "", "10m"), in_scope("c", "high", "10m")]);
    assert_eq!((pods_of("rest"), pods_of("high")), (json!("1"), json!("1")));
    assert!(said(in_scope("d", "", "")).contains(
        "pods \"d\" is forbidden: exceeded quota: rest, requested: pods=1, used: pods=1, limited: pods=1"
    ));
    assert!(
        said(in_scope("d", "high", "10m"))
            .contains("exceeded quota: high, requested: pods=1, used: pods=1, limited: pods=1")
    );
}
