//! EndpointSlices, Endpoints and Events: what components write about pods and services.

use std::net::IpAddr;

use objects::meta;
use objects::validate::{self, FieldError};
use serde_json::Value;

use super::fields::{default, immutable, is_empty, items, items_mut, name_errors, one_of, set, text};
use super::{Ctx, Strategy, content_changed};

/// Strategy of discovery.k8s.io/v1 EndpointSlice.
pub(super) struct EndpointSlice;
/// Strategy of core/v1 Endpoints.
pub(super) struct Endpoints;
/// Strategy of Events in both groups.
pub(super) struct Event;

impl Strategy for EndpointSlice {
    fn default_spec(&self, object: &mut Value) {
        for port in items_mut(object, "ports") {
            default(port, "name", "");
            default(port, "protocol", "TCP");
        }
    }

    fn prepare_create(&self, _ctx: &Ctx<'_>, object: &mut Value) {
        meta::metadata_mut(object).insert("generation".into(), 1.into());
    }

    fn prepare_update(&self, _ctx: &Ctx<'_>, new: &mut Value, old: &Value) {
        let step = i64::from(content_changed(new, old));
        let generation = meta::generation(old) + step;
        meta::metadata_mut(new).insert("generation".into(), generation.into());
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let kind = text(object, "addressType");
        let allowed = ["FQDN", "IPv4", "IPv6"];
        if kind.is_empty() {
            errors.push(FieldError::required("addressType", ""));
        } else if !allowed.contains(&kind) {
            errors.push(FieldError::not_supported("addressType", kind, &allowed));
        }
        let endpoints = items(object, "endpoints");
        if endpoints.len() > 1000 {
            let detail = "must have at most 1000 items";
            errors.push(FieldError::new(
                "endpoints",
                validate::Reason::TooMany,
                endpoints.len().into(),
                detail,
            ));
        }
        for (at, endpoint) in endpoints.iter().enumerate() {
            let addresses = items(endpoint, "addresses");
            if addresses.is_empty() {
                let detail = "must contain at least 1 address";
                errors.push(FieldError::required(format!("endpoints[{at}].addresses"), detail));
            }
            for (number, address) in addresses.iter().enumerate() {
                let address = address.as_str().unwrap_or_default();
                let field = format!("endpoints[{at}].addresses[{number}]");
                let good = match (kind, address.parse::<IpAddr>()) {
                    ("IPv4", Ok(ip)) => ip.is_ipv4(),
                    ("IPv6", Ok(ip)) => ip.is_ipv6(),
                    ("IPv4" | "IPv6", Err(_)) => false,
                    _ => true,
                };
                if !good {
                    let version = if kind == "IPv4" { "an IPv4" } else { "an IPv6" };
                    errors.push(FieldError::invalid(field, address, format!("must be {version} address")));
                }
            }
        }
        for (at, port) in items(object, "ports").iter().enumerate() {
            let path = format!("ports[{at}]");
            one_of(&mut errors, port, "protocol", &path, &["SCTP", "TCP", "UDP"]);
            let name = text(port, "name");
            if !name.is_empty() {
                name_errors(&mut errors, &format!("{path}.name"), name, validate::dns1123_label(name));
            }
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.validate_create(ctx, new);
        if new.get("addressType") != old.get("addressType") {
            immutable(&mut errors, new, old, "addressType", "");
        }
        errors
    }
}

impl Strategy for Endpoints {
    fn default_spec(&self, object: &mut Value) {
        for subset in items_mut(object, "subsets") {
            for port in items_mut(subset, "ports") {
                if is_empty(port, "protocol") {
                    set(port, "protocol", "TCP");
                }
            }
        }
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for (at, subset) in items(object, "subsets").iter().enumerate() {
            let path = format!("subsets[{at}]");
            if is_empty(subset, "addresses") && is_empty(subset, "notReadyAddresses") {
                errors.push(FieldError::required(&path, "must specify `addresses` or `notReadyAddresses`"));
            }
            for list in ["addresses", "notReadyAddresses"] {
                for (number, address) in items(subset, list).iter().enumerate() {
                    let ip = text(address, "ip");
                    if ip.parse::<IpAddr>().is_err() {
                        let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
                        errors.push(FieldError::invalid(format!("{path}.{list}[{number}].ip"), ip, detail));
                    }
                }
            }
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, _old: &Value) -> Vec<FieldError> {
        self.validate_create(ctx, new)
    }
}

impl Strategy for Event {
    fn validate_create(&self, ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let key = if object.get("regarding").is_some() { "regarding" } else { "involvedObject" };
        let about = text(&object[key], "namespace");
        let own = ctx.namespace.unwrap_or_default();
        // Events about cluster-wide objects are kept in the namespace default.
        let fits = about == own || (about.is_empty() && matches!(own, "default" | "kube-system"));
        if fits {
            return Vec::new();
        }
        vec![FieldError::invalid(format!("{key}.namespace"), about, "does not match event.namespace")]
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingComponent",
            "reportingController",
            "source",
            "type",
        ]
    }

    /// Stored events have core/v1's names, whatever version asks.
    fn field(&self, object: &Value, path: &str) -> String {
        let stored = path.replace("regarding.", "involvedObject.");
        match stored.as_str() {
            "source" => {
                let component = super::text_at(object, "source.component");
                if component.is_empty() { text(object, "reportingComponent").to_owned() } else { component }
            }
            "reportingController" => text(object, "reportingComponent").to_owned(),
            other => super::text_at(object, other),
        }
    }
}
