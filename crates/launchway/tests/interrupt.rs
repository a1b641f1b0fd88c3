//! An interrupted `up` takes the scripts it runs with it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn an_interrupt_leaves_no_script_behind() {
    for signal in ["-INT", "-TERM"] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "turbo.json", r#"{"tasks":{"build":{"outputs":["dist/**"]}}}"#);
        write(dir.path(), "package.json", r#"{"name":"r","workspaces":["apps/*"]}"#);
        write(dir.path(), "launchway.toml", "name = \"r\"\n[apps.a]\n");
        let script = "sleep 1000 & echo $! $$ > pids.new; mv pids.new pids; wait";
        let manifest = format!(r#"{{"name":"a","scripts":{{"build":"{script}"}}}}"#);
        write(dir.path(), "apps/a/package.json", &manifest);
        let mut up = Command::new(env!("CARGO_BIN_EXE_launchway"))
            .arg("up")
            .arg(dir.path())
            .env("LAUNCHWAY_HOME", dir.path().join("home"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pids = dir.path().join("apps/a/pids");
        while !pids.exists() {
            assert!(up.try_wait().unwrap().is_none(), "{:?}", up.wait_with_output());
            sleep(Duration::from_millis(10));
        }
        assert!(Command::new("kill").args([signal, &up.id().to_string()]).status().unwrap().success());
        let output = up.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains("continues where this run stopped"), "{text}");
        for pid in fs::read_to_string(&pids).unwrap().split_whitespace() {
            let stat = format!("/proc/{pid}/stat");
            // A killed process may still be on its way out.
            while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
                sleep(Duration::from_millis(10));
            }
        }
    }
}
