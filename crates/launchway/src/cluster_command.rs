//! `launchway cluster …` and the daemon behind it.

use std::io::Write;
use std::process::Command;

use cluster::{AgentSettings, Home, Settings, kubeconfig, process};

use crate::Failure;
use crate::args::{ClusterCommand, WantedArgs};
use crate::ui::Stage;

/// Runs `launchway cluster …`.
pub(crate) async fn run(home: &Home, command: ClusterCommand) -> Result<(), Failure> {
    match command {
        ClusterCommand::Start { wanted } => {
            if let Some(settings) = AgentSettings::read(home)? {
                let stage = Stage::begin("node");
                let started = crate::node_command::start(home, &settings, &stage).await;
                return stage.finish(started, |()| format!("{} runs", settings.node));
            }
            let settings = ensure(home, &wanted).await?;
            println!("kubectl --context {} get pods --all-namespaces", settings.name);
            Ok(())
        }
        ClusterCommand::Stop => {
            let stage = Stage::begin("cluster");
            let stopped = stage.finish(process::stop(home), |stopped| {
                if *stopped { "stopped; pods go on running".to_owned() } else { "did not run".to_owned() }
            });
            Ok(stopped.map(drop)?)
        }
        ClusterCommand::Status => status(home),
        ClusterCommand::User(command) => crate::user_command::run(home, command).await,
        ClusterCommand::Component(command) => crate::doctor::component(home, command).await,
        ClusterCommand::Backup { file, volumes } => {
            let stage = Stage::begin("backup");
            let made = stage.finish(cluster::backup::backup(home, &file, volumes), |made| {
                let volumes = if made.volumes { "with volumes" } else { "without volumes (--volumes)" };
                format!("{} as of revision {}, {volumes}: {}", made.name, made.revision, file.display())
            });
            Ok(made.map(drop)?)
        }
        ClusterCommand::Restore { file } => {
            let stage = Stage::begin("restore");
            let made = stage.finish(cluster::backup::restore(home, &file), |made| {
                let what = if made.volumes { "its volumes included" } else { "it holds no volumes" };
                format!(
                    "{} as of revision {}, {what}; `launchway cluster start` starts it",
                    made.name, made.revision
                )
            });
            Ok(made.map(drop)?)
        }
        ClusterCommand::Token(command) => crate::node_command::token(home, command).await,
        ClusterCommand::Join(args) => crate::node_command::join(home, args).await,
        ClusterCommand::Leave { force } => crate::node_command::leave(home, force).await,
        ClusterCommand::Delete => {
            let stage = Stage::begin("cluster");
            let deleted = cluster::delete(home, &mut |step| stage.doing(step)).await;
            let deleted = stage.finish(deleted, |deleted| {
                if *deleted {
                    "deleted".to_owned()
                } else {
                    format!("there is none in {}", home.path().display())
                }
            });
            Ok(deleted.map(drop)?)
        }
    }
}

/// Makes sure that the cluster runs and the user's kubeconfig knows it.
pub(crate) async fn ensure(home: &Home, wanted: &WantedArgs) -> Result<Settings, Failure> {
    let stage = Stage::begin("cluster");
    let started = start(home, wanted, &stage).await;
    let context = |settings: &Settings, how: &str| {
        format!("{how} at https://127.0.0.1:{}, kubeconfig context {}", settings.api_port, settings.name)
    };
    let (settings, _) = stage
        .finish(started, |(settings, fresh)| context(settings, if *fresh { "started" } else { "runs" }))?;
    Ok(settings)
}

/// Settings of the running cluster, and whether it was started now.
async fn start(home: &Home, wanted: &WantedArgs, stage: &Stage) -> Result<(Settings, bool), Failure> {
    let fresh = process::running(home).is_none();
    if fresh {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--home").arg(home.path()).arg("daemon").args(wanted.to_arguments());
        process::start(home, command, &mut |step| stage.doing(step))?;
    }
    // For a running cluster this compares what was asked for with what there is.
    let settings = Settings::open(home, &wanted.clone().into())?;
    if !fresh {
        settings.check_running(&wanted.clone().into())?;
        // It may have been started a moment ago by somebody else.
        stage.doing("waiting until it is ready");
        cluster::await_node(client(home).await?, &settings.node).await?;
    }
    if let Some(path) = kubeconfig::user_path() {
        kubeconfig::merge_file(&path, &home.kubeconfig())?;
    }
    Ok((settings, fresh))
}

fn status(home: &Home) -> Result<(), Failure> {
    if let Some(node) = AgentSettings::read(home)? {
        let state =
            process::running(home).map_or("is stopped; `launchway cluster start` starts it", |_| "runs");
        println!("Node {} of cluster {} at {} {state}.", node.node, node.cluster.name, node.server);
        return Ok(());
    }
    let Some(settings) = Settings::read(home)? else {
        println!("There is no cluster in {}; `launchway cluster start` makes one.", home.path().display());
        return Ok(());
    };
    match process::running(home) {
        Some(pid) => println!(
            "Cluster {} runs (process {}) at https://127.0.0.1:{}; kubeconfig context {}, log {}",
            settings.name,
            pid.as_raw_nonzero(),
            settings.api_port,
            settings.name,
            home.log().display()
        ),
        None => println!("Cluster {} is stopped; `launchway cluster start` starts it.", settings.name),
    }
    Ok(())
}

/// The daemon's whole life. Standard output is the way to whoever started it, until it is ready.
pub(crate) async fn daemon(home: &Home, wanted: cluster::Wanted) -> Result<(), Failure> {
    process::detach()?;
    // Whoever started us may be gone: then nobody wants to hear, and that is no failure.
    let tell = |line: &str| {
        let _ = writeln!(std::io::stdout(), "{line}");
    };
    let result = match AgentSettings::read(home)? {
        Some(node) => cluster::run_agent(home, node, tell, process::say_ready).await,
        None => cluster::run(home, &wanted, tell, process::say_ready).await,
    };
    if let Err(error) = &result {
        process::say_failed(&error.to_string());
    }
    Ok(result?)
}

/// A client with the administrator's rights; an error that says how to start the cluster when it does not run.
pub(crate) async fn client(home: &Home) -> Result<kube::Client, Failure> {
    if process::running(home).is_none() {
        return Err(format!(
            "no cluster runs in {}; start it with `launchway cluster start`",
            home.path().display()
        )
        .into());
    }
    let config = kube::config::Kubeconfig::read_from(home.kubeconfig())?;
    let config =
        kube::Config::from_custom_kubeconfig(config, &kube::config::KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}
