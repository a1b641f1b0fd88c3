//! What a cluster holds from its first moment: namespaces, roles and bindings, priority classes, the `kubernetes`
//! Service with its endpoints.
//!
//! Idempotent: what exists is left alone, so that administrators may change it, with two exceptions: the default
//! roles get back rules that were taken from them (unless their annotation `autoupdate` is false), the endpoints of
//! `kubernetes` follow the advertise address.
//! Everything goes into one commit: a death in between leaves all or nothing of it.

mod policy;

use objects::meta;
use objects::registry::{self, Kind};
use serde_json::{Value, json};
use store::{CommitError, Expect, Op, Store};

use crate::options::Options;
use crate::state::StartError;
use crate::status::Status;
use crate::storage;
use crate::strategy;
use crate::strategy::fields::items;

/// Namespaces that are always there.
const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

fn failed(object: &str) -> impl Fn(Status) -> StartError {
    let object = object.to_owned();
    move |status| StartError::Bootstrap { object: object.clone(), message: status.message }
}

fn kind_of(object: &Value) -> Result<&'static Kind, StartError> {
    let (group, version) = registry::split_api_version(meta::api_version(object));
    registry::by_kind(group, version, meta::kind(object)).ok_or_else(|| StartError::Bootstrap {
        object: meta::kind(object).to_owned(),
        message: "this kind is not served".into(),
    })
}

/// Writes what is missing.
pub(crate) async fn run(options: &Options) -> Result<(), StartError> {
    let (now, store) = (meta::now(), &options.store);
    let mut ops = Vec::new();
    let mut objects: Vec<Value> = NAMESPACES.map(namespace).to_vec();
    objects.extend(priority_classes());
    objects.extend(policy::objects());
    for object in objects {
        ops.extend(ensure(store, object, &now)?);
    }
    ops.extend(kubernetes(options, &now)?);
    if ops.is_empty() {
        return Ok(());
    }
    store.commit(ops).await.map(drop).map_err(|error| match error {
        CommitError::Conflict { key, .. } => StartError::Bootstrap {
            object: key,
            message: "it was written by someone else at the same time; start again".into(),
        },
        CommitError::Failed(failure) => {
            StartError::Bootstrap { object: "all of them".into(), message: failure.to_string() }
        }
    })
}

/// The object as a create would store it.
fn finished(kind: &'static Kind, mut object: Value, now: &str) -> Result<Value, StartError> {
    let name = meta::name(&object).to_owned();
    let uid = crate::rest::uuid().map_err(failed(&name))?;
    let metadata = meta::metadata_mut(&mut object);
    metadata.insert("uid".into(), uid.into());
    metadata.insert("creationTimestamp".into(), now.into());
    objects::defaults::apply(kind.schema, &mut object);
    strategy::of(kind).default_spec(&mut object);
    Ok(object)
}

fn put(kind: &'static Kind, object: &Value, expect: Expect) -> Op {
    let namespace = kind.namespaced.then(|| meta::namespace(object));
    storage::put(kind, namespace, meta::name(object), object, expect)
}

/// Creates the object, or mends a default role.
fn ensure(store: &Store, object: Value, now: &str) -> Result<Option<Op>, StartError> {
    let kind = kind_of(&object)?;
    let namespace = kind.namespaced.then(|| meta::namespace(&object));
    let Some(entry) = store.get(&storage::key(kind, namespace, meta::name(&object))) else {
        let object = finished(kind, object, now)?;
        return Ok(Some(put(kind, &object, Expect::Absent)));
    };
    if kind.plural != "clusterroles" {
        return Ok(None);
    }
    let mut stored = storage::decode(kind, &entry).map_err(failed(meta::name(&object)))?;
    let updates = meta::annotation(&stored, "rbac.authorization.kubernetes.io/autoupdate") != Some("false");
    let have = items(&stored, "rules").to_vec();
    let missing: Vec<Value> =
        items(&object, "rules").iter().filter(|rule| !have.contains(rule)).cloned().collect();
    if !updates || missing.is_empty() {
        return Ok(None);
    }
    strategy::fields::set(&mut stored, "rules", [have, missing].concat());
    Ok(Some(put(kind, &stored, Expect::Revision(entry.mod_revision))))
}

fn namespace(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
    })
}

fn priority_classes() -> [Value; 2] {
    let class = |name: &str, value: i64, text: &str| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": name, "generation": 1}, "value": value, "description": text,
        })
    };
    [
        class(
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
        class(
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
    ]
}

/// The Service through which pods reach this server, and its endpoints.
fn kubernetes(options: &Options, now: &str) -> Result<Vec<Op>, StartError> {
    let store = &options.store;
    let mut ops = Vec::new();
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    let address = options.service_cidr.nth(1).map(|address| address.to_string()).unwrap_or_default();
    let metadata = json!({"name": "kubernetes", "namespace": "default", "labels": labels});
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": {
            "type": "ClusterIP", "clusterIP": address, "clusterIPs": [address],
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": options.advertise_port}],
        },
        "status": {"loadBalancer": {}},
    });
    ops.extend(ensure(store, service, now)?);
    let parent = json!({"group": "", "resource": "services", "namespace": "default", "name": "kubernetes"});
    let mark = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
        "metadata": {"name": address, "labels": {
            "ipaddress.kubernetes.io/ip-family": "IPv4",
            "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
        }},
        "spec": {"parentRef": parent},
    });
    ops.extend(ensure(store, mark, now)?);
    let cidrs: Vec<String> = std::iter::once(options.service_cidr)
        .chain(options.service_cidr6)
        .map(|cidr| cidr.to_string())
        .collect();
    let range = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR",
        "metadata": {"name": "kubernetes"}, "spec": {"cidrs": cidrs},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "", "message":
            "Kubernetes Service CIDR is ready", "lastTransitionTime": now}]},
    });
    ops.extend(ensure(store, range, now)?);

    let (host, port) = (options.advertise_address.to_string(), options.advertise_port);
    let endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints",
        "metadata": {"name": "kubernetes", "namespace": "default",
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [{"addresses": [{"ip": host}], "ports": [{"name": "https", "port": port, "protocol": "TCP"}]}],
    });
    ops.extend(replace(store, endpoints, &["subsets"], now)?);
    let family = if options.advertise_address.is_ipv4() { "IPv4" } else { "IPv6" };
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "kubernetes", "namespace": "default", "generation": 1,
            "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": family,
        "endpoints": [{"addresses": [host], "conditions": {"ready": true}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    });
    ops.extend(replace(store, slice, &["endpoints", "ports", "addressType"], now)?);
    Ok(ops)
}

/// Creates the object, or gives the fields of the stored one their values.
fn replace(store: &Store, object: Value, fields: &[&str], now: &str) -> Result<Option<Op>, StartError> {
    let kind = kind_of(&object)?;
    let object = finished(kind, object, now)?;
    let Some(entry) = store.get(&storage::key(kind, Some(meta::namespace(&object)), meta::name(&object)))
    else {
        return Ok(Some(put(kind, &object, Expect::Absent)));
    };
    let mut stored = storage::decode(kind, &entry).map_err(failed(meta::name(&object)))?;
    if fields.iter().all(|field| stored.get(field) == object.get(field)) {
        return Ok(None);
    }
    for field in fields {
        strategy::fields::put(&mut stored, field, object.get(field).cloned());
    }
    Ok(Some(put(kind, &stored, Expect::Revision(entry.mod_revision))))
}
