//! What tests with several nodes share: a web server on each, and questions about nodes.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use e2e::{Cluster, eventually, http, images, objects};
use serde_json::{Value, json};

/// Port of the web servers on every node.
pub(crate) const NODE_PORT: u16 = 30090;

/// Names of all nodes that are ready.
pub(crate) fn ready(cluster: &Cluster) -> BTreeSet<String> {
    let nodes = cluster.get(&["nodes"]);
    let nodes = nodes["items"].as_array().unwrap().iter();
    let is_ready = |node: &&Value| objects::condition(node, "Ready")["status"] == "True";
    nodes.filter(is_ready).map(|node| node["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// The address of a node that the others know.
pub(crate) fn internal_ip(node: &Value) -> IpAddr {
    let addresses = node["status"]["addresses"].as_array().unwrap();
    let internal = addresses.iter().find(|address| address["type"] == "InternalIP").unwrap();
    internal["address"].as_str().unwrap().parse().unwrap()
}

/// A web server on each node, which answers with the node's name, behind the Service `web` and its node port.
pub(crate) fn web(cluster: &Cluster) {
    let image = images::busybox(cluster);
    let script = "mkdir /www && echo $NODE > /www/index.html && exec httpd -f -p 8080 -h /www";
    let container = json!({
        "name": "web", "image": image, "command": ["sh", "-c", script],
        "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
    });
    let labels = json!({"app": "web"});
    objects::apply(
        cluster,
        &[
            json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "web"}, "spec": {
                "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
                "type": "NodePort", "selector": labels,
                "ports": [{"port": 80, "targetPort": 8080, "nodePort": NODE_PORT}]}}),
        ],
    );
}

/// The ready web server on a node: its pod.
pub(crate) fn web_on(cluster: &Cluster, node: &str) -> Value {
    eventually(&format!("a web server is ready on {node}"), || {
        let pods =
            cluster.get(&["pods", "-l", "app=web", "--field-selector", &format!("spec.nodeName={node}")]);
        let pod = pods["items"].as_array()?.first()?.clone();
        (objects::condition(&pod, "Ready")["status"] == "True").then_some(pod)
    })
}

/// Asks until every one of `nodes` has answered.
pub(crate) fn all_answer(
    nodes: &BTreeSet<String>,
    what: &str,
    mut ask: impl FnMut() -> Result<String, String>,
) {
    let mut answered = BTreeSet::new();
    let mut last = String::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while &answered != nodes {
        match ask() {
            Ok(name) => drop(answered.insert(name.trim().to_owned())),
            Err(error) => last = error,
        }
        assert!(Instant::now() < deadline, "{what}: only {answered:?} of {nodes:?} answered; {last}");
    }
}

/// Asks the web server at an address for its node's name.
pub(crate) fn ask(address: IpAddr, port: u16) -> Result<String, String> {
    match http::request("GET", SocketAddr::new(address, port), "/", "")? {
        (200, body) => Ok(body),
        (status, body) => Err(format!("{status} {body}")),
    }
}

/// A pod on that node, bound to it by name, that runs a shell script.
pub(crate) fn pod_on(node: &str, name: &str, script: &str) -> Value {
    let spec = json!({"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [objects::shell("main", script)]});
    objects::pod(name, spec)
}
