//! `launchway up`: build, pack, cluster, migrate, deploy, follow; one line a stage and a summary.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use build::{Reporter, RunError, RunOptions, Summary, Workspace};
use cluster::Home;
use ship::{Event, Packed, Project};
use tokio::signal::unix::{SignalKind, signal};

use crate::Failure;
use crate::args::WantedArgs;
use crate::cluster_command;
use crate::ui::{Stage, count, seconds};

/// Takes the repository in `directory` to a running service. An interrupt ends the scripts that run, too.
pub(crate) async fn run(home: &Home, directory: &Path, force: bool) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = stages(home, directory, force) => result,
        _ = tokio::signal::ctrl_c() => Err("interrupted; `launchway up` continues where this run stopped".into()),
        _ = terminate.recv() => Err("terminated; `launchway up` continues where this run stopped".into()),
    }
}

async fn stages(home: &Home, directory: &Path, force: bool) -> Result<(), Failure> {
    let started = Instant::now();
    let workspace = build::discover(directory)?;
    let project = Project::open(&workspace, &|name| std::env::var(name).ok())?;
    eprintln!("{} from {}", project.name, project.root.display());
    let summary = build_all(&workspace, force).await?;
    let packed = pack(home, &project).await?;
    cluster_command::ensure(home, &WantedArgs::defaults()).await?;
    let deployed = deploy(home, &project, &workspace, &summary, &packed).await?;
    for (app, port) in &deployed.ports {
        answers(app, *port).await?;
    }
    eprintln!("{} is up after {}", project.name, seconds(started.elapsed()));
    for (app, port) in deployed.ports {
        println!("{app}: http://127.0.0.1:{port}/");
    }
    Ok(())
}

/// How long the node's rules may lag behind ready pods.
const RULES_PATIENCE: Duration = Duration::from_secs(10);

/// Makes sure that what is printed can be used at once: pods are ready a moment before the rules that lead to them.
async fn answers(app: &str, port: i32) -> Result<(), Failure> {
    let address = format!("127.0.0.1:{port}");
    let connected = tokio::time::timeout(RULES_PATIENCE, async {
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    connected.await.map_err(|_| {
        let seconds = RULES_PATIENCE.as_secs();
        format!("{app} is rolled out, but {address} does not answer after {seconds} seconds; `launchway cluster status` names the log")
    })?;
    Ok(())
}

async fn build_all(workspace: &Workspace, force: bool) -> Result<Summary, Failure> {
    let graph = build::plan(workspace, &["build"])?;
    let reporter = Arc::new(BuildReporter { stage: Stage::begin("build"), running: Mutex::default() });
    let options = RunOptions { env: std::env::vars().collect(), force };
    let result = build::run(workspace, &graph, options, reporter.clone()).await;
    let stage = Arc::into_inner(reporter).map(|reporter| reporter.stage);
    let result = match stage {
        Some(stage) => stage.finish(result, |summary| {
            let cached = summary.tasks.values().filter(|task| task.cached).count();
            let total = summary.tasks.len();
            if cached == total {
                format!("{}, all cached", count(total, "task"))
            } else {
                format!("{}, {cached} cached", count(total, "task"))
            }
        }),
        None => result,
    };
    if let Err(RunError::Script { tail, .. }) = &result {
        tail.lines().for_each(|line| eprintln!("    | {line}"));
    }
    Ok(result?)
}

/// Shows the build: on a terminal what runs right now, elsewhere a line for each start and end.
struct BuildReporter {
    stage: Stage,
    running: Mutex<BTreeMap<String, String>>,
}

impl Reporter for BuildReporter {
    fn event(&self, event: build::Event<'_>) {
        // A poisoned lock means a panic elsewhere, which is reported there.
        let Ok(mut running) = self.running.lock() else { return };
        match event {
            build::Event::Started(id) => {
                running.insert(id.to_string(), String::new());
            }
            build::Event::Line(id, line) => {
                running.insert(id.to_string(), line.trim().to_owned());
            }
            build::Event::Finished(result) => {
                running.remove(&result.id.to_string());
                if !result.cached {
                    self.stage.line(&format!("{} built in {}", result.id, seconds(result.duration)));
                }
            }
            build::Event::Failed(id) => {
                running.remove(&id.to_string());
            }
            build::Event::Warning(id, text) => self.stage.line(&format!("{id}: {text}")),
        }
        let text: Vec<String> = running.iter().map(|(id, line)| format!("{id}: {line}")).collect();
        self.stage.doing(&text.join(" · "));
    }
}

async fn pack(home: &Home, project: &Project) -> Result<Packed, Failure> {
    let stage = Stage::begin("images");
    let (images, project) = (home.images(), project.clone());
    let packed = tokio::task::spawn_blocking(move || -> Result<(Packed, Vec<String>), Failure> {
        let store = image::ContentStore::open(&images)?;
        let new = Mutex::new(Vec::new());
        let packed = ship::pack(&project, &std::env::current_exe()?, &store, &|event| {
            if let Event::Image { app, new: true, .. } = event
                && let Ok(mut new) = new.lock()
            {
                new.push(app.to_owned());
            }
        })?;
        Ok((packed, new.into_inner().unwrap_or_default()))
    })
    .await?;
    let packed = stage.finish(packed, |(packed, new)| {
        let total = packed.apps.len() + usize::from(packed.migration.is_some());
        if new.is_empty() {
            format!("{}, none new", count(total, "image"))
        } else {
            format!("{}, new: {}", count(total, "image"), new.join(", "))
        }
    })?;
    Ok(packed.0)
}

async fn deploy(
    home: &Home,
    project: &Project,
    workspace: &Workspace,
    summary: &Summary,
    packed: &Packed,
) -> Result<ship::Deployed, Failure> {
    let client = cluster_command::client(home).await?;
    let stage = Stage::begin("deploy");
    let changed = Mutex::new(Vec::new());
    let remember = |text: String| {
        if let Ok(mut changed) = changed.lock() {
            changed.push(text);
        }
    };
    let progress = |event: Event<'_>| match event {
        Event::Migrating => stage.doing("migrating the database"),
        Event::Migrated(output) => output.lines().for_each(|line| stage.line(line)),
        Event::Applied { kind, name } => remember(format!("{kind}/{name}")),
        Event::Removed { kind, name } => remember(format!("{kind}/{name} removed")),
        Event::Rollout { app, available, wanted } => {
            stage.doing(&format!("{app}: {available} of {wanted} pods available"));
        }
        Event::DatabaseCurrent => stage.doing("the database needs no migration"),
        Event::Image { .. } => {}
    };
    let result =
        ship::deploy(&client, project, (workspace, summary), packed, &home.volumes(), &progress).await;
    let changed = changed.into_inner().unwrap_or_default();
    Ok(stage.finish(result, |_| {
        if changed.is_empty() { "nothing changed".to_owned() } else { changed.join(", ") }
    })?)
}
