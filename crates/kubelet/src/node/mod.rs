//! The Node object and its Lease: made once, kept alive.
//!
//! Writes at rest: one Lease renewal in each given time, and one status every [`HEARTBEAT`]. Upstream renews a lease
//! of 40 s every 10 s; whoever starts this kubelet may choose otherwise, with the same four tries per lease.
//!
//! A Node is registered once in the life of this process, as upstream does it: one that is deleted stays away until
//! the kubelet is started again.

pub(crate) mod status;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client::{Config, Failure, Informer, failure};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{Node as ApiNode, NodeSpec, NodeStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use crate::images::Images;
use status::{Machine, Node};

/// A request to renew the lease may take as long; the next try takes another connection.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(300);
const LEASES: &str = "kube-node-lease";
/// First and longest pause after a refused request.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

/// What keeps a Node current.
pub(crate) struct Keeper {
    pub(crate) client: Client,
    pub(crate) home: PathBuf,
    pub(crate) node: Node,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) images: Arc<Images>,
    pub(crate) pod_cidrs: Vec<String>,
    pub(crate) lease_renewal: Duration,
}

impl Keeper {
    /// Registers the node and keeps it alive until dropped.
    pub(crate) async fn run(self) {
        let uid = self.retry("register the node", || self.register()).await;
        tokio::select! {
            () = self.keep_status() => {}
            () = self.keep_lease(uid) => {}
        }
        tracing::warn!(node = self.node.name, "the Node was deleted; start the node again to register it");
        // Its pods are removed one by one, as the API says.
        std::future::pending().await
    }

    async fn retry<T, F>(&self, what: &str, mut attempt: impl FnMut() -> F) -> T
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let mut pause = RETRY.0;
        loop {
            match attempt().await {
                Ok(value) => return value,
                Err(error) => {
                    tracing::warn!(%error, node = self.node.name, "cannot {what}; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY.1);
                }
            }
        }
    }

    fn well_known_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        for prefix in ["kubernetes.io", "beta.kubernetes.io"] {
            labels.insert(format!("{prefix}/os"), "linux".to_owned());
            labels.insert(format!("{prefix}/arch"), status::architecture().to_owned());
        }
        labels.insert("kubernetes.io/hostname".to_owned(), self.node.name.clone());
        labels
    }

    /// Makes the Node, or takes over the one that is there; its UID.
    async fn register(&self) -> Result<String, kube::Error> {
        let api: Api<ApiNode> = Api::all(self.client.clone());
        let machine = status::read(&self.home);
        let fresh = ApiNode {
            metadata: ObjectMeta {
                name: Some(self.node.name.clone()),
                labels: Some(self.well_known_labels()),
                ..ObjectMeta::default()
            },
            spec: Some(NodeSpec {
                pod_cidr: self.pod_cidrs.first().cloned(),
                pod_cidrs: Some(self.pod_cidrs.clone()),
                ..NodeSpec::default()
            }),
            status: Some(status::compute(&machine, &self.node, &NodeStatus::default(), Timestamp::now())),
        };
        let node = match api.create(&PostParams::default(), &fresh).await {
            Ok(node) => node,
            Err(error) if failure(&error) == Failure::AlreadyExists => {
                let labels = json!({"metadata": {"labels": self.well_known_labels()}});
                api.patch(&self.node.name, &PatchParams::default(), &Patch::Merge(&labels)).await?
            }
            Err(error) => return Err(error),
        };
        self.write_status(&api, node.status.as_ref(), &machine, true).await?;
        Ok(node.metadata.uid.unwrap_or_default())
    }

    /// Writes the status when it differs, or when its heartbeat is due.
    async fn write_status(
        &self,
        api: &Api<ApiNode>,
        before: Option<&NodeStatus>,
        machine: &Machine,
        due: bool,
    ) -> Result<(), kube::Error> {
        let none = NodeStatus::default();
        let before = before.unwrap_or(&none);
        let mut after = status::compute(machine, &self.node, before, Timestamp::now());
        after.images = Some(self.images.list().await);
        if !due && !status::differs(before, &after) {
            return Ok(());
        }
        let mut patch = json!({ "status": after });
        // The API merges addresses by their type, of which a node with two families has two.
        if let Some(addresses) = patch["status"]["addresses"].as_array_mut() {
            addresses.push(json!({ "$patch": "replace" }));
        }
        api.patch_status(&self.node.name, &PatchParams::default(), &Patch::Strategic(&patch)).await.map(drop)
    }

    async fn keep_status(&self) {
        let api: Api<ApiNode> = Api::all(self.client.clone());
        let only = Config::default().fields(&format!("metadata.name={}", self.node.name));
        let own: Informer<ApiNode> = Informer::start(api.clone(), only);
        let mut changes = own.subscribe();
        let mut images = self.images.changes();
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        heartbeat.tick().await;
        loop {
            let due = tokio::select! {
                change = changes.recv() => match change {
                    Some(client::Change::Deleted(_)) | None => return,
                    // Somebody wrote our Node: extended resources become allocatable, and what is ours is put right.
                    Some(_) => false,
                },
                Ok(()) = images.changed() => false,
                _ = heartbeat.tick() => true,
            };
            let machine = status::read(&self.home);
            let now = own.get(None, &self.node.name);
            let before = now.as_ref().and_then(|n| n.status.as_ref());
            if before.is_some()
                && let Err(error) = self.write_status(&api, before, &machine, due).await
            {
                tracing::warn!(%error, node = self.node.name, "node status not written");
            }
        }
    }

    async fn keep_lease(&self, uid: String) {
        let api: Api<Lease> = Api::namespaced(self.client.clone(), LEASES);
        loop {
            self.retry("renew the node's lease", || self.renew(&api, &uid)).await;
            tokio::time::sleep(self.lease_renewal).await;
        }
    }

    async fn renew(&self, api: &Api<Lease>, uid: &str) -> Result<(), kube::Error> {
        let now = MicroTime(Timestamp::now());
        let spec = LeaseSpec {
            holder_identity: Some(self.node.name.clone()),
            lease_duration_seconds: i32::try_from(self.lease_renewal.as_secs() * 4).ok(),
            renew_time: Some(now),
            ..LeaseSpec::default()
        };
        let patch = json!({ "spec": spec });
        let params = PatchParams::default();
        let patch = Patch::Merge(&patch);
        let renewed = tokio::time::timeout(RENEWAL_PATIENCE, api.patch(&self.node.name, &params, &patch));
        let renewed = renewed.await.unwrap_or_else(|late| Err(kube::Error::Service(Box::new(late))));
        match renewed {
            Ok(_) => return Ok(()),
            Err(error) if failure(&error) == Failure::NotFound => {}
            Err(error) => return Err(error),
        }
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.node.name.clone()),
                namespace: Some(LEASES.to_owned()),
                owner_references: Some(vec![OwnerReference {
                    api_version: "v1".to_owned(),
                    kind: "Node".to_owned(),
                    name: self.node.name.clone(),
                    uid: uid.to_owned(),
                    ..OwnerReference::default()
                }]),
                ..ObjectMeta::default()
            },
            spec: Some(spec),
        };
        api.create(&PostParams::default(), &lease).await.map(drop)
    }
}
