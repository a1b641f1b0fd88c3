//! `launchway cluster token …`, `join` and `leave`: machines that become nodes of a cluster elsewhere.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use clap::{Args, Subcommand};
use cluster::{AgentSettings, Home, JoinOptions, JoinToken, process, tokens};

use crate::Failure;
use crate::cluster_command;
use crate::ui::Stage;

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token with which machines can join, and print it.
    Create {
        /// How long it can be used: seconds, minutes, hours or days.
        #[arg(long, default_value = "24h", value_parser = duration)]
        ttl: Duration,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// List the tokens that can be used; their secret part is not shown.
    List,
    /// Remove a token: nobody can join with it any more.
    Rm {
        /// Its first six characters, or all of it.
        token: String,
    },
}

/// How this machine joins.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// What `launchway cluster token create` printed on the first machine.
    token: JoinToken,
    /// Where the API server is, HOST:PORT; default: as the token says.
    #[arg(long)]
    server: Option<String>,
    /// Name of the node; default: this machine's host name.
    #[arg(long)]
    node_name: Option<String>,
    /// This machine's address, as other nodes reach it; default: the one towards the API server.
    #[arg(long)]
    address: Option<Ipv4Addr>,
}

/// `90s`, `15m`, `24h` or `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let hint = || format!("\"{text}\" is no time; use for example 90s, 15m, 24h or 7d");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(hint)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(hint()),
    };
    let number: u64 = number.parse().map_err(|_| hint())?;
    let seconds = number.checked_mul(unit).filter(|seconds| (1..=36_500 * 86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(hint)
}

/// Runs `launchway cluster token …`.
pub(crate) async fn token(home: &Home, command: TokenCommand) -> Result<(), Failure> {
    let client = cluster_command::client(home).await?;
    match command {
        TokenCommand::Create { ttl, description } => {
            let made = tokens::create(home, &client, ttl, &description).await?;
            if made.only_here {
                eprintln!(
                    "note: the API server listens for this machine alone; for others stop the cluster and start it \
                     with --listen ADDRESS"
                );
            }
            println!("{}", made.token);
        }
        TokenCommand::List => {
            println!("{:<9}{:<27}DESCRIPTION", "TOKEN", "EXPIRES");
            for one in tokens::list(&client).await? {
                println!("{:<9}{:<27}{}", one.id, one.expires, one.description);
            }
        }
        TokenCommand::Rm { token } => {
            let id = token.get(..6).unwrap_or(&token).to_owned();
            tokens::remove(&client, &id).await?;
            println!("token {id} removed");
        }
    }
    Ok(())
}

/// Runs `launchway cluster join`.
pub(crate) async fn join(home: &Home, args: JoinArgs) -> Result<(), Failure> {
    let stage = Stage::begin("node");
    let options =
        JoinOptions { token: args.token, server: args.server, node: args.node_name, address: args.address };
    let joined = async {
        let settings = cluster::join(home, &options, &mut |step| stage.doing(step)).await?;
        let started = start(home, &settings, &stage).await;
        if started.is_err() {
            // What is half a node is none; the error says what was wrong.
            cluster::delete(home, &mut |_| {}).await?;
        }
        started.map(|()| settings)
    };
    let joined = joined.await;
    let settings = stage.finish(joined, |node| format!("{} joined {}", node.node, node.cluster.name))?;
    println!("kubectl get node {}    (on the first machine)", settings.node);
    Ok(())
}

/// Starts the node in `home` if it does not run, and waits until its pods can run.
pub(crate) async fn start(home: &Home, settings: &AgentSettings, stage: &Stage) -> Result<(), Failure> {
    if process::running(home).is_none() {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--home").arg(home.path()).arg("daemon");
        process::start(home, command, &mut |step| stage.doing(step))?;
    }
    stage.doing("waiting until it is ready");
    Ok(cluster::await_node(cluster::agent_client(home, settings)?, &settings.node).await?)
}

/// Runs `launchway cluster leave`.
pub(crate) async fn leave(home: &Home, force: bool) -> Result<(), Failure> {
    let stage = Stage::begin("node");
    let left = async {
        let Some(settings) = AgentSettings::read(home)? else {
            return Err(Failure::from(format!(
                "{} is no node of a cluster elsewhere; a whole cluster is removed with `launchway cluster delete`",
                home.path().display()
            )));
        };
        match cluster::leave(home, &settings, &mut |step| stage.doing(step)).await {
            Err(error) if force => stage.line(&format!("not told to the cluster: {error}")),
            Err(error) => return Err(format!("{error}; --force leaves all the same").into()),
            Ok(()) => {}
        }
        cluster::delete(home, &mut |step| stage.doing(step)).await?;
        Ok(settings)
    };
    let left = left.await;
    stage.finish(left, |node| format!("{} left {}", node.node, node.cluster.name)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "10", "0s", "-1h", "1w", "99999999999999999999d", "1é"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
