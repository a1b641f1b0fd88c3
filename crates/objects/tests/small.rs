//! Quantities, names and selectors beside Kubernetes' own answers (see `xtask/schema/oracle`).
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod common;

use common::cases;
use objects::quantity::{self, Quantity};
use objects::registry;
use objects::selector::{FieldSelector, LabelSelector};
use objects::validate;
use serde_json::{Value, json};

fn report(failures: &[String]) {
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn quantities_are_canonical() {
    let mut failures = Vec::new();
    let mut last = Quantity::zero();
    for case in cases("quantities.jsonl") {
        let text = case["text"].as_str().unwrap();
        let mut case = case.clone();
        let ours = match quantity::canonical(text) {
            Err(error) => json!({"text": text, "error": error.to_string(), "value": 0, "milli": 0}),
            Ok(canonical) => {
                let quantity = Quantity::parse(text).unwrap();
                let sum = quantity + last;
                last = quantity;
                let sum = sum.to_string();
                // Beyond 64 bits Go wraps around, and it rounds negative fractions both ways; ours saturates and
                // rounds away from zero.
                if quantity.sign() < 0 || quantity.milli() == i64::MAX {
                    case["value"] = quantity.value().into();
                    case["milli"] = quantity.milli().into();
                }
                json!({"text": text, "canonical": canonical, "value": quantity.value(), "milli": quantity.milli(), "sum": sum})
            }
        };
        if ours != case {
            failures.push(format!("ours {ours}\n  go {case}"));
        }
    }
    report(&failures);
}

#[test]
fn names_are_judged_in_the_same_words() {
    let mut failures = Vec::new();
    for case in cases("names.jsonl") {
        let text = case["text"].as_str().unwrap();
        let check = match case["rule"].as_str().unwrap() {
            "dns1123Label" => validate::dns1123_label,
            "dns1123Subdomain" => validate::dns1123_subdomain,
            "dns1035Label" => validate::dns1035_label,
            "pathSegment" => validate::path_segment,
            "qualifiedName" => validate::qualified_name,
            "labelValue" => validate::label_value,
            "envVarName" => validate::env_var_name,
            "configMapKey" => validate::config_map_key,
            "portName" => validate::port_name,
            other => panic!("no rule {other}"),
        };
        let ours = json!(check(text));
        if ours != case["messages"] {
            failures.push(format!("{} {text:?}: ours {ours}\n  go {}", case["rule"], case["messages"]));
        }
    }
    report(&failures);
}

#[test]
fn selectors_read_and_match_alike() {
    let sets = [
        json!({}),
        json!({"a": "b"}),
        json!({"a": "c", "tier": "web"}),
        json!({"n": "5"}),
        json!({"a": "", "x/y": "z"}),
        json!({"n": "x", "a": "b"}),
    ];
    let mut failures = Vec::new();
    for case in cases("selectors.jsonl") {
        let text = case["text"].as_str().unwrap();
        let result = if case["kind"] == "label" {
            LabelSelector::parse(text)
                .map(|selector| sets.iter().map(|set| selector.matches_labels(Some(set))).collect::<Vec<_>>())
        } else {
            FieldSelector::parse(text).map(|selector| sets.iter().map(|set| selector.matches(set)).collect())
        };
        let (ours, theirs) = match result {
            Ok(matches) => (json!(matches), &case["matches"]),
            Err(error) => (json!(error.0), &case["error"]),
        };
        if ours != *theirs {
            failures.push(format!("{text:?}: ours {ours}\n  go {theirs}"));
        }
    }
    report(&failures);
}

#[test]
fn object_selectors_follow_their_text_form() {
    let selector = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["b", "a"]}, {"key": "old", "operator": "DoesNotExist"}]});
    let selector = LabelSelector::from_object(&selector).unwrap();
    assert_eq!(selector.to_string(), "app=web,!old,tier in (a,b)");
    assert!(selector.matches(&json!({"metadata": {"labels": {"app": "web", "tier": "a"}}})));
    assert!(!selector.matches(&json!({"metadata": {"labels": {"app": "web", "tier": "a", "old": ""}}})));
    assert!(LabelSelector::from_object(&Value::Null).unwrap().is_nothing());
    assert!(LabelSelector::from_object(&json!({})).unwrap().matches(&json!({})));
    assert!(!LabelSelector::from_map(&json!({})).matches(&json!({})));
}

#[test]
fn metadata_errors_name_field_and_rule() {
    let object = json!({"metadata": {"name": "A", "namespace": "x", "labels": {"a/b/c": "-"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": ""}]}});
    let texts: Vec<String> = validate::object_meta(&object, false, validate::dns1123_subdomain)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(texts.len(), 5, "{texts:?}");
    assert!(texts[0].starts_with("metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain must"));
    assert_eq!(texts[1], "metadata.namespace: Forbidden: not allowed on this type");
    assert!(
        texts[2].starts_with("metadata.labels: Invalid value: \"a/b/c\": a valid label key must consist of")
    );
    assert_eq!(texts[4], "metadata.ownerReferences[0].uid: Required value: must not be empty");
}

#[test]
fn the_table_of_kinds_is_ordered_and_complete() {
    let all = registry::all();
    assert!(all.is_sorted_by_key(|kind| (kind.group, kind.version, kind.plural)));
    for kind in all {
        assert!(std::ptr::eq(registry::by_resource(kind.group, kind.version, kind.plural).unwrap(), kind));
        assert_eq!(registry::type_of(kind.group, kind.version, kind.kind), Some(kind.schema));
        let listed = kind.allows("list");
        assert_eq!(
            listed,
            registry::type_of(kind.group, kind.version, kind.list_kind).is_some(),
            "{}",
            kind.plural
        );
        assert!(kind.schema.get().fields.is_sorted_by_key(|field| field.name), "{}", kind.kind);
    }
    let pods = registry::by_resource("", "v1", "pods").unwrap();
    assert_eq!((pods.short_names, pods.namespaced, pods.preferred), (&["po"][..], true, true));
    assert_eq!(pods.subresource("eviction").unwrap().kind, "Eviction");
    assert_eq!(
        pods.schema.descend(&["spec", "containers", "ports", "containerPort"]).unwrap().go_type,
        "int32"
    );
    for (group, kind) in [
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
        ("authentication.k8s.io", "TokenReview"),
        ("authorization.k8s.io", "SelfSubjectAccessReview"),
        ("policy", "Eviction"),
        ("autoscaling", "Scale"),
        ("", "Status"),
        ("apps", "DeleteOptions"),
    ] {
        assert!(registry::type_of(group, "v1", kind).is_some(), "{group} {kind}");
    }
    // Which fields a reader has seen is kept in 128 bits.
    assert!(all.iter().all(|kind| kind.schema.get().fields.len() <= 128));
    assert!(pods.schema.descend(&["spec"]).is_some());
}
