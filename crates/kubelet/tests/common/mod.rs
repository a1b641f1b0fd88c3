//! A node for one test: API server, engine, network and images in a folder and a network namespace of their own.
//!
//! Nothing outside is touched: the namespace is made here and vanishes with the test, pods are removed at its end.

#![allow(clippy::unwrap_used)]
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

pub mod client;

use std::net::Ipv4Addr;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use apiserver::{ApiServer, UserInfo};
use futures::{FutureExt, StreamExt};
use image::{ContentStore, ImageConfig, LayerBuilder};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Event, Pod};
use kube::api::{DeleteParams, PostParams};
use kube::runtime::watcher::{Config, watch_object};
use kube::{Api, Client, ResourceExt};
use kubelet::{Kubelet, Options, ServerOptions};
use network::netlink::{Family, Request, Socket};
use network::{PodNetwork, PodNetworkConfig, link, namespace};
use serde_json::{Value, json};

pub const NODE: &str = "n1";
pub const NODE_IP: Ipv4Addr = Ipv4Addr::new(10, 42, 0, 1);
pub const IMAGE: &str = "launchway.local/test-busybox:1";
/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// All that a test needs.
pub struct World {
    pub home: PathBuf,
    pub server: ApiServer,
    pub admin: Client,
    pub engine: runtime::Engine,
    pub network: Arc<PodNetwork>,
    pub images: ContentStore,
    pub kubelet: Option<Kubelet>,
    pub keys: Keys,
    parent: String,
    _folder: tempfile::TempDir,
}

/// Certificates for the kubelet's endpoints.
pub struct Keys {
    pub ca_pem: String,
    pub server: (String, String),
    /// In `system:masters`.
    pub client: (String, String),
    /// Of the same CA, without rights.
    pub stranger: (String, String),
}

impl Keys {
    /// The kubelet's certificate, as it asks for it.
    fn certificates(&self) -> Arc<dyn rustls::server::ResolvesServerCert> {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let chain = CertificateDer::pem_slice_iter(self.server.0.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(self.server.1.as_bytes()).unwrap();
        let provider = rustls::crypto::ring::default_provider();
        let key = rustls::sign::CertifiedKey::from_der(chain, key, &provider).unwrap();
        Arc::new(rustls::sign::SingleCertAndKey::from(key))
    }
}

/// Runs a test on a machine of its own.
pub fn on_a_node(test: impl AsyncFnOnce(&mut World) + Send) {
    assert!(rustix::process::geteuid().is_root(), "these tests run pods: run them as root");
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .try_init();
    let netns = namespace::create().unwrap();
    namespace::run_in(&netns, || {
        let mut request = Request::new();
        link::set_up(&mut request, "lo");
        Socket::open(Family::Route).unwrap().request(request).unwrap();
        // Threads inherit the namespace of the one that makes them: all of this runtime are on this machine.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            // Pods are ended after a failed test, too.
            let result = AssertUnwindSafe(test(&mut world)).catch_unwind().await;
            world.clear().await;
            if let Err(panic) = result {
                std::panic::resume_unwind(panic);
            }
        });
    })
    .unwrap();
}

impl World {
    async fn new() -> World {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_owned();
        let store = store::Store::open(&home.join("store"), store::Options::default()).await.unwrap();
        let mut options = apiserver::Options::new(store);
        let key = rcgen::KeyPair::generate().unwrap();
        options.service_account_key_pem = Some(key.serialize_pem().into_bytes());
        let server = ApiServer::start(options).await.unwrap();
        let admin = server.client(user("admin", "system:masters"));
        for namespace in ["default", "kube-node-lease"] {
            ensure(&admin, "/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
        }
        ensure(
            &admin,
            "/api/v1/namespaces/default/serviceaccounts",
            &json!({"metadata": {"name": "default"}}),
        )
        .await;

        let parent = format!("/lwkube-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let engine = runtime::Engine::open(&home, engine_options(&parent)).await.unwrap();
        let network = PodNetwork::open(PodNetworkConfig {
            device: "lw0".to_owned(),
            node_address: NODE_IP,
            pod_cidr: "10.42.0.0/24".parse().unwrap(),
            service_cidr: "10.43.0.0/16".parse().unwrap(),
            state: home.join("network"),
            ipv6: None,
            reserved: 0,
            mtu: None,
        })
        .unwrap();
        network.setup_node().unwrap();
        let images = ContentStore::open(&home.join("images")).unwrap();
        // However full the machine's disk is.
        let settings = "[collection]\nhigh_percent = 100\nlow_percent = 100\n";
        std::fs::write(home.join("images.toml"), settings).unwrap();
        busybox_image(&images, IMAGE);
        let mut world = World {
            home,
            server,
            admin,
            engine,
            network: Arc::new(network),
            images,
            kubelet: None,
            keys: Keys::new(),
            parent,
            _folder: folder,
        };
        world.start().await;
        world
    }

    /// Starts a kubelet, as after a start of the daemon.
    pub async fn start(&mut self) {
        let resolv_conf = self.home.join("node-resolv.conf");
        std::fs::write(&resolv_conf, "nameserver 192.0.2.53\n").unwrap();
        let options = Options {
            home: self.home.clone(),
            node_name: NODE.to_owned(),
            node_address: NODE_IP,
            node_labels: [("example.com/zone".to_owned(), "here".to_owned())].into(),
            client: self.server.client(user(&format!("system:node:{NODE}"), "system:nodes")),
            engine: self.engine.clone(),
            network: self.network.clone(),
            images: self.images.clone(),
            guard: None,
            cluster_dns: Ipv4Addr::new(10, 43, 0, 10),
            cluster_domain: "cluster.local".to_owned(),
            pod_cidrs: vec!["10.42.0.0/24".to_owned()],
            lease_renewal: std::time::Duration::from_secs(30),
            resolv_conf,
            server: Some(ServerOptions {
                port: 0,
                certificates: self.keys.certificates(),
                client_ca_pem: self.keys.ca_pem.clone(),
                trusted_clients: vec!["kubelet-client".to_owned()],
            }),
            max_pods: 110,
        };
        self.kubelet = Some(Kubelet::start(options).await.unwrap());
    }

    /// Ends kubelet and engine and begins anew, with what is on disk and in the API.
    pub async fn restart(&mut self, meanwhile: impl AsyncFnOnce(&World)) {
        self.kubelet.take().unwrap().shutdown().await;
        meanwhile(self).await;
        self.engine = runtime::Engine::open(&self.home, engine_options(&self.parent)).await.unwrap();
        self.start().await;
    }

    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.admin.clone(), "default")
    }

    /// Creates a pod of this node; what is left out of its spec gets the tests' defaults.
    pub async fn pod(&self, name: &str, spec: Value) -> Pod {
        let mut spec = spec;
        let fields = spec.as_object_mut().unwrap();
        fields.entry("nodeName").or_insert(json!(NODE));
        fields.entry("automountServiceAccountToken").or_insert(json!(false));
        fields.entry("terminationGracePeriodSeconds").or_insert(json!(5));
        for list in ["containers", "initContainers"] {
            for container in fields.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                container.as_object_mut().unwrap().entry("image").or_insert(json!(IMAGE));
            }
        }
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        self.pods().create(&PostParams::default(), &pod).await.unwrap()
    }

    /// Waits until the pod is as wanted, and gives it.
    pub async fn until(&self, name: &str, what: &str, wanted: impl Fn(&Pod) -> bool) -> Pod {
        let mut last = None;
        let search = async {
            let mut pods = std::pin::pin!(watch_object(self.pods(), name));
            while let Some(seen) = pods.next().await {
                if let Ok(Some(pod)) = seen {
                    if wanted(&pod) {
                        return pod;
                    }
                    last = Some(pod);
                }
            }
            panic!("the watch ended");
        };
        match tokio::time::timeout(PATIENCE, search).await {
            Ok(pod) => pod,
            Err(_) => {
                let events = self.events(name).await;
                let status = last.and_then(|p| p.status);
                panic!("{name} did not become {what}; status {status:#?}, events {events:#?}");
            }
        }
    }

    pub async fn until_phase(&self, name: &str, phase: &str) -> Pod {
        self.until(name, phase, |p| p.status.as_ref().and_then(|s| s.phase.as_deref()) == Some(phase)).await
    }

    pub async fn until_ready(&self, name: &str) -> Pod {
        self.until(name, "ready", is_ready).await
    }

    pub async fn until_gone(&self, name: &str) {
        let search = async {
            let mut pods = std::pin::pin!(watch_object(self.pods(), name));
            while let Some(seen) = pods.next().await {
                if let Ok(None) = seen {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, search).await.is_err() {
            panic!("{name} is still there: {:#?}", self.pods().get(name).await);
        }
    }

    pub async fn delete(&self, name: &str, grace: Option<u32>) {
        let params = DeleteParams { grace_period_seconds: grace, ..DeleteParams::default() };
        self.pods().delete(name, &params).await.unwrap();
    }

    /// Reasons and messages of the events about a pod.
    pub async fn events(&self, pod: &str) -> Vec<(String, String)> {
        let api: Api<Event> = Api::namespaced(self.admin.clone(), "default");
        let all = api.list(&Default::default()).await.unwrap();
        let about = all.items.into_iter().filter(|e| e.involved_object.name.as_deref() == Some(pod));
        about.map(|e| (e.reason.unwrap_or_default(), e.message.unwrap_or_default())).collect()
    }

    pub async fn until_event(&self, pod: &str, reason: &str) -> String {
        let api: Api<Event> = Api::namespaced(self.admin.clone(), "default");
        let search = async {
            let mut events = std::pin::pin!(kube::runtime::watcher(api, Config::default()));
            while let Some(seen) = events.next().await {
                use kube::runtime::watcher::Event::{Apply, InitApply};
                if let Ok(Apply(event) | InitApply(event)) = seen
                    && event.involved_object.name.as_deref() == Some(pod)
                    && event.reason.as_deref() == Some(reason)
                {
                    return event.message.unwrap_or_default();
                }
            }
            panic!("the watch ended");
        };
        let found = tokio::time::timeout(PATIENCE, search).await;
        found.unwrap_or_else(|_| panic!("no event {reason} about {pod}"))
    }

    /// What a container of a pod wrote, from its log file.
    pub fn log(&self, pod: &Pod, container: &str, attempt: u32) -> String {
        let folder = format!("default_{}_{}", pod.name_any(), pod.uid().unwrap());
        let path = self.home.join("logs/pods").join(folder).join(container).join(format!("{attempt}.log"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        text.lines().map(|line| line.splitn(4, ' ').nth(3).unwrap().to_owned() + "\n").collect()
    }

    /// Runs a pod to its end and gives what its one container wrote.
    pub async fn output(&self, name: &str, spec: Value) -> String {
        let mut spec = spec;
        spec["restartPolicy"] = json!("Never");
        self.pod(name, spec).await;
        let done = |p: &Pod| {
            matches!(p.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Succeeded" | "Failed"))
        };
        let pod = self.until(name, "finished", done).await;
        let container = pod.spec.as_ref().unwrap().containers[0].name.clone();
        self.log(&pod, &container, 0)
    }

    async fn clear(mut self) {
        let list = self.pods().list(&Default::default()).await.unwrap();
        for pod in &list.items {
            self.delete(&pod.name_any(), Some(0)).await;
        }
        if let Some(kubelet) = self.kubelet.take() {
            kubelet.shutdown().await;
        }
        for sandbox in self.engine.sandboxes() {
            self.engine.remove_sandbox(&sandbox.uid).await.unwrap();
        }
        self.engine.teardown().unwrap();
        let left = mounts_below(&self.home);
        for point in left.iter().rev() {
            let _ = rustix::mount::unmount(point, rustix::mount::UnmountFlags::DETACH);
        }
        self.server.shutdown();
    }
}

/// Mount points below a folder.
pub fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let points = table.lines().map(|l| PathBuf::from(l.split(' ').nth(4).unwrap()));
    points.filter(|p| p.starts_with(folder)).collect()
}

pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
    conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

pub fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.iter().flat_map(|s| s.container_statuses.iter().flatten());
    statuses.map(|s| s.restart_count).max().unwrap_or(0)
}

pub fn container<'a>(pod: &'a Pod, name: &str) -> &'a ContainerStatus {
    let status = pod.status.as_ref().unwrap();
    let lists = [&status.container_statuses, &status.init_container_statuses];
    lists.into_iter().flat_map(|l| l.iter().flatten()).find(|s| s.name == name).unwrap()
}

pub fn terminated<'a>(pod: &'a Pod, name: &str) -> &'a ContainerStateTerminated {
    let state = container(pod, name).state.as_ref().unwrap();
    state.terminated.as_ref().unwrap_or_else(|| panic!("{name} has not ended: {state:?}"))
}

pub fn sh(script: &str) -> Value {
    json!(["sh", "-c", script])
}

fn user(name: &str, group: &str) -> UserInfo {
    UserInfo {
        name: name.to_owned(),
        groups: vec![group.to_owned(), "system:authenticated".to_owned()],
        ..UserInfo::default()
    }
}

pub async fn ensure(client: &Client, path: &str, object: &Value) {
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(object.to_string().into_bytes())
        .unwrap();
    match client.request::<Value>(request).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => panic!("{path}: {error}"),
    }
}

fn engine_options(parent: &str) -> runtime::Options {
    runtime::Options {
        shim_command: vec![env!("CARGO_BIN_EXE_kubelet-shim-test").into(), "shim".into()],
        cgroup_parent: parent.to_owned(),
    }
}

/// An image with busybox and its commands.
pub fn busybox_image(images: &ContentStore, name: &str) {
    let mut layer = LayerBuilder::new();
    let busybox = busybox();
    layer.bytes("bin/busybox", std::fs::read(&busybox).unwrap(), true).unwrap();
    let list = Command::new(&busybox).arg("--list").output().unwrap();
    for applet in String::from_utf8(list.stdout).unwrap().lines().filter(|a| *a != "busybox") {
        layer.symlink(&format!("bin/{applet}"), "busybox").unwrap();
    }
    let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n";
    layer.bytes("etc/passwd", passwd.into(), false).unwrap();
    layer.bytes("etc/group", "root:x:0:\napp:x:1001:\n".into(), false).unwrap();
    layer.directory("tmp", 0o1777).unwrap();
    let layer = images.put_layer(&layer).unwrap();
    let config = ImageConfig {
        cmd: vec!["sh".into()],
        env: vec!["PATH=/bin".into(), "FROM_IMAGE=yes".into()],
        ..ImageConfig::default()
    };
    let digest = images.build_image(&config, &[layer]).unwrap();
    images.tag(name, &digest).unwrap();
}

/// A static busybox: the installed one, or Debian's package unpacked beside the tests.
fn busybox() -> PathBuf {
    static FOUND: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    FOUND
        .get_or_init(|| {
            let installed = Path::new("/bin/busybox");
            if Command::new(installed).arg("true").status().is_ok_and(|s| s.success()) {
                return installed.to_owned();
            }
            let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
            let folder = place.join("deb-busybox-static");
            if !folder.join("bin/busybox").exists() {
                let new = tempfile::tempdir_in(&place).unwrap().keep();
                let run = |script: &str| {
                    let output = Command::new("sh").args(["-c", script]).current_dir(&new).output().unwrap();
                    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
                };
                run("apt-get download busybox-static");
                run("dpkg -x busybox-static_*.deb .");
                // Another test program may have been first; then its copy is as good.
                let _ = std::fs::rename(&new, &folder);
            }
            folder.join("bin/busybox")
        })
        .clone()
}

impl Keys {
    fn new() -> Keys {
        use rcgen::{
            BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
            KeyPair, SanType,
        };
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test-ca");
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let sign = |name: &str, group: Option<&str>, usage: ExtendedKeyUsagePurpose| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            if let Some(group) = group {
                params.distinguished_name.push(DnType::OrganizationName, group);
            }
            params.subject_alt_names.push(SanType::IpAddress(NODE_IP.into()));
            params.extended_key_usages.push(usage);
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &ca).unwrap();
            (certificate.pem(), key.serialize_pem())
        };
        Keys {
            server: sign("system:node:n1", None, ExtendedKeyUsagePurpose::ServerAuth),
            client: sign("somebody", Some("system:masters"), ExtendedKeyUsagePurpose::ClientAuth),
            stranger: sign("stranger", None, ExtendedKeyUsagePurpose::ClientAuth),
            ca_pem: ca.pem(),
        }
    }
}
