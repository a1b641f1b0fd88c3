//! Machines that join. Each is a network namespace with an address of its own: two on one link, one behind a router.
//!
//! ```text
//!   first 192.0.2.1 ──┐
//!                     ├── router 192.0.2.254 / 198.51.100.254 ── far 198.51.100.3
//!   near  192.0.2.2 ──┘
//! ```

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Cluster, Ran, eventually, images, machine, objects};
use serde_json::Value;

use crate::world::{NODE_PORT, all_answer, internal_ip, web, web_on};

/// Runs a program that must succeed.
fn must(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `ip ARGUMENTS`, words divided by blanks.
fn ip(arguments: &str) {
    must("ip", &arguments.split(' ').collect::<Vec<_>>());
}

/// A machine: a network namespace, and a folder for its node.
struct Host {
    name: &'static str,
    home: PathBuf,
}

impl Host {
    /// A machine whose `eth0` leads to the router's `port`.
    fn new(folder: &Path, name: &'static str, address: &str, gateway: &str) -> Self {
        let namespace = namespace(name);
        ip(&format!("netns add {namespace}"));
        let router = namespace_of_router();
        ip(&format!("-n {router} link add {name} type veth peer name eth0 netns {namespace}"));
        ip(&format!("-n {namespace} link set lo up"));
        ip(&format!("-n {namespace} addr add {address}/24 dev eth0"));
        ip(&format!("-n {namespace} link set eth0 up"));
        ip(&format!("-n {namespace} route add default via {gateway}"));
        Self { name, home: folder.join(name) }
    }

    /// A program on this machine.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", file_of(self.name).display())).arg(program).args(arguments);
        command.env("LAUNCHWAY_HOME", &self.home).env_remove("KUBECONFIG");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(&std::env::var("LAUNCHWAY").unwrap(), arguments).output().unwrap();
        Ran {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        let log = std::fs::read_to_string(self.home.join("daemon.log")).unwrap_or_default();
        assert!(ran.success, "{}: {arguments:?}\n{}{}\n{log}", self.name, ran.stdout, ran.stderr);
        ran.stdout
    }

    /// The error of a command that must fail.
    fn fails(&self, arguments: &[&str], words: &[&str]) {
        let ran = self.run(arguments);
        assert!(!ran.success, "{arguments:?} must fail");
        for word in words {
            assert!(ran.stderr.contains(word), "{arguments:?}: {word:?} is not in\n{}", ran.stderr);
        }
    }

    /// The node's process.
    fn process(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.home.join("daemon.lock")).ok()?;
        text.trim().parse().ok().filter(|pid| machine::is_alive(*pid))
    }

    /// What the web server at an address says to this machine.
    fn ask(&self, address: &str) -> Result<String, String> {
        let url = format!("http://{address}/");
        let output =
            self.command("busybox", &["timeout", "3", "busybox", "wget", "-qO-", &url]).output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.run(&["cluster", "delete"]);
        let _ = Command::new("ip").args(["netns", "delete", &namespace(self.name)]).status();
    }
}

fn file_of(name: &str) -> PathBuf {
    Path::new("/run/netns").join(namespace(name))
}

fn namespace(name: &str) -> String {
    format!("lw-{}-{name}", std::process::id())
}

fn namespace_of_router() -> String {
    namespace("router")
}

/// The router with its two links; removed when dropped.
struct Router;

impl Router {
    fn new() -> Self {
        let router = namespace_of_router();
        ip(&format!("netns add {router}"));
        ip(&format!("-n {router} link set lo up"));
        ip(&format!("-n {router} link add near-link type bridge"));
        ip(&format!("-n {router} addr add 192.0.2.254/24 dev near-link"));
        ip(&format!("-n {router} link set near-link up"));
        let forward = ["netns", "exec", &router, "sysctl", "-qw", "net.ipv4.ip_forward=1"];
        must("ip", &forward);
        Self
    }

    /// Makes a machine a part of the link with 192.0.2.0/24.
    fn on_link(&self, name: &str) {
        let router = namespace_of_router();
        ip(&format!("-n {router} link set {name} master near-link"));
        ip(&format!("-n {router} link set {name} up"));
    }

    /// Gives a machine a link of its own.
    fn own_link(&self, name: &str, address: &str) {
        let router = namespace_of_router();
        ip(&format!("-n {router} addr add {address}/24 dev {name}"));
        ip(&format!("-n {router} link set {name} up"));
    }

    fn cut(&self, name: &str) {
        ip(&format!("-n {} link set {name} down", namespace_of_router()));
    }

    fn mend(&self, name: &str) {
        ip(&format!("-n {} link set {name} up", namespace_of_router()));
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &namespace_of_router()]).status();
    }
}

fn is_ready(first: &Cluster, node: &str) -> bool {
    let ran = first.kubectl(&["get", "node", node, "-o", "json"]);
    let node: Value = serde_json::from_str(&ran.stdout).unwrap_or(Value::Null);
    objects::condition(&node, "Ready")["status"] == "True"
}

/// When the certificate in the first PEM of a file ends, in openssl's words; changes with every renewal.
fn serial(file: &Path) -> String {
    must("openssl", &["x509", "-noout", "-serial", "-in", file.to_str().unwrap()])
}

#[test]
fn machines_join_with_a_token_reach_each_other_and_leave() {
    let router = Router::new();
    let folder = tempfile::Builder::new().prefix("lw").tempdir().unwrap();
    let first = Host::new(folder.path(), "first", "192.0.2.1", "192.0.2.254");
    let near = Host::new(folder.path(), "near", "192.0.2.2", "192.0.2.254");
    let far = Host::new(folder.path(), "far", "198.51.100.3", "198.51.100.254");
    router.on_link("first");
    router.on_link("near");
    router.own_link("far", "198.51.100.254");

    let cluster = Cluster::on_machine(file_of("first"));
    let started =
        ["cluster", "start", "--listen", "192.0.2.1", "--certificate-lifetime", "20s", "--node-grace", "6s"];
    cluster.ok(&started);
    // The administrator's certificate is renewed, too, in the cluster's own file.
    std::fs::remove_file(cluster.kubeconfig()).unwrap();
    std::os::unix::fs::symlink(cluster.home().join("admin.kubeconfig"), cluster.kubeconfig()).unwrap();
    let ok = |arguments: &[&str]| cluster.ok(arguments).stdout;
    let token = ok(&["cluster", "token", "create", "--ttl", "10m", "--description", "for the test"]);
    let token = token.trim();
    assert!(token.ends_with("@192.0.2.1:16443"), "{token}");
    let (id, pin) = (&token[..6], token.split("sha256:").nth(1).unwrap().split('@').next().unwrap());
    let listed = ok(&["cluster", "token", "list"]);
    assert!(listed.contains(id) && listed.contains("for the test"), "{listed}");
    assert!(!listed.contains(&token[7..23]), "the secret part is not shown: {listed}");

    // What can be wrong is said, and leaves nothing behind.
    let mut other_pin = pin.to_owned();
    other_pin.replace_range(..8, "00000000");
    near.fails(&["cluster", "join", "abc"], &["join token", "token create"]);
    near.fails(
        &["cluster", "join", &token.replace(pin, &other_pin)],
        &["192.0.2.1:16443", "is not the one", pin],
    );
    near.fails(
        &["cluster", "join", token, "--server", "192.0.2.9:16443"],
        &["no API server at 192.0.2.9:16443"],
    );
    near.fails(&["cluster", "join", token, "--node-name", "Not_Good"], &["Not_Good", "small letters"]);
    let spent = ok(&["cluster", "token", "create"]);
    ok(&["cluster", "token", "rm", spent.trim()]);
    near.fails(&["cluster", "join", spent.trim()], &[&spent[..6], "expired or was removed", "token create"]);
    let first_node = cluster.get(&["nodes"])["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    near.fails(&["cluster", "join", token, "--node-name", &first_node], &["already", "--node-name"]);
    assert!(!near.home.join("agent.json").exists());

    near.ok(&["cluster", "join", token, "--node-name", "near"]);
    far.ok(&["cluster", "join", token, "--node-name", "far"]);
    near.fails(&["cluster", "join", token, "--node-name", "again"], &["belongs to the node near"]);
    assert!(near.ok(&["cluster", "status"]).contains("Node near of cluster launchway"));
    let nodes = cluster.get(&["nodes"]);
    let addresses: Vec<String> =
        nodes["items"].as_array().unwrap().iter().map(|node| internal_ip(node).to_string()).collect();
    for address in ["192.0.2.1", "192.0.2.2", "198.51.100.3"] {
        assert!(addresses.iter().any(|known| known == address), "{address} is not in {addresses:?}");
    }

    // Pods of all three reach each other: by plain routes on the link, through the tunnel beyond it.
    for host in [&near, &far] {
        images::busybox_in(&host.home);
    }
    web(&cluster);
    let names: std::collections::BTreeSet<String> = [first_node.clone(), "near".into(), "far".into()].into();
    for node in &names {
        let server = web_on(&cluster, node);
        let pod = server["metadata"]["name"].as_str().unwrap();
        all_answer(&names, &format!("the Service from {node}"), || {
            let url = "http://web.default.svc.cluster.local/";
            let ran = cluster.kubectl(&["exec", pod, "--", "timeout", "3", "wget", "-qO-", url]);
            if ran.success { Ok(ran.stdout) } else { Err(ran.stderr) }
        });
        let log = cluster.kubectl(&["logs", pod]);
        assert!(log.success, "{}", log.stderr);
    }
    for (host, address) in [(&far, "192.0.2.1"), (&first, "198.51.100.3"), (&near, "192.0.2.2")] {
        let place = format!("{address}:{NODE_PORT}");
        all_answer(&names, &format!("node port {place} from {}", host.name), || host.ask(&place));
    }
    let routes = |host: &Host| must("ip", &["-n", &namespace(host.name), "route", "show", "proto", "109"]);
    assert!(routes(&near).contains("via 192.0.2.1 dev eth0"), "{}", routes(&near));
    assert!(routes(&near).contains("dev vlw0"), "the far one is behind a tunnel: {}", routes(&near));

    // Certificates are renewed by themselves, those of nodes by request, and nobody is interrupted.
    let files = [
        far.home.join("pki/kubelet-client.pem"),
        far.home.join("pki/kubelet-serving.pem"),
        cluster.home().join("pki/apiserver.pem"),
        cluster.home().join("pki/kubelet-client.pem"),
    ];
    let processes = (cluster.daemon(), far.process());
    let before: Vec<String> = files.iter().map(|file| serial(file)).collect();
    for (file, before) in files.iter().zip(&before) {
        eventually(&format!("{} is renewed", file.display()), || (serial(file) != *before).then_some(()));
    }
    assert_eq!((cluster.daemon(), far.process()), processes, "nothing was started again");
    assert!(is_ready(&cluster, "far") && is_ready(&cluster, "near"));
    let far_pod = web_on(&cluster, "far");
    let pod = far_pod["metadata"]["name"].as_str().unwrap();
    assert_eq!(cluster.kubectl_ok(&["exec", pod, "--", "cat", "/www/index.html"]).trim(), "far");

    // Longer lives from here on: a node whose certificate ends while it cannot ask for another one is out.
    ok(&["cluster", "stop"]);
    cluster.ok(&["cluster", "start", "--certificate-lifetime", "1h"]);
    for host in [&near, &far] {
        let file = host.home.join("pki/kubelet-client.pem");
        let long = || {
            Command::new("openssl").args(["x509", "-noout", "-checkend", "600", "-in"]).arg(&file).output()
        };
        eventually("the next certificate lives longer", || long().unwrap().status.success().then_some(()));
    }

    // A cut link is a silent node; mended, it is back with the same pods.
    router.cut("far");
    eventually("the node behind the cut is not ready", || (!is_ready(&cluster, "far")).then_some(()));
    router.mend("far");
    ip(&format!("-n {} addr replace 198.51.100.254/24 dev far", namespace_of_router()));
    eventually("the node is back", || is_ready(&cluster, "far").then_some(()));
    assert_eq!(web_on(&cluster, "far")["metadata"]["uid"], far_pod["metadata"]["uid"]);

    // Leaving: no pods, no Node, nothing on the machine. Deleting is for when the cluster is not asked.
    near.ok(&["cluster", "leave"]);
    assert!(!cluster.kubectl(&["get", "node", "near"]).success);
    assert!(!near.home.exists() && routes(&near).is_empty());
    let links = must("ip", &["-n", &namespace("near"), "-o", "link"]);
    assert!(!links.contains("lw0"), "{links}");
    near.fails(&["cluster", "leave"], &["no node"]);
    // The name is free again.
    near.ok(&["cluster", "join", token, "--node-name", "near"]);
    ok(&["cluster", "stop"]);
    near.fails(&["cluster", "leave"], &["--force"]);
    near.ok(&["cluster", "leave", "--force"]);
    assert!(!near.home.exists());
    assert_eq!(far.process(), processes.1, "a node goes on without its cluster");
}
