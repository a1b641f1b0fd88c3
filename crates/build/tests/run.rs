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
            Event::Warning(id, text) => format!("warning {id} {text}"),
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

#[tokio::test]
async fn a_damaged_cache_entry_is_built_again_with_a_warning() {
    let dir = repository();
    build_all(dir.path()).await.0.unwrap();
    for entry in fs::read_dir(dir.path().join(".turbo/cache")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "zst") {
            fs::write(path, "not an archive").unwrap();
        }
    }
    let (result, events) = build_all(dir.path()).await;
    assert!(cached(&result.unwrap()).iter().all(|(_, cached)| !cached));
    assert_eq!(events.iter().filter(|event| event.starts_with("warning ")).count(), 3, "{events:?}");
    let (result, events) = build_all(dir.path()).await;
    assert!(cached(&result.unwrap()).iter().all(|(_, cached)| *cached), "{events:?}");
}

#[tokio::test]
async fn outputs_outside_the_package_are_refused_before_anything_runs() {
    let dir = repository();
    let turbo = r#"{"tasks":{"build":{},"api#build":{"outputs":["../../out/**"]}}}"#;
    fs::write(dir.path().join("turbo.json"), turbo).unwrap();
    let (result, events) = build_all(dir.path()).await;
    let text = result.unwrap_err().to_string();
    assert!(text.contains("../../out/**") && events.is_empty(), "{text} {events:?}");
}

#[tokio::test]
async fn a_dropped_run_leaves_no_process() {
    let dir = repository();
    let manifest = dir.path().join("apps/api/package.json");
    fs::write(
        &manifest,
        r#"{"name":"api","scripts":{"build":"sleep 1000 & echo $! $$ >pids.new; mv pids.new pids; wait"}}"#,
    )
    .unwrap();
    let pids = dir.path().join("apps/api/pids");
    let seen = async {
        while !pids.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        (result, _) = build_all(dir.path()) => panic!("{result:?}"),
        () = seen => {}
    }
    for pid in fs::read_to_string(&pids).unwrap().split_whitespace() {
        let stat = format!("/proc/{pid}/stat");
        let lives = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        while lives() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_at_once_take_turns() {
    let dir = repository();
    let manifest = dir.path().join("apps/api/package.json");
    let script = "test ! -e busy && touch busy && sleep 0.1 && rm busy && mkdir -p dist && cp src dist/api";
    fs::write(&manifest, format!(r#"{{"name":"api","scripts":{{"build":"{script}"}}}}"#)).unwrap();
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let root = dir.path().to_owned();
            tokio::spawn(async move { cached(&build_all(&root).await.0.unwrap()) })
        })
        .collect();
    let mut built = 0;
    for run in runs {
        built += run.await.unwrap().iter().filter(|(_, cached)| !cached).count();
    }
    assert_eq!(built, 3, "each of the three tasks once");
}
