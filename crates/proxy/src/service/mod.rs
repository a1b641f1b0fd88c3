//! The loop that keeps a node's service rules: Services, EndpointSlices and pods' host ports in, one
//! [`Table`] out; beside it the answers to load balancers' health checks, and the load balancers' addresses that
//! this node answers for.
//!
//! Keeps: the first change after a quiet time is carried out at once; changes that come while rules are being
//! written go out together. The kernel's rules stay as they are until everything is known for the first time,
//! so a restart of the daemon is not noticed by connections.

mod choose;
mod health;
mod host_ports;
mod rules;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use client::{Config, Informer, Informers};
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use network::services::Table;
use thiserror::Error;
use tokio::time::Instant;

pub use host_ports::host_ports;
pub use rules::{HealthPort, NodeView, announced, health_ports, rules};

/// Between two writes; a rollout changes slices several times in a few milliseconds.
const BREATH: Duration = Duration::from_millis(10);
/// After a failure, the first and the longest pause before the next attempt.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Why the loop ended.
#[derive(Debug, Error)]
pub enum Error {
    /// The informers were shut down.
    #[error("the watch of {0} ended: the API client was closed")]
    Closed(&'static str),
    /// The thread that wrote the rules died.
    #[error("writing service rules was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// Keeps `table` as the API says for the node named `node`; ends only with an error or when dropped. The
/// table stays in the kernel then, so that connections go on.
///
/// `informers` may list and watch Services, EndpointSlices and nodes (the role `system:node-proxier`); `own` are
/// the node's, which alone may watch its pods (field selector `spec.nodeName`). `device` is the node's own, which
/// gets load balancers' addresses that lie on no link.
pub async fn run(
    informers: &Informers,
    own: &Informers,
    node: &str,
    device: &str,
    table: Table,
) -> Result<Infallible, Error> {
    let services: Informer<Service> = informers.of();
    let slices: Informer<EndpointSlice> = informers.of();
    let here = Config::default().fields(&format!("spec.nodeName={node}"));
    let pods: Informer<Pod> = own.matching(here);
    let itself: Informer<Node> =
        informers.matching(Config::default().fields(&format!("metadata.name={node}")));
    // Each starts with one change per object; what counts is that something changed.
    let (mut service_changes, mut slice_changes, mut pod_changes, mut node_changes) =
        (services.subscribe(), slices.subscribe(), pods.subscribe(), itself.subscribe());
    tokio::join!(services.synced(), slices.synced(), pods.synced(), itself.synced());

    let mut health = health::Servers::default();
    let mut table = table;
    let mut pause = RETRY.0;
    loop {
        let known = [
            drain(&mut service_changes),
            drain(&mut slice_changes),
            drain(&mut pod_changes),
            drain(&mut node_changes),
        ];
        tracing::trace!(changes = known.iter().sum::<usize>(), "writing service rules");
        let (services, slices, pods) = (services.list(), slices.list(), pods.list());
        let view = NodeView::of(node, itself.get(None, node).as_deref());
        health.serve(health_ports(&services, &slices, &view));
        let device = device.to_owned();
        let start = Instant::now();
        let (returned, result) = tokio::task::spawn_blocking(move || {
            let mut wanted = rules(&services, &slices, &view);
            wanted.extend(host_ports(&pods, &view.name));
            let result = table.sync(&wanted);
            // After the rules, so that nobody is asked to come before there is an answer.
            hold(&announced(&services, &view.name), &device);
            (table, result)
        })
        .await?;
        table = returned;
        let retry = match result {
            Ok(()) => {
                pause = RETRY.0;
                tokio::time::sleep_until(start + BREATH.max(start.elapsed() * 2)).await;
                None
            }
            Err(error) => {
                tracing::error!(%error, again_in = ?pause, "service rules are not up to date");
                let retry = Instant::now() + pause;
                pause = (pause * 2).min(RETRY.1);
                Some(retry)
            }
        };
        let again = async {
            match retry {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            change = service_changes.recv() => drop(change.ok_or(Error::Closed("Services"))?),
            change = slice_changes.recv() => drop(change.ok_or(Error::Closed("EndpointSlices"))?),
            change = pod_changes.recv() => drop(change.ok_or(Error::Closed("Pods"))?),
            change = node_changes.recv() => drop(change.ok_or(Error::Closed("Nodes"))?),
            () = again => {}
        }
    }
}

/// Answers for load balancers' addresses. The rules are right without it, so trouble is reported and no more.
fn hold(addresses: &BTreeSet<IpAddr>, device: &str) {
    if let Err(error) = network::announce::hold(addresses, device) {
        tracing::error!(%error, "load balancers' addresses are not answered for");
    }
}

/// Takes what is there without waiting; says how much.
fn drain<T>(changes: &mut tokio::sync::mpsc::UnboundedReceiver<T>) -> usize {
    std::iter::from_fn(|| changes.try_recv().ok()).count()
}
