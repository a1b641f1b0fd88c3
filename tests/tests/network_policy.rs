//! NetworkPolicies as their users write them, enforced between pods: who is isolated, who may pass, from a pod's first
//! packet on, and while no daemon runs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;

use e2e::objects::{apply, exec, logs, pod, shell, started, until, until_phase, until_ready, with};
use e2e::{Cluster, eventually};
use serde_json::{Value, json};

/// A cluster with servers `a` (default namespace, also behind the Service `a`) and `b` (namespace `blog`), which answer on
/// the ports 80 and 81, and clients `friend` and `stranger` (default) and `guest` (blog).
struct World(Cluster);

impl World {
    fn new() -> Self {
        let cluster = started();
        cluster.kubectl_ok(&["create", "namespace", "blog"]);
        let server = |name: &str, namespace: &str| {
            let script = "httpd -p 80 -h /etc; exec httpd -f -p 81 -h /etc";
            let ports = json!({ "ports": [{ "name": "second", "containerPort": 81 }] });
            of(pod(name, json!({ "containers": [with(shell("c", script), ports)] })), namespace, name)
        };
        let client = |name: &str, namespace: &str| {
            of(pod(name, json!({ "containers": [shell("c", "sleep 10000")] })), namespace, name)
        };
        let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "a" },
            "spec": { "selector": { "app": "a" }, "ports": [{ "port": 80 }] } });
        apply(
            &cluster,
            &[
                server("a", "default"),
                server("b", "blog"),
                client("friend", "default"),
                client("stranger", "default"),
                client("guest", "blog"),
                service,
            ],
        );
        for name in ["a", "friend", "stranger"] {
            until_ready(&cluster, name);
        }
        cluster.kubectl_ok(&["wait", "-n", "blog", "--for=condition=Ready", "pod", "--all", "--timeout=60s"]);
        Self(cluster)
    }

    fn address(&self, name: &str, namespace: &str) -> String {
        let pod = self.0.get(&["pod", name, "-n", namespace]);
        pod["status"]["podIP"].as_str().unwrap().to_owned()
    }

    /// The clients that reach these, as `client>server` (a space between two).
    fn reach(&self, targets: &BTreeMap<&str, String>) -> String {
        let ask = |client: &str, namespace: &str| {
            let asks = targets.iter().map(|(name, target)| {
                format!("(timeout 1 wget -q -O /dev/null http://{target}/passwd && echo {client}'>'{name}) &")
            });
            let script = format!("{} wait", asks.collect::<String>());
            let ran = self.0.kubectl(&["exec", "-n", namespace, client, "--", "sh", "-c", &script]);
            ran.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let clients = [("friend", "default"), ("guest", "blog"), ("stranger", "default")];
        let mut found: Vec<String> = std::thread::scope(|scope| {
            let asking = clients.map(|(client, namespace)| scope.spawn(move || ask(client, namespace)));
            asking.into_iter().flat_map(|asking| asking.join().unwrap()).collect()
        });
        found.sort();
        found.join(" ")
    }

    /// Makes exactly these the policies of the default namespace, and waits until they are as `expected` says.
    fn expect(&self, policies: &[Value], targets: &BTreeMap<&str, String>, expected: &str) {
        self.0.kubectl_ok(&["delete", "networkpolicy", "--all"]);
        let named = policies.iter().enumerate().map(|(number, spec)| {
            json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": spec,
                "metadata": { "name": format!("p{number}") } })
        });
        let named: Vec<Value> = named.collect();
        if !named.is_empty() {
            apply(&self.0, &named);
        }
        let mut last = String::new();
        let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually("they are enforced", || {
                last = self.reach(targets);
                (last == expected).then_some(())
            });
        }));
        assert!(passed.is_ok(), "{named:?}\nlet pass  {last}\nand not   {expected}");
    }
}

fn of(mut pod: Value, namespace: &str, app: &str) -> Value {
    pod["metadata"]["namespace"] = json!(namespace);
    pod["metadata"]["labels"] = json!({ "app": app });
    pod["spec"]["terminationGracePeriodSeconds"] = json!(0);
    pod
}

fn app(name: &str) -> Value {
    json!({ "matchLabels": { "app": name } })
}

#[test]
fn policies_let_pass_what_they_say_and_nothing_else() {
    let world = World::new();
    let (a, b) = (world.address("a", "default"), world.address("b", "blog"));
    let targets = BTreeMap::from([
        ("a", a.clone()),
        ("a2", format!("{a}:81")),
        ("b", b.clone()),
        ("service", "a.default.svc.cluster.local".to_owned()),
    ]);
    let everything = "friend>a friend>a2 friend>b friend>service guest>a guest>a2 guest>b guest>service \
                      stranger>a stranger>a2 stranger>b stranger>service";
    let to_b = "friend>b guest>b stranger>b";
    world.expect(&[], &targets, everything);

    // Ingress: nobody; then by pod, namespace, both, block, port. Policies add up.
    let ingress =
        |rules: Value| json!({ "podSelector": app("a"), "policyTypes": ["Ingress"], "ingress": rules });
    let blog = json!({ "matchLabels": { "kubernetes.io/metadata.name": "blog" } });
    world.expect(&[ingress(json!([]))], &targets, to_b);
    let friend = || ingress(json!([{ "from": [{ "podSelector": app("friend") }] }]));
    world.expect(&[friend()], &targets, "friend>a friend>a2 friend>b friend>service guest>b stranger>b");
    let guest_80 = ingress(json!([{ "from": [{ "namespaceSelector": blog, "podSelector": app("guest") }],
        "ports": [{ "port": 80 }] }]));
    world.expect(
        &[friend(), guest_80],
        &targets,
        "friend>a friend>a2 friend>b friend>service guest>a guest>b guest>service stranger>b",
    );
    let stranger = world.address("stranger", "default");
    let block = json!({ "ipBlock": { "cidr": "10.42.0.0/16", "except": [format!("{stranger}/32")] } });
    let second = json!([{ "port": "second" }, { "port": 4000, "endPort": 5000 }]);
    world.expect(
        &[ingress(json!([{ "from": [block.clone()], "ports": second }]))],
        &targets,
        "friend>a2 friend>b guest>a2 guest>b stranger>b",
    );

    // Egress of the stranger: names still resolve, because its own node answers them.
    let egress =
        |rules: Value| json!({ "podSelector": app("stranger"), "policyTypes": ["Egress"], "egress": rules });
    let others = "friend>a friend>a2 friend>b friend>service guest>a guest>a2 guest>b guest>service";
    world.expect(&[egress(json!([]))], &targets, others);
    let to_80 =
        egress(json!([{ "to": [{ "podSelector": {} }], "ports": [{ "port": 80, "protocol": "TCP" }] }]));
    world.expect(&[to_80], &targets, &format!("{others} stranger>a stranger>service"));
    let named = egress(
        json!([{ "ports": [{ "port": "second" }] }, { "to": [{ "ipBlock": { "cidr": format!("{b}/32") } }] }]),
    );
    world.expect(&[named], &targets, &format!("{others} stranger>a2 stranger>b"));

    // Labels of a pod that change count, and so does a policy that goes.
    world.expect(&[friend()], &targets, "friend>a friend>a2 friend>b friend>service guest>b stranger>b");
    world.0.kubectl_ok(&["label", "pod", "stranger", "app=friend", "--overwrite"]);
    eventually("the stranger became a friend", || {
        world.reach(&targets).contains("stranger>a ").then_some(())
    });
    world.0.kubectl_ok(&["label", "pod", "stranger", "app=stranger", "--overwrite"]);
    world.expect(&[], &targets, everything);
}

#[test]
fn isolation_begins_with_the_first_packet_spares_probes_and_outlives_the_daemon() {
    let world = World::new();
    let cluster = &world.0;
    let targets = BTreeMap::from([("a", world.address("a", "default"))]);
    let deny = json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] });
    world.expect(&[deny], &targets, "");

    // Pods that try at once.
    let target = &targets["a"];
    let script = format!(
        "if timeout 1 wget -q -O /dev/null http://{target}/passwd; then echo open; else echo shut; fi"
    );
    let names: Vec<String> = (0..3).map(|number| format!("hasty-{number}")).collect();
    let spec = || json!({ "restartPolicy": "Never", "containers": [shell("c", &script)] });
    let pods: Vec<Value> = names.iter().map(|name| of(pod(name, spec()), "default", "hasty")).collect();
    apply(cluster, &pods);
    for name in &names {
        until_phase(cluster, name, "Succeeded");
        assert_eq!(logs(cluster, name, "c").lines().last(), Some("shut"), "{name}");
    }
    // Probes come from the node, which always reaches its own pods.
    let probed = with(
        shell("c", "exec httpd -f -p 80 -h /etc"),
        json!({ "readinessProbe": { "httpGet": { "port": 80, "path": "/passwd" }, "periodSeconds": 1 } }),
    );
    apply(cluster, &[of(pod("probed", json!({ "containers": [probed] })), "default", "probed")]);
    until_ready(cluster, "probed");
    // A pod reaches itself whatever holds.
    let own = world.address("probed", "default");
    exec(cluster, "probed", "c", &["wget", "-q", "-O", "/dev/null", &format!("http://{own}/passwd")]);

    // While nobody keeps policy up, what holds goes on, and no pod begins that nobody knows the rules of.
    cluster.ok(&["cluster", "component", "stop", "policy"]);
    assert_eq!(world.reach(&targets), "");
    apply(
        cluster,
        &[of(pod("late", json!({ "containers": [shell("c", "sleep 1000")] })), "default", "late")],
    );
    let told = e2e::objects::until_event(cluster, "late", "FailedCreatePodSandBox");
    assert!(told.contains("network policy"), "{told}");
    cluster.ok(&["cluster", "component", "start", "policy"]);
    until_ready(cluster, "late");

    cluster.kill_daemon();
    let tables = std::process::Command::new("nft").args(["list", "tables"]).output().unwrap();
    assert!(String::from_utf8_lossy(&tables.stdout).contains("inet launchway-policy"));
    cluster.ok(&["cluster", "start"]);
    assert_eq!(world.reach(&targets), "");
    cluster.kubectl_ok(&["delete", "networkpolicy", "--all"]);
    until(cluster, &["pod", "probed"], "still ready", |pod| {
        e2e::objects::condition(pod, "Ready")["status"] == "True"
    });
    eventually("without policies everybody passes", || {
        (world.reach(&targets) == "friend>a guest>a stranger>a").then_some(())
    });
}

#[test]
fn both_ends_of_a_way_between_nodes_are_looked_at() {
    let cluster = Cluster::new();
    cluster.ok(&["cluster", "start", "--nodes", "2"]);
    e2e::images::busybox(&cluster);
    let nodes = cluster.get(&["nodes"]);
    let nodes: Vec<&str> = nodes["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["metadata"]["name"].as_str().unwrap())
        .collect();
    let on = |name: &str, node: usize, script: &str| {
        let spec = json!({ "nodeName": nodes[node], "containers": [shell("c", script)] });
        of(pod(name, spec), "default", name)
    };
    let idle = "sleep 10000";
    apply(
        &cluster,
        &[
            on("first", 0, "exec httpd -f -p 80 -h /etc"),
            on("second", 1, "exec httpd -f -p 80 -h /etc"),
            on("here", 0, idle),
            on("there", 1, idle),
        ],
    );
    for name in ["first", "second", "here", "there"] {
        until_ready(&cluster, name);
    }
    let address = |name: &str| cluster.get(&["pod", name])["status"]["podIP"].as_str().unwrap().to_owned();
    let (first, second) = (address("first"), address("second"));
    let reach = || {
        let mut found = Vec::new();
        for (client, target, name) in
            [("here", &second, "second"), ("there", &first, "first"), ("there", &second, "second")]
        {
            let script =
                format!("timeout 1 wget -q -O /dev/null http://{target}/passwd && echo {client}'>'{name}");
            found.extend(
                cluster
                    .kubectl(&["exec", client, "--", "sh", "-c", &script])
                    .stdout
                    .lines()
                    .map(str::to_owned),
            );
        }
        found.join(" ")
    };
    let expect = |policy: Option<Value>, expected: &str| {
        cluster.kubectl_ok(&["delete", "networkpolicy", "--all"]);
        if let Some(spec) = policy {
            apply(
                &cluster,
                &[json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": spec,
                    "metadata": { "name": "p" } })],
            );
        }
        eventually(&format!("{expected:?} passes"), || (reach() == expected).then_some(()));
    };
    expect(None, "here>second there>first there>second");
    // What a pod of another node may reach is said where the server is, by the client's own address …
    let from = |name: &str| json!([{ "from": [{ "podSelector": app(name) }] }]);
    expect(Some(json!({ "podSelector": app("second"), "ingress": from("here") })), "here>second there>first");
    expect(
        Some(json!({ "podSelector": app("second"), "ingress": from("there") })),
        "there>first there>second",
    );
    // … and what it may ask for where the client is.
    let to = json!([{ "to": [{ "podSelector": app("first") }] }]);
    expect(
        Some(json!({ "podSelector": app("there"), "policyTypes": ["Egress"], "egress": to })),
        "here>second there>first",
    );
    expect(None, "here>second there>first there>second");
}
