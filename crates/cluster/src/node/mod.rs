//! One node, on the machine of the control plane or on another one: pod network, kubelet, service rules and name
//! server, as components of a process. All of it is a client of the API server, wherever that runs.
//!
//! Not here: who makes the clients and keys that a node is given.

mod config;
pub(crate) mod links;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use network::PodNetwork;
use network::services::Table;

use crate::components::Components;
use crate::error::StartError;
use crate::pki::Current;

pub(crate) use config::{DOMAIN, NodeConfig};

/// The machine's own resolver settings.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Port of the kubelet on the node's address.
pub(crate) const KUBELET_PORT: u16 = 10250;

/// Name of the container engine among the components.
const RUNTIME: &str = "runtime";

/// Clients of the API server, one identity each.
#[derive(Clone)]
pub(crate) struct NodeClients {
    /// `system:node:NAME` of group `system:nodes`.
    pub(crate) node: kube::Client,
    /// May list and watch what service rules are made of.
    pub(crate) proxy: kube::Client,
    /// May list and watch what names are made of.
    pub(crate) dns: kube::Client,
}

/// What the kubelet's HTTPS endpoints show and believe.
#[derive(Clone)]
pub(crate) struct NodeKeys {
    /// The kubelet's own identity.
    pub(crate) serving: Current,
    /// The authority of its clients, PEM.
    pub(crate) client_ca: String,
}

/// Starts the components of a node whose network is set up.
pub(crate) async fn start(
    components: &Components,
    config: NodeConfig,
    network: Arc<PodNetwork>,
    clients: NodeClients,
    keys: NodeKeys,
) -> Result<(), StartError> {
    let engine = OpenEngine::default();
    let images = image::ContentStore::open(&config.images)?;
    add_proxy(components, &config, &clients);
    let gate = proxy::policy::Gate::default();
    add_policy(components, &config, &clients, &gate);
    add_name_server(components, &config, &clients);
    add_runtime(components, &config, &engine);
    add_kubelet(components, &config, &clients, keys, Machinery { network, engine, images, gate });
    add_links(components, &config, &clients);
    for name in ["proxy", "policy", "dns", "links", "runtime", "kubelet"] {
        components.start(name).await?;
    }
    Ok(())
}

/// Sets up the node's device, routes and settings; does nothing where they are there already.
pub(crate) async fn set_up_network(config: &NodeConfig) -> Result<Arc<PodNetwork>, StartError> {
    let config = config.network();
    let made = tokio::task::spawn_blocking(move || {
        let network = PodNetwork::open(config)?;
        network.setup_node()?;
        Ok::<_, network::pods::Error>(network)
    });
    let network =
        made.await.map_err(|e| StartError::Part { what: "pod network", reason: e.to_string() })??;
    Ok(Arc::new(network))
}

/// The ways to other nodes' pods.
fn add_links(components: &Components, config: &NodeConfig, clients: &NodeClients) {
    let (config, client) = (config.clone(), clients.node.clone());
    components.add("links", move |life| {
        let (config, client) = (config.clone(), client.clone());
        async move { life.serve(links::run(client, &config)).await }
    });
}

/// The node's service rules.
fn add_proxy(components: &Components, config: &NodeConfig, clients: &NodeClients) {
    let (node, table, device) = (config.name.clone(), config.table(), config.device.clone());
    let (services, own) = (clients.proxy.clone(), clients.node.clone());
    components.add("proxy", move |life| {
        let (node, table, device) = (node.clone(), table.clone(), device.clone());
        let (services, own) = (client::Informers::new(services.clone()), client::Informers::new(own.clone()));
        async move {
            let table = Table::new(table).map_err(|e| e.to_string())?;
            life.serve(proxy::service::run(&services, &own, &node, &device, table)).await
        }
    });
}

/// The node's network policy.
fn add_policy(
    components: &Components,
    config: &NodeConfig,
    clients: &NodeClients,
    gate: &proxy::policy::Gate,
) {
    let (node, name) = (config.name.clone(), config.policy_table());
    let (client, gate) = (clients.proxy.clone(), gate.clone());
    components.add("policy", move |life| {
        let (node, name, client, gate) = (node.clone(), name.clone(), client.clone(), gate.clone());
        async move {
            let table = network::policy::Table::new(&name).map_err(|e| e.to_string())?;
            life.serve(proxy::policy::run(client, &node, table, &gate)).await
        }
    });
}

/// The node's name server: a process of its own, which goes on while this one is away.
fn add_name_server(components: &Components, config: &NodeConfig, clients: &NodeClients) {
    let ipv6 = config.ipv6.iter();
    let ranges = ipv6.clone().flat_map(|ipv6| [ipv6.cluster_cidr, ipv6.service_cidr]);
    let own = std::iter::once(config.pod_side.into()).chain(ipv6.map(|ipv6| ipv6.node_address.into()));
    let config = proxy::dns::Config {
        listen: own.map(|address: IpAddr| SocketAddr::new(address, 53)).collect(),
        zone: proxy::dns::ZoneConfig {
            domain: DOMAIN.to_owned(),
            servers: vec![config.cluster_dns.into()],
            ranges: [config.cluster_cidr.into(), config.service_cidr.into()]
                .into_iter()
                .chain(ranges)
                .collect(),
            // CoreDNS' answer for cluster names: short, because clients of moved Services come back soon.
            ttl: 5,
        },
        resolv_conf: PathBuf::from(RESOLV_CONF),
        folder: config.home.names(),
        // Also when the file was replaced by a newer version meanwhile.
        command: vec!["/proc/self/exe".into(), "names".into()],
        node: config.name.clone(),
    };
    let client = clients.dns.clone();
    components.add("dns", move |life| {
        let (informers, config) = (client::Informers::new(client.clone()), config.clone());
        async move {
            let folder = config.folder.clone();
            life.serve(proxy::dns::run(&informers, config)).await?;
            if !life.leaving() {
                let stopped = tokio::task::spawn_blocking(move || proxy::dns::stop(&folder)).await;
                stopped.map_err(|e| e.to_string())?.map_err(|e| format!("cannot end its process: {e}"))?;
            }
            Ok(())
        }
    });
}

/// The container engine, while the runtime runs.
type OpenEngine = Arc<Mutex<Option<runtime::Engine>>>;

/// The engine that makes containers; those that are there live on without it.
fn add_runtime(components: &Components, config: &NodeConfig, open: &OpenEngine) {
    let (config, open) = (config.clone(), open.clone());
    let set = |open: &OpenEngine, engine| *open.lock().unwrap_or_else(PoisonError::into_inner) = engine;
    components.add(RUNTIME, move |life| {
        let (config, open) = (config.clone(), open.clone());
        async move {
            let engine = runtime::Engine::open(config.home.path(), config.engine()).await;
            set(&open, Some(engine.map_err(|e| e.to_string())?));
            life.up();
            life.stopped().await;
            set(&open, None);
            Ok(())
        }
    });
}

/// What the kubelet works with; stays when the kubelet is stopped.
struct Machinery {
    network: Arc<PodNetwork>,
    engine: OpenEngine,
    images: image::ContentStore,
    /// No pod is connected before its rules stand.
    gate: proxy::policy::Gate,
}

fn add_kubelet(
    components: &Components,
    config: &NodeConfig,
    clients: &NodeClients,
    keys: NodeKeys,
    machinery: Machinery,
) {
    let (config, client) = (config.clone(), clients.node.clone());
    let open = machinery.engine;
    let (network, images, gate) = (machinery.network, machinery.images, machinery.gate);
    let guard: kubelet::NetworkGuard = Arc::new(move |pod, addresses| {
        let gate = gate.clone();
        Box::pin(async move { gate.admit(pod, addresses).await })
    });
    let options = move |engine| kubelet::Options {
        home: config.home.path().to_owned(),
        node_name: config.name.clone(),
        node_address: config.address,
        node_labels: BTreeMap::new(),
        client: client.clone(),
        engine,
        network: network.clone(),
        guard: Some(guard.clone()),
        images: images.clone(),
        cluster_dns: config.cluster_dns,
        cluster_domain: DOMAIN.to_owned(),
        pod_cidrs: config.pod_cidrs(),
        resolv_conf: PathBuf::from(RESOLV_CONF),
        server: Some(kubelet::ServerOptions {
            port: KUBELET_PORT,
            certificates: Arc::new(keys.serving.clone()),
            client_ca_pem: keys.client_ca.clone(),
            trusted_clients: vec!["kube-apiserver-kubelet-client".to_owned()],
        }),
        max_pods: 110,
        lease_renewal: Duration::from_secs(config.renewal),
    };
    components.add_needing("kubelet", Some(RUNTIME), move |life| {
        let engine = open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let options = engine.map(&options);
        async move {
            let options = options.ok_or("the runtime is stopped")?;
            let kubelet = kubelet::Kubelet::start(options).await.map_err(|e| e.to_string())?;
            life.up();
            life.stopped().await;
            kubelet.shutdown().await;
            Ok(())
        }
    });
}
