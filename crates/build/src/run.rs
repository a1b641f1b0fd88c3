//! Runs a task graph: in parallel, in order, from the cache where it can.
//!
//! The first failure stops what has not started; tasks that run are let finish their current work and their
//! groups are ended when the run is dropped. Progress goes to a [`Reporter`]; nothing is printed here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::cache::{Cache, CacheError, Meta, Outputs, Restored};
use crate::config::EnvMode;
use crate::graph::{Task, TaskGraph, TaskId};
use crate::hash::{GlobalInputs, select_env, task_hash};
use crate::inputs::{FileHashes, Globs, InputError, global_inputs, package_inputs};
use crate::process::run_script;
use crate::workspace::Workspace;

/// Variables a task sees in strict mode although nothing declares them (Turborepo's list for Linux).
const ALWAYS_PASSED: [&str; 28] = [
    "HOME",
    "USER",
    "TZ",
    "LANG",
    "SHELL",
    "PWD",
    "PATH",
    "CI",
    "NODE_OPTIONS",
    "COREPACK_*",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "COLORTERM",
    "TERM",
    "TERM_PROGRAM",
    "DISPLAY",
    "TMP",
    "TEMP",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "DOCKER_*",
    "BUILDKIT_*",
    "COMPOSE_*",
    "VERCEL*",
    "TURBO_*",
    "GITHUB_*",
    "RUNNER_*",
    "NIX_*",
];

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The environment tasks are given parts of, normally the caller's own.
    pub env: BTreeMap<String, String>,
    /// Runs every task even where the cache has its outputs.
    pub force: bool,
}

/// What happens during a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// A script starts.
    Started(&'a TaskId),
    /// A script wrote a line.
    Line(&'a TaskId, &'a str),
    /// A task ended well, by running or from the cache.
    Finished(&'a TaskResult),
    /// A script failed.
    Failed(&'a TaskId),
    /// Something is not as it should be, but the run goes on.
    Warning(&'a TaskId, &'a str),
}

/// Hears what happens during a run; called from several tasks at once.
pub trait Reporter: Send + Sync {
    /// Takes one event.
    fn event(&self, event: Event<'_>);
}

/// What became of one task.
#[derive(Debug, Clone)]
pub struct TaskResult {
    /// Which task.
    pub id: TaskId,
    /// Its hash, 64 hexadecimal digits.
    pub hash: String,
    /// True when its outputs came from the cache.
    pub cached: bool,
    /// How long the script ran; for cached tasks, how long it ran when it did.
    pub duration: Duration,
    /// Its log.
    pub log: PathBuf,
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// Tasks that have a script, by id.
    pub tasks: BTreeMap<TaskId, TaskResult>,
    /// Hash of each package's input files, by package name.
    pub packages: BTreeMap<String, String>,
    /// Wall time of the whole run.
    pub elapsed: Duration,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A script ended with a failure.
    #[error("{id}: `{script}` failed with {status} in {dir}; its output is in {log}")]
    Script {
        /// Which task.
        id: TaskId,
        /// The script.
        script: String,
        /// Exit status, in words.
        status: String,
        /// Where it ran.
        dir: PathBuf,
        /// Its log.
        log: PathBuf,
        /// The last lines of its output.
        tail: String,
    },
    /// A script could not be started or its log not written.
    #[error("{id}: cannot run its script: {source}")]
    Start {
        /// Which task.
        id: TaskId,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Inputs could not be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The cache failed.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A task of this program ended in a panic.
    #[error("internal error while running tasks: {0}")]
    Internal(String),
}

/// Everything that tasks of one run share.
struct Context {
    workspace: Workspace,
    options: RunOptions,
    cache: Cache,
    global: GlobalInputs,
}

/// Runs every task of `graph`; with `reporter` hearing of progress.
pub async fn run(
    workspace: &Workspace,
    graph: &TaskGraph,
    options: RunOptions,
    reporter: Arc<dyn Reporter>,
) -> Result<Summary, RunError> {
    let started = Instant::now();
    let config = &workspace.config;
    let global = GlobalInputs {
        files: global_inputs(&workspace.root, &config.global_dependencies)?,
        env: select_env(&options.env, &config.global_env),
    };
    for task in graph.tasks.values() {
        Globs::outputs(&task.config.outputs)?;
    }
    let cache = Cache::open(&workspace.root, config.cache_dir.as_deref())?;
    let _only_run = cache.lock().await?;
    let context = Arc::new(Context { workspace: workspace.clone(), options, cache, global });
    let mut summary = Summary::default();
    for package in workspace.packages.values() {
        let files = package_inputs(&workspace.root, &package.dir, None)?;
        summary.packages.insert(package.name.clone(), files_hash(&files));
    }

    let mut hashes: BTreeMap<TaskId, String> = BTreeMap::new();
    let mut waiting: Vec<&Task> = graph.order.iter().map(|id| &graph.tasks[id]).collect();
    let mut running = JoinSet::new();
    loop {
        let mut index = 0;
        while index < waiting.len() && running.len() < config.concurrency() {
            if waiting[index].dependencies.iter().all(|id| hashes.contains_key(id)) {
                let task = waiting.remove(index).clone();
                let dependencies = task.dependencies.iter().map(|id| hashes[id].clone()).collect();
                running.spawn(run_task(context.clone(), task, dependencies, reporter.clone()));
            } else {
                index += 1;
            }
        }
        let Some(ended) = running.join_next().await else { break };
        let (result, has_script) = ended.map_err(|e| RunError::Internal(e.to_string()))??;
        hashes.insert(result.id.clone(), result.hash.clone());
        if has_script {
            summary.tasks.insert(result.id.clone(), result);
        }
    }
    summary.elapsed = started.elapsed();
    Ok(summary)
}

async fn run_task(
    context: Arc<Context>,
    task: Task,
    dependencies: Vec<String>,
    reporter: Arc<dyn Reporter>,
) -> Result<(TaskResult, bool), RunError> {
    let root = &context.workspace.root;
    let package_dir = context.workspace.packages[&task.id.package].dir.clone();
    let dir = root.join(&package_dir);
    let log_name = format!(".turbo/turbo-{}.log", task.id.task.replace(':', "$colon$"));
    let env = select_env(&context.options.env, &task.config.env);
    let files = package_inputs(root, &package_dir, task.config.inputs.as_deref())?;
    let dependencies: Vec<&str> = dependencies.iter().map(String::as_str).collect();
    let hash = task_hash(&context.global, &task, &files, &env, &dependencies);
    let mut result = TaskResult {
        id: task.id.clone(),
        hash: hash.clone(),
        cached: false,
        duration: Duration::ZERO,
        log: dir.join(&log_name),
    };
    let Some(script) = task.script.clone() else { return Ok((result, false)) };

    let globs = Globs::outputs(&task.config.outputs)?;
    let outputs = Outputs { package_dir: &package_dir, log: &log_name, globs: &globs };
    let cacheable = task.config.cache != Some(false);
    if cacheable && !context.options.force {
        match context.cache.restore(&hash, &outputs)? {
            Restored::Whole(meta) => {
                result.cached = true;
                result.duration = Duration::from_millis(meta.duration);
                reporter.event(Event::Finished(&result));
                return Ok((result, true));
            }
            Restored::Damaged(text) => reporter.event(Event::Warning(&task.id, &text)),
            Restored::None => {}
        }
    }

    reporter.event(Event::Started(&task.id));
    let begun = Instant::now();
    let environment = task_environment(&context, &task, &hash);
    let line = |text: &str| reporter.event(Event::Line(&task.id, text));
    let status = run_script(&script, &dir, &environment, &result.log, &line)
        .await
        .map_err(|source| RunError::Start { id: task.id.clone(), source })?;
    result.duration = begun.elapsed();
    if !status.success() {
        reporter.event(Event::Failed(&task.id));
        let tail = last_lines(&result.log, 20);
        return Err(RunError::Script {
            id: task.id,
            script,
            status: status.to_string(),
            dir,
            log: result.log,
            tail,
        });
    }
    if cacheable {
        let meta = Meta { hash, duration: u64::try_from(result.duration.as_millis()).unwrap_or(u64::MAX) };
        context.cache.save(&meta, &outputs)?;
    }
    reporter.event(Event::Finished(&result));
    Ok((result, true))
}

/// What the script sees: everything in loose mode, else what is declared and what programs need to start.
fn task_environment(context: &Context, task: &Task, hash: &str) -> BTreeMap<String, String> {
    let config = &context.workspace.config;
    let mut env = if config.env_mode == Some(EnvMode::Loose) {
        context.options.env.clone()
    } else {
        let mut patterns: Vec<String> = ALWAYS_PASSED.map(str::to_owned).to_vec();
        for list in [
            &config.global_env,
            &config.global_pass_through_env,
            &task.config.env,
            &task.config.pass_through_env,
        ] {
            patterns.extend(list.iter().cloned());
        }
        select_env(&context.options.env, &patterns)
    };
    env.insert("TURBO_HASH".to_owned(), hash.to_owned());
    env
}

fn files_hash(files: &FileHashes) -> String {
    use sha2::Digest;
    let mut hasher = sha2::Sha256::new();
    for (path, hash) in files {
        hasher.update(path);
        hasher.update([0]);
        hasher.update(hash);
    }
    crate::inputs::hex(&hasher.finalize())
}

fn last_lines(log: &std::path::Path, count: usize) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
