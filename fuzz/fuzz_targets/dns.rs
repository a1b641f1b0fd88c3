//! Packets to the cluster's name server.
#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use proxy::dns::{Change, Zone, ZoneConfig, answer};

static ZONE: LazyLock<Zone> = LazyLock::new(|| {
    let servers = vec![IpAddr::from([10, 43, 0, 10])];
    let config = ZoneConfig { domain: "cluster.local".to_owned(), servers, ranges: Vec::new(), ttl: 5 };
    let mut zone = Zone::new(config).expect("a domain");
    zone.apply(Change::Namespace { name: "default".to_owned(), there: true });
    zone.set_ready();
    zone
});

fuzz_target!(|packet: &[u8]| {
    let reply = answer(&ZONE, packet);
    assert!(reply.is_empty() || reply.get(..2) == packet.get(..2), "an answer carries the question's number");
});
