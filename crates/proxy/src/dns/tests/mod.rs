//! What the name server says: the specification's records as a table, broken packets, sizes.

mod server;

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

use super::upstream::Routes;
use super::*;

fn service(name: &str, spec: Value) -> Service {
    let metadata = json!({ "namespace": "shop", "name": name });
    serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap()
}

fn slice(service: &str, name: &str, ports: Value, endpoints: Value) -> EndpointSlice {
    let labels = json!({ "kubernetes.io/service-name": service });
    serde_json::from_value(json!({
        "metadata": { "namespace": "shop", "name": name, "labels": labels },
        "addressType": "IPv4", "ports": ports, "endpoints": endpoints,
    }))
    .unwrap()
}

fn namespace(name: &str, there: bool) -> Change {
    Change::Namespace { name: name.to_owned(), there }
}

fn empty_zone() -> Zone {
    let config = ZoneConfig {
        domain: "cluster.local".to_owned(),
        servers: vec!["10.43.0.10".parse().unwrap(), "fd00:43::a".parse().unwrap()],
        ranges: ["10.42.0.0/16", "10.43.0.0/16", "fd00:42::/56", "fd00:43::/112"]
            .map(|range| range.parse().unwrap())
            .to_vec(),
        ttl: 5,
    };
    Zone::new(config).unwrap()
}

fn zone() -> Zone {
    let mut zone = empty_zone();
    zone.set_ready();
    zone.apply(namespace("shop", true));
    zone.apply(namespace("default", true));
    let ports = json!([
        { "name": "http", "port": 80 }, { "name": "dns", "port": 53, "protocol": "UDP" }, { "port": 99 },
    ]);
    zone.apply(
        objects::service(&service(
            "web",
            json!({ "clusterIP": "10.43.0.7", "clusterIPs": ["10.43.0.7"], "ports": ports }),
        ))
        .unwrap(),
    );
    zone.apply(
        objects::slice(&slice(
            "web",
            "web-1",
            json!([{ "name": "http", "port": 8080 }]),
            json!([{ "addresses": ["10.42.0.2"] }]),
        ))
        .unwrap(),
    );
    zone.apply(
        objects::service(&service(
            "db",
            json!({ "clusterIP": "None", "ports": [{ "name": "sql", "port": 5432 }] }),
        ))
        .unwrap(),
    );
    zone.apply(
        objects::slice(&slice(
            "db",
            "db-1",
            json!([{ "name": "sql", "port": 5432 }, { "port": 9 }]),
            json!([
                { "addresses": ["10.42.0.3"], "hostname": "db-0" },
                { "addresses": ["10.42.0.4"], "hostname": "DB-1" },
                { "addresses": ["10.42.0.5"] },
                { "addresses": ["10.42.0.6"], "hostname": "db-3", "conditions": { "ready": false } },
            ]),
        ))
        .unwrap(),
    );
    zone.apply(
        objects::service(&service("dual", json!({ "clusterIPs": ["10.43.0.20", "fd00:43::20"] }))).unwrap(),
    );
    zone.apply(objects::service(&service("six", json!({ "clusterIP": "None" }))).unwrap());
    let mut six = slice("six", "six-1", json!([]), json!([{ "addresses": ["fd00:42::7"] }]));
    six.address_type = "IPv6".to_owned();
    zone.apply(objects::slice(&six).unwrap());
    zone.apply(
        objects::service(&service(
            "idle",
            json!({ "clusterIP": "None", "ports": [{ "name": "x", "port": 1 }] }),
        ))
        .unwrap(),
    );
    zone.apply(
        objects::service(&service(
            "outside",
            json!({ "type": "ExternalName", "externalName": "www.example.com" }),
        ))
        .unwrap(),
    );
    zone.apply(
        objects::service(&service(
            "inside",
            json!({ "type": "ExternalName", "externalName": "web.shop.svc.cluster.local." }),
        ))
        .unwrap(),
    );
    zone.apply(
        objects::service(&service(
            "loop",
            json!({ "type": "ExternalName", "externalName": "loop.shop.svc.cluster.local" }),
        ))
        .unwrap(),
    );
    zone
}

fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.queries.push(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn ask_bytes(zone: &Zone, packet: &[u8]) -> Message {
    Message::from_vec(&answer(zone, packet)).unwrap()
}

fn ask(zone: &Zone, name: &str, kind: RecordType) -> Message {
    ask_bytes(zone, &query(name, kind).to_vec().unwrap())
}

/// The answer in one line: code, then `type data` of each answer, sorted.
fn line(message: &Message) -> String {
    let mut parts: Vec<String> =
        message.answers.iter().map(|record| format!("{} {}", record.record_type(), record.data)).collect();
    parts.sort();
    let code = match message.metadata.response_code {
        ResponseCode::NoError => "ok".to_owned(),
        code => format!("{code:?}"),
    };
    [vec![code], parts].concat().join(" | ")
}

/// The name of an IPv6 address for the way back.
fn reverse(address: &str) -> String {
    let IpAddr::V6(address) = address.parse().unwrap() else { panic!() };
    let digits = format!("{:032x}", address.to_bits());
    digits.chars().rev().map(|digit| format!("{digit}.")).collect::<String>() + "ip6.arpa."
}

#[test]
fn the_specifications_records() {
    use RecordType::{A, AAAA, ANY, CNAME, MX, NS, PTR, SOA, SRV, TXT};
    let zone = zone();
    let sql = "SRV 0 33 5432 10-42-0-5.db.shop.svc.cluster.local. | SRV 0 33 5432 db-0.db.shop.svc.cluster.local. \
               | SRV 0 33 5432 db-1.db.shop.svc.cluster.local.";
    for (name, kind, expected) in [
        // 2.2 schema version
        ("dns-version.cluster.local.", TXT, "ok | TXT 1.1.0"),
        // 2.3 a Service with a cluster IP
        ("web.shop.svc.cluster.local.", A, "ok | A 10.43.0.7"),
        ("WEB.Shop.SVC.cluster.LOCAL.", A, "ok | A 10.43.0.7"),
        ("web.shop.svc.cluster.local.", ANY, "ok | A 10.43.0.7"),
        ("web.shop.svc.cluster.local.", AAAA, "ok"),
        ("web.shop.svc.cluster.local.", MX, "ok"),
        ("_http._tcp.web.shop.svc.cluster.local.", SRV, "ok | SRV 0 100 80 web.shop.svc.cluster.local."),
        ("_dns._udp.web.shop.svc.cluster.local.", SRV, "ok | SRV 0 100 53 web.shop.svc.cluster.local."),
        ("_http._tcp.web.shop.svc.cluster.local.", A, "ok"),
        ("_tcp.web.shop.svc.cluster.local.", SRV, "ok"),
        ("_sctp.web.shop.svc.cluster.local.", SRV, "NXDomain"),
        ("_http._udp.web.shop.svc.cluster.local.", SRV, "NXDomain"),
        ("_._tcp.web.shop.svc.cluster.local.", SRV, "NXDomain"),
        ("7.0.43.10.in-addr.arpa.", PTR, "ok | PTR web.shop.svc.cluster.local."),
        ("10-42-0-2.web.shop.svc.cluster.local.", A, "ok | A 10.42.0.2"),
        // 2.4 a headless Service
        ("db.shop.svc.cluster.local.", A, "ok | A 10.42.0.3 | A 10.42.0.4 | A 10.42.0.5"),
        ("db-0.db.shop.svc.cluster.local.", A, "ok | A 10.42.0.3"),
        ("db-1.db.shop.svc.cluster.local.", A, "ok | A 10.42.0.4"),
        ("db-3.db.shop.svc.cluster.local.", A, "NXDomain"),
        ("db-0.db.shop.svc.cluster.local.", AAAA, "ok"),
        ("_sql._tcp.db.shop.svc.cluster.local.", SRV, &format!("ok | {sql}")),
        ("idle.shop.svc.cluster.local.", A, "NXDomain"),
        ("_x._tcp.idle.shop.svc.cluster.local.", SRV, "NXDomain"),
        ("3.0.42.10.in-addr.arpa.", PTR, "ok | PTR db-0.db.shop.svc.cluster.local."),
        ("5.0.42.10.in-addr.arpa.", PTR, "ok | PTR 10-42-0-5.db.shop.svc.cluster.local."),
        ("6.0.42.10.in-addr.arpa.", PTR, "NXDomain"),
        // both families
        ("dual.shop.svc.cluster.local.", A, "ok | A 10.43.0.20"),
        ("dual.shop.svc.cluster.local.", AAAA, "ok | AAAA fd00:43::20"),
        ("dual.shop.svc.cluster.local.", ANY, "ok | A 10.43.0.20 | AAAA fd00:43::20"),
        ("six.shop.svc.cluster.local.", A, "ok"),
        ("six.shop.svc.cluster.local.", AAAA, "ok | AAAA fd00:42::7"),
        ("fd00-42--7.six.shop.svc.cluster.local.", AAAA, "ok | AAAA fd00:42::7"),
        ("fd00-42--9.shop.pod.cluster.local.", AAAA, "ok | AAAA fd00:42::9"),
        ("fd00-42--9.shop.pod.cluster.local.", A, "ok"),
        (&reverse("fd00:43::20"), PTR, "ok | PTR dual.shop.svc.cluster.local."),
        (&reverse("fd00:42::7"), PTR, "ok | PTR fd00-42--7.six.shop.svc.cluster.local."),
        (&reverse("fd00:42::8"), PTR, "NXDomain"),
        (&reverse("2001:db8::1"), PTR, "Refused"),
        ("ns.dns.cluster.local.", AAAA, "ok | AAAA fd00:43::a"),
        // 2.5 an ExternalName Service
        ("outside.shop.svc.cluster.local.", CNAME, "ok | CNAME www.example.com."),
        ("outside.shop.svc.cluster.local.", A, "ok | CNAME www.example.com."),
        ("inside.shop.svc.cluster.local.", A, "ok | A 10.43.0.7 | CNAME web.shop.svc.cluster.local."),
        ("x.outside.shop.svc.cluster.local.", A, "NXDomain"),
        // 2.6 pods by address
        ("10-42-0-9.shop.pod.cluster.local.", A, "ok | A 10.42.0.9"),
        ("10-42-0-9.nowhere.pod.cluster.local.", A, "NXDomain"),
        ("10-42-0.shop.pod.cluster.local.", A, "NXDomain"),
        ("10-42-0-09.shop.pod.cluster.local.", A, "NXDomain"),
        // names between, and names that are not
        ("cluster.local.", A, "ok"),
        ("svc.cluster.local.", A, "ok"),
        ("shop.svc.cluster.local.", A, "ok"),
        ("shop.pod.cluster.local.", A, "ok"),
        ("nowhere.svc.cluster.local.", A, "NXDomain"),
        ("other.shop.svc.cluster.local.", A, "NXDomain"),
        ("www.example.com.shop.svc.cluster.local.", A, "NXDomain"),
        ("www.example.com.svc.cluster.local.", A, "NXDomain"),
        ("www.example.com.cluster.local.", A, "NXDomain"),
        ("ns.dns.cluster.local.", A, "ok | A 10.43.0.10"),
        ("cluster.local.", NS, "ok | NS ns.dns.cluster.local."),
        ("www.example.com.", A, "Refused"),
        ("xcluster.local.", A, "Refused"),
        ("1.2.0.192.in-addr.arpa.", PTR, "Refused"),
        ("42.10.in-addr.arpa.", PTR, "Refused"),
    ] {
        let message = ask(&zone, name, kind);
        assert_eq!(line(&message), expected, "{name} {kind}");
        let ours = message.metadata.response_code != ResponseCode::Refused;
        assert_eq!(message.metadata.authoritative, ours, "{name} {kind}");
        // A negative answer says how long it may be believed.
        assert_eq!(
            message.authorities.len(),
            usize::from(ours && message.answers.is_empty()),
            "{name} {kind}"
        );
        assert!(message.authorities.iter().all(|record| record.record_type() == SOA && record.ttl == 5));
        assert!(message.answers.iter().all(|record| record.ttl == 5));
        assert_eq!(message.queries[0].name().to_string(), name, "the question comes back as it was asked");
    }
    assert_eq!(line(&ask(&zone, "loop.shop.svc.cluster.local.", A)).split(" |").next(), Some("ServFail"));
}

#[test]
fn service_records_bring_the_addresses_along() {
    let message = ask(&zone(), "_sql._tcp.db.shop.svc.cluster.local.", RecordType::SRV);
    let mut additional: Vec<String> =
        message.additionals.iter().map(|record| format!("{} {}", record.name, record.data)).collect();
    additional.sort();
    assert_eq!(
        additional,
        [
            "10-42-0-5.db.shop.svc.cluster.local. 10.42.0.5",
            "db-0.db.shop.svc.cluster.local. 10.42.0.3",
            "db-1.db.shop.svc.cluster.local. 10.42.0.4"
        ]
    );
}

#[test]
fn changes_of_objects_change_answers_and_nothing_stays_behind() {
    let mut zone = zone();
    let one = |last: u8| json!([{ "addresses": [format!("10.42.0.{last}")], "hostname": "db-0" }]);
    let ports = || json!([{ "name": "sql", "port": 5432 }]);
    let db = "db.shop.svc.cluster.local.";
    zone.apply(objects::slice(&slice("db", "db-1", ports(), one(13))).unwrap());
    assert_eq!(line(&ask(&zone, db, RecordType::A)), "ok | A 10.42.0.13");
    assert_eq!(line(&ask(&zone, "3.0.42.10.in-addr.arpa.", RecordType::PTR)), "NXDomain");
    zone.apply(objects::slice(&slice("db", "db-2", ports(), one(14))).unwrap());
    assert_eq!(line(&ask(&zone, db, RecordType::A)), "ok | A 10.42.0.13 | A 10.42.0.14");
    // Two endpoints of one host name, in two slices.
    assert_eq!(line(&ask(&zone, &format!("db-0.{db}"), RecordType::A)), "ok | A 10.42.0.13 | A 10.42.0.14");
    // A slice that changes hands.
    zone.apply(objects::slice(&slice("idle", "db-2", ports(), one(14))).unwrap());
    assert_eq!(line(&ask(&zone, db, RecordType::A)), "ok | A 10.42.0.13");
    assert_eq!(line(&ask(&zone, "idle.shop.svc.cluster.local.", RecordType::A)), "ok | A 10.42.0.14");
    // The Service goes and comes back before its slices do.
    let headless = service("db", json!({ "clusterIP": "None" }));
    zone.apply(objects::no_service(&headless).unwrap());
    assert_eq!(line(&ask(&zone, db, RecordType::A)), "NXDomain");
    assert_eq!(line(&ask(&zone, "13.0.42.10.in-addr.arpa.", RecordType::PTR)), "NXDomain");
    zone.apply(objects::service(&headless).unwrap());
    assert_eq!(line(&ask(&zone, db, RecordType::A)), "ok | A 10.42.0.13");
    zone.apply(objects::no_slice(&slice("db", "db-1", ports(), one(13))).unwrap());
    assert_eq!(line(&ask(&zone, db, RecordType::A)), "NXDomain");
    // From headless to a cluster IP.
    zone.apply(objects::service(&service("idle", json!({ "clusterIP": "10.43.0.8" }))).unwrap());
    assert_eq!(
        line(&ask(&zone, "8.0.43.10.in-addr.arpa.", RecordType::PTR)),
        "ok | PTR idle.shop.svc.cluster.local."
    );
    zone.apply(namespace("shop", false));
    assert_eq!(line(&ask(&zone, "shop.svc.cluster.local.", RecordType::A)), "NXDomain");
}

#[test]
fn before_everything_is_known_nothing_is_denied() {
    let zone = empty_zone();
    let message = ask(&zone, "web.shop.svc.cluster.local.", RecordType::A);
    assert_eq!((line(&message), message.authorities.len()), ("ServFail".to_owned(), 0));
    assert_eq!(line(&ask(&zone, "www.example.com.", RecordType::A)), "Refused");
}

#[test]
fn questions_that_are_none() {
    let zone = zone();
    let code = |message: Message| ask_bytes(&zone, &message.to_vec().unwrap()).metadata.response_code;
    let web = || query("web.shop.svc.cluster.local.", RecordType::A);
    let mut chaos = web();
    chaos.queries[0].query_class = DNSClass::CH;
    assert_eq!(code(chaos), ResponseCode::Refused);
    let mut update = web();
    update.metadata.op_code = OpCode::Notify;
    assert_eq!(code(update), ResponseCode::NotImp);
    let mut two = web();
    two.queries.push(two.queries[0].clone());
    assert_eq!(code(two), ResponseCode::FormErr);
    let mut none = web();
    none.queries.clear();
    assert_eq!(code(none), ResponseCode::FormErr);
    let mut future = web();
    let mut edns = Edns::new();
    edns.set_version(7);
    future.edns = Some(edns);
    assert_eq!(u16::from(code(future)), u16::from(ResponseCode::BADVERS)); // one number, two names
    let mut answered = web();
    answered.metadata.message_type = MessageType::Response;
    assert_eq!(answer(&zone, &answered.to_vec().unwrap()), b"");
    // Eleven bytes are no header; a header alone announces a question that is not there.
    assert_eq!(answer(&zone, &[0; 11]), b"");
    let cut = ask_bytes(&zone, &[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!((cut.metadata.id, cut.metadata.response_code), (0x1234, ResponseCode::FormErr));
}

/// Packets from a fixed sequence of pseudo-random numbers: noise, and good questions with a few bytes changed.
#[test]
fn no_packet_makes_it_panic() {
    let zone = zone();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let names =
        ["web.shop.svc.cluster.local.", "_sql._tcp.db.shop.svc.cluster.local.", "5.0.42.10.in-addr.arpa."];
    let mut answered = 0;
    for round in 0..60_000 {
        let packet = if round % 3 == 0 {
            let length = next() % 80;
            (0..length).map(|_| next() as u8).collect()
        } else {
            let kind = RecordType::from(next() as u16 % 300);
            let mut message = query(names[round % names.len()], kind);
            message.edns = next().is_multiple_of(2).then(Edns::new);
            let mut packet = message.to_vec().unwrap();
            for _ in 0..next() % 4 {
                let at = next() as usize % packet.len();
                packet[at] = next() as u8;
            }
            packet.truncate(packet.len() - next() as usize % 3);
            packet
        };
        let reply = answer(&zone, &packet);
        if !reply.is_empty() {
            answered += 1;
            assert_eq!(reply[..2], packet[..2]);
            assert!(Message::from_vec(&reply).is_ok(), "{packet:?}");
            assert!(reply.len() <= 1232);
        }
    }
    assert!(answered > 20_000, "{answered}");
}

#[test]
fn large_answers_are_cut_over_udp_and_whole_over_tcp() {
    let mut zone = zone();
    let endpoints: Vec<Value> = (0..200).map(|n| json!({ "addresses": [format!("10.42.1.{n}")] })).collect();
    zone.apply(
        objects::slice(&slice("db", "db-many", json!([{ "name": "sql", "port": 5432 }]), json!(endpoints)))
            .unwrap(),
    );
    let mut message = query("db.shop.svc.cluster.local.", RecordType::A);
    for (offered, most) in [(None, 512), (Some(100), 512), (Some(900), 900), (Some(65_000), 1232)] {
        message.edns = offered.map(|size| {
            let mut edns = Edns::new();
            edns.set_max_payload(size);
            edns
        });
        let reply = answer(&zone, &message.to_vec().unwrap());
        assert!(reply.len() <= most && reply.len() > most / 2, "{offered:?}: {}", reply.len());
        let reply = Message::from_vec(&reply).unwrap();
        assert!(reply.metadata.truncation && !reply.answers.is_empty());
        assert_eq!(reply.edns.is_some(), offered.is_some());
    }
    let packet = message.to_vec().unwrap();
    let routes = Routes::default();
    let context = answer::Context { client: None, recursive: false, routes: &routes };
    let answer::Action::Answer(reply) = answer::respond(&zone, &packet, &context) else { panic!() };
    let whole = answer::encode(reply, answer::limit(&packet, answer::Transport::Tcp));
    assert_eq!(Message::from_vec(&whole).unwrap().answers.len(), 203);
}

#[test]
fn clients_get_addresses_in_turn() {
    let zone = zone();
    let first = |id| {
        let mut message = query("db.shop.svc.cluster.local.", RecordType::A);
        message.metadata.id = id;
        ask_bytes(&zone, &message.to_vec().unwrap()).answers[0].data.to_string()
    };
    assert_eq!(
        [first(0), first(1), first(2), first(3)],
        ["10.42.0.3", "10.42.0.4", "10.42.0.5", "10.42.0.3"]
    );
}
