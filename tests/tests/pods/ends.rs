//! Hooks, last words and the ways in which containers end.

use e2e::eventually;
use e2e::objects::{
    apply, container, events, logs, pod, shell, started, until_event, until_gone, until_phase, until_ready,
    with,
};
use serde_json::{Value, json};

use crate::{STAY, marks};

#[test]
fn hooks_run_and_their_failures_are_told() {
    let cluster = started();
    let (folder, volumes, mount) = marks(&cluster);
    let hooked = |name: &str, script: &str, lifecycle: Value| {
        with(with(shell(name, script), mount.clone()), json!({"lifecycle": lifecycle}))
    };
    let exec = |script: &str| json!({"exec": {"command": ["sh", "-c", script]}});
    let stays = "trap 'echo term >> /marks/c; exit 0' TERM; while :; do sleep 0.1; done";
    let one = |container: Value| {
        json!({"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 20,
               "restartPolicy": "Never"})
    };
    apply(
        &cluster,
        &[
            pod(
                "hooked",
                one(hooked(
                    "c",
                    stays,
                    json!({
                "postStart": exec("echo started >> /marks/c"), "preStop": exec("echo stopping >> /marks/c")}),
                )),
            ),
            pod(
                "sleeps",
                one(hooked(
                    "s",
                    &stays.replace("/marks/c", "/marks/s"),
                    json!({"preStop": {"sleep": {"seconds": 1}}}),
                )),
            ),
            pod(
                "bad-start",
                with(
                    one(hooked(
                        "c2",
                        "exec sleep 1000",
                        json!({"postStart": exec("echo secret; exit 9"), "preStop": exec("exit 9")}),
                    )),
                    json!({"terminationGracePeriodSeconds": 2}),
                ),
            ),
            pod(
                "bad-stop",
                one(hooked(
                    "c3",
                    &stays.replace("/marks/c", "/marks/c3"),
                    json!({"preStop": exec("exit 9")}),
                )),
            ),
            pod(
                "signalled",
                one(hooked(
                    "sig",
                    "trap 'echo usr1 > /marks/sig; exit 0' USR1; while :; do sleep 0.1; done",
                    json!({"stopSignal": "SIGUSR1"}),
                )),
            ),
            pod(
                "http",
                json!({"volumes": volumes, "terminationGracePeriodSeconds": 20, "containers": [
                hooked("asks", "exec sleep 1000",
                    json!({"postStart": {"httpGet": {"port": 8080, "path": "/cgi-bin/hello", "host": ""}}})),
            ], "initContainers": [with(
                with(shell("serves", "mkdir -p /tmp/cgi-bin; printf '#!/bin/sh\\necho \"$REQUEST_URI\" > /marks/http\\necho; echo ok\\n' \
                    > /tmp/cgi-bin/hello; chmod +x /tmp/cgi-bin/hello; exec httpd -f -p 8080 -h /tmp"), mount.clone()),
                json!({"restartPolicy": "Always",
                       "startupProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}}))]}),
            ),
        ],
    );
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    for name in ["hooked", "sleeps", "bad-stop", "signalled", "http"] {
        until_ready(&cluster, name);
    }
    assert_eq!(read("c"), "started\n");
    assert_eq!(read("http"), "/cgi-bin/hello\n");

    let failed = until_phase(&cluster, "bad-start", "Failed");
    assert_eq!(
        container(&failed, "c2")["state"]["terminated"]["exitCode"],
        137,
        "sleep does not listen as PID 1"
    );
    until_event(&cluster, "bad-start", "FailedPostStartHook: PostStartHook failed");
    until_event(&cluster, "bad-start", "Killing: FailedPostStartHook");
    until_event(&cluster, "bad-start", "FailedPreStopHook: PreStopHook failed");
    assert!(!events(&cluster, "bad-start").iter().any(|event| event.contains("secret")));

    std::fs::remove_file(folder.join("c")).unwrap();
    cluster.kubectl_ok(&["delete", "pod", "hooked", "sleeps", "bad-stop", "signalled", "--wait=false"]);
    for name in ["hooked", "sleeps", "bad-stop", "signalled"] {
        until_gone(&cluster, &["pod", name]);
    }
    assert_eq!(read("c"), "stopping\nterm\n");
    assert_eq!(read("c3"), "term\n");
    assert_eq!(read("s"), "term\n");
    assert_eq!(read("sig"), "usr1\n");
    until_event(&cluster, "bad-stop", "FailedPreStopHook: PreStopHook failed");
    until_event(&cluster, "hooked", "Killing: Stopping container c");
}

#[test]
fn the_last_words_and_the_way_of_an_end_are_told() {
    let cluster = started();
    let never = |containers: Value| json!({"restartPolicy": "Never", "containers": containers});
    let falls_back = json!({"terminationMessagePolicy": "FallbackToLogsOnError"});
    apply(
        &cluster,
        &[
            pod(
                "words",
                never(json!([
                    shell("file", "echo out; printf 'by file' > /dev/termination-log; exit 4"),
                    with(
                        shell("path", "printf 'elsewhere' > /tmp/words"),
                        json!({"terminationMessagePath": "/tmp/words"})
                    ),
                    with(shell("logged", "echo one; echo two >&2; exit 1"), falls_back.clone()),
                    with(shell("good", "echo one"), falls_back),
                ])),
            ),
            pod(
                "greedy",
                never(json!([with(
                    shell("eater", "x=x; while :; do x=$x$x; done"),
                    json!({"resources": {"limits": {"memory": "24Mi"}}}),
                )])),
            ),
            pod("late", with(never(json!([shell("c", STAY)])), json!({"activeDeadlineSeconds": 2}))),
            pod(
                "deaf",
                json!({"terminationGracePeriodSeconds": 1, "containers": [
                shell("c", "trap '' TERM; while :; do sleep 1; done")]}),
            ),
            pod(
                "no-program",
                never(json!([
                {"name": "c", "image": e2e::images::BUSYBOX, "command": ["/no/such/program"]}])),
            ),
        ],
    );
    let words = until_phase(&cluster, "words", "Failed");
    let told = |name: &str| container(&words, name)["state"]["terminated"].clone();
    for (name, code, message) in [
        ("file", 4, json!("by file")),
        ("path", 0, json!("elsewhere")),
        ("logged", 1, json!("one\ntwo\n")),
        ("good", 0, Value::Null),
    ] {
        assert_eq!((&told(name)["exitCode"], &told(name)["message"]), (&json!(code), &message), "{name}");
        let reason = if code == 0 { "Completed" } else { "Error" };
        assert_eq!(told(name)["reason"], reason, "{name}");
    }
    assert_eq!(told("file")["containerID"].as_str().unwrap().split("://").next(), Some("launchway"));

    let greedy = until_phase(&cluster, "greedy", "Failed");
    let eater = &container(&greedy, "eater")["state"]["terminated"];
    assert_eq!((&eater["reason"], &eater["exitCode"]), (&json!("OOMKilled"), &json!(137)));

    let late = until_phase(&cluster, "late", "Failed");
    assert_eq!(late["status"]["reason"], "DeadlineExceeded");
    until_event(
        &cluster,
        "late",
        "DeadlineExceeded: Pod was active on the node longer than the specified deadline",
    );

    let odd = until_phase(&cluster, "no-program", "Failed");
    let odd = &container(&odd, "c")["state"]["terminated"];
    assert_eq!((&odd["reason"], &odd["exitCode"]), (&json!("StartError"), &json!(128)));
    assert!(odd["message"].as_str().unwrap().contains("/no/such/program"), "{odd}");

    until_ready(&cluster, "deaf");
    cluster.kubectl_ok(&["delete", "pod", "deaf", "--wait=false"]);
    let mut last = Value::Null;
    eventually("deaf is gone", || {
        let ran = cluster.kubectl(&["get", "-o", "json", "pod", "deaf"]);
        match serde_json::from_str(&ran.stdout) {
            Ok(pod) => last = pod,
            Err(_) => return Some(()),
        }
        None
    });
    assert_eq!(last["metadata"]["deletionGracePeriodSeconds"], 1);
    let log = logs(&cluster, "words", "logged");
    assert!(log.contains("one\n") && log.contains("two\n"), "{log}");
}
