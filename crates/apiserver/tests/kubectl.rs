//! The real kubectl against the server over TLS. `KUBECTL` names another one than that in `PATH`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::start;
use common::tls::serve;

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: main, image: 'web:1', ports: [{containerPort: 80}], env: [{name: A, value: b}]}
      - {name: side, image: 'side:1'}
";

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_made_shown_changed_and_deleted() {
    let api = start().await;
    let served = serve(&api).await;
    let version = served.ok(&["version", "-o", "json"], "").await;
    assert!(version.contains("\"minor\": \"37\""), "{version}");

    served.ok(&["create", "configmap", "settings", "--from-literal=color=blue"], "").await;
    let shown = served.ok(&["get", "configmaps", "settings"], "").await;
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "DATA", "AGE"]);
    assert_eq!(lines[1][..2], ["settings", "1"]);

    let applied = served.ok(&["apply", "-f", "-"], DEPLOYMENT).await;
    assert_eq!(applied, "deployment.apps/web created\n");
    let again = served.ok(&["apply", "-f", "-"], DEPLOYMENT).await;
    assert_eq!(again, "deployment.apps/web unchanged\n");
    let changed = served.ok(&["apply", "-f", "-"], &DEPLOYMENT.replace("web:1", "web:2")).await;
    assert_eq!(changed, "deployment.apps/web configured\n");
    let images = served
        .ok(&["get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[*].image}"], "")
        .await;
    assert_eq!(images, "web:2 side:1", "the container that did not change is still there");

    let shown = served.ok(&["get", "deployments"], "").await;
    let header: Vec<&str> = shown.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]);
    let shown = served.ok(&["get", "deployments", "-o", "wide"], "").await;
    assert!(shown.contains("main,side") && shown.contains("app=web"), "{shown}");

    served.ok(&["scale", "deployment/web", "--replicas=5"], "").await;
    let replicas = served.ok(&["get", "deploy/web", "-o", "jsonpath={.spec.replicas}"], "").await;
    assert_eq!(replicas, "5");
    served.ok(&["label", "deployment/web", "tier=front"], "").await;
    served.ok(&["set", "image", "deployment/web", "side=side:2"], "").await;
    served
        .ok(
            &[
                "patch",
                "deployment/web",
                "--type=json",
                "-p",
                r#"[{"op":"remove","path":"/metadata/labels/tier"}]"#,
            ],
            "",
        )
        .await;
    let described = served.ok(&["describe", "deployment/web"], "").await;
    assert!(described.contains("side:2") && described.contains("Replicas:"), "{described}");
    let all = served.ok(&["get", "all"], "").await;
    assert!(all.contains("deployment.apps/web"), "{all}");

    served.ok(&["delete", "deployment/web", "configmap/settings"], "").await;
    let gone = served.kubectl(&["get", "deployment", "web"], "").await;
    assert_eq!(gone.err, "Error from server (NotFound): deployments.apps \"web\" not found\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_side_apply_tells_conflicts() {
    let api = start().await;
    let served = serve(&api).await;
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: {a: x}\n";
    let apply = ["apply", "--server-side", "-f", "-"];
    assert_eq!(served.ok(&apply, map).await, "configmap/shared serverside-applied\n");
    let other = [&apply[..], &["--field-manager=other"]].concat();
    let conflict = served.kubectl(&other, &map.replace("a: x", "a: z")).await;
    assert!(!conflict.success);
    assert!(conflict.err.contains("Apply failed with 1 conflict: conflict with \"kubectl\""), "{conflict:?}");
    let forced = [&other[..], &["--force-conflicts"]].concat();
    served.ok(&forced, &map.replace("a: x", "a: z")).await;
    let owner = served
        .ok(
            &[
                "get",
                "cm",
                "shared",
                "-o",
                "jsonpath={.metadata.managedFields[*].manager}",
                "--show-managed-fields",
            ],
            "",
        )
        .await;
    assert!(owner.contains("other"), "{owner}");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_side_apply_turns_into_server_side_apply() {
    let api = start().await;
    let served = serve(&api).await;
    let cron = "
apiVersion: batch/v1
kind: CronJob
metadata: {name: c}
spec:
  schedule: '*/5 * * * *'
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: x}]}}}}
";
    served.ok(&["apply", "-f", "-"], cron).await;
    let ran = served.kubectl(&["apply", "--server-side", "-f", "-"], cron).await;
    assert!(ran.success && ran.err.is_empty(), "{ran:?}");
    let managers = "jsonpath={range .metadata.managedFields[*]}{.manager}:{.operation} {end}";
    let shown = served.ok(&["get", "cronjob", "c", "--show-managed-fields", "-o", managers], "").await;
    assert!(shown.contains("kubectl:Apply") && !shown.contains("client-side"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_manifests_are_refused_with_the_field() {
    let api = start().await;
    let served = serve(&api).await;
    let ran = served.kubectl(&["apply", "-f", "-"], &DEPLOYMENT.replace("replicas: 2", "replica: 2")).await;
    assert!(!ran.success);
    assert!(ran.err.contains("strict decoding error: unknown field \"spec.replica\""), "{ran:?}");
    let ran =
        served.kubectl(&["apply", "-f", "-"], &DEPLOYMENT.replace("replicas: 2", "replicas: two")).await;
    assert!(!ran.success, "{ran:?}");
    let ran = served.kubectl(&["apply", "-f", "-"], &DEPLOYMENT.replace("name: web,", "name: Web_,")).await;
    assert!(ran.err.contains("metadata.name: Invalid value: \"Web_\""), "{ran:?}");
    let ran = served.kubectl(&["apply", "-f", "-"], &DEPLOYMENT.replace("name: web,", "name: warned,")).await;
    assert!(ran.success, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_explains_and_lists_resources() {
    let api = start().await;
    let served = serve(&api).await;
    let resources = served.ok(&["api-resources"], "").await;
    assert!(
        resources.lines().any(|line| line.starts_with("deployments") && line.contains("apps/v1")),
        "{resources}"
    );
    let explained = served.ok(&["explain", "deployment.spec.replicas"], "").await;
    assert!(explained.contains("FIELD: replicas <integer>"), "{explained}");
    let versions = served.ok(&["api-versions"], "").await;
    assert!(versions.lines().any(|line| line == "apps/v1") && versions.lines().any(|line| line == "v1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shutdown_ends_the_listener_and_its_watches() {
    let api = start().await;
    let served = serve(&api).await;
    let watch = ["get", "configmaps", "--watch", "--request-timeout=60s"];
    let (ran, ()) = tokio::join!(served.kubectl(&watch, ""), async {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        served.stop.cancel();
    });
    let _ = ran;
    served.done.await.unwrap();
}
