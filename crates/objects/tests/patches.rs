//! Patches beside Kubernetes' own results (see `xtask/schema/oracle`).
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod common;

use common::cases;
use objects::patch;
use objects::patch::apply::{self, Writer};
use objects::registry;
use objects::schema::TypeRef;
use objects::validate;
use serde_json::Value;

fn schema_of(object: &Value) -> TypeRef {
    let (group, version) = registry::split_api_version(object["apiVersion"].as_str().unwrap());
    registry::type_of(group, version, object["kind"].as_str().unwrap()).unwrap()
}

#[test]
fn strategic_merges_give_the_same_objects() {
    let mut failures = Vec::new();
    let all = cases("strategic.jsonl");
    assert!(all.len() > 40);
    for case in all {
        let ours = patch::strategic(schema_of(&case["original"]), &case["original"], &case["patch"]);
        match ours {
            Ok(value) => {
                common::compare(&mut failures, &case["patch"].to_string(), &value, &case["result"]);
            }
            Err(error) if case["error"].is_null() => {
                failures.push(format!("{}: ours fails: {error}", case["patch"]))
            }
            Err(_) => {}
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Plays one write as the API server would and returns the object or the error's text.
fn write(live: Option<&Value>, step: &Value) -> Result<Value, String> {
    let schema = schema_of(&step["object"]);
    let writer = Writer {
        manager: step["manager"].as_str().unwrap(),
        subresource: step["subresource"].as_str().unwrap_or_default(),
        now: "2024-01-01T00:00:00Z",
    };
    if step["operation"] == "apply" {
        let force = step["force"] == true;
        return apply::apply(schema, live, &step["object"], writer, force).map_err(|error| error.to_string());
    }
    let mut new = validate::conform(schema, step["object"].clone()).unwrap().value;
    apply::track_update(schema, live, &mut new, writer);
    Ok(new)
}

#[test]
fn applies_and_updates_own_the_same_fields() {
    let mut failures = Vec::new();
    let sequences = cases("apply.jsonl");
    assert!(sequences.len() > 30);
    for (number, sequence) in sequences.iter().enumerate() {
        let mut live: Option<Value> = None;
        for (at, step) in sequence.as_array().unwrap().iter().enumerate() {
            let name = format!("sequence {number} step {at} {} {}", step["operation"], step["object"]);
            match write(live.as_ref(), step) {
                Ok(ours) => {
                    if step["error"].is_null() {
                        let expected = common::without_nulls(schema_of(&step["object"]), &step["result"]);
                        common::compare(&mut failures, &name, &ours, &expected);
                        // The next step starts from what the real one had, so that each is judged alone.
                        live = Some(expected);
                    } else {
                        failures.push(format!("{name}: ours works, Go says {}", step["error"]));
                    }
                }
                Err(ours) if step["error"] != ours.as_str() => {
                    failures.push(format!("{name}:\n ours {ours}\n  go {}", step["error"]));
                }
                Err(_) => {}
            }
        }
    }
    let first: Vec<&String> = failures.iter().take(12).collect();
    assert!(failures.is_empty(), "{} failures, first:\n{first:#?}", failures.len());
}

#[test]
fn writers_may_reset_ownership_but_not_through_a_subresource() {
    let schema = registry::type_of("", "v1", "ConfigMap").unwrap();
    let writer = |manager, subresource| Writer { manager, subresource, now: "2024-01-01T00:00:00Z" };
    let object = |data: &str, managed: Value| {
        let text = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": data},
            "metadata": {"name": "c", "managedFields": managed}});
        validate::conform(schema, text).unwrap().value
    };
    let mut live = object("1", Value::Null);
    apply::track_update(schema, None, &mut live, writer("a", ""));
    let managers = |object: &Value| -> Vec<String> {
        let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["manager"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(managers(&live), ["a"]);

    let mut reset = object("1", serde_json::json!([{}]));
    apply::track_update(schema, Some(&live), &mut reset, writer("b", ""));
    assert_eq!(managers(&reset), Vec::<String>::new());

    let mut status = object("2", serde_json::json!([{}]));
    apply::track_update(schema, Some(&live), &mut status, writer("b", "status"));
    // The first writer made the map, the second changed what is in it.
    assert_eq!(managers(&status), ["a", "b"]);
    assert_eq!(status["metadata"]["managedFields"][1]["subresource"], "status");

    // A write that changes nothing leaves the record as it is, times too.
    let mut same = live.clone();
    let later = Writer { now: "2025-01-01T00:00:00Z", ..writer("c", "") };
    apply::track_update(schema, Some(&live), &mut same, later);
    assert_eq!(same, live);
}
