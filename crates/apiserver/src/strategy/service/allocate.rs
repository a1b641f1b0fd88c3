//! Addresses and node ports of Services.
//!
//! What is taken is in the store and nowhere else: an IPAddress object for each cluster address and one key for
//! each node port, written in the commit of the Service itself under the condition that it did not exist. So two
//! Services can never get the same one, a failed write takes nothing, and a restart has nothing to rebuild.
//!
//! Addresses without a wish come from the upper part of the range, so that people can choose low ones; the band is
//! upstream's: a sixteenth of the range, at least 16 and at most 256 addresses. So it is with node ports, of which a
//! thirty-second, at least 16 and at most 128, is left to people's choice while there are others.

use std::net::IpAddr;

use objects::meta;
use objects::registry;
use objects::validate::FieldError;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use store::{Expect, Op, Payload};

use super::{families, has_address, has_node_ports};
use crate::options::Cidr;
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
    if has_address(spec) {
        let before = old.and_then(|old| old.get("spec"));
        families::settle(spec, before, ctx.server.options.service_cidr6.is_some())
            .map_err(|errors| Status::invalid(ctx.kind, ctx.name, &errors))?;
        cluster_ips(ctx, spec, &held_addresses, &parent, &mut ops)?;
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

/// Gives the Service an address of each of its families.
fn cluster_ips(
    ctx: &Ctx<'_>,
    spec: &mut Value,
    held: &[String],
    parent: &Value,
    ops: &mut Vec<Op>,
) -> Result<(), Status> {
    if families::is_headless(spec) {
        set(spec, "clusterIP", "None");
        set(spec, "clusterIPs", json!(["None"]));
        return Ok(());
    }
    let wishes = families::cluster_ips(spec);
    let mut chosen: Vec<String> = Vec::new();
    for (at, family) in families::names(spec).iter().enumerate() {
        let Some(cidr) = range(ctx, family) else { continue };
        let address = match wishes.get(at).map(String::as_str) {
            Some(wish) if held.iter().any(|held| held == wish) => {
                chosen.push(wish.to_owned());
                continue;
            }
            Some(wish) if !wish.is_empty() => wished_address(ctx, cidr, wish, &wishes)?,
            _ => free_address(ctx, cidr)?,
        };
        ops.push(take_address(&address, cidr.family(), parent, &ctx.now)?);
        chosen.push(address);
    }
    set(spec, "clusterIP", chosen.first().cloned().unwrap_or_default());
    set(spec, "clusterIPs", json!(chosen));
    Ok(())
}

/// The range of a family.
fn range(ctx: &Ctx<'_>, family: &str) -> Option<Cidr> {
    let options = &ctx.server.options;
    if family == "IPv6" { options.service_cidr6 } else { Some(options.service_cidr) }
}

fn wished_address(ctx: &Ctx<'_>, cidr: Cidr, wish: &str, wishes: &[String]) -> Result<String, Status> {
    let refuse = |why: String| {
        let detail = format!("failed to allocate IP {wish}: {why}");
        let error = FieldError::invalid("spec.clusterIPs", json!(wishes), detail);
        Err(Status::invalid(ctx.kind, ctx.name, &[error]))
    };
    let inside = wish.parse::<IpAddr>().ok().filter(|ip| {
        let last = u32::try_from(cidr.size() - 1).ok();
        let edge =
            cidr.nth(0) == Some(*ip) || (ip.is_ipv4() && last.and_then(|at| cidr.nth(at)) == Some(*ip));
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

fn free_address(ctx: &Ctx<'_>, cidr: Cidr) -> Result<String, Status> {
    // Neither the network's own address nor the last one is given away.
    let last = u32::try_from(cidr.size() - 1).unwrap_or(u32::MAX);
    let band = if last < 16 { 0 } else { (last / 16).clamp(16, 256).min(last) };
    for (from, to) in [(band.max(1), last), (1, band.max(1))] {
        let count = to.saturating_sub(from);
        let start = random(count)?;
        for step in 0..count {
            // More than half of the numbers there are may be counted.
            let offset = from + ((u64::from(start) + u64::from(step)) % u64::from(count)) as u32;
            if let Some(address) = cidr.nth(offset).map(|address| address.to_string())
                && ctx.server.store.get(&address_key(&address)).is_none()
            {
                return Ok(address);
            }
        }
    }
    Err(Status::internal(format!("failed to allocate a serviceIP: range {cidr} is full")))
}

fn take_address(address: &str, family: &str, parent: &Value, now: &str) -> Result<Op, Status> {
    let kind = registry::by_resource("networking.k8s.io", "v1", "ipaddresses")
        .ok_or_else(|| Status::internal("the kind IPAddress is not served"))?;
    let object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
        "metadata": {
            "name": address, "uid": crate::rest::uuid()?, "creationTimestamp": now,
            "labels": {
                "ipaddress.kubernetes.io/ip-family": family,
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
