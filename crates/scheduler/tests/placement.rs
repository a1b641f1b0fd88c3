//! The core's decisions: a table of small clusters, and a seeded search for broken promises.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use scheduler::{
    affinity,
    filters::taints,
    preempt::preempt,
    schedule,
    snapshot::{PodInfo, Snapshot},
};
use serde_json::{Value, json};

fn node(name: &str, extra: Value) -> Arc<Node> {
    let mut node = json!({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "10"}}});
    merge(&mut node, extra);
    Arc::new(serde_json::from_value(node).unwrap())
}

fn pod(name: &str, extra: Value) -> Arc<PodInfo> {
    let mut pod = json!({"metadata": {"name": name, "namespace": "n", "uid": name},
        "spec": {"containers": [{"name": "c"}]}});
    merge(&mut pod, extra);
    let pod: Pod = serde_json::from_value(pod).unwrap();
    Arc::new(PodInfo::new(Arc::new(pod)))
}

fn merge(base: &mut Value, extra: Value) {
    match (base, extra) {
        (Value::Object(base), Value::Object(extra)) => {
            for (key, value) in extra {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, extra) => *base = extra,
    }
}

fn asking(cpu: &str) -> Value {
    json!({"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}})
}

fn cluster(nodes: Vec<Arc<Node>>, pods: Vec<(&str, Arc<PodInfo>)>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    nodes.into_iter().for_each(|node| snapshot.put_node(node));
    for (node, pod) in pods {
        assert!(snapshot.add_pod(node, pod));
    }
    snapshot
}

/// The node, or the text of the event.
fn decision(snapshot: &Snapshot, pod: &PodInfo) -> String {
    match schedule(snapshot, pod) {
        Ok(placement) => placement.node,
        Err(why) => why.to_string(),
    }
}

#[test]
fn reasons_read_as_in_kubectl_describe() {
    let none = cluster(vec![], vec![]);
    assert_eq!(decision(&none, &pod("p", json!({}))), "no nodes available to schedule pods");

    let zone = |zone: &str| json!({"metadata": {"labels": {"zone": zone}}});
    let cases: Vec<(&str, Snapshot, Value, &str)> = vec![
        (
            "room",
            cluster(vec![node("a", json!({}))], vec![("a", pod("x", asking("1500m")))]),
            asking("1"),
            "0/1 nodes are available: 1 Insufficient cpu.",
        ),
        (
            "extended",
            cluster(vec![node("a", json!({}))], vec![]),
            json!({"spec": {"containers": [{"name": "c", "resources": {"requests": {"example.com/gpu": "1", "cpu": "3"}}}]}}),
            "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient example.com/gpu.",
        ),
        (
            "pod limit",
            cluster(
                vec![node("a", json!({"status": {"allocatable": {"pods": "1"}}}))],
                vec![("a", pod("x", json!({})))],
            ),
            json!({}),
            "0/1 nodes are available: 1 Too many pods.",
        ),
        (
            "cordon and taint",
            cluster(
                vec![
                    node("a", json!({"spec": {"unschedulable": true}})),
                    node(
                        "b",
                        json!({"spec": {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}}),
                    ),
                    node(
                        "c",
                        json!({"spec": {"taints": [{"key": "k", "value": "v", "effect": "NoExecute"}]}}),
                    ),
                ],
                vec![],
            ),
            json!({}),
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had untolerated taint {k: v}.",
        ),
        (
            "tolerated",
            cluster(
                vec![node(
                    "b",
                    json!({"spec": {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}}),
                )],
                vec![],
            ),
            json!({"spec": {"tolerations": [{"key": "k", "operator": "Exists"}]}}),
            "b",
        ),
        (
            "daemon on a cordoned node",
            cluster(vec![node("a", json!({"spec": {"unschedulable": true}}))], vec![]),
            json!({"spec": {"tolerations": [{"operator": "Exists"}]}}),
            "a",
        ),
        (
            "selector",
            cluster(vec![node("a", zone("1")), node("b", zone("2"))], vec![]),
            json!({"spec": {"nodeSelector": {"zone": "2"}}}),
            "b",
        ),
        (
            "no match",
            cluster(vec![node("a", zone("1"))], vec![]),
            json!({"spec": {"nodeSelector": {"zone": "2"}}}),
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
        ),
        (
            "match fields",
            cluster(vec![node("a", json!({})), node("b", json!({}))], vec![]),
            json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms":
             [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}]}}}}}),
            "b",
        ),
        (
            "greater",
            cluster(
                vec![
                    node("a", json!({"metadata": {"labels": {"n": "3"}}})),
                    node("b", json!({"metadata": {"labels": {"n": "12"}}})),
                ],
                vec![],
            ),
            json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms":
             [{"matchExpressions": [{"key": "n", "operator": "Gt", "values": ["9"]}]}]}}}}}),
            "b",
        ),
        (
            "same port",
            cluster(vec![node("a", json!({}))], vec![("a", pod("x", port("TCP", "127.0.0.1")))]),
            port("TCP", ""),
            "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
        ),
        (
            "other protocol",
            cluster(vec![node("a", json!({}))], vec![("a", pod("x", port("UDP", "")))]),
            port("TCP", ""),
            "a",
        ),
        (
            "other address",
            cluster(vec![node("a", json!({}))], vec![("a", pod("x", port("TCP", "10.0.0.1")))]),
            port("TCP", "10.0.0.2"),
            "a",
        ),
        (
            "near",
            cluster(vec![node("a", zone("1")), node("b", zone("2"))], vec![("b", pod("x", app("db")))]),
            affinity_to("podAffinity", "db", "zone"),
            "b",
        ),
        (
            "nothing to be near to",
            cluster(vec![node("a", zone("1"))], vec![]),
            affinity_to("podAffinity", "db", "zone"),
            "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
        ),
        (
            "first of its group",
            cluster(vec![node("a", zone("1"))], vec![]),
            with(affinity_to("podAffinity", "db", "zone"), app("db")),
            "a",
        ),
        (
            "first of its group needs the label",
            cluster(vec![node("a", json!({}))], vec![]),
            with(affinity_to("podAffinity", "db", "zone"), app("db")),
            "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
        ),
        (
            "apart",
            cluster(vec![node("a", zone("1")), node("b", zone("1"))], vec![("a", pod("x", app("db")))]),
            affinity_to("podAntiAffinity", "db", "zone"),
            "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.",
        ),
        (
            "not wanted there",
            cluster(
                vec![node("a", zone("1"))],
                vec![("a", pod("x", affinity_to("podAntiAffinity", "web", "zone")))],
            ),
            app("web"),
            "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
        ),
        (
            "spread",
            cluster(vec![node("a", zone("1")), node("b", zone("2"))], vec![("a", pod("x", app("web")))]),
            with(app("web"), spread("DoNotSchedule")),
            "b",
        ),
        (
            "spread too far",
            cluster(
                vec![
                    node("a", zone("1")),
                    node("b", with(zone("2"), json!({"spec": {"unschedulable": true}}))),
                ],
                vec![("a", pod("x", app("web")))],
            ),
            with(app("web"), spread("DoNotSchedule")),
            "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable.",
        ),
        (
            "spread without label",
            cluster(vec![node("a", json!({}))], vec![]),
            with(app("web"), spread("DoNotSchedule")),
            "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
        ),
        (
            "soft spread",
            cluster(vec![node("a", zone("1")), node("b", zone("2"))], vec![("a", pod("x", app("web")))]),
            with(app("web"), spread("ScheduleAnyway")),
            "b",
        ),
        (
            "emptier",
            cluster(vec![node("a", json!({})), node("b", json!({}))], vec![("a", pod("x", asking("1")))]),
            asking("100m"),
            "b",
        ),
        (
            "soft taint",
            cluster(
                vec![
                    node("a", json!({"spec": {"taints": [{"key": "k", "effect": "PreferNoSchedule"}]}})),
                    node("b", json!({})),
                ],
                vec![],
            ),
            json!({}),
            "b",
        ),
    ];
    for (name, snapshot, wanted, expected) in cases {
        assert_eq!(decision(&snapshot, &pod("p", wanted)), expected, "{name}");
    }
}

fn with(mut base: Value, extra: Value) -> Value {
    merge(&mut base, extra);
    base
}

fn app(name: &str) -> Value {
    json!({"metadata": {"labels": {"app": name}}})
}

fn port(protocol: &str, address: &str) -> Value {
    json!({"spec": {"containers": [{"name": "c", "ports": [
        {"containerPort": 80, "hostPort": 8080, "protocol": protocol, "hostIP": address}]}]}})
}

fn affinity_to(kind: &str, name: &str, key: &str) -> Value {
    json!({"spec": {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": name}}, "topologyKey": key}]}}}})
}

fn spread(when: &str) -> Value {
    json!({"spec": {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": {"app": "web"}}}]}})
}

#[test]
fn init_containers_sidecars_and_overhead_count_as_documented() {
    let info = pod(
        "p",
        json!({"spec": {
        "overhead": {"cpu": "50m"},
        "initContainers": [
            {"name": "i1", "resources": {"requests": {"cpu": "900m"}}},
            {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "200m"}}},
            {"name": "i2", "resources": {"requests": {"cpu": "800m", "memory": "1Gi"}}}],
        "containers": [
            {"name": "a", "resources": {"requests": {"cpu": "300m", "memory": "128Mi"}}},
            {"name": "b", "resources": {"requests": {"cpu": "300m"}}}]}}),
    );
    // Running: 300 + 300 + 200 = 800; starting: max(900, 200 + 800 = 1000); with overhead 1050.
    assert_eq!(info.requests.get("cpu"), 1050);
    assert_eq!(info.requests.get("memory"), 1 << 30);
    let whole = pod(
        "p",
        json!({"spec": {"resources": {"requests": {"cpu": "250m"}}, "containers":
        [{"name": "a", "resources": {"requests": {"cpu": "300m", "memory": "1Mi"}}}]}}),
    );
    assert_eq!((whole.requests.get("cpu"), whole.requests.get("memory")), (250, 1 << 20));
}

fn ranked(name: &str, priority: i32, cpu: &str) -> Arc<PodInfo> {
    pod(name, with(asking(cpu), json!({"spec": {"priority": priority}})))
}

#[test]
fn preemption_does_the_least_harm() {
    let snapshot = cluster(
        vec![node("a", json!({})), node("b", json!({})), node("c", json!({"spec": {"unschedulable": true}}))],
        vec![
            ("a", ranked("a1", 1, "1")),
            ("a", ranked("a2", 5, "1")),
            ("b", ranked("b1", 3, "1")),
            ("b", ranked("b2", 3, "1")),
        ],
    );
    let wanted = ranked("p", 10, "1");
    let refused = schedule(&snapshot, &wanted).unwrap_err();
    let found = preempt(&snapshot, &wanted, &refused, &[]).unwrap();
    let victims: Vec<_> = found.victims.iter().map(|victim| victim.uid()).collect();
    assert_eq!((found.node.as_str(), victims), ("a", vec!["a1"]), "priority 1 goes, not 3 or 5");

    let small = ranked("q", 0, "1");
    let refused = schedule(&snapshot, &small).unwrap_err();
    assert_eq!(
        preempt(&snapshot, &small, &refused, &[]).unwrap_err(),
        "0/3 nodes are available: 1 Preemption is not helpful for scheduling, \
         2 No preemption victims found for incoming pod."
    );
}

#[test]
fn preemption_respects_budgets_where_it_can() {
    let snapshot = cluster(
        vec![node("a", json!({})), node("b", json!({}))],
        vec![("a", pod("a1", with(asking("2"), app("db")))), ("b", ranked("b1", 4, "2"))],
    );
    let budget = serde_json::from_value(json!({"metadata": {"name": "b", "namespace": "n"},
        "spec": {"selector": {"matchLabels": {"app": "db"}}}, "status": {"disruptionsAllowed": 0,
        "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}}))
    .unwrap();
    let wanted = ranked("p", 10, "1");
    let refused = schedule(&snapshot, &wanted).unwrap_err();
    assert_eq!(preempt(&snapshot, &wanted, &refused, &[Arc::new(budget)]).unwrap().node, "b");
    assert_eq!(preempt(&snapshot, &wanted, &refused, &[]).unwrap().node, "a");
}

/// A small generator of numbers: the same seed, the same clusters.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn no_decision_breaks_a_promise() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut snapshot = Snapshot::default();
        for at in 0..=dice.roll(6) {
            let taints =
                if dice.roll(4) == 0 { json!([{"key": "t", "effect": "NoSchedule"}]) } else { json!([]) };
            snapshot.put_node(node(&format!("n{at}"), json!({
                "metadata": {"labels": {"zone": format!("z{}", dice.roll(3))}},
                "spec": {"taints": taints},
                "status": {"allocatable": {"cpu": format!("{}", 1 + dice.roll(4)), "pods": format!("{}", 1 + dice.roll(8))}}})));
        }
        for at in 0..40 {
            let mut wanted =
                with(asking(&format!("{}m", 100 * dice.roll(12))), app(["web", "db"][dice.roll(2) as usize]));
            match dice.roll(6) {
                0 => merge(&mut wanted, affinity_to("podAntiAffinity", "web", "kubernetes.io/hostname")),
                1 => merge(&mut wanted, affinity_to("podAffinity", "db", "zone")),
                2 => merge(&mut wanted, spread("DoNotSchedule")),
                3 => merge(&mut wanted, json!({"spec": {"nodeSelector": {"zone": "z1"}}})),
                4 => {
                    merge(&mut wanted, json!({"spec": {"tolerations": [{"key": "t", "operator": "Exists"}]}}))
                }
                _ => merge(&mut wanted, port("TCP", "")),
            }
            let info = pod(&format!("p{at}"), wanted);
            match schedule(&snapshot, &info) {
                Ok(placement) => {
                    check_promises(&snapshot, &info, &placement.node, seed);
                    snapshot.add_pod(&placement.node, info);
                }
                Err(why) => {
                    assert_eq!(why.reasons.len(), snapshot.nodes().len(), "seed {seed}: a reason per node")
                }
            }
        }
    }
}

/// Written against the snapshot itself, not with the filters.
fn check_promises(snapshot: &Snapshot, info: &PodInfo, name: &str, seed: u64) {
    let target = snapshot.node(name).unwrap();
    let cpu: i64 = target.pods.iter().map(|pod| pod.requests.get("cpu")).sum();
    assert!(
        cpu + info.requests.get("cpu") <= target.allocatable.get("cpu"),
        "seed {seed}: overcommitted {name}"
    );
    assert!((target.pods.len() as i64) < target.allocatable.get("pods"), "seed {seed}: too many on {name}");
    assert!(affinity::node_matches(&info.pod, &target.node), "seed {seed}: wrong zone");
    let taints = taints::taints(target);
    assert!(taints.iter().all(|taint| taints::tolerates_taint(&info.pod, taint)), "seed {seed}: tainted");
    assert!(
        info.ports.is_empty() || target.pods.iter().all(|pod| pod.ports.is_empty()),
        "seed {seed}: port taken"
    );
    let is = |pod: &PodInfo, app: &str| pod.labels().get("app").is_some_and(|is| is == app);
    let repels = |pod: &PodInfo| !pod.terms.required_anti.is_empty();
    if repels(info) {
        assert!(!target.pods.iter().any(|pod| is(pod, "web")), "seed {seed}: must be apart");
    }
    if is(info, "web") {
        assert!(!target.pods.iter().any(|pod| repels(pod)), "seed {seed}: is not wanted");
    }
    if !info.terms.required.is_empty() {
        let zone = target.labels().get("zone");
        let mut everywhere =
            snapshot.nodes().iter().flat_map(|node| node.pods.iter().map(move |pod| (node, pod)));
        let alone = is(info, "db") && !everywhere.clone().any(|(_, pod)| is(pod, "db"));
        let near = everywhere.any(|(node, pod)| node.labels().get("zone") == zone && is(pod, "db"));
        assert!(near || alone, "seed {seed}: must be near a db");
    }
}

#[test]
fn claims_keep_a_pod_from_nodes_that_lack_its_volume() {
    use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
    use k8s_openapi::api::storage::v1::StorageClass;

    let at = |host: &str| {
        json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": [host]}]}]}})
    };
    let claim = |name: &str, extra: Value| -> Arc<PersistentVolumeClaim> {
        let mut claim = json!({"metadata": {"name": name, "namespace": "n", "uid": name}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
        merge(&mut claim, extra);
        Arc::new(serde_json::from_value(claim).unwrap())
    };
    let volume = |name: &str, host: &str| -> Arc<PersistentVolume> {
        let volume = json!({"metadata": {"name": name}, "status": {"phase": "Available"}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "late",
            "nodeAffinity": at(host)}});
        Arc::new(serde_json::from_value(volume).unwrap())
    };
    let class = |name: &str, provisioner: &str, mode: &str| -> Arc<StorageClass> {
        let class =
            json!({"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode});
        Arc::new(serde_json::from_value(class).unwrap())
    };
    let bound = |volume: &str| json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"volumeName": volume}});
    let of_class = |class: &str| json!({"spec": {"storageClassName": class}});
    let user = |name: &str, claim: &str| {
        pod(
            name,
            json!({"spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]}}),
        )
    };
    let mut snapshot = cluster(vec![node("a", json!({})), node("b", json!({}))], vec![]);
    let state = snapshot.volumes_mut();
    for claim in [
        claim("at-b", bound("vol-b")),
        claim("at-c", bound("vol-c")),
        claim("gone", bound("no-volume")),
        claim("late", of_class("late")),
        claim("made", of_class("made")),
        claim(
            "here",
            json!({"spec": {"storageClassName": "made"},
            "metadata": {"annotations": {"volume.kubernetes.io/selected-node": "b"}}}),
        ),
        claim("now", of_class("now")),
        claim("lost", json!({"spec": {"volumeName": "x"}, "status": {"phase": "Lost"}})),
        claim(
            "alone",
            json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
            "spec": {"volumeName": "vol-b", "accessModes": ["ReadWriteOncePod"]}}),
        ),
    ] {
        state.set_claim(&claim, true);
    }
    for (name, host) in [("vol-b", "b"), ("vol-c", "c"), ("free-b", "b")] {
        state.set_volume(&volume(name, host), true);
    }
    for class in [
        class("late", "kubernetes.io/no-provisioner", "WaitForFirstConsumer"),
        class("made", "x/y", "WaitForFirstConsumer"),
        class("now", "x/y", "Immediate"),
    ] {
        state.set_class(&class, true);
    }
    for (wanted, expected) in [
        ("at-b", "b"),
        ("at-c", "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity."),
        (
            "gone",
            "0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).",
        ),
        ("late", "b"),
        ("made", "a"),
        ("here", "b"),
        ("now", "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        ("absent", "0/2 nodes are available: persistentvolumeclaim \"absent\" not found."),
        (
            "lost",
            "0/2 nodes are available: persistentvolumeclaim \"lost\" bound to non-existent persistentvolume \"x\".",
        ),
    ] {
        assert_eq!(decision(&snapshot, &user("p", wanted)), expected, "{wanted}");
    }

    // What is promised to one claim is no other's, until the promise is taken back.
    let first = user("first", "late");
    let steps = scheduler::volumes::VolumeState::plan(&snapshot, &first, "b");
    assert!(matches!(&steps[..], [scheduler::volumes::Step::Bind { volume, .. }]
        if ["free-b", "vol-b"].contains(&volume.metadata.name.as_deref().unwrap())));
    snapshot.volumes_mut().promise("b", &steps);
    snapshot.volumes_mut().set_claim(&claim("second", of_class("late")), true);
    snapshot.volumes_mut().set_claim(&claim("third", of_class("late")), true);
    let more = scheduler::volumes::VolumeState::plan(&snapshot, &user("q", "second"), "b");
    snapshot.volumes_mut().promise("b", &more);
    assert_eq!(
        decision(&snapshot, &user("r", "third")),
        "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind."
    );
    snapshot.volumes_mut().withdraw(&more);
    assert_eq!(decision(&snapshot, &user("r", "third")), "b");

    // A claim for one pod alone.
    snapshot.add_pod("b", user("has-it", "alone"));
    let refused = decision(&snapshot, &user("wants-it", "alone"));
    let words =
        "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode";
    assert_eq!(refused, format!("0/2 nodes are available: 2 {words}."));
}
