//! The server on its sockets: upstream servers, pods' search lists, domains with servers of their own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::super::server::{Core, Server, Sockets};
use super::super::upstream::Upstream;
use super::super::wire::Resolve;
use super::super::{Change, Zone};
use super::{line, query, zone};

/// A server that answers every question with 192.0.2.7, over UDP as long as the name does not start with
/// "big", and counts; `deny` makes it say there is no such name.
async fn upstream() -> (SocketAddr, Arc<std::sync::atomic::AtomicUsize>) {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).await.unwrap();
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let reply = |packet: &[u8], stream: bool| {
        let request = Message::from_vec(packet).unwrap();
        let name = request.queries[0].name().clone();
        let mut reply = Message::response(request.metadata.id, OpCode::Query);
        reply.queries = request.queries;
        if name.to_string().starts_with("big") && !stream {
            reply.metadata.truncation = true;
        } else if name.to_string().contains("missing") {
            reply.metadata.response_code = ResponseCode::NXDomain;
        } else {
            let data = RData::A(A(Ipv4Addr::new(192, 0, 2, 7)));
            reply.answers.push(Record::from_rdata(name, 60, data));
        }
        reply.to_vec().unwrap()
    };
    let counter = asked.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        loop {
            let (length, client) = udp.recv_from(&mut buffer).await.unwrap();
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            // Somebody else's guess comes first, and is not believed.
            let mut forged = reply(&buffer[..length], false);
            forged[0] ^= 0xff;
            udp.send_to(&forged, client).await.unwrap();
            udp.send_to(&reply(&buffer[..length], false), client).await.unwrap();
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut packet = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut packet).await.unwrap();
            let reply = reply(&packet, true);
            stream.write_u16(reply.len() as u16).await.unwrap();
            stream.write_all(&reply).await.unwrap();
        }
    });
    (address, asked)
}

/// A server of [`zone`] that asks these.
async fn serve(upstream: Vec<SocketAddr>) -> SocketAddr {
    let resolve = Resolve { upstream: Some(upstream), stubs: Vec::new() };
    serve_with(zone(), resolve, "/nonexistent").await
}

async fn serve_with(zone: Zone, resolve: Resolve, resolv_conf: &str) -> SocketAddr {
    let sockets = Sockets::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = sockets.address;
    let upstream = Upstream::new(resolve, PathBuf::from(resolv_conf), vec![address]);
    // Never dropped: it serves as long as the test.
    std::mem::forget(Server::start(&[sockets], &Arc::new(Core::new(zone, upstream))));
    address
}

async fn udp(server: SocketAddr, message: &Message) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&message.to_vec().unwrap(), server).await.unwrap();
    let mut buffer = [0; 4096];
    let received = tokio::time::timeout(Duration::from_secs(20), socket.recv(&mut buffer)).await.unwrap();
    Message::from_vec(&buffer[..received.unwrap()]).unwrap()
}

#[tokio::test]
async fn other_names_are_asked_of_others_and_remembered() {
    let (upstream, asked) = upstream().await;
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // The first server never answers.
    let server = serve(vec![silent.local_addr().unwrap(), upstream]).await;
    let count = || asked.load(std::sync::atomic::Ordering::SeqCst);
    let mut request = query("www.example.com.", RecordType::A);
    request.metadata.id = 77;
    let reply = udp(server, &request).await;
    assert_eq!((line(&reply), reply.metadata.id), ("ok | A 192.0.2.7".to_owned(), 77));
    assert!(reply.metadata.recursion_available && !reply.metadata.authoritative);
    assert_eq!(line(&udp(server, &query("WWW.example.com.", RecordType::A)).await), "ok | A 192.0.2.7");
    assert_eq!(count(), 1);
    assert_eq!(line(&udp(server, &query("big.example.com.", RecordType::A)).await), "ok | A 192.0.2.7");
    assert_eq!(line(&udp(server, &query("missing.example.com.", RecordType::A)).await), "NXDomain");
    let outside = udp(server, &query("outside.shop.svc.cluster.local.", RecordType::A)).await;
    assert_eq!(line(&outside), "ok | A 192.0.2.7 | CNAME www.example.com.");
    // What is ours never leaves.
    let before = count();
    assert_eq!(line(&udp(server, &query("no.shop.svc.cluster.local.", RecordType::A)).await), "NXDomain");
    assert_eq!(line(&udp(server, &query("200.0.42.10.in-addr.arpa.", RecordType::PTR)).await), "NXDomain");
    assert_eq!(count(), before);
}

#[tokio::test]
async fn silent_upstream_servers_are_a_failure() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = serve(vec![silent.local_addr().unwrap()]).await;
    assert_eq!(line(&udp(server, &query("www.example.com.", RecordType::A)).await), "ServFail");
}

#[tokio::test]
async fn one_connection_carries_several_questions() {
    let server = serve(Vec::new()).await;
    let mut stream = TcpStream::connect(server).await.unwrap();
    for (name, expected) in [
        ("web.shop.svc.cluster.local.", "ok | A 10.43.0.7"),
        ("www.example.com.", "Refused"),
        ("db-0.db.shop.svc.cluster.local.", "ok | A 10.42.0.3"),
    ] {
        let packet = query(name, RecordType::A).to_vec().unwrap();
        stream.write_u16(packet.len() as u16).await.unwrap();
        stream.write_all(&packet).await.unwrap();
        let mut reply = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut reply).await.unwrap();
        assert_eq!(line(&Message::from_vec(&reply).unwrap()), expected);
    }
    // Rubbish ends the connection, not the server.
    stream.write_all(&[0, 3, 1, 2, 3]).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(
        line(&udp(server, &query("web.shop.svc.cluster.local.", RecordType::A)).await),
        "ok | A 10.43.0.7"
    );
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let _held = std::net::TcpListener::bind(taken).unwrap();
    let error = Sockets::bind(taken).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("the cluster's name server cannot listen on {taken}: ")), "{error}");
}

// === a pod's search list ===

/// Of a pod in the namespace "shop" at 127.0.0.1.
fn zone_with_pod() -> Zone {
    let mut zone = zone();
    let namespace = Some("shop".to_owned());
    zone.apply(Change::Pod { address: Ipv4Addr::LOCALHOST.into(), namespace });
    zone
}

#[tokio::test]
async fn a_pods_search_list_takes_one_question() {
    let (upstream, asked) = upstream().await;
    let folder = tempfile::tempdir().unwrap();
    let resolv_conf = folder.path().join("resolv.conf");
    std::fs::write(&resolv_conf, "search missing.corp.example\nnameserver 192.0.2.1\n").unwrap();
    let resolve = Resolve { upstream: Some(vec![upstream]), stubs: Vec::new() };
    let server = serve_with(zone_with_pod(), resolve, resolv_conf.to_str().unwrap()).await;
    let ask = async |name: &str, kind| line(&udp(server, &query(name, kind)).await);
    // Found below the second domain of the list, and as it stands.
    assert_eq!(
        ask("web.shop.shop.svc.cluster.local.", RecordType::A).await,
        "ok | A 10.43.0.7 | CNAME web.shop.svc.cluster.local."
    );
    assert_eq!(
        ask("web.shop.svc.shop.svc.cluster.local.", RecordType::A).await,
        "ok | A 10.43.0.7 | CNAME web.shop.svc.cluster.local."
    );
    assert_eq!(
        ask("web.shop.svc.cluster.local.shop.svc.cluster.local.", RecordType::AAAA).await,
        "ok | CNAME web.shop.svc.cluster.local."
    );
    let before = asked.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(before, 1, "the node's own search domain was asked for, once");
    let outside = ask("www.example.com.shop.svc.cluster.local.", RecordType::A).await;
    assert_eq!(outside, "ok | A 192.0.2.7 | CNAME www.example.com.");
}

#[tokio::test]
async fn only_the_pods_own_first_domain_is_searched() {
    let (upstream, asked) = upstream().await;
    let resolve = || Resolve { upstream: Some(vec![upstream]), stubs: Vec::new() };
    let server = serve_with(zone_with_pod(), resolve(), "/nonexistent").await;
    for (name, kind) in [
        ("www.example.com.default.svc.cluster.local.", RecordType::A),
        ("www.example.com.svc.cluster.local.", RecordType::A),
        ("www.example.com.shop.svc.cluster.local.", RecordType::MX),
    ] {
        assert_eq!(line(&udp(server, &query(name, kind)).await), "NXDomain", "{name}");
    }
    // Nobody's pod.
    let server = serve_with(zone(), resolve(), "/nonexistent").await;
    let name = "www.example.com.shop.svc.cluster.local.";
    assert_eq!(line(&udp(server, &query(name, RecordType::A)).await), "NXDomain");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0);
    // Nothing exists, or nobody knows: the first answer stands, and says how long.
    let server = serve_with(zone_with_pod(), resolve(), "/nonexistent").await;
    let reply = udp(server, &query("missing.example.shop.svc.cluster.local.", RecordType::A)).await;
    assert_eq!((line(&reply), reply.authorities.len()), ("NXDomain".to_owned(), 1));
}

// === domains with servers of their own ===

#[tokio::test]
async fn stub_domains_have_their_own_servers() {
    let (upstream, _) = upstream().await;
    let stubs =
        vec![("corp.example".to_owned(), vec![upstream]), ("x.cluster.local".to_owned(), vec![upstream])];
    let server = serve_with(zone(), Resolve { upstream: Some(Vec::new()), stubs }, "/nonexistent").await;
    for (name, expected) in [
        ("db.corp.example.", "ok | A 192.0.2.7"),
        ("a.x.cluster.local.", "ok | A 192.0.2.7"),
        ("web.shop.svc.cluster.local.", "ok | A 10.43.0.7"),
        ("www.example.com.", "Refused"),
    ] {
        assert_eq!(line(&udp(server, &query(name, RecordType::A)).await), expected, "{name}");
    }
}
