//! Service rules on a real API server, with the identity and the rights that a cluster gives their loop. Needs
//! root: rules are written inside a network namespace of the test's own.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use k8s_openapi::api::core::v1::{Pod, Service, ServiceAccount};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{DeleteParams, Patch, PatchParams};
use network::netlink::{Family, Request, Socket};
use network::services::{Table, TableConfig};
use network::{PodNetwork, PodNetworkConfig, link, namespace};
use serde_json::json;

use common::{ADDRESS, NODE, PATIENCE, api, api_server, create, informers, slice, until, web};

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
            ipv6: None,
            reserved: 0,
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
            device: "lw0".to_owned(),
            name: "proxy-test".to_owned(),
            node_address: ADDRESS,
            pod_cidr: "10.42.0.0/24".parse().unwrap(),
            cluster_cidr: "10.42.0.0/16".parse().unwrap(),
            service_cidr: "10.43.0.0/16".parse().unwrap(),
            ipv6: None,
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
    let running = tokio::spawn(async move { proxy::service::run(&proxy, &own, NODE, "lw0", table).await });

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
    let running = tokio::spawn(async move { proxy::service::run(&proxy, &own, NODE, "lw0", table).await });
    let _: Service = create(&server, web()).await;
    let again = api::<Service>(&server).get("web").await.unwrap().spec.unwrap().cluster_ip.unwrap();
    until("pod".to_owned(), || machine.read(again.parse().unwrap(), 80)).await;
    assert_eq!(machine.read(ADDRESS, 8088), "pod");
    running.abort();
}
