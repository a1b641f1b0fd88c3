//! One file per controller, each a reconcile function.
//!
//! Every controller is the same loop: informers feed keys into a queue, a reconcile function compares what
//! is with what should be and writes the difference. What should be is worked out by pure functions.
//! Not here: placing pods (`scheduler`), running them (`kubelet`), routing to them (`proxy`).
//!
//! Invariants: nothing polls; a status is written only if it changes; what a controller has written it sees
//! before it acts again on the same object (`shared::writes`).
#![forbid(unsafe_code)]

mod cronjob;
mod daemonset;
mod deployment;
mod disruption;
mod endpoints;
mod garbage;
mod job;
mod namespace;
mod namespace_defaults;
mod node;
mod replicaset;
mod role_aggregation;
mod shared;
mod statefulset;

use std::{pin::Pin, time::Duration};

use client::Informers;
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
    /// How many finished pods may stay before the oldest are removed.
    pub finished_pods: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { root_ca_pem: String::new(), node_grace: Duration::from_secs(50), finished_pods: 12_500 }
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
    ("taint-eviction-controller", |context| Box::pin(node::eviction::run(context))),
    ("pod-garbage-collector-controller", |context| Box::pin(node::pod_gc::run(context))),
    ("endpointslice-controller", |context| Box::pin(endpoints::slices::run(context))),
    ("endpoints-controller", |context| Box::pin(endpoints::legacy::run(context))),
    ("endpointslice-mirroring-controller", |context| Box::pin(endpoints::mirror::run(context))),
    ("clusterrole-aggregation-controller", |context| Box::pin(role_aggregation::run(context))),
    ("deployment-controller", |context| Box::pin(deployment::run(context))),
    ("replicaset-controller", |context| Box::pin(replicaset::run(context))),
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
