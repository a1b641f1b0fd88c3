//! Whole runs on small repositories with real scripts.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use build::{Event, Reporter, RunError, RunOptions, Summary, discover, plan, run};

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Reporter for Log {
    fn event(&self, event: Event<'_>) {
        let text = match event {
            Event::Started(id) => format!("start {id}"),
            Event::Line(id, line) => format!("line {id} {line}"),
            Event::Finished(result) => format!("end {} {}", result.id, result.cached),
            Event::Failed(id) => format!("fail {id}"),
        };
        self.0.lock().unwrap().push(text);
    }
}

fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("turbo.json", r#"{"tasks":{"build":{"dependsOn":["^build"],"outputs":["dist/**"]}}}"#);
    write("package.json", r#"{"workspaces":["apps/*","packages/*"]}"#);
    write(".gitignore", "dist/\n.turbo/\n");
    write(
        "packages/ui/package.json",
        r#"{"name":"ui","scripts":{"build":"mkdir -p dist && cp src dist/ui"}}"#,
    );
    write("packages/ui/src", "ui 1");
    write(
        "apps/web/package.json",
        r#"{"name":"web","dependencies":{"ui":"*"},"scripts":{"build":"mkdir -p dist && cat ../../packages/ui/dist/ui src > dist/web"}}"#,
    );
    write("apps/web/src", "web 1");
    write(
        "apps/api/package.json",
        r#"{"name":"api","scripts":{"build":"echo made; mkdir -p dist && cp src dist/api"}}"#,
    );
    write("apps/api/src", "api 1");
    dir
}

async fn build_all(root: &Path) -> (Result<Summary, RunError>, Vec<String>) {
    let workspace = discover(root).unwrap();
    let graph = plan(&workspace, &["build"]).unwrap();
    let log = Arc::new(Log::default());
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let result = run(&workspace, &graph, RunOptions { env, force: false }, log.clone()).await;
    let events = log.0.lock().unwrap().clone();
    (result, events)
}

fn cached(summary: &Summary) -> Vec<(String, bool)> {
    summary.tasks.iter().map(|(id, task)| (id.package.clone(), task.cached)).collect()
}

#[tokio::test]
async fn a_second_run_is_cached_and_a_change_reaches_dependents_alone() {
    let dir = repository();
    let (first, events) = build_all(dir.path()).await;
    assert!(cached(&first.unwrap()).iter().all(|(_, cached)| !cached));
    assert!(events.contains(&"line api#build made".to_owned()), "{events:?}");
    let position = |text: &str| events.iter().position(|event| event == text).unwrap();
    assert!(position("end ui#build false") < position("start web#build"), "{events:?}");

    fs::remove_dir_all(dir.path().join("apps/web/dist")).unwrap();
    let (second, _) = build_all(dir.path()).await;
    assert!(cached(&second.unwrap()).iter().all(|(_, cached)| *cached));
    assert_eq!(fs::read_to_string(dir.path().join("apps/web/dist/web")).unwrap(), "ui 1web 1");

    fs::write(dir.path().join("packages/ui/src"), "ui 2").unwrap();
    let (third, _) = build_all(dir.path()).await;
    let expected = [("api", true), ("ui", false), ("web", false)].map(|(name, hit)| (name.to_owned(), hit));
    assert_eq!(cached(&third.unwrap()), expected);
    assert_eq!(fs::read_to_string(dir.path().join("apps/web/dist/web")).unwrap(), "ui 2web 1");

    fs::write(dir.path().join("packages/ui/src"), "ui 1").unwrap();
    let (back, _) = build_all(dir.path()).await;
    assert!(cached(&back.unwrap()).iter().all(|(_, cached)| *cached), "an earlier state is still cached");
    assert_eq!(fs::read_to_string(dir.path().join("apps/web/dist/web")).unwrap(), "ui 1web 1");
}

#[tokio::test]
async fn a_failing_script_is_named_with_its_output_and_not_cached() {
    let dir = repository();
    let manifest = dir.path().join("apps/api/package.json");
    fs::write(&manifest, r#"{"name":"api","scripts":{"build":"echo broken >&2; exit 3"}}"#).unwrap();
    for _ in 0..2 {
        let (result, events) = build_all(dir.path()).await;
        let error = result.unwrap_err();
        assert!(
            error.to_string().contains("api#build") && error.to_string().contains("exit status: 3"),
            "{error}"
        );
        let RunError::Script { tail, .. } = error else { panic!("not a script failure") };
        assert_eq!(tail, "broken");
        assert!(events.contains(&"fail api#build".to_owned()), "{events:?}");
    }
}

#[tokio::test]
async fn undeclared_variables_are_not_seen() {
    let dir = repository();
    let manifest = dir.path().join("apps/api/package.json");
    fs::write(&manifest, r#"{"name":"api","scripts":{"build":"mkdir -p dist; env > dist/env"}}"#).unwrap();
    let workspace = discover(dir.path()).unwrap();
    let graph = plan(&workspace, &["build"]).unwrap();
    let mut env: BTreeMap<String, String> = std::env::vars().collect();
    env.insert("SECRET_OF_MINE".to_owned(), "x".to_owned());
    run(&workspace, &graph, RunOptions { env, force: false }, Arc::new(Log::default())).await.unwrap();
    let seen = fs::read_to_string(dir.path().join("apps/api/dist/env")).unwrap();
    assert!(!seen.contains("SECRET_OF_MINE") && seen.contains("TURBO_HASH="), "{seen}");
}
