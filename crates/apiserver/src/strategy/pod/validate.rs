//! What must hold for a pod spec, in pods and templates alike, with upstream's paths and texts.
//!
//! Containers are in [`super::container`], volumes in [`super::volume`]. Not checked here: whether what a spec
//! refers to exists; that is for admission, the scheduler and the kubelet.

use std::collections::BTreeSet;
use std::net::IpAddr;

use objects::validate::{self, FieldError};
use serde_json::Value;

use super::{container, security, volume};
use crate::strategy::fields::{
    has, items, label_selector, name_errors, number, one_of, port_number, subdomain, text,
};

/// Checks the template of a workload at `object[key]`: metadata and spec.
pub(crate) fn template(errors: &mut Vec<FieldError>, template: &Value, path: &str) {
    let metadata = template.get("metadata").unwrap_or(&Value::Null);
    errors.extend(validate::labels(metadata.get("labels"), &format!("{path}.labels")));
    errors.extend(validate::annotations(metadata.get("annotations"), &format!("{path}.annotations")));
    let spec = template.get("spec").unwrap_or(&Value::Null);
    pod_spec(errors, spec, &format!("{path}.spec"));
    if !items(spec, "ephemeralContainers").is_empty() {
        errors.push(FieldError::forbidden(
            format!("{path}.spec.ephemeralContainers"),
            "ephemeral containers not allowed in pod template",
        ));
    }
}

/// Checks a template whose pods must never end by themselves (Deployment, ReplicaSet, StatefulSet, DaemonSet).
pub(crate) fn template_restarting(errors: &mut Vec<FieldError>, object: &Value, selector: &Value) {
    let Some(found) = object.get("template").filter(|template| template.is_object()) else {
        errors.push(FieldError::required("spec.template", ""));
        return;
    };
    if let Ok(selector) = objects::selector::LabelSelector::from_object(selector)
        && !selector.matches(found)
    {
        let labels = found.pointer("/metadata/labels").cloned().unwrap_or(Value::Null);
        errors.push(FieldError::invalid(
            "spec.template.metadata.labels",
            labels,
            "`selector` does not match template `labels`",
        ));
    }
    template(errors, found, "spec.template");
    let policy = found["spec"]["restartPolicy"].as_str().unwrap_or("Always");
    if policy != "Always" {
        errors.push(FieldError::not_supported("spec.template.spec.restartPolicy", policy, &["Always"]));
    }
    if has(&found["spec"], "activeDeadlineSeconds") {
        errors.push(FieldError::forbidden(
            "spec.template.spec.activeDeadlineSeconds",
            "activeDeadlineSeconds in ReplicaSet is not Supported",
        ));
    }
}

/// Checks a pod spec.
pub(crate) fn pod_spec(errors: &mut Vec<FieldError>, spec: &Value, path: &str) {
    let volumes = volume::list(errors, items(spec, "volumes"), &format!("{path}.volumes"));
    container::all(errors, spec, &volumes, path);
    one_of(errors, spec, "restartPolicy", path, &["Always", "Never", "OnFailure"]);
    one_of(errors, spec, "dnsPolicy", path, &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]);
    if let Some(seconds) = number(spec, "terminationGracePeriodSeconds").filter(|seconds| *seconds < 0) {
        let field = format!("{path}.terminationGracePeriodSeconds");
        errors.push(FieldError::invalid(field, seconds, "must be greater than or equal to 0"));
    }
    if let Some(seconds) = number(spec, "activeDeadlineSeconds")
        && !(1..=i64::from(u32::MAX >> 1)).contains(&seconds)
    {
        let field = format!("{path}.activeDeadlineSeconds");
        errors.push(FieldError::invalid(field, seconds, "must be between 1 and 2147483647, inclusive"));
    }
    for key in ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] {
        subdomain(errors, spec, key, path);
    }
    for key in ["hostname", "subdomain"] {
        let value = text(spec, key);
        if !value.is_empty() {
            name_errors(errors, &format!("{path}.{key}"), value, validate::dns1123_label(value));
        }
    }
    for (at, secret) in items(spec, "imagePullSecrets").iter().enumerate() {
        if text(secret, "name").is_empty() {
            errors.push(FieldError::required(format!("{path}.imagePullSecrets[{at}].name"), ""));
        }
    }
    errors.extend(validate::labels(spec.get("nodeSelector"), &format!("{path}.nodeSelector")));
    tolerations(errors, items(spec, "tolerations"), &format!("{path}.tolerations"));
    affinity(errors, spec.get("affinity").unwrap_or(&Value::Null), &format!("{path}.affinity"));
    spread(errors, items(spec, "topologySpreadConstraints"), &format!("{path}.topologySpreadConstraints"));
    host_aliases(errors, items(spec, "hostAliases"), &format!("{path}.hostAliases"));
    dns_config(errors, spec, path);
    security::of_pod(errors, spec, path);
}

/// Checks tolerations.
pub(crate) fn tolerations(errors: &mut Vec<FieldError>, list: &[Value], path: &str) {
    for (at, toleration) in list.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let (key, operator, value) =
            (text(toleration, "key"), text(toleration, "operator"), text(toleration, "value"));
        if !key.is_empty() {
            name_errors(errors, &format!("{path}.key"), key, validate::qualified_name(key));
        } else if operator != "Exists" {
            errors.push(FieldError::invalid(
                format!("{path}.operator"),
                operator,
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
            ));
        }
        let effect = text(toleration, "effect");
        if has(toleration, "tolerationSeconds") && effect != "NoExecute" {
            errors.push(FieldError::invalid(
                format!("{path}.effect"),
                effect,
                "effect must be 'NoExecute' when `tolerationSeconds` is set",
            ));
        }
        match operator {
            "" | "Equal" => {
                name_errors(errors, &format!("{path}.operator"), value, validate::label_value(value))
            }
            "Exists" if !value.is_empty() => errors.push(FieldError::invalid(
                format!("{path}.operator"),
                toleration.clone(),
                "value must be empty when `operator` is 'Exists'",
            )),
            "Exists" => {}
            other => {
                errors.push(FieldError::not_supported(
                    format!("{path}.operator"),
                    other,
                    &["Equal", "Exists"],
                ));
            }
        }
        if !matches!(effect, "" | "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
            let allowed = ["NoExecute", "NoSchedule", "PreferNoSchedule"];
            errors.push(FieldError::not_supported(format!("{path}.effect"), effect, &allowed));
        }
    }
}

fn affinity(errors: &mut Vec<FieldError>, affinity: &Value, path: &str) {
    let node = &affinity["nodeAffinity"];
    if let Some(required) =
        node.get("requiredDuringSchedulingIgnoredDuringExecution").filter(|one| one.is_object())
    {
        let path = format!("{path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
        let terms = items(required, "nodeSelectorTerms");
        if terms.is_empty() {
            let field = format!("{path}.nodeSelectorTerms");
            errors.push(FieldError::required(field, "must have at least one node selector term"));
        }
        for (at, term) in terms.iter().enumerate() {
            node_term(errors, term, &format!("{path}.nodeSelectorTerms[{at}]"));
        }
    }
    for (at, preferred) in items(node, "preferredDuringSchedulingIgnoredDuringExecution").iter().enumerate() {
        let path = format!("{path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[{at}]");
        weight(errors, preferred, &path);
        node_term(errors, &preferred["preference"], &format!("{path}.preference"));
    }
    for name in ["podAffinity", "podAntiAffinity"] {
        let path = format!("{path}.{name}");
        for (at, term) in
            items(&affinity[name], "requiredDuringSchedulingIgnoredDuringExecution").iter().enumerate()
        {
            pod_term(errors, term, &format!("{path}.requiredDuringSchedulingIgnoredDuringExecution[{at}]"));
        }
        for (at, preferred) in
            items(&affinity[name], "preferredDuringSchedulingIgnoredDuringExecution").iter().enumerate()
        {
            let path = format!("{path}.preferredDuringSchedulingIgnoredDuringExecution[{at}]");
            weight(errors, preferred, &path);
            pod_term(errors, &preferred["podAffinityTerm"], &format!("{path}.podAffinityTerm"));
        }
    }
}

fn weight(errors: &mut Vec<FieldError>, preferred: &Value, path: &str) {
    let weight = number(preferred, "weight").unwrap_or_default();
    if !(1..=100).contains(&weight) {
        errors.push(FieldError::invalid(format!("{path}.weight"), weight, "must be in the range 1-100"));
    }
}

fn node_term(errors: &mut Vec<FieldError>, term: &Value, path: &str) {
    for list in ["matchExpressions", "matchFields"] {
        for (at, expression) in items(term, list).iter().enumerate() {
            let path = format!("{path}.{list}[{at}]");
            let count = items(expression, "values").len();
            match text(expression, "operator") {
                "In" | "NotIn" if count == 0 => errors.push(FieldError::required(
                    format!("{path}.values"),
                    "must be specified when `operator` is 'In' or 'NotIn'",
                )),
                "Exists" | "DoesNotExist" if count > 0 => errors.push(FieldError::forbidden(
                    format!("{path}.values"),
                    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                )),
                "Gt" | "Lt" if count != 1 => errors.push(FieldError::required(
                    format!("{path}.values"),
                    "must be specified single value when `operator` is 'Lt' or 'Gt'",
                )),
                "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
                other => errors.push(FieldError::invalid(
                    format!("{path}.operator"),
                    other,
                    "not a valid selector operator",
                )),
            }
            if list == "matchExpressions" {
                let key = text(expression, "key");
                name_errors(errors, &format!("{path}.key"), key, validate::qualified_name(key));
            }
        }
    }
}

fn pod_term(errors: &mut Vec<FieldError>, term: &Value, path: &str) {
    for selector in ["labelSelector", "namespaceSelector"] {
        label_selector(errors, &term[selector], &format!("{path}.{selector}"));
    }
    let key = text(term, "topologyKey");
    if key.is_empty() {
        errors.push(FieldError::required(format!("{path}.topologyKey"), "can not be empty"));
    } else {
        name_errors(errors, &format!("{path}.topologyKey"), key, validate::qualified_name(key));
    }
}

fn spread(errors: &mut Vec<FieldError>, list: &[Value], path: &str) {
    let mut seen = BTreeSet::new();
    for (at, constraint) in list.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let skew = number(constraint, "maxSkew").unwrap_or_default();
        if skew <= 0 {
            errors.push(FieldError::invalid(format!("{path}.maxSkew"), skew, "must be greater than zero"));
        }
        let (key, action) = (text(constraint, "topologyKey"), text(constraint, "whenUnsatisfiable"));
        if key.is_empty() {
            errors.push(FieldError::required(format!("{path}.topologyKey"), "can not be empty"));
        }
        if !matches!(action, "DoNotSchedule" | "ScheduleAnyway") {
            let allowed = ["DoNotSchedule", "ScheduleAnyway"];
            errors.push(FieldError::not_supported(format!("{path}.whenUnsatisfiable"), action, &allowed));
        }
        if !seen.insert((key, action)) {
            let pair = Value::String(format!("{{{key}, {action}}}"));
            let field = format!("{path}.{{topologyKey, whenUnsatisfiable}}");
            errors.push(FieldError::new(field, validate::Reason::Duplicate, pair, ""));
        }
        label_selector(errors, &constraint["labelSelector"], &format!("{path}.labelSelector"));
    }
}

fn host_aliases(errors: &mut Vec<FieldError>, list: &[Value], path: &str) {
    for (at, alias) in list.iter().enumerate() {
        let ip = text(alias, "ip");
        if ip.parse::<IpAddr>().is_err() {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            errors.push(FieldError::invalid(format!("{path}[{at}].ip"), ip, detail));
        }
        for (number, name) in items(alias, "hostnames").iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            let field = format!("{path}[{at}].hostnames[{number}]");
            name_errors(errors, &field, name, validate::dns1123_subdomain(name));
        }
    }
}

fn dns_config(errors: &mut Vec<FieldError>, spec: &Value, path: &str) {
    let config = spec.get("dnsConfig").unwrap_or(&Value::Null);
    let servers = items(config, "nameservers");
    if text(spec, "dnsPolicy") == "None" && servers.is_empty() {
        let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        errors.push(FieldError::required(format!("{path}.dnsConfig.nameservers"), detail));
    }
    if servers.len() > 3 {
        let detail = "must not have more than 3 nameservers";
        let value = Value::Array(servers.to_vec());
        errors.push(FieldError::invalid(format!("{path}.dnsConfig.nameservers"), value, detail));
    }
    for (at, server) in servers.iter().enumerate() {
        let server = server.as_str().unwrap_or_default();
        if server.parse::<IpAddr>().is_err() {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            errors.push(FieldError::invalid(format!("{path}.dnsConfig.nameservers[{at}]"), server, detail));
        }
    }
}

/// Checks a host port pair of a pod: on the host's network both must be the same.
pub(super) fn host_network_port(errors: &mut Vec<FieldError>, port: &Value, path: &str) {
    let (host, own) = (number(port, "hostPort").unwrap_or_default(), number(port, "containerPort"));
    if host != own.unwrap_or_default() {
        let detail = "must match `hostPort` when `hostNetwork` is true";
        errors.push(FieldError::invalid(format!("{path}.containerPort"), own.unwrap_or_default(), detail));
    }
    if host != 0 {
        port_number(errors, host, &format!("{path}.hostPort"));
    }
}
