//! What the tests of services share: pods that say who they are and whom they see, and a machine outside.

use std::process::{Child, Command};
use std::time::Duration;

use e2e::{Cluster, eventually, images};
use serde_json::{Value, json};

/// The node's address on the link to [`Outside`], and the other end's.
pub(crate) const LAN: &str = "198.51.100.1";
pub(crate) const OUTSIDE: &str = "198.51.100.9";
/// The node's address there over IPv6.
pub(crate) const LAN6: &str = "2001:db8:51::1";

/// Makes `/tmp/cgi-bin/who`, which answers with the pod's name and the client's address.
pub(crate) const WHO: &str = r"mkdir -p /tmp/cgi-bin
cat > /tmp/cgi-bin/who <<'END'
#!/bin/sh
printf '\r\n'
echo $HOSTNAME $REMOTE_ADDR
END
chmod +x /tmp/cgi-bin/who
";

/// A started cluster that has busybox.
pub(crate) fn cluster(arguments: &[&str]) -> Cluster {
    let cluster = Cluster::new();
    cluster.ok(&[&["cluster", "start"], arguments].concat());
    images::busybox(&cluster);
    cluster
}

/// Applies objects.
pub(crate) fn apply(cluster: &Cluster, objects: &[Value]) {
    let file = cluster.folder().join("objects.json");
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    std::fs::write(&file, list.to_string()).unwrap();
    cluster.kubectl_ok(&["apply", "-f", file.to_str().unwrap()]);
}

/// A pod labelled `app` that serves HTTP at port 80: at `/cgi-bin/who` its name and the client's address.
pub(crate) fn server(name: &str, app: &str, spec: Value) -> Value {
    let script = format!("{WHO}trap 'exit 0' TERM; httpd -f -p 80 -h /tmp & wait");
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": { "app": app } },
        "spec": {
            "terminationGracePeriodSeconds": 10,
            "containers": [{
                "name": "web", "image": images::BUSYBOX, "command": ["sh", "-c", script],
                "ports": [{ "name": "http", "containerPort": 80 }],
                "readinessProbe": { "tcpSocket": { "port": 80 }, "periodSeconds": 1 },
            }],
        },
    });
    merge(&mut pod["spec"], spec);
    pod
}

/// A pod that waits for commands.
pub(crate) fn client(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name },
        "spec": { "terminationGracePeriodSeconds": 0, "containers": [
            { "name": "sh", "image": images::BUSYBOX, "command": ["sleep", "1000000"] },
        ]},
    })
}

/// A Service of the pods labelled `app`, port 80.
pub(crate) fn service(name: &str, app: &str, spec: Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
        "spec": { "selector": { "app": app }, "ports": [{ "port": 80 }] },
    });
    merge(&mut service["spec"], spec);
    service
}

/// Lays one object over another: objects are merged, everything else replaced.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Waits until these pods are ready.
pub(crate) fn ready(cluster: &Cluster, pods: &[&str]) {
    let names: Vec<String> = pods.iter().map(|name| format!("pod/{name}")).collect();
    let mut arguments = vec!["wait", "--for=condition=Ready", "--timeout=60s"];
    arguments.extend(names.iter().map(String::as_str));
    cluster.kubectl_ok(&arguments);
}

/// The answer of `who` at `host` (an address or name, with a port), asked by a pod.
pub(crate) fn ask_in(cluster: &Cluster, pod: &str, host: &str) -> Result<String, String> {
    let url = format!("http://{host}/cgi-bin/who");
    let ran = cluster.kubectl(&["exec", pod, "--", "timeout", "3", "wget", "-q", "-O", "-", &url]);
    if ran.success { Ok(plain(&ran.stdout)) } else { Err(ran.stderr) }
}

/// The same, asked by a process of the node.
pub(crate) fn ask(host: &str) -> Result<String, String> {
    fetch(Command::new("curl"), host)
}

/// An answer with the client's address as one writes it; httpd writes `[::ffff:192.0.2.1]` for IPv4.
fn plain(answer: &str) -> String {
    answer.trim().replace("[::ffff:", "").replace(['[', ']'], "")
}

fn fetch(mut command: Command, host: &str) -> Result<String, String> {
    let url = format!("http://{host}/cgi-bin/who");
    let output = command.args(["-sSfg", "-m", "2", &url]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(plain(&text(&output.stdout))) } else { Err(text(&output.stderr)) }
}

/// Waits until the answer begins with `expected`: rules follow objects within some milliseconds.
pub(crate) fn answers(what: &str, expected: &str, mut ask: impl FnMut() -> Result<String, String>) -> String {
    eventually(&format!("{what} answers as {expected}"), || {
        ask().ok().filter(|text| text.starts_with(expected))
    })
}

/// Waits until nobody answers, then makes sure that it stays so.
pub(crate) fn silent(what: &str, mut ask: impl FnMut() -> Result<String, String>) {
    eventually(&format!("{what} answers no more"), || ask().is_err().then_some(()));
    assert!(ask().is_err(), "{what}");
}

/// A machine on a link of the node's; gone when dropped.
pub(crate) struct Outside {
    namespace: Child,
}

impl Outside {
    pub(crate) fn new() -> Self {
        let namespace = Command::new("unshare").args(["-n", "sleep", "1000000"]).spawn().unwrap();
        let pid = namespace.id().to_string();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        eventually("the other machine's network", || {
            let other = std::fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
            (other != own).then_some(())
        });
        let outside = Self { namespace };
        ip(&["link", "add", "lan0", "type", "veth", "peer", "name", "eth0", "netns", &pid]);
        for address in [format!("{LAN}/24"), format!("{LAN6}/64")] {
            ip(&["address", "add", &address, "dev", "lan0", "nodad"]);
        }
        ip(&["link", "set", "lan0", "up"]);
        for arguments in [
            vec!["address", "add", "198.51.100.9/24", "dev", "eth0"],
            vec!["address", "add", "2001:db8:51::9/64", "dev", "eth0", "nodad"],
            vec!["link", "set", "eth0", "up"],
            vec!["link", "set", "lo", "up"],
            vec!["route", "add", "default", "via", LAN],
            vec!["-6", "route", "add", "default", "via", LAN6],
        ] {
            let done = outside.command("ip").args(&arguments).status().unwrap();
            assert!(done.success(), "ip {arguments:?}");
        }
        outside
    }

    /// A command on the other machine.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.namespace.id().to_string(), "-n", program]);
        command
    }

    /// The answer of `who` at `host`, asked from there.
    pub(crate) fn ask(&self, host: &str) -> Result<String, String> {
        fetch(self.command("curl"), host)
    }

    /// Status and body of an HTTP answer.
    pub(crate) fn curl(&self, url: &str) -> Option<(String, String)> {
        let output =
            self.command("curl").args(["-sg", "-m", "3", "-w", "\n%{http_code}", url]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n')?;
        output.status.success().then(|| (status.to_owned(), body.to_owned()))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "delete", "lan0"]).status();
        let _ = self.namespace.kill();
        let _ = self.namespace.wait();
    }
}

fn ip(arguments: &[&str]) {
    assert!(Command::new("ip").args(arguments).status().unwrap().success(), "ip {arguments:?}");
}

/// A moment for something that must not happen.
pub(crate) fn moment() {
    std::thread::sleep(Duration::from_millis(300));
}
