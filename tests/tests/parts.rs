//! What stops and what goes on while a part of the cluster does not work: each sentence of `launchway doctor`, shown.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::path::PathBuf;
use std::time::Duration;

use e2e::{Cluster, eventually, images, objects};
use serde_json::{Value, json};

/// Long enough for what would happen at once to have happened.
const A_WHILE: Duration = Duration::from_millis(1500);

/// A cluster with a Service `web` over two pods; a pod `client` that asks it all the time by name and by address and
/// notes each outcome in a folder of the machine; and a pod `mortal` that ends when it is told to.
struct World {
    cluster: Cluster,
    notes: PathBuf,
}

impl World {
    fn new() -> Self {
        let cluster = objects::started();
        let notes = cluster.folder().join("notes");
        std::fs::create_dir(&notes).unwrap();
        let world = Self { cluster, notes };
        let labels = json!({"app": "web"});
        let serve = "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp";
        let probe = json!({"readinessProbe": {"httpGet": {"port": 80, "path": "/"}, "periodSeconds": 1}});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [objects::with(objects::shell("web", serve), probe)],
                }},
            },
        });
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": labels, "ports": [{"port": 80}]},
        });
        objects::apply(&world.cluster, &[deployment, service]);
        world.cluster.kubectl_ok(&["rollout", "status", "deployment/web", "--timeout=60s"]);
        let service = world.cluster.get(&["service", "web"]);
        let address = service["spec"]["clusterIP"].as_str().unwrap();
        let ask = |what: &str, host: &str| {
            format!(
                "if timeout 2 wget -q -O /dev/null http://{host}/; then echo ok; else echo lost; fi >> /notes/{what};"
            )
        };
        let script = format!(
            "while true; do {} {} sleep 0.1; done",
            ask("name", "web.default.svc.cluster.local"),
            ask("address", address)
        );
        let mortal = "echo up >> /notes/mortal; until [ -e /notes/die ]; do sleep 0.1; done; rm /notes/die";
        for (name, script) in [("client", script.as_str()), ("mortal", mortal)] {
            objects::apply(&world.cluster, &[world.noting_pod(name, script)]);
        }
        eventually("the first answer", || (world.notes("name").last()? == "ok").then_some(()));
        eventually("the first start", || (world.notes("mortal").len() == 1).then_some(()));
        world
    }

    fn noting_pod(&self, name: &str, script: &str) -> Value {
        let mounts = json!({"volumeMounts": [{"name": "notes", "mountPath": "/notes"}]});
        let spec = json!({
            "terminationGracePeriodSeconds": 0,
            "containers": [objects::with(objects::shell(name, script), mounts)],
            "volumes": [{"name": "notes", "hostPath": {"path": self.notes}}],
        });
        objects::pod(name, spec)
    }

    /// A pod that does nothing.
    fn plain_pod(&self, name: &str) {
        self.cluster.kubectl_ok(&[
            "run",
            name,
            "--image",
            images::BUSYBOX,
            "--image-pull-policy=IfNotPresent",
            "--command",
            "--",
            "sleep",
            "1000",
        ]);
    }

    fn notes(&self, of: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.notes.join(of)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The next five outcomes that the client notes.
    fn outcomes(&self, how: &str) -> Vec<String> {
        let before = self.notes(how).len();
        eventually("the client notes outcomes", || {
            // The first may have begun before.
            let notes = self.notes(how);
            (notes.len() > before + 5).then(|| notes[before + 1..before + 6].to_vec())
        })
    }

    fn reached(&self, how: &str) {
        assert_eq!(self.outcomes(how), ["ok"; 5], "by {how}");
    }

    fn phase(&self, pod: &str) -> String {
        self.cluster.get(&["pod", pod])["status"]["phase"].as_str().unwrap_or_default().to_owned()
    }

    fn runs(&self, pod: &str) {
        eventually("the pod runs", || (self.phase(pod) == "Running").then_some(()));
    }

    fn pods_of_web(&self) -> usize {
        self.cluster.get(&["pods", "-l", "app=web"])["items"].as_array().unwrap().len()
    }

    /// Ends the container of `mortal`.
    fn kill_mortal(&self) {
        std::fs::write(self.notes.join("die"), "").unwrap();
        eventually("the container ends", || (!self.notes.join("die").exists()).then_some(()));
    }

    fn restarted(&self, times: usize) {
        eventually("the container starts again", || (self.notes("mortal").len() == times).then_some(()));
    }

    fn stop(&self, part: &str) {
        let healthy = self.cluster.ok(&["doctor"]).stdout;
        assert!(healthy.contains("components work."), "{healthy}");
        self.cluster.ok(&["cluster", "component", "stop", part]);
        let doctor = self.cluster.run(&["doctor"]);
        assert!(!doctor.success, "{}", doctor.stdout);
        let line = doctor.stdout.lines().find(|line| line.contains(&format!("✗ {part} ")));
        assert!(line.is_some_and(|line| line.contains("stopped for")), "{}", doctor.stdout);
        let cure = format!("what to do: launchway cluster component start {part}");
        assert!(doctor.stdout.contains(&cure), "{}", doctor.stdout);
        assert!(doctor.stdout.contains("what stops:") && doctor.stdout.contains("what goes on:"));
    }

    fn start(&self, part: &str) {
        self.cluster.ok(&["cluster", "component", "start", part]);
        eventually("everything works again", || self.cluster.run(&["doctor"]).success.then_some(()));
    }
}

fn without_the_api(part: &str) {
    let world = World::new();
    world.stop(part);
    assert!(!world.cluster.kubectl(&["get", "pods"]).success);
    assert!(!world.cluster.kubectl(&["create", "namespace", "new"]).success);
    world.kill_mortal();
    world.restarted(2);
    world.reached("name");
    world.start(part);
    assert!(world.cluster.kubectl(&["create", "namespace", "new"]).success);
    eventually("the restart is told", || {
        let status = &world.cluster.get(&["pod", "mortal"])["status"]["containerStatuses"][0];
        (status["restartCount"] == 1).then_some(())
    });
}

#[test]
fn without_the_store_nothing_changes_and_pods_go_on() {
    without_the_api("store");
}

#[test]
fn without_the_api_server_nothing_changes_and_pods_go_on() {
    without_the_api("apiserver");
}

#[test]
fn without_controllers_deployments_stand_still_and_pods_by_hand_run() {
    let world = World::new();
    world.stop("controllers");
    world.cluster.kubectl_ok(&["scale", "deployment/web", "--replicas=3"]);
    world.plain_pod("by-hand");
    world.runs("by-hand");
    std::thread::sleep(A_WHILE);
    assert_eq!(world.pods_of_web(), 2);
    world.reached("name");
    world.start("controllers");
    eventually("the third pod", || (world.pods_of_web() == 3).then_some(()));
}

#[test]
fn without_the_scheduler_new_pods_wait_and_placed_ones_are_restarted() {
    let world = World::new();
    world.stop("scheduler");
    world.plain_pod("new");
    world.kill_mortal();
    world.restarted(2);
    std::thread::sleep(A_WHILE);
    assert!(world.cluster.get(&["pod", "new"])["spec"]["nodeName"].is_null());
    world.cluster.kubectl_ok(&["scale", "deployment/web", "--replicas=1"]);
    eventually("one pod less", || (world.pods_of_web() == 1).then_some(()));
    world.reached("name");
    world.start("scheduler");
    world.runs("new");
}

#[test]
fn without_the_runtime_no_container_starts_and_those_there_go_on() {
    let world = World::new();
    world.stop("runtime");
    world.plain_pod("new");
    assert!(!world.cluster.kubectl(&["exec", "client", "--", "true"]).success);
    std::thread::sleep(A_WHILE);
    assert_eq!(world.phase("new"), "Pending");
    world.reached("name");
    // An end meanwhile is not lost.
    world.kill_mortal();
    std::thread::sleep(A_WHILE);
    assert_eq!(world.notes("mortal").len(), 1);
    world.start("runtime");
    world.runs("new");
    world.restarted(2);
    let status = world.cluster.get(&["pod", "mortal"]);
    assert_eq!(
        status["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"], 0,
        "{status}"
    );
}

#[test]
fn without_the_kubelet_pods_wait_for_it_and_traffic_goes_on() {
    let world = World::new();
    world.stop("kubelet");
    world.plain_pod("new");
    eventually("the pod has a node", || {
        (!world.cluster.get(&["pod", "new"])["spec"]["nodeName"].is_null()).then_some(())
    });
    assert!(!world.cluster.kubectl(&["logs", "client"]).success);
    world.kill_mortal();
    std::thread::sleep(A_WHILE);
    assert_eq!(world.phase("new"), "Pending");
    assert_eq!(world.notes("mortal").len(), 1);
    world.reached("name");
    world.start("kubelet");
    world.runs("new");
    world.restarted(2);
}

#[test]
fn without_the_proxy_new_services_do_not_answer_and_old_ones_do() {
    let world = World::new();
    world.stop("proxy");
    world.cluster.kubectl_ok(&["expose", "deployment", "web", "--name=late", "--port=80"]);
    let ask = || {
        world.cluster.kubectl(&["exec", "client", "--", "timeout", "2", "wget", "-q", "-O-", "http://late/"])
    };
    std::thread::sleep(A_WHILE);
    assert!(!ask().success);
    world.reached("name");
    world.reached("address");
    world.start("proxy");
    eventually("the new Service answers", || (ask().stdout == "hello\n").then_some(()));
}

#[test]
fn without_the_name_server_names_fail_and_addresses_work() {
    let world = World::new();
    world.stop("dns");
    assert_eq!(world.outcomes("name"), ["lost"; 5]);
    world.reached("address");
    world.start("dns");
    world.reached("name");
}

#[test]
fn without_policy_new_policies_are_not_enforced_and_traffic_goes_on() {
    let world = World::new();
    world.stop("policy");
    let closed = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "closed"},
        "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]},
    });
    objects::apply(&world.cluster, &[closed]);
    std::thread::sleep(A_WHILE);
    world.reached("address");
    world.start("policy");
    eventually("the policy is enforced", || (world.outcomes("address") == ["lost"; 5]).then_some(()));
}

#[test]
fn without_the_daemon_everything_that_runs_goes_on() {
    let world = World::new();
    world.cluster.kill_daemon();
    world.reached("name");
    world.reached("address");
    let doctor = world.cluster.run(&["doctor"]);
    assert!(
        !doctor.success && doctor.stdout.contains("what to do: launchway cluster start"),
        "{}",
        doctor.stdout
    );
    assert!(doctor.stdout.contains("✓ dns"), "{}", doctor.stdout);
    world.cluster.ok(&["cluster", "start"]);
    assert!(world.cluster.run(&["doctor"]).success);
    assert_eq!(world.notes("mortal").len(), 1);
    assert!(!world.notes("name").contains(&"lost".to_owned()));
}

#[test]
fn without_a_further_node_its_containers_and_the_other_nodes_go_on() {
    let cluster = Cluster::new();
    cluster.ok(&["cluster", "start", "--nodes", "2"]);
    let nodes = cluster.get(&["nodes"]);
    let names =
        nodes["items"].as_array().unwrap().iter().map(|node| node["metadata"]["name"].as_str().unwrap());
    let node = names.max().unwrap().to_owned();
    let component = format!("node {node}");
    let healthy = cluster.ok(&["doctor"]).stdout;
    assert!(healthy.contains(&format!("✓ {component}")), "{healthy}");

    cluster.ok(&["cluster", "component", "stop", &component]);
    let doctor = cluster.run(&["doctor"]);
    assert!(!doctor.success && doctor.stdout.contains(&format!("✗ {component}")), "{}", doctor.stdout);
    let cure = format!("launchway cluster component start '{component}'");
    assert!(doctor.stdout.contains(&cure), "{}", doctor.stdout);
    let image = images::busybox(&cluster);
    for (name, place) in [("there", node.as_str()), ("here", "")] {
        let mut spec = json!({
            "containers": [{"name": "c", "image": image, "command": ["sleep", "1000"]}],
            "terminationGracePeriodSeconds": 0,
        });
        if !place.is_empty() {
            spec["nodeName"] = place.into();
        }
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
        objects::apply(&cluster, &[pod]);
    }
    let phase = |pod: &str| cluster.get(&["pod", pod])["status"]["phase"].clone();
    let first = nodes["items"][0]["metadata"]["name"].as_str().unwrap();
    eventually("the other node runs pods", || {
        let pod = cluster.get(&["pod", "here"]);
        // It may have been placed before anybody knew that the node is away.
        (pod["spec"]["nodeName"] != first || pod["status"]["phase"] == "Running").then_some(())
    });
    std::thread::sleep(A_WHILE);
    assert_eq!(phase("there"), "Pending");
    cluster.ok(&["cluster", "component", "start", &component]);
    eventually("the pod runs", || (phase("there") == "Running" && phase("here") == "Running").then_some(()));
    eventually("everything works again", || cluster.run(&["doctor"]).success.then_some(()));
}
