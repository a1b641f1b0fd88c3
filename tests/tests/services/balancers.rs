//! Services of type LoadBalancer: at the nodes' addresses, and at addresses of a pool.

use e2e::{Cluster, eventually};
use serde_json::{Value, json};

use crate::world::{
    LAN, LAN6, OUTSIDE, Outside, answers, apply, ask, cluster, moment, ready, server, service, silent,
};

fn addresses(cluster: &Cluster, name: &str) -> Vec<String> {
    let service = cluster.get(&["service", name]);
    let ingress = service["status"]["loadBalancer"]["ingress"].as_array().cloned().unwrap_or_default();
    ingress.iter().map(|one| one["ip"].as_str().unwrap().to_owned()).collect()
}

fn balanced(cluster: &Cluster, name: &str) -> Vec<String> {
    eventually(&format!("{name} has an address"), || {
        Some(addresses(cluster, name)).filter(|all| !all.is_empty())
    })
}

fn patch(cluster: &Cluster, name: &str, spec: Value) {
    cluster.kubectl_ok(&[
        "patch",
        "service",
        name,
        "--type=merge",
        "-p",
        &json!({ "spec": spec }).to_string(),
    ]);
}

#[test]
fn a_load_balancer_is_served_at_the_nodes_addresses() {
    let cluster = cluster(&[]);
    let outside = Outside::new();
    apply(&cluster, &[server("a", "web", json!({}))]);
    ready(&cluster, &["a"]);
    cluster.kubectl_ok(&[
        "expose",
        "pod",
        "a",
        "--port=8080",
        "--target-port=80",
        "--type=LoadBalancer",
        "--name=web",
    ]);
    let internal =
        cluster.get(&["nodes"])["items"][0]["status"]["addresses"][0]["address"].as_str().unwrap().to_owned();
    assert_eq!(balanced(&cluster, "web"), std::slice::from_ref(&internal));
    let port = cluster.get(&["service", "web"])["spec"]["ports"][0]["nodePort"].as_i64().unwrap();
    let listed = cluster.kubectl_ok(&["get", "service", "web", "--no-headers"]);
    let columns: Vec<&str> = listed.split_whitespace().collect();
    assert_eq!(
        (columns[1], columns[3], columns[4]),
        ("LoadBalancer", internal.as_str(), format!("8080:{port}/TCP").as_str())
    );
    let described = cluster.kubectl_ok(&["describe", "service", "web"]);
    assert!(
        described.contains("LoadBalancer Ingress:") && described.contains(&format!("{internal} (VIP)")),
        "{described}"
    );
    eventually("the event", || {
        cluster.kubectl_ok(&["describe", "service", "web"]).contains("Ensured load balancer").then_some(())
    });
    // By every address that clients may know the machine by.
    for host in ["127.0.0.1:8080".to_owned(), format!("{internal}:8080"), format!("{LAN}:8080")] {
        answers(&host, "a ", || ask(&host));
    }
    assert_eq!(answers("from outside", "a ", || outside.ask(&format!("{LAN}:8080"))), format!("a {OUTSIDE}"));

    // Only some sources; node ports are not their matter.
    patch(&cluster, "web", json!({ "loadBalancerSourceRanges": ["203.0.113.0/24"] }));
    silent("other sources", || outside.ask(&format!("{LAN}:8080")));
    outside.ask(&format!("{LAN}:{port}")).unwrap();
    patch(&cluster, "web", json!({ "loadBalancerSourceRanges": ["203.0.113.0/24", "198.51.100.0/28"] }));
    answers("an allowed source", "a ", || outside.ask(&format!("{LAN}:8080")));
    let ran =
        cluster.kubectl(&["patch", "service", "web", "-p", r#"{"spec":{"loadBalancerSourceRanges":["x"]}}"#]);
    assert!(ran.stderr.contains("must be a valid CIDR value"), "{}", ran.stderr);
    patch(&cluster, "web", json!({ "loadBalancerSourceRanges": null }));

    // Both families.
    patch(&cluster, "web", json!({ "ipFamilyPolicy": "PreferDualStack" }));
    eventually("an IPv6 address", || (addresses(&cluster, "web").len() == 2).then_some(()));
    answers("from outside", "a ", || outside.ask(&format!("[{LAN6}]:8080")));

    // The port is taken: the second one waits, and says why, until the first is gone.
    apply(
        &cluster,
        &[service(
            "second",
            "web",
            json!({ "type": "LoadBalancer", "ports": [{ "port": 8080, "targetPort": 80 }] }),
        )],
    );
    let reason = "port 8080 of the nodes is taken by Service default/web";
    eventually("the second is told why", || {
        cluster.kubectl_ok(&["describe", "service", "second"]).contains(reason).then_some(())
    });
    assert!(cluster.kubectl_ok(&["get", "service", "second"]).contains("<pending>"));
    cluster.kubectl_ok(&["delete", "service", "web"]);
    balanced(&cluster, "second");
    answers("the second", "a ", || outside.ask(&format!("{LAN}:8080")));
    // It is no load balancer any more.
    patch(&cluster, "second", json!({ "type": "ClusterIP" }));
    eventually("its addresses go", || addresses(&cluster, "second").is_empty().then_some(()));
    silent("a Service of another type", || outside.ask(&format!("{LAN}:8080")));

    // Without node ports; of a foreign class; on a port of the cluster's own.
    apply(
        &cluster,
        &[
            service(
                "plain",
                "web",
                json!({ "type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": [{ "port": 8081, "targetPort": 80 }] }),
            ),
            service(
                "foreign",
                "web",
                json!({ "type": "LoadBalancer", "loadBalancerClass": "example.com/other", "ports": [{ "port": 8082 }] }),
            ),
            service("own", "web", json!({ "type": "LoadBalancer", "ports": [{ "port": 16443 }] })),
        ],
    );
    balanced(&cluster, "plain");
    assert_eq!(cluster.get(&["service", "plain"])["spec"]["ports"][0].get("nodePort"), None);
    answers("without a node port", "a ", || outside.ask(&format!("{LAN}:8081")));
    moment();
    assert!(addresses(&cluster, "foreign").is_empty() && addresses(&cluster, "own").is_empty());
    let ran =
        cluster.kubectl(&["patch", "service", "foreign", "-p", r#"{"spec":{"loadBalancerClass":"a/b"}}"#]);
    assert!(ran.stderr.contains("may not change once set"), "{}", ran.stderr);
}

#[test]
fn a_load_balancer_of_a_pool_is_answered_on_the_link() {
    let cluster = cluster(&["--load-balancer-pool", "198.51.100.64/30,2001:db8:51::100-2001:db8:51::101"]);
    let outside = Outside::new();
    let balancer = |name: &str| {
        service(name, "web", json!({ "type": "LoadBalancer", "ipFamilyPolicy": "PreferDualStack" }))
    };
    apply(&cluster, &[server("a", "web", json!({})), balancer("one"), balancer("two"), balancer("three")]);
    ready(&cluster, &["a"]);
    let (one, two) = (balanced(&cluster, "one"), balanced(&cluster, "two"));
    let mut all = [one.clone(), two.clone()].concat();
    all.sort();
    assert_eq!(all, ["198.51.100.65", "198.51.100.66", "2001:db8:51::100", "2001:db8:51::101"]);
    let node = cluster.get(&["nodes"])["items"][0]["metadata"]["name"].clone();
    assert_eq!(
        cluster.get(&["service", "one"])["metadata"]["annotations"]["launchway.dev/load-balancer-node"],
        node
    );
    // Nobody told the neighbour where these are: it asks by ARP and neighbour discovery.
    for host in [one[0].clone(), two[0].clone(), format!("[{}]", one[1]), format!("[{}]", two[1])] {
        answers(&host, "a ", || outside.ask(&host));
        answers(&host, "a ", || ask(&host));
    }
    let told = "no address of the pool is free";
    eventually("the third is told why", || {
        cluster.kubectl_ok(&["describe", "service", "three"]).contains(told).then_some(())
    });
    cluster.kubectl_ok(&["delete", "service", "one"]);
    assert_eq!(balanced(&cluster, "three"), one);
    answers("the third", "a ", || outside.ask(&one[0]));
    cluster.kubectl_ok(&["delete", "service", "two", "three"]);
    let held = || {
        let output =
            std::process::Command::new("ip").args(["address", "show", "dev", "lan0"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    eventually("the addresses are given back", || {
        let held = held();
        (!held.contains("198.51.100.6") && !held.contains("2001:db8:51::10")).then_some(())
    });
    assert!(held().contains(LAN), "the machine's own address stays");
    // A cluster that is deleted answers no more.
    apply(&cluster, &[balancer("four")]);
    let four = balanced(&cluster, "four");
    answers("the fourth", "a ", || outside.ask(&four[0]));
    cluster.ok(&["cluster", "delete"]);
    assert!(!held().contains(&four[0]), "{}", held());
}
