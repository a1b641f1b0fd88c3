//! Services: defaults, changes of type, validation; addresses and ports come from [`allocate`].

mod allocate;
mod families;
mod validate;

use futures::future::BoxFuture;
use objects::validate::FieldError;
use serde_json::{Value, json};
use store::Op;

use super::fields::{default, has, is_empty, items, items_mut, number, put, remove, set, text};
use super::{Ctx, Strategy};
use crate::status::Status;

/// Strategy of core/v1 Service.
pub(super) struct Service;

/// Whether a type of Service has an address of its own.
fn has_address(spec: &Value) -> bool {
    matches!(text(spec, "type"), "ClusterIP" | "NodePort" | "LoadBalancer")
}

/// Whether the nodes listen for the Service.
fn has_node_ports(spec: &Value) -> bool {
    match text(spec, "type") {
        "NodePort" => true,
        "LoadBalancer" => spec.get("allocateLoadBalancerNodePorts") != Some(&json!(false)),
        _ => false,
    }
}

/// Whether traffic from outside the cluster is a matter of the Service.
fn is_external(spec: &Value) -> bool {
    matches!(text(spec, "type"), "NodePort" | "LoadBalancer")
        || (text(spec, "type") == "ClusterIP" && !items(spec, "externalIPs").is_empty())
}

impl Strategy for Service {
    fn check_name(&self) -> fn(&str) -> Vec<String> {
        objects::validate::dns1035_label
    }

    fn default_spec(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else { return };
        if is_empty(spec, "sessionAffinity") {
            set(spec, "sessionAffinity", "None");
        }
        if text(spec, "sessionAffinity") == "None" {
            remove(spec, "sessionAffinityConfig");
        } else {
            default(spec, "sessionAffinityConfig", json!({}));
            if let Some(config) = spec.get_mut("sessionAffinityConfig") {
                default(config, "clientIP", json!({}));
                if let Some(client) = config.get_mut("clientIP") {
                    default(client, "timeoutSeconds", 10800);
                }
            }
        }
        if is_empty(spec, "type") {
            set(spec, "type", "ClusterIP");
        }
        for port in items_mut(spec, "ports") {
            if is_empty(port, "protocol") {
                set(port, "protocol", "TCP");
            }
            if matches!(port.get("targetPort"), None | Some(Value::Null))
                || port["targetPort"] == 0
                || port["targetPort"] == ""
            {
                let own = port.get("port").cloned().unwrap_or_default();
                set(port, "targetPort", own);
            }
        }
        if is_external(spec) && is_empty(spec, "externalTrafficPolicy") {
            set(spec, "externalTrafficPolicy", "Cluster");
        }
        if has_address(spec) && is_empty(spec, "internalTrafficPolicy") {
            set(spec, "internalTrafficPolicy", "Cluster");
        }
        if text(spec, "type") == "LoadBalancer" {
            default(spec, "allocateLoadBalancerNodePorts", true);
        }
    }

    fn prepare_create(&self, _ctx: &Ctx<'_>, object: &mut Value) {
        set(object, "status", json!({"loadBalancer": {}}));
    }

    fn prepare_update(&self, ctx: &Ctx<'_>, new: &mut Value, old: &Value) {
        if ctx.subresource == Some("status") {
            put(new, "spec", old.get("spec").cloned());
            return;
        }
        put(new, "status", old.get("status").cloned());
        let before = old.get("spec").unwrap_or(&Value::Null);
        if let Some(spec) = new.get_mut("spec") {
            keep_allocated(spec, before);
            drop_of_old_type(spec, before);
        }
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        validate::service(object)
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        if ctx.subresource == Some("status") {
            return Vec::new();
        }
        let mut errors = validate::change(&new["spec"], &old["spec"]);
        errors.extend(validate::service(new));
        errors
    }

    fn allocate<'a>(
        &'a self,
        ctx: &'a Ctx<'a>,
        object: &'a mut Value,
        old: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Vec<Op>, Status>> {
        let result = if ctx.subresource == Some("status") {
            Ok(Vec::new())
        } else {
            allocate::allocate(ctx, object, old)
        };
        Box::pin(async { result })
    }

    fn release(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<Op> {
        allocate::release(object)
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["spec.clusterIP", "spec.type"]
    }
}

/// A client that leaves allocated fields out means to keep them.
fn keep_allocated(spec: &mut Value, old: &Value) {
    if has_address(spec) && has_address(old) {
        if is_empty(spec, "clusterIP") && is_empty(spec, "clusterIPs") {
            for key in ["clusterIP", "clusterIPs"] {
                put(spec, key, old.get(key).cloned());
            }
        } else if is_empty(spec, "clusterIPs") && spec.get("clusterIP") == old.get("clusterIP") {
            put(spec, "clusterIPs", old.get("clusterIPs").cloned());
        }
        for key in ["ipFamilies", "ipFamilyPolicy"] {
            if is_empty(spec, key) {
                put(spec, key, old.get(key).cloned());
            }
        }
    }
    if has_node_ports(spec) && has_node_ports(old) {
        for port in items_mut(spec, "ports") {
            if number(port, "nodePort").unwrap_or_default() == 0 {
                let same = items(old, "ports").iter().find(|one| {
                    text(one, "protocol") == text(port, "protocol")
                        && number(one, "port") == number(port, "port")
                });
                if let Some(kept) = same.and_then(|one| one.get("nodePort")).cloned() {
                    set(port, "nodePort", kept);
                }
            }
        }
    }
    if has_health_port(spec) && has_health_port(old) && !has(spec, "healthCheckNodePort") {
        put(spec, "healthCheckNodePort", old.get("healthCheckNodePort").cloned());
    }
}

fn has_health_port(spec: &Value) -> bool {
    text(spec, "type") == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
}

/// Fields that the old type had and the new one has not go, unless the client changed them too.
fn drop_of_old_type(spec: &mut Value, old: &Value) {
    let unchanged = |spec: &Value, key: &str| spec.get(key) == old.get(key);
    if has_address(old) && !has_address(spec) {
        for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
            if unchanged(spec, key) {
                remove(spec, key);
            }
        }
    }
    if has_node_ports(old) && !has_node_ports(spec) {
        let kept: Vec<i64> = items(old, "ports").iter().filter_map(|port| number(port, "nodePort")).collect();
        for port in items_mut(spec, "ports") {
            if number(port, "nodePort").is_some_and(|number| kept.contains(&number)) {
                remove(port, "nodePort");
            }
        }
    }
    if has_health_port(old) && !has_health_port(spec) && unchanged(spec, "healthCheckNodePort") {
        remove(spec, "healthCheckNodePort");
    }
    if text(old, "type") == "LoadBalancer" && text(spec, "type") != "LoadBalancer" {
        for key in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
            if unchanged(spec, key) {
                remove(spec, key);
            }
        }
    }
    if is_external(old) && !is_external(spec) && unchanged(spec, "externalTrafficPolicy") {
        remove(spec, "externalTrafficPolicy");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(spec: Value) -> Value {
        let mut object = json!({"spec": spec});
        Service.default_spec(&mut object);
        object
    }

    #[test]
    fn defaults_by_type() {
        let object = service(json!({"ports": [{"port": 80}]}));
        let want = json!({"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]});
        assert_eq!(object["spec"], want);
        let node_port = service(json!({"type": "NodePort", "sessionAffinity": "ClientIP"}));
        assert_eq!(node_port["spec"]["externalTrafficPolicy"], "Cluster");
        assert_eq!(node_port["spec"]["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"], 10800);
        let external = service(json!({"type": "ExternalName", "externalName": "a.b"}));
        assert_eq!(external["spec"].get("internalTrafficPolicy"), None);
    }

    #[test]
    fn a_change_to_external_name_gives_everything_back() {
        let old = json!({"type": "NodePort", "clusterIP": "10.43.0.9", "clusterIPs": ["10.43.0.9"],
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "externalTrafficPolicy": "Cluster",
            "internalTrafficPolicy": "Cluster", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30001}]});
        let mut new = old.clone();
        set(&mut new, "type", "ExternalName");
        set(&mut new, "externalName", "a.b");
        keep_allocated(&mut new, &old);
        drop_of_old_type(&mut new, &old);
        let want = json!({"type": "ExternalName", "externalName": "a.b", "ports": [{"port": 80, "protocol": "TCP"}]});
        assert_eq!(new, want);
    }

    #[test]
    fn what_a_client_leaves_out_is_kept() {
        let old = json!({"type": "NodePort", "clusterIP": "10.43.0.9", "clusterIPs": ["10.43.0.9"],
            "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30001}]});
        let mut new = json!({"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP"}]});
        keep_allocated(&mut new, &old);
        assert_eq!(new["clusterIPs"], json!(["10.43.0.9"]));
        assert_eq!(new["ports"][0]["nodePort"], 30001);
        assert_eq!(new["ports"][1].get("nodePort"), None);
    }
}
