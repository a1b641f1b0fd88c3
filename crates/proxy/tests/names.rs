//! The name server on a real API server, in a process of its own, with the identity and the rights that a cluster gives
//! it; that process without a daemon, and replaced by a newer one.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use apiserver::ApiServer;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::DeleteParams;
use proxy::dns::{Config, ZoneConfig};
use serde_json::json;

use common::{ADDRESS, NODE, api, api_server, create, informers, slice, until, web};

/// A name server's own process, and what it is fed.
struct Names {
    folder: tempfile::TempDir,
    config: Config,
}

impl Names {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let zone = ZoneConfig {
            domain: "cluster.local".to_owned(),
            servers: vec![ADDRESS.into()],
            ranges: Vec::new(),
            ttl: 5,
        };
        let config = Config {
            listen: vec![listen],
            zone,
            resolv_conf: "/nonexistent".into(),
            folder: folder.path().join("names"),
            command: vec![env!("CARGO_BIN_EXE_proxy-names-test").into(), "names".into()],
            node: NODE.to_owned(),
        };
        Self { folder, config }
    }

    /// Feeds it as the daemon would, until the returned task is aborted.
    fn feed(&self, server: &ApiServer) -> tokio::task::JoinHandle<String> {
        let (names, config) = (informers(server, "system:dns", &[]), self.config.clone());
        tokio::spawn(async move { proxy::dns::run(&names, config).await.unwrap_err().to_string() })
    }

    fn look(&self, name: &'static str) -> impl FnMut() -> String {
        let listen = self.config.listen[0];
        move || look_up(listen, name)
    }

    fn pid(&self) -> Option<u32> {
        // One that was killed or is being replaced may take the question with it.
        proxy::dns::status(&self.config.folder).ok().flatten().map(|status| status.pid)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        proxy::dns::stop(&self.config.folder).unwrap();
        assert!(self.folder.path().exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_become_names() {
    let (server, _folder) = api_server().await;
    let names = Names::new();
    let running = names.feed(&server);
    let look = |name: &'static str| names.look(name);

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

#[tokio::test(flavor = "multi_thread")]
async fn names_are_answered_while_nobody_feeds_them_and_while_the_process_is_replaced() {
    let (server, _folder) = api_server().await;
    let mut names = Names::new();
    let mut running = names.feed(&server);
    until("[] NoError".to_owned(), names.look("default.svc.cluster.local.")).await;
    let first = names.pid();

    // Without a feed what was known last is answered, and a new feed finds the same process.
    running.abort();
    let _ = running.await;
    until(false, || proxy::dns::status(&names.config.folder).unwrap().unwrap().fed).await;
    assert_eq!(names.look("default.svc.cluster.local.")(), "[] NoError");
    let service: Service = create(&server, web()).await;
    let answer = format!("[{}] NoError", service.spec.unwrap().cluster_ip.unwrap());
    assert_eq!(names.look("web.default.svc.cluster.local.")(), "[] NXDomain");
    running = names.feed(&server);
    until(answer.clone(), names.look("web.default.svc.cluster.local.")).await;
    assert_eq!(names.pid(), first);

    // Another version of the program takes its place, and no question is lost between the two.
    running.abort();
    let _ = running.await;
    let (stop, listen) =
        (std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)), names.config.listen[0]);
    let (stopped, expected) = (stop.clone(), answer.clone());
    let asking = std::thread::spawn(move || {
        let mut asked = 0;
        while !stopped.load(std::sync::atomic::Ordering::SeqCst) {
            assert_eq!(look_up(listen, "web.default.svc.cluster.local."), expected);
            asked += 1;
        }
        asked
    });
    let copy = names.folder.path().join("newer");
    std::fs::copy(env!("CARGO_BIN_EXE_proxy-names-test"), &copy).unwrap();
    names.config.command[0] = copy.into();
    running = names.feed(&server);
    until(true, || names.pid().is_some_and(|pid| Some(pid) != first)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(asking.join().unwrap() > 10);
    let gone = || !std::path::Path::new(&format!("/proc/{}/fd/0", first.unwrap())).exists();
    until(true, gone).await;

    // One that is killed is started again and fed.
    let second = names.pid().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(second).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    until(true, || names.pid().is_some_and(|pid| pid != second)).await;
    until(answer, names.look("web.default.svc.cluster.local.")).await;
    running.abort();
    let _ = running.await;
    assert!(proxy::dns::stop(&names.config.folder).unwrap());
    assert_eq!(names.look("web.default.svc.cluster.local.")(), "silence");
    assert!(!proxy::dns::stop(&names.config.folder).unwrap());
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
