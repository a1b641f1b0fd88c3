//! Says of every component whether it does its work, since when, what its users lose while it does not, what they
//! keep, and how to mend it.
//!
//! Two witnesses are heard: the daemon, which knows what it started and what ended, and a question to the component,
//! asked as its users would ask it (`probe`). What can be reached only through a broken part is not blamed for it.

mod catalogue;
mod probe;

use std::net::SocketAddr;
use std::time::SystemTime;

use crate::components::{State, Status};
use crate::control::{self, ControlError, Request};
use crate::layout::Home;
use crate::settings::{Settings, SettingsError};

pub use catalogue::{NODE, PARTS, Part};

/// Free bytes below which the state's disk is nearly full: two segments of its log and a snapshot.
const NEARLY_FULL: u64 = 256 << 20;

/// How the names of further nodes begin among the components.
const FURTHER_NODE: &str = "node ";

/// How a component is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does its work.
    Healthy,
    /// Somebody stopped it, or its daemon does not run.
    Stopped,
    /// It runs, but does not do its work, or not well.
    Sick(String),
    /// Nobody can tell while what it depends on does not work.
    Unknown(String),
}

/// What was found out about a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name, which for a further node is `node NAME`.
    pub name: String,
    /// What there is to know about it.
    pub part: &'static Part,
    /// How it is.
    pub health: Health,
    /// Since when it runs or does not; `None` when nobody knows.
    pub since: Option<SystemTime>,
    /// What to do; empty when it is healthy.
    pub mend: String,
}

/// Why nothing could be found out.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// There is no cluster.
    #[error("there is no cluster in {0}; `launchway cluster start` makes one")]
    NoCluster(std::path::PathBuf),
    /// Its settings cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The daemon cannot be asked.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// Examines the cluster in `home`. `client` is the administrator's; `None` when there is no daemon to ask.
pub async fn examine(home: &Home, client: Option<&kube::Client>) -> Result<Vec<Finding>, DoctorError> {
    let Some(settings) = Settings::read(home)? else {
        return Err(DoctorError::NoCluster(home.path().to_owned()));
    };
    let states = match control::ask(home, &Request::List).await {
        Ok(states) => Some(states),
        Err(ControlError::NotRunning { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let mut findings = Vec::new();
    for part in &PARTS {
        let state = states.as_ref().and_then(|states| states.iter().find(|state| state.name == part.name));
        let finding = match (&states, state) {
            (None, _) => without_daemon(home, &settings, part).await,
            // Not a component of this cluster.
            (Some(_), None) => continue,
            (Some(_), Some(state)) => with_daemon(home, &settings, client, part, state, &findings).await,
        };
        findings.push(finding);
    }
    for state in states.iter().flatten().filter(|state| state.name.starts_with(FURTHER_NODE)) {
        findings.push(further_node(home, client, state).await);
    }
    Ok(findings)
}

/// Nothing of the daemon runs; the name server is a process of its own and may.
async fn without_daemon(home: &Home, settings: &Settings, part: &'static Part) -> Finding {
    let ended = std::fs::metadata(home.log()).and_then(|log| log.modified()).ok();
    let alive = part.name == "dns" && name_server(settings).await.is_ok();
    Finding {
        name: part.name.to_owned(),
        part,
        health: if alive { Health::Healthy } else { Health::Stopped },
        since: if alive { None } else { ended },
        mend: if alive { String::new() } else { "launchway cluster start".to_owned() },
    }
}

async fn with_daemon(
    home: &Home,
    settings: &Settings,
    client: Option<&kube::Client>,
    part: &'static Part,
    status: &Status,
    before: &[Finding],
) -> Finding {
    let health = match &status.state {
        State::Stopped => Health::Stopped,
        State::Starting => Health::Sick("it is starting".to_owned()),
        State::Failed(reason) => {
            Health::Sick(format!("it ended and is started again every second: {reason}"))
        }
        State::Running => probe(home, settings, client, part, before).await,
    };
    finding(home, part, status, health)
}

/// A further node of this machine: a process of its own, started by the daemon.
async fn further_node(home: &Home, client: Option<&kube::Client>, status: &Status) -> Finding {
    let name = status.name.trim_start_matches(FURTHER_NODE);
    let health = match (&status.state, client) {
        (State::Stopped, _) => Health::Stopped,
        (State::Starting, _) => Health::Sick("it is starting".to_owned()),
        (State::Failed(reason), _) => Health::Sick(reason.clone()),
        (State::Running, None) => Health::Unknown("the API server does not answer".to_owned()),
        (State::Running, Some(client)) => match probe::node(client, name).await {
            Ok(()) => Health::Healthy,
            Err(reason) => Health::Sick(reason),
        },
    };
    finding(home, &NODE, status, health)
}

fn finding(home: &Home, part: &'static Part, status: &Status, health: Health) -> Finding {
    let name = &status.name;
    let mend = match &health {
        Health::Healthy => String::new(),
        Health::Stopped => format!("launchway cluster component start {q}{name}{q}", q = quote(name)),
        Health::Sick(_) => format!(
            "see {}; launchway cluster component stop {q}{name}{q} && launchway cluster component start {q}{name}{q}",
            home.log().display(),
            q = quote(name)
        ),
        Health::Unknown(_) => "mend what is above first".to_owned(),
    };
    Finding { name: name.clone(), part, health, since: Some(status.since), mend }
}

/// What a shell needs around a name.
fn quote(name: &str) -> &'static str {
    if name.contains(' ') { "'" } else { "" }
}

/// Asks a running component for what its users ask of it.
async fn probe(
    home: &Home,
    settings: &Settings,
    client: Option<&kube::Client>,
    part: &'static Part,
    before: &[Finding],
) -> Health {
    let api_works = || {
        let api = before.iter().find(|finding| finding.part.name == "apiserver");
        api.is_none_or(|finding| finding.health == Health::Healthy)
    };
    let needs_api = || Health::Unknown("the API server does not answer".to_owned());
    let result = match (part.name, client) {
        ("store", _) => disk(home),
        ("apiserver", Some(client)) => probe::api(client).await,
        ("kubelet", Some(client)) if api_works() => probe::node(client, &settings.node).await,
        // The first Service of every cluster is the API server's own.
        ("proxy", _) if api_works() => {
            probe::service(SocketAddr::from((settings.service_address(1), 443))).await
        }
        ("dns", _) => name_server(settings).await,
        ("kubelet" | "proxy", _) => return needs_api(),
        _ => Ok(()),
    };
    match result {
        Ok(()) => Health::Healthy,
        Err(reason) => Health::Sick(reason),
    }
}

fn disk(home: &Home) -> Result<(), String> {
    let path = home.store();
    let disk = rustix::fs::statvfs(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let free = disk.f_bavail * disk.f_frsize;
    if free < NEARLY_FULL {
        return Err(format!(
            "the disk of {} has {} MiB left, it refuses changes when there are none: make space",
            path.display(),
            free >> 20
        ));
    }
    Ok(())
}

async fn name_server(settings: &Settings) -> Result<(), String> {
    let server = SocketAddr::from((settings.node_address(), 53));
    probe::name(server, "kubernetes.default.svc.cluster.local").await
}
