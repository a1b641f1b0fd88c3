//! Columns of configuration that pods and the cluster read: config maps, secrets, quotas, classes, webhooks, events.

use super::cells::{NONE, at, int, items, since, text, text_or};
use super::{AGE, Column, NAME, column, number, wide};
use objects::registry::Kind;
use serde_json::{Value, json};

pub(super) fn columns(kind: &Kind) -> Option<&'static [Column]> {
    match (kind.group, kind.kind) {
        ("", "ConfigMap") => Some(CONFIG_MAP),
        ("", "Secret") => Some(SECRET),
        ("", "ResourceQuota") => Some(RESOURCE_QUOTA),
        ("" | "events.k8s.io", "Event") => Some(EVENT),
        (
            "admissionregistration.k8s.io",
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
        ) => Some(WEBHOOKS),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => Some(VALIDATING_POLICY),
        (
            "admissionregistration.k8s.io",
            "ValidatingAdmissionPolicyBinding" | "MutatingAdmissionPolicyBinding",
        ) => Some(POLICY_BINDING),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicy") => Some(MUTATING_POLICY),
        _ => None,
    }
}

fn size(map: &Value) -> usize {
    map.as_object().map_or(0, serde_json::Map::len)
}

static CONFIG_MAP: &[Column] =
    &[NAME, number("Data", |o| json!(size(at(o, "/data")) + size(at(o, "/binaryData")))), AGE];

static SECRET: &[Column] = &[
    NAME,
    column("Type", |o| json!(text(o, "/type"))),
    number("Data", |o| json!(size(at(o, "/data")))),
    AGE,
];

static RESOURCE_QUOTA: &[Column] =
    &[NAME, column("Request", |o| quota(o, false)), column("Limit", |o| quota(o, true)), AGE];

fn quota(quota: &Value, limits: bool) -> Value {
    let hard = at(quota, "/status/hard").as_object().into_iter().flatten();
    let shown: Vec<String> = hard
        .filter(|(resource, _)| resource.starts_with("limits.") == limits)
        .map(|(resource, hard)| {
            let used = at(quota, "/status/used").get(resource).and_then(Value::as_str).unwrap_or("0");
            format!("{resource}: {used}/{}", hard.as_str().unwrap_or_default())
        })
        .collect();
    json!(shown.join(", "))
}

static EVENT: &[Column] = &[
    column("Last Seen", |o| {
        let last = match text(o, "/series/lastObservedTime") {
            "" => either(o, "/lastTimestamp", "/deprecatedLastTimestamp"),
            last => last,
        };
        if last.is_empty() { first_seen(o) } else { since(last) }
    }),
    column("Type", |o| json!(text(o, "/type"))),
    column("Reason", |o| json!(text(o, "/reason"))),
    column("Object", |o| {
        let kind = either(o, "/involvedObject/kind", "/regarding/kind").to_lowercase();
        match either(o, "/involvedObject/name", "/regarding/name") {
            "" => json!(kind),
            name => json!(format!("{kind}/{name}")),
        }
    }),
    wide("Subobject", |o| json!(either(o, "/involvedObject/fieldPath", "/regarding/fieldPath"))),
    wide("Source", |o| json!(source(o))),
    column("Message", |o| json!(either(o, "/message", "/note").trim())),
    wide("First Seen", first_seen),
    Column { kind: "integer", ..wide("Count", |o| json!(count(o))) },
    Column { format: "name", ..wide("Name", |o| json!(objects::meta::name(o))) },
];

/// A field under its name in core/v1 or in events.k8s.io/v1.
fn either<'a>(event: &'a Value, core: &str, events: &str) -> &'a str {
    match text(event, core) {
        "" => text(event, events),
        found => found,
    }
}

fn first_seen(event: &Value) -> Value {
    match either(event, "/firstTimestamp", "/deprecatedFirstTimestamp") {
        "" => since(text(event, "/eventTime")),
        first => since(first),
    }
}

fn source(event: &Value) -> String {
    let component = match either(event, "/source/component", "/deprecatedSource/component") {
        "" => either(event, "/reportingComponent", "/reportingController"),
        component => component,
    };
    let host = match either(event, "/source/host", "/deprecatedSource/host") {
        "" => text(event, "/reportingInstance"),
        host => host,
    };
    if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") }
}

fn count(event: &Value) -> i64 {
    let series = int(event, "/series/count");
    let single = int(event, "/count").max(int(event, "/deprecatedCount"));
    if series > 0 { series } else { single.max(1) }
}

static WEBHOOKS: &[Column] = &[NAME, number("Webhooks", |o| json!(items(o, "/webhooks").len())), AGE];

static VALIDATING_POLICY: &[Column] = &[
    NAME,
    number("Validations", |o| json!(items(o, "/spec/validations").len())),
    column("ParamKind", param_kind),
    AGE,
];

static MUTATING_POLICY: &[Column] = &[
    NAME,
    number("Mutations", |o| json!(items(o, "/spec/mutations").len())),
    column("ParamKind", param_kind),
    AGE,
];

fn param_kind(policy: &Value) -> Value {
    match text(policy, "/spec/paramKind/kind") {
        "" => json!("<unset>"),
        kind => json!(format!("{}/{kind}", text(policy, "/spec/paramKind/apiVersion"))),
    }
}

static POLICY_BINDING: &[Column] = &[
    NAME,
    column("PolicyName", |o| json!(text(o, "/spec/policyName"))),
    column("ParamRef", |o| {
        match (text(o, "/spec/paramRef/namespace"), text_or(o, "/spec/paramRef/name", "")) {
            (_, name) if name == "" => json!("<unset>"),
            ("", name) => name,
            (namespace, name) => json!(format!("{namespace}/{}", name.as_str().unwrap_or(NONE))),
        }
    }),
    AGE,
];
