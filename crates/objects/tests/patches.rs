//! Patches beside Kubernetes' own results (see `xtask/schema/oracle`).

mod common;

use common::cases;
use objects::patch;
use objects::registry;
use objects::schema::TypeRef;
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
            Err(error) if case["error"].is_null() => failures.push(format!("{}: ours fails: {error}", case["patch"])),
            Err(_) => {}
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
