//! Which address families a Service has: `ipFamilyPolicy`, `ipFamilies` and `clusterIPs` agree, as KEP-563 says.
//!
//! Keeps: a Service changes between one family and two only when its `ipFamilyPolicy` says so; the first family and
//! the first address never change. Pure; addresses themselves are given by `allocate`.

use objects::validate::FieldError;
use serde_json::{Value, json};

use crate::strategy::fields::{is_empty, items, set, text};

const SINGLE: &str = "SingleStack";
const PREFER: &str = "PreferDualStack";
const REQUIRE: &str = "RequireDualStack";
/// The family of Services that do not say.
const DEFAULT: &str = "IPv4";

/// Whether the Service has no address of its own.
pub(super) fn is_headless(spec: &Value) -> bool {
    text(spec, "clusterIP") == "None" || items(spec, "clusterIPs").first().is_some_and(|ip| ip == "None")
}

/// The families that the spec names.
pub(super) fn names(spec: &Value) -> Vec<String> {
    items(spec, "ipFamilies").iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The addresses that the spec names, whichever field it uses.
pub(super) fn cluster_ips(spec: &Value) -> Vec<String> {
    let list: Vec<String> =
        items(spec, "clusterIPs").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let one = text(spec, "clusterIP");
    if list.is_empty() && !one.is_empty() { vec![one.to_owned()] } else { list }
}

/// The family of an address.
pub(super) fn family_of(address: &str) -> &'static str {
    if address.contains(':') { "IPv6" } else { "IPv4" }
}

fn other(family: &str) -> &'static str {
    if family == "IPv6" { "IPv4" } else { "IPv6" }
}

/// Completes the three fields of a Service with an address. `old` is its spec before an update; `dual` says whether
/// the cluster has IPv6 addresses for Services.
pub(super) fn settle(spec: &mut Value, old: Option<&Value>, dual: bool) -> Result<(), Vec<FieldError>> {
    if old.is_some_and(|old| stays_preferring(spec, old)) {
        return Ok(());
    }
    let open = is_headless(spec) && is_empty(spec, "selector");
    if is_empty(spec, "ipFamilyPolicy") {
        let before = old.map(|old| text(old, "ipFamilyPolicy")).filter(|policy| !policy.is_empty());
        let policy = before.unwrap_or(if open { REQUIRE } else { SINGLE }).to_owned();
        set(spec, "ipFamilyPolicy", policy);
    }
    let policy = text(spec, "ipFamilyPolicy").to_owned();
    let mut errors = Vec::new();
    let invalid = |detail: &str| FieldError::invalid("spec.ipFamilyPolicy", policy.clone(), detail);
    let (mut ips, mut families) = (cluster_ips(spec), names(spec));
    if let Some(old) = old {
        let (old_ips, old_families) = (cluster_ips(old), names(old));
        if policy == SINGLE {
            if ips == old_ips {
                ips.truncate(1);
            }
            if families == old_families {
                families.truncate(1);
            }
        } else {
            if old_ips.len() == 2 && ips.len() == 1 {
                errors.push(invalid("must be 'SingleStack' to release the secondary cluster IP"));
            }
            if old_families.len() == 2 && families.len() == 1 {
                errors.push(invalid("must be 'SingleStack' to release the secondary IP family"));
            }
        }
    }
    if policy == SINGLE && ips.len() == 2 {
        let detail =
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified";
        errors.push(invalid(detail));
    }
    if policy == SINGLE && families.len() == 2 {
        let detail =
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified";
        errors.push(invalid(detail));
    }
    let there = |family: &str| dual || family == DEFAULT;
    for (at, ip) in ips.iter().enumerate().skip(families.len()) {
        if ip == "None" || ip.is_empty() {
            break;
        }
        let family = family_of(ip);
        if there(family) {
            families.push(family.to_owned());
        } else {
            let detail = format!("{family} is not configured on this cluster");
            errors.push(FieldError::invalid(format!("spec.clusterIPs[{at}]"), json!(ips), detail));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    if families.is_empty() {
        families.push(DEFAULT.to_owned());
    }
    // Whoever writes the endpoints of a headless Service without a selector decides; so it may name any family.
    if !open {
        if policy == REQUIRE && !dual {
            errors.push(invalid("this cluster is not configured for dual-stack services"));
        }
        for (at, family) in families.iter().enumerate().filter(|(_, family)| !there(family)) {
            let path = format!("spec.ipFamilies[{at}]");
            errors.push(FieldError::invalid(path, family.clone(), "not configured on this cluster"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
    }
    if policy != SINGLE && families.len() == 1 && (dual || open) {
        families.push(other(&families[0]).to_owned());
    }
    set(spec, "ipFamilies", json!(families));
    set(spec, "clusterIPs", json!(ips));
    Ok(())
}

/// A Service that prefers two families keeps what it has when the cluster changes, as long as nobody asks.
fn stays_preferring(spec: &Value, old: &Value) -> bool {
    text(spec, "ipFamilyPolicy") == PREFER
        && text(old, "ipFamilyPolicy") == PREFER
        && cluster_ips(spec) == cluster_ips(old)
        && names(spec) == names(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `policy families ips`, or the errors.
    fn settled(spec: Value, old: Option<Value>, dual: bool) -> String {
        let mut spec = spec;
        match settle(&mut spec, old.as_ref(), dual) {
            Ok(()) => format!(
                "{} {} {}",
                text(&spec, "ipFamilyPolicy"),
                names(&spec).join("+"),
                cluster_ips(&spec).join("+")
            ),
            Err(errors) => {
                errors.iter().map(|e| format!("{}: {}", e.field, e.detail)).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn a_new_service_has_what_its_policy_says() {
        for (spec, dual, expected) in [
            (json!({}), true, "SingleStack IPv4 "),
            (json!({"ipFamilyPolicy": "PreferDualStack"}), true, "PreferDualStack IPv4+IPv6 "),
            (json!({"ipFamilyPolicy": "PreferDualStack"}), false, "PreferDualStack IPv4 "),
            (
                json!({"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6"]}),
                true,
                "RequireDualStack IPv6+IPv4 ",
            ),
            (json!({"ipFamilies": ["IPv6"]}), true, "SingleStack IPv6 "),
            (json!({"clusterIP": "fd00::7"}), true, "SingleStack IPv6 fd00::7"),
            (json!({"clusterIP": "None", "selector": {"a": "b"}}), true, "SingleStack IPv4 None"),
            (json!({"clusterIP": "None"}), false, "RequireDualStack IPv4+IPv6 None"),
            (json!({"clusterIP": "None", "ipFamilyPolicy": "SingleStack"}), true, "SingleStack IPv4 None"),
        ] {
            assert_eq!(settled(spec.clone(), None, dual), expected, "{spec}");
        }
    }

    #[test]
    fn what_the_cluster_cannot_give_is_refused() {
        for (spec, dual, expected) in [
            (
                json!({"ipFamilyPolicy": "RequireDualStack"}),
                false,
                "spec.ipFamilyPolicy: this cluster is not configured for dual-stack services",
            ),
            (json!({"ipFamilies": ["IPv6"]}), false, "spec.ipFamilies[0]: not configured on this cluster"),
            (
                json!({"clusterIP": "fd00::7"}),
                false,
                "spec.clusterIPs[0]: IPv6 is not configured on this cluster",
            ),
            (
                json!({"ipFamilies": ["IPv4", "IPv6"]}),
                true,
                "spec.ipFamilyPolicy: must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are \
                 specified",
            ),
            (
                json!({"clusterIPs": ["10.0.0.1", "fd00::7"]}),
                true,
                "spec.ipFamilyPolicy: must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are \
                 specified",
            ),
        ] {
            assert_eq!(settled(spec.clone(), None, dual), expected, "{spec}");
        }
    }

    #[test]
    fn families_come_and_go_with_the_policy_alone() {
        let two = json!({"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"],
            "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::7"]});
        let one = json!({"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"],
            "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]});
        let with = |base: &Value, key: &str, value: Value| {
            let mut spec = base.clone();
            set(&mut spec, key, value);
            spec
        };
        let down = with(&two, "ipFamilyPolicy", json!("SingleStack"));
        assert_eq!(settled(down, Some(two.clone()), true), "SingleStack IPv4 10.0.0.1");
        let up = with(&one, "ipFamilyPolicy", json!("PreferDualStack"));
        assert_eq!(settled(up, Some(one.clone()), true), "PreferDualStack IPv4+IPv6 10.0.0.1");
        let cut = with(&two, "clusterIPs", json!(["10.0.0.1"]));
        assert_eq!(
            settled(cut, Some(two.clone()), true),
            "spec.ipFamilyPolicy: must be 'SingleStack' to release the secondary cluster IP"
        );
        // The cluster learned IPv6 meanwhile: nothing happens by itself.
        let prefers = with(&one, "ipFamilyPolicy", json!("PreferDualStack"));
        assert_eq!(settled(prefers.clone(), Some(prefers), true), "PreferDualStack IPv4 10.0.0.1");
    }
}
