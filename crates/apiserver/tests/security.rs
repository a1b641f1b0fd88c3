//! Who may do what, asked of a whole server: RBAC, nodes, tokens, escalation, impersonation.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use apiserver::{ApiServer, Options, UserInfo};
use common::{Fixture, Reply};
use http::Method;
use serde_json::{Value, json};

/// The fixture's client acting as someone else.
async fn send(fixture: &Fixture, user: &UserInfo, method: Method, path: &str, body: Option<&Value>) -> Reply {
    let client = fixture.server.client(user.clone());
    let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let request =
        http::Request::builder().method(method).uri(path).header("content-type", "application/json");
    let response = client.send(request.body(bytes.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes().to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Reply { code: parts.status.as_u16(), headers: parts.headers, body, bytes }
}

fn user(name: &str) -> UserInfo {
    UserInfo::named(name)
}

fn node(name: &str) -> UserInfo {
    let mut node = UserInfo::named(format!("system:node:{name}"));
    node.groups.push("system:nodes".into());
    node
}

async fn make(fixture: &Fixture, path: &str, body: Value) -> Value {
    let made = fixture.send(Method::POST, path, Some(&body)).await;
    assert_eq!(made.code, 201, "{path}: {:?}", made.body);
    made.body
}

/// The policy index follows the store; wait until the server answers a review as expected.
async fn until_allowed(
    fixture: &Fixture,
    user: &str,
    verb: &str,
    resource: &str,
    namespace: &str,
    want: bool,
) {
    let group = if resource.contains("role") { "rbac.authorization.k8s.io" } else { "" };
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
        "user": user, "resourceAttributes":
            {"verb": verb, "resource": resource, "namespace": namespace, "group": group}}});
    for _ in 0..2000 {
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let answer = fixture.send(Method::POST, path, Some(&review)).await;
        assert_eq!(answer.code, 201, "{:?}", answer.body);
        if answer.body["status"]["allowed"] == want {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{user} {verb} {resource} in {namespace:?} never became {want}");
}

const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";

fn role(name: &str, verbs: &[&str], resources: &[&str]) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name},
        "rules": [{"verbs": verbs, "apiGroups": [""], "resources": resources}]})
}

fn binding(name: &str, kind: &str, role: &str, subject: Value) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}, "subjects": [subject]})
}

#[tokio::test]
async fn nobody_may_do_anything_without_a_binding() {
    let fixture = common::start().await;
    let refused = send(&fixture, &user("ann"), Method::GET, "/api/v1/namespaces/default/pods", None).await;
    assert_eq!(refused.code, 403);
    assert_eq!(
        refused.body["message"],
        "pods is forbidden: User \"ann\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\""
    );
    for (path, code) in [("/version", 200), ("/api", 200), ("/apis/apps/v1", 200), ("/metrics", 403)] {
        let answer = send(&fixture, &user("ann"), Method::GET, path, None).await;
        assert_eq!(answer.code, code, "{path} {:?}", answer.body);
    }
}

#[tokio::test]
async fn a_role_reaches_as_far_as_it_says() {
    let fixture = common::start().await;
    make(&fixture, ROLES, role("reader", &["get", "list"], &["configmaps"])).await;
    make(&fixture, BINDINGS, binding("ann", "Role", "reader", json!({"kind": "User", "name": "ann"}))).await;
    until_allowed(&fixture, "ann", "list", "configmaps", "default", true).await;
    for (method, path, code) in [
        (Method::GET, "/api/v1/namespaces/default/configmaps", 200),
        (Method::GET, "/api/v1/namespaces/default/configmaps/x", 404),
        (Method::GET, "/api/v1/configmaps", 403),
        (Method::GET, "/api/v1/namespaces/kube-system/configmaps", 403),
        (Method::DELETE, "/api/v1/namespaces/default/configmaps/x", 403),
        (Method::GET, "/api/v1/namespaces/default/secrets", 403),
    ] {
        let answer = send(&fixture, &user("ann"), method.clone(), path, None).await;
        assert_eq!(answer.code, code, "{method} {path} {:?}", answer.body);
    }
    fixture.send(Method::DELETE, &format!("{BINDINGS}/ann"), None).await;
    until_allowed(&fixture, "ann", "list", "configmaps", "default", false).await;
}

#[tokio::test]
async fn view_and_edit_are_what_people_expect() {
    let fixture = common::start().await;
    for (name, role) in [("vi", "view"), ("ed", "edit"), ("ad", "admin")] {
        make(&fixture, BINDINGS, binding(name, "ClusterRole", role, json!({"kind": "User", "name": name})))
            .await;
    }
    until_allowed(&fixture, "ad", "get", "pods", "default", true).await;
    for (name, verb, resource, want) in [
        ("vi", "get", "pods", true),
        ("vi", "get", "secrets", false),
        ("vi", "create", "pods", false),
        ("ed", "create", "pods", true),
        ("ed", "get", "secrets", true),
        ("ed", "create", "rolebindings", false),
        ("ad", "create", "rolebindings", true),
        ("ad", "delete", "namespaces", false),
    ] {
        until_allowed(&fixture, name, verb, resource, "default", want).await;
    }
}

#[tokio::test]
async fn no_one_grants_what_he_has_not() {
    let fixture = common::start().await;
    make(&fixture, BINDINGS, binding("ad", "ClusterRole", "admin", json!({"kind": "User", "name": "ad"})))
        .await;
    until_allowed(&fixture, "ad", "create", "roles", "default", true).await;
    let ad = user("ad");
    let good = send(&fixture, &ad, Method::POST, ROLES, Some(&role("mine", &["get"], &["pods"]))).await;
    assert_eq!(good.code, 201, "{:?}", good.body);
    let greedy = send(&fixture, &ad, Method::POST, ROLES, Some(&role("more", &["delete"], &["nodes"]))).await;
    assert_eq!(greedy.code, 403);
    let text = greedy.body["message"].as_str().unwrap();
    assert!(
        text.contains("is attempting to grant RBAC permissions not currently held:\n{APIGroups:"),
        "{text}"
    );
    let subject = json!({"kind": "User", "name": "friend"});
    let root = binding("root", "ClusterRole", "cluster-admin", subject.clone());
    assert_eq!(send(&fixture, &ad, Method::POST, BINDINGS, Some(&root)).await.code, 403);
    let edit = binding("edit", "ClusterRole", "edit", subject);
    assert_eq!(send(&fixture, &ad, Method::POST, BINDINGS, Some(&edit)).await.code, 201);
}

#[tokio::test]
async fn a_binding_keeps_its_role() {
    let fixture = common::start().await;
    make(&fixture, BINDINGS, binding("b", "ClusterRole", "view", json!({"kind": "User", "name": "u"}))).await;
    let other = binding("b", "ClusterRole", "edit", json!({"kind": "User", "name": "u"}));
    let changed = fixture.send(Method::PUT, &format!("{BINDINGS}/b"), Some(&other)).await;
    assert_eq!(changed.code, 422);
    assert!(
        changed.body["message"].as_str().unwrap().contains("cannot change roleRef"),
        "{:?}",
        changed.body
    );
}

fn pod(name: &str, node: &str, secret: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "nodeName": node, "containers": [{"name": "c", "image": "i:1"}],
        "volumes": [{"name": "s", "secret": {"secretName": secret}}]}})
}

async fn account(fixture: &Fixture, name: &str) -> Value {
    let body = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    make(fixture, "/api/v1/namespaces/default/serviceaccounts", body).await
}

#[tokio::test]
async fn a_node_has_what_its_pods_need_and_no_more() {
    let fixture = common::start().await;
    account(&fixture, "default").await;
    for name in ["mine", "theirs"] {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
        make(&fixture, "/api/v1/namespaces/default/secrets", secret).await;
    }
    make(&fixture, "/api/v1/namespaces/default/pods", pod("a", "n1", "mine")).await;
    make(&fixture, "/api/v1/namespaces/default/pods", pod("b", "n2", "theirs")).await;
    let status = json!([{"op": "add", "path": "/status/phase", "value": "Running"}]);
    let n1 = node("n1");
    for (method, path, body, code) in [
        (Method::GET, "/api/v1/namespaces/default/secrets/mine", None, 200),
        (Method::GET, "/api/v1/namespaces/default/secrets/theirs", None, 403),
        (Method::GET, "/api/v1/namespaces/default/secrets", None, 403),
        (Method::GET, "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1", None, 200),
        (Method::GET, "/api/v1/pods?fieldSelector=spec.nodeName%3Dn2", None, 403),
        (Method::GET, "/api/v1/pods", None, 403),
        (Method::DELETE, "/api/v1/namespaces/default/pods/b", None, 403),
        (Method::GET, "/api/v1/nodes/n2", None, 403),
        (Method::GET, "/apis/apps/v1/deployments", None, 403),
    ] {
        let answer = send(&fixture, &n1, method.clone(), path, body).await;
        assert_eq!(answer.code, code, "{method} {path} {:?}", answer.body);
    }
    for (name, code) in [("a", 200), ("b", 403)] {
        let client = fixture.server.client(n1.clone());
        let request = http::Request::builder()
            .method(Method::PATCH)
            .uri(format!("/api/v1/namespaces/default/pods/{name}/status"))
            .header("content-type", "application/json-patch+json");
        let answer =
            client.send(request.body(status.to_string().into_bytes().into()).unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), code, "{name}");
    }
}

#[tokio::test]
async fn a_node_registers_itself_and_no_other() {
    let fixture = common::start().await;
    let body = |name: &str, labels: Value| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
            "status": {"capacity": {"cpu": "2"}}})
    };
    let path = "/api/v1/nodes";
    let n1 = node("n1");
    let evil = body("n1", json!({"node-restriction.kubernetes.io/gpu": "true"}));
    assert_eq!(send(&fixture, &n1, Method::POST, path, Some(&evil)).await.code, 403);
    assert_eq!(send(&fixture, &n1, Method::POST, path, Some(&body("n2", json!({})))).await.code, 403);
    let made =
        send(&fixture, &n1, Method::POST, path, Some(&body("n1", json!({"kubernetes.io/hostname": "n1"}))))
            .await;
    assert_eq!(made.code, 201, "{:?}", made.body);
    assert_eq!(made.body["status"]["allocatable"], json!({"cpu": "2"}));
    assert_eq!(
        made.body["spec"]["taints"],
        json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}])
    );
    let mut free = made.body.clone();
    free["spec"]["taints"] = json!([]);
    assert_eq!(send(&fixture, &n1, Method::PUT, "/api/v1/nodes/n1", Some(&free)).await.code, 403);
    assert_eq!(send(&fixture, &n1, Method::DELETE, "/api/v1/nodes/n1", None).await.code, 403);
}

#[tokio::test]
async fn who_may_act_for_whom() {
    let fixture = common::start().await;
    let path = "/api/v1/namespaces/default/pods";
    let as_admin = |user: &'static str| {
        let fixture = &fixture;
        async move {
            let headers = [("impersonate-user", user)];
            fixture.send_as(Method::GET, path, &headers, Vec::new()).await
        }
    };
    assert_eq!(as_admin("bob").await.code, 403);
    let client = fixture.server.client(user("ann"));
    let request = http::Request::builder().uri(path).header("impersonate-user", "system:admin");
    let answer = client.send(request.body(Vec::new().into()).unwrap()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 403);
}

/// A server that can sign tokens.
async fn with_key() -> Fixture {
    let mut fixture = common::start().await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    let mut options = Options::new(fixture.store.clone());
    options.service_account_key_pem = Some(key.into_bytes());
    fixture.server = ApiServer::start(options).await.unwrap();
    fixture.client = fixture.server.client(common::admin());
    fixture
}

async fn token(fixture: &Fixture, account: &str, spec: Value) -> Reply {
    let path = format!("/api/v1/namespaces/default/serviceaccounts/{account}/token");
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    fixture.send(Method::POST, &path, Some(&body)).await
}

async fn review(fixture: &Fixture, token: &str, audiences: &[&str]) -> Value {
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": token, "audiences": audiences}});
    let answer = fixture.send(Method::POST, "/apis/authentication.k8s.io/v1/tokenreviews", Some(&body)).await;
    assert_eq!(answer.code, 201, "{:?}", answer.body);
    assert_eq!(answer.body["spec"].get("token").and_then(Value::as_str).unwrap_or_default(), "");
    answer.body["status"].clone()
}

#[tokio::test]
async fn a_token_lives_as_long_as_its_pod_and_account() {
    let fixture = with_key().await;
    account(&fixture, "default").await;
    let pod = make(&fixture, "/api/v1/namespaces/default/pods", pod("a", "n1", "x")).await;
    let reference = json!({"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": pod["metadata"]["uid"]});
    let made = token(&fixture, "default", json!({"boundObjectRef": reference})).await;
    assert_eq!(made.code, 201, "{:?}", made.body);
    let bound = made.body["status"]["token"].as_str().unwrap().to_owned();
    let status = review(&fixture, &bound, &[]).await;
    assert_eq!(status["user"]["username"], "system:serviceaccount:default:default");
    assert_eq!(status["user"]["extra"]["authentication.kubernetes.io/pod-name"], json!(["a"]));
    assert_eq!(review(&fixture, &bound, &["elsewhere"]).await.get("authenticated"), None);

    let free = token(&fixture, "default", json!({"audiences": ["vault"], "expirationSeconds": 600})).await;
    let free = free.body["status"]["token"].as_str().unwrap().to_owned();
    assert_eq!(review(&fixture, &free, &["vault", "x"]).await["audiences"], json!(["vault"]));
    assert_eq!(review(&fixture, &free, &[]).await.get("authenticated"), None);

    let delete = "/api/v1/namespaces/default/pods/a?gracePeriodSeconds=0";
    assert_eq!(fixture.send(Method::DELETE, delete, None).await.code, 200);
    assert_eq!(review(&fixture, &bound, &[]).await.get("authenticated"), None);
    fixture.send(Method::DELETE, "/api/v1/namespaces/default/serviceaccounts/default", None).await;
    account(&fixture, "default").await;
    assert_eq!(review(&fixture, &free, &["vault"]).await.get("authenticated"), None);
}

#[tokio::test]
async fn token_requests_are_checked() {
    let fixture = with_key().await;
    account(&fixture, "default").await;
    account(&fixture, "other").await;
    make(&fixture, "/api/v1/namespaces/default/pods", pod("a", "n1", "x")).await;
    let reference =
        |name: &str, uid: &str| json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid});
    for (account, spec, code) in [
        ("missing", json!({}), 404),
        ("default", json!({"expirationSeconds": 599}), 422),
        ("default", json!({"boundObjectRef": reference("none", "")}), 404),
        ("default", json!({"boundObjectRef": reference("a", "wrong")}), 409),
        ("other", json!({"boundObjectRef": reference("a", "")}), 400),
        ("default", json!({"boundObjectRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "a"}}), 400),
    ] {
        let answer = token(&fixture, account, spec.clone()).await;
        assert_eq!(answer.code, code, "{account} {spec} {:?}", answer.body);
    }
}
