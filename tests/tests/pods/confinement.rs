//! Security contexts: who a container is, what it may do, and what is refused.

use e2e::objects::{
    apply, container, exec, logs, pod, refused, shell, started, until, until_event, until_phase, until_ready,
    with,
};
use serde_json::json;

use crate::STAY;

/// Lines of `/proc/self/status` that say what a process may do.
const MAY: &str = "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d ' \\t'";
/// The fourteen capabilities that containers have without being asked.
const USUAL: &str = "00000000a80425fb";

#[test]
fn users_and_groups_are_those_of_the_security_context() {
    let cluster = started();
    let who = "id -u; id -g; id -G; stat -c '%g %A' /data; touch /data/made; stat -c '%u %g' /data/made";
    let mounts = json!({"volumeMounts": [{"name": "data", "mountPath": "/data"}]});
    let spec = |script: &str, security: serde_json::Value, own: serde_json::Value| {
        json!({"restartPolicy": "Never", "securityContext": security, "volumes": [{"name": "data", "emptyDir": {}}],
               "containers": [with(with(shell("c", script), mounts.clone()), json!({"securityContext": own}))]})
    };
    apply(
        &cluster,
        &[
            pod("root", spec(who, json!({}), json!({}))),
            pod(
                "user",
                spec(
                    who,
                    json!({"runAsUser": 1000, "runAsGroup": 3000, "fsGroup": 2000,
                "supplementalGroups": [4000], "runAsNonRoot": true}),
                    json!({}),
                ),
            ),
            pod(
                "own",
                spec(
                    who,
                    json!({"runAsUser": 1000, "fsGroup": 2000}),
                    json!({"runAsUser": 1001, "runAsGroup": 5}),
                ),
            ),
            pod("root-image", spec("true", json!({"runAsNonRoot": true}), json!({}))),
            pod("root-user", spec("true", json!({"runAsNonRoot": true}), json!({"runAsUser": 0}))),
        ],
    );
    let told = |name: &str| {
        until_phase(&cluster, name, "Succeeded");
        logs(&cluster, name, "c").lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(told("root")[..3], ["0", "0", "0"]);
    assert_eq!(told("user"), ["1000", "3000", "3000 2000 4000", "2000 drwxrwsrwx", "1000 2000"]);
    assert_eq!(told("own"), ["1001", "5", "5 2000", "2000 drwxrwsrwx", "1001 2000"]);
    for (name, said) in [
        ("root-image", "container has runAsNonRoot and image will run as root"),
        ("root-user", "container's runAsUser breaks non-root policy"),
    ] {
        let found = until(&cluster, &["pod", name], "is refused", |pod| {
            container(pod, "c")["state"]["waiting"]["reason"] == "CreateContainerConfigError"
        });
        let uid = found["metadata"]["uid"].as_str().unwrap();
        let message = format!("{said} (pod: \"{name}_default({uid})\", container: c)");
        assert_eq!(container(&found, "c")["state"]["waiting"]["message"], message);
        until_event(&cluster, name, &format!("Failed: Error: {message}"));
    }
}

#[test]
fn containers_may_do_what_their_context_allows_and_no_more() {
    let cluster = started();
    let profile = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]});
    let profiles = cluster.home().join("seccomp/profiles");
    std::fs::create_dir_all(&profiles).unwrap();
    std::fs::write(profiles.join("no-mkdir.json"), profile.to_string()).unwrap();
    let asks = |name: &str, script: &str, context: serde_json::Value| {
        // In one stream: the order between two is nobody's promise.
        with(shell(name, &format!("exec 2>&1; {script}")), json!({"securityContext": context}))
    };
    let seccomp = |type_: &str| json!({"seccompProfile": {"type": type_}});
    let local =
        json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/no-mkdir.json"}});
    let missing = json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/none.json"}});
    apply(
        &cluster,
        &[
            pod(
                "may",
                json!({"restartPolicy": "Never", "containers": [
                    asks("usual", MAY, json!({})),
                    asks("dropped", MAY, json!({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}})),
                    asks("added", MAY, json!({"capabilities": {"add": ["NET_ADMIN"]}})),
                    asks("unconfined", MAY, seccomp("Unconfined")),
                    asks("default", MAY, seccomp("RuntimeDefault")),
                    asks("local", &format!("{MAY}; mkdir /tmp/x; echo $?"), local),
                    asks("no-more", MAY, json!({"allowPrivilegeEscalation": false})),
                    asks("privileged", &format!("{MAY}; mkdir /mnt && mount -t tmpfs none /mnt && echo mounted"), json!({"privileged": true})),
                    asks("read-only", "touch /file; echo $?; touch /dev/shm/file; echo $?", json!({"readOnlyRootFilesystem": true})),
                    asks("fixed", "echo 1 > /proc/sys/kernel/domainname; echo $?", json!({})),
                ]}),
            ),
            pod(
                "sysctl",
                json!({
                "restartPolicy": "Never",
                "securityContext": {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "80"}]},
                "containers": [shell("c", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start")]}),
            ),
            pod(
                "unsafe-sysctl",
                json!({
                "securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "65536"}]},
                "containers": [shell("c", STAY)]}),
            ),
            pod("own-users", json!({"hostUsers": false, "containers": [shell("c", STAY)]})),
            pod(
                "armored",
                json!({"containers": [asks("c", STAY, json!({"appArmorProfile": {"type": "RuntimeDefault"}}))]}),
            ),
            pod("no-profile", json!({"containers": [asks("c", STAY, missing)]})),
        ],
    );
    until_phase(&cluster, "may", "Succeeded");
    let told = |name: &str| logs(&cluster, "may", name);
    let may = |effective: &str, bound: &str, fixed: u8, filter: u8| {
        format!("CapEff:{effective}\nCapBnd:{bound}\nNoNewPrivs:{fixed}\nSeccomp:{filter}\n")
    };
    assert_eq!(told("usual"), may(USUAL, USUAL, 0, 2));
    assert_eq!(told("dropped"), may("0000000000000400", "0000000000000400", 0, 2));
    assert_eq!(told("added"), may("00000000a80435fb", "00000000a80435fb", 0, 2));
    assert_eq!(told("unconfined"), may(USUAL, USUAL, 0, 0));
    assert_eq!(told("default"), may(USUAL, USUAL, 0, 2));
    assert!(
        told("local").starts_with(&may(USUAL, USUAL, 0, 2)) && told("local").ends_with("\n1\n"),
        "{}",
        told("local")
    );
    assert_eq!(told("no-more"), may(USUAL, USUAL, 1, 2));
    assert!(
        told("privileged").contains("Seccomp:0\n") && told("privileged").ends_with("mounted\n"),
        "{}",
        told("privileged")
    );
    assert!(!told("privileged").contains(USUAL));
    assert!(told("read-only").contains("Read-only file system\n1\n0\n"), "{}", told("read-only"));
    assert!(told("fixed").contains("Read-only file system\n1\n"), "{}", told("fixed"));

    until_phase(&cluster, "sysctl", "Succeeded");
    assert_eq!(logs(&cluster, "sysctl", "c"), "80\n");
    let forbidden = until_phase(&cluster, "unsafe-sysctl", "Failed");
    assert_eq!(forbidden["status"]["reason"], "SysctlForbidden");
    assert_eq!(
        forbidden["status"]["message"],
        "Pod was rejected: forbidden sysctl: \"kernel.msgmax\" not allowlisted"
    );
    until(&cluster, &["pod", "no-profile"], "says what is missing", |pod| {
        let waiting = &container(pod, "c")["state"]["waiting"];
        waiting["reason"] == "CreateContainerConfigError"
            && waiting["message"].as_str().is_some_and(|text| text.contains("profiles/none.json"))
    });
    until_event(
        &cluster,
        "own-users",
        "FailedCreatePodSandBox: Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not \
         support user namespaces",
    );
    let armored = until_phase(&cluster, "armored", "Failed");
    assert_eq!(armored["status"]["reason"], "AppArmor");
    let unmasked = json!({"securityContext": {"procMount": "Unmasked"}});
    let error =
        refused(&cluster, &pod("unmasked", json!({"containers": [with(shell("c", STAY), unmasked)]})));
    assert!(error.contains("`hostUsers` must be false to use `Unmasked`"), "{error}");
    let both = json!({"securityContext": {"privileged": true, "allowPrivilegeEscalation": false}});
    let error = refused(&cluster, &pod("both", json!({"containers": [with(shell("c", STAY), both)]})));
    assert!(
        error.contains("cannot set `allowPrivilegeEscalation` to false and `privileged` to true"),
        "{error}"
    );
}

#[test]
fn runtime_classes_name_a_handler_that_the_node_has() {
    let cluster = started();
    let class = |name: &str, handler: &str| {
        json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": handler,
               "overhead": {"podFixed": {"cpu": "10m", "memory": "8Mi"}}})
    };
    let of = |class: &str| json!({"runtimeClassName": class, "containers": [shell("c", STAY)], "terminationGracePeriodSeconds": 1});
    apply(&cluster, &[class("usual", "runc"), class("sandboxed", "gvisor")]);
    apply(&cluster, &[pod("usual", of("usual")), pod("sandboxed", of("sandboxed"))]);
    let usual = until_ready(&cluster, "usual");
    assert_eq!(usual["spec"]["overhead"], json!({"cpu": "10m", "memory": "8Mi"}));
    assert_eq!(exec(&cluster, "usual", "c", &["echo", "works"]), "works");
    until_event(
        &cluster,
        "sandboxed",
        "FailedCreatePodSandBox: Failed to create pod sandbox: failed to get sandbox runtime: no runtime for \"gvisor\" is configured",
    );
    assert_eq!(cluster.get(&["pod", "sandboxed"])["status"]["phase"], "Pending");
    let error = refused(&cluster, &pod("unknown", of("absent")));
    assert!(error.contains("pod rejected: RuntimeClass \"absent\" not found"), "{error}");
}
