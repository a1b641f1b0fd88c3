//! Questions whose answers show that a component does its work, asked as its users would ask them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use tokio::net::{TcpStream, UdpSocket};

/// How long an answer may take; what takes longer is as bad as none for its users.
const PATIENCE: Duration = Duration::from_secs(3);

/// A DNS question: recursion desired, one question, type A, class IN (RFC 1035, 4.1).
const HEADER: [u8; 12] = [0x4c, 0x57, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];

/// Whether the API server is ready, judged by itself.
pub(super) async fn api(client: &kube::Client) -> Result<(), String> {
    let request = http::Request::get("/readyz").body(Vec::new()).map_err(|e| e.to_string())?;
    match patiently("the API server", client.request_text(request)).await? {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("it answers /readyz with: {error}")),
    }
}

/// Whether the node `name` is ready and its lease is renewed.
pub(super) async fn node(client: &kube::Client, name: &str) -> Result<(), String> {
    let nodes = Api::<Node>::all(client.clone());
    let node = patiently("the API server", nodes.get_opt(name)).await?.map_err(|e| e.to_string())?;
    let node = node.ok_or_else(|| format!("there is no Node {name}"))?;
    let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
    match ready {
        Some(ready) if ready.status == "True" => {}
        Some(ready) => {
            return Err(format!("Node {name} is not ready: {}", ready.message.clone().unwrap_or_default()));
        }
        None => return Err(format!("Node {name} never was ready")),
    }
    let leases = Api::<Lease>::namespaced(client.clone(), "kube-node-lease");
    let lease = patiently("the API server", leases.get_opt(name)).await?.map_err(|e| e.to_string())?;
    let spec = lease.and_then(|lease| lease.spec).unwrap_or_default();
    let (Some(renewed), Some(seconds)) = (spec.renew_time, spec.lease_duration_seconds) else {
        return Err(format!("Node {name} has no lease"));
    };
    let age = Timestamp::now().duration_since(renewed.0).as_secs();
    if age > i64::from(seconds) {
        return Err(format!("the lease of Node {name} was renewed {age} s ago, it is for {seconds} s"));
    }
    Ok(())
}

/// Whether the rules lead a connection to the Service at `address` somewhere.
pub(super) async fn service(address: SocketAddr) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("the Service at {address} does not answer: {error}")),
        Err(_) => Err(format!("the Service at {address} does not answer within {} s", PATIENCE.as_secs())),
    }
}

/// Whether the name server at `server` knows `name`.
pub(super) async fn name(server: SocketAddr, name: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("the name server at {server} does not answer: {error}");
    let local: IpAddr = if server.is_ipv4() { IpAddr::from([0, 0, 0, 0]) } else { IpAddr::from([0_u16; 8]) };
    let socket = UdpSocket::bind((local, 0)).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    socket.send(&question(name)).await.map_err(failed)?;
    let mut answer = [0; 512];
    let length = match tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await {
        Ok(received) => received.map_err(failed)?,
        Err(_) => {
            return Err(format!(
                "the name server at {server} does not answer within {} s",
                PATIENCE.as_secs()
            ));
        }
    };
    // The reply code is the low half of the fourth byte, the number of answers follows at the seventh.
    match &answer[..length] {
        [_, _, _, code, _, _, high, low, ..] if code & 0xf == 0 && (*high, *low) != (0, 0) => Ok(()),
        _ => Err(format!("the name server at {server} does not know {name}")),
    }
}

fn question(name: &str) -> Vec<u8> {
    let mut question = HEADER.to_vec();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        // Labels are at most 63 bytes; these are constants of ours.
        question.push(u8::try_from(label.len()).unwrap_or(63));
        question.extend_from_slice(label.as_bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    question
}

async fn patiently<T>(whom: &str, answer: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(PATIENCE, answer)
        .await
        .map_err(|_| format!("{whom} does not answer within {} s", PATIENCE.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_server_is_judged_by_its_answer() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut buffer = [0; 512];
            for (code, answers) in [(0, 1), (3, 0), (0, 0)] {
                let (length, from) = server.recv_from(&mut buffer).await.unwrap();
                assert_eq!(&buffer[12..length], b"\x01a\x07example\0\0\x01\0\x01");
                let reply = [buffer[0], buffer[1], 0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0];
                server.send_to(&reply, from).await.unwrap();
            }
        });
        assert_eq!(name(address, "a.example.").await, Ok(()));
        for _ in 0..2 {
            let error = name(address, "a.example.").await.unwrap_err();
            assert!(error.ends_with("does not know a.example."), "{error}");
        }
        serving.await.unwrap();
        let gone = name(address, "a.example.").await.unwrap_err();
        assert!(gone.contains("does not answer"), "{gone}");
    }

    #[tokio::test]
    async fn a_closed_port_is_no_service() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(service(address).await, Ok(()));
        drop(listener);
        assert!(service(address).await.unwrap_err().contains("does not answer"));
    }
}
