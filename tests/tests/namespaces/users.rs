//! A second user: what the roles let it do, and what it hears otherwise.

use e2e::{Cluster, eventually};
use serde_json::{Value, json};

use crate::{kubectl, refused};

#[test]
fn a_second_user_may_do_what_the_roles_say_and_hears_why_not() {
    let cluster = Cluster::new();
    cluster.ok(&["cluster", "start"]);
    for space in ["team-a", "team-b"] {
        cluster.kubectl_ok(&["create", "namespace", space]);
    }
    let missing =
        refused(cluster.run(&["cluster", "user", "add", "dev", "--namespace", "nowhere", "--role", "edit"]));
    assert!(missing.contains("there is no namespace \"nowhere\""), "{missing}");
    let missing =
        refused(cluster.run(&["cluster", "user", "add", "dev", "--namespace", "team-a", "--role", "boss"]));
    assert!(missing.contains("there is no role \"boss\" in namespace \"team-a\""), "{missing}");

    let file = cluster.folder().join("dev.kubeconfig");
    let path = file.to_str().unwrap();
    let add =
        ["cluster", "user", "add", "dev", "--namespace", "team-a", "--role", "edit", "--group", "readers"];
    cluster.ok(&[&add[..], &["--valid", "1h", "--output", path]].concat());
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let dev = |arguments: &[&str]| kubectl(&file, arguments, "");
    let dev_ok = |arguments: &[&str]| {
        let ran = dev(arguments);
        assert!(ran.success, "{arguments:?}: {}", ran.stderr);
        ran.stdout
    };

    let who: Value = serde_json::from_str(&dev_ok(&["auth", "whoami", "-o", "json"])).unwrap();
    assert_eq!(who["status"]["userInfo"]["username"], "dev");
    assert_eq!(who["status"]["userInfo"]["groups"], json!(["readers", "system:authenticated"]));
    // The context begins in the namespace.
    dev_ok(&["create", "configmap", "mine", "--from-literal=a=b"]);
    assert_eq!(cluster.get(&["-n", "team-a", "configmap", "mine"])["data"]["a"], "b");
    dev_ok(&["create", "deployment", "web", "--image=nothing.example/none", "--replicas=0"]);
    dev_ok(&["scale", "deployment", "web", "--replicas=0"]);

    let forbidden = |arguments: &[&str], text: &str| {
        assert_eq!(
            refused(dev(arguments)).trim(),
            format!("Error from server (Forbidden): {text}"),
            "{arguments:?}"
        );
    };
    forbidden(
        &["get", "pods", "-n", "team-b"],
        "pods is forbidden: User \"dev\" cannot list resource \"pods\" in API group \"\" in the namespace \"team-b\"",
    );
    forbidden(
        &["get", "pods", "--all-namespaces"],
        "pods is forbidden: User \"dev\" cannot list resource \"pods\" in API group \"\" at the cluster scope",
    );
    forbidden(
        &["get", "nodes"],
        "nodes is forbidden: User \"dev\" cannot list resource \"nodes\" in API group \"\" at the cluster scope",
    );
    forbidden(
        &["delete", "deployment", "web", "-n", "team-b"],
        "deployments.apps \"web\" is forbidden: User \"dev\" cannot delete resource \"deployments\" in API group \"apps\" in the namespace \"team-b\"",
    );
    forbidden(
        &["delete", "namespace", "team-a"],
        "namespaces \"team-a\" is forbidden: User \"dev\" cannot delete resource \"namespaces\" in API group \"\" in the namespace \"team-a\"",
    );
    let roles = refused(dev(&["create", "rolebinding", "more", "--clusterrole=admin", "--user=dev"]));
    let text = "rolebindings.rbac.authorization.k8s.io is forbidden: User \"dev\" cannot create resource \"rolebindings\" in API group \"rbac.authorization.k8s.io\" in the namespace \"team-a\"";
    assert!(roles.contains(text), "{roles}");
    let other = refused(dev(&["get", "pods", "--as", "launchway-admin"]));
    assert!(
        other.contains("users \"launchway-admin\" is forbidden: User \"dev\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"),
        "{other}"
    );

    let can = |arguments: &[&str]| dev(&[&["auth", "can-i"], arguments].concat()).stdout.trim().to_owned();
    assert_eq!(can(&["create", "pods"]), "yes");
    assert_eq!(can(&["create", "pods", "--subresource=exec"]), "yes");
    assert_eq!(can(&["get", "secrets"]), "yes");
    assert_eq!(can(&["create", "roles"]), "no");
    assert_eq!(can(&["create", "resourcequotas"]), "no");
    assert_eq!(can(&["get", "pods", "-n", "team-b"]), "no");
    let list = dev_ok(&["auth", "can-i", "--list"]);
    assert!(list.contains("deployments.apps") && list.contains("pods/exec"), "{list}");
    let seen = cluster.kubectl(&["auth", "can-i", "delete", "pods", "-n", "team-b", "--as", "dev"]);
    assert_eq!((seen.success, seen.stdout.trim()), (false, "no"));

    // The group counts, and a role of the cluster everywhere.
    cluster.kubectl_ok(&[
        "create",
        "rolebinding",
        "readers",
        "-n",
        "team-b",
        "--clusterrole=view",
        "--group=readers",
    ]);
    assert_eq!(can(&["list", "pods", "-n", "team-b"]), "yes");
    assert_eq!(can(&["list", "secrets", "-n", "team-b"]), "no");
    cluster.kubectl_ok(&["create", "clusterrole", "node-reader", "--verb=get,list", "--resource=nodes"]);
    cluster.ok(&["cluster", "user", "add", "dev", "--cluster-role", "node-reader", "--output", path]);
    dev_ok(&["get", "nodes"]);
    // A role that is to be part of the built-in ones becomes so.
    cluster.kubectl_ok(&["create", "clusterrole", "more", "--verb=create", "--resource=resourcequotas"]);
    cluster.kubectl_ok(&["label", "clusterrole", "more", "rbac.authorization.k8s.io/aggregate-to-edit=true"]);
    eventually("edit has grown", || {
        (can(&["create", "resourcequotas", "-n", "team-a"]) == "yes").then_some(())
    });

    // Who may bind roles may not give away what he does not have.
    let lead = cluster.folder().join("lead.kubeconfig");
    cluster.ok(&[
        "cluster",
        "user",
        "add",
        "lead",
        "-n",
        "team-a",
        "--role",
        "admin",
        "-o",
        lead.to_str().unwrap(),
    ]);
    let ran = kubectl(&lead, &["create", "rolebinding", "ok", "--clusterrole=edit", "--user=x"], "");
    assert!(ran.success, "{}", ran.stderr);
    let more = refused(kubectl(
        &lead,
        &["create", "rolebinding", "no", "--clusterrole=cluster-admin", "--user=x"],
        "",
    ));
    assert!(more.contains("user \"lead\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:"), "{more}");

    // In the administrator's own file, and gone from it with the user.
    cluster.ok(&["cluster", "user", "add", "dev", "--merge"]);
    let contexts = || cluster.kubectl_ok(&["config", "get-contexts", "-o", "name"]);
    assert!(contexts().contains("dev@launchway"), "{}", contexts());
    let listed = cluster.ok(&["cluster", "user", "list"]).stdout;
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["USER", "NAMESPACE", "ROLE"]);
    assert!(lines.contains(&vec!["dev", "team-a", "edit"]), "{listed}");
    assert!(lines.contains(&vec!["dev", "(everywhere)", "node-reader"]), "{listed}");
    cluster.ok(&["cluster", "user", "rm", "dev"]);
    forbidden(
        &["get", "pods", "-n", "team-a"],
        "pods is forbidden: User \"dev\" cannot list resource \"pods\" in API group \"\" in the namespace \"team-a\"",
    );
    assert!(!contexts().contains("dev@launchway"));
    assert!(!cluster.ok(&["cluster", "user", "list"]).stdout.contains("dev"));
    let again = refused(cluster.run(&["cluster", "user", "rm", "dev"]));
    assert!(again.contains("dev was given no rights"), "{again}");
}
