//! What the containers of a pod share, in which order they live, and when they begin again.

use e2e::objects::{
    apply, condition, container, exec, pod, shell, started, until, until_event, until_phase, until_ready,
    with,
};
use serde_json::{Value, json};

use crate::{STAY, marks, restarts};

#[test]
fn containers_share_what_their_pod_says_and_no_more() {
    let cluster = started();
    let two = |more: Value| {
        let containers =
            [shell("a", "echo told > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"), shell("b", STAY)];
        with(json!({"containers": containers, "terminationGracePeriodSeconds": 1}), more)
    };
    apply(
        &cluster,
        &[
            pod("apart", two(json!({}))),
            pod("together", two(json!({"shareProcessNamespace": true}))),
            pod("host", two(json!({"hostNetwork": true, "hostPID": true, "hostIPC": true}))),
            pod(
                "named",
                two(json!({
                    "hostname": "web", "subdomain": "shop", "setHostnameAsFQDN": true,
                    "hostAliases": [{"ip": "192.0.2.7", "hostnames": ["db.test", "db"]}],
                    "dnsPolicy": "None",
                    "dnsConfig": {"nameservers": ["192.0.2.53"], "searches": ["a.test", "b.test"],
                                  "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]},
                })),
            ),
        ],
    );
    for name in ["apart", "together", "host", "named"] {
        until_ready(&cluster, name);
    }
    let namespace = |pod: &str, container: &str, kind: &str| {
        exec(&cluster, pod, container, &["readlink", &format!("/proc/self/ns/{kind}")])
    };
    let own = |kind: &str| std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap().display().to_string();
    for (name, pid_shared) in [("apart", false), ("together", true)] {
        for kind in ["net", "ipc", "uts"] {
            assert_eq!(namespace(name, "a", kind), namespace(name, "b", kind), "{name} {kind}");
            assert_ne!(namespace(name, "a", kind), own(kind), "{name} {kind}");
        }
        assert_eq!(namespace(name, "a", "pid") == namespace(name, "b", "pid"), pid_shared, "{name}");
        assert_ne!(namespace(name, "a", "mnt"), namespace(name, "b", "mnt"));
    }
    for kind in ["net", "ipc", "uts", "pid"] {
        assert_eq!(namespace("host", "a", kind), own(kind), "{kind}");
    }
    assert_eq!(exec(&cluster, "apart", "b", &["wget", "-qO-", "http://localhost:8080/"]), "told");
    assert!(exec(&cluster, "together", "b", &["ps"]).contains("httpd -f"), "sees its neighbour's process");
    assert!(!exec(&cluster, "apart", "b", &["ps"]).contains("httpd -f"));

    assert_eq!(exec(&cluster, "named", "a", &["hostname"]), "web.shop.default.svc.cluster.local");
    let hosts = exec(&cluster, "named", "b", &["cat", "/etc/hosts"]);
    assert!(hosts.contains("\tweb.shop.default.svc.cluster.local\tweb\n"), "{hosts}");
    assert!(hosts.ends_with("# Entries added by HostAliases.\n192.0.2.7\tdb.test\tdb"), "{hosts}");
    assert_eq!(
        exec(&cluster, "named", "a", &["cat", "/etc/resolv.conf"]),
        "search a.test b.test\nnameserver 192.0.2.53\noptions ndots:2 edns0"
    );
    let resolver = exec(&cluster, "apart", "a", &["cat", "/etc/resolv.conf"]);
    assert!(
        resolver.starts_with("search default.svc.cluster.local svc.cluster.local cluster.local"),
        "{resolver}"
    );
    assert!(resolver.ends_with("options ndots:5"), "{resolver}");
}

#[test]
fn init_containers_run_in_order_and_sidecars_live_as_long_as_the_pod() {
    let cluster = started();
    let (folder, volumes, mount) = marks(&cluster);
    let step = |name: &str, script: &str| with(shell(name, script), mount.clone());
    let sidecar = with(
        step(
            "sidecar",
            "echo sidecar begins >> /marks/order; trap 'echo sidecar ends >> /marks/order; exit 0' TERM; \
             sleep 1; touch /tmp/up; while :; do sleep 0.1; done",
        ),
        json!({
            "restartPolicy": "Always",
            "startupProbe": {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1},
        }),
    );
    apply(
        &cluster,
        &[
            pod(
                "ordered",
                json!({
                    "restartPolicy": "Never", "volumes": volumes,
                    "initContainers": [
                        step("first", "echo first >> /marks/order"),
                        sidecar,
                        step("second", "echo second >> /marks/order"),
                    ],
                    "containers": [step("main", "echo main begins >> /marks/order; sleep 1; \
                        echo main ends >> /marks/order")],
                }),
            ),
            pod(
                "stuck",
                json!({
                    "restartPolicy": "Never",
                    "initContainers": [shell("bad", "exit 7"), shell("never", "true")],
                    "containers": [shell("main", "true")],
                }),
            ),
            pod(
                "retried",
                json!({
                    "initContainers": [shell("bad", "exit 7")],
                    "containers": [shell("main", "true")],
                }),
            ),
        ],
    );
    let ended = until_phase(&cluster, "ordered", "Succeeded");
    assert_eq!(
        std::fs::read_to_string(folder.join("order")).unwrap(),
        "first\nsidecar begins\nsecond\nmain begins\nmain ends\nsidecar ends\n"
    );
    assert_eq!(container(&ended, "sidecar")["state"]["terminated"]["exitCode"], 0);
    assert_eq!(condition(&ended, "Initialized")["reason"], "PodCompleted");

    let failed = until_phase(&cluster, "stuck", "Failed");
    assert_eq!(container(&failed, "bad")["state"]["terminated"]["exitCode"], 7);
    for name in ["never", "main"] {
        assert_eq!(container(&failed, name)["state"]["waiting"]["reason"], "PodInitializing", "{name}");
    }
    assert_eq!(
        condition(&failed, "Initialized")["message"],
        "containers with incomplete status: [bad never]"
    );

    let retried = until(&cluster, &["pod", "retried"], "is held back", |pod| {
        container(pod, "bad")["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    });
    assert_eq!(retried["status"]["phase"], "Pending");
    assert!(restarts(&retried, "bad") >= 1);
}

#[test]
fn what_ends_is_started_again_as_its_policies_say() {
    let cluster = started();
    let (folder, volumes, mount) = marks(&cluster);
    let rule = |action: &str, code: i32| {
        json!({"restartPolicy": "Never",
               "restartPolicyRules": [{"action": action, "exitCodes": {"operator": "In", "values": [code]}}]})
    };
    let counted = |name: &str, then: &str| {
        with(
            shell(name, &format!("echo x >> /marks/{name}; n=$(wc -l < /marks/{name}); {then}")),
            mount.clone(),
        )
    };
    apply(
        &cluster,
        &[
            pod("loops", json!({"containers": [shell("c", "exit 3")]})),
            pod(
                "never",
                json!({"restartPolicy": "Never", "containers": [shell("c", "exit 3"), shell("d", "true")]}),
            ),
            pod(
                "on-failure",
                json!({"restartPolicy": "OnFailure", "volumes": volumes,
                       "containers": [counted("onfailure", "[ $n -ge 2 ]")]}),
            ),
            pod(
                "ruled",
                json!({"restartPolicy": "Never", "volumes": volumes, "containers": [
                    with(counted("ruled", "[ $n -ge 2 ] && exit 5; exit 42"), rule("Restart", 42)),
                ]}),
            ),
            pod(
                "own-policy",
                json!({"restartPolicy": "Always", "containers": [
                    shell("stays", STAY), with(shell("ends", "exit 1"), json!({"restartPolicy": "Never"})),
                ], "terminationGracePeriodSeconds": 1}),
            ),
            pod(
                "all-over",
                json!({"restartPolicy": "Never", "volumes": volumes, "terminationGracePeriodSeconds": 1,
                "initContainers": [counted("prepare", "true")],
                "containers": [
                    with(counted("trigger", "[ $n -ge 2 ] && exec sleep 1000; sleep 1; exit 88"),
                         rule("RestartAllContainers", 88)),
                    counted("beside", "exec sleep 1000"),
                ]}),
            ),
        ],
    );
    let loops = until(&cluster, &["pod", "loops"], "crashes in a loop", |pod| {
        container(pod, "c")["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    });
    let uid = loops["metadata"]["uid"].as_str().unwrap();
    let status = container(&loops, "c");
    assert_eq!(
        status["state"]["waiting"]["message"],
        format!("back-off 10s restarting failed container=c pod=loops_default({uid})")
    );
    assert_eq!(
        (&status["lastState"]["terminated"]["exitCode"], &status["restartCount"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(loops["status"]["phase"], "Running");
    assert_eq!(condition(&loops, "Ready")["message"], "containers with unready status: [c]");
    until_event(
        &cluster,
        "loops",
        &format!("BackOff: Back-off restarting failed container c in pod loops_default({uid})"),
    );

    let never = until_phase(&cluster, "never", "Failed");
    assert_eq!(container(&never, "c")["state"]["terminated"]["exitCode"], 3);
    assert_eq!(container(&never, "d")["state"]["terminated"]["reason"], "Completed");
    assert_eq!(condition(&never, "Ready")["reason"], "PodFailed");

    let recovered = until_phase(&cluster, "on-failure", "Succeeded");
    assert_eq!(restarts(&recovered, "onfailure"), 1);

    let ruled = until_phase(&cluster, "ruled", "Failed");
    assert_eq!(
        (restarts(&ruled, "ruled"), &container(&ruled, "ruled")["state"]["terminated"]["exitCode"]),
        (1, &json!(5))
    );

    let own = until(&cluster, &["pod", "own-policy"], "one ended", |pod| {
        container(pod, "ends")["state"]["terminated"]["exitCode"] == 1
            && container(pod, "stays")["ready"] == true
    });
    assert_eq!((restarts(&own, "ends"), &own["status"]["phase"]), (0, &json!("Running")));

    until(&cluster, &["pod", "all-over"], "all ran twice", |pod| {
        ["prepare", "trigger", "beside"].iter().all(|name| restarts(pod, name) == 1)
            && container(pod, "trigger")["ready"] == true
            && container(pod, "trigger")["lastState"]["terminated"]["exitCode"] == 88
            && condition(pod, "AllContainersRestarting")["status"] == "False"
    });
    for name in ["prepare", "trigger", "beside"] {
        let runs = std::fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(runs.lines().count(), 2, "{name}");
    }
}
