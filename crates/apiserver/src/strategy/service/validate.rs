//! What must hold for a Service, with upstream's paths and texts.

use std::collections::BTreeSet;
use std::net::IpAddr;

use objects::validate::{self, FieldError, Reason};
use serde_json::Value;

use super::{families, has_address, has_node_ports, is_external};
use crate::strategy::fields::{
    has, is_empty, items, name_errors, number, one_of, port_number, port_or_name, text,
};

/// Checks a Service before anything is allocated for it.
pub(super) fn service(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let kind = text(spec, "type");
    let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    one_of(&mut errors, spec, "type", "spec", &types);
    one_of(&mut errors, spec, "sessionAffinity", "spec", &["ClientIP", "None"]);
    if kind == "ExternalName" {
        external_name(&mut errors, spec);
    }
    let headless =
        text(spec, "clusterIP") == "None" || items(spec, "clusterIPs").first().is_some_and(|ip| ip == "None");
    if items(spec, "ports").is_empty() && !headless && kind != "ExternalName" {
        errors.push(FieldError::required("spec.ports", ""));
    }
    if headless && matches!(kind, "NodePort" | "LoadBalancer") {
        let detail = format!("may not be set to 'None' for {kind} services");
        errors.push(FieldError::invalid("spec.clusterIPs[0]", "None", detail));
    }
    ports(&mut errors, spec);
    errors.extend(validate::labels(spec.get("selector"), "spec.selector"));
    for (at, ip) in items(spec, "externalIPs").iter().enumerate() {
        let ip = ip.as_str().unwrap_or_default();
        if ip.parse::<IpAddr>().is_err() {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            errors.push(FieldError::invalid(format!("spec.externalIPs[{at}]"), ip, detail));
        }
    }
    policies(&mut errors, spec);
    balancer(&mut errors, spec);
    addresses(&mut errors, spec);
    errors
}

fn external_name(errors: &mut Vec<FieldError>, spec: &Value) {
    for key in ["clusterIP", "clusterIPs"] {
        if !is_empty(spec, key) {
            let detail = "may not be set for ExternalName services";
            errors.push(FieldError::forbidden(format!("spec.{key}"), detail));
        }
    }
    let name = text(spec, "externalName");
    if name.is_empty() {
        errors.push(FieldError::required("spec.externalName", ""));
    } else {
        let found = validate::dns1123_subdomain(name.strip_suffix('.').unwrap_or(name));
        name_errors(errors, "spec.externalName", name, found);
    }
}

fn ports(errors: &mut Vec<FieldError>, spec: &Value) {
    let list = items(spec, "ports");
    let (mut names, mut places, mut nodes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (at, port) in list.iter().enumerate() {
        let path = format!("spec.ports[{at}]");
        let name = text(port, "name");
        if name.is_empty() {
            if list.len() > 1 {
                errors.push(FieldError::required(format!("{path}.name"), ""));
            }
        } else {
            name_errors(errors, &format!("{path}.name"), name, validate::dns1123_label(name));
            if !names.insert(name) {
                errors.push(FieldError::new(format!("{path}.name"), Reason::Duplicate, name.into(), ""));
            }
        }
        port_number(errors, number(port, "port").unwrap_or_default(), &format!("{path}.port"));
        one_of(errors, port, "protocol", &path, &["SCTP", "TCP", "UDP"]);
        port_or_name(errors, port.get("targetPort").unwrap_or(&Value::Null), &format!("{path}.targetPort"));
        let app = text(port, "appProtocol");
        if !app.is_empty() {
            name_errors(errors, &format!("{path}.appProtocol"), app, validate::qualified_name(app));
        }
        let place = (text(port, "protocol"), number(port, "port"));
        if !places.insert(place) {
            errors.push(FieldError::new(path.clone(), Reason::Duplicate, port.clone(), ""));
        }
        if let Some(node) = number(port, "nodePort").filter(|node| *node != 0) {
            if !has_node_ports(spec) && text(spec, "type") != "LoadBalancer" {
                let detail = format!("may not be used when `type` is '{}'", text(spec, "type"));
                errors.push(FieldError::forbidden(format!("{path}.nodePort"), detail));
            } else if !nodes.insert((text(port, "protocol"), node)) {
                errors.push(FieldError::new(format!("{path}.nodePort"), Reason::Duplicate, node.into(), ""));
            }
        }
    }
}

fn policies(errors: &mut Vec<FieldError>, spec: &Value) {
    let external = text(spec, "externalTrafficPolicy");
    if is_external(spec) {
        if !matches!(external, "Cluster" | "Local") {
            let allowed = ["Cluster", "Local"];
            errors.push(FieldError::not_supported("spec.externalTrafficPolicy", external, &allowed));
        }
    } else if !external.is_empty() {
        let detail = "may only be set for externally-accessible services";
        errors.push(FieldError::invalid("spec.externalTrafficPolicy", external, detail));
    }
    let internal = text(spec, "internalTrafficPolicy");
    if has_address(spec) && !matches!(internal, "Cluster" | "Local") {
        let allowed = ["Cluster", "Local"];
        errors.push(FieldError::not_supported("spec.internalTrafficPolicy", internal, &allowed));
    }
    if let Some(timeout) =
        spec.pointer("/sessionAffinityConfig/clientIP/timeoutSeconds").and_then(Value::as_i64)
        && !(1..=86400).contains(&timeout)
    {
        let detail = "must be greater than 0 and less than 86400";
        let field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
        errors.push(FieldError::invalid(field, timeout, detail));
    }
}

/// What belongs to load balancers alone.
fn balancer(errors: &mut Vec<FieldError>, spec: &Value) {
    let is_balancer = text(spec, "type") == "LoadBalancer";
    for key in ["loadBalancerSourceRanges", "loadBalancerClass", "allocateLoadBalancerNodePorts"] {
        if !is_empty(spec, key) && !is_balancer {
            let detail = "may only be used when `type` is 'LoadBalancer'";
            errors.push(FieldError::forbidden(format!("spec.{key}"), detail));
        }
    }
    for (at, range) in items(spec, "loadBalancerSourceRanges").iter().enumerate() {
        let range = range.as_str().unwrap_or_default();
        if !is_range(range.trim()) {
            let detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
            errors.push(FieldError::invalid(format!("spec.loadBalancerSourceRanges[{at}]"), range, detail));
        }
    }
    let class = text(spec, "loadBalancerClass");
    if !class.is_empty() {
        name_errors(errors, "spec.loadBalancerClass", class, validate::qualified_name(class));
    }
    let distribution = text(spec, "trafficDistribution");
    let allowed = ["PreferClose", "PreferSameNode", "PreferSameZone"];
    if has(spec, "trafficDistribution") && !allowed.contains(&distribution) {
        errors.push(FieldError::not_supported("spec.trafficDistribution", distribution, &allowed));
    }
}

fn is_range(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, prefix)| {
        let width = address.parse::<IpAddr>().map(|address| if address.is_ipv4() { 32 } else { 128 });
        width.is_ok_and(|width| prefix.parse::<u8>().is_ok_and(|prefix| prefix <= width))
    })
}

fn addresses(errors: &mut Vec<FieldError>, spec: &Value) {
    let (one, list) = (text(spec, "clusterIP"), items(spec, "clusterIPs"));
    if let Some(first) = list.first().and_then(Value::as_str)
        && !one.is_empty()
        && first != one
    {
        let detail = "first value must match `clusterIP`";
        errors.push(FieldError::invalid("spec.clusterIPs", Value::Array(list.to_vec()), detail));
    }
    let given = if list.is_empty() && !one.is_empty() {
        vec![one]
    } else {
        list.iter().filter_map(Value::as_str).collect()
    };
    for (at, ip) in given.iter().enumerate() {
        if *ip != "None" && ip.parse::<IpAddr>().is_err() {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            errors.push(FieldError::invalid(format!("spec.clusterIPs[{at}]"), *ip, detail));
        }
    }
    for (at, family) in items(spec, "ipFamilies").iter().enumerate() {
        let family = family.as_str().unwrap_or_default();
        if !matches!(family, "IPv4" | "IPv6") {
            let field = format!("spec.ipFamilies[{at}]");
            errors.push(FieldError::not_supported(field, family, &["IPv4", "IPv6"]));
        }
    }
    let families = families::names(spec);
    if families.len() > 2 || (families.len() == 2 && families[0] == families[1]) {
        let detail = "may only hold up to 2 values, each once";
        errors.push(FieldError::invalid("spec.ipFamilies", Value::from(families.clone()), detail));
    }
    if given.len() > 1 && given.contains(&"None") {
        let detail = "'None' must be the first and only value";
        errors.push(FieldError::invalid("spec.clusterIPs", Value::Array(list.to_vec()), detail));
    } else if given.len() > 2 {
        let detail = "may only hold up to 2 values";
        errors.push(FieldError::invalid("spec.clusterIPs", Value::Array(list.to_vec()), detail));
    } else if given.len() == 2 && families::family_of(given[0]) == families::family_of(given[1]) {
        let detail = "may specify no more than one IP for each IP family";
        errors.push(FieldError::invalid("spec.clusterIPs", Value::Array(list.to_vec()), detail));
    }
    for (at, (ip, family)) in given.iter().zip(&families).enumerate() {
        if *ip != "None" && families::family_of(ip) != family.as_str() {
            let detail = format!("expected an {family} value as indicated by `ipFamilies[{at}]`");
            errors.push(FieldError::invalid(format!("spec.clusterIPs[{at}]"), *ip, detail));
        }
    }
    if has(spec, "ipFamilyPolicy") && has_address(spec) {
        let allowed = ["SingleStack", "PreferDualStack", "RequireDualStack"];
        let policy = text(spec, "ipFamilyPolicy");
        if !allowed.contains(&policy) {
            errors.push(FieldError::not_supported("spec.ipFamilyPolicy", policy, &allowed));
        }
    }
}

/// Checks what changed: an address stays as long as the type has one, and so does the first family.
pub(super) fn change(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if !(has_address(new) && has_address(old)) {
        return errors;
    }
    if text(old, "type") == "LoadBalancer"
        && text(new, "type") == "LoadBalancer"
        && new.get("loadBalancerClass") != old.get("loadBalancerClass")
    {
        let class = text(new, "loadBalancerClass");
        errors.push(FieldError::invalid("spec.loadBalancerClass", class, "may not change once set"));
    }
    let (is, was) = (text(new, "clusterIP"), text(old, "clusterIP"));
    if !was.is_empty() && is != was {
        let detail =
            if is.is_empty() { "primary clusterIP can not be unset" } else { "may not change once set" };
        errors.push(FieldError::invalid("spec.clusterIPs[0]", is, detail));
    }
    let (is, was) = (families::cluster_ips(new), families::cluster_ips(old));
    if let (Some(is), Some(was)) = (is.get(1), was.get(1))
        && is != was
    {
        errors.push(FieldError::invalid("spec.clusterIPs[1]", is.clone(), "may not change once set"));
    }
    let (is, was) = (families::names(new), families::names(old));
    for (at, (is, _)) in is.iter().zip(&was).enumerate().filter(|(_, (is, was))| is != was) {
        errors.push(FieldError::invalid(
            format!("spec.ipFamilies[{at}]"),
            is.clone(),
            "may not change once set",
        ));
    }
    errors
}
