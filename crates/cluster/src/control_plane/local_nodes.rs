//! Further nodes on the machine of the control plane: a network namespace and a process each.
//!
//! Each is a node like one on another machine: it lives in a folder of its own (`nodes/NAME`), knows the cluster by its
//! address and speaks to it with its own certificate. That its keys are made here, and that its process is looked
//! after, is all that is particular. The process of one that still runs from an earlier daemon is taken over.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use network::machines::Machine;
use network::pods::link_name;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, WaitOptions, pidfd_open, waitpid};

use crate::agent::{AgentSettings, prepare};
use crate::components::{Components, Life};
use crate::error::StartError;
use crate::layout::Home;
use crate::pki::Pki;
use crate::process;
use crate::settings::Settings;

/// What a further node is made with.
struct LocalNode {
    home: Home,
    name: String,
    machine: Machine,
}

/// Names of the further nodes, in their order.
pub(crate) fn names(settings: &Settings) -> Vec<String> {
    (2..=settings.nodes).map(|number| format!("{}-{number}", settings.node)).collect()
}

/// The folder of the further node `name`.
pub(crate) fn home_of(home: &Home, name: &str) -> Home {
    Home::new(home.nodes().join(name))
}

/// The file that keeps the namespace of the node in `home`.
fn namespace_of(home: &Home) -> PathBuf {
    home.path().join("netns")
}

/// The port of a further node on the first one's bridge.
pub(crate) fn port_of(cluster: &str, name: &str) -> String {
    link_name(&format!("node/{cluster}/{name}"))
}

/// Makes the further nodes, starts them and waits until each runs; whether pods can run there their Nodes say.
pub(crate) async fn start(
    components: &Components,
    home: &Home,
    settings: &Settings,
    pki: &Pki,
) -> Result<(), StartError> {
    let program = std::env::current_exe()?;
    for number in 2..=settings.nodes {
        let node = local_node(home, settings, number)
            .ok_or_else(|| part(format!("there is no address for node {number}")))?;
        let machine = node.machine.clone();
        tokio::task::spawn_blocking(move || machine.connect())
            .await
            .map_err(|e| part(e.to_string()))?
            .map_err(|e| part(e.to_string()))?;
        keep_settings(home, settings, pki, &node)?;
        let component = format!("node {}", node.name);
        add(components, &component, program.clone(), node.home);
        components.start(&component).await?;
    }
    Ok(())
}

fn part(reason: String) -> StartError {
    StartError::Part { what: "further node", reason }
}

fn local_node(home: &Home, settings: &Settings, number: u32) -> Option<LocalNode> {
    let facts = settings.facts();
    let name = format!("{}-{number}", settings.node);
    let home = home_of(home, &name);
    let others = (2..=settings.nodes).filter(|other| *other != number);
    let machine = Machine {
        namespace: namespace_of(&home),
        bridge: facts.device(),
        port: port_of(&settings.name, &name),
        address: facts.local_address(number)?,
        gateway: settings.node_address(),
        siblings: others.filter_map(|other| facts.local_address(other)).collect(),
    };
    Some(LocalNode { home, name, machine })
}

/// Writes what the node needs to know: all of it the first time, later what has changed.
fn keep_settings(home: &Home, settings: &Settings, pki: &Pki, node: &LocalNode) -> Result<(), StartError> {
    let mut wanted = AgentSettings {
        cluster: settings.facts(),
        node: node.name.clone(),
        server: format!("{}:{}", settings.node_address(), settings.api_port),
        address: node.machine.address,
        pod_cidrs: Vec::new(),
        namespace: Some(node.machine.namespace.clone()),
        images: Some(home.images()),
    };
    // What the administrator says of images counts for all nodes of the machine.
    std::fs::create_dir_all(node.home.path())?;
    for name in ["images.toml", "config.json"] {
        match std::os::unix::fs::symlink(home.path().join(name), node.home.path().join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    match AgentSettings::read(&node.home)? {
        Some(known) => {
            wanted.pod_cidrs.clone_from(&known.pod_cidrs);
            if wanted != known {
                wanted.write(&node.home)?;
            }
        }
        None => {
            let lifetime = Duration::from_secs(settings.certificate_lifetime);
            let identity = pki.authority.node(&node.name, SystemTime::now(), lifetime)?;
            prepare(&node.home, &wanted, pki.authority.certificate_pem(), &identity)?;
        }
    }
    Ok(())
}

fn add(components: &Components, name: &str, program: PathBuf, home: Home) {
    components.add(name, move |life| run(life, program.clone(), home.clone()));
}

/// Starts the node's process, or finds it, and stays until it ends or is to be stopped.
async fn run(life: Life, program: PathBuf, home: Home) -> Result<(), String> {
    let at = home.clone();
    let started = tokio::task::spawn_blocking(move || match process::running(&at) {
        Some(pid) => Ok(pid),
        None => {
            let mut command = Command::new(program);
            command.arg("--home").arg(at.path()).arg("daemon");
            process::start(&at, command, &mut |step| tracing::debug!(step, "further node"))
        }
    });
    let pid = started.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    life.up();
    tokio::select! {
        () = ended(pid) => Err("its process ended".to_owned()),
        () = life.stopped() => {
            let stopped = tokio::task::spawn_blocking(move || process::stop(&home)).await;
            reap(pid);
            stopped.map_err(|e| e.to_string())?.map(drop).map_err(|e| e.to_string())
        }
    }
}

/// Waits until the process is gone. A thread waits, which does not keep this process from ending.
async fn ended(pid: Pid) {
    let (told, hear) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        if let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) {
            let mut polled = [PollFd::new(&pidfd, PollFlags::IN)];
            let _ = poll(&mut polled, None);
        }
        let _ = told.send(());
    });
    // Ends without a word only with the thread, which ends with the process.
    let _ = hear.await;
    reap(pid);
}

/// Takes the end of a process of ours; one that an earlier daemon started is not.
fn reap(pid: Pid) {
    let _ = waitpid(Some(pid), WaitOptions::NOHANG);
}
