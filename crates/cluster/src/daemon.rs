//! The one process that runs a cluster: every component started in order, each a client of the API server.
//!
//! A component that ends is started again after a pause; the process ends by SIGTERM or SIGINT and leaves pods,
//! rules and addresses as they are, so that the next start takes them over.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use apiserver::{ApiServer, UserInfo};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::runtime::wait::await_condition;
use network::services::Table;
use network::{Ipv4Net, PodNetwork, PodNetworkConfig};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::bootstrap;
use crate::kubeconfig::{self, KubeconfigError};
use crate::layout::Home;
use crate::pki::{Names, Pki, PkiError};
use crate::process::{DaemonLock, ProcessError};
use crate::settings::{Settings, SettingsError, Wanted};

/// How long a component rests before it is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// How long the node may take to become ready.
const NODE_PATIENCE: Duration = Duration::from_secs(60);

/// The machine's own resolver settings.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Port of the kubelet on the node's address.
const KUBELET_PORT: u16 = 10250;

/// Why a cluster did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Not root.
    #[error("a cluster needs root, for namespaces, cgroups and network rules; run it with sudo")]
    NotRoot,
    /// Settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Another daemon runs.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Keys are damaged.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The state cannot be opened.
    #[error("state of the cluster: {0}")]
    Store(#[from] store::OpenError),
    /// An address is taken.
    #[error(
        "cannot listen on {address}: {source}; end the program that uses it, or choose another port with --api-port"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The pod network cannot be set up.
    #[error("pod network: {0}")]
    Network(#[from] network::pods::Error),
    /// Service rules cannot be set up.
    #[error(transparent)]
    Services(#[from] network::services::Error),
    /// Containers cannot be run here.
    #[error("container engine: {0}")]
    Engine(#[from] runtime::EngineError),
    /// The content store cannot be opened.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The API server refused to start.
    #[error("API server: {0}")]
    Api(#[from] apiserver::StartError),
    /// First objects could not be written.
    #[error("API server: {0}")]
    Objects(#[from] kube::Error),
    /// The node's services did not start.
    #[error("{what}: {reason}")]
    Component {
        /// Which component.
        what: &'static str,
        /// Its reason.
        reason: String,
    },
    /// The administrator's kubeconfig cannot be written.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// The system refused.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// Runs the cluster in `home` until the process is told to end. `step` hears how far the start is; `ready` is
/// called once pods can run.
pub async fn run(
    home: &Home,
    wanted: &Wanted,
    step: impl Fn(&str),
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
    let running = tokio::select! {
        started = start(home, wanted, step) => started?,
        () = &mut told => return Ok(()),
    };
    ready();
    told.await;
    tracing::info!("stopping; pods go on running");
    running.stop().await;
    Ok(())
}

/// A started cluster.
struct Running {
    _lock: DaemonLock,
    api: ApiServer,
    kubelet: kubelet::Kubelet,
    components: Components,
    shutdown: CancellationToken,
}

impl Running {
    /// Ends everything in this process; pods, rules and addresses stay.
    async fn stop(self) {
        self.kubelet.shutdown().await;
        self.components.shutdown().await;
        self.shutdown.cancel();
        self.api.shutdown();
    }
}

async fn start(home: &Home, wanted: &Wanted, step: impl Fn(&str)) -> Result<Running, StartError> {
    if !rustix::process::geteuid().is_root() {
        return Err(StartError::NotRoot);
    }
    let settings = Settings::open(home, wanted)?;
    let lock = DaemonLock::acquire(home)?;
    // Before anything else is made: a taken port is the commonest reason not to start.
    let local = listen(Ipv4Addr::LOCALHOST, settings.api_port).await?;
    let pki = Pki::open(&home.pki(), &names(&settings), SystemTime::now())?;

    step("opening the state");
    let store = store::Store::open(&home.store(), store::Options::default()).await?;
    let api = ApiServer::start(api_options(store, &settings, &pki)).await?;
    let network = set_up_network(home, &settings).await?;
    let node = listen(settings.node_address(), settings.api_port).await?;
    let shutdown = CancellationToken::new();
    let tls = Arc::new(pki.apiserver.server_config(&pki.authority)?);
    for listener in [local, node] {
        let (api, tls, shutdown) = (api.clone(), tls.clone(), shutdown.clone());
        tokio::spawn(async move { api.serve(listener, tls, shutdown).await });
    }
    kubeconfig::write(&home.kubeconfig(), &kubeconfig::admin(&settings, &pki))?;

    step("starting the control plane");
    let admin = api.client(user("launchway-admin", &["system:masters"]));
    bootstrap::ensure(&admin, &settings).await?;
    let components = start_control_plane(&api, &pki);

    step("starting the node");
    let kubelet = start_node(home, &settings, &pki, &api, network, &components).await?;
    await_node(admin, &settings.node).await?;
    tracing::info!("cluster {} is ready", settings.name);
    Ok(Running { _lock: lock, api, kubelet, components, shutdown })
}

/// Waits until pods can run on `node`; at once when they can already.
pub async fn await_node(client: kube::Client, node: &str) -> Result<(), StartError> {
    let failed = |reason: String| StartError::Component { what: "node", reason };
    tokio::time::timeout(NODE_PATIENCE, await_condition(Api::all(client), node, is_ready))
        .await
        .map_err(|_| failed(format!("not ready after {} seconds", NODE_PATIENCE.as_secs())))?
        .map_err(|e| failed(e.to_string()))?;
    Ok(())
}

async fn listen(address: Ipv4Addr, port: u16) -> Result<TcpListener, StartError> {
    let address = SocketAddr::from((address, port));
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

fn names(settings: &Settings) -> Names {
    let mut names = Names::new(settings.node.clone());
    names.node_addresses = vec![settings.node_address().into()];
    names.service_address = settings.service_address(1).into();
    names
}

fn api_options(store: store::Store, settings: &Settings, pki: &Pki) -> apiserver::Options {
    let mut options = apiserver::Options::new(store);
    if let Ok(range) = settings.service_cidr.parse::<Ipv4Net>() {
        options.service_cidr = apiserver::Cidr { address: range.network(), prefix: range.prefix() };
    }
    options.advertise_address = settings.node_address().into();
    options.advertise_port = settings.api_port;
    options.client_ca_pem = pki.authority.certificate_pem().into();
    options.service_account_key_pem = Some(pki.service_account_key.clone().into_bytes());
    options.kubelet_client = Some(apiserver::KubeletClient {
        cert_pem: pki.kubelet_client.certificate_pem().into(),
        key_pem: pki.kubelet_client.key_pem().into(),
        ca_pem: pki.authority.certificate_pem().into(),
    });
    options
}

fn user(name: &str, groups: &[&str]) -> UserInfo {
    let groups = groups.iter().copied().chain(["system:authenticated"]).map(str::to_owned).collect();
    UserInfo { name: name.to_owned(), groups, ..UserInfo::default() }
}

async fn set_up_network(home: &Home, settings: &Settings) -> Result<Arc<PodNetwork>, StartError> {
    let config = network_config(home, settings)?;
    let made = tokio::task::spawn_blocking(move || {
        let network = PodNetwork::open(config)?;
        network.setup_node()?;
        Ok::<_, network::pods::Error>(network)
    });
    let network =
        made.await.map_err(|e| StartError::Component { what: "pod network", reason: e.to_string() })??;
    Ok(Arc::new(network))
}

/// How the pod network of `settings` is made.
pub(crate) fn network_config(home: &Home, settings: &Settings) -> Result<PodNetworkConfig, StartError> {
    Ok(PodNetworkConfig {
        device: settings.device(),
        node_address: settings.node_address(),
        pod_cidr: parse_range(&settings.pod_cidr)?,
        service_cidr: parse_range(&settings.service_cidr)?,
        state: home.network(),
        mtu: None,
    })
}

/// How the service rules of `settings` are made.
pub(crate) fn table_config(settings: &Settings) -> Result<network::services::TableConfig, StartError> {
    let pod_cidr = parse_range(&settings.pod_cidr)?;
    Ok(network::services::TableConfig {
        name: settings.table(),
        node_address: settings.node_address(),
        pod_cidr,
        cluster_cidr: pod_cidr,
        service_cidr: parse_range(&settings.service_cidr)?,
    })
}

fn parse_range(text: &str) -> Result<Ipv4Net, StartError> {
    text.parse()
        .map_err(|_| StartError::Component { what: "settings", reason: format!("{text} is no IPv4 range") })
}

/// How the container engine of `settings` works.
pub(crate) fn engine_options(settings: &Settings) -> runtime::Options {
    runtime::Options { cgroup_parent: settings.cgroup(), ..runtime::Options::default() }
}

/// Components that are started again when they end.
#[derive(Default)]
struct Components(tokio_util::task::TaskTracker, CancellationToken);

impl Components {
    fn start<F>(&self, name: &'static str, make: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stopped = self.1.clone();
        self.0.spawn(async move {
            loop {
                let ended = tokio::select! {
                    () = stopped.cancelled() => return,
                    ended = tokio::spawn(make()) => ended,
                };
                match ended {
                    Ok(()) => tracing::error!("{name} ended; starting it again"),
                    Err(error) => tracing::error!("{name} failed: {error}; starting it again"),
                }
                tokio::time::sleep(RESTART_PAUSE).await;
            }
        });
    }

    async fn shutdown(&self) {
        self.1.cancel();
        self.0.close();
        self.0.wait().await;
    }
}

fn start_control_plane(api: &ApiServer, pki: &Pki) -> Components {
    let components = Components::default();
    let controller = api.client(user("system:kube-controller-manager", &[]));
    let options = controllers::Options {
        root_ca_pem: pki.authority.certificate_pem().to_owned(),
        ..controllers::Options::default()
    };
    components.start("controllers", move || controllers::run_all(controller.clone(), options.clone()));
    let scheduler = api.client(user("system:kube-scheduler", &[]));
    components.start("scheduler", move || scheduler::run(scheduler.clone(), scheduler::Options::default()));
    components
}

async fn start_node(
    home: &Home,
    settings: &Settings,
    pki: &Pki,
    api: &ApiServer,
    network: Arc<PodNetwork>,
    components: &Components,
) -> Result<kubelet::Kubelet, StartError> {
    let engine = runtime::Engine::open(home.path(), engine_options(settings)).await?;
    let images = image::ContentStore::open(&home.images())?;
    start_proxy(settings, api, components)?;
    let node_user = format!("system:node:{}", settings.node);
    let options = kubelet::Options {
        home: home.path().to_owned(),
        node_name: settings.node.clone(),
        node_address: settings.node_address(),
        node_labels: BTreeMap::new(),
        client: api.client(user(&node_user, &["system:nodes"])),
        engine,
        network,
        images,
        cluster_dns: settings.service_address(10),
        cluster_domain: "cluster.local".to_owned(),
        pod_cidr: settings.pod_cidr.clone(),
        resolv_conf: PathBuf::from(RESOLV_CONF),
        server: Some(kubelet::ServerOptions {
            port: KUBELET_PORT,
            certificate_pem: pki.kubelet.certificate_pem().to_owned(),
            key_pem: pki.kubelet.key_pem().to_owned(),
            client_ca_pem: pki.authority.certificate_pem().to_owned(),
            trusted_clients: vec!["kube-apiserver-kubelet-client".to_owned()],
        }),
        max_pods: 110,
    };
    kubelet::Kubelet::start(options)
        .await
        .map_err(|e| StartError::Component { what: "kubelet", reason: e.to_string() })
}

/// The node's service rules and its name server.
fn start_proxy(settings: &Settings, api: &ApiServer, components: &Components) -> Result<(), StartError> {
    let informers = client::Informers::new(api.client(user("system:kube-proxy", &[])));
    let node_user = format!("system:node:{}", settings.node);
    let own = client::Informers::new(api.client(user(&node_user, &["system:nodes"])));
    let (table, node) = (table_config(settings)?, settings.node.clone());
    components.start("service proxy", move || {
        let (informers, own, table, node) = (informers.clone(), own.clone(), table.clone(), node.clone());
        async move {
            let result = match Table::new(table) {
                Ok(table) => {
                    proxy::service::run(&informers, &own, &node, table).await.map_err(|e| e.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            let Err(error) = result;
            tracing::error!("service proxy: {error}");
        }
    });
    let informers = client::Informers::new(api.client(user("system:dns", &[])));
    let resolv_conf = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
    let config = proxy::dns::Config {
        listen: SocketAddr::from((settings.node_address(), 53)),
        zone: proxy::dns::ZoneConfig {
            domain: "cluster.local".to_owned(),
            server: settings.service_address(10),
            ranges: vec![parse_range(&settings.pod_cidr)?, parse_range(&settings.service_cidr)?],
            // CoreDNS' answer for cluster names: short, because clients of moved Services come back soon.
            ttl: 5,
        },
        upstream: proxy::dns::name_servers(&resolv_conf),
    };
    components.start("name server", move || {
        let (informers, config) = (informers.clone(), config.clone());
        async move {
            let Err(error) = proxy::dns::run(&informers, config).await;
            tracing::error!("name server: {error}");
        }
    });
    Ok(())
}

/// Ready, and no longer kept from taking pods.
fn is_ready(node: Option<&Node>) -> bool {
    let conditions = node.and_then(|node| node.status.as_ref()?.conditions.as_ref());
    let taints = node.and_then(|node| node.spec.as_ref()?.taints.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
        && taints.into_iter().flatten().all(|taint| taint.key != "node.kubernetes.io/not-ready")
}
