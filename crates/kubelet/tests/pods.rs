//! Pods from their creation to their end, on a real engine, a real network and a real API. Needs root.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

#[test]
fn a_pod_runs_and_says_so() {
    on_a_node(async |world| {
        world.pod("p", json!({"containers": [{"name": "c", "command": sh("sleep 1000")}]})).await;
        let pod = world.until_ready("p").await;
        let status = pod.status.as_ref().unwrap();
        assert_eq!(status.phase.as_deref(), Some("Running"));
        assert_eq!(status.host_ip.as_deref(), Some("10.42.0.1"));
        assert!(status.pod_ip.as_deref().unwrap().starts_with("10.42.0."));
        assert_eq!(status.pod_ips.as_ref().unwrap().len(), 1);
        assert_eq!(status.qos_class.as_deref(), Some("BestEffort"));
        assert_eq!(status.observed_generation, pod.metadata.generation);
        let c = container(&pod, "c");
        assert!(c.container_id.as_deref().unwrap().starts_with("launchway://"));
        assert!(c.image_id.starts_with("launchway.local/test-busybox@sha256:"), "{}", c.image_id);
        assert_eq!((c.ready, c.started, c.restart_count), (true, Some(true), 0));
        for reason in ["Pulled", "Created", "Started"] {
            world.until_event("p", reason).await;
        }
    });
}

#[test]
fn exit_codes_and_phases() {
    on_a_node(async |world| {
        for (name, script, phase, code, reason) in [
            ("ok", "exit 0", "Succeeded", 0, "Completed"),
            ("bad", "exit 42", "Failed", 42, "Error"),
            ("killed", "sh -c 'kill -9 $$$$'; exit $?", "Failed", 137, "Error"),
        ] {
            world
                .pod(
                    name,
                    json!({"restartPolicy": "Never", "containers": [{"name": "c", "command": sh(script)}]}),
                )
                .await;
            let pod = world.until_phase(name, phase).await;
            let end = terminated(&pod, "c");
            assert_eq!((end.exit_code, end.reason.as_deref()), (code, Some(reason)), "{name}");
            assert!(end.started_at.is_some() && end.finished_at.is_some());
        }
    });
}

#[test]
fn last_words() {
    on_a_node(async |world| {
        let spec = |script: &str, policy: &str| {
            json!({"restartPolicy": "Never", "containers": [{"name": "c", "command": sh(script),
                "terminationMessagePolicy": policy}]})
        };
        world.pod("file", spec("echo -n DONE > /dev/termination-log; exit 1", "File")).await;
        let pod = world.until_phase("file", "Failed").await;
        assert_eq!(terminated(&pod, "c").message.as_deref(), Some("DONE"));
        world.pod("log", spec("echo from the log; exit 1", "FallbackToLogsOnError")).await;
        let pod = world.until_phase("log", "Failed").await;
        assert_eq!(terminated(&pod, "c").message.as_deref(), Some("from the log\n"));
        world.pod("none", spec("echo from the log; exit 0", "FallbackToLogsOnError")).await;
        let pod = world.until_phase("none", "Succeeded").await;
        assert_eq!(terminated(&pod, "c").message, None);
    });
}

#[test]
fn a_program_that_is_not_there() {
    on_a_node(async |world| {
        world
            .pod(
                "p",
                json!({"restartPolicy": "Never", "containers": [{"name": "c", "command": ["/nonsense"]}]}),
            )
            .await;
        let pod = world.until_phase("p", "Failed").await;
        let end = terminated(&pod, "c");
        assert_eq!((end.exit_code, end.reason.as_deref()), (128, Some("StartError")));
        assert!(end.message.as_deref().unwrap().contains("/nonsense"), "{end:?}");
    });
}

#[test]
fn crashes_are_restarted_at_once_and_then_later() {
    on_a_node(async |world| {
        world.pod("p", json!({"containers": [{"name": "c", "command": sh("echo run; exit 3")}]})).await;
        let looping = |p: &Pod| {
            let statuses = p.status.iter().flat_map(|s| s.container_statuses.iter().flatten());
            statuses.into_iter().any(|s| {
                s.state.as_ref().and_then(|s| s.waiting.as_ref()).and_then(|w| w.reason.as_deref())
                    == Some("CrashLoopBackOff")
            })
        };
        let pod = world.until("p", "in a crash loop", looping).await;
        let c = container(&pod, "c");
        assert_eq!(c.restart_count, 1);
        let last = c.last_state.as_ref().unwrap().terminated.as_ref().unwrap();
        assert_eq!((last.exit_code, last.reason.as_deref()), (3, Some("Error")));
        assert!(
            c.state
                .as_ref()
                .unwrap()
                .waiting
                .as_ref()
                .unwrap()
                .message
                .as_deref()
                .unwrap()
                .starts_with("back-off 10s")
        );
        assert_eq!(pod.status.as_ref().unwrap().phase.as_deref(), Some("Running"));
        assert_eq!(world.log(&pod, "c", 0), "run\n");
        assert_eq!(world.log(&pod, "c", 1), "run\n");
    });
}

#[test]
fn init_containers_and_sidecars_in_order() {
    on_a_node(async |world| {
        let mount = json!([{"name": "v", "mountPath": "/v"}]);
        world
            .pod(
                "p",
                json!({"restartPolicy": "Never", "volumes": [{"name": "v", "emptyDir": {}}],
                "initContainers": [
                    {"name": "i1", "volumeMounts": mount, "command": sh("echo i1 >> /v/order")},
                    {"name": "side", "restartPolicy": "Always", "volumeMounts": mount,
                        "command": sh("trap 'exit 0' TERM; echo side >> /v/order; sleep 1000 & wait")},
                    {"name": "i2", "volumeMounts": mount, "command": sh("until grep -q side /v/order; do sleep 0.1; done; echo i2 >> /v/order")}],
                "containers": [{"name": "c", "volumeMounts": mount, "command": sh("cat /v/order")}]}),
            )
            .await;
        let pod = world.until_phase("p", "Succeeded").await;
        assert_eq!(world.log(&pod, "c", 0), "i1\nside\ni2\n");
        assert_eq!(terminated(&pod, "i1").exit_code, 0);
    });
}

#[test]
fn deletion_is_graceful() {
    on_a_node(async |world| {
        let script = "trap 'echo asked; exit 7' TERM; echo up; sleep 1000 & wait";
        let pod = world
            .pod("p", json!({"containers": [{"name": "c", "command": sh(script),
                "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "echo hook > /dev/termination-log"]}}}}]}))
            .await;
        world.until_ready("p").await;
        let uid = pod.metadata.uid.clone().unwrap();
        let follow = world.until("p", "ended", |p| {
            p.status
                .iter()
                .flat_map(|s| s.container_statuses.iter().flatten())
                .any(|s| s.state.as_ref().is_some_and(|s| s.terminated.is_some()))
        });
        let (pod, ()) = tokio::join!(follow, world.delete("p", None));
        let end = terminated(&pod, "c");
        assert_eq!((end.exit_code, end.message.as_deref()), (7, Some("hook\n")));
        world.until_gone("p").await;
        assert!(world.engine.sandbox(&uid).is_none());
        assert_eq!(world.network.address(&uid), None);
        let gone = async {
            while world.home.join("pods").join(&uid).exists()
                || std::fs::read_dir(world.home.join("logs/pods")).unwrap().count() > 0
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.expect("folders of the pod are left");
    });
}

#[test]
fn what_does_not_listen_is_killed() {
    on_a_node(async |world| {
        world
            .pod(
                "p",
                json!({"terminationGracePeriodSeconds": 1,
                "containers": [{"name": "c", "command": sh("trap '' TERM; while true; do sleep 1; done")}]}),
            )
            .await;
        world.until_ready("p").await;
        world.delete("p", None).await;
        world.until_gone("p").await;
        assert!(world.engine.sandboxes().is_empty());
    });
}

#[test]
fn a_forced_deletion_leaves_nothing() {
    on_a_node(async |world| {
        let pod = world.pod("p", json!({"containers": [{"name": "c", "command": sh("trap '' TERM; while true; do sleep 1; done")}]})).await;
        world.until_ready("p").await;
        world.delete("p", Some(0)).await;
        world.until_gone("p").await;
        let uid = pod.metadata.uid.unwrap();
        let gone = async {
            while world.engine.sandbox(&uid).is_some() || world.home.join("pods").join(&uid).exists() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.expect("the pod's sandbox is left");
    });
}

#[test]
fn a_pod_has_a_deadline() {
    on_a_node(async |world| {
        world.pod("p", json!({"activeDeadlineSeconds": 1, "containers": [{"name": "c", "command": sh("sleep 1000")}]})).await;
        let pod = world.until_phase("p", "Failed").await;
        assert_eq!(pod.status.unwrap().reason.as_deref(), Some("DeadlineExceeded"));
    });
}

#[test]
fn a_missing_image_is_named_and_waited_for() {
    on_a_node(async |world| {
        let image = "launchway.local/later:1";
        world
            .pod("p", json!({"containers": [{"name": "c", "image": image, "command": sh("sleep 1000")}]}))
            .await;
        let waits = |p: &Pod| {
            p.status.iter().flat_map(|s| s.container_statuses.iter().flatten()).any(|s| {
                s.state.as_ref().and_then(|s| s.waiting.as_ref()).is_some_and(|w| {
                    w.message
                        .as_deref()
                        .is_some_and(|m| m.contains(image) && m.contains("launchway image import"))
                })
            })
        };
        world.until("p", "waiting for its image", waits).await;
        busybox_image(&world.images, image);
        world.until_ready("p").await;
    });
}

#[test]
fn probes_decide_about_readiness_and_life() {
    on_a_node(async |world| {
        let http = json!({"httpGet": {"path": "/", "port": "web"}, "periodSeconds": 1});
        world
            .pod("web", json!({"containers": [{"name": "c", "ports": [{"name": "web", "containerPort": 8080}],
                "command": sh("mkdir /www; echo hi > /www/index.html; sleep 0.3; httpd -f -p 8080 -h /www"),
                "readinessProbe": http, "livenessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}}]}))
            .await;
        world.until_ready("web").await;

        world
            .pod("sick", json!({"containers": [{"name": "c", "command": sh("touch /ok; sleep 1; rm /ok; sleep 1000"),
                "livenessProbe": {"exec": {"command": ["cat", "/ok"]}, "periodSeconds": 1, "failureThreshold": 1}}],
                "terminationGracePeriodSeconds": 0}))
            .await;
        let pod = world.until("sick", "restarted", |p| {
            p.status.iter().flat_map(|s| s.container_statuses.iter().flatten()).any(|s| s.restart_count == 1)
        });
        let pod = pod.await;
        assert_eq!(container(&pod, "c").restart_count, 1);
        let message = world.until_event("sick", "Killing").await;
        assert_eq!(message, "Container c failed liveness probe, will be restarted");
        let message = world.until_event("sick", "Unhealthy").await;
        assert!(message.starts_with("Liveness probe failed: cat: "), "{message}");

        world
            .pod("never", json!({"containers": [{"name": "c", "command": sh("sleep 1000"),
                "readinessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}}]}))
            .await;
        let pod = world.until_phase("never", "Running").await;
        world.until_event("never", "Unhealthy").await;
        assert!(!is_ready(&world.pods().get("never").await.unwrap()));
        assert!(!container(&pod, "c").ready);
    });
}

#[test]
fn a_failed_start_hook_ends_the_container() {
    on_a_node(async |world| {
        world
            .pod("p", json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [{"name": "c",
                "command": sh("sleep 1000"), "lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "exit 9"]}}}}]}))
            .await;
        world.until_phase("p", "Failed").await;
        let message = world.until_event("p", "FailedPostStartHook").await;
        assert_eq!(message, "PostStartHook failed");
    });
}
