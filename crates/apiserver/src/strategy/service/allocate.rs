//! Addresses and node ports of Services.
//!
//! What is taken is in the store and nowhere else: an IPAddress object for each cluster address and one key for
//! each node port, written in the commit of the Service itself under the condition that it did not exist. So two
//! Services can never get the same one, a failed write takes nothing, and a restart has nothing to rebuild.
//!
//! Addresses without a wish come from the upper part of the range, so that people can choose low ones; the band is
//! upstream's: a sixteenth of the range, at least 16 and at most 256 addresses. So it is with node ports, of which a
//! thirty-second, at least 16 and at most 128, is left to people's choice while there are others.

use std::net::Ipv4Addr;

use objects::meta;
use objects::registry;
use objects::validate::FieldError;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use store::{Expect, Op, Payload};

use super::{has_address, has_node_ports};
use crate::status::Status;
use crate::storage;
use crate::strategy::Ctx;
use crate::strategy::fields::{is_empty, items, items_mut, number, remove, set, text};

/// Key of a taken node port.
fn port_key(port: i64) -> String {
    format!("/registry/ranges/servicenodeports/{port}")
}

/// Key of a taken address: the IPAddress object of that name.
fn address_key(address: &str) -> String {
    format!("/registry/networking.k8s.io/ipaddresses/{address}")
}

fn random(below: u32) -> Result<u32, Status> {
    let mut bytes = [0; 4];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Status::internal("the system gives no random numbers"))?;
    Ok(u32::from_le_bytes(bytes) % below.max(1))
}

/// The addresses that a spec holds.
fn addresses(spec: &Value) -> Vec<String> {
    if !has_address(spec) {
        return Vec::new();
    }
    let ips = items(spec, "clusterIPs").iter().filter_map(Value::as_str);
    ips.filter(|ip| !ip.is_empty() && *ip != "None").map(str::to_owned).collect()
}

/// The node ports that a spec holds, each once.
fn node_ports(spec: &Value) -> Vec<i64> {
    let mut ports: Vec<i64> = items(spec, "ports")
        .iter()
        .filter_map(|port| number(port, "nodePort"))
        .filter(|port| *port != 0)
        .collect();
    ports.extend(number(spec, "healthCheckNodePort").filter(|port| *port != 0));
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Gives the Service in `object` what it needs and lacks; the operations take and give back.
pub(super) fn allocate(ctx: &Ctx<'_>, object: &mut Value, old: Option<&Value>) -> Result<Vec<Op>, Status> {
    let (held_addresses, held_ports) = match old.and_then(|old| old.get("spec")) {
        Some(spec) => (addresses(spec), node_ports(spec)),
        None => (Vec::new(), Vec::new()),
    };
    let parent = json!({"group": "", "resource": "services",
        "namespace": ctx.namespace.unwrap_or_default(), "name": meta::name(object)});
    let mut ops = Vec::new();
    let Some(spec) = object.get_mut("spec") else { return Ok(ops) };
    families(spec);
    if has_address(spec) {
        address(ctx, spec, &held_addresses, &parent, &mut ops)?;
    }
    ports(ctx, spec, &held_ports, &parent, &mut ops)?;
    let (now_addresses, now_ports) = (addresses(spec), node_ports(spec));
    let gone = held_addresses.iter().filter(|one| !now_addresses.contains(one)).map(|one| address_key(one));
    let gone = gone.chain(held_ports.iter().filter(|one| !now_ports.contains(one)).map(|one| port_key(*one)));
    ops.extend(gone.map(|key| Op::Delete { key, expect: Expect::Any, last: None }));
    Ok(ops)
}

/// Gives back everything that the Service holds.
pub(super) fn release(object: &Value) -> Vec<Op> {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let keys = addresses(spec).into_iter().map(|one| address_key(&one));
    let keys = keys.chain(node_ports(spec).into_iter().map(port_key));
    keys.map(|key| Op::Delete { key, expect: Expect::Any, last: None }).collect()
}

/// The cluster has IPv4 alone. A headless Service without a selector names both families, since whoever writes
/// its endpoints decides.
fn families(spec: &mut Value) {
    if !has_address(spec) {
        return;
    }
    let headless =
        text(spec, "clusterIP") == "None" || items(spec, "clusterIPs").first().is_some_and(|ip| ip == "None");
    let open = headless && is_empty(spec, "selector");
    if is_empty(spec, "ipFamilyPolicy") {
        set(spec, "ipFamilyPolicy", if open { "RequireDualStack" } else { "SingleStack" });
    }
    if is_empty(spec, "ipFamilies") {
        let dual = open && text(spec, "ipFamilyPolicy") != "SingleStack";
        set(spec, "ipFamilies", if dual { json!(["IPv4", "IPv6"]) } else { json!(["IPv4"]) });
    }
}

fn address(
    ctx: &Ctx<'_>,
    spec: &mut Value,
    held: &[String],
    parent: &Value,
    ops: &mut Vec<Op>,
) -> Result<(), Status> {
    let wish = items(spec, "clusterIPs")
        .first()
        .and_then(Value::as_str)
        .unwrap_or(text(spec, "clusterIP"))
        .to_owned();
    if wish == "None" {
        set(spec, "clusterIP", "None");
        set(spec, "clusterIPs", json!(["None"]));
        return Ok(());
    }
    if !wish.is_empty() && held.contains(&wish) {
        set(spec, "clusterIP", wish.clone());
        set(spec, "clusterIPs", json!([wish]));
        return Ok(());
    }
    let chosen = if wish.is_empty() { free_address(ctx)? } else { wished_address(ctx, &wish)? };
    ops.push(take_address(&chosen, parent, &ctx.now)?);
    set(spec, "clusterIP", chosen.clone());
    set(spec, "clusterIPs", json!([chosen]));
    Ok(())
}

fn wished_address(ctx: &Ctx<'_>, wish: &str) -> Result<String, Status> {
    let cidr = ctx.server.options.service_cidr;
    let refuse = |why: String| {
        let detail = format!("failed to allocate IP {wish}: {why}");
        let error = FieldError::invalid("spec.clusterIPs", json!([wish]), detail);
        Err(Status::invalid(ctx.kind, ctx.name, &[error]))
    };
    let inside = wish.parse::<Ipv4Addr>().ok().filter(|ip| {
        let edge = cidr.nth(0) == Some(*ip) || cidr.nth((cidr.size() - 1) as u32) == Some(*ip);
        cidr.contains(*ip) && !edge
    });
    let Some(address) = inside else {
        return refuse(format!(
            "the provided IP ({wish}) is not in the valid range. The range of valid IPs is {cidr}"
        ));
    };
    let address = address.to_string();
    if ctx.server.store.get(&address_key(&address)).is_some() {
        return refuse("provided IP is already allocated".into());
    }
    Ok(address)
}

fn free_address(ctx: &Ctx<'_>) -> Result<String, Status> {
    let cidr = ctx.server.options.service_cidr;
    // Neither the network's own address nor the last one is given away.
    let last = u32::try_from(cidr.size() - 1).unwrap_or(u32::MAX);
    let band = if last < 16 { 0 } else { (last / 16).clamp(16, 256).min(last) };
    for (from, to) in [(band.max(1), last), (1, band.max(1))] {
        let count = to.saturating_sub(from);
        let start = random(count)?;
        for step in 0..count {
            let offset = from + (start + step) % count;
            if let Some(address) = cidr.nth(offset).map(|address| address.to_string())
                && ctx.server.store.get(&address_key(&address)).is_none()
            {
                return Ok(address);
            }
        }
    }
    Err(Status::internal(format!("failed to allocate a serviceIP: range {cidr} is full")))
}

fn take_address(address: &str, parent: &Value, now: &str) -> Result<Op, Status> {
    let kind = registry::by_resource("networking.k8s.io", "v1", "ipaddresses")
        .ok_or_else(|| Status::internal("the kind IPAddress is not served"))?;
    let object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
        "metadata": {
            "name": address, "uid": crate::rest::uuid()?, "creationTimestamp": now,
            "labels": {
                "ipaddress.kubernetes.io/ip-family": "IPv4",
                "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
            },
        },
        "spec": {"parentRef": parent},
    });
    Ok(storage::put(kind, None, address, &object, Expect::Absent))
}

fn ports(
    ctx: &Ctx<'_>,
    spec: &mut Value,
    held: &[i64],
    parent: &Value,
    ops: &mut Vec<Op>,
) -> Result<(), Status> {
    if text(spec, "type") == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local" {
        if is_empty(spec, "healthCheckNodePort") || spec["healthCheckNodePort"] == 0 {
            let taken = node_ports(spec);
            let port = free_port(ctx, &taken)?;
            set(spec, "healthCheckNodePort", port);
        }
    } else {
        remove(spec, "healthCheckNodePort");
    }
    if has_node_ports(spec) {
        let wanted = node_ports(spec);
        let mut chosen: Vec<(String, i64, i64)> = Vec::new();
        let mut taken = wanted;
        let list = items(spec, "ports").to_vec();
        for (port, before) in items_mut(spec, "ports").iter_mut().zip(&list) {
            let (protocol, number_of) =
                (text(before, "protocol").to_owned(), number(before, "port").unwrap_or_default());
            if number(before, "nodePort").unwrap_or_default() == 0 {
                // One port number for TCP and UDP gets one node port.
                let shared = chosen.iter().find(|(other, of, _)| *of == number_of && *other != protocol);
                let node = match shared {
                    Some((_, _, node)) => *node,
                    None => free_port(ctx, &taken)?,
                };
                taken.push(node);
                set(port, "nodePort", node);
            }
            chosen.push((protocol, number_of, number(port, "nodePort").unwrap_or_default()));
        }
    }
    let range = &ctx.server.options.node_ports;
    for port in node_ports(spec) {
        if held.contains(&port) {
            continue;
        }
        let at = items(spec, "ports")
            .iter()
            .position(|one| number(one, "nodePort") == Some(port))
            .unwrap_or_default();
        let refuse = |detail: String| {
            let error = FieldError::invalid(format!("spec.ports[{at}].nodePort"), port, detail);
            Err(Status::invalid(ctx.kind, ctx.name, &[error]))
        };
        if !u16::try_from(port).is_ok_and(|port| range.contains(&port)) {
            let (low, high) = (range.start(), range.end());
            return refuse(format!(
                "provided port is not in the valid range. The range of valid ports is {low}-{high}"
            ));
        }
        if ctx.server.store.get(&port_key(port)).is_some() {
            return refuse("provided port is already allocated".into());
        }
        let payload = Payload::Plain(parent.to_string().into());
        ops.push(Op::Put { key: port_key(port), payload, expect: Expect::Absent, lease: None });
    }
    Ok(())
}

fn free_port(ctx: &Ctx<'_>, taken: &[i64]) -> Result<i64, Status> {
    let range = &ctx.server.options.node_ports;
    let last = u32::try_from(range.len()).unwrap_or_default();
    let band = if last < 16 { 0 } else { (last / 32).clamp(16, 128).min(last) };
    for (from, to) in [(band, last), (0, band)] {
        let count = to - from;
        if count == 0 {
            continue;
        }
        let start = random(count)?;
        for step in 0..count {
            let port = i64::from(*range.start()) + i64::from(from + (start + step) % count);
            if !taken.contains(&port) && ctx.server.store.get(&port_key(port)).is_none() {
                return Ok(port);
            }
        }
    }
    Err(Status::internal("failed to allocate a nodePort: range is full"))
}
