//! Registries that want to know who asks.

use e2e::objects::{apply, pod, started, until};
use e2e::registry::{PASSWORD, Registry, USER};
use e2e::{Cluster, eventually, images};
use serde_json::{Value, json};

fn wanting(name: &str, image: &str, secrets: &[&str]) -> Value {
    let secrets: Vec<Value> = secrets.iter().map(|name| json!({"name": name})).collect();
    let container =
        json!({"name": "c", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sleep", "1000"]});
    pod(
        name,
        json!({"containers": [container], "imagePullSecrets": secrets, "terminationGracePeriodSeconds": 0}),
    )
}

fn waiting(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]["state"]["waiting"]
}

fn refused(cluster: &Cluster, name: &str) -> String {
    let pod =
        until(cluster, &["pod", name], "is refused", |pod| waiting(pod)["reason"] == "ImagePullBackOff");
    waiting(&pod)["message"].as_str().unwrap().to_owned()
}

fn runs(cluster: &Cluster, name: &str) {
    until(cluster, &["pod", name], "runs", |pod| pod["status"]["phase"] == "Running");
}

#[test]
fn private_images_open_with_the_secrets_of_pod_or_service_account_and_for_nobody_else() {
    let cluster = started();
    let registry = Registry::with_password();
    let image = registry.name("private/app:1");
    let server = format!("--docker-server={}", registry.host());

    // The command line: refused without, then with a password from standard input.
    let ran = cluster.run(&["image", "push", images::BUSYBOX, &image]);
    assert!(!ran.success && ran.stderr.contains("401 Unauthorized"), "{}", ran.stderr);
    let mut push =
        cluster.command(&["image", "push", images::BUSYBOX, &image, "--username", USER, "--password-stdin"]);
    let mut push = push.stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut push.stdin.take().unwrap(), PASSWORD.as_bytes()).unwrap();
    assert!(push.wait().unwrap().success());

    let create = |name: &str, password: &str| {
        let (user, password) = (format!("--docker-username={USER}"), format!("--docker-password={password}"));
        cluster.kubectl_ok(&["create", "secret", "docker-registry", name, &server, &user, &password]);
    };
    create("wrong", "sesame");
    apply(&cluster, &[wanting("nobody", &image, &[]), wanting("mistaken", &image, &["wrong", "missing"])]);
    let message = refused(&cluster, "nobody");
    let request = format!("GET http://{}/v2/private/app/manifests/1: 401 Unauthorized", registry.host());
    for part in [request.as_str(), "(without credentials)", "imagePullSecrets"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let message = refused(&cluster, "mistaken");
    for part in
        [request.as_str(), "(with credentials of secret default/wrong (user alice))", "check that these"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!message.contains("sesame"), "{message}");
    eventually("the missing secret is told", || {
        let all = cluster.kubectl_ok(&[
            "get",
            "events",
            "--field-selector",
            "reason=FailedToRetrieveImagePullSecret",
        ]);
        all.contains("Unable to retrieve some image pull secrets (missing)").then_some(())
    });

    create("right", PASSWORD);
    apply(&cluster, &[wanting("invited", &image, &["wrong", "right"])]);
    runs(&cluster, "invited");

    // It lies on the node now, and is still not for everybody.
    apply(&cluster, &[wanting("uninvited", &image, &[])]);
    assert!(refused(&cluster, "uninvited").contains("401 Unauthorized"));

    // The service account's secret, in the old format.
    let old = json!({registry.host(): {"username": USER, "password": PASSWORD}});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockercfg",
        "metadata": {"name": "old"}, "stringData": {".dockercfg": old.to_string()},
    });
    apply(&cluster, &[secret]);
    cluster.kubectl_ok(&["create", "serviceaccount", "builder"]);
    let patch = json!({"imagePullSecrets": [{"name": "old"}]}).to_string();
    cluster.kubectl_ok(&["patch", "serviceaccount", "builder", "-p", &patch]);
    let mut by_account = wanting("by-account", &image, &[]);
    by_account["spec"]["serviceAccountName"] = json!("builder");
    by_account["spec"].as_object_mut().unwrap().remove("imagePullSecrets");
    apply(&cluster, &[by_account]);
    runs(&cluster, "by-account");
}
