//! One file per controller, each a reconcile function.
//!
//! Every controller is the same loop: informers feed keys into a queue, a reconcile function compares what
//! is with what should be and writes the difference. What should be is worked out by pure functions.
//! Not here: placing pods (`scheduler`), running them (`kubelet`), routing to them (`proxy`).
//!
//! Invariants: nothing polls; a status is written only if it changes; what a controller has written it sees
//! before it acts again on the same object (`shared::writes`).
#![forbid(unsafe_code)]

mod bootstrap_token;
pub mod certificates;
mod cronjob;
mod daemonset;
mod deployment;
mod disruption;
mod endpoints;
mod garbage;
mod job;
mod load_balancer;
mod namespace;
mod namespace_defaults;
mod node;
mod quota;
mod replicaset;
mod role_aggregation;
mod shared;
mod statefulset;
mod token_secret;
mod volume;

pub use volume::PROVISIONER as LOCAL_PROVISIONER;

use std::{pin::Pin, time::Duration};

use client::Informers;
pub use load_balancer::AddressPool;
pub use node::ipam::NodeRange;
pub use node::left::LEFT;
use tokio::{
    sync::{broadcast, watch},
    task::JoinSet,
};

use shared::{
    Context,
    kinds::{self, Kinds},
};

/// What the controllers need to know about the cluster.
#[derive(Clone, Debug)]
pub struct Options {
    /// Certificates (PEM) that pods verify the API server with; published in every namespace as ConfigMap
    /// `kube-root-ca.crt`. Empty: nothing is published.
    pub root_ca_pem: String,
    /// How long a node may be silent before it counts as unreachable.
    pub node_grace: Duration,
    /// Where nodes' ranges of pod addresses are cut from, one of each family; empty: nodes bring their own.
    pub node_ranges: Vec<NodeRange>,
    /// Ranges in use whatever Nodes say: the first node's.
    pub kept_ranges: Vec<String>,
    /// Whether each node has a name server, at the first address of its range, behind the Service `kube-dns`.
    pub name_servers: bool,
    /// How many finished pods may stay before the oldest are removed.
    pub finished_pods: usize,
    /// Addresses for LoadBalancer Services; `None` gives them the nodes' own.
    pub load_balancer_pool: Option<AddressPool>,
    /// TCP ports of the nodes that the cluster itself listens at: no LoadBalancer Service gets them.
    pub node_ports_in_use: Vec<i32>,
    /// What signs approved certificate requests; without it none is signed.
    pub signing: Option<Signing>,
}

/// The authority that signs certificate requests.
#[derive(Clone)]
pub struct Signing {
    /// Its certificate, PEM.
    pub certificate_pem: String,
    /// Its private key, PEM (PKCS #8, ECDSA P-256).
    pub key_pem: String,
    /// The longest that a certificate lives; a request may ask for less.
    pub lifetime: Duration,
}

impl std::fmt::Debug for Signing {
    /// Without the key, which must not slip into a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Signing").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root_ca_pem: String::new(),
            node_grace: Duration::from_secs(50),
            node_ranges: Vec::new(),
            kept_ranges: Vec::new(),
            name_servers: false,
            finished_pods: 12_500,
            load_balancer_pool: None,
            node_ports_in_use: Vec::new(),
            signing: None,
        }
    }
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;
type Start = fn(Context) -> Running;

/// Every controller by the name it has upstream.
const CONTROLLERS: &[(&str, Start)] = &[
    ("serviceaccount-controller", |context| Box::pin(namespace_defaults::run_service_accounts(context))),
    ("root-ca-certificate-publisher-controller", |context| {
        Box::pin(namespace_defaults::run_root_certificates(context))
    }),
    ("namespace-controller", |context| Box::pin(namespace::run(context))),
    ("statefulset-controller", |context| Box::pin(statefulset::run(context))),
    ("daemonset-controller", |context| Box::pin(daemonset::run(context))),
    ("cronjob-controller", |context| Box::pin(cronjob::run(context))),
    ("disruption-controller", |context| Box::pin(disruption::run(context))),
    ("job-controller", |context| Box::pin(job::run(context))),
    ("garbage-collector-controller", |context| Box::pin(garbage::run(context))),
    ("node-lifecycle-controller", |context| Box::pin(node::health::run(context))),
    ("node-ipam-controller", |context| Box::pin(node::ipam::run(context))),
    ("left-node-controller", |context| Box::pin(node::left::run(context))),
    ("name-server-controller", |context| Box::pin(node::name_servers::run(context))),
    ("taint-eviction-controller", |context| Box::pin(node::eviction::run(context))),
    ("pod-garbage-collector-controller", |context| Box::pin(node::pod_gc::run(context))),
    ("endpointslice-controller", |context| Box::pin(endpoints::slices::run(context))),
    ("endpoints-controller", |context| Box::pin(endpoints::legacy::run(context))),
    ("endpointslice-mirroring-controller", |context| Box::pin(endpoints::mirror::run(context))),
    ("service-lb-controller", |context| Box::pin(load_balancer::run(context))),
    ("clusterrole-aggregation-controller", |context| Box::pin(role_aggregation::run(context))),
    ("resourcequota-controller", |context| Box::pin(quota::run(context))),
    ("certificatesigningrequest-approving-controller", |context| {
        Box::pin(certificates::run_approver(context))
    }),
    ("certificatesigningrequest-signing-controller", |context| Box::pin(certificates::run_signers(context))),
    ("certificatesigningrequest-cleaner-controller", |context| Box::pin(certificates::run_cleaner(context))),
    ("serviceaccount-token-controller", |context| Box::pin(token_secret::run(context))),
    ("token-cleaner-controller", |context| Box::pin(bootstrap_token::run(context))),
    ("deployment-controller", |context| Box::pin(deployment::run(context))),
    ("replicaset-controller", |context| Box::pin(replicaset::run(context))),
    ("persistentvolume-binder-controller", |context| Box::pin(volume::run(context))),
    ("persistentvolumeclaim-protection-controller", |context| {
        Box::pin(volume::run_claim_protection(context))
    }),
    ("persistentvolume-protection-controller", |context| Box::pin(volume::run_volume_protection(context))),
    ("ephemeral-volume-controller", |context| Box::pin(volume::run_ephemeral(context))),
    ("replicationcontroller-controller", |context| {
        Box::pin(replicaset::run_replication_controllers(context))
    }),
];

/// Runs all controllers until the future is dropped. `client` has the identity
/// `system:kube-controller-manager`.
///
/// A controller that panics is logged and started again after a pause; the others go on.
pub async fn run_all(client: kube::Client, options: Options) {
    let (kinds_sender, kinds) = watch::channel(Kinds::default());
    let (departures, _) = broadcast::channel(1024);
    let context = Context { informers: Informers::new(client.clone()), client, options, kinds, departures };
    let mut tasks = JoinSet::new();
    tasks.spawn(kinds::follow(context.informers.clone(), kinds_sender));
    for (name, start) in CONTROLLERS {
        tasks.spawn(supervise(name, *start, context.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

async fn supervise(name: &'static str, start: Start, context: Context) {
    loop {
        let mut task = JoinSet::new();
        task.spawn(start(context.clone()));
        match task.join_next().await {
            Some(Err(error)) => {
                tracing::error!(controller = name, %error, "controller stopped; starting it again")
            }
            _ => tracing::error!(controller = name, "controller ended; starting it again"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
