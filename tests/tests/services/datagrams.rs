//! UDP and SCTP: flows follow their Service, although they never end.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use e2e::eventually;
use serde_json::{Value, json};

use crate::world::{apply, cluster, service};

/// Answers each datagram at the node's address with a name.
fn serve(address: &str, name: &'static str) -> u16 {
    let socket = UdpSocket::bind(format!("{address}:0")).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(name.as_bytes(), from);
        }
    });
    port
}

#[test]
fn a_udp_flow_moves_when_its_endpoint_goes() {
    let cluster = cluster(&[]);
    for (family, node, any) in [("IPv4", "10.42.0.1", "0.0.0.0:0"), ("IPv6", "[fd00:10:42::1]", "[::]:0")] {
        let name = family.to_lowercase();
        let (first, second) = (serve(node, "first"), serve(node, "second"));
        let mut udp = service(
            &name,
            "",
            json!({ "ipFamilies": [family],
            "ports": [{ "name": "u", "port": 53, "protocol": "UDP" }, { "name": "s", "port": 9, "protocol": "SCTP" }] }),
        );
        udp["spec"].as_object_mut().unwrap().remove("selector");
        let slice = |port: u16| -> Value {
            json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": { "name": name, "labels": { "kubernetes.io/service-name": name } },
                "addressType": family, "endpoints": [{ "addresses": [node.trim_matches(['[', ']'])] }],
                "ports": [{ "name": "u", "port": port, "protocol": "UDP" }, { "name": "s", "port": 9, "protocol": "SCTP" }],
            })
        };
        apply(&cluster, &[udp, slice(first)]);
        let ip = cluster.get(&["service", &name])["spec"]["clusterIP"].as_str().unwrap().to_owned();
        let host = if ip.contains(':') { format!("[{ip}]:53") } else { format!("{ip}:53") };
        // One socket all the time: one flow.
        let socket = UdpSocket::bind(any).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        socket.connect(&host).unwrap();
        let ask = || {
            let mut buffer = [0; 64];
            socket.send(b"?").ok()?;
            let length = socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        };
        eventually("the first answers", || ask().filter(|name| name == "first"));
        apply(&cluster, &[slice(second)]);
        eventually("the second answers", || ask().filter(|name| name == "second"));
        assert_eq!(ask().as_deref(), Some("second"));
        // SCTP has its rules, whether or not this kernel has the sockets.
        let rules = Command::new("nft").args(["list", "table", "inet", "launchway"]).output().unwrap();
        let rules = String::from_utf8(rules.stdout).unwrap();
        assert!(rules.contains(&format!("{ip} . sctp . 9 : goto service")), "{rules}");
    }
}
