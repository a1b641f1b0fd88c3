//! Policies, events and messages of pulls; what a registry gets and gives.

use e2e::objects::{apply, pod, started, until};
use e2e::registry::{Registry, skopeo};
use e2e::{Cluster, eventually, images};
use serde_json::{Value, json};

/// A pod of one container that sleeps.
fn sleeper(name: &str, image: &str, policy: &str) -> Value {
    let container =
        json!({"name": "c", "image": image, "imagePullPolicy": policy, "command": ["sleep", "1000"]});
    pod(name, json!({"containers": [container], "terminationGracePeriodSeconds": 0}))
}

fn status(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]
}

fn running(cluster: &Cluster, name: &str) -> Value {
    until(cluster, &["pod", name], "runs", |pod| status(pod)["state"]["running"].is_object())
}

fn waiting(cluster: &Cluster, name: &str, reason: &str) -> String {
    let pod =
        until(cluster, &["pod", name], reason, |pod| status(pod)["state"]["waiting"]["reason"] == reason);
    status(&pod)["state"]["waiting"]["message"].as_str().unwrap_or_default().to_owned()
}

/// Reasons with messages of a pod's events.
fn events(cluster: &Cluster, name: &str) -> Vec<(String, String)> {
    let list = cluster.get(&["events", "--field-selector", &format!("involvedObject.name={name}")]);
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    list["items"].as_array().unwrap().iter().map(|e| (text(e, "reason"), text(e, "message"))).collect()
}

fn event(cluster: &Cluster, name: &str, reason: &str, part: &str) -> String {
    eventually(&format!("event {reason} {part}"), || {
        let found = events(cluster, name).into_iter().find(|(r, m)| r == reason && m.contains(part));
        found.map(|(_, message)| message)
    })
}

#[test]
fn pods_pull_as_their_policy_says_and_say_what_was_tried() {
    let cluster = started();
    let mut registry = Registry::open();
    let name = registry.name("team/busybox:1");

    // What is pushed is what others find there.
    let pushed = cluster.ok(&["image", "push", images::BUSYBOX, &name]).stdout;
    let digest = pushed.split_whitespace().last().unwrap().to_owned();
    let remote = format!("docker://{name}");
    let seen: Value = serde_json::from_str(&skopeo(&["inspect", "--tls-verify=false", &remote])).unwrap();
    assert_eq!(seen["Digest"], digest.as_str());

    apply(&cluster, &[sleeper("first", &name, "IfNotPresent")]);
    let first = running(&cluster, "first");
    let id = format!("{}@{digest}", registry.name("team/busybox"));
    assert_eq!(status(&first)["imageID"], id.as_str());
    event(&cluster, "first", "Pulling", &format!("Pulling image \"{name}\""));
    let told = event(&cluster, "first", "Pulled", "Successfully pulled image");
    assert!(
        told.starts_with(&format!("Successfully pulled image \"{name}\" in "))
            && told.contains("s including waiting). Image size: ")
            && told.ends_with(" bytes."),
        "{told}"
    );
    // The Node tells it, with digest and tag.
    until(&cluster, &["nodes"], "the node has the image", |nodes| {
        let images = nodes["items"][0]["status"]["images"].as_array().cloned().unwrap_or_default();
        let names = |image: &Value| image["names"].as_array().cloned().unwrap_or_default();
        images.iter().any(|image| {
            names(image).contains(&json!(id))
                && names(image).contains(&json!(name))
                && image["sizeBytes"].is_u64()
        })
    });

    // A name that now stands for something else: `Always` sees it, `IfNotPresent` need not.
    let mut other = image::LayerBuilder::new();
    other.bytes("changed", b"yes".to_vec(), false).unwrap();
    let store = image::ContentStore::open(&cluster.home().join("images")).unwrap();
    let base = store.require(images::BUSYBOX).unwrap();
    let layers = [base.layers.clone(), vec![store.put_layer(&other).unwrap()]].concat();
    let changed = store.build_image(&base.config, &layers).unwrap();
    store.tag("changed:1", &changed).unwrap();
    cluster.ok(&["image", "push", "changed:1", &name]);
    // Compressed by zstd on the way, under a further name; by its digest alone, too.
    let compressed = registry.name("team/compressed:1");
    skopeo(&[
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--dest-compress-format",
        "zstd",
        &remote,
        &format!("docker://{compressed}"),
    ]);
    let inspected = skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{compressed}")]);
    assert!(inspected.contains("tar+zstd"), "{inspected}");
    let by_digest = format!("{}@{changed}", registry.name("team/busybox"));
    apply(
        &cluster,
        &[
            sleeper("kept", &name, "IfNotPresent"),
            sleeper("zstd", &compressed, "IfNotPresent"),
            sleeper("by-digest", &by_digest, "IfNotPresent"),
        ],
    );
    assert_eq!(status(&running(&cluster, "kept"))["imageID"], id.as_str());
    event(&cluster, "kept", "Pulled", "already present on machine and can be accessed by the pod");
    for new in ["zstd", "by-digest"] {
        running(&cluster, new);
        assert_eq!(cluster.kubectl_ok(&["exec", new, "--", "cat", "/changed"]), "yes", "{new}");
    }
    apply(&cluster, &[sleeper("always", &name, "Always")]);
    running(&cluster, "always");
    assert_eq!(cluster.kubectl_ok(&["exec", "always", "--", "cat", "/changed"]), "yes");

    // Errors name the request, the answer, and what to do.
    let absent = registry.name("team/absent:1");
    apply(&cluster, &[sleeper("absent", &absent, "IfNotPresent"), sleeper("never", "absent:1", "Never")]);
    let message = waiting(&cluster, "absent", "ImagePullBackOff");
    for part in [
        &format!("Back-off pulling image \"{absent}\": ErrImagePull: "),
        &format!("GET http://{}/v2/team/absent/manifests/1: 404 Not Found", registry.host()),
        "MANIFEST_UNKNOWN",
        "(without credentials)",
        "check the image's name and tag",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    event(&cluster, "absent", "Failed", &format!("Failed to pull image \"{absent}\": "));
    event(&cluster, "absent", "Failed", "Error: ErrImagePull");
    event(&cluster, "absent", "BackOff", &format!("Back-off pulling image \"{absent}\""));
    let message = waiting(&cluster, "never", "ErrImageNeverPull");
    assert_eq!(message, "Container image \"absent:1\" is not present with pull policy of Never");

    // Without the registry, what is here goes on being here.
    registry.stop();
    apply(&cluster, &[sleeper("offline", &name, "IfNotPresent"), sleeper("offline-always", &name, "Always")]);
    running(&cluster, "offline");
    let message = waiting(&cluster, "offline-always", "ImagePullBackOff");
    assert!(message.contains("Connection refused"), "{message}");
    assert!(message.contains("The image is on this node"), "{message}");

    // An image that arrives by hand ends the waiting.
    registry.restart();
    cluster.ok(&["image", "push", images::BUSYBOX, &absent]);
    cluster.ok(&["image", "pull", &absent]);
    running(&cluster, "absent");
}

#[test]
fn a_pod_whose_image_does_not_come_is_deleted_at_once() {
    let cluster = started();
    // Takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let image = format!("localhost:{}/slow:1", silent.local_addr().unwrap().port());
    let mut slow = sleeper("slow", &image, "IfNotPresent");
    slow["spec"]["terminationGracePeriodSeconds"] = json!(30);
    apply(&cluster, &[slow]);
    event(&cluster, "slow", "Pulling", &image);
    // Within kubectl's patience, which is shorter than that of a pull.
    cluster.kubectl_ok(&["delete", "pod", "slow", "--timeout=20s"]);
    let left = |folder: &str| {
        let entries = std::fs::read_dir(cluster.home().join(folder)).into_iter().flatten().flatten();
        entries.count()
    };
    eventually("its folder is gone", || (left("pods") == 0).then_some(()));
}
