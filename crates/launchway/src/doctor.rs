//! `launchway doctor` and `launchway cluster component …`: what each part does, and whether it does.

use std::process::ExitCode;
use std::time::SystemTime;

use clap::Subcommand;
use cluster::Home;
use cluster::control::{self, Request};
use cluster::doctor::{self, Finding, Health};

use crate::Failure;
use crate::ui;

/// What to do with components.
#[derive(Debug, Subcommand)]
pub(crate) enum ComponentCommand {
    /// List the components of the running cluster.
    List,
    /// Start a component, and what was stopped with it.
    Start {
        /// Its name.
        name: String,
    },
    /// Stop a component, and what cannot work without it; `launchway doctor` says what that means.
    Stop {
        /// Its name.
        name: String,
    },
}

/// Runs `launchway cluster component …`.
pub(crate) async fn component(home: &Home, command: ComponentCommand) -> Result<(), Failure> {
    let request = match command {
        ComponentCommand::List => Request::List,
        ComponentCommand::Start { name } => Request::Start(name),
        ComponentCommand::Stop { name } => Request::Stop(name),
    };
    for status in control::ask(home, &request).await? {
        let state = match status.state {
            cluster::State::Stopped => "stopped".to_owned(),
            cluster::State::Starting => "starting".to_owned(),
            cluster::State::Running => "running".to_owned(),
            cluster::State::Failed(reason) => format!("failed: {reason}"),
        };
        println!("{:12} {state}, for {}", status.name, age(status.since));
    }
    Ok(())
}

/// Runs `launchway doctor`: fails when something is not healthy.
pub(crate) async fn run(home: &Home) -> Result<ExitCode, Failure> {
    // Without a daemon, or with a damaged kubeconfig, the rest can still be told.
    let client = crate::cluster_command::client(home).await.ok();
    let findings = doctor::examine(home, client.as_ref()).await?;
    for finding in &findings {
        show(finding);
    }
    let bad = findings.iter().filter(|finding| finding.health != Health::Healthy).count();
    if bad == 0 {
        println!("All {} components work.", findings.len());
        return Ok(ExitCode::SUCCESS);
    }
    let verb = if bad == 1 { "does" } else { "do" };
    println!("{} of {} {verb} not work.", ui::count(bad, "component"), findings.len());
    Ok(ExitCode::FAILURE)
}

fn show(finding: &Finding) {
    let part = finding.part;
    let since = finding.since.map(|since| format!(" for {}", age(since))).unwrap_or_default();
    let (mark, how) = match &finding.health {
        Health::Healthy => ("✓", format!("works{since}")),
        Health::Stopped => ("✗", format!("stopped{since}")),
        Health::Sick(reason) => ("✗", format!("does not work: {reason}")),
        Health::Unknown(reason) => ("?", format!("cannot be told: {reason}")),
    };
    println!("  {mark} {:12} {how}", finding.name);
    if finding.health == Health::Healthy {
        println!("    {:12} {}", "", part.does);
        return;
    }
    println!("    {:12} what stops: {}", "", part.breaks);
    println!("    {:12} what goes on: {}", "", part.keeps);
    println!("    {:12} what to do: {}", "", finding.mend);
}

/// `5 s`, `3 min`, `2 h`, `4 d`.
fn age(since: SystemTime) -> String {
    let seconds = SystemTime::now().duration_since(since).unwrap_or_default().as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ages_are_short() {
        let age = |seconds| age(SystemTime::now() - Duration::from_secs(seconds));
        assert_eq!([age(3), age(600), age(8000), age(400_000)], ["3 s", "10 min", "2 h", "4 d"]);
    }
}
