//! Columns of the cluster's own objects: nodes, namespaces, leases, priorities, runtimes, flow control.

use super::cells::{NONE, at, boolean, int, items, joined, text, text_or};
use super::{AGE, Column, NAME, column, number, wide};
use objects::meta;
use objects::registry::Kind;
use serde_json::{Value, json};

pub(super) fn columns(kind: &Kind) -> Option<&'static [Column]> {
    match (kind.group, kind.kind) {
        ("", "Node") => Some(NODE),
        ("", "Namespace") => Some(NAMESPACE),
        ("", "ComponentStatus") => Some(COMPONENT_STATUS),
        ("coordination.k8s.io", "Lease") => Some(LEASE),
        ("scheduling.k8s.io", "PriorityClass") => Some(PRIORITY_CLASS),
        ("node.k8s.io", "RuntimeClass") => Some(RUNTIME_CLASS),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema") => Some(FLOW_SCHEMA),
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration") => Some(PRIORITY_LEVEL),
        ("resource.k8s.io", "ResourceClaim") => Some(RESOURCE_CLAIM),
        ("resource.k8s.io", "ResourceSlice") => Some(RESOURCE_SLICE),
        ("resource.k8s.io", "DeviceClass" | "ResourceClaimTemplate") => Some(NAME_AND_AGE),
        _ => None,
    }
}

static NAME_AND_AGE: &[Column] = &[NAME, AGE];

static NODE: &[Column] = &[
    NAME,
    column("Status", |o| json!(node_status(o))),
    column("Roles", roles),
    AGE,
    column("Version", |o| json!(text(o, "/status/nodeInfo/kubeletVersion"))),
    wide("Internal-IP", |o| address(o, "InternalIP")),
    wide("External-IP", |o| address(o, "ExternalIP")),
    wide("OS-Image", |o| text_or(o, "/status/nodeInfo/osImage", "<unknown>")),
    wide("Kernel-Version", |o| text_or(o, "/status/nodeInfo/kernelVersion", "<unknown>")),
    wide("Container-Runtime", |o| text_or(o, "/status/nodeInfo/containerRuntimeVersion", "<unknown>")),
];

fn node_status(node: &Value) -> String {
    let ready = items(node, "/status/conditions").iter().find(|one| one["type"] == "Ready");
    let mut status = match ready {
        Some(ready) if ready["status"] == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if at(node, "/spec/unschedulable") == true {
        status.push_str(",SchedulingDisabled");
    }
    status
}

fn roles(node: &Value) -> Value {
    let labels = meta::labels(node).into_iter().flatten();
    let mut roles: Vec<&str> = labels
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None if key == "kubernetes.io/role" => value.as_str(),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    joined(roles, ",", NONE)
}

fn address(node: &Value, kind: &str) -> Value {
    let found = items(node, "/status/addresses").iter().find(|one| one["type"] == kind);
    found.map_or_else(|| json!(NONE), |one| text_or(one, "/address", NONE))
}

static NAMESPACE: &[Column] = &[NAME, column("Status", |o| json!(text(o, "/status/phase"))), AGE];

static COMPONENT_STATUS: &[Column] = &[
    NAME,
    column("Status", |o| {
        let healthy = items(o, "/conditions").iter().find(|one| one["type"] == "Healthy");
        json!(match healthy.map(|one| text(one, "/status")) {
            Some("True") => "Healthy",
            Some("False") => "Unhealthy",
            _ => "Unknown",
        })
    }),
    column("Message", |o| json!(text(o, "/conditions/0/message"))),
    column("Error", |o| json!(text(o, "/conditions/0/error"))),
];

static LEASE: &[Column] = &[NAME, column("Holder", |o| json!(text(o, "/spec/holderIdentity"))), AGE];

static PRIORITY_CLASS: &[Column] = &[
    NAME,
    number("Value", |o| json!(int(o, "/value"))),
    Column { kind: "boolean", ..column("Global-Default", |o| json!(at(o, "/globalDefault") == true)) },
    AGE,
    column("PreemptionPolicy", |o| json!(text(o, "/preemptionPolicy"))),
];

static RUNTIME_CLASS: &[Column] = &[NAME, column("Handler", |o| json!(text(o, "/handler"))), AGE];

static FLOW_SCHEMA: &[Column] = &[
    NAME,
    column("PriorityLevel", |o| json!(text(o, "/spec/priorityLevelConfiguration/name"))),
    number("MatchingPrecedence", |o| json!(int(o, "/spec/matchingPrecedence"))),
    column("DistinguisherMethod", |o| text_or(o, "/spec/distinguisherMethod/type", NONE)),
    AGE,
    column("MissingPL", |o| {
        let dangling = items(o, "/status/conditions").iter().find(|one| one["type"] == "Dangling");
        dangling.map_or_else(|| json!("?"), |one| boolean(&json!(one["status"] == "True")))
    }),
];

static PRIORITY_LEVEL: &[Column] = &[
    NAME,
    column("Type", |o| json!(text(o, "/spec/type"))),
    column("NominalConcurrencyShares", |o| shown(at(o, "/spec/limited/nominalConcurrencyShares"))),
    column("Queues", |o| shown(at(o, "/spec/limited/limitResponse/queuing/queues"))),
    column("HandSize", |o| shown(at(o, "/spec/limited/limitResponse/queuing/handSize"))),
    column("QueueLengthLimit", |o| shown(at(o, "/spec/limited/limitResponse/queuing/queueLengthLimit"))),
    AGE,
];

fn shown(number: &Value) -> Value {
    json!(number.as_i64().map_or_else(|| NONE.to_owned(), |number| number.to_string()))
}

static RESOURCE_CLAIM: &[Column] = &[NAME, column("State", |o| json!(claim_state(o))), AGE];

fn claim_state(claim: &Value) -> String {
    let mut states = Vec::new();
    if meta::deletion_timestamp(claim).is_some() {
        states.push("deleted");
    }
    match at(claim, "/status/allocation") {
        Value::Null if states.is_empty() => states.push("pending"),
        Value::Null => {}
        _ => {
            states.push("allocated");
            if !items(claim, "/status/reservedFor").is_empty() {
                states.push("reserved");
            }
        }
    }
    states.join(",")
}

static RESOURCE_SLICE: &[Column] = &[
    NAME,
    column("Node", |o| text_or(o, "/spec/nodeName", "<unset>")),
    column("Driver", |o| json!(text(o, "/spec/driver"))),
    column("Pool", |o| json!(text(o, "/spec/pool/name"))),
    AGE,
];
