//! What is particular to each kind, through the whole server: defaults, allocation, admission, subresources.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::Fixture;
use http::Method;
use serde_json::{Value, json};

async fn make(fixture: &Fixture, path: &str, body: Value) -> Value {
    let made = fixture.send(Method::POST, path, Some(&body)).await;
    assert_eq!(made.code, 201, "{path}: {:?}", made.body);
    made.body
}

async fn refused(fixture: &Fixture, path: &str, body: Value) -> (u16, String) {
    let answer = fixture.send(Method::POST, path, Some(&body)).await;
    (answer.code, answer.body["message"].as_str().unwrap_or_default().to_owned())
}

async fn with_account() -> Fixture {
    let fixture = common::start().await;
    let body = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    make(&fixture, "/api/v1/namespaces/default/serviceaccounts", body).await;
    fixture
}

const PODS: &str = "/api/v1/namespaces/default/pods";
const SERVICES: &str = "/api/v1/namespaces/default/services";

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "i:1"}]}})
}

fn service(name: &str, spec: Value) -> Value {
    let mut body = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"ports": [{"port": 80}], "selector": {"app": name}}});
    for (key, value) in spec.as_object().unwrap() {
        body["spec"][key] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_fresh_cluster_has_what_everybody_counts_on() {
    let fixture = common::start().await;
    for path in [
        "/api/v1/namespaces/kube-system",
        "/api/v1/namespaces/kube-public",
        "/api/v1/namespaces/kube-node-lease",
        "/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:kube-scheduler",
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
        "/api/v1/namespaces/default/endpoints/kubernetes",
        "/apis/networking.k8s.io/v1/ipaddresses/10.43.0.1",
    ] {
        assert_eq!(fixture.get(path).await.code, 200, "{path}");
    }
    let service = fixture.get(&format!("{SERVICES}/kubernetes")).await.body;
    assert_eq!(service["spec"]["clusterIP"], "10.43.0.1");
    let before = fixture.store.revision();
    apiserver::ApiServer::start(apiserver::Options::new(fixture.store.clone())).await.unwrap();
    assert_eq!(fixture.store.revision(), before, "a second start writes nothing");
}

#[tokio::test]
async fn a_pod_is_stored_as_upstream_stores_it() {
    let fixture = with_account().await;
    let made = make(&fixture, PODS, pod("a")).await;
    let spec = &made["spec"];
    assert_eq!(spec["serviceAccountName"], "default");
    assert_eq!(spec["priority"], 0);
    assert_eq!(spec["preemptionPolicy"], "PreemptLowerPriority");
    assert_eq!(spec["enableServiceLinks"], true);
    assert_eq!(spec["tolerations"].as_array().unwrap().len(), 2);
    let mount = &spec["containers"][0]["volumeMounts"][0];
    assert_eq!(mount["mountPath"], "/var/run/secrets/kubernetes.io/serviceaccount");
    assert_eq!(mount["name"], spec["volumes"][0]["name"]);
    assert_eq!(
        spec["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"],
        3607
    );
    assert_eq!(made["status"], json!({"phase": "Pending", "qosClass": "BestEffort"}));
    assert_eq!(made["metadata"]["generation"], 1);
}

#[tokio::test]
async fn bad_pods_are_told_what_is_wrong() {
    let fixture = with_account().await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = pod("a");
        change(&mut body);
        body
    };
    for (body, text) in [
        (
            with(&|p| p["spec"]["containers"][0]["image"] = json!("")),
            "spec.containers[0].image: Required value",
        ),
        (with(&|p| p["spec"]["containers"] = json!([])), "spec.containers: Required value"),
        (
            with(&|p| p["spec"]["containers"][0]["name"] = json!("A_b")),
            "spec.containers[0].name: Invalid value: \"A_b\"",
        ),
        (
            with(&|p| p["spec"]["restartPolicy"] = json!("Sometimes")),
            "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"Never\", \"OnFailure\"",
        ),
        (
            with(&|p| p["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "x", "mountPath": "/x"}])),
            "spec.containers[0].volumeMounts[0].name: Not found: \"x\"",
        ),
        (
            with(&|p| {
                p["spec"]["containers"][0]["resources"] =
                    json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}});
            }),
            "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
        ),
        (with(&|p| p["metadata"]["name"] = json!("Upper")), "metadata.name: Invalid value: \"Upper\""),
    ] {
        let (code, message) = refused(&fixture, PODS, body).await;
        assert_eq!(code, 422, "{message}");
        assert!(message.contains(text), "{message}\n  lacks {text}");
    }
    let (code, message) =
        refused(&fixture, PODS, with(&|p| p["spec"]["serviceAccountName"] = json!("nobody"))).await;
    assert_eq!(code, 403);
    assert_eq!(
        message,
        "pods \"a\" is forbidden: error looking up service account default/nobody: serviceaccount \"nobody\" not found"
    );
    let (code, message) =
        refused(&fixture, PODS, with(&|p| p["spec"]["priorityClassName"] = json!("none"))).await;
    assert_eq!(
        (code, message.as_str()),
        (403, "pods \"a\" is forbidden: no PriorityClass with name none was found")
    );
}

#[tokio::test]
async fn binding_happens_once() {
    let fixture = with_account().await;
    make(&fixture, PODS, pod("a")).await;
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"}});
    let path = format!("{PODS}/a/binding");
    let first = fixture.send(Method::POST, &path, Some(&binding)).await;
    assert_eq!((first.code, &first.body["status"]), (201, &json!("Success")), "{:?}", first.body);
    let bound = fixture.get(&format!("{PODS}/a")).await.body;
    assert_eq!(bound["spec"]["nodeName"], "n1");
    assert_eq!(bound["status"]["conditions"][0]["type"], "PodScheduled");
    assert_eq!(bound["status"]["qosClass"], "BestEffort");
    assert_eq!(fixture.send(Method::POST, &path, Some(&binding)).await.code, 409);
}

#[tokio::test]
async fn eviction_asks_the_budget() {
    let fixture = with_account().await;
    make(&fixture, PODS, pod_labelled_on_node()).await;
    let running =
        json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    fixture.patch(&format!("{PODS}/a/status"), "merge-patch+json", &running).await;
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}}});
    make(&fixture, budgets, budget).await;
    let counted = |allowed: i64| {
        json!({"status": {"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": 1,
            "desiredHealthy": 1, "expectedPods": 1}})
    };
    fixture.patch(&format!("{budgets}/b/status"), "merge-patch+json", &counted(0)).await;
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}});
    let path = format!("{PODS}/a/eviction");
    let blocked = fixture.send(Method::POST, &path, Some(&eviction)).await;
    assert_eq!(blocked.code, 429, "{:?}", blocked.body);
    assert_eq!(blocked.body["details"]["causes"][0]["reason"], "DisruptionBudget");
    fixture.patch(&format!("{budgets}/b/status"), "merge-patch+json", &counted(1)).await;
    assert_eq!(fixture.send(Method::POST, &path, Some(&eviction)).await.code, 201);
    let pod = fixture.get(&format!("{PODS}/a")).await.body;
    assert!(pod["metadata"]["deletionTimestamp"].is_string(), "{pod}");
    assert_eq!(fixture.get(&format!("{budgets}/b")).await.body["status"]["disruptionsAllowed"], 0);

    // A pod that is not ready is missed by nobody while enough others are.
    let mut sick = pod_labelled_on_node();
    sick["metadata"]["name"] = json!("sick");
    make(&fixture, PODS, sick).await;
    let phase = json!({"status": {"phase": "Running"}});
    fixture.patch(&format!("{PODS}/sick/status"), "merge-patch+json", &phase).await;
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "sick"}});
    let answer = fixture.send(Method::POST, &format!("{PODS}/sick/eviction"), Some(&eviction)).await;
    assert_eq!(answer.code, 201, "{:?}", answer.body);
    assert_eq!(fixture.get(&format!("{budgets}/b")).await.body["status"]["disruptionsAllowed"], 0);
}

fn pod_labelled_on_node() -> Value {
    let mut body = pod("a");
    body["metadata"]["labels"] = json!({"app": "x"});
    body["spec"]["nodeName"] = json!("n1");
    body
}

#[tokio::test]
async fn services_get_addresses_and_ports_of_their_own() {
    let fixture = common::start().await;
    let mut seen = std::collections::BTreeSet::new();
    let requests = (0..20).map(|at| {
        let fixture = &fixture;
        async move { make(fixture, SERVICES, service(&format!("s{at}"), json!({"type": "NodePort"}))).await }
    });
    for made in futures::future::join_all(requests).await {
        let spec = &made["spec"];
        assert_eq!(spec["clusterIPs"][0], spec["clusterIP"]);
        assert_eq!(spec["ipFamilies"], json!(["IPv4"]));
        let port = spec["ports"][0]["nodePort"].as_i64().unwrap();
        assert!((30086..=32767).contains(&port), "the low ports are left to choice: {port}");
        assert!(seen.insert(spec["clusterIP"].to_string()), "{made}");
        assert!(seen.insert(port.to_string()), "{made}");
    }
    let wish = service(
        "w",
        json!({"type": "NodePort", "clusterIP": "10.43.0.10", "ports": [{"port": 80, "nodePort": 30010}]}),
    );
    make(&fixture, SERVICES, wish.clone()).await;
    let mut twin = wish.clone();
    twin["metadata"]["name"] = json!("twin");
    let (code, message) = refused(&fixture, SERVICES, twin.clone()).await;
    assert_eq!(code, 422);
    assert!(message.contains("spec.clusterIPs: Invalid value: [\"10.43.0.10\"]: failed to allocate IP 10.43.0.10: provided IP is already allocated"), "{message}");
    twin["spec"]["clusterIP"] = Value::Null;
    let (_, message) = refused(&fixture, SERVICES, twin.clone()).await;
    assert!(
        message.contains("spec.ports[0].nodePort: Invalid value: 30010: provided port is already allocated"),
        "{message}"
    );
    fixture.send(Method::DELETE, &format!("{SERVICES}/w"), None).await;
    twin["spec"]["clusterIP"] = json!("10.43.0.10");
    make(&fixture, SERVICES, twin).await;
    let (_, message) = refused(&fixture, SERVICES, service("far", json!({"clusterIP": "192.168.0.1"}))).await;
    assert!(message.contains("The range of valid IPs is 10.43.0.0/16"), "{message}");
}

#[tokio::test]
async fn a_service_changes_its_type() {
    let fixture = common::start().await;
    let made = make(&fixture, SERVICES, service("s", json!({"type": "NodePort"}))).await;
    let (ip, port) = (made["spec"]["clusterIP"].clone(), made["spec"]["ports"][0]["nodePort"].clone());
    let path = format!("{SERVICES}/s");
    let patch = |body: Value| {
        let (fixture, path) = (&fixture, &path);
        async move {
            let answer = fixture.patch(path, "merge-patch+json", &body).await;
            assert_eq!(answer.code, 200, "{:?}", answer.body);
            answer.body
        }
    };
    let cluster = patch(json!({"spec": {"type": "ClusterIP"}})).await;
    assert_eq!(cluster["spec"]["clusterIP"], ip);
    assert_eq!(cluster["spec"]["ports"][0].get("nodePort"), None);
    assert_eq!(cluster["spec"].get("externalTrafficPolicy"), None);
    let free = fixture.store.get(&format!("/registry/ranges/servicenodeports/{port}"));
    assert!(free.is_none());
    let external = patch(json!({"spec": {"type": "ExternalName", "externalName": "example.com"}})).await;
    assert_eq!(external["spec"].get("clusterIP"), None);
    assert_eq!(
        fixture.get(&format!("/apis/networking.k8s.io/v1/ipaddresses/{}", ip.as_str().unwrap())).await.code,
        404
    );
    let back = patch(json!({"spec": {"type": "ClusterIP", "externalName": null}})).await;
    assert!(back["spec"]["clusterIP"].as_str().unwrap().starts_with("10.43."));
    let moved = fixture
        .patch(
            &path,
            "merge-patch+json",
            &json!({"spec": {"clusterIP": "10.43.0.77", "clusterIPs": ["10.43.0.77"]}}),
        )
        .await;
    assert_eq!(moved.code, 422);
    assert!(
        moved.body["message"]
            .as_str()
            .unwrap()
            .contains("spec.clusterIPs[0]: Invalid value: \"10.43.0.77\": may not change once set"),
        "{:?}",
        moved.body
    );
    let headless = make(&fixture, SERVICES, service("h", json!({"clusterIP": "None"}))).await;
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
}

#[tokio::test]
async fn nothing_new_in_a_namespace_that_goes() {
    let fixture = common::start().await;
    let space = make(&fixture, "/api/v1/namespaces", json!({"metadata": {"name": "x"}})).await;
    assert_eq!(space["spec"]["finalizers"], json!(["kubernetes"]));
    assert_eq!(space["status"]["phase"], "Active");
    assert_eq!(space["metadata"]["labels"]["kubernetes.io/metadata.name"], "x");
    make(&fixture, "/api/v1/namespaces/x/configmaps", common::config_map("a")).await;
    assert_eq!(fixture.send(Method::DELETE, "/api/v1/namespaces/x", None).await.code, 200);
    let going = fixture.get("/api/v1/namespaces/x").await.body;
    assert_eq!(going["status"]["phase"], "Terminating");
    let (code, message) = refused(&fixture, "/api/v1/namespaces/x/configmaps", common::config_map("b")).await;
    assert_eq!(code, 403);
    assert_eq!(
        message,
        "configmaps \"b\" is forbidden: unable to create new content in namespace x because it is being terminated"
    );
    let mut done = going.clone();
    done["spec"]["finalizers"] = json!([]);
    let answer = fixture.send(Method::PUT, "/api/v1/namespaces/x/finalize", Some(&done)).await;
    assert_eq!(answer.code, 200, "{:?}", answer.body);
    assert_eq!(fixture.get("/api/v1/namespaces/x").await.code, 404);
    let (code, message) = refused(&fixture, "/api/v1/namespaces/x/configmaps", common::config_map("b")).await;
    assert_eq!((code, message.as_str()), (404, "namespaces \"x\" not found"));
    assert_eq!(fixture.send(Method::DELETE, "/api/v1/namespaces/kube-system", None).await.code, 403);
}

#[tokio::test]
async fn workloads_count_generations_and_keep_their_halves() {
    let fixture = common::start().await;
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let made = make(&fixture, path, common::deployment("d")).await;
    assert_eq!(made["metadata"]["generation"], 1);
    assert_eq!(made["spec"]["strategy"]["rollingUpdate"]["maxSurge"], "25%");
    let one = format!("{path}/d");
    let scaled = fixture.patch(&one, "merge-patch+json", &json!({"spec": {"replicas": 3}})).await.body;
    assert_eq!(scaled["metadata"]["generation"], 2);
    let labelled =
        fixture.patch(&one, "merge-patch+json", &json!({"metadata": {"labels": {"a": "b"}}})).await.body;
    assert_eq!(labelled["metadata"]["generation"], 2);
    let status = json!({"spec": {"replicas": 9}, "status": {"replicas": 3, "observedGeneration": 2}});
    let written = fixture.patch(&format!("{one}/status"), "merge-patch+json", &status).await.body;
    assert_eq!((&written["spec"]["replicas"], &written["status"]["replicas"]), (&json!(3), &json!(3)));
    let body = json!({"spec": {"replicas": 4}, "status": {"replicas": 7}});
    let both = fixture.patch(&one, "merge-patch+json", &body).await.body;
    assert_eq!((&both["spec"]["replicas"], &both["status"]["replicas"]), (&json!(4), &json!(3)));
    let selector = json!({"spec": {"selector": {"matchLabels": {"app": "e"}},
        "template": {"metadata": {"labels": {"app": "e"}}}}});
    let fixed = fixture.patch(&one, "merge-patch+json", &selector).await;
    assert_eq!(fixed.code, 422);
    assert!(fixed.body["message"].as_str().unwrap().contains("field is immutable"), "{:?}", fixed.body);
}

#[tokio::test]
async fn a_job_selects_its_own_pods() {
    let fixture = common::start().await;
    let body = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}}});
    let path = "/apis/batch/v1/namespaces/default/jobs";
    let made = make(&fixture, path, body.clone()).await;
    let uid = &made["metadata"]["uid"];
    assert_eq!(&made["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"], uid);
    let labels = &made["spec"]["template"]["metadata"]["labels"];
    assert_eq!((&labels["job-name"], &labels["controller-uid"]), (&json!("j"), uid));
    assert_eq!((&made["spec"]["completions"], &made["spec"]["backoffLimit"]), (&json!(1), &json!(6)));
    let mut always = body;
    always["metadata"]["name"] = json!("k");
    always["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
    let (code, message) = refused(&fixture, path, always).await;
    assert_eq!(code, 422);
    assert!(message.contains("spec.template.spec.restartPolicy"), "{message}");
}

#[tokio::test]
async fn a_ready_node_takes_pods() {
    let fixture = common::start().await;
    let body = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}});
    let made = make(&fixture, "/api/v1/nodes", body).await;
    assert_eq!(made["spec"]["taints"][0]["key"], "node.kubernetes.io/not-ready");
    let ready = |status: &str| json!({"status": {"conditions": [{"type": "Ready", "status": status}]}});
    let path = "/api/v1/nodes/n1/status";
    let now = fixture.patch(path, "strategic-merge-patch+json", &ready("True")).await;
    assert_eq!(now.code, 200, "{:?}", now.body);
    assert_eq!(now.body["spec"].get("taints"), None);
    let later = fixture.patch(path, "strategic-merge-patch+json", &ready("False")).await.body;
    assert_eq!(later["spec"]["taints"][0]["effect"], "NoSchedule");
}

#[tokio::test]
async fn a_namespace_limits_its_containers() {
    let fixture = with_account().await;
    let range = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [
        {"type": "Container", "max": {"cpu": "1"}, "defaultRequest": {"cpu": "100m"}}]}});
    let made = make(&fixture, "/api/v1/namespaces/default/limitranges", range).await;
    assert_eq!(made["spec"]["limits"][0]["default"], json!({"cpu": "1"}));
    let made = make(&fixture, PODS, pod("a")).await;
    assert_eq!(
        made["spec"]["containers"][0]["resources"],
        json!({"limits": {"cpu": "1"}, "requests": {"cpu": "100m"}})
    );
    assert_eq!(made["status"]["qosClass"], "Burstable");
    let mut greedy = pod("b");
    greedy["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "2"}});
    let (code, message) = refused(&fixture, PODS, greedy).await;
    assert_eq!(code, 403);
    assert!(message.contains("maximum cpu usage per Container is 1, but limit is 2"), "{message}");
}

#[tokio::test]
async fn the_old_binding_binds_too() {
    let fixture = with_account().await;
    make(&fixture, PODS, pod("a")).await;
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"},
        "target": {"kind": "Node", "name": "n1"}});
    let answer = fixture.send(Method::POST, "/api/v1/namespaces/default/bindings", Some(&binding)).await;
    assert_eq!(answer.code, 201, "{:?}", answer.body);
    assert_eq!(fixture.get(&format!("{PODS}/a")).await.body["spec"]["nodeName"], "n1");
}

#[tokio::test]
async fn secrets_and_config_maps_can_be_sealed() {
    let fixture = common::start().await;
    let secrets = "/api/v1/namespaces/default/secrets";
    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"},
        "immutable": true});
    let made = make(&fixture, secrets, body).await;
    assert_eq!((&made["type"], &made["data"]), (&json!("Opaque"), &json!({"k": "dg=="})));
    assert_eq!(made.get("stringData"), None);
    let changed =
        fixture.patch(&format!("{secrets}/s"), "merge-patch+json", &json!({"stringData": {"k": "w"}})).await;
    assert_eq!(changed.code, 422);
    assert!(changed.body["message"].as_str().unwrap().contains("field is immutable when `immutable` is set"));
    let tls =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "t"}, "type": "kubernetes.io/tls"});
    let (_, message) = refused(&fixture, secrets, tls).await;
    assert!(message.contains("data[tls.crt]: Required value"), "{message}");
}

#[tokio::test]
async fn who_signs_and_who_approves() {
    let fixture = common::start().await;
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let body = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": "c"}, "spec": {"request": common::certificate_request(), "signerName": "example.com/x", "usages": ["client auth"],
        "username": "someone-else"}});
    let made = make(&fixture, path, body).await;
    assert_eq!(made["spec"]["username"], "admin");
    let approve =
        json!({"status": {"certificate": "eA==", "conditions": [{"type": "Approved", "status": "True"}]}});
    let answer = fixture.patch(&format!("{path}/c/approval"), "merge-patch+json", &approve).await.body;
    assert_eq!(answer["status"]["conditions"][0]["type"], "Approved");
    assert_eq!(answer["status"].get("certificate"), None);
}

/// One small object of every kind that has rules of its own, with the path it is posted to.
fn samples() -> Vec<(&'static str, Value)> {
    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}});
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = json!("OnFailure");
    let selector = json!({"matchLabels": {"app": "x"}});
    let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let named = |api: &str, kind: &str, rest: Value| {
        let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": "x"}});
        for (key, value) in rest.as_object().unwrap() {
            object[key] = value.clone();
        }
        object
    };
    let webhook = json!({"name": "a.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": "default", "name": "w"}},
        "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]});
    vec![
        ("/api/v1/namespaces", named("v1", "Namespace", json!({}))),
        ("/api/v1/nodes", named("v1", "Node", json!({}))),
        (PODS, pod("x")),
        (SERVICES, service("x", json!({"type": "NodePort"}))),
        ("/api/v1/namespaces/default/secrets", named("v1", "Secret", json!({"stringData": {"a": "b"}}))),
        ("/api/v1/namespaces/default/configmaps", common::config_map("x")),
        (
            "/api/v1/namespaces/default/replicationcontrollers",
            named("v1", "ReplicationController", json!({"spec": {"template": template}})),
        ),
        (
            "/api/v1/namespaces/default/podtemplates",
            named("v1", "PodTemplate", json!({"template": template})),
        ),
        (
            "/api/v1/namespaces/default/limitranges",
            named("v1", "LimitRange", json!({"spec": {"limits": [{"type": "Pod", "max": {"cpu": "9"}}]}})),
        ),
        (
            "/api/v1/persistentvolumes",
            named(
                "v1",
                "PersistentVolume",
                json!({"spec": {"accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}}),
            ),
        ),
        (
            "/api/v1/namespaces/default/persistentvolumeclaims",
            named("v1", "PersistentVolumeClaim", json!({"spec": claim})),
        ),
        (
            "/apis/apps/v1/namespaces/default/replicasets",
            named("apps/v1", "ReplicaSet", json!({"spec": {"selector": selector, "template": template}})),
        ),
        ("/apis/apps/v1/namespaces/default/deployments", common::deployment("x")),
        (
            "/apis/apps/v1/namespaces/default/daemonsets",
            named("apps/v1", "DaemonSet", json!({"spec": {"selector": selector, "template": template}})),
        ),
        (
            "/apis/apps/v1/namespaces/default/statefulsets",
            named(
                "apps/v1",
                "StatefulSet",
                json!({"spec": {"selector": selector, "template": template,
                "serviceName": "x", "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}]}}),
            ),
        ),
        (
            "/apis/batch/v1/namespaces/default/jobs",
            named("batch/v1", "Job", json!({"spec": {"template": once}})),
        ),
        (
            "/apis/batch/v1/namespaces/default/cronjobs",
            named(
                "batch/v1",
                "CronJob",
                json!({"spec": {"schedule": "*/5 * * * *",
                "jobTemplate": {"spec": {"template": once}}}}),
            ),
        ),
        (
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
            named(
                "discovery.k8s.io/v1",
                "EndpointSlice",
                json!({"addressType": "IPv4",
                "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 80}]}),
            ),
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
            named(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                json!({"spec": {"podSelector": {},
                "ingress": [{"ports": [{"port": 80}]}]}}),
            ),
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
            named(
                "networking.k8s.io/v1",
                "Ingress",
                json!({"spec": {"defaultBackend":
                {"service": {"name": "x", "port": {"number": 80}}}}}),
            ),
        ),
        (
            "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
            named(
                "policy/v1",
                "PodDisruptionBudget",
                json!({"spec": {"maxUnavailable": "30%", "selector": selector}}),
            ),
        ),
        (
            "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
            named(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                json!({"spec": {"maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}}}),
            ),
        ),
        (
            "/apis/storage.k8s.io/v1/storageclasses",
            named("storage.k8s.io/v1", "StorageClass", json!({"provisioner": "example.com/x"})),
        ),
        ("/apis/storage.k8s.io/v1/csidrivers", named("storage.k8s.io/v1", "CSIDriver", json!({"spec": {}}))),
        (
            "/apis/scheduling.k8s.io/v1/priorityclasses",
            named("scheduling.k8s.io/v1", "PriorityClass", json!({"value": 5})),
        ),
        (
            "/apis/node.k8s.io/v1/runtimeclasses",
            named("node.k8s.io/v1", "RuntimeClass", json!({"handler": "x"})),
        ),
        (
            "/apis/coordination.k8s.io/v1/namespaces/default/leases",
            named(
                "coordination.k8s.io/v1",
                "Lease",
                json!({"spec": {"holderIdentity": "me", "leaseDurationSeconds": 9}}),
            ),
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            named(
                "rbac.authorization.k8s.io/v1",
                "ClusterRole",
                json!({"rules": [
                {"verbs": ["get"], "nonResourceURLs": ["/x"]}]}),
            ),
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            named(
                "rbac.authorization.k8s.io/v1",
                "ClusterRoleBinding",
                json!({
                "roleRef": {"kind": "ClusterRole", "name": "x"}, "subjects": [{"kind": "Group", "name": "g"}]}),
            ),
        ),
        (
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
            named(
                "admissionregistration.k8s.io/v1",
                "MutatingWebhookConfiguration",
                json!({"webhooks": [webhook]}),
            ),
        ),
        (
            "/apis/certificates.k8s.io/v1/certificatesigningrequests",
            named(
                "certificates.k8s.io/v1",
                "CertificateSigningRequest",
                json!({"spec": {"request": common::certificate_request(),
                "signerName": "example.com/x", "usages": ["client auth"]}}),
            ),
        ),
        (
            "/api/v1/namespaces/default/events",
            named(
                "v1",
                "Event",
                json!({"involvedObject": {"namespace": "default", "kind": "Pod", "name": "x"},
                "reason": "R", "type": "Normal"}),
            ),
        ),
    ]
}

#[tokio::test]
async fn writing_back_what_was_read_changes_nothing() {
    let fixture = with_account().await;
    for (path, body) in samples() {
        let made = make(&fixture, path, body).await;
        let one = format!("{path}/x");
        let read = fixture.get(&one).await.body;
        assert_eq!(read, made, "{one}: what a create answers is what is stored");
        let written = fixture.send(Method::PUT, &one, Some(&read)).await;
        assert_eq!(written.code, 200, "{one}: {:?}", written.body);
        assert_eq!(written.body["metadata"]["resourceVersion"], read["metadata"]["resourceVersion"], "{one}");
        let empty = fixture.patch(&one, "merge-patch+json", &json!({})).await;
        assert_eq!(empty.body["metadata"]["resourceVersion"], read["metadata"]["resourceVersion"], "{one}");
        let labelled =
            fixture.patch(&one, "merge-patch+json", &json!({"metadata": {"labels": {"new": "label"}}})).await;
        assert_eq!(labelled.code, 200, "{one}: {:?}", labelled.body);
        assert_eq!(labelled.body["metadata"].get("generation"), read["metadata"].get("generation"), "{one}");
        assert_eq!(labelled.body.get("spec"), read.get("spec"), "{one}");
        assert_eq!(labelled.body.get("status"), read.get("status"), "{one}");
    }
}

#[tokio::test]
async fn what_is_deleted_gives_everything_back() {
    let fixture = with_account().await;
    let before: Vec<String> = keys(&fixture);
    for (path, body) in samples() {
        make(&fixture, path, body).await;
    }
    for (path, _) in samples() {
        let gone = fixture.send(Method::DELETE, &format!("{path}/x?gracePeriodSeconds=0"), None).await;
        assert_eq!(gone.code, 200, "{path}: {:?}", gone.body);
        // Claims and volumes are kept from going while they are in use; here nobody else says that they are not.
        if path.contains("/persistentvolume") {
            let free = json!({"metadata": {"finalizers": null}});
            let freed = fixture.patch(&format!("{path}/x"), "merge-patch+json", &free).await;
            assert_eq!(freed.code, 200, "{path}: {:?}", freed.body);
        }
    }
    let mut space = fixture.get("/api/v1/namespaces/x").await.body;
    space["spec"]["finalizers"] = json!([]);
    fixture.send(Method::PUT, "/api/v1/namespaces/x/finalize", Some(&space)).await;
    assert_eq!(keys(&fixture), before);
}

/// Every key in the store.
fn keys(fixture: &Fixture) -> Vec<String> {
    let range = fixture.store.range("/", None, 0, None).unwrap();
    range.entries.iter().map(|entry| entry.key.to_string()).collect()
}
