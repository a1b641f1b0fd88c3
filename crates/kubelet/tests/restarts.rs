//! The kubelet ends and begins again, and pods do not notice. Needs root.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;

fn pid(pod: &Pod, world: &World) -> i32 {
    let sandbox = world.engine.sandbox(&pod.uid().unwrap()).unwrap();
    match sandbox.containers[0].state {
        runtime::ContainerState::Running { pid, .. } => pid,
        ref other => panic!("not running: {other:?}"),
    }
}

#[test]
fn running_containers_go_on_untouched() {
    on_a_node(async |world| {
        world
            .pod(
                "p",
                json!({"containers": [{"name": "c", "command": sh("echo up; sleep 1000"),
                "readinessProbe": {"exec": {"command": ["true"]}}}]}),
            )
            .await;
        let before = world.until_ready("p").await;
        let process = pid(&before, world);
        world.restart(async |_| {}).await;
        // The new kubelet is at work when a new pod runs.
        world.pod("q", json!({"containers": [{"name": "c", "command": sh("sleep 1000")}]})).await;
        world.until_ready("q").await;
        let after = world.pods().get("p").await.unwrap();
        assert_eq!(pid(&after, world), process);
        assert_eq!(container(&after, "c").container_id, container(&before, "c").container_id);
        assert_eq!(container(&after, "c").restart_count, 0);
        assert!(is_ready(&after));
        assert_eq!(after.status.as_ref().unwrap().pod_ip, before.status.as_ref().unwrap().pod_ip);
        let ip = |p: &Pod| p.status.as_ref().unwrap().pod_ip.clone();
        assert_ne!(ip(&after), ip(&world.pods().get("q").await.unwrap()), "an address is given out once");
        world.delete("p", None).await;
        world.until_gone("p").await;
    });
}

#[test]
fn what_ended_meanwhile_is_reported_with_its_exit_code() {
    on_a_node(async |world| {
        let script = "echo last > /dev/termination-log; until [ -e /v/go ]; do sleep 0.05; done; exit 23";
        let spec = |policy: &str| {
            json!({"restartPolicy": policy, "volumes": [{"name": "v", "emptyDir": {}}],
                "containers": [{"name": "c", "command": sh(script), "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]})
        };
        world.pod("once", spec("Never")).await;
        world.pod("again", spec("Always")).await;
        let once = world.until_ready("once").await;
        let again = world.until_ready("again").await;
        world
            .restart(async |world| {
                for pod in [&once, &again] {
                    let uid = pod.uid().unwrap();
                    std::fs::write(world.home.join("pods").join(&uid).join("volumes/v/go"), "").unwrap();
                    let ended = async {
                        let over = |s: runtime::SandboxState| {
                            matches!(s.containers[0].state, runtime::ContainerState::Exited(_))
                        };
                        while !world.engine.sandbox(&uid).is_some_and(over) {
                            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                        }
                    };
                    tokio::time::timeout(PATIENCE, ended).await.unwrap();
                }
            })
            .await;
        let pod = world.until_phase("once", "Failed").await;
        let end = terminated(&pod, "c");
        assert_eq!((end.exit_code, end.message.as_deref()), (23, Some("last\n")));
        let restarted = world.until("again", "restarted", |p| restarts(p) >= 1).await;
        let last = container(&restarted, "c").last_state.as_ref().unwrap().terminated.as_ref().unwrap();
        assert_eq!(last.exit_code, 23);
    });
}

#[test]
fn restart_counts_go_on() {
    on_a_node(async |world| {
        world.pod("p", json!({"containers": [{"name": "c", "command": sh("exit 1")}]})).await;
        world.until("p", "restarted", |p| restarts(p) == 1).await;
        world.restart(async |_| {}).await;
        world.until("p", "restarted again", |p| restarts(p) == 2).await;
    });
}

#[test]
fn pods_deleted_meanwhile_are_removed() {
    on_a_node(async |world| {
        for name in ["force", "grace"] {
            world.pod(name, json!({"containers": [{"name": "c", "command": sh("sleep 1000")}]})).await;
            world.until_ready(name).await;
        }
        world
            .restart(async |world| {
                world.delete("force", Some(0)).await;
                world.delete("grace", Some(1)).await;
            })
            .await;
        world.until_gone("grace").await;
        let cleared = async {
            while !world.engine.sandboxes().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            while std::fs::read_dir(world.home.join("pods")).unwrap().count() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, cleared).await.expect("sandboxes of deleted pods are left");
        assert_eq!(mounts_below(&world.home), Vec::<std::path::PathBuf>::new());
    });
}

#[test]
fn a_finished_pod_stays_finished() {
    on_a_node(async |world| {
        world
            .pod(
                "p",
                json!({"restartPolicy": "Never", "containers": [{"name": "c", "command": sh("exit 5")}]}),
            )
            .await;
        world.until_phase("p", "Failed").await;
        world.restart(async |_| {}).await;
        world.pod("q", json!({"containers": [{"name": "c", "command": sh("sleep 1000")}]})).await;
        world.until_ready("q").await;
        let pod = world.pods().get("p").await.unwrap();
        assert_eq!(terminated(&pod, "c").exit_code, 5);
        world.delete("p", None).await;
        world.until_gone("p").await;
    });
}

#[test]
fn a_dead_shim_is_replaced() {
    on_a_node(async |world| {
        world.pod("p", json!({"containers": [{"name": "c", "command": sh("sleep 1000")}]})).await;
        let pod = world.until_ready("p").await;
        let sandbox = world.engine.sandbox(&pod.uid().unwrap()).unwrap();
        let shim = rustix::process::Pid::from_raw(sandbox.pid).unwrap();
        rustix::process::kill_process(shim, rustix::process::Signal::KILL).unwrap();
        let again = |p: &Pod| restarts(p) == 1 && is_ready(p);
        let pod = world.until("p", "running in a new sandbox", again).await;
        let last = container(&pod, "c").last_state.as_ref().unwrap().terminated.as_ref().unwrap();
        assert_eq!((last.exit_code, last.reason.as_deref()), (137, Some("ContainerStatusUnknown")));
    });
}

#[test]
fn an_end_in_the_middle_of_a_start_is_made_good() {
    on_a_node(async |world| {
        let names: Vec<String> = (0..5).map(|i| format!("p{i}")).collect();
        for name in &names {
            world
                .pod(name, json!({"volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}],
                    "initContainers": [{"name": "i", "command": sh("exit 0"), "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
                    "containers": [{"name": "c", "command": sh("sleep 1000"), "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}))
                .await;
        }
        // Each time somewhere else: namespaces made, containers created, started, reported.
        for pause in [5, 20, 40, 80] {
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            world.restart(async |_| {}).await;
        }
        for name in &names {
            let pod = world.until_ready(name).await;
            let last = &container(&pod, "c").last_state;
            assert_eq!(container(&pod, "c").restart_count, 0, "{name} was started once; {last:?}");
            assert_eq!(terminated(&pod, "i").exit_code, 0);
        }
        assert_eq!(world.engine.sandboxes().len(), names.len());
        for name in &names {
            world.delete(name, Some(0)).await;
        }
        let cleared = async {
            while !world.engine.sandboxes().is_empty()
                || std::fs::read_dir(world.home.join("pods")).unwrap().count() > 0
            {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, cleared).await.expect("something is left");
        assert!(mounts_below(&world.home).is_empty());
    });
}
