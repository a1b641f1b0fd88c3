//! A node on another machine than the control plane's, or in a network namespace that acts as one.
//!
//! The process is a node part and nothing else. It goes on when the API server is away: pods run, rules stay, and
//! what was decided meanwhile is done when it is back. SIGTERM and SIGINT end it and leave pods as they are.

mod certificates;
mod csr;
mod keys;
mod remote;
mod settings;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use std::time::Duration;

use crate::components::Components;
use crate::daemon::until_told;
use crate::error::StartError;
use crate::layout::Home;
use crate::node::{self, NodeClients, NodeConfig, NodeKeys};
use crate::pki::{Current, Identity};
use crate::process::DaemonLock;

pub(crate) use csr::{CsrError, Purpose, request};
pub(crate) use keys::AgentKeys;
pub(crate) use remote::{Credentials, RemoteError, client};
pub use settings::AgentSettings;

use remote::Remote;

/// How long the control plane may take to give the node its ranges.
const RANGES_PATIENCE: Duration = Duration::from_secs(60);

/// Runs the node in `home` until the process is told to end. `ready` is called once it works; whether its pods can
/// run is for its Node to say.
pub async fn run_agent(
    home: &Home,
    settings: AgentSettings,
    step: impl Fn(&str),
    ready: impl FnOnce(),
) -> Result<(), StartError> {
    until_told(home, start(home, settings, step), ready).await
}

async fn start(
    home: &Home,
    mut settings: AgentSettings,
    step: impl Fn(&str),
) -> Result<(DaemonLock, Components), StartError> {
    if !rustix::process::geteuid().is_root() {
        return Err(StartError::NotRoot);
    }
    let lock = DaemonLock::acquire(home)?;
    let keys = AgentKeys::open(&home.pki())?;
    let part = |reason: String| StartError::Part { what: "node", reason };
    let remote =
        Remote::new(&settings.server, &keys.ca_pem, &keys.client).map_err(|e| part(e.to_string()))?;
    let client = remote.client();
    if settings.pod_cidrs.is_empty() {
        step("registering the node");
        settings.pod_cidrs = ranges(&client, &settings.node).await?;
        settings.write(home)?;
    }
    let config = NodeConfig::agent(home, &settings)?
        .ok_or_else(|| part("it was given no addresses for its pods".to_owned()))?;

    step("setting up the network");
    let network = node::set_up_network(&config).await?;

    step("starting the node");
    let serving = Current::default();
    if let Some(identity) = &keys.serving {
        serving.set(identity, None)?;
    }
    let components = Components::default();
    let clients = NodeClients { node: client.clone(), proxy: client.clone(), dns: client };
    let node_keys = NodeKeys { serving: serving.clone(), client_ca: keys.ca_pem.clone() };
    certificates::add(&components, &settings, keys, remote, serving);
    node::start(&components, config, network, clients, node_keys).await?;
    components.start(certificates::NAME).await?;
    tracing::info!("node {} of cluster {} runs", settings.node, settings.cluster.name);
    Ok((lock, components))
}

/// Moves this thread, and all that it starts, into the network namespace that the node in `home` lives in, if it has
/// one of its own. For the beginning of a process.
pub fn enter_namespace(home: &Home) -> Result<(), StartError> {
    let settings = AgentSettings::read(home)?;
    match settings.and_then(|settings| settings.namespace) {
        Some(namespace) => network::machines::enter(&namespace)
            .map_err(|e| StartError::Part { what: "network namespace", reason: e.to_string() }),
        None => Ok(()),
    }
}

/// A client with the node's identity.
pub fn agent_client(home: &Home, settings: &AgentSettings) -> Result<Client, StartError> {
    let keys = AgentKeys::open(&home.pki())?;
    client(&settings.server, &keys.ca_pem, &Credentials::Certificate(&keys.client))
        .map_err(|e| StartError::Part { what: "node", reason: e.to_string() })
}

/// What is prepared for a node by whoever holds the cluster's keys: the same that a join ends with.
pub(crate) fn prepare(
    home: &Home,
    settings: &AgentSettings,
    ca_pem: &str,
    identity: &Identity,
) -> Result<(), StartError> {
    AgentKeys::create(&home.pki(), ca_pem, identity)?;
    Ok(settings.write(home)?)
}

/// Registers the node and waits until it was given addresses for its pods. The kubelet says the rest of it.
async fn ranges(client: &Client, name: &str) -> Result<Vec<String>, StartError> {
    let nodes: Api<Node> = Api::all(client.clone());
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    match nodes.create(&PostParams::default(), &Node { metadata, ..Node::default() }).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        other => drop(other?),
    }
    let given = |node: Option<&Node>| node.is_some_and(|node| !cidrs(node).is_empty());
    let failed = |reason: String| StartError::Part { what: "node", reason };
    let node = tokio::time::timeout(RANGES_PATIENCE, await_condition(nodes, name, given))
        .await
        .map_err(|_| {
            failed(format!(
                "the cluster gave {name} no addresses for its pods within {} s; `kubectl describe node {name}` says why",
                RANGES_PATIENCE.as_secs()
            ))
        })?
        .map_err(|error| failed(error.to_string()))?;
    Ok(node.as_ref().map(cidrs).unwrap_or_default())
}

fn cidrs(node: &Node) -> Vec<String> {
    node.spec.as_ref().and_then(|spec| spec.pod_cidrs.clone()).unwrap_or_default()
}
