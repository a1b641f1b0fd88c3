//! The loop that keeps a node's network policy: NetworkPolicies, pods and namespaces in, one [`Table`] out.
//!
//! Keeps: a pod that is to be isolated never sends or gets a packet before its rules stand. The kubelet asks the [`Gate`]
//! after it chose a pod's address and before it connects the pod; the loop counts the pod from then on, whether or not
//! the API shows its address, and the gate opens when the kernel has the rules. While the loop does not run (its component
//! was stopped), no pod with an address of its own starts; the rules of those that run stay in the kernel.
//!
//! Woken by changes that policies look at and by the gate. The first change after a quiet time is written at once,
//! further ones within `BREATH` together; who waits at the gate is never kept waiting for that.

mod plan;
mod pods;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use client::{Change, Config, Informer};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{Api, Client};
use network::policy::{Error as TableError, Rules, Table};
use thiserror::Error;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::{Mutex, oneshot};
use tokio::time::Instant;

use plan::{View, plan};

/// Between two writes for changes of objects; a rollout changes pods several times in a few milliseconds.
const BREATH: Duration = Duration::from_millis(5);
/// After a failure, the first and the longest pause before the next attempt.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long a pod waits for its rules before its start counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the loop ended. The rules stay.
#[derive(Debug, Error)]
pub enum Error {
    /// The informers were shut down.
    #[error("the watch of {0} ended: the API client was closed")]
    Closed(&'static str),
    /// The thread that wrote the rules died.
    #[error("writing network policy was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// A pod that is about to be connected.
#[derive(Debug)]
struct Admission {
    pod: Arc<Pod>,
    addresses: Vec<IpAddr>,
    done: oneshot::Sender<Result<(), String>>,
}

/// Where a kubelet waits until a pod's rules stand. Clones share one loop.
#[derive(Debug, Clone)]
pub struct Gate {
    sender: mpsc::UnboundedSender<Admission>,
    receiver: Arc<Mutex<UnboundedReceiver<Admission>>>,
}

impl Default for Gate {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: Arc::new(Mutex::new(receiver)) }
    }
}

impl Gate {
    /// Waits until the kernel has the rules of a pod that will have these addresses.
    ///
    /// # Errors
    /// A text for the reader, if they cannot be had within ten seconds: the pod must not be connected.
    pub async fn admit(&self, pod: Arc<Pod>, addresses: Vec<IpAddr>) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        let closed = || "network policy is not kept up: the loop has ended".to_owned();
        self.sender.send(Admission { pod, addresses, done }).map_err(|_| closed())?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer.map_err(|_| closed())?,
            Err(_) => Err(format!(
                "network policy is not kept up: no answer within {} seconds; is the component \"policy\" stopped?",
                PATIENCE.as_secs()
            )),
        }
    }
}

/// Keeps `table` as the API says for the node named `node`, and `gate` open for pods whose rules stand; ends only with
/// an error or when dropped. The table stays in the kernel then.
///
/// `client` may list and watch NetworkPolicies, Pods and Namespaces.
pub async fn run(client: Client, node: &str, table: Table, gate: &Gate) -> Result<Infallible, Error> {
    let all = Config::default;
    let policies: Informer<NetworkPolicy> = Informer::start(Api::all(client.clone()), all());
    let namespaces: Informer<Namespace> = Informer::start(Api::all(client.clone()), all());
    let pods: Informer<Pod> = Informer::start_with(Api::all(client), all(), pods::trim);
    let (mut policy_changes, mut namespace_changes, mut pod_changes) =
        (policies.subscribe(), namespaces.subscribe(), pods.subscribe());
    tokio::join!(policies.synced(), namespaces.synced(), pods.synced());

    let mut admissions = gate.receiver.lock().await;
    let mut work = Work { table: Some(table), starting: HashMap::new(), waiting: Vec::new() };
    let (mut due, mut rested, mut pause) = (Some(Instant::now()), Instant::now(), RETRY.0);
    loop {
        let changed = tokio::select! {
            admission = admissions.recv() => {
                // The gate itself holds a sender, so there always is one.
                admission.into_iter().for_each(|admission| work.admit(admission));
                due = Some(Instant::now());
                false
            }
            change = policy_changes.recv() => change.map(|_| true).ok_or(Error::Closed("NetworkPolicies"))?,
            change = namespace_changes.recv() => relabelled(&change.ok_or(Error::Closed("Namespaces"))?),
            change = pod_changes.recv() => work.hear(&change.ok_or(Error::Closed("Pods"))?),
            () = until(due) => false,
        };
        let now = Instant::now();
        if changed {
            // At once after a quiet time, else together with what comes in a moment.
            let soon = rested.max(now);
            due = Some(due.map_or(soon, |due| due.min(soon)));
        }
        if due.is_none_or(|due| due > now) {
            continue;
        }
        while let Ok(admission) = admissions.try_recv() {
            work.admit(admission);
        }
        while policy_changes.try_recv().is_ok() || namespace_changes.try_recv().is_ok() {}
        while let Ok(change) = pod_changes.try_recv() {
            work.hear(&change);
        }
        let known = (policies.list(), namespaces.list(), pods.list());
        match work.write(node, known).await? {
            Ok(()) => (due, pause) = (None, RETRY.0),
            Err(error) => {
                tracing::error!(%error, again_in = ?pause, "network policy is not up to date");
                due = Some(Instant::now() + pause);
                pause = (pause * 2).min(RETRY.1);
            }
        }
        rested = Instant::now() + BREATH;
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Whether a change of a namespace can change who is meant.
fn relabelled(change: &Change<Namespace>) -> bool {
    match change {
        Change::Modified { old, new } => old.metadata.labels != new.metadata.labels,
        Change::Added(_) | Change::Deleted(_) => true,
    }
}

/// What the loop holds between two writes.
struct Work {
    table: Option<Table>,
    /// Pods that the API does not show with their addresses yet, by uid.
    starting: HashMap<String, (Arc<Pod>, Vec<IpAddr>)>,
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
}

type Known = (Vec<Arc<NetworkPolicy>>, Vec<Arc<Namespace>>, Vec<Arc<Pod>>);

impl Work {
    fn admit(&mut self, admission: Admission) {
        let Admission { pod, addresses, done } = admission;
        if let Some(uid) = &pod.metadata.uid {
            self.starting.insert(uid.clone(), (pod, addresses));
        }
        self.waiting.push(done);
    }

    /// Whether a change of a pod can change a rule. A pod that starts keeps the labels that it has now.
    fn hear(&mut self, change: &Change<Pod>) -> bool {
        let pod = change.object();
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        if matches!(change, Change::Deleted(_)) || !pods::shown(pod).is_empty() {
            self.starting.remove(uid);
        } else if let Some((known, _)) = self.starting.get_mut(uid) {
            *known = pod.clone();
        }
        change.previous().is_none_or(|old| matches!(change, Change::Deleted(_)) || !pods::same(old, pod))
    }

    async fn write(&mut self, node: &str, known: Known) -> Result<Result<(), TableError>, Error> {
        let Some(mut table) = self.table.take() else { return Ok(Ok(())) };
        let (policies, namespaces, pods) = known;
        let (node, starting) = (node.to_owned(), self.starting.clone());
        let (table, result) = tokio::task::spawn_blocking(move || {
            let view = View {
                policies: &policies,
                pods: &pods,
                namespaces: &namespaces,
                node: &node,
                starting: &starting,
            };
            let rules: Rules = plan(&view);
            let result = table.sync(&rules);
            (table, result)
        })
        .await?;
        self.table = Some(table);
        let answer = match &result {
            Ok(()) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        for done in self.waiting.drain(..) {
            // A kubelet that no longer waits asks again.
            let _ = done.send(answer.clone());
        }
        Ok(result)
    }
}
