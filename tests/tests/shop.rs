//! The main job: the example shop from source to answering, changed, killed, taken away.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use e2e::{Cluster, edit, eventually, http, machine};

/// Port of the shop's front end, from its launchway.toml.
const PORT: u16 = 30080;

fn images_of(cluster: &Cluster) -> Vec<(String, String)> {
    let list = cluster.get(&["deployments", "-n", "shop"]);
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            let image = &item["spec"]["template"]["spec"]["containers"][0]["image"];
            (text(&item["metadata"]["name"]), text(image))
        })
        .collect()
}

fn pods_of(cluster: &Cluster, app: &str) -> Vec<String> {
    let selector = format!("app.kubernetes.io/name={app}");
    let list = cluster.get(&["pods", "-n", "shop", "-l", &selector]);
    let mut names: Vec<String> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["metadata"]["uid"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn from_source_to_answering_and_away_again() {
    let before = machine::traces();
    let cluster = Cluster::new();
    let shop = cluster.shop();
    let directory = shop.to_str().unwrap();

    // A first run.
    let first = cluster.ok(&["up", directory]);
    assert!(first.stdout.contains("web: http://127.0.0.1:30080/"), "{}", first.stdout);
    let (status, body) = http::get(PORT, "/api/products").unwrap();
    assert_eq!(status, 200);
    assert!(body.contains("Green tea"), "data from the database: {body}");
    assert_eq!(http::post(PORT, "/api/orders", r#"{"product":1,"quantity":2}"#).unwrap().0, 201);
    assert!(http::get(PORT, "/").unwrap().1.contains("<title>The shop</title>"));
    let table = cluster.kubectl_ok(&["get", "deployments", "-n", "shop"]);
    assert!(table.lines().next().unwrap().starts_with("NAME"), "{table}");
    assert!(table.contains("2/2"), "{table}");

    // A second run changes nothing.
    let (images, pods) = (images_of(&cluster), pods_of(&cluster, "web"));
    let second = cluster.ok(&["up", directory]);
    assert!(second.stderr.contains("4 tasks, all cached"), "{}", second.stderr);
    assert!(second.stderr.contains("none new"), "{}", second.stderr);
    assert_eq!(images_of(&cluster), images);
    assert_eq!(pods_of(&cluster, "web"), pods);

    // A change in one package: one image, one Deployment, and nobody notices.
    edit(&shop.join("apps/web/assets/index.html"), "<h1>The shop</h1>", "<h1>The better shop</h1>");
    let load = http::Load::start(PORT, "/api/products", 4);
    let api_pods = pods_of(&cluster, "api");
    let third = cluster.ok(&["up", directory]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    let (answered, failures) = load.stop();
    assert!(
        failures.is_empty(),
        "{} of {} failed: {:?}",
        failures.len(),
        answered,
        &failures[..failures.len().min(5)]
    );
    assert!(answered > 100, "only {answered} requests were made");
    assert!(third.stderr.contains("4 tasks, 3 cached"), "{}", third.stderr);
    assert!(third.stderr.contains("new: web\n") || third.stderr.contains("new: web ("), "{}", third.stderr);
    assert!(http::get(PORT, "/").unwrap().1.contains("The better shop"));
    assert_eq!(pods_of(&cluster, "api"), api_pods);
    let now = images_of(&cluster);
    assert_eq!(now[0], images[0], "api keeps its image");
    assert_ne!(now[1], images[1], "web has a new one");

    // Every pod knows where it came from.
    let pod =
        cluster.kubectl_ok(&["get", "pods", "-n", "shop", "-l", "app.kubernetes.io/name=web", "-o", "name"]);
    let why = cluster.ok(&["why", pod.lines().next().unwrap()]).stdout;
    for text in ["package    web", "package    @shop/http", "task       web#build", "sha256:", "version 2"] {
        assert!(why.contains(text), "{text} is not in\n{why}");
    }

    // The daemon killed at any moment: pods go on, names resolve, data is there, the next start takes over.
    let before_kill = pods_of(&cluster, "web");
    let load = http::Load::start(PORT, "/api/products", 2);
    cluster.kill_daemon();
    std::thread::sleep(std::time::Duration::from_secs(1));
    cluster.ok(&["cluster", "start"]);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let (answered, failures) = load.stop();
    assert!(failures.is_empty() && answered > 100, "{answered} answered, {failures:?}");
    assert_eq!(pods_of(&cluster, "web"), before_kill);
    let restarts = cluster.get(&["pods", "-n", "shop"]);
    for pod in restarts["items"].as_array().unwrap() {
        let status = &pod["status"]["containerStatuses"][0];
        assert_eq!(status["restartCount"], 0, "{status}");
    }
    eventually("the order is there", || {
        http::get(PORT, "/api/products").ok().filter(|(_, body)| body.contains("\"ordered\":2"))
    });

    // Down removes the application and keeps its database.
    cluster.ok(&["down", directory]);
    let namespaces = cluster.kubectl_ok(&["get", "namespaces", "-o", "name"]);
    assert!(!namespaces.contains("shop"), "{namespaces}");
    eventually("the port is closed", || http::get(PORT, "/").is_err().then_some(()));
    cluster.ok(&["up", directory]);
    assert!(http::get(PORT, "/api/products").unwrap().1.contains("\"ordered\":2"));

    // Delete leaves nothing.
    cluster.ok(&["cluster", "delete"]);
    assert!(!cluster.home().exists());
    assert!(!std::fs::read_to_string(cluster.kubeconfig()).unwrap().contains("launchway"));
    // The kernel takes namespaces and what is in them away a moment after their last process.
    let mut left = Vec::new();
    for _ in 0..100 {
        left = machine::traces().difference(&before).cloned().collect();
        if left.is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("left behind: {left:#?}");
}
