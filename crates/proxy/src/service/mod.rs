//! The loop that keeps a node's service rules: Services, EndpointSlices and pods' host ports in, one
//! [`Table`] out.
//!
//! Keeps: the first change after a quiet time is carried out at once; changes that come while rules are being
//! written go out together. The kernel's rules stay as they are until everything is known for the first time,
//! so a restart of the daemon is not noticed by connections.

mod host_ports;
mod rules;

use std::convert::Infallible;
use std::time::Duration;

use client::{Config, Informer, Informers};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use network::services::Table;
use thiserror::Error;
use tokio::time::Instant;

pub use host_ports::host_ports;
pub use rules::rules;

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
/// `informers` may list and watch Services and EndpointSlices (the role `system:node-proxier`); `own` are the
/// node's, which alone may watch its pods (field selector `spec.nodeName`).
pub async fn run(
    informers: &Informers,
    own: &Informers,
    node: &str,
    table: Table,
) -> Result<Infallible, Error> {
    let services: Informer<Service> = informers.of();
    let slices: Informer<EndpointSlice> = informers.of();
    let here = Config::default().fields(&format!("spec.nodeName={node}"));
    let pods: Informer<Pod> = own.matching(here);
    // Each starts with one change per object; what counts is that something changed.
    let (mut service_changes, mut slice_changes, mut pod_changes) =
        (services.subscribe(), slices.subscribe(), pods.subscribe());
    tokio::join!(services.synced(), slices.synced(), pods.synced());

    let mut table = table;
    let mut pause = RETRY.0;
    loop {
        let known = [drain(&mut service_changes), drain(&mut slice_changes), drain(&mut pod_changes)];
        tracing::trace!(changes = known.iter().sum::<usize>(), "writing service rules");
        let (services, slices, pods) = (services.list(), slices.list(), pods.list());
        let node = node.to_owned();
        let start = Instant::now();
        let (returned, result) = tokio::task::spawn_blocking(move || {
            let mut wanted = rules(&services, &slices, &node);
            wanted.extend(host_ports(&pods, &node));
            let result = table.sync(&wanted);
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
            () = again => {}
        }
    }
}

/// Takes what is there without waiting; says how much.
fn drain<T>(changes: &mut tokio::sync::mpsc::UnboundedReceiver<T>) -> usize {
    std::iter::from_fn(|| changes.try_recv().ok()).count()
}
