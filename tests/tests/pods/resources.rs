//! Requests and limits: classes as cgroups, resize in place, and what does not fit.

use std::path::PathBuf;

use e2e::objects::{
    apply, condition, container, exec, pod, refused, shell, started, until, until_event, until_phase,
    until_ready, with,
};
use serde_json::{Value, json};

use crate::{STAY, restarts};

/// A value of a cgroup below the cluster's, by its name in version 2. `path` is relative to the cluster's group.
fn cgroup(path: &str, file: &str) -> String {
    let root = PathBuf::from("/sys/fs/cgroup");
    if root.join("cgroup.controllers").exists() {
        let path = root.join("launchway").join(path).join(file);
        return std::fs::read_to_string(&path)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
            .trim()
            .to_owned();
    }
    let read = |controller: &str, file: &str| {
        let path = root.join(controller).join("launchway").join(path).join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).trim().to_owned()
    };
    match file {
        "memory.max" => read("memory", "memory.limit_in_bytes"),
        "cpu.max" => format!("{} {}", read("cpu", "cpu.cfs_quota_us"), read("cpu", "cpu.cfs_period_us")),
        // As runtimes convert shares.
        "cpu.weight" => {
            (1 + (read("cpu", "cpu.shares").parse::<u64>().unwrap() - 2) * 9999 / 262_142).to_string()
        }
        other => panic!("{other} has no counterpart in version 1"),
    }
}

fn weight(shares: u64) -> String {
    (1 + (shares - 2) * 9999 / 262_142).to_string()
}

fn sized(name: &str, resources: Value) -> Value {
    with(shell(name, STAY), json!({"resources": resources}))
}

/// The group of a container in its pod's.
fn group(pod: &Value, name: &str) -> String {
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    let class = match pod["status"]["qosClass"].as_str().unwrap() {
        "Burstable" => "burstable/",
        "BestEffort" => "besteffort/",
        _ => "",
    };
    let id = container(pod, name)["containerID"].as_str().unwrap_or_default().to_owned();
    let below = id.split_once("://").map(|(_, id)| format!("/{id}")).unwrap_or_default();
    format!("{class}pod{uid}{below}")
}

#[test]
fn classes_requests_and_limits_are_cgroups() {
    let cluster = started();
    let both = json!({"cpu": "250m", "memory": "64Mi"});
    let spec = |containers: Value| json!({"containers": containers, "terminationGracePeriodSeconds": 1});
    apply(
        &cluster,
        &[
            pod("guaranteed", spec(json!([sized("c", json!({"limits": both}))]))),
            pod(
                "burstable",
                spec(json!([
                    sized(
                        "c",
                        json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "200m", "memory": "48Mi"}})
                    ),
                    sized("d", json!({"requests": {"cpu": "300m"}})),
                ])),
            ),
            pod("best-effort", spec(json!([sized("c", json!({}))]))),
            pod(
                "whole",
                with(
                    spec(json!([sized("c", json!({})), sized("d", json!({}))])),
                    json!({"resources": {"limits": {"cpu": "300m", "memory": "96Mi"}}}),
                ),
            ),
        ],
    );
    let mut pods = Vec::new();
    for (name, class) in [
        ("guaranteed", "Guaranteed"),
        ("burstable", "Burstable"),
        ("best-effort", "BestEffort"),
        ("whole", "Guaranteed"),
    ] {
        let found = until_ready(&cluster, name);
        assert_eq!(found["status"]["qosClass"], class, "{name}");
        pods.push(found);
    }
    let of_pod = |pod: &Value| group(pod, "none");
    let guaranteed = group(&pods[0], "c");
    for path in [&guaranteed, &of_pod(&pods[0])] {
        assert_eq!(cgroup(path, "cpu.max"), "25000 100000", "{path}");
        assert_eq!(cgroup(path, "memory.max"), (64 << 20).to_string(), "{path}");
        assert_eq!(cgroup(path, "cpu.weight"), weight(256), "{path}");
    }
    let (c, d) = (group(&pods[1], "c"), group(&pods[1], "d"));
    assert_eq!((cgroup(&c, "cpu.max"), cgroup(&c, "cpu.weight")), ("20000 100000".into(), weight(102)));
    assert_eq!((cgroup(&c, "memory.max"), cgroup(&d, "cpu.weight")), ((48 << 20).to_string(), weight(307)));
    assert_eq!(cgroup(&of_pod(&pods[1]), "cpu.weight"), weight(409));
    assert_eq!(cgroup(&group(&pods[2], "c"), "cpu.weight"), weight(2));
    assert_eq!(cgroup(&of_pod(&pods[3]), "memory.max"), (96 << 20).to_string());
    assert_eq!(cgroup(&of_pod(&pods[3]), "cpu.max"), "30000 100000");
    // The classes' own groups weigh what their pods ask for together.
    e2e::eventually("the class weighs 400m", || {
        (cgroup("burstable", "cpu.weight") == weight(409)).then_some(())
    });
    assert_eq!(cgroup("besteffort", "cpu.weight"), weight(2));
    let scores = |name: &str| exec(&cluster, name, "c", &["cat", "/proc/1/oom_score_adj"]);
    assert_eq!(scores("best-effort"), "1000");
    let burstable: i32 = scores("burstable").parse().unwrap();
    assert!((3..1000).contains(&burstable), "{burstable}");
}

#[test]
fn resources_are_resized_in_place() {
    let cluster = started();
    let resources = |cpu: &str, memory: &str| json!({"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": "256Mi", "cpu": "1"}});
    let anew = json!({"resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]});
    let spec = |containers: Value| json!({"containers": containers, "terminationGracePeriodSeconds": 1});
    apply(
        &cluster,
        &[
            pod("web", spec(json!([sized("c", resources("100m", "32Mi"))]))),
            pod(
                "whole",
                with(
                    spec(json!([sized("c", json!({})), sized("d", json!({}))])),
                    json!({"resources": {"requests": {"cpu": "200m", "memory": "64Mi"}, "limits": {"cpu": "300m", "memory": "96Mi"}}}),
                ),
            ),
            pod("anew", spec(json!([with(sized("c", resources("100m", "32Mi")), anew)]))),
        ],
    );
    let before = until_ready(&cluster, "web");
    until_ready(&cluster, "anew");
    until_ready(&cluster, "whole");
    let resize = |name: &str, resources: Value| {
        let patch = json!({"spec": {"containers": [{"name": "c", "resources": resources}]}}).to_string();
        cluster.kubectl(&["patch", "pod", name, "--subresource", "resize", "-p", &patch])
    };
    let must =
        |name: &str, resources: Value| assert!(resize(name, resources.clone()).success, "{name} {resources}");

    must(
        "web",
        json!({"requests": {"cpu": "200m", "memory": "48Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}}),
    );
    let after = until(&cluster, &["pod", "web"], "resized", |pod| {
        let status = container(pod, "c");
        status["resources"]["limits"] == json!({"cpu": "500m", "memory": "128Mi"})
            && status["allocatedResources"] == json!({"cpu": "200m", "memory": "48Mi"})
            && condition(pod, "PodResizeInProgress").is_null()
            && pod["status"]["observedGeneration"] == pod["metadata"]["generation"]
    });
    assert!(after["metadata"]["generation"].as_i64() > before["metadata"]["generation"].as_i64());
    assert_eq!(restarts(&after, "c"), 0);
    assert_eq!(container(&after, "c")["containerID"], container(&before, "c")["containerID"]);
    for path in [group(&after, "c"), group(&after, "none")] {
        assert_eq!(cgroup(&path, "cpu.max"), "50000 100000", "{path}");
        assert_eq!(cgroup(&path, "memory.max"), (128 << 20).to_string(), "{path}");
        assert_eq!(cgroup(&path, "cpu.weight"), weight(204), "{path}");
    }
    until_event(
        &cluster,
        "web",
        "ResizeStarted: Pod resize started: {\"containers\":[{\"name\":\"c\",\"resources\":{",
    );
    until_event(&cluster, "web", "ResizeCompleted: Pod resize completed: {");

    must("anew", json!({"limits": {"memory": "192Mi"}}));
    let restarted = until(&cluster, &["pod", "anew"], "restarted for it", |pod| {
        restarts(pod, "c") == 1
            && container(pod, "c")["resources"]["limits"]["memory"] == "192Mi"
            && container(pod, "c")["ready"] == true
    });
    assert_eq!(cgroup(&group(&restarted, "c"), "memory.max"), (192 << 20).to_string());
    until_event(&cluster, "anew", "Killing: Container c resize requires restart");

    // A limit below what is in use is not set; more room afterwards is.
    exec(&cluster, "web", "c", &["dd", "if=/dev/zero", "of=/dev/shm/file", "bs=1M", "count=48"]);
    must("web", json!({"requests": {"memory": "8Mi"}, "limits": {"memory": "16Mi"}}));
    let full = until(&cluster, &["pod", "web"], "is told that it uses more", |pod| {
        condition(pod, "PodResizeInProgress")["reason"] == "Error"
    });
    let message = condition(&full, "PodResizeInProgress")["message"].as_str().unwrap().to_owned();
    let begin =
        "cannot decrease memory limits: [attempting to set pod memory limit (16777216) below current usage (";
    assert!(message.starts_with(begin), "{message}");
    assert_eq!(cgroup(&group(&full, "c"), "memory.max"), (128 << 20).to_string());
    until_event(&cluster, "web", "ResizeError: Pod resize error: {");
    must("web", json!({"requests": {"memory": "48Mi"}, "limits": {"memory": "136Mi"}}));
    until(&cluster, &["pod", "web"], "resized again", |pod| {
        condition(pod, "PodResizeInProgress").is_null()
            && container(pod, "c")["resources"]["limits"]["memory"] == "136Mi"
    });

    // The resources of a pod as a whole.
    let patch = json!({"spec": {"resources": {"limits": {"cpu": "600m", "memory": "160Mi"}}}}).to_string();
    cluster.kubectl_ok(&["patch", "pod", "whole", "--subresource", "resize", "-p", &patch]);
    let whole = until(&cluster, &["pod", "whole"], "resized as a whole", |pod| {
        pod["status"]["resources"]["limits"] == json!({"cpu": "600m", "memory": "160Mi"})
            && condition(pod, "PodResizeInProgress").is_null()
    });
    assert_eq!(cgroup(&group(&whole, "none"), "memory.max"), (160 << 20).to_string());
    assert_eq!(cgroup(&group(&whole, "none"), "cpu.max"), "60000 100000");
    assert_eq!(restarts(&whole, "c"), 0);
    cluster.kubectl_ok(&["delete", "pod", "whole"]);

    // More than the node has left waits, and says so, until somebody takes the wish back.
    let node = cluster.get(&["nodes"])["items"][0].clone();
    let cpus = node["status"]["allocatable"]["cpu"].as_str().unwrap().parse::<i64>().unwrap();
    let most = cpus * 1000 - 50;
    must("web", json!({"requests": {"cpu": format!("{most}m")}, "limits": {"cpu": format!("{cpus}")}}));
    let waits = until(&cluster, &["pod", "web"], "waits for room", |pod| {
        condition(pod, "PodResizePending")["reason"] == "Deferred"
    });
    let message = condition(&waits, "PodResizePending")["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with(&format!("Node didn't have enough resource: cpu, requested: {most}, used: "))
            && message.ends_with(&format!(", capacity: {}", cpus * 1000)),
        "{message}"
    );
    assert_eq!(container(&waits, "c")["resources"]["limits"]["cpu"], "500m");
    until_event(&cluster, "web", "ResizeDeferred: Pod resize Deferred: {");
    cluster.kubectl_ok(&["delete", "pod", "anew"]);
    let granted = until(&cluster, &["pod", "web"], "gets what became free", |pod| {
        condition(pod, "PodResizePending").is_null()
            && condition(pod, "PodResizeInProgress").is_null()
            && container(pod, "c")["allocatedResources"]["cpu"] != "200m"
    });
    assert_eq!(restarts(&granted, "c"), 0);

    for (resources, said) in [
        (json!({"limits": {"memory": null}}), "resource limits cannot be removed"),
        (
            json!({"requests": {"cpu": "3", "memory": "1Gi"}, "limits": {"cpu": "3", "memory": "1Gi"}}),
            "Pod QOS Class may not change",
        ),
    ] {
        let ran = resize("web", resources);
        assert!(!ran.success && ran.stderr.contains(said), "{}", ran.stderr);
    }
    let patch = r#"{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"1"}}}]}}"#;
    let direct = cluster.kubectl(&["patch", "pod", "web", "-p", patch]);
    assert!(direct.stderr.contains("pod updates may not change fields other than"), "{}", direct.stderr);
}

#[test]
fn a_pod_that_asks_for_more_than_is_left_is_refused_by_its_node() {
    let cluster = started();
    let node = cluster.get(&["nodes"])["items"][0].clone();
    let name = node["metadata"]["name"].as_str().unwrap();
    let cpus = node["status"]["allocatable"]["cpu"].as_str().unwrap().parse::<i64>().unwrap();
    let asks = json!({"requests": {"cpu": format!("{}", cpus + 1)}});
    // Bound by its author, past the scheduler.
    apply(&cluster, &[pod("big", json!({"nodeName": name, "containers": [sized("c", asks)]}))]);
    let found = until_phase(&cluster, "big", "Failed");
    assert_eq!(found["status"]["reason"], "OutOfcpu");
    let message = format!(
        "Pod was rejected: Node didn't have enough resource: cpu, requested: {}, used: 0, capacity: {}",
        (cpus + 1) * 1000,
        cpus * 1000
    );
    assert_eq!(found["status"]["message"], message);
    until_event(&cluster, "big", "OutOfcpu: Node didn't have enough resource: cpu");

    let more = json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}});
    let error = refused(&cluster, &pod("odd", json!({"containers": [sized("c", more)]})));
    assert!(error.contains("must be less than or equal to cpu limit"), "{error}");
}
