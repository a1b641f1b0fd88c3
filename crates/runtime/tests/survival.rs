//! What outlives what: containers their daemon, exit codes and logs both, and nothing its removal. Needs root.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod common;

use std::time::Duration;

use common::{Node, ended};
use runtime::{ContainerState, Engine, Event, ExecSpec, LogLimit, SandboxSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const NOTHING: Vec<String> = Vec::new();

/// Waits for what no event tells.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never came true: {what}");
}

/// Another process plays the daemon, so that it can be killed: this test program again, with the home folder in
/// its environment.
#[tokio::test]
async fn a_killed_daemon_loses_no_line_and_no_exit_code() {
    if let Ok(home) = std::env::var("LAUNCHWAY_TEST_DAEMON") {
        return daemon(std::path::Path::new(&home)).await;
    }
    let mut node = Node::new().await;
    let mut daemon = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_daemon_loses_no_line_and_no_exit_code"])
        .env("LAUNCHWAY_TEST_DAEMON", node.home.path())
        .env("LAUNCHWAY_TEST_PARENT", &node.parent)
        .spawn()
        .unwrap();
    eventually("the container runs", || node.printed("counter").lines().count() > 10).await;
    daemon.start_kill().unwrap();
    daemon.wait().await.unwrap();
    let before = node.printed("counter").lines().count();
    eventually("it goes on without a daemon", || node.printed("counter").lines().count() > before + 10).await;

    let kept = node.home.path().join("pods/pod/shim/containers/brief.json");
    eventually("the other one ends", || std::fs::read_to_string(&kept).is_ok_and(|t| t.contains("exited")))
        .await;

    // It is adopted while it runs, and ended by a word of the new daemon ...
    node.reopen().await;
    let state = node.engine.sandbox("pod").unwrap();
    assert!(state.alive && state.labels["app"] == "shop");
    let running = |id: &str| state.containers.iter().find(|c| c.id == id).map(|c| c.state.clone());
    assert!(matches!(running("counter"), Some(ContainerState::Running { .. })), "{state:?}");
    let mut events = node.engine.events();
    let (code, out, _) =
        node.exec("pod", "counter", "(sleep 0.1; touch /stop) > /dev/null 2>&1 & echo told").await;
    assert_eq!((code, out.as_str()), (0, "told\n"));
    assert_eq!(ended(&mut events, "counter").await.code, 42);
    let text = node.printed("counter");
    let numbers: Vec<usize> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());

    // ... the other one ended while nobody was there.
    let exit = match running("brief") {
        Some(ContainerState::Exited(exit)) => exit,
        other => panic!("{other:?}"),
    };
    assert_eq!((exit.code, exit.unknown), (7, false));
    assert_eq!(node.printed("brief"), "last words\n");
    node.engine.remove_sandbox("pod").await.unwrap();
    assert_eq!(node.left_over(), NOTHING);
}

async fn daemon(home: &std::path::Path) {
    let parent = std::env::var("LAUNCHWAY_TEST_PARENT").unwrap();
    let engine = Engine::open(home, common::options(&parent)).await.unwrap();
    let labels = [("app".to_string(), "shop".to_string())].into();
    engine.create_sandbox(&SandboxSpec { labels, ..common::sandbox() }).await.unwrap();
    let scripts = [
        ("counter", "n=0; while ! test -e /stop; do n=$((n+1)); echo $n; sleep 0.003; done; exit 42"),
        ("brief", "sleep 0.3; printf 'last words'; exit 7"),
    ];
    for (id, script) in scripts {
        let mut spec = runtime::ContainerSpec {
            id: id.into(),
            name: id.into(),
            args: ["sh", "-c", script].map(String::from).into(),
            lower_dirs: vec![common::busybox_root()],
            log_path: Some(home.join(format!("logs/{id}.log"))),
            ..Default::default()
        };
        spec.no_new_privs = true;
        engine.create_container("pod", &spec).await.unwrap();
        engine.start_container("pod", id).await.unwrap();
    }
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_shim_is_told_and_its_containers_ended() {
    let mut node = Node::new().await;
    let pid = node.engine.create_sandbox(&common::sandbox()).await.unwrap().pid;
    assert_eq!(node.run("pod", &node.shell("done", "exit 3")).await.code, 3);
    for id in ["a", "b"] {
        node.engine
            .create_container("pod", &node.shell(id, "(setsid sleep 1000 &); sleep 1000"))
            .await
            .unwrap();
        node.engine.start_container("pod", id).await.unwrap();
    }
    let mut events = node.engine.events();
    let kill = || {
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(pid).unwrap(),
            rustix::process::Signal::KILL,
        )
    };
    kill().unwrap();
    let mut told = Vec::new();
    loop {
        match tokio::time::timeout(Duration::from_secs(20), events.recv()).await.unwrap().unwrap() {
            Event::Container { status, .. } => told.push(status),
            Event::SandboxDead { uid } => {
                assert_eq!(uid, "pod");
                break;
            }
        }
    }
    assert_eq!(told.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let unknown =
        |state: &ContainerState| matches!(state, ContainerState::Exited(e) if e.unknown && e.code == 137);
    assert!(told.iter().all(|status| unknown(&status.state)), "{told:?}");
    let error = node.engine.create_container("pod", &node.shell("c", "true")).await.unwrap_err();
    assert!(error.to_string().contains("the shim of pod pod is dead"), "{error}");

    // A new daemon finds the same, and what was known stays known.
    node.reopen().await;
    let state = node.engine.sandbox("pod").unwrap();
    assert!(!state.alive);
    for status in &state.containers {
        match &status.state {
            ContainerState::Exited(exit) if status.id == "done" => {
                assert_eq!((exit.code, exit.unknown), (3, false))
            }
            state => assert!(unknown(state), "{status:?}"),
        }
    }
    node.engine.remove_container("pod", "a").await.unwrap();
    node.engine.remove_sandbox("pod").await.unwrap();
    assert_eq!(node.left_over(), NOTHING);
    // The same pod can be made again.
    node.sandbox("pod").await;
    assert_eq!(node.run("pod", &node.shell("again", "exit 4")).await.code, 4);
    node.engine.remove_sandbox("pod").await.unwrap();
}

#[tokio::test]
async fn a_shim_killed_while_no_daemon_runs_is_found_dead() {
    let mut node = Node::new().await;
    let pid = node.engine.create_sandbox(&common::sandbox()).await.unwrap().pid;
    node.engine.create_container("pod", &node.shell("a", "sleep 1000")).await.unwrap();
    node.engine.start_container("pod", "a").await.unwrap();
    // An engine without subscribers and pods of its own stands for no daemon at all.
    node.engine =
        Engine::open(tempfile::tempdir().unwrap().path(), common::options("/unused")).await.unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    node.reopen().await;
    let state = node.engine.sandbox("pod").unwrap();
    assert!(!state.alive);
    assert!(matches!(&state.containers[0].state, ContainerState::Exited(exit) if exit.unknown), "{state:?}");
    node.engine.remove_sandbox("pod").await.unwrap();
    assert_eq!(node.left_over(), NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_pods_at_once_come_and_go() {
    let node = Node::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..30 {
        let uid = format!("pod{n}");
        let engine = node.engine.clone();
        let specs: Vec<_> =
            (0..2).map(|c| node.shell(&format!("{uid}-{c}"), &format!("echo {n}.{c}; exit {n}"))).collect();
        tasks.spawn(async move {
            let sandbox = SandboxSpec { uid: uid.clone(), ..common::sandbox() };
            engine.create_sandbox(&sandbox).await.unwrap();
            let mut events = engine.events();
            for spec in &specs {
                engine.create_container(&uid, spec).await.unwrap();
                engine.start_container(&uid, &spec.id).await.unwrap();
                assert_eq!(ended(&mut events, &spec.id).await.code, n);
            }
            // Some are removed while a container runs.
            if n % 3 == 0 {
                let mut spec = specs[0].clone();
                spec.id = format!("{uid}-more");
                spec.args = ["sleep", "1000"].map(String::from).into();
                engine.create_container(&uid, &spec).await.unwrap();
                engine.start_container(&uid, &spec.id).await.unwrap();
            }
            engine.remove_sandbox(&uid).await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    for n in 0..30 {
        for c in 0..2 {
            assert_eq!(node.printed(&format!("pod{n}-{c}")), format!("{n}.{c}\n"));
        }
    }
    assert_eq!(node.engine.sandboxes().len(), 0);
    assert_eq!(node.left_over(), NOTHING);
    node.engine.teardown().unwrap();
}

#[tokio::test]
async fn logs_are_whole_however_much_there_is() {
    let node = Node::new().await;
    node.sandbox("logs").await;
    // A hundred thousand lines, a line of 100 KB, one without an end, both streams.
    let script = "seq 1 100000; echo bad >&2; head -c 100000 /dev/zero | tr '\\0' x; echo; printf end";
    assert_eq!(node.run("logs", &node.shell("much", script)).await.code, 0);
    let raw = std::fs::read_to_string(node.log("much")).unwrap();
    assert_eq!(raw.lines().filter(|line| line.contains(" stdout P ")).count(), 6);
    let times: Vec<&str> = raw.lines().filter(|l| l.contains(" stdout ")).map(|l| &l[..30]).collect();
    assert!(times.is_sorted());
    assert!(raw.lines().any(|line| line.ends_with(" stderr F bad")));
    let text: String = raw.lines().filter(|l| l.contains(" stdout ")).map(content).collect();
    let numbers: String = (1..=100_000).map(|n| format!("{n}\n")).collect();
    assert!(text == format!("{numbers}{}\nend\n", "x".repeat(100_000)), "{} bytes", text.len());

    // Rotated by somebody else, and told.
    let spec = node.shell("moved", "echo one; read line; echo two");
    let spec = runtime::ContainerSpec { stdin: true, stdin_once: true, ..spec };
    let mut events = node.engine.events();
    node.engine.create_container("logs", &spec).await.unwrap();
    node.engine.start_container("logs", "moved").await.unwrap();
    eventually("one is printed", || node.printed("moved") == "one\n").await;
    let aside = node.log("moved").with_extension("aside");
    std::fs::rename(node.log("moved"), &aside).unwrap();
    node.engine.reopen_log("logs", "moved").await.unwrap();
    let mut attached = node.engine.attach("logs", "moved", true).await.unwrap();
    attached.stdin.as_mut().unwrap().write_all(b"go\n").await.unwrap();
    let mut seen = String::new();
    attached.stdout.take().unwrap().read_to_string(&mut seen).await.unwrap();
    assert_eq!((seen.as_str(), attached.wait().await.unwrap()), ("two\n", 0));
    ended(&mut events, "moved").await;
    assert_eq!(node.printed("moved"), "two\n");
    assert!(std::fs::read_to_string(aside).unwrap().ends_with("one\n"));

    // By itself.
    let mut spec = node.shell("rotated", "seq 1 20000");
    spec.log_limit = Some(LogLimit { max_bytes: 100_000, files: 3 });
    node.run("logs", &spec).await;
    let files = std::fs::read_dir(node.log("x").parent().unwrap()).unwrap().flatten();
    let mut files: Vec<_> =
        files.map(|f| f.path()).filter(|p| p.to_string_lossy().contains("rotated")).collect();
    // The current one, whose name is the shortest, last.
    files.sort_by_key(|path| (path == &node.log("rotated"), path.clone()));
    assert_eq!(files.len(), 3, "{files:?}");
    let text: String = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(text.ends_with(" stdout F 20000\n"));

    // A terminal's output is logged too, and can be attached to.
    let mut spec = node.shell("terminal", "tty; read line; echo got $line; test -c /dev/console && exit 5");
    (spec.tty, spec.stdin) = (true, true);
    let mut events = node.engine.events();
    node.engine.create_container("logs", &spec).await.unwrap();
    node.engine.start_container("logs", "terminal").await.unwrap();
    let mut attached = node.engine.attach("logs", "terminal", true).await.unwrap();
    attached.resize(10, 20).unwrap();
    attached.stdin.as_mut().unwrap().write_all(b"word\n").await.unwrap();
    assert_eq!(ended(&mut events, "terminal").await.code, 5);
    assert!(node.printed("terminal").contains("got word"), "{}", node.printed("terminal"));
    node.engine.remove_sandbox("logs").await.unwrap();
    assert_eq!(node.left_over(), NOTHING);
}

#[tokio::test]
async fn nothing_piles_up_in_a_shim() {
    let node = Node::new().await;
    let pid = node.engine.create_sandbox(&common::sandbox()).await.unwrap().pid;
    node.engine.create_container("pod", &node.shell("long", "exec sleep 1000")).await.unwrap();
    node.engine.start_container("pod", "long").await.unwrap();
    let open = |pid: &str| std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let shim = pid.to_string();
    // Once of each, so that what is kept for good is there.
    node.exec("pod", "long", "true").await;
    let before = open(&shim);
    for n in 0..60 {
        node.exec("pod", "long", "true").await;
        let spec = ExecSpec { args: vec!["/no/such".into()], ..ExecSpec::default() };
        node.engine.exec("pod", "long", &spec).await.unwrap_err();
        if n % 3 == 0 {
            let spec = node.shell("brief", "echo some words");
            assert_eq!(node.run("pod", &spec).await.code, 0);
            drop(node.engine.attach("pod", "long", false).await.unwrap());
            node.engine.remove_container("pod", "brief").await.unwrap();
        }
    }
    eventually("the shim has closed what it opened", || open(&shim) == before).await;
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    assert_eq!(children.split_whitespace().count(), 1, "{children}");
    node.engine.remove_sandbox("pod").await.unwrap();
    assert_eq!(node.left_over(), NOTHING);
}

/// One log entry's content, with the line end that its tag means.
fn content(line: &str) -> String {
    let fields: Vec<&str> = line.splitn(4, ' ').collect();
    format!("{}{}", fields[3], if fields[2] == "F" { "\n" } else { "" })
}
