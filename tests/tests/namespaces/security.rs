//! Pod Security levels by label.

use e2e::objects::started;
use e2e::{eventually, images};
use serde_json::json;

use crate::{apply, await_running, pod, refused};

#[test]
fn pods_below_the_level_of_their_namespace_are_refused_or_warned_of() {
    let cluster = started();
    cluster.kubectl_ok(&["create", "namespace", "safe"]);
    cluster.kubectl_ok(&[
        "create",
        "deployment",
        "old",
        "-n",
        "safe",
        "--image",
        images::BUSYBOX,
        "--replicas=2",
        "--",
        "sleep",
        "1000",
    ]);
    eventually("two pods", || {
        (cluster.get(&["-n", "safe", "pods"])["items"].as_array().unwrap().len() == 2).then_some(())
    });
    let wrong = refused(cluster.kubectl(&[
        "label",
        "namespace",
        "safe",
        "pod-security.kubernetes.io/enforce=strict",
    ]));
    assert_eq!(
        wrong.trim(),
        "The Namespace \"safe\" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"strict\": must be one of privileged, baseline, restricted"
    );
    // What is there already is told of when the level rises, in a dry run too.
    let reasons =
        "allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile";
    for dry in [true, false] {
        let mut arguments =
            vec!["label", "namespace", "safe", "pod-security.kubernetes.io/enforce=restricted"];
        arguments.extend(dry.then_some("--dry-run=server"));
        let ran = cluster.kubectl(&arguments);
        assert!(ran.success, "{}", ran.stderr);
        let lines: Vec<&str> = ran.stderr.lines().collect();
        assert_eq!(
            lines[0],
            "Warning: existing pods in namespace \"safe\" violate the new PodSecurity enforce level \"restricted:latest\""
        );
        assert!(
            lines[1].starts_with("Warning: old-")
                && lines[1].ends_with(&format!(" (and 1 other pod): {reasons}")),
            "{lines:?}"
        );
    }
    let detail = "allowPrivilegeEscalation != false (container \"main\" must set securityContext.allowPrivilegeEscalation=false), \
        unrestricted capabilities (container \"main\" must set securityContext.capabilities.drop=[\"ALL\"]), \
        runAsNonRoot != true (pod or container \"main\" must set securityContext.runAsNonRoot=true), \
        seccompProfile (pod or container \"main\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")";
    let no = refused(apply(&cluster, &[pod("safe", "a", "true")]));
    assert_eq!(
        no.trim(),
        format!(
            "Error from server (Forbidden): error when creating \"STDIN\": pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": {detail}"
        )
    );
    // What makes pods is let in with a warning, and told why it gets none.
    let template =
        json!({"metadata": {"labels": {"app": "web"}}, "spec": pod("safe", "x", "sleep 1000")["spec"]});
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "safe"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template}});
    let ran = apply(&cluster, &[web]);
    assert!(ran.success);
    assert_eq!(
        ran.stderr.trim(),
        format!("Warning: would violate PodSecurity \"restricted:latest\": {detail}")
    );
    eventually("the deployment says why", || {
        let web = cluster.get(&["-n", "safe", "deployment", "web"]);
        let conditions = web["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let failure = conditions.into_iter().find(|one| one["type"] == "ReplicaFailure")?;
        failure["message"]
            .as_str()
            .unwrap()
            .contains("violates PodSecurity \"restricted:latest\"")
            .then_some(())
    });
    // A pod that does everything right runs.
    let mut good = pod("safe", "good", "sleep 1000");
    good["spec"]["securityContext"] =
        json!({"runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}});
    good["spec"]["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let ran = apply(&cluster, &[good]);
    assert!(ran.success && ran.stderr.is_empty(), "{}", ran.stderr);
    await_running(&cluster, "safe", "good");
    let shell = refused(cluster.kubectl(&[
        "debug",
        "-n",
        "safe",
        "good",
        "--image",
        images::BUSYBOX,
        "--profile=sysadmin",
        "--",
        "true",
    ]));
    assert!(shell.contains("violates PodSecurity \"restricted:latest\": privileged"), "{shell}");

    // Each way of looking has its own level, and rules of its version.
    cluster.kubectl_ok(&["create", "namespace", "mixed"]);
    cluster.kubectl_ok(&[
        "label",
        "namespace",
        "mixed",
        "pod-security.kubernetes.io/enforce=baseline",
        "pod-security.kubernetes.io/warn=restricted",
        "pod-security.kubernetes.io/warn-version=v1.21",
    ]);
    let mut host = pod("mixed", "host", "true");
    host["spec"]["hostNetwork"] = json!(true);
    host["spec"]["volumes"] = json!([{"name": "root", "hostPath": {"path": "/"}}]);
    let no = refused(apply(&cluster, &[host]));
    assert!(
        no.contains("pods \"host\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true), hostPath volumes (volume \"root\")"),
        "{no}"
    );
    let ran = apply(&cluster, &[pod("mixed", "plain", "sleep 1000")]);
    assert!(ran.success);
    assert!(
        ran.stderr.starts_with(
            "Warning: would violate PodSecurity \"restricted:v1.21\": allowPrivilegeEscalation != false"
        ),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("unrestricted capabilities"), "that rule is younger: {}", ran.stderr);
}
