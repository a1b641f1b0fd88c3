//! Both loops on a real API server, each with the identity and the rights that a cluster gives it. Needs
//! root: rules are written inside a network namespace of the test's own.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use apiserver::{ApiServer, UserInfo};
use client::Informers;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Pod, Service, ServiceAccount};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use network::netlink::{Family, Request, Socket};
use network::services::{Table, TableConfig};
use network::{PodNetwork, PodNetworkConfig, link, namespace};
use proxy::dns::{Config, ZoneConfig};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const NODE: &str = "here";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 42, 0, 1);
const PATIENCE: Duration = Duration::from_secs(60);

fn user(name: &str, groups: &[&str]) -> UserInfo {
    let groups = groups.iter().chain(&["system:authenticated"]).map(|group| (*group).to_owned()).collect();
    UserInfo { name: name.to_owned(), groups, ..UserInfo::default() }
}

async fn api_server() -> (ApiServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = store::Store::open(folder.path(), store::Options::default()).await.unwrap();
    (ApiServer::start(apiserver::Options::new(store)).await.unwrap(), folder)
}

fn informers(server: &ApiServer, name: &str, groups: &[&str]) -> Informers {
    Informers::new(server.client(user(name, groups)))
}

fn api<K>(server: &ApiServer) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    Api::namespaced(server.client(user("admin", &["system:masters"])), "default")
}

async fn create<K>(server: &ApiServer, object: Value) -> K
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + serde::Serialize,
{
    api(server).create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
}

fn slice(addresses: &[Ipv4Addr]) -> Value {
    let endpoints: Vec<Value> = addresses.iter().map(|a| json!({ "addresses": [a] })).collect();
    json!({
        "metadata": { "name": "web-1", "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4", "endpoints": endpoints, "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
    })
}

fn web() -> Value {
    json!({ "metadata": { "name": "web" }, "spec": { "ports": [{ "name": "http", "port": 80 }] } })
}

/// Asks again until it is as wanted; how soon is not this test's matter.
async fn until<T: Debug + PartialEq>(wanted: T, mut look: impl FnMut() -> T) {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = look();
        if found == wanted {
            return;
        }
        assert!(tokio::time::Instant::now() < end, "{found:?} instead of {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A node in a namespace of its own with one pod, which serves its name on port 8080.
struct Machine {
    netns: OwnedFd,
    pod: Ipv4Addr,
    _pod: OwnedFd,
    _state: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let (netns, pod) = (namespace::create().unwrap(), namespace::create().unwrap());
        let state = tempfile::tempdir().unwrap();
        let config = PodNetworkConfig {
            device: "lw0".to_owned(),
            node_address: ADDRESS,
            pod_cidr: "10.42.0.0/24".parse().unwrap(),
            service_cidr: "10.43.0.0/16".parse().unwrap(),
            state: state.path().to_owned(),
            mtu: None,
        };
        let address = namespace::run_in(&netns, || {
            let mut request = Request::new();
            link::set_up(&mut request, "lo");
            Socket::open(Family::Route).unwrap().request(request).unwrap();
            let network = PodNetwork::open(config).unwrap();
            network.setup_node().unwrap();
            network.attach("pod", &pod).unwrap()
        })
        .unwrap();
        let listener = namespace::run_in(&pod, || TcpListener::bind("0.0.0.0:8080").unwrap()).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                stream.unwrap().write_all(b"pod").unwrap();
            }
        });
        Self { netns, pod: address, _pod: pod, _state: state }
    }

    fn table(&self) -> Table {
        let config = TableConfig {
            name: "proxy-test".to_owned(),
            node_address: ADDRESS,
            pod_cidr: "10.42.0.0/24".parse().unwrap(),
            cluster_cidr: "10.42.0.0/16".parse().unwrap(),
            service_cidr: "10.43.0.0/16".parse().unwrap(),
        };
        namespace::run_in(&self.netns, || Table::new(config).unwrap()).unwrap()
    }

    /// What a process on the node reads there, or the kind of error it gets.
    fn read(&self, address: Ipv4Addr, port: u16) -> String {
        let read = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&SocketAddr::from((address, port)), PATIENCE)?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        namespace::run_in(&self.netns, || read().unwrap_or_else(|error| format!("{:?}", error.kind())))
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_become_rules() {
    assert!(rustix::process::geteuid().is_root(), "this test makes network namespaces: run it as root");
    let machine = Machine::new();
    let (server, _folder) = api_server().await;
    let service: Service = create(&server, web()).await;
    let address: Ipv4Addr = service.spec.unwrap().cluster_ip.unwrap().parse().unwrap();
    let (table, proxy) = (machine.table(), informers(&server, "system:kube-proxy", &[]));
    let own = informers(&server, "system:node:here", &["system:nodes"]);
    let running = tokio::spawn(async move { proxy::service::run(&proxy, &own, NODE, table).await });

    until("ConnectionRefused".to_owned(), || machine.read(address, 80)).await;
    let _: EndpointSlice = create(&server, slice(&[machine.pod])).await;
    until("pod".to_owned(), || machine.read(address, 80)).await;
    let spec = json!({ "spec": { "type": "NodePort" } });
    let patched =
        api::<Service>(&server).patch("web", &PatchParams::default(), &Patch::Merge(spec)).await.unwrap();
    let node_port = patched.spec.unwrap().ports.unwrap()[0].node_port.unwrap();
    let node_port = u16::try_from(node_port).unwrap();
    until("pod".to_owned(), || machine.read(Ipv4Addr::LOCALHOST, node_port)).await;

    let _: ServiceAccount = create(&server, json!({ "metadata": { "name": "default" } })).await;
    let _: Pod = create(
        &server,
        json!({ "metadata": { "name": "p" }, "spec": { "nodeName": NODE, "containers": [
            { "name": "c", "image": "i:1", "ports": [{ "containerPort": 8080, "hostPort": 8088 }] }
        ]}}),
    )
    .await;
    let status =
        json!({ "status": { "phase": "Running", "podIP": machine.pod, "podIPs": [{ "ip": machine.pod }] } });
    api::<Pod>(&server).patch_status("p", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    until("pod".to_owned(), || machine.read(ADDRESS, 8088)).await;

    api::<Service>(&server).delete("web", &DeleteParams::default()).await.unwrap();
    until("ConnectionRefused".to_owned(), || machine.read(address, 80)).await;
    assert!(!running.is_finished());
    // Without the loop the rules stay: connections survive a restart of the daemon.
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(machine.read(ADDRESS, 8088), "pod");
    // A new one finds the same.
    let (table, proxy) = (machine.table(), informers(&server, "system:kube-proxy", &[]));
    let own = informers(&server, "system:node:here", &["system:nodes"]);
    let running = tokio::spawn(async move { proxy::service::run(&proxy, &own, NODE, table).await });
    let _: Service = create(&server, web()).await;
    let again = api::<Service>(&server).get("web").await.unwrap().spec.unwrap().cluster_ip.unwrap();
    until("pod".to_owned(), || machine.read(again.parse().unwrap(), 80)).await;
    assert_eq!(machine.read(ADDRESS, 8088), "pod");
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_become_names() {
    let (server, _folder) = api_server().await;
    let listen = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = Config {
        listen,
        zone: ZoneConfig { domain: "cluster.local".to_owned(), server: ADDRESS, ranges: Vec::new(), ttl: 5 },
        upstream: Vec::new(),
    };
    let names = informers(&server, "system:dns", &[]);
    let running = tokio::spawn(async move { proxy::dns::run(&names, config).await });
    let look = |name: &'static str| move || look_up(listen, name);

    until("[] NoError".to_owned(), look("default.svc.cluster.local.")).await;
    until("[] NXDomain".to_owned(), look("web.default.svc.cluster.local.")).await;
    let service: Service = create(&server, web()).await;
    let address = service.spec.unwrap().cluster_ip.unwrap();
    until(format!("[{address}] NoError"), look("web.default.svc.cluster.local.")).await;
    let headless =
        json!({ "metadata": { "name": "db" }, "spec": { "clusterIP": "None", "ports": [{ "port": 1 }] } });
    let _: Service = create(&server, headless).await;
    let mut endpoints = slice(&[Ipv4Addr::new(10, 42, 0, 7), Ipv4Addr::new(10, 42, 0, 8)]);
    endpoints["metadata"]["labels"]["kubernetes.io/service-name"] = json!("db");
    endpoints["endpoints"][0]["hostname"] = json!("db-0");
    let _: EndpointSlice = create(&server, endpoints).await;
    until("[10.42.0.7, 10.42.0.8] NoError".to_owned(), look("db.default.svc.cluster.local.")).await;
    until("[10.42.0.7] NoError".to_owned(), look("db-0.db.default.svc.cluster.local.")).await;
    api::<EndpointSlice>(&server).delete("web-1", &DeleteParams::default()).await.unwrap();
    api::<Service>(&server).delete("web", &DeleteParams::default()).await.unwrap();
    until("[] NXDomain".to_owned(), look("db.default.svc.cluster.local.")).await;
    until("[] NXDomain".to_owned(), look("web.default.svc.cluster.local.")).await;
    assert!(!running.is_finished());
    running.abort();
}

/// The addresses of a name and the response code.
fn look_up(server: SocketAddr, name: &str) -> String {
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.queries.push(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    socket.send_to(&message.to_vec().unwrap(), server).unwrap();
    let mut buffer = [0; 4096];
    let Ok(length) = socket.recv(&mut buffer) else { return "silence".to_owned() };
    let message = Message::from_vec(&buffer[..length]).unwrap();
    let mut addresses: Vec<String> = message.answers.iter().map(|record| record.data.to_string()).collect();
    addresses.sort();
    let code = match message.metadata.response_code {
        ResponseCode::NoError => "NoError".to_owned(),
        code => format!("{code:?}"),
    };
    format!("[{}] {code}", addresses.join(", "))
}
