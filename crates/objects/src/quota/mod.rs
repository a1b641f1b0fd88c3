//! What an object costs a namespace's ResourceQuotas: pure, shared by admission (which charges) and the quota
//! controller (which counts anew). The rules are upstream's evaluators.
//!
//! Three kinds cost more than their number: pods (compute resources, while they run), Services (ports and load
//! balancers) and PersistentVolumeClaims (storage, in all and by class). Every other kind is counted by
//! `count/<resource>.<group>`, and four of them by an older name too.

mod pod;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::quantity::{Format, Quantity};
use crate::selector::LabelSelector;

pub use pod::{missing, resources};

/// Amounts by the name of the resource.
pub type Amounts = BTreeMap<String, Quantity>;

/// Names that quotas knew before there were names for every kind.
const ALIASES: [(&str, &str); 4] = [
    ("configmaps", "configmaps"),
    ("replicationcontrollers", "replicationcontrollers"),
    ("resourcequotas", "resourcequotas"),
    ("secrets", "secrets"),
];

/// What names of amounts of one storage class have after the class.
const OF_CLASS: &str = ".storageclass.storage.k8s.io/";

/// The name by which a kind's objects are counted.
pub fn count_name(group: &str, plural: &str) -> String {
    if group.is_empty() { format!("count/{plural}") } else { format!("count/{plural}.{group}") }
}

/// The amounts of a list of resources; what is no quantity is left out.
pub fn amounts(list: Option<&Value>) -> Amounts {
    let entries = list.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), quantity(value)?))).collect()
}

fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

/// Amounts as the API shows them.
pub fn shown(amounts: &Amounts) -> Value {
    Value::Object(amounts.iter().map(|(name, amount)| (name.clone(), amount.to_string().into())).collect())
}

/// Adds amounts to others.
pub fn add(to: &mut Amounts, amounts: &Amounts) {
    for (name, amount) in amounts {
        to.entry(name.clone()).and_modify(|sum| *sum = *sum + *amount).or_insert(*amount);
    }
}

/// Those of the `names` in a quota that objects of a kind count for.
pub fn counted<'a>(group: &str, plural: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let own = count_name(group, plural);
    let counts = |name: &str| {
        name == own
            || match (group, plural) {
                ("", "pods") => pod::counts(name),
                ("", "services") => {
                    matches!(name, "services" | "services.nodeports" | "services.loadbalancers")
                }
                ("", "persistentvolumeclaims") => {
                    ["persistentvolumeclaims", "requests.storage"].iter().any(|of| {
                        name == *of || name.strip_suffix(of).is_some_and(|start| start.ends_with(OF_CLASS))
                    })
                }
                ("", plural) => ALIASES.iter().any(|(of, alias)| *of == plural && *alias == name),
                _ => false,
            }
    };
    names.into_iter().filter(|name| counts(name)).collect()
}

/// What an object costs. `now` is in seconds since 1970: pods cost nothing once their grace is over.
pub fn usage(group: &str, plural: &str, object: &Value, now: i64) -> Amounts {
    let one = || Quantity::new(1, Format::DecimalSi);
    let mut cost = Amounts::from([(count_name(group, plural), one())]);
    match (group, plural) {
        ("", "pods") => cost.extend(pod::usage(object, now)),
        ("", "services") => cost.extend(service(object)),
        ("", "persistentvolumeclaims") => cost.extend(claim(object)),
        ("", plural) => {
            cost.extend(
                ALIASES.iter().filter(|(of, _)| *of == plural).map(|(_, name)| ((*name).into(), one())),
            );
        }
        _ => {}
    }
    cost
}

fn service(object: &Value) -> Amounts {
    let spec = &object["spec"];
    let ports = spec["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named =
        ports.iter().filter(|port| port["nodePort"].as_i64().is_some_and(|number| number != 0)).count();
    let (nodes, balancers) = match spec["type"].as_str() {
        Some("NodePort") => (ports.len(), 0),
        Some("LoadBalancer") if spec["allocateLoadBalancerNodePorts"] == false => (named, 1),
        Some("LoadBalancer") => (ports.len(), 1),
        _ => (0, 0),
    };
    let count = |count: usize| Quantity::new(i64::try_from(count).unwrap_or(i64::MAX), Format::DecimalSi);
    [("services", 1), ("services.nodeports", nodes), ("services.loadbalancers", balancers)]
        .map(|(name, number)| (name.to_owned(), count(number)))
        .into()
}

fn claim(object: &Value) -> Amounts {
    let one = Quantity::new(1, Format::DecimalSi);
    let annotation = object.pointer("/metadata/annotations/volume.beta.kubernetes.io~1storage-class");
    let class = annotation.or_else(|| object.pointer("/spec/storageClassName")).and_then(Value::as_str);
    let mut cost = Amounts::from([("persistentvolumeclaims".to_owned(), one)]);
    if let Some(size) = object.pointer("/spec/resources/requests/storage").and_then(quantity) {
        let allocated = object.pointer("/status/allocatedResources/storage").and_then(quantity);
        cost.insert("requests.storage".to_owned(), allocated.map_or(size, |other| size.max(other)));
    }
    if let Some(class) = class.filter(|class| !class.is_empty()) {
        let of_class: Vec<_> =
            cost.iter().map(|(name, amount)| (format!("{class}{OF_CLASS}{name}"), *amount)).collect();
        cost.extend(of_class);
    }
    cost
}

/// Whether the scopes of a quota's `spec` take in the object. Scopes are about pods, one about claims; a quota with
/// any other takes in nothing of other kinds.
pub fn in_scope(spec: &Value, group: &str, plural: &str, object: &Value) -> bool {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let plain = list(&spec["scopes"]).into_iter().map(|scope| {
        Value::Object(Map::from_iter([
            ("scopeName".to_owned(), scope),
            ("operator".to_owned(), "Exists".into()),
        ]))
    });
    plain.chain(list(&spec["scopeSelector"]["matchExpressions"])).all(|wanted| match (group, plural) {
        ("", "pods") => pod::in_scope(&wanted, object),
        ("", "persistentvolumeclaims") => claim_in_scope(&wanted, object),
        _ => false,
    })
}

fn claim_in_scope(wanted: &Value, claim: &Value) -> bool {
    if wanted["scopeName"] != "VolumeAttributesClass" {
        return false;
    }
    let paths = [
        "/spec/volumeAttributesClassName",
        "/status/currentVolumeAttributesClassName",
        "/status/modifyVolumeStatus/targetVolumeAttributesClassName",
    ];
    let names: Vec<&str> = paths
        .iter()
        .filter_map(|path| claim.pointer(path)?.as_str())
        .filter(|name| !name.is_empty())
        .collect();
    if names.is_empty() {
        return selected(wanted, None);
    }
    names.into_iter().any(|name| selected(wanted, Some(name)))
}

/// Whether a scope's operator and values take in that value, or the lack of one.
fn selected(wanted: &Value, value: Option<&str>) -> bool {
    let scope = wanted["scopeName"].as_str().unwrap_or_default();
    let mut expression = Map::from_iter([
        ("key".to_owned(), scope.into()),
        ("operator".to_owned(), wanted["operator"].clone()),
    ]);
    if let Some(values) = wanted.get("values") {
        expression.insert("values".to_owned(), values.clone());
    }
    let selector = Value::Object(Map::from_iter([(
        "matchExpressions".to_owned(),
        Value::Array(vec![Value::Object(expression)]),
    )]));
    let labels = value.map(|value| Value::Object(Map::from_iter([(scope.to_owned(), value.into())])));
    LabelSelector::from_object(&selector).is_ok_and(|selector| selector.matches_labels(labels.as_ref()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cost(group: &str, plural: &str, object: Value) -> Value {
        shown(&usage(group, plural, &object, 0))
    }

    #[test]
    fn services_claims_and_the_rest() {
        let ports = json!([{"port": 1, "nodePort": 30001}, {"port": 2}]);
        let of = |kind: &str| cost("", "services", json!({"spec": {"type": kind, "ports": ports}}));
        assert_eq!(
            of("LoadBalancer"),
            json!({"count/services": "1", "services": "1", "services.loadbalancers": "1", "services.nodeports": "2"})
        );
        assert_eq!(of("ClusterIP")["services.nodeports"], "0");
        let own =
            json!({"spec": {"type": "LoadBalancer", "ports": ports, "allocateLoadBalancerNodePorts": false}});
        assert_eq!(cost("", "services", own)["services.nodeports"], "1");
        let claim =
            json!({"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "5Gi"}}}});
        assert_eq!(
            cost("", "persistentvolumeclaims", claim),
            json!({"count/persistentvolumeclaims": "1", "persistentvolumeclaims": "1", "requests.storage": "5Gi",
                "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
                "gold.storageclass.storage.k8s.io/requests.storage": "5Gi"})
        );
        assert_eq!(cost("", "secrets", json!({})), json!({"count/secrets": "1", "secrets": "1"}));
        assert_eq!(cost("apps", "deployments", json!({})), json!({"count/deployments.apps": "1"}));
    }

    #[test]
    fn a_name_counts_for_one_kind() {
        let names = [
            "pods",
            "count/pods",
            "cpu",
            "limits.memory",
            "requests.nvidia.com/gpu",
            "hugepages-2Mi",
            "services",
            "count/deployments.apps",
            "configmaps",
            "requests.storage",
            "a.storageclass.storage.k8s.io/requests.storage",
        ];
        let of = |group, plural| counted(group, plural, names);
        assert_eq!(
            of("", "pods"),
            ["pods", "count/pods", "cpu", "limits.memory", "requests.nvidia.com/gpu", "hugepages-2Mi"]
        );
        assert_eq!(of("", "services"), ["services"]);
        assert_eq!(of("", "configmaps"), ["configmaps"]);
        assert_eq!(of("apps", "deployments"), ["count/deployments.apps"]);
        assert_eq!(
            of("", "persistentvolumeclaims"),
            ["requests.storage", "a.storageclass.storage.k8s.io/requests.storage"]
        );
    }

    #[test]
    fn scopes_keep_other_kinds_out() {
        let spec = json!({"scopes": ["BestEffort"]});
        assert!(!in_scope(&spec, "", "services", &json!({})));
        assert!(in_scope(&json!({}), "", "services", &json!({})));
        let by_class = json!({"scopeSelector": {"matchExpressions": [
            {"scopeName": "VolumeAttributesClass", "operator": "In", "values": ["fast"]}]}});
        let claim = |class: &str| json!({"spec": {"volumeAttributesClassName": class}});
        assert!(in_scope(&by_class, "", "persistentvolumeclaims", &claim("fast")));
        assert!(!in_scope(&by_class, "", "persistentvolumeclaims", &claim("slow")));
    }
}
