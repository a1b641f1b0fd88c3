//! IPv4 and IPv6 beside each other: pods, nodes, Services that have one family or two.

use e2e::eventually;
use serde_json::{Value, json};

use crate::world::{answers, apply, ask, ask_in, client, cluster, ready, server, service, silent};

#[test]
fn pods_and_services_have_both_families_and_change_between_one_and_two() {
    let cluster = cluster(&[]);
    apply(
        &cluster,
        &[
            server("a", "web", json!({})),
            client("client"),
            service("two", "web", json!({ "ipFamilyPolicy": "PreferDualStack" })),
            service("six", "web", json!({ "ipFamilies": ["IPv6"] })),
            service("four", "web", json!({})),
            service("none", "web", json!({ "clusterIP": "None", "ipFamilyPolicy": "RequireDualStack" })),
        ],
    );
    ready(&cluster, &["a", "client"]);

    // Nodes and pods.
    let node = &cluster.get(&["nodes"])["items"][0];
    let cidrs = node["spec"]["podCIDRs"].as_array().unwrap();
    assert!(cidrs.len() == 2 && cidrs[1].as_str().unwrap().starts_with("fd00:10:42:"), "{cidrs:?}");
    let internal: Vec<&Value> = of_type(&node["status"]["addresses"], "InternalIP");
    assert!(internal.len() == 2 && internal[1]["address"].as_str().unwrap().contains(':'), "{internal:?}");
    let pod = cluster.get(&["pod", "a"]);
    let ips: Vec<&str> = texts(&pod["status"]["podIPs"], "ip");
    assert_eq!(ips[0], pod["status"]["podIP"].as_str().unwrap());
    let (four, six) = (ips[0], format!("[{}]", ips[1]));
    assert_eq!(texts(&pod["status"]["hostIPs"], "ip").len(), 2);
    let shown = cluster.kubectl_ok(&["exec", "a", "--", "cat", "/etc/hosts"]);
    assert!(ips.iter().all(|ip| shown.contains(&format!("{ip}\ta\n"))), "{shown}");
    assert!(
        cluster
            .kubectl_ok(&["describe", "pod", "a"])
            .contains(&format!("IPs:\n  IP:  {}\n  IP:  {}", ips[0], ips[1]))
    );
    for host in [four, &six] {
        answers("the pod itself", "a ", || ask(host));
        answers("the pod itself", "a ", || ask_in(&cluster, "client", host));
    }

    // Services.
    let ips_of = |name: &str| texts_of(&cluster.get(&["service", name])["spec"]["clusterIPs"]);
    let spec = |name: &str| cluster.get(&["service", name])["spec"].clone();
    assert_eq!(spec("two")["ipFamilies"], json!(["IPv4", "IPv6"]));
    assert_eq!(spec("four")["ipFamilyPolicy"], "SingleStack");
    let (two, one) = (ips_of("two"), ips_of("six"));
    assert!(two.len() == 2 && two[1].starts_with("fd00:10:43::") && one.len() == 1 && one[0].contains(':'));
    for host in [two[0].clone(), format!("[{}]", two[1]), format!("[{}]", one[0])] {
        answers(&host, "a ", || ask(&host));
        answers(&host, "a ", || ask_in(&cluster, "client", &host));
        answers(&host, "a ", || ask_in(&cluster, "a", &host));
    }
    let described = cluster.kubectl_ok(&["describe", "service", "two"]);
    let lines: Vec<String> =
        described.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "IP Family Policy: PreferDualStack",
        "IP Families: IPv4,IPv6",
        &format!("IPs: {},{}", two[0], two[1]),
    ] {
        assert!(lines.iter().any(|l| l == line), "{line:?} is not in\n{described}");
    }
    let families = |service: &str| {
        let slices = cluster.get(&["endpointslices", "-l", &format!("kubernetes.io/service-name={service}")]);
        let mut families =
            texts(&slices["items"], "addressType").iter().map(|t| t.to_string()).collect::<Vec<_>>();
        families.sort();
        families
    };
    assert_eq!((families("two"), families("none")), (both(), both()));
    assert_eq!((families("four"), families("six")), (vec!["IPv4".to_owned()], vec!["IPv6".to_owned()]));

    // Down to one family and up again.
    let policy = |name: &str, policy: &str| {
        cluster.kubectl_ok(&[
            "patch",
            "service",
            name,
            "-p",
            &json!({"spec": {"ipFamilyPolicy": policy}}).to_string(),
        ])
    };
    let second = format!("[{}]", two[1]);
    policy("two", "SingleStack");
    assert_eq!(ips_of("two"), two[..1]);
    eventually("the IPv6 slice goes", || (families("two") == ["IPv4"]).then_some(()));
    silent("the address given back", || ask(&second));
    answers("the address kept", "a ", || ask(&two[0]));
    assert!(
        cluster
            .kubectl_ok(&["get", "ipaddresses"])
            .lines()
            .all(|line| !line.starts_with(&format!("{} ", two[1])))
    );
    policy("four", "RequireDualStack");
    let grown = ips_of("four");
    assert_eq!(grown.len(), 2);
    answers("the new address", "a ", || ask(&format!("[{}]", grown[1])));
    // What the cluster cannot give, and what may not change.
    for (patch, words) in [
        (
            json!({"clusterIPs": ["10.43.0.77", grown[1]], "clusterIP": "10.43.0.77"}),
            "may not change once set",
        ),
        (json!({"ipFamilies": ["IPv6", "IPv4"]}), "may not change once set"),
        (json!({"ipFamilies": ["IPv4"]}), "must be 'SingleStack' to release the secondary"),
    ] {
        let ran = cluster.kubectl(&["patch", "service", "four", "-p", &json!({ "spec": patch }).to_string()]);
        assert!(!ran.success && ran.stderr.contains(words), "{patch} {}", ran.stderr);
    }
}

#[test]
fn a_cluster_with_ipv4_alone_says_so() {
    let cluster = cluster(&["--pod-cidr", "10.44.0.0/24"]);
    apply(&cluster, &[client("client"), service("two", "x", json!({ "ipFamilyPolicy": "PreferDualStack" }))]);
    ready(&cluster, &["client"]);
    assert_eq!(cluster.get(&["pod", "client"])["status"]["podIPs"].as_array().unwrap().len(), 1);
    assert_eq!(cluster.get(&["service", "two"])["spec"]["ipFamilies"], json!(["IPv4"]));
    for (policy, words) in [
        (
            json!({ "ipFamilyPolicy": "RequireDualStack" }),
            "this cluster is not configured for dual-stack services",
        ),
        (json!({ "ipFamilies": ["IPv6"] }), "not configured on this cluster"),
    ] {
        let file = cluster.folder().join("refused.json");
        std::fs::write(&file, service("refused", "x", policy).to_string()).unwrap();
        let ran = cluster.kubectl(&["apply", "-f", file.to_str().unwrap()]);
        assert!(!ran.success && ran.stderr.contains(words), "{}", ran.stderr);
    }
}

fn both() -> Vec<String> {
    vec!["IPv4".to_owned(), "IPv6".to_owned()]
}

fn of_type<'a>(list: &'a Value, kind: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().filter(|one| one["type"] == kind).collect()
}

fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|one| one[key].as_str().unwrap()).collect()
}

fn texts_of(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}
