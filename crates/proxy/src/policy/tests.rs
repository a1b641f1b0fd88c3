//! Which pods are isolated, and what they are allowed: a table of policies over one small cluster.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use network::policy::{Allow, Peer, Peers, Ports, Rules};
use serde_json::{Value, json};

use super::plan::{View, plan};

fn pod(namespace: &str, name: &str, last: u8, labels: Value) -> Value {
    json!({
        "metadata": { "namespace": namespace, "name": name, "uid": name, "labels": labels },
        "spec": { "nodeName": "here", "containers": [{ "name": "c", "ports": [
            { "name": "http", "containerPort": 8000 + i32::from(last) },
            { "name": "http", "containerPort": 9000, "protocol": "UDP" },
        ] }] },
        "status": { "phase": "Running", "podIP": format!("10.42.0.{last}"),
            "podIPs": [{ "ip": format!("10.42.0.{last}") }] },
    })
}

fn cluster() -> Vec<Value> {
    let mut elsewhere = pod("shop", "far", 5, json!({ "app": "web" }));
    elsewhere["spec"]["nodeName"] = json!("there");
    vec![
        pod("shop", "web", 2, json!({ "app": "web" })),
        pod("shop", "db", 3, json!({ "app": "db" })),
        pod("blog", "blog", 4, json!({ "app": "web" })),
        elsewhere,
    ]
}

fn policy(spec: Value) -> Value {
    json!({ "metadata": { "namespace": "shop", "name": "p" }, "spec": spec })
}

fn rules(policies: &[Value], pods: &[Value]) -> Rules {
    rules_with(policies, pods, &[])
}

fn rules_with(policies: &[Value], pods: &[Value], starting: &[(Value, &str)]) -> Rules {
    let policies: Vec<Arc<NetworkPolicy>> =
        policies.iter().map(|p| serde_json::from_value(p.clone()).unwrap()).collect();
    let parse = |pod: &Value| -> Arc<Pod> { serde_json::from_value(pod.clone()).unwrap() };
    let pods: Vec<Arc<Pod>> = pods.iter().map(parse).collect();
    let namespaces: Vec<Arc<Namespace>> = ["shop", "blog"]
        .map(
            |name| json!({ "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } } }),
        )
        .map(|namespace| serde_json::from_value(namespace).unwrap())
        .to_vec();
    let starting: HashMap<String, (Arc<Pod>, Vec<IpAddr>)> = starting
        .iter()
        .map(|(pod, address)| {
            let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
            (uid, (parse(pod), vec![address.parse().unwrap()]))
        })
        .collect();
    let view =
        View { policies: &policies, pods: &pods, namespaces: &namespaces, node: "here", starting: &starting };
    plan(&view)
}

/// Last bytes of addresses.
fn lasts<'a>(addresses: impl Iterator<Item = &'a IpAddr>) -> Vec<String> {
    addresses.map(|address| address.to_string().rsplit('.').next().unwrap().to_owned()).collect()
}

/// A list in words: `2,3:tcp/80` are the pods 2 and 3 at TCP port 80.
fn words(rules: &Rules, list: Option<&Arc<[Allow]>>) -> String {
    let Some(list) = list else { return "open".to_owned() };
    let protocol = |number: u8| match number {
        6 => "tcp",
        17 => "udp",
        _ => "sctp",
    };
    let peers = |peers: &Peers| match peers {
        Peers::Anyone => "all".to_owned(),
        Peers::Only(list) => {
            let peer = |peer: &Peer| match peer {
                Peer::Group(name) => lasts(rules.groups[name].iter()).join(","),
                Peer::Ports(name) => {
                    let ports = rules.ports[name].iter().map(|(address, number, port)| {
                        format!(
                            "{}={}/{port}",
                            lasts(std::iter::once(address)).join(""),
                            protocol(number.number())
                        )
                    });
                    ports.collect::<Vec<_>>().join(",")
                }
                Peer::Block { network, except } => {
                    except.iter().fold(network.to_string(), |text, hole| format!("{text}-{hole}"))
                }
            };
            list.iter().map(peer).collect::<Vec<_>>().join("+")
        }
    };
    let ports = |ports: &Ports| match ports {
        Ports::Any => String::new(),
        Ports::Only(ranges) => {
            let range = |range: &network::policy::PortRange| {
                let wide = if range.first == range.last { String::new() } else { format!("-{}", range.last) };
                format!("{}/{}{wide}", protocol(range.protocol.number()), range.first)
            };
            format!(":{}", ranges.iter().map(range).collect::<Vec<_>>().join(","))
        }
    };
    list.iter()
        .map(|allow| format!("{}{}", peers(&allow.peers), ports(&allow.ports)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// What holds for each isolated pod: last byte, ingress, egress.
fn told(rules: &Rules) -> BTreeMap<String, (String, String)> {
    let of = |(address, pod): (&IpAddr, &network::policy::PodRules)| {
        let both = (words(rules, pod.ingress.as_ref()), words(rules, pod.egress.as_ref()));
        (lasts(std::iter::once(address)).join(""), both)
    };
    rules.pods.iter().map(of).collect()
}

#[test]
fn a_policy_isolates_whom_it_selects_in_the_directions_it_speaks_of() {
    let web = || json!({ "matchLabels": { "app": "web" } });
    for (spec, expected) in [
        // Everything in the namespace on this node.
        (json!({ "podSelector": {} }), vec![("2", "", "open"), ("3", "", "open")]),
        (json!({ "podSelector": web() }), vec![("2", "", "open")]),
        (json!({ "podSelector": web(), "policyTypes": ["Egress"] }), vec![("2", "open", "")]),
        (json!({ "podSelector": web(), "policyTypes": ["Ingress", "Egress"] }), vec![("2", "", "")]),
        (json!({ "podSelector": web(), "egress": [{}] }), vec![("2", "", "all")]),
        (json!({ "podSelector": web(), "ingress": [{}] }), vec![("2", "all", "open")]),
        (json!({ "podSelector": { "matchLabels": { "app": "other" } } }), vec![]),
        (
            json!({ "podSelector": { "matchExpressions": [
                { "key": "app", "operator": "NotIn", "values": ["web"] }] } }),
            vec![("3", "", "open")],
        ),
    ] {
        let rules = rules(&[policy(spec.clone())], &cluster());
        let expected: BTreeMap<String, (String, String)> = expected
            .into_iter()
            .map(|(pod, ingress, egress)| (pod.to_owned(), (ingress.to_owned(), egress.to_owned())))
            .collect();
        assert_eq!(told(&rules), expected, "{spec}");
    }
    assert_eq!(rules(&[], &cluster()), Rules::default());
}

#[test]
fn peers_and_ports() {
    let of = |from: Value, ports: Value| {
        let spec = json!({ "podSelector": { "matchLabels": { "app": "db" } }, "policyTypes": ["Ingress", "Egress"],
            "ingress": [{ "from": from, "ports": ports }], "egress": [{ "to": from, "ports": ports }] });
        told(&rules(&[policy(spec)], &cluster()))["3"].clone()
    };
    let both = |text: &str| (text.to_owned(), text.to_owned());
    let none = || json!([]);
    // Pods of the policy's own namespace, of others, of some of others.
    assert_eq!(of(json!([{ "podSelector": {} }]), none()), both("2,3,5"));
    assert_eq!(of(json!([{ "podSelector": { "matchLabels": { "app": "web" } } }]), none()), both("2,5"));
    assert_eq!(of(json!([{ "namespaceSelector": {} }]), none()), both("2,3,4,5"));
    let blog = json!({ "matchLabels": { "kubernetes.io/metadata.name": "blog" } });
    assert_eq!(of(json!([{ "namespaceSelector": blog }]), none()), both("4"));
    let db = json!({ "matchLabels": { "app": "db" } });
    assert_eq!(of(json!([{ "namespaceSelector": blog, "podSelector": db }]), none()), both(""));
    // Several peers add up.
    let either = json!([{ "namespaceSelector": blog }, { "podSelector": db }]);
    assert_eq!(of(either, none()), both("4+3"));
    let block = json!([{ "ipBlock": { "cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.3.4/16"] } }]);
    assert_eq!(of(block, none()), both("10.0.0.0/8-10.1.0.0/16-10.2.0.0/16"));
    // Ports.
    let ports = json!([{ "port": 80 }, { "port": 53, "protocol": "UDP" }, { "port": 7, "protocol": "SCTP" }]);
    assert_eq!(of(none(), ports), both("all:tcp/80,udp/53,sctp/7"));
    let ports = json!([{ "port": 80, "endPort": 90 }, { "protocol": "UDP" }]);
    assert_eq!(of(none(), ports), both("all:tcp/80-90,udp/0-65535"));
    // Named ports: the selected pod's own for ingress, each peer's own for egress.
    let named = json!([{ "port": "http" }, { "port": 1 }]);
    assert_eq!(
        of(json!([{ "namespaceSelector": blog }]), named.clone()),
        ("4:tcp/1,tcp/8003".to_owned(), "4:tcp/1 4=tcp/8004".to_owned()),
    );
    let udp = json!([{ "port": "http", "protocol": "UDP" }]);
    assert_eq!(
        of(none(), udp),
        ("all:udp/9000".to_owned(), "2=udp/9000,3=udp/9000,4=udp/9000,5=udp/9000".to_owned()),
    );
    assert_eq!(of(none(), json!([{ "port": "absent" }])), (String::new(), String::new()));
}

#[test]
fn policies_add_up() {
    let from = |label: &str| json!([{ "podSelector": { "matchLabels": { "app": label } } }]);
    let mut first = policy(json!({ "podSelector": {}, "ingress": [{ "from": from("web") }] }));
    first["metadata"]["name"] = json!("first");
    let second = policy(json!({ "podSelector": { "matchLabels": { "app": "db" } },
        "ingress": [{ "from": from("db"), "ports": [{ "port": 1 }] }] }));
    let rules = rules(&[first, second], &cluster());
    let told = told(&rules);
    assert_eq!(told["2"].0, "2,5");
    assert_eq!(told["3"].0, "3:tcp/1 2,5");
}

#[test]
fn pods_without_an_address_of_their_own_are_nobody() {
    let all = [policy(json!({ "podSelector": {}, "ingress": [{ "from": [{ "podSelector": {} }] }] }))];
    let with = |change: fn(&mut Value)| {
        let mut pods = cluster();
        change(&mut pods[0]);
        let rules = rules(&all, &pods);
        (told(&rules).len(), told(&rules)["3"].0.clone())
    };
    assert_eq!(with(|_| {}), (2, "2,3,5".to_owned()));
    assert_eq!(with(|pod| pod["spec"]["hostNetwork"] = json!(true)), (1, "3,5".to_owned()));
    assert_eq!(with(|pod| pod["status"]["phase"] = json!("Failed")), (1, "3,5".to_owned()));
    assert_eq!(with(|pod| pod["status"] = json!({})), (1, "3,5".to_owned()));
}

#[test]
fn a_pod_counts_from_when_its_address_is_chosen() {
    let all = [policy(json!({ "podSelector": { "matchLabels": { "app": "web" } },
        "ingress": [{ "from": [{ "podSelector": {} }] }] }))];
    let mut new = pod("shop", "new", 9, json!({ "app": "web" }));
    new["status"] = json!({ "phase": "Pending" });
    let mut pods = cluster();
    // Whether the watch has shown it yet or not.
    for known in [false, true] {
        if known {
            pods.push(new.clone());
        }
        let rules = rules_with(&all, &pods, &[(new.clone(), "10.42.0.7")]);
        assert_eq!(told(&rules)["7"].0, "2,3,5,7", "{known}");
    }
    // An earlier holder of the address that is not forgotten yet has lost it.
    let mut old = pod("blog", "old", 7, json!({}));
    old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    pods.push(old);
    let rules = rules_with(&all, &pods, &[(new, "10.42.0.7")]);
    assert_eq!(told(&rules)["7"].0, "2,3,5,7");
}
