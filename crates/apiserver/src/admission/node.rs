//! NodeRestriction: a kubelet writes its own node, the status of its own pods, and nothing that would widen its
//! reach; and the taint with which every node begins.

use objects::meta;
use objects::registry;
use serde_json::{Value, json};

use super::Operation;
use crate::auth::node::{node_name, references};
use crate::status::Status;
use crate::strategy::Ctx;
use crate::strategy::fields::{default, items, text};

/// TaintNodesByCondition: a new node takes no pods until it is ready.
pub(super) fn taint(node: &mut Value) {
    let ready = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    default(node, "spec", json!({}));
    if let Some(spec) = node.get_mut("spec") {
        default(spec, "taints", json!([]));
        if let Some(list) = spec.get_mut("taints").and_then(Value::as_array_mut)
            && !list.iter().any(|one| one["key"] == ready["key"] && one["effect"] == ready["effect"])
        {
            list.push(ready);
        }
    }
}

/// Refuses what a node may not write; users that are no nodes pass.
pub(super) fn restrict(
    ctx: &Ctx<'_>,
    operation: Operation,
    object: &Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    let Some(node) = node_name(ctx.user) else { return Ok(()) };
    let refuse = |detail: String| Err(Status::forbidden(ctx.kind, ctx.name, &detail));
    match (ctx.kind.group, ctx.kind.plural, ctx.subresource) {
        ("", "pods", None) => match operation {
            Operation::Create => mirror_pod(node, object).or_else(refuse),
            Operation::Delete if text(&object["spec"], "nodeName") != node => {
                refuse(format!("node {node:?} can only delete pods with spec.nodeName set to itself"))
            }
            Operation::Delete => Ok(()),
            Operation::Update => refuse("nodes may not update pods".into()),
        },
        ("", "pods", Some("status")) => {
            let pod = old.unwrap_or(object);
            if text(&pod["spec"], "nodeName") != node {
                return refuse(format!(
                    "node {node:?} can only update pod status for pods with spec.nodeName set to itself"
                ));
            }
            if object.pointer("/metadata/labels") != pod.pointer("/metadata/labels") {
                return refuse(format!("node {node:?} cannot update labels through pod status"));
            }
            Ok(())
        }
        ("", "pods", Some("eviction")) => match pod_of(ctx, ctx.name) {
            Some(pod) if text(&pod["spec"], "nodeName") != node => {
                refuse(format!("node {node:?} can only evict pods with spec.nodeName set to itself"))
            }
            _ => Ok(()),
        },
        ("", "nodes", _) => own_node(ctx, node, operation, object, old).or_else(refuse),
        ("", "serviceaccounts", Some("token")) => token(ctx, node, object).or_else(refuse),
        ("coordination.k8s.io", "leases", _) => {
            if ctx.namespace != Some("kube-node-lease") || ctx.name != node {
                return refuse("can only access node lease with the same name as the requesting node".into());
            }
            Ok(())
        }
        ("storage.k8s.io", "csinodes", _) if ctx.name != node => {
            refuse("can only access CSINode with the same name as the requesting node".into())
        }
        _ => Ok(()),
    }
}

fn pod_of(ctx: &Ctx<'_>, name: &str) -> Option<Value> {
    ctx.server.read(registry::by_resource("", "v1", "pods")?, ctx.namespace, name)
}

fn mirror_pod(node: &str, pod: &Value) -> Result<(), String> {
    if meta::annotation(pod, "kubernetes.io/config.mirror").is_none() {
        return Err(format!(
            "pod does not have \"kubernetes.io/config.mirror\" annotation, node {node:?} can only create mirror pods"
        ));
    }
    if text(&pod["spec"], "nodeName") != node {
        return Err(format!("node {node:?} can only create pods with spec.nodeName set to itself"));
    }
    let owned = match meta::owner_references(pod) {
        [owner] => text(owner, "kind") == "Node" && text(owner, "name") == node,
        _ => false,
    };
    if !owned {
        return Err(format!("node {node:?} can only create pods with an owner reference set to itself"));
    }
    let found = references(pod);
    if !found.account.is_empty() {
        return Err(format!("node {node:?} can not create pods that reference a service account"));
    }
    for (empty, what) in [
        (found.secrets.is_empty(), "secrets"),
        (found.config_maps.is_empty(), "configmaps"),
        (found.claims.is_empty(), "persistentvolumeclaims"),
    ] {
        if !empty {
            return Err(format!("node {node:?} can not create pods that reference {what}"));
        }
    }
    Ok(())
}

fn own_node(
    ctx: &Ctx<'_>,
    node: &str,
    operation: Operation,
    object: &Value,
    old: Option<&Value>,
) -> Result<(), String> {
    if operation == Operation::Delete {
        return Err(format!("node {node:?} is not allowed to delete nodes"));
    }
    if ctx.name != node && meta::name(object) != node {
        return Err(format!("node {node:?} is not allowed to modify node {:?}", ctx.name));
    }
    if operation == Operation::Create {
        let labels = meta::labels(object).into_iter().flatten().map(|(key, _)| key);
        let bad: Vec<&str> = labels.map(String::as_str).filter(|key| restricted(key)).collect();
        return if bad.is_empty() {
            Ok(())
        } else {
            Err(format!("is not allowed to set the following labels: {}", bad.join(", ")))
        };
    }
    let Some(old) = old else { return Ok(()) };
    // A status says what the conditions are; the taints that follow from them are the server's doing.
    if ctx.subresource.is_none() && items(&object["spec"], "taints") != items(&old["spec"], "taints") {
        return Err(format!("node {node:?} is not allowed to modify taints"));
    }
    if object.pointer("/metadata/ownerReferences") != old.pointer("/metadata/ownerReferences") {
        return Err(format!("node {node:?} is not allowed to modify owner references"));
    }
    let value = |object: &Value, key: &str| meta::label(object, key).map(str::to_owned);
    let keys = meta::labels(object).into_iter().chain(meta::labels(old)).flatten().map(|(key, _)| key);
    let mut bad: Vec<&str> = keys
        .map(String::as_str)
        .filter(|key| restricted(key) && value(object, key) != value(old, key))
        .collect();
    bad.sort_unstable();
    bad.dedup();
    if bad.is_empty() { Ok(()) } else { Err(format!("is not allowed to modify labels: {}", bad.join(", "))) }
}

/// Labels by which administrators keep pods to certain nodes; a node may not give them to itself.
fn restricted(key: &str) -> bool {
    const OWN: [&str; 10] = [
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "node.kubernetes.io/instance-type",
        "beta.kubernetes.io/instance-type",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
    ];
    let Some((domain, _)) = key.split_once('/') else { return false };
    let within = |parent: &str| domain == parent || domain.ends_with(&format!(".{parent}"));
    if within("node-restriction.kubernetes.io") {
        return true;
    }
    if within("kubelet.kubernetes.io") || within("node.kubernetes.io") || OWN.contains(&key) {
        return false;
    }
    within("kubernetes.io") || within("k8s.io")
}

fn token(ctx: &Ctx<'_>, node: &str, request: &Value) -> Result<(), String> {
    let reference = &request["spec"]["boundObjectRef"];
    if text(reference, "kind") != "Pod" || text(reference, "name").is_empty() {
        return Err("node requested token not bound to a pod".into());
    }
    if text(reference, "uid").is_empty() {
        return Err("node requested token with a pod binding without a uid".into());
    }
    match pod_of(ctx, text(reference, "name")) {
        Some(pod) if text(&pod["spec"], "nodeName") != node => {
            Err("node requested token bound to a pod scheduled on a different node".into())
        }
        Some(pod) if meta::uid(&pod) != text(reference, "uid") => Err(format!(
            "the UID in the bound object reference ({}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            text(reference, "uid"),
            meta::uid(&pod)
        )),
        Some(_) => Ok(()),
        None => Err(format!("pod {:?} not found", text(reference, "name"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_steer_pods_are_not_the_nodes() {
        for (key, want) in [
            ("kubernetes.io/hostname", false),
            ("node.kubernetes.io/anything", false),
            ("node-restriction.kubernetes.io/zone", true),
            ("x.node-restriction.kubernetes.io/zone", true),
            ("node-role.kubernetes.io/control-plane", true),
            ("example.com/x", false),
            ("plain", false),
            ("foo.k8s.io/x", true),
        ] {
            assert_eq!(restricted(key), want, "{key}");
        }
    }

    #[test]
    fn a_new_node_is_tainted_once() {
        let mut node = json!({});
        taint(&mut node);
        taint(&mut node);
        assert_eq!(node["spec"]["taints"].as_array().unwrap().len(), 1);
    }
}
