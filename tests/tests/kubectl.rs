//! Pods as people use them every day: run, watch, describe, read logs, debug, delete; and pods of a folder.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use e2e::background::Background;
use e2e::objects::{
    apply, container, events, pod, shell, started, until, until_event, until_gone, until_phase, until_ready,
};
use e2e::{Cluster, eventually, http, images};
use serde_json::json;

fn node(cluster: &Cluster) -> String {
    cluster.get(&["nodes"])["items"][0]["metadata"]["name"].as_str().unwrap().to_owned()
}

#[test]
fn a_pod_is_run_watched_described_and_deleted() {
    let cluster = started();
    images::nginx(&cluster);
    let watch = Background::start(cluster.kubectl_command(&["get", "pods", "-o", "wide", "-w"]));
    // What `kubectl run nginx --image=nginx` makes, but for the pull policy: no registry is asked here.
    cluster.kubectl_ok(&["run", "nginx", "--image=nginx", "--image-pull-policy=IfNotPresent", "--port=80"]);
    let ready = until_ready(&cluster, "nginx");
    let seen = watch.until("1/1     Running");
    let (creating, running) = (seen.find("0/1     ContainerCreating"), seen.find("1/1     Running"));
    assert!(creating.is_some() && creating < running, "first creating, then running:\n{seen}");
    let ip = ready["status"]["podIP"].as_str().unwrap();
    assert!(seen.contains(ip) && seen.contains(&node(&cluster)), "where it runs:\n{seen}");

    let (status, body) = http::request("GET", format!("{ip}:80").parse().unwrap(), "/", "").unwrap();
    assert!(status == 200 && body.contains("Welcome to nginx!"), "{status} {body}");

    let described = eventually("describe shows the events", || {
        let text = cluster.kubectl_ok(&["describe", "pod", "nginx"]);
        ["Scheduled", "Pulled", "Created", "Started"]
            .iter()
            .all(|reason| text.contains(reason))
            .then_some(text)
    });
    for words in [
        "Successfully assigned default/nginx to",
        "Container image \"nginx\" already present on machine",
        "Status:           Running",
        "Port:           80/TCP",
        "ContainersReady             True",
    ] {
        assert!(described.contains(words), "{words:?} is not in\n{described}");
    }

    cluster.kubectl_ok(&["delete", "pod", "nginx"]);
    until_gone(&cluster, &["pod", "nginx"]);
    assert!(
        events(&cluster, "nginx").iter().any(|event| event.starts_with("Killing: Stopping container nginx"))
    );
}

#[test]
fn grace_periods_are_kept_and_cut_short() {
    let cluster = started();
    let deaf = "trap 'echo asked' TERM; echo deaf; while :; do sleep 0.1; done";
    let spec =
        |seconds: u64| json!({"terminationGracePeriodSeconds": seconds, "containers": [shell("c", deaf)]});
    apply(
        &cluster,
        &[pod("brief", spec(1)), pod("long", spec(1000)), pod("forced", spec(1000)), pod("kept", spec(1000))],
    );
    for name in ["brief", "long", "forced", "kept"] {
        until_ready(&cluster, name);
        eventually("it hears signals", || cluster.kubectl_ok(&["logs", name]).contains("deaf").then_some(()));
    }
    // Asked first, killed after its grace.
    let log = Background::start(cluster.kubectl_command(&["logs", "-f", "brief"]));
    log.until("deaf");
    cluster.kubectl_ok(&["delete", "pod", "brief"]);
    let (_, log) = log.end();
    assert!(log.contains("asked"), "{log}");
    cluster.kubectl_ok(&["delete", "pod", "long", "--grace-period=1"]);
    until_gone(&cluster, &["pod", "long"]);
    let ran = cluster.kubectl(&["delete", "pod", "forced", "--grace-period=0", "--force"]);
    assert!(ran.success && ran.stderr.contains("Immediate deletion does not wait"), "{}", ran.stderr);
    until_gone(&cluster, &["pod", "forced"]);
    // A deletion under way is shown as such, and can be hurried.
    cluster.kubectl_ok(&["delete", "pod", "kept", "--wait=false"]);
    let shown = cluster.kubectl_ok(&["get", "pod", "kept"]);
    assert!(shown.contains("Terminating"), "{shown}");
    cluster.kubectl_ok(&["delete", "pod", "kept", "--now"]);
    until_gone(&cluster, &["pod", "kept"]);
}

#[test]
fn logs_are_read_in_every_way() {
    let cluster = started();
    let twice = "if [ -e /v/again ]; then echo second run; exec sleep 10000; fi; touch /v/again; echo first run; exit 3";
    let mut restarted = shell("a", twice);
    restarted["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    let lines = "for i in 1 2 3 4 5; do echo line $i; done; sleep 3; echo late; until [ -e /v/go ]; do sleep 0.1; done; echo end";
    let mut counting = shell("b", lines);
    counting["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    let spec = json!({"terminationGracePeriodSeconds": 0, "volumes": [{"name": "v", "emptyDir": {}}],
        "initContainers": [shell("i", "echo prepared")], "containers": [restarted, counting]});
    apply(&cluster, &[pod("p", spec)]);
    until(&cluster, &["pod", "p"], "restarted", |pod| container(pod, "a")["restartCount"] == 1);
    let logs = |arguments: &[&str]| cluster.kubectl_ok(&[&["logs", "p"], arguments].concat());
    eventually("its second run", || logs(&["-c", "a"]).contains("second run").then_some(()));
    assert_eq!(logs(&["-c", "a", "--previous"]), "first run\n");
    assert_eq!(logs(&["-c", "i"]), "prepared\n");
    assert_eq!(logs(&["-c", "b", "--tail=2", "--limit-bytes=6"]), "line 4");

    eventually("the late line", || logs(&["-c", "b"]).contains("late\n").then_some(()));
    assert_eq!(logs(&["-c", "b", "--tail=2"]), "line 5\nlate\n");
    let stamped = logs(&["-c", "b", "--timestamps", "--tail=1"]);
    let (stamp, line) = stamped.split_once(' ').unwrap();
    assert!(stamp.starts_with("20") && stamp.ends_with('Z') && line == "late\n", "{stamped}");
    assert_eq!(logs(&["-c", "b", &format!("--since-time={stamp}")]), "late\n");
    assert_eq!(logs(&["-c", "b", "--since=2h"]).lines().count(), 6);

    let all = logs(&["--all-containers", "--prefix"]);
    for line in ["[pod/p/i] prepared", "[pod/p/a] second run", "[pod/p/b] line 1"] {
        assert!(all.contains(line), "{line:?} is not in\n{all}");
    }
    let refused = cluster.kubectl(&["logs", "p", "-c", "b", "--previous"]).stderr;
    assert!(refused.contains("previous terminated container \"b\" in pod \"p\" not found"), "{refused}");

    let following = Background::start(cluster.kubectl_command(&["logs", "-f", "p", "-c", "b", "--tail=1"]));
    following.until("late\n");
    cluster.kubectl_ok(&["exec", "p", "-c", "a", "--", "touch", "/v/go"]);
    let (code, printed) = following.end();
    assert_eq!((code, printed.as_str()), (0, "late\nend\n"), "following ends with the container");
}

#[test]
fn pods_and_nodes_are_debugged() {
    let cluster = started();
    let spec = json!({"terminationGracePeriodSeconds": 0, "containers": [shell("c", "exec sleep 12345"), shell("d", "exec sleep 54321")]});
    apply(&cluster, &[pod("p", spec)]);
    until_ready(&cluster, "p");
    // An ephemeral container sees the processes of the one it is to look into, and of no other.
    let look =
        ["--image", images::BUSYBOX, "-c", "look", "--target=c", "--", "sh", "-c", "ps -o args; hostname"];
    cluster.kubectl_ok(&[&["debug", "p"][..], &look].concat());
    let seen = until(&cluster, &["pod", "p"], "the ephemeral container has run", |pod| {
        container(pod, "look")["state"]["terminated"]["exitCode"] == 0
    });
    assert_eq!(seen["spec"]["ephemeralContainers"][0]["targetContainerName"], "c");
    let log = cluster.kubectl_ok(&["logs", "p", "-c", "look"]);
    assert!(log.contains("sleep 12345") && !log.contains("sleep 54321") && log.contains("p\n"), "{log}");
    assert!(seen["status"]["phase"] == "Running" && container(&seen, "c")["restartCount"] == 0, "{seen:#}");
    // In a terminal.
    let interactive =
        ["debug", "-it", "p", "--image", images::BUSYBOX, "-c", "shell", "--target=d", "--", "sh"];
    let mut terminal = Background::in_terminal(&cluster.kubectl_command(&interactive), 24, 80);
    terminal.until("# ");
    terminal.enter("ps -o args | grep -c '[s]leep 54321'; echo sum $((40 + 2)); exit\n");
    let (code, printed) = terminal.end();
    assert!(code == 0 && printed.contains("1\r\nsum 42"), "{printed}");

    // A copy whose processes are shared.
    let copy =
        ["debug", "p", "--copy-to=copy", "--share-processes", "-c", "extra", "--image", images::BUSYBOX];
    cluster.kubectl_ok(&[&copy[..], &["--", "sleep", "777"]].concat());
    until_ready(&cluster, "copy");
    let listed = cluster.kubectl_ok(&["exec", "copy", "-c", "extra", "--", "ps", "-o", "args"]);
    for process in ["sleep 12345", "sleep 54321", "sleep 777"] {
        assert!(listed.contains(process), "{process} is not in\n{listed}");
    }

    // The node itself: its files below /host, its processes, its network.
    let name = node(&cluster);
    let asked = ["debug", &format!("node/{name}"), "--image", images::BUSYBOX, "--", "sh", "-c"];
    cluster.kubectl_ok(&[&asked[..], &["ls /host; ps -o args; hostname"]].concat());
    let list = eventually("the debugging pod", || {
        let pods = cluster.get(&["pods"]);
        let mut pods = pods["items"].as_array().unwrap().clone();
        pods.retain(|pod| pod["metadata"]["name"].as_str().unwrap().starts_with("node-debugger-"));
        pods.pop()
    });
    let debugger = list["metadata"]["name"].as_str().unwrap();
    until_phase(&cluster, debugger, "Succeeded");
    let log = cluster.kubectl_ok(&["logs", debugger]);
    assert!(log.contains("etc\n") && log.contains("proc\n") && log.contains("sleep 12345"), "{log}");
    assert!(
        log.lines().any(|line| line == std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim()),
        "{log}"
    );
}

#[test]
fn pods_of_a_folder_run_whatever_the_api_says() {
    let cluster = started();
    let node = node(&cluster);
    let name = format!("web-{node}");
    let file = cluster.home().join("manifests/web.yaml");
    let write = |text: &str| {
        let manifest = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: {{app: web}}\nspec:\n  \
             terminationGracePeriodSeconds: 1\n  containers:\n  - name: c\n    image: {}\n    \
             command: [sh, -c, 'echo {text}; exec sleep 10000']\n",
            images::BUSYBOX
        );
        std::fs::write(&file, manifest).unwrap();
    };
    write("first");
    let mirror = until_ready(&cluster, &name);
    let annotation = |pod: &serde_json::Value, key: &str| {
        pod["metadata"]["annotations"][format!("kubernetes.io/config.{key}")]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(annotation(&mirror, "source"), "file");
    assert_eq!(annotation(&mirror, "mirror"), annotation(&mirror, "hash"));
    assert!(!annotation(&mirror, "hash").is_empty() && !annotation(&mirror, "seen").is_empty(), "{mirror:#}");
    assert_eq!(mirror["metadata"]["ownerReferences"][0]["kind"], "Node");
    assert_eq!(mirror["spec"]["tolerations"], json!([{"effect": "NoExecute", "operator": "Exists"}]));
    assert_eq!(cluster.kubectl_ok(&["logs", &name]), "first\n");
    assert_eq!(cluster.kubectl_ok(&["exec", &name, "--", "echo", "inside"]), "inside\n");
    let started_at = |pod: &serde_json::Value| container(pod, "c")["state"]["running"]["startedAt"].clone();

    // Deleting the mirror ends nothing: it is made again.
    cluster.kubectl_ok(&["delete", "pod", &name, "--wait=false"]);
    let again = until(&cluster, &["pod", &name], "another mirror", |pod| {
        pod["metadata"]["uid"] != mirror["metadata"]["uid"] && container(pod, "c")["ready"] == true
    });
    assert_eq!(
        container(&again, "c")["containerID"],
        container(&mirror, "c")["containerID"],
        "the same container"
    );
    assert_eq!(started_at(&again), started_at(&mirror));

    // The daemon's end is not the pod's.
    cluster.kill_daemon();
    cluster.ok(&["cluster", "start"]);
    let kept = until_ready(&cluster, &name);
    assert_eq!(container(&kept, "c")["containerID"], container(&mirror, "c")["containerID"], "adopted");

    // Another file is another pod; what is no pod is left alone; no file, no pod.
    write("second");
    let changed = until(&cluster, &["pod", &name], "the new pod", |pod| {
        annotation(pod, "hash") != annotation(&mirror, "hash") && container(pod, "c")["ready"] == true
    });
    assert_ne!(container(&changed, "c")["containerID"], container(&mirror, "c")["containerID"]);
    assert_eq!(cluster.kubectl_ok(&["logs", &name]), "second\n");
    std::fs::write(cluster.home().join("manifests/nonsense.yaml"), "kind: Service\napiVersion: v1\n")
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    until_gone(&cluster, &["pod", &name]);
    until_event(&cluster, &name, "Killing: Stopping container c");
    assert!(cluster.log().contains("not a static pod"), "{}", cluster.log());
}
