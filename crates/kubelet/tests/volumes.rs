//! Volumes, environment, files and limits as a container sees them. Needs root.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

async fn make(world: &World, plural: &str, object: Value) {
    ensure(&world.admin, &format!("/api/v1/namespaces/default/{plural}"), &object).await;
}

#[test]
fn config_maps_secrets_and_downward_files() {
    on_a_node(async |world| {
        make(world, "configmaps", json!({"metadata": {"name": "m"}, "data": {"a": "1", "b": "2"}})).await;
        make(world, "secrets", json!({"metadata": {"name": "s"}, "stringData": {"pw": "hunter"}})).await;
        let text = world
            .output("p", json!({
                "securityContext": {"runAsUser": 1000, "fsGroup": 2000},
                "volumes": [
                    {"name": "m", "configMap": {"name": "m", "items": [{"key": "a", "path": "x/a", "mode": 288}]}},
                    {"name": "s", "secret": {"secretName": "s"}},
                    {"name": "d", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
                    {"name": "e", "emptyDir": {}},
                    {"name": "mem", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}],
                "containers": [{"name": "c", "command": sh("cat /m/x/a /s/pw /d/labels; echo; \
                        stat -L -c '%a %g' /m/x/a /s/pw /e /mem; id -G; \
                        stat -f -c %T /s /mem; touch /e/f && stat -c '%u:%g' /e/f; touch /m/new || echo read-only"),
                    "volumeMounts": [{"name": "m", "mountPath": "/m"}, {"name": "s", "mountPath": "/s"},
                        {"name": "d", "mountPath": "/d"}, {"name": "e", "mountPath": "/e"}, {"name": "mem", "mountPath": "/mem"}]}]}))
            .await;
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "1hunterapp=\"p\"");
        assert_eq!(lines[1..5], ["440 2000", "644 2000", "2777 2000", "2777 2000"]);
        assert!(lines[5].split(' ').any(|g| g == "2000"), "{text}");
        assert_eq!(lines[6..9], ["tmpfs", "tmpfs", "1000:2000"]);
        assert!(text.contains("read-only"), "{text}");
    });
}

#[test]
fn contents_change_while_the_pod_runs() {
    on_a_node(async |world| {
        make(world, "configmaps", json!({"metadata": {"name": "m"}, "data": {"a": "old"}})).await;
        world
            .pod(
                "p",
                json!({"volumes": [{"name": "m", "configMap": {"name": "m"}}],
                "containers": [{"name": "c", "volumeMounts": [{"name": "m", "mountPath": "/m"}],
                    "command": sh("until grep -q new /m/a && [ ! -e /m/b ]; do sleep 0.05; done; exit 0")}],
                "restartPolicy": "Never"}),
            )
            .await;
        world.until_phase("p", "Running").await;
        let api: Api<ConfigMap> = Api::namespaced(world.admin.clone(), "default");
        let patch = |value| Patch::Merge(value);
        api.patch("m", &PatchParams::default(), &patch(json!({"data": {"a": "new"}}))).await.unwrap();
        world.until_phase("p", "Succeeded").await;
    });
}

#[test]
fn a_missing_object_is_waited_for() {
    on_a_node(async |world| {
        world
            .pod("vol", json!({"volumes": [{"name": "m", "configMap": {"name": "late"}}],
                "containers": [{"name": "c", "command": sh("sleep 1000"), "volumeMounts": [{"name": "m", "mountPath": "/m"}]}]}))
            .await;
        world
            .pod(
                "env",
                json!({"containers": [{"name": "c", "command": sh("sleep 1000"),
                "envFrom": [{"secretRef": {"name": "late"}}]}]}),
            )
            .await;
        let message = world.until_event("vol", "FailedMount").await;
        assert_eq!(message, "MountVolume.SetUp failed for volume \"m\" : configmap \"late\" not found");
        world
            .until("env", "waiting for its secret", |p| {
                let waiting = p
                    .status
                    .as_ref()
                    .and_then(|s| s.container_statuses.as_ref()?[0].state.as_ref()?.waiting.clone());
                waiting.is_some_and(|w| {
                    w.reason.as_deref() == Some("CreateContainerConfigError")
                        && w.message.as_deref() == Some("secret \"late\" not found")
                })
            })
            .await;
        make(world, "configmaps", json!({"metadata": {"name": "late"}})).await;
        make(world, "secrets", json!({"metadata": {"name": "late"}})).await;
        world.until_ready("vol").await;
        world.until_ready("env").await;
    });
}

#[test]
fn service_account_tokens() {
    on_a_node(async |world| {
        make(
            world,
            "configmaps",
            json!({"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "CA"}}),
        )
        .await;
        let text = world
            .output("p", json!({"automountServiceAccountToken": true, "containers": [{"name": "c",
                "command": sh("cd /var/run/secrets/kubernetes.io/serviceaccount; cat namespace ca.crt; echo; cut -d. -f2 token | wc -l; wc -c < token")}]}))
            .await;
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["defaultCA", "1"]);
        assert!(lines[2].trim().parse::<u32>().unwrap() > 200, "{text}");
    });
}

#[test]
fn sub_paths_and_host_paths() {
    on_a_node(async |world| {
        let host = world.home.join("data");
        std::fs::create_dir_all(host.join("in")).unwrap();
        std::fs::write(host.join("in/file"), "from the node\n").unwrap();
        make(world, "configmaps", json!({"metadata": {"name": "m"}, "data": {"a": "1\n"}})).await;
        let text = world
            .output("p", json!({
                "volumes": [{"name": "h", "hostPath": {"path": host, "type": "Directory"}},
                    {"name": "m", "configMap": {"name": "m"}}, {"name": "e", "emptyDir": {}}],
                "containers": [{"name": "c", "command": sh("cat /f /x/file /etc/a; echo new > /made/file; echo more > /own/file"),
                    "env": [{"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                    "volumeMounts": [{"name": "h", "mountPath": "/f", "subPath": "in/file"},
                        {"name": "h", "mountPath": "/x", "subPath": "in", "readOnly": true},
                        {"name": "m", "mountPath": "/etc/a", "subPath": "a"},
                        {"name": "h", "mountPath": "/made", "subPath": "fresh/dir"},
                        {"name": "e", "mountPath": "/own", "subPathExpr": "$(WHO)"}]}]}))
            .await;
        assert_eq!(text, "from the node\nfrom the node\n1\n");
        assert_eq!(std::fs::read_to_string(host.join("fresh/dir/file")).unwrap(), "new\n");
        world.delete("p", None).await;
        world.until_gone("p").await;
        assert_eq!(std::fs::read_to_string(host.join("in/file")).unwrap(), "from the node\n");
    });
}

#[test]
fn claims_bound_to_a_path_of_the_node() {
    on_a_node(async |world| {
        let host = world.home.join("claimed");
        std::fs::create_dir_all(&host).unwrap();
        ensure(
            &world.admin,
            "/api/v1/persistentvolumes",
            &json!({"metadata": {"name": "v"}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": host},
            "claimRef": {"namespace": "default", "name": "data"}}}),
        )
        .await;
        make(
            world,
            "persistentvolumeclaims",
            json!({"metadata": {"name": "data"}, "spec": {"volumeName": "v",
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        )
        .await;
        world
            .pod("p", json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}], "restartPolicy": "Never",
                "containers": [{"name": "c", "command": sh("echo kept > /v/file"), "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}))
            .await;
        let message = world.until_event("p", "FailedMount").await;
        assert!(message.contains("is not bound"), "{message}");
        let api: Api<k8s_openapi::api::core::v1::PersistentVolumeClaim> =
            Api::namespaced(world.admin.clone(), "default");
        api.patch_status(
            "data",
            &PatchParams::default(),
            &Patch::Merge(json!({"status": {"phase": "Bound"}})),
        )
        .await
        .unwrap();
        world.until_phase("p", "Succeeded").await;
        assert_eq!(std::fs::read_to_string(host.join("file")).unwrap(), "kept\n");
    });
}

#[test]
fn environment_files_and_identity() {
    on_a_node(async |world| {
        make(world, "services", json!({"metadata": {"name": "db"}, "spec": {"clusterIP": "10.43.0.77", "ports": [{"port": 5432}]}})).await;
        let text = world
            .output("p", json!({
                "hostname": "me", "subdomain": "sub",
                "hostAliases": [{"ip": "192.0.2.7", "hostnames": ["alias"]}],
                "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
                "securityContext": {"runAsUser": 1000, "supplementalGroups": [77]},
                "containers": [{"name": "c", "workingDir": "/tmp", "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}},
                    "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                        {"name": "MEM", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
                        {"name": "BOTH", "value": "$(IP) $(MEM)"}],
                    "command": sh("echo $BOTH; echo $FROM_IMAGE $DB_SERVICE_HOST; hostname; pwd; id -u; id -G; \
                        grep -c $IP /etc/hosts; grep alias /etc/hosts; cat /etc/resolv.conf; cat /etc/hostname; \
                        grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status"),
                    "securityContext": {"allowPrivilegeEscalation": false}}]}))
            .await;
        let pod = world.pods().get("p").await.unwrap();
        let ip = pod.status.as_ref().unwrap().pod_ip.clone().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("{ip} 64"));
        assert_eq!(lines[1..5], ["yes 10.43.0.77", "me", "/tmp", "1000"]);
        assert!(lines[5].split(' ').any(|g| g == "77"), "{text}");
        assert_eq!(lines[6..8], ["1", "192.0.2.7\talias"]);
        assert_eq!(lines[8], "search default.svc.cluster.local svc.cluster.local cluster.local");
        assert_eq!(lines[9..12], ["nameserver 10.43.0.10", "options ndots:2", "me"]);
        assert_eq!(lines[12..], ["NoNewPrivs:\t1", "Seccomp:\t2"]);
        assert_eq!(pod.status.unwrap().qos_class.as_deref(), Some("Guaranteed"));
    });
}

#[test]
fn too_much_memory_is_told_as_such() {
    on_a_node(async |world| {
        world
            .pod(
                "p",
                json!({"restartPolicy": "Never", "containers": [{"name": "c",
                "resources": {"limits": {"memory": "20Mi"}}, "command": ["tail", "/dev/zero"]}]}),
            )
            .await;
        let pod = world.until_phase("p", "Failed").await;
        let end = terminated(&pod, "c");
        assert_eq!((end.exit_code, end.reason.as_deref()), (137, Some("OOMKilled")));
    });
}

#[test]
fn secret_bytes_do_not_stay() {
    on_a_node(async |world| {
        make(world, "secrets", json!({"metadata": {"name": "s"}, "stringData": {"pw": "hunter"}})).await;
        world
            .pod("p", json!({"volumes": [{"name": "s", "secret": {"secretName": "s"}}],
                "containers": [{"name": "c", "command": sh("sleep 1000"), "volumeMounts": [{"name": "s", "mountPath": "/s"}]}]}))
            .await;
        world.until_ready("p").await;
        assert_eq!(mounts_below(&world.home).len(), 1);
        world.delete("p", Some(1)).await;
        world.until_gone("p").await;
        assert!(mounts_below(&world.home).is_empty());
    });
}
