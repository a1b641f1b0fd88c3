//! Which endpoint a client gets: policies, affinity, distribution, health checks.

use std::collections::BTreeSet;

use e2e::{Cluster, eventually};
use serde_json::{Value, json};

use crate::world::{
    LAN, OUTSIDE, Outside, answers, apply, ask, ask_in, client, cluster, ready, server, service, silent,
};

/// A slice of a Service that this test keeps: which pod, and on which node it is said to be.
fn slice(cluster: &Cluster, service: &str, endpoints: &[(&str, &str, Value)]) -> Value {
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|(pod, node, hints)| {
            let ip = cluster.get(&["pod", pod])["status"]["podIP"].clone();
            json!({ "addresses": [ip], "nodeName": node, "conditions": { "ready": true }, "hints": hints })
        })
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": { "name": service, "labels": { "kubernetes.io/service-name": service } },
        "addressType": "IPv4", "endpoints": endpoints, "ports": [{ "port": 80 }],
    })
}

/// Who answers when asked often.
fn seen(mut ask: impl FnMut() -> Result<String, String>) -> BTreeSet<String> {
    let names = (0..24).filter_map(|_| ask().ok()?.split(' ').next().map(str::to_owned));
    names.collect()
}

#[test]
fn policies_keep_traffic_on_the_node_and_clients_addresses() {
    let cluster = cluster(&[]);
    let outside = Outside::new();
    let node = cluster.get(&["nodes"])["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let mine = |name: &str, spec: Value| {
        let mut object = service(name, "", spec);
        object["spec"].as_object_mut().unwrap().remove("selector");
        object
    };
    apply(
        &cluster,
        &[
            server("a", "web", json!({})),
            server("b", "web", json!({})),
            client("client"),
            mine("internal", json!({ "internalTrafficPolicy": "Local" })),
            mine(
                "external",
                json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{ "port": 8080, "targetPort": 80 }] }),
            ),
        ],
    );
    ready(&cluster, &["a", "b", "client"]);
    let own = || [("a", node.as_str(), json!(null)), ("b", "elsewhere", json!(null))];
    apply(&cluster, &[slice(&cluster, "internal", &own()), slice(&cluster, "external", &own())]);
    let ip = |name: &str| cluster.get(&["service", name])["spec"]["clusterIP"].as_str().unwrap().to_owned();
    let (internal, external) = (ip("internal"), ip("external"));

    answers("the internal Service", "a ", || ask_in(&cluster, "client", &internal));
    assert_eq!(seen(|| ask(&internal)), BTreeSet::from(["a".to_owned()]));
    // From outside only the endpoint here, from inside any.
    let spec = cluster.get(&["service", "external"])["spec"].clone();
    let (port, health) =
        (spec["ports"][0]["nodePort"].as_i64().unwrap(), spec["healthCheckNodePort"].as_i64().unwrap());
    for host in [format!("{LAN}:{port}"), format!("{LAN}:8080")] {
        assert_eq!(answers(&host, "a ", || outside.ask(&host)), format!("a {OUTSIDE}"));
        assert_eq!(seen(|| outside.ask(&host)), BTreeSet::from(["a".to_owned()]), "{host}");
        assert_eq!(seen(|| ask(&host)).len(), 2, "the node's own processes are sent anywhere: {host}");
    }
    assert_eq!(seen(|| ask(&format!("{external}:8080"))).len(), 2);
    assert_eq!(seen(|| ask_in(&cluster, "client", &format!("10.42.0.1:{port}"))).len(), 2);

    // Load balancers outside ask whether there is an endpoint here.
    let healthy = || outside.curl(&format!("http://{LAN}:{health}/healthz"));
    let (status, body) = eventually("the health check answers", healthy);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, "200");
    assert_eq!(
        body,
        json!({ "service": { "namespace": "default", "name": "external" }, "localEndpoints": 1, "serviceProxyHealthy": true })
    );
    let away = [("a", "elsewhere", json!(null)), ("b", "elsewhere", json!(null))];
    apply(&cluster, &[slice(&cluster, "internal", &away), slice(&cluster, "external", &away)]);
    eventually("the health check fails", || healthy().filter(|(status, _)| status == "503"));
    silent("a node without endpoints", || outside.ask(&format!("{LAN}:{port}")));
    silent("the internal Service", || ask(&internal));
    assert_eq!(seen(|| ask(&format!("{LAN}:{port}"))).len(), 2);
    // With the policy goes the port.
    cluster.kubectl_ok(&[
        "patch",
        "service",
        "external",
        "-p",
        r#"{"spec":{"externalTrafficPolicy":"Cluster"}}"#,
    ]);
    answers("any endpoint from outside", "", || outside.ask(&format!("{LAN}:{port}")));
    eventually("the health check is gone", || healthy().is_none().then_some(()));
}

#[test]
fn clients_stay_with_their_pod_and_prefer_near_ones() {
    let cluster = cluster(&[]);
    let outside = Outside::new();
    let node = cluster.get(&["nodes"])["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    cluster.kubectl_ok(&["label", "node", &node, "topology.kubernetes.io/zone=east"]);
    apply(
        &cluster,
        &[
            server("a", "web", json!({})),
            server("b", "web", json!({})),
            service(
                "sticky",
                "web",
                json!({ "type": "NodePort", "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": { "clientIP": { "timeoutSeconds": 1 } } }),
            ),
            service("zone", "web", json!({ "trafficDistribution": "PreferSameZone" })),
            service("node", "web", json!({ "trafficDistribution": "PreferSameNode" })),
        ],
    );
    ready(&cluster, &["a", "b"]);
    let sticky = cluster.get(&["service", "sticky"])["spec"].clone();
    let (ip, port) =
        (sticky["clusterIP"].as_str().unwrap(), sticky["ports"][0]["nodePort"].as_i64().unwrap());
    answers("the sticky Service", "", || ask(ip));
    assert_eq!(seen(|| ask(ip)).len(), 1);
    assert_eq!(seen(|| outside.ask(&format!("{LAN}:{port}"))).len(), 1);
    // After the time without a new connection the choice is free again.
    let mut after = seen(|| ask(ip));
    for _ in 0..12 {
        std::thread::sleep(std::time::Duration::from_millis(1200));
        after.extend(ask(ip).ok().and_then(|answer| answer.split(' ').next().map(str::to_owned)));
        if after.len() == 2 {
            break;
        }
    }
    assert_eq!(after.len(), 2, "the affinity ends");

    // The controller says for whom an endpoint is.
    let hints = |service: &str| {
        let slices = cluster.get(&["endpointslices", "-l", &format!("kubernetes.io/service-name={service}")]);
        slices["items"][0]["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["hints"].clone())
            .collect::<Vec<_>>()
    };
    let zones = json!([{ "name": "east" }]);
    eventually("hints for the zone", || {
        (hints("zone") == vec![json!({ "forZones": zones }); 2]).then_some(())
    });
    let both = json!({ "forNodes": [{ "name": node }], "forZones": zones });
    eventually("hints for the node", || (hints("node") == vec![both.clone(); 2]).then_some(()));
    assert_eq!(hints("sticky"), [Value::Null, Value::Null]);
    // The proxy heeds them: a slice whose hints lead elsewhere for one of the two.
    let mut mine = service("near", "", json!({}));
    mine["spec"].as_object_mut().unwrap().remove("selector");
    let (east, west) =
        (json!({ "forZones": [{ "name": "east" }] }), json!({ "forZones": [{ "name": "west" }] }));
    apply(&cluster, &[mine, slice(&cluster, "near", &[("a", "x", west.clone()), ("b", "y", east)])]);
    let near = cluster.get(&["service", "near"])["spec"]["clusterIP"].as_str().unwrap().to_owned();
    answers("the near one", "b ", || ask(&near));
    assert_eq!(seen(|| ask(&near)), BTreeSet::from(["b".to_owned()]));
    // Nobody is near: all serve.
    apply(&cluster, &[slice(&cluster, "near", &[("a", "x", west.clone()), ("b", "y", west)])]);
    eventually("far ones serve", || (seen(|| ask(&near)).len() == 2).then_some(()));
    let ran =
        cluster.kubectl(&["patch", "service", "near", "-p", r#"{"spec":{"trafficDistribution":"Near"}}"#]);
    assert!(ran.stderr.contains("Unsupported value: \"Near\""), "{}", ran.stderr);
}
