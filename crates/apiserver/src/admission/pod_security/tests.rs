//! Beside the answers of Kubernetes' own library.

use serde_json::json;

use super::level::policy;
use super::*;

/// What the checks say of a pod by a standard such as `baseline:v1.24`.
fn said(standard: &str, pod: &Value) -> String {
    let (level, version) = standard.split_once(':').unwrap();
    let labels = json!({
        "pod-security.kubernetes.io/enforce": level, "pod-security.kubernetes.io/enforce-version": version,
    });
    let policy = policy(&json!({"metadata": {"labels": labels}}));
    assert_eq!(policy.enforce.to_string(), standard);
    told(&violations(policy.enforce, pod))
}

#[test]
fn random_pods_are_judged_as_upstream_judges_them() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../objects/tests/data/pod_security.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut refused, mut passed) = (0, 0);
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (standard, detail) = (case["standard"].as_str().unwrap(), case["detail"].as_str().unwrap());
        assert_eq!(said(standard, &case["pod"]), detail, "{standard} {}", case["pod"]);
        if detail.is_empty() { passed += 1 } else { refused += 1 }
    }
    assert!(refused > 100 && passed > 10, "{refused} refused, {passed} passed");
}

#[test]
fn privileged_is_anything() {
    let pod = json!({"spec": {"hostNetwork": true, "containers": [{"name": "a"}]}});
    assert_eq!(said("privileged:latest", &pod), "");
    assert_eq!(said("baseline:latest", &pod), "host namespaces (hostNetwork=true)");
}

#[test]
fn one_pod_stands_for_its_controllers() {
    let pod = |name: &str, owner: &str| json!({"metadata": {"name": name, "ownerReferences": [{"uid": owner, "controller": true}]}});
    let alone = json!({"metadata": {"name": "alone"}});
    let turn = in_turn(vec![pod("a", "1"), pod("b", "1"), alone, pod("c", "2")]);
    assert_eq!(turn.iter().map(meta::name).collect::<Vec<_>>(), ["a", "alone", "c", "b"]);
}
