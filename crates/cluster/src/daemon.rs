//! The one process that runs a cluster: control plane and first node, put together from components.
//!
//! The process ends by SIGTERM or SIGINT and leaves pods, rules and addresses as they are, so that the next start
//! takes them over.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::Node;
use kube::api::DeleteParams;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use tokio::signal::unix::{SignalKind, signal};

use crate::components::Components;
use crate::control;
use crate::control_plane::{self, Certificates};
use crate::delete;
use crate::error::{StartError, listen};
use crate::kubeconfig;
use crate::layout::Home;
use crate::node::{self, NodeClients, NodeConfig, NodeKeys};
use crate::pki::{Names, Pki};
use crate::process::DaemonLock;
use crate::settings::{Settings, Wanted};

/// How long the node may take to become ready.
const NODE_PATIENCE: Duration = Duration::from_secs(60);

/// Runs the cluster in `home` until the process is told to end. `step` hears how far the start is; `ready` is
/// called once pods can run.
pub async fn run(
    home: &Home,
    wanted: &Wanted,
    step: impl Fn(&str),
    ready: impl FnOnce(),
) -> Result<(), StartError> {
    until_told(home, start(home, wanted, step), ready).await
}

/// Starts what a process is made of, and stops it when the process is told to end.
pub(crate) async fn until_told(
    home: &Home,
    start: impl Future<Output = Result<(DaemonLock, Components), StartError>>,
    ready: impl FnOnce(),
) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let told = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let mut told = std::pin::pin!(told);
    let (_lock, components) = tokio::select! {
        started = start => started?,
        () = &mut told => return Ok(()),
    };
    let _control = control::serve(home, components.clone())?;
    ready();
    told.await;
    tracing::info!("stopping; pods go on running");
    // Ends everything in this process; pods, rules and addresses stay.
    components.shutdown().await;
    Ok(())
}

async fn start(
    home: &Home,
    wanted: &Wanted,
    step: impl Fn(&str),
) -> Result<(DaemonLock, Components), StartError> {
    if !rustix::process::geteuid().is_root() {
        return Err(StartError::NotRoot);
    }
    let mut settings = Settings::open(home, wanted)?;
    let lock = DaemonLock::acquire(home)?;
    settings.adapt(home, wanted)?;
    // Before anything else is made: a taken port is the commonest reason not to start.
    let (early, late) = addresses(&settings);
    let mut listeners = Vec::new();
    for address in early {
        listeners.push(listen(SocketAddr::from((address, settings.api_port))).await?);
    }
    let pki = Pki::open(&home.pki(), &names(&settings), SystemTime::now())?;
    let components = Components::default();

    step("setting up the network");
    let config = NodeConfig::first(home, &settings)?;
    let network = node::set_up_network(&config).await?;
    for address in late {
        listeners.push(listen(SocketAddr::from((address, settings.api_port))).await?);
    }

    step("starting the control plane");
    let certificates = Certificates::new(&pki)?;
    let door = control_plane::start(&components, home, &settings, &pki, &certificates, listeners).await?;
    kubeconfig::write(&home.kubeconfig(), &kubeconfig::admin(&settings, &pki))?;

    step("starting the node");
    let clients = NodeClients {
        node: door.client(&format!("system:node:{}", settings.node), &["system:nodes"]),
        proxy: door.client("system:kube-proxy", &[]),
        dns: door.client("system:dns", &[]),
    };
    let keys = NodeKeys {
        serving: certificates.kubelet.clone(),
        client_ca: pki.authority.certificate_pem().to_owned(),
    };
    node::start(&components, config, network, clients, keys).await?;
    let admin = door.client("launchway-admin", &["system:masters"]);
    await_node(admin.clone(), &settings.node).await?;
    if settings.nodes > 1 {
        step("starting further nodes");
    }
    remove_surplus(home, &settings, &admin).await?;
    control_plane::local_nodes::start(&components, home, &settings, &pki).await?;
    for name in control_plane::local_nodes::names(&settings) {
        // The cluster is there without it; `kubectl get nodes` shows what is not.
        if let Err(error) = await_node(admin.clone(), &name).await {
            tracing::warn!("{error}");
        }
    }
    tracing::info!("cluster {} is ready", settings.name);
    Ok((lock, components))
}

/// Removes further nodes on this machine that are not wanted any more.
async fn remove_surplus(home: &Home, settings: &Settings, admin: &Client) -> Result<(), StartError> {
    let wanted = control_plane::local_nodes::names(settings);
    for name in delete::local_nodes(home) {
        if !wanted.contains(&name) {
            tracing::info!("removing the node {name}");
            let removed = delete::remove_local_node(home, &settings.name, &name).await;
            removed.map_err(|e| StartError::Part { what: "further node", reason: e.to_string() })?;
            match Api::<Node>::all(admin.clone()).delete(&name, &DeleteParams::default()).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                other => drop(other?),
            }
        }
    }
    Ok(())
}

/// Waits until pods can run on `node`; at once when they can already.
pub async fn await_node(client: kube::Client, node: &str) -> Result<(), StartError> {
    let failed = |reason: String| StartError::Part { what: "node", reason };
    tokio::time::timeout(NODE_PATIENCE, await_condition(Api::all(client), node, is_ready))
        .await
        .map_err(|_| failed(format!("{node} is not ready after {} seconds", NODE_PATIENCE.as_secs())))?
        .map_err(|e| failed(e.to_string()))?;
    Ok(())
}

/// Where the API server listens: what is there from the start, and the node's address towards its pods, which this
/// process makes.
fn addresses(settings: &Settings) -> (Vec<Ipv4Addr>, Vec<Ipv4Addr>) {
    match settings.listen {
        // Everywhere, and so at the others, too.
        Some(address) if address.is_unspecified() => (vec![address], Vec::new()),
        listen => {
            (std::iter::once(Ipv4Addr::LOCALHOST).chain(listen).collect(), vec![settings.node_address()])
        }
    }
}

/// Names and addresses in the certificates of the control plane.
pub(crate) fn names(settings: &Settings) -> Names {
    let mut names = Names::new(settings.node.clone());
    names.lifetime = Duration::from_secs(settings.certificate_lifetime);
    names.node_addresses = vec![settings.node_address().into()];
    let internal = settings.internal_address();
    if internal != settings.node_address() {
        names.node_addresses.push(internal.into());
    }
    names.service_address = settings.service_address(1).into();
    names
}

/// Ready, and no longer kept from taking pods.
fn is_ready(node: Option<&Node>) -> bool {
    let conditions = node.and_then(|node| node.status.as_ref()?.conditions.as_ref());
    let taints = node.and_then(|node| node.spec.as_ref()?.taints.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
        && taints.into_iter().flatten().all(|taint| taint.key != "node.kubernetes.io/not-ready")
}
