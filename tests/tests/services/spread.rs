//! Services in a cluster of several nodes: every node leads to every pod, unless it is told not to.

use std::collections::BTreeSet;

use e2e::{Cluster, eventually, images};
use serde_json::{Value, json};

use crate::world::{WHO, answers, apply, ask, cluster, service, silent};

/// On which nodes those who answer are.
fn nodes_of(mut ask: impl FnMut() -> Result<String, String>) -> BTreeSet<String> {
    (0..36).filter_map(|_| ask().ok()?.split(' ').nth(1).map(str::to_owned)).collect()
}

/// Asks as often without a failure.
fn always(what: &str, mut ask: impl FnMut() -> Result<String, String>) {
    for _ in 0..12 {
        ask().unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

fn in_pod(cluster: &Cluster, pod: &str, host: &str) -> Result<String, String> {
    crate::world::ask_in(cluster, pod, host)
}

#[test]
fn every_node_leads_to_the_pods_of_all() {
    let cluster = cluster(&["--nodes", "3"]);
    // Who answers, and on which node.
    let who = WHO.replace("$HOSTNAME", "$HOSTNAME $NODE");
    let container = json!({
        "name": "web", "image": images::BUSYBOX, "command": ["sh", "-c", format!("{who}exec httpd -f -p 80 -h /tmp")],
        "env": [{ "name": "NODE", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } }],
        "readinessProbe": { "tcpSocket": { "port": 80 }, "periodSeconds": 1 },
    });
    let labels = json!({ "app": "web" });
    let port = |port: u16, node: u16| json!([{ "port": port, "targetPort": 80, "nodePort": node }]);
    apply(
        &cluster,
        &[
            json!({
                "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "web" },
                "spec": { "selector": { "matchLabels": labels }, "template": { "metadata": { "labels": labels }, "spec": {
                    "terminationGracePeriodSeconds": 0, "containers": [container] } } },
            }),
            service(
                "all",
                "web",
                json!({ "type": "LoadBalancer", "ipFamilyPolicy": "RequireDualStack", "ports": port(8080, 30080) }),
            ),
            service(
                "local",
                "web",
                json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": port(8081, 30081) }),
            ),
            service("inner", "web", json!({ "internalTrafficPolicy": "Local" })),
            service("near", "web", json!({ "trafficDistribution": "PreferSameNode" })),
        ],
    );
    cluster.kubectl_ok(&["rollout", "status", "daemonset/web", "--timeout=60s"]);
    let nodes = cluster.get(&["nodes"])["items"].as_array().unwrap().clone();
    let name = |node: &Value| node["metadata"]["name"].as_str().unwrap().to_owned();
    let all: BTreeSet<String> = nodes.iter().map(name).collect();
    assert_eq!(all.len(), 3);
    let addresses = |node: &Value, six: bool| -> String {
        let list = node["status"]["addresses"].as_array().unwrap();
        let texts =
            list.iter().filter(|one| one["type"] == "InternalIP").map(|one| one["address"].as_str().unwrap());
        let address = texts.into_iter().find(|text| text.contains(':') == six).unwrap();
        if six { format!("[{address}]") } else { address.to_owned() }
    };
    let pod_on = |node: &str| {
        let pods =
            cluster.get(&["pods", "-l", "app=web", "--field-selector", &format!("spec.nodeName={node}")]);
        pods["items"][0]["metadata"]["name"].as_str().unwrap().to_owned()
    };
    let ips = |name: &str| -> Vec<String> {
        let list = cluster.get(&["service", name])["spec"]["clusterIPs"].as_array().unwrap().clone();
        list.iter().map(|ip| ip.as_str().unwrap().to_owned()).collect()
    };

    // By the Service's addresses, and by every address of every node, clients reach the pods of all nodes.
    let mut hosts = vec![
        "127.0.0.1:30080".to_owned(),
        format!("{}:8080", ips("all")[0]),
        format!("[{}]:8080", ips("all")[1]),
    ];
    for node in &nodes {
        hosts.extend([
            format!("{}:30080", addresses(node, false)),
            format!("{}:30080", addresses(node, true)),
        ]);
        hosts.push(format!("{}:8080", addresses(node, false)));
    }
    let away = name(&nodes[1]);
    let pod = pod_on(&away);
    for host in &hosts {
        answers(host, "web-", || ask(host));
        always(host, || ask(host));
        assert_eq!(nodes_of(|| ask(host)), all, "{host}");
        if host != "127.0.0.1:30080" {
            in_pod(&cluster, &pod, host).unwrap_or_else(|error| panic!("{host} from a pod: {error}"));
        }
    }
    let balanced = || {
        let status = cluster.get(&["service", "all"])["status"]["loadBalancer"]["ingress"].clone();
        status.as_array().map(Vec::len).filter(|count| *count == 6)
    };
    eventually("the load balancer has the addresses of all nodes", balanced);

    // Only the node's own pods where a policy says so; preferred ones where a distribution does.
    for node in &nodes[1..] {
        let host = format!("{}:30081", addresses(node, false));
        answers(&host, "web-", || ask(&host));
        assert_eq!(nodes_of(|| ask(&host)), BTreeSet::from([name(node)]), "{host}");
    }
    let own = BTreeSet::from([away.clone()]);
    for service in ["inner", "near"] {
        let ip = ips(service).remove(0);
        let seen: BTreeSet<String> = (0..6)
            .filter_map(|_| in_pod(&cluster, &pod, &ip).ok()?.split(' ').nth(1).map(str::to_owned))
            .collect();
        assert_eq!(seen, own, "{service}");
    }
    // A node that loses its pod: "Local" answers nobody there, the others go on, and the distribution looks further.
    cluster.kubectl_ok(&["label", "node", &away, "away=yes"]);
    let affinity = json!({ "spec": { "template": { "spec": { "affinity": { "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
            { "matchExpressions": [{ "key": "away", "operator": "DoesNotExist" }] }] } } } } } } });
    cluster.kubectl_ok(&["patch", "daemonset", "web", "-p", &affinity.to_string()]);
    cluster.kubectl_ok(&["rollout", "status", "daemonset/web", "--timeout=60s"]);
    let host = format!("{}:30081", addresses(&nodes[1], false));
    silent(&host, || ask(&host));
    let host = format!("{}:30080", addresses(&nodes[1], false));
    answers(&host, "web-", || ask(&host));
    let rest: BTreeSet<String> = all.iter().filter(|node| **node != away).cloned().collect();
    eventually("the others serve for it", || (nodes_of(|| ask(&host)) == rest).then_some(()));
    eventually("it is no address of the local load balancer", || {
        let service = cluster.get(&["service", "local"]);
        let ingress = service["status"]["loadBalancer"]["ingress"].as_array()?.clone();
        (ingress.len() == 2).then_some(())
    });
}
