//! One node's pods: registration, workers, probes, volumes, status and the kubelet's HTTPS endpoints.
//!
//! A client of the API like any other: it reads pods bound to its node through one watch, and writes
//! their status back. Knows nothing of scheduling, of Services beyond their environment variables, and
//! nothing of how namespaces, cgroups or links are made: that is `runtime` and `network`.
//!
//! Invariant: everything needed to go on after a crash lives in the API and in the runtime's own
//! folders. Killing this process leaves every pod running; the next start adopts them.
#![forbid(unsafe_code)]

mod allocations;
mod context;
mod fetch;
mod grpc;
mod handlers;
mod hooks;
mod images;
mod logs;
mod manager;
mod node;
mod notify;
mod pod;
mod probes;
mod refs;
mod server;
mod spec;
mod static_pods;
mod volumes;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client::{Config, Informer};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use rustls::server::ResolvesServerCert;
use tokio::task::JoinSet;

use allocations::Allocations;
use context::Context;
use images::Images;
use node::Keeper;
use refs::Refs;
use server::{Server, Shared};
use static_pods::Folder;

/// What a kubelet needs to run one node.
pub struct Options {
    /// Folder of the cluster; pods live in `pods/<uid>`, logs in `logs/pods`, static pods are described in
    /// `manifests`.
    pub home: PathBuf,
    /// Name of the Node object.
    pub node_name: String,
    /// InternalIP of the node, where the HTTPS endpoints listen.
    pub node_address: Ipv4Addr,
    /// Labels put on the Node beside the well-known ones.
    pub node_labels: BTreeMap<String, String>,
    /// API client with the identity `system:node:<node_name>`, group `system:nodes`.
    pub client: kube::Client,
    /// Starts containers.
    pub engine: runtime::Engine,
    /// Gives pods their address.
    pub network: Arc<network::PodNetwork>,
    /// Asked before a pod is connected; `None` connects at once.
    pub guard: Option<NetworkGuard>,
    /// Where images are found.
    pub images: image::ContentStore,
    /// Address of the cluster's DNS server, written into pods' resolv.conf.
    pub cluster_dns: Ipv4Addr,
    /// Domain of the cluster, usually `cluster.local`.
    pub cluster_domain: String,
    /// The pods' address ranges, one of each family, shown in `spec.podCIDRs` of the Node.
    pub pod_cidrs: Vec<String>,
    /// The node's own resolver settings, for pods with `dnsPolicy: Default`.
    pub resolv_conf: PathBuf,
    /// HTTPS endpoints; `None` serves none.
    pub server: Option<ServerOptions>,
    /// How many pods the node takes.
    pub max_pods: u32,
    /// How often the node's Lease is renewed; it lasts four times as long.
    pub lease_renewal: Duration,
}

/// Waits until the rules of a pod that is going to have these addresses stand (network policy). An error says why the pod
/// must not be connected.
pub type NetworkGuard =
    Arc<dyn Fn(Arc<Pod>, Vec<IpAddr>) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// How the kubelet's HTTPS endpoints are served.
pub struct ServerOptions {
    /// Port on the node's address; 0 picks a free one (see [`Kubelet::port`]).
    pub port: u16,
    /// Asked for the serving certificate at each handshake, so that it can be replaced; without one, handshakes
    /// fail.
    pub certificates: Arc<dyn ResolvesServerCert>,
    /// CA of client certificates, PEM. Connections without a certificate of it are refused.
    pub client_ca_pem: String,
    /// Common names that may use the endpoints; members of `system:masters` always may.
    pub trusted_clients: Vec<String>,
}

/// Why a kubelet does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The HTTPS endpoints cannot be served.
    #[error("{0}")]
    Server(String),
    /// The folder of static pods cannot be watched.
    #[error("the folder of static pods, {}, cannot be watched: {source}", path.display())]
    Manifests {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The network does not take up what it remembers.
    #[error("the pods' network cannot be taken up again: {0}")]
    Network(String),
}

/// A running kubelet. Dropping it stops the kubelet and leaves every pod running.
pub struct Kubelet {
    tasks: JoinSet<()>,
    port: Option<u16>,
}

impl Kubelet {
    /// Takes up what runs on the node, registers it and begins to run its pods.
    ///
    /// Returns as soon as the endpoints listen; an API server that does not answer yet is waited for in the
    /// background.
    ///
    /// # Errors
    /// When the HTTPS endpoints cannot be served, or the network's remembered state cannot be taken up.
    pub async fn start(options: Options) -> Result<Kubelet, StartError> {
        let server = match &options.server {
            Some(server) => {
                let bound = Server::bind(options.node_address, server).await;
                Some(bound.map_err(|e| StartError::Server(e.to_string()))?)
            }
            None => None,
        };
        let port = server.as_ref().map(Server::port);

        let manifests = options.home.join("manifests");
        let folder = Folder::open(manifests.clone(), &options.node_name)
            .map_err(|source| StartError::Manifests { path: manifests, source })?;

        // Events first, then what is there: nothing falls between.
        let events = options.engine.events();
        adopt_network(&options).await?;

        let machine = node::status::read(&options.home);
        let client = options.client.clone();
        let node_cpu = i64::try_from(machine.cpus * 1000).unwrap_or(i64::MAX);
        let node_memory = i64::try_from(machine.allocatable_memory()).unwrap_or(i64::MAX);
        let recorder = client::Events::new(client.clone(), "kubelet", Some(&options.node_name));
        let images = Arc::new(Images::new(options.images, client.clone(), recorder.clone()));
        let network = options.network;
        let ctx = Arc::new(Context {
            allocations: Allocations::new(node_cpu, node_memory),
            images: images.clone(),
            events: recorder,
            services: Informer::start(kube::Api::all(client.clone()), Config::default()),
            config_maps: Refs::new(client.clone()),
            secrets: Refs::new(client.clone()),
            node_cpu,
            node_memory,
            home: options.home.clone(),
            node_address: options.node_address,
            client: client.clone(),
            engine: options.engine,
            network: network.clone(),
            guard: options.guard,
            cluster_dns: options.cluster_dns,
            cluster_domain: options.cluster_domain,
            resolv_conf: options.resolv_conf,
        });
        let own = Config::default().fields(&format!("spec.nodeName={}", options.node_name));
        let pods: Informer<Pod> = Informer::start(kube::Api::all(client.clone()), own);
        let keeper = Keeper {
            client,
            home: options.home,
            node: node::status::Node {
                name: options.node_name.clone(),
                address: options.node_address,
                address6: network.node_address6(),
                port: port.unwrap_or(0),
                max_pods: options.max_pods,
            },
            labels: options.node_labels,
            images,
            pod_cidrs: options.pod_cidrs,
            lease_renewal: options.lease_renewal,
        };

        let node_name = options.node_name;
        let mut tasks = JoinSet::new();
        tasks.spawn(keeper.run());
        if let Some(server) = server {
            let shared = Shared { ctx: ctx.clone(), pods: pods.clone(), node_name: node_name.clone() };
            tasks.spawn(server.run(shared));
        }
        tasks.spawn(images::collect(ctx.clone(), pods.clone(), node_name.clone()));
        tasks.spawn(allocations::weigh(ctx.allocations.clone(), ctx.engine.clone()));
        tasks.spawn(manager::run(ctx, pods, events, node_name, folder));
        Ok(Kubelet { tasks, port })
    }

    /// Port of the HTTPS endpoints, if they are served.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Stops the kubelet; every pod goes on running.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Tells the network which pods are still there, so that the addresses of others are free again.
async fn adopt_network(options: &Options) -> Result<(), StartError> {
    let network = options.network.clone();
    let alive: Vec<String> = options.engine.sandboxes().into_iter().map(|s| s.uid).collect();
    let work = move || {
        let alive: Vec<&str> = alive.iter().map(String::as_str).collect();
        network.adopt(&alive).map_err(|e| StartError::Network(e.to_string()))
    };
    let gone = tokio::task::spawn_blocking(work).await.map_err(|e| StartError::Network(e.to_string()))??;
    if !gone.is_empty() {
        tracing::info!(count = gone.len(), "addresses of pods that are gone are free again");
    }
    Ok(())
}
