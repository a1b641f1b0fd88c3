//! The real turbo beside ours on the same repositories: graph, order, which change reaches which task, outputs that
//! come back, failures. It comes from the npm registry once, into the target folder.
//!
//! Different on purpose, and not compared:
//! * the values of hashes; an input's executable bit counts here;
//! * a lockfile counts as a whole here, in turbo for each package the part that it uses;
//! * `["$TURBO_DEFAULT$", "!x"]` makes turbo count ignored files, too, even the task's outputs and log, so that it
//!   never hits again; here it means what it says;
//! * turbo leaves older outputs in place when it restores, here they go; outputs outside the package are refused here;
//! * scripts are run by `sh`, not by the package manager.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use build::{Event, Reporter, RunError, RunOptions, discover, plan, run};
use serde_json::Value;

const VERSION: &str = "2.11.11";

struct Silent;

impl Reporter for Silent {
    fn event(&self, _: Event<'_>) {}
}

/// The program, fetched once; `None` after saying why it cannot be had.
fn turbo() -> Option<PathBuf> {
    static FETCH: Mutex<()> = Mutex::new(());
    let _one_at_a_time = FETCH.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("../tools/turbo-{VERSION}"));
    let program = dir.join("node_modules/turbo/bin/turbo");
    if !program.exists() {
        fs::create_dir_all(&dir).unwrap();
        let arguments = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix"];
        let fetched = Command::new("npm").args(arguments).arg(&dir).arg(format!("turbo@{VERSION}")).output();
        let reason = match fetched {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Some(format!("npm: {error}")),
        };
        if let Some(reason) = reason {
            assert!(std::env::var_os("CI").is_none(), "the real turbo cannot be had: {reason}");
            eprintln!("NOT RUN: the real turbo cannot be had: {reason}");
            return None;
        }
    }
    Some(program)
}

fn theirs(program: &Path, root: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    command.current_dir(root).args(["--skip-infer", "run", "build"]).args(arguments);
    command.env("TURBO_TELEMETRY_DISABLED", "1").env("DO_NOT_TRACK", "1").envs(env.iter().copied());
    command.output().unwrap()
}

/// Task id to hash and dependencies, of the tasks that have a script.
type Tasks = BTreeMap<String, (String, BTreeSet<String>)>;

fn their_tasks(program: &Path, root: &Path, env: &[(&str, &str)]) -> Tasks {
    let output = theirs(program, root, &["--dry=json"], env);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let json: Value = serde_json::from_str(&text[text.find('{').unwrap()..]).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tasks = json["tasks"].as_array().unwrap().iter().filter(|task| task["command"] != "<NONEXISTENT>");
    tasks
        .map(|task| {
            let dependencies = task["dependencies"].as_array().unwrap().iter().map(text).collect();
            (text(&task["taskId"]), (text(&task["hash"]), dependencies))
        })
        .collect()
}

fn our_run(root: &Path, env: &[(&str, &str)]) -> Result<Tasks, Box<RunError>> {
    let workspace = discover(root).unwrap();
    let graph = plan(&workspace, &["build"]).unwrap();
    let mut all: BTreeMap<String, String> = std::env::vars().collect();
    all.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = RunOptions { env: all, force: false };
    let summary = runtime.block_on(run(&workspace, &graph, options, Arc::new(Silent))).map_err(Box::new)?;
    let tasks = summary.tasks.into_iter().map(|(id, result)| {
        let dependencies = graph.tasks[&id].dependencies.iter().map(ToString::to_string).collect();
        (id.to_string(), (result.hash, dependencies))
    });
    Ok(tasks.collect())
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(
        root,
        "turbo.json",
        r#"{ // comments are fine
          "globalDependencies": ["global/*.txt"], "globalEnv": ["GLOBAL_VALUE"],
          "tasks": {
            "build": {"dependsOn": ["^build", "prepare"], "outputs": ["dist/**", "!dist/skip/**"], "env": ["VALUE_*", "!VALUE_NOT"]},
            "prepare": {},
            "web#build": {"dependsOn": ["^build", "tool#build"], "outputs": ["dist"], "inputs": ["$TURBO_DEFAULT$", "secret.txt"]},
            "api#build": {"dependsOn": ["^build"], "outputs": ["dist/**"], "inputs": ["src/**", "$TURBO_ROOT$/proto/*.proto", "../../shared/**"]},
          },
        }"#,
    );
    write(
        root,
        "package.json",
        r#"{"name":"r","packageManager":"npm@10.0.0","workspaces":["apps/*","packages/*"]}"#,
    );
    write(root, ".gitignore", "dist\n.turbo\nnode_modules\nsecret.txt\n");
    let script = "mkdir -p dist/skip && cat src/* > dist/out && date +%N > dist/skip/now";
    let package = |dir: &str, name: &str, scripts: &str, dependencies: &str| {
        let text = format!(
            r#"{{"name":"{name}","version":"1.0.0","scripts":{{{scripts}}},"dependencies":{{{dependencies}}}}}"#
        );
        write(root, &format!("{dir}/package.json"), &text);
        write(root, &format!("{dir}/src/main"), name);
    };
    let build = format!(r#""build":"{script}""#);
    package("apps/web", "web", &build, r#""@s/ui":"*""#);
    package("apps/api", "api", &build, r#""@s/pass":"*""#);
    package("packages/ui", "@s/ui", &format!(r#"{build},"prepare":"true""#), r#""@s/util":"*""#);
    package("packages/pass", "@s/pass", "", r#""@s/util":"*""#);
    package("packages/util", "@s/util", &build, "");
    package("packages/tool", "tool", &build, "");
    for file in [
        "global/a.txt",
        "proto/a.proto",
        "proto/other.txt",
        "shared/x/y",
        "apps/web/notes.md",
        "apps/web/secret.txt",
    ] {
        write(root, file, "1");
    }
    assert!(Command::new("git").args(["init", "-q"]).current_dir(root).status().unwrap().success());
    dir
}

fn changed(before: &Tasks, after: &Tasks) -> BTreeSet<String> {
    after.iter().filter(|(id, (hash, _))| before[*id].0 != *hash).map(|(id, _)| id.clone()).collect()
}

#[test]
fn graph_and_reach_of_every_change_are_the_same() {
    let Some(turbo) = turbo() else { return };
    let dir = repository();
    let root = dir.path();
    let (mut their_last, mut our_last) = (their_tasks(&turbo, root, &[]), our_run(root, &[]).unwrap());
    let edges = |tasks: &Tasks| -> Vec<_> {
        tasks.iter().map(|(id, (_, edges))| (id.clone(), edges.clone())).collect()
    };
    assert_eq!(edges(&our_last), edges(&their_last));
    let again = our_run(root, &[]).unwrap();
    assert_eq!(changed(&our_last, &again), BTreeSet::new(), "hashes are stable");

    let mut step = |what: &str, env: &[(&str, &str)]| {
        let (theirs, ours) = (their_tasks(&turbo, root, env), our_run(root, env).unwrap());
        assert_eq!(changed(&our_last, &ours), changed(&their_last, &theirs), "{what}");
        (their_last, our_last) = (theirs, ours);
    };
    for file in [
        "packages/util/src/main",
        "packages/tool/src/new",
        "packages/pass/src/main",
        "apps/web/src/main",
        "apps/web/notes.md",
        "apps/web/secret.txt",
        "apps/api/src/main",
        "apps/api/README.md",
        "apps/api/dist/extra",
        "global/a.txt",
        "global/b.txt",
        "proto/a.proto",
        "proto/other.txt",
        "shared/x/y",
        "unrelated/file",
        "packages/ui/.env",
    ] {
        write(root, file, "2");
        step(file, &[]);
    }
    let manifest = fs::read_to_string(root.join("packages/tool/package.json")).unwrap();
    write(root, "packages/tool/package.json", &manifest.replace("cat src/*", "cat src/main"));
    step("a script", &[]);
    fs::remove_file(root.join("packages/ui/.env")).unwrap();
    step("a removed file", &[]);
    write(
        root,
        "package.json",
        r#"{"name":"r","packageManager":"npm@10.0.1","workspaces":["apps/*","packages/*"]}"#,
    );
    step("the root's manifest", &[]);
    for (name, value) in [("VALUE_A", "1"), ("VALUE_NOT", "1"), ("OTHER", "1"), ("GLOBAL_VALUE", "1")] {
        step(name, &[(name, value)]);
        step("the variable is gone", &[]);
    }
    let turbo_json = fs::read_to_string(root.join("turbo.json")).unwrap();
    write(
        root,
        "turbo.json",
        &turbo_json.replace(r#""outputs": ["dist"]"#, r#""outputs": ["dist", "more/**"]"#),
    );
    step("outputs of one task", &[]);
}

#[test]
fn the_same_outputs_come_back() {
    let Some(turbo) = turbo() else { return };
    let files = |root: &Path| -> BTreeMap<String, String> {
        ["dist/out", "dist/skip/now", ".turbo/turbo-build.log"]
            .iter()
            .filter_map(|name| {
                Some(((*name).to_owned(), fs::read_to_string(root.join("packages/util").join(name)).ok()?))
            })
            .collect()
    };
    let run = |ours: bool| {
        let dir = repository();
        let build = || {
            if ours {
                our_run(dir.path(), &[]).map(|_| ()).unwrap();
            } else {
                let output = theirs(&turbo, dir.path(), &[], &[]);
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            }
        };
        build();
        fs::remove_dir_all(dir.path().join("packages/util/dist")).unwrap();
        build();
        files(dir.path())
    };
    let (ours, theirs) = (run(true), run(false));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    assert_eq!(ours["dist/out"], theirs["dist/out"]);
}

#[test]
fn what_fails_there_fails_here() {
    let Some(turbo) = turbo() else { return };
    let dir = repository();
    let manifest = fs::read_to_string(dir.path().join("packages/tool/package.json")).unwrap();
    write(dir.path(), "packages/tool/package.json", &manifest.replace("mkdir -p", "exit 7; mkdir -p"));
    assert_eq!(theirs(&turbo, dir.path(), &[], &[]).status.code(), Some(7));
    let error = our_run(dir.path(), &[]).unwrap_err();
    assert!(matches!(&*error, RunError::Script { status, .. } if status == "exit status: 7"), "{error}");
    assert!(!dir.path().join("apps/web/dist").exists(), "what waits for it does not run");

    let refused = |turbo_json: &str| {
        write(dir.path(), "turbo.json", turbo_json);
        let output = theirs(&turbo, dir.path(), &["--dry=json"], &[]);
        assert!(!output.status.success(), "{turbo_json}");
        let ours = discover(dir.path()).map_err(|e| e.to_string());
        ours.and_then(|workspace| plan(&workspace, &["build"]).map_err(|e| e.to_string())).unwrap_err()
    };
    assert!(refused(r#"{"tasks":{"build":{"dependsOn":["build"]}}}"#).contains("build"));
    assert!(refused(r#"{"tasks":{"build":{"dependsOn":["nope#build"]}}}"#).contains("nope"));
    assert!(refused(r#"{"tasks":{"build":{"dependOn":[]}}}"#).contains("dependOn"));
    assert!(refused(r#"{"tasks":{"other":{}}}"#).contains("build"));
    assert!(refused(r#"{"pipeline":{"build":{}}}"#).contains("pipeline"));
    assert!(refused("{\"tasks\":").contains("turbo.json"));
    let persistent = r#"{"tasks":{"build":{"dependsOn":["prepare"]},"prepare":{"persistent":true}}}"#;
    assert!(refused(persistent).contains("persistent"));
}

/// The example is an ordinary repository: turbo sees the same tasks in it.
#[test]
fn the_example_shop_is_accepted_by_turbo() {
    let Some(turbo) = turbo() else { return };
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop");
    let workspace = discover(&shop).unwrap();
    let graph = plan(&workspace, &["build"]).unwrap();
    let ours: Vec<_> = graph
        .tasks
        .iter()
        .map(|(id, task)| (id.to_string(), task.dependencies.iter().map(ToString::to_string).collect()))
        .collect();
    let theirs: Vec<(String, BTreeSet<String>)> = their_tasks(&turbo, &shop, &[])
        .into_iter()
        .map(|(id, (_, dependencies))| (id, dependencies))
        .collect();
    assert_eq!(ours, theirs);
}
