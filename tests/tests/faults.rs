//! Bad input at each stage: one clear error that names the file or object and what to do, and what ran goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use e2e::{Cluster, edit, eventually, http};

/// Port of the shop's front end, from its launchway.toml.
const PORT: u16 = 30080;

fn still_up() {
    let (status, body) = http::get(PORT, "/api/products").expect("the shop answers");
    assert!(status == 200 && body.contains("Green tea"), "{status} {body}");
}

/// Runs `up`, which must fail with an error that has every one of `words`; the shop goes on answering.
fn up_fails(cluster: &Cluster, shop: &Path, words: &[&str]) {
    let ran = cluster.run(&["up", shop.to_str().unwrap()]);
    assert!(!ran.success, "up must fail; {words:?}\n{}", ran.stderr);
    // Output of a failing script is set off by a bar: what begins a line with "error:" is ours.
    let stderr = format!("\n{}", ran.stderr);
    let start = stderr.find("\nerror: ").unwrap_or_else(|| panic!("no error in\n{stderr}"));
    for word in words {
        assert!(stderr[start..].contains(word), "{word:?} is not in\n{stderr}");
    }
    assert_eq!(stderr.matches("\nerror: ").count(), 1, "one error\n{stderr}");
    still_up();
}

#[test]
fn every_stage_says_what_is_wrong_and_leaves_the_rest_alone() {
    let cluster = Cluster::new();
    let shop = cluster.shop();
    cluster.ok(&["up", shop.to_str().unwrap()]);
    still_up();

    let turbo = shop.join("turbo.json");
    edit(&turbo, "\"dependsOn\"", "\"dependOn\"");
    up_fails(&cluster, &shop, &["turbo.json", "line 9", "dependOn"]);
    edit(&turbo, "\"dependOn\"", "\"dependsOn\"");

    let source = shop.join("apps/api/src/main.rs");
    edit(&source, "fn failed(", "fn failed(oops ");
    up_fails(&cluster, &shop, &["api#build", "exit status: 101", "turbo-build.log"]);
    edit(&source, "fn failed(oops ", "fn failed(");

    let project = shop.join("launchway.toml");
    edit(&project, "replicas = 2", "replica = 2");
    up_fails(&cluster, &shop, &["launchway.toml", "line 13", "replica"]);
    edit(&project, "replica = 2", "replicas = 2");

    let migration = shop.join("migrations/V3__reviews.sql");
    std::fs::write(
        &migration,
        "CREATE TABLE reviews (text TEXT);\n\nINSERT INTO reviews\n  SELECT absent FROM products;\n",
    )
    .unwrap();
    up_fails(&cluster, &shop, &["V3__reviews.sql:4", "no such column: absent", "nothing was rolled out"]);
    std::fs::write(&migration, "CREATE TABLE reviews (text TEXT);\n").unwrap();

    let changed = shop.join("migrations/V1__products.sql");
    edit(&changed, "'Cup', 750", "'Cup', 751");
    up_fails(&cluster, &shop, &["V1__products.sql", "was changed after it was applied"]);
    edit(&changed, "'Cup', 751", "'Cup', 750");

    // An application that ends at once: the old pods stay.
    edit(&project, "health = \"/healthz\"\n\n[apps.web]", "command = [\"no-such-program\"]\n\n[apps.web]");
    up_fails(&cluster, &shop, &["api", "no-such-program", "go on running"]);
    edit(&project, "command = [\"no-such-program\"]\n\n[apps.web]", "health = \"/healthz\"\n\n[apps.web]");

    // Everything mended: it goes on where it was.
    cluster.ok(&["up", shop.to_str().unwrap()]);
    still_up();

    let ran = cluster.kubectl(&["create", "deployment", "UPPER", "--image=x"]);
    assert!(!ran.success && ran.stderr.contains("RFC 1123"), "{}", ran.stderr);
    cluster.kubectl_ok(&["run", "lost", "--image=registry.example/lost:1"]);
    let message = eventually("the missing image is told", || {
        let pod = cluster.get(&["pod", "lost"]);
        let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
        let reason = waiting["reason"].as_str()?;
        reason.contains("ImagePull").then(|| waiting["message"].as_str().unwrap_or_default().to_owned())
    });
    assert!(message.contains("registry.example/lost:1"), "{message}");
}

#[test]
fn a_start_that_cannot_work_says_why() {
    let cluster = Cluster::new();

    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = cluster.run(&["cluster", "start", "--api-port", &port]);
    assert!(!ran.success && ran.stderr.contains(&format!("127.0.0.1:{port}")), "{}", ran.stderr);
    assert!(ran.stderr.contains("--api-port"), "{}", ran.stderr);
    drop(taken);
    cluster.ok(&["cluster", "delete"]);

    let ran = cluster.run(&["cluster", "start", "--pod-cidr", "10.42.0.7/24"]);
    assert!(!ran.success && ran.stderr.contains("10.42.0.7/24"), "{}", ran.stderr);

    let ran = cluster.run(&["why", "pod/x"]);
    assert!(!ran.success && ran.stderr.contains("launchway cluster start"), "{}", ran.stderr);

    let ran = cluster.run(&["up", "/"]);
    assert!(!ran.success && ran.stderr.contains("no turbo.json in /"), "{}", ran.stderr);

    // Not root: a copy of the binary that everybody may read, in a folder that everybody may enter.
    let open = tempfile::Builder::new().prefix("lw").tempdir().unwrap();
    std::fs::set_permissions(open.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let binary = open.path().join("launchway");
    std::fs::copy(std::env::var("LAUNCHWAY").unwrap(), &binary).unwrap();
    let output = Command::new(&binary)
        .args(["cluster", "start"])
        .env("LAUNCHWAY_HOME", open.path().join("home"))
        .env("HOME", open.path())
        .uid(65534)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("root"), "{error}");
}

#[test]
fn a_full_disk_is_told_and_survived() {
    let cluster = Cluster::new();
    std::fs::create_dir(cluster.home()).unwrap();
    let mount = |arguments: &[&str]| {
        let status = Command::new("mount").args(arguments).arg(cluster.home()).status().unwrap();
        assert!(status.success(), "mount {arguments:?}");
    };
    mount(&["-t", "tmpfs", "-o", "size=96m", "tmpfs"]);
    struct Unmount<'a>(&'a Cluster);
    impl Drop for Unmount<'_> {
        fn drop(&mut self) {
            let _ = self.0.run(&["cluster", "delete"]);
            let _ = Command::new("umount").arg("--lazy").arg(self.0.home()).status();
        }
    }
    let _unmount = Unmount(&cluster);

    cluster.ok(&["cluster", "start"]);
    cluster.kubectl_ok(&["create", "configmap", "before", "--from-literal=a=b"]);
    let ballast = cluster.home().join("ballast");
    let filled = Command::new("sh")
        .arg("-c")
        .arg("head -c 200m /dev/zero > \"$0\" 2>/dev/null; true")
        .arg(&ballast)
        .status()
        .unwrap();
    assert!(filled.success());
    let refused = (0..2000).find_map(|number| {
        let payload = format!("--from-literal=a={}", "x".repeat(100_000));
        let ran = cluster.kubectl(&["create", "configmap", &format!("full-{number}"), &payload]);
        (!ran.success).then_some(ran.stderr)
    });
    let refused = refused.expect("writing ends when the disk is full");
    assert!(refused.contains("space") || refused.contains("full"), "{refused}");
    assert!(cluster.kubectl_ok(&["get", "configmap", "before"]).contains("before"), "reads go on");

    std::fs::remove_file(&ballast).unwrap();
    cluster.kubectl_ok(&["create", "configmap", "after", "--from-literal=a=b"]);
    cluster.kill_daemon();
    cluster.ok(&["cluster", "start"]);
    for name in ["before", "after"] {
        assert!(cluster.kubectl_ok(&["get", "configmap", name]).contains(name));
    }
}
