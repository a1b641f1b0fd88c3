//! Codecs beside Kubernetes' own: objects and texts with the answers of its Go types (see `xtask/schema/oracle`).
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod common;

use common::{cases, without_nulls};
use objects::codec::{Codec, Json, Protobuf, Yaml};
use objects::registry;
use serde_json::Value;

/// The field of a case as text.
fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap_or_default()
}

#[test]
fn random_objects_decode_and_encode_as_in_go() {
    let mut failures = Vec::new();
    let all = cases("objects.jsonl");
    assert!(all.len() > 70, "{}", all.len());
    for case in &all {
        let (group, version, kind) = (text(case, "group"), text(case, "version"), text(case, "kind"));
        let schema = registry::type_of(group, version, kind)
            .unwrap_or_else(|| panic!("no type {group} {version} {kind}"));
        let binary = base64(text(case, "protobuf"));
        let expected = without_nulls(schema, &case["json"]);

        let json = Json.decode(schema, case["json"].to_string().as_bytes()).unwrap();
        assert_eq!(json.problems, Vec::<String>::new(), "{kind}");
        common::compare(&mut failures, &format!("{kind} from JSON"), &json.value, &expected);

        let decoded = Protobuf.decode(schema, &binary).unwrap();
        common::compare(&mut failures, &format!("{kind} from protobuf"), &decoded.value, &expected);

        let encoded = Protobuf.encode(schema, &json.value).unwrap();
        if encoded != binary {
            let at = encoded.iter().zip(&binary).take_while(|(ours, theirs)| ours == theirs).count();
            failures.push(format!("{kind} to protobuf: byte {at} of {} differs", binary.len()));
        }

        let yaml = Yaml.encode(schema, &json.value).unwrap();
        let again = Yaml.decode(schema, &yaml).unwrap();
        common::compare(&mut failures, &format!("{kind} through YAML"), &again.value, &expected);
    }
    assert!(
        failures.is_empty(),
        "{} failures, first:\n{}",
        failures.len(),
        failures[..failures.len().min(5)].join("\n")
    );
}

#[test]
fn texts_decode_as_in_go() {
    let mut failures = Vec::new();
    for case in cases("decode.jsonl") {
        let input = text(&case, "input");
        let object: Value = serde_json::from_str(input).unwrap();
        let (group, version) = registry::split_api_version(object["apiVersion"].as_str().unwrap());
        let schema = registry::type_of(group, version, object["kind"].as_str().unwrap()).unwrap();
        match Json.decode(schema, input.as_bytes()) {
            Ok(decoded) => {
                let problems: Vec<&str> =
                    case["problems"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                common::compare(
                    &mut failures,
                    input,
                    &decoded.value,
                    &without_nulls(schema, &case["output"]),
                );
                if decoded.problems != problems {
                    failures.push(format!("{input}\n ours {:?}\n go   {problems:?}", decoded.problems));
                }
            }
            Err(error) if error.to_string() != text(&case, "error") => {
                failures.push(format!("{input}\n ours {error}\n go   {}", case["error"]));
            }
            Err(_) => {}
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
