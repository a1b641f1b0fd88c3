//! A whole control plane in this process, on a store in a folder of its own, with a node that only pretends.
//!
//! The pretended kubelet marks bound pods as running and ready, ends pods that carry `test/exit`, and lets pods
//! go that are asked to. It waits for nothing but changes.

use std::{fmt::Debug, time::Duration};

use apiserver::{ApiServer, Options, UserInfo};
use client::{Change, Config, Informer};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// How long anything may take on a busy machine before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    server: ApiServer,
    _tasks: JoinSet<()>,
    _dir: TempDir,
}

fn user(name: &str, groups: &[&str]) -> UserInfo {
    let groups = groups.iter().chain(&["system:authenticated"]).map(|group| (*group).to_owned()).collect();
    UserInfo { name: name.into(), groups, ..UserInfo::default() }
}

fn key() -> rcgen::KeyPair {
    rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

/// An authority for one test.
fn signing() -> controllers::Signing {
    let key = key();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    controllers::Signing {
        certificate_pem: params.self_signed(&key).unwrap().pem(),
        key_pem: key.serialize_pem(),
        lifetime: Duration::from_secs(3600),
    }
}

impl World {
    /// A client with the identity of somebody else than the administrator.
    pub(crate) fn client_of(&self, name: &str, groups: &[&str]) -> Client {
        self.server.client(user(name, groups))
    }

    /// Starts it with one large node, and with a namespace for the test.
    pub(crate) async fn start() -> Self {
        let world = Self::start_without_node().await;
        world.add_node("node-1", "64", "110").await;
        world
    }

    pub(crate) async fn start_without_node() -> Self {
        Self::start_with_grace(Duration::from_secs(3600)).await
    }

    /// Starts it so that nodes count as silent after `node_grace`; the pretended ones never send a sign of life.
    pub(crate) async fn start_with_grace(node_grace: Duration) -> Self {
        let dir = TempDir::new().unwrap();
        let store = store::Store::open(dir.path(), store::Options::default()).await.unwrap();
        let mut options = Options::new(store);
        options.service_account_key_pem = Some(key().serialize_pem().into_bytes());
        let server = ApiServer::start(options).await.unwrap();
        let client = server.client(user("admin", &["system:masters"]));
        let mut tasks = JoinSet::new();
        let options = controllers::Options {
            root_ca_pem: "a certificate".into(),
            node_grace,
            signing: Some(signing()),
            ..Default::default()
        };
        tasks
            .spawn(controllers::run_all(server.client(user("system:kube-controller-manager", &[])), options));
        let scheduler = server.client(user("system:kube-scheduler", &[]));
        tasks.spawn(scheduler::run(scheduler, scheduler::Options::default()));
        tasks.spawn(pretend_kubelet(client.clone()));
        let world = Self { client, namespace: "test".into(), server, _tasks: tasks, _dir: dir };
        world.create("v1", "Namespace", json!({"metadata": {"name": "test"}})).await;
        world
    }

    pub(crate) async fn add_node(&self, name: &str, cpu: &str, pods: &str) {
        let room = json!({"cpu": cpu, "memory": "64Gi", "pods": pods});
        let status = json!({"capacity": room, "allocatable": room, "conditions": [{"type": "Ready", "status": "True"}]});
        self.create("v1", "Node", json!({"metadata": {"name": name}})).await;
        let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(self.client.clone());
        nodes
            .patch_status(name, &PatchParams::default(), &Patch::Merge(json!({"status": status})))
            .await
            .unwrap();
        // A server may keep new nodes away from pods until they are known to be ready.
        let free = json!({"spec": {"taints": null}});
        nodes.patch(name, &PatchParams::default(), &Patch::Merge(free)).await.unwrap();
    }

    /// Creates an object of any kind in the test's namespace (or in none, for kinds without).
    pub(crate) async fn create(&self, version: &str, kind: &str, object: Value) -> Value {
        self.try_create(version, kind, object).await.unwrap()
    }

    /// The same, and what the server says if it refuses.
    pub(crate) async fn try_create(
        &self,
        version: &str,
        kind: &str,
        mut object: Value,
    ) -> Result<Value, kube::Error> {
        object["apiVersion"] = json!(version);
        object["kind"] = json!(kind);
        let plural = match kind {
            "Endpoints" => "endpoints".to_owned(),
            other => format!("{}s", other.to_lowercase()),
        };
        let root = if version.contains('/') { "apis" } else { "api" };
        let path = match kind {
            "Node" | "Namespace" | "PriorityClass" => {
                format!("/{root}/{version}/{}", plural.replace("classs", "classes"))
            }
            _ => format!("/{root}/{version}/namespaces/{}/{plural}", self.namespace),
        };
        let request = http::Request::post(path).header("content-type", "application/json");
        self.client.request(request.body(object.to_string().into_bytes()).unwrap()).await
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) async fn merge<K>(&self, name: &str, patch: Value)
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        self.api::<K>().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    pub(crate) async fn list<K>(&self, labels: &str) -> Vec<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        self.api::<K>().list(&ListParams::default().labels(labels)).await.unwrap().items
    }

    pub(crate) async fn delete<K>(&self, name: &str, params: DeleteParams)
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        self.api::<K>().delete(name, &params).await.unwrap();
    }

    /// Waits until the object is there and `wanted` holds for it.
    pub(crate) async fn until<K>(&self, name: &str, what: &str, wanted: impl Fn(&K) -> bool) -> K
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
    {
        let selected = Config::default().fields(&format!("metadata.name={name}"));
        let informer = Informer::<K>::start(self.api(), selected);
        let mut changes = informer.subscribe();
        let mut last = None;
        let waiting = async {
            loop {
                match changes.recv().await.unwrap() {
                    Change::Deleted(_) => {}
                    Change::Added(object) | Change::Modified { new: object, .. } => {
                        if wanted(&object) {
                            return (*object).clone();
                        }
                        last = Some(object);
                    }
                }
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(object) => object,
            Err(_) => panic!("{name}: not {what}; last seen: {last:#?}"),
        }
    }

    /// Waits until the selected objects are as `wanted`.
    pub(crate) async fn until_all<K>(&self, labels: &str, what: &str, wanted: impl Fn(&[K]) -> bool) -> Vec<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
    {
        let informer = Informer::<K>::start(self.api(), Config::default().labels(labels));
        informer.synced().await;
        let mut changes = informer.subscribe();
        let now = || informer.list().iter().map(|object| (**object).clone()).collect::<Vec<_>>();
        let waiting = async {
            loop {
                let objects = now();
                if wanted(&objects) {
                    return objects;
                }
                changes.recv().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(objects) => objects,
            Err(_) => panic!("{labels}: not {what}; last seen: {:#?}", now()),
        }
    }
}

async fn pretend_kubelet(client: Client) {
    let pods = Informer::<Pod>::start(Api::all(client.clone()), Config::default());
    let mut changes = pods.subscribe();
    let mut next_ip = 1;
    while let Some(change) = changes.recv().await {
        if let Change::Deleted(_) = change {
            continue;
        }
        let pod = change.object();
        let (spec, meta) = (pod.spec.clone().unwrap_or_default(), &pod.metadata);
        if spec.node_name.is_none() {
            continue;
        }
        let api: Api<Pod> = Api::namespaced(client.clone(), meta.namespace.as_deref().unwrap());
        let name = meta.name.as_deref().unwrap();
        let phase = pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
        let finished = phase == "Succeeded" || phase == "Failed";
        let stamp = k8s_openapi::jiff::Timestamp::now().to_string();
        let end = |code: i64| {
            json!({"status": {"phase": if code == 0 { "Succeeded" } else { "Failed" },
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": stamp}],
                "containerStatuses": [{"name": spec.containers[0].name, "image": "", "imageID": "", "ready": false,
                    "restartCount": 0, "state": {"terminated": {"exitCode": code, "finishedAt": stamp}}}]}})
        };
        let exit =
            meta.annotations.as_ref().and_then(|all| all.get("test/exit")).and_then(|code| code.parse().ok());
        // Objects change under our hands: the next change brings the truth.
        let status = |patch: Value| async {
            drop(api.patch_status(name, &PatchParams::default(), &Patch::Strategic(patch)).await)
        };
        if meta.deletion_timestamp.is_some() {
            if !finished {
                status(end(143)).await;
            }
            drop(api.delete(name, &DeleteParams::default().grace_period(0)).await);
        } else if finished {
        } else if let Some(code) = exit {
            status(end(code)).await;
        } else if phase != "Running" {
            next_ip += 1;
            let ip = format!("10.42.{}.{}", next_ip / 250, next_ip % 250 + 2);
            status(
                json!({"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "startTime": stamp,
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": stamp}]}}),
            )
            .await;
        }
    }
}

/// A Deployment of `replicas` pods with that image.
pub(crate) fn deployment(name: &str, replicas: i32, image: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "template": template(name, image)}})
}

pub(crate) fn template(app: &str, image: &str) -> Value {
    json!({"metadata": {"labels": {"app": app}}, "spec": {"containers": [{"name": "c", "image": image}]}})
}
