//! Certificates and tokens by way of the API.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::{Cluster, eventually};
use serde_json::{Value, json};

use crate::{applied, kubectl, refused};

#[test]
fn certificates_and_tokens_are_asked_for_through_the_api() {
    let cluster = Cluster::new();
    cluster.ok(&["cluster", "start"]);
    // By hand, as the documentation of Kubernetes has it.
    let folder = cluster.folder();
    let openssl = Command::new("openssl")
        .args(["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "eve.key", "-out", "eve.csr"])
        .args(["-subj", "/O=one/O=two/O=three/CN=eve"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(openssl.status.success(), "{}", String::from_utf8_lossy(&openssl.stderr));
    let pem = std::fs::read_to_string(folder.join("eve.csr")).unwrap();
    let request = |name: &str| {
        let mut request = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
            "spec": {"signerName": "kubernetes.io/kube-apiserver-client", "expirationSeconds": 3600, "usages": ["client auth"]}});
        request["spec"]["request"] = json!(STANDARD.encode(&pem));
        request
    };
    applied(&cluster, &[request("eve"), request("no")]);
    assert!(cluster.kubectl_ok(&["get", "csr", "eve"]).contains("Pending"));
    cluster.kubectl_ok(&["certificate", "deny", "no"]);
    cluster.kubectl_ok(&["certificate", "approve", "eve"]);
    eventually("the certificate", || {
        cluster.kubectl_ok(&["get", "csr", "eve"]).contains("Approved,Issued").then_some(())
    });
    assert!(cluster.kubectl_ok(&["get", "csr", "no"]).contains("Denied"));
    // What the client does not even try, the server refuses too.
    let mut both = cluster.get(&["csr", "no"]);
    let approved = json!({"type": "Approved", "status": "True", "reason": "r", "message": "m"});
    both["status"]["conditions"].as_array_mut().unwrap().push(approved);
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests/no/approval";
    let kubeconfig = cluster.kubeconfig();
    let twice = refused(kubectl(&kubeconfig, &["replace", "--raw", path, "-f", "-"], &both.to_string()));
    assert!(twice.contains("Approved and Denied conditions are mutually exclusive"), "{twice}");
    let encoded = cluster.get(&["csr", "eve"])["status"]["certificate"].as_str().unwrap().to_owned();
    let config = folder.join("eve.kubeconfig");
    std::fs::copy(cluster.kubeconfig(), &config).unwrap();
    let certificate = folder.join("eve.crt");
    std::fs::write(&certificate, STANDARD.decode(&encoded).unwrap()).unwrap();
    let key = folder.join("eve.key");
    let set = [
        "config",
        "set-credentials",
        "eve",
        "--client-certificate",
        certificate.to_str().unwrap(),
        "--client-key",
        key.to_str().unwrap(),
    ];
    assert!(kubectl(&config, &set, "").success);
    let who = kubectl(&config, &["--user", "eve", "auth", "whoami", "-o", "json"], "");
    let who: Value = serde_json::from_str(&who.stdout).unwrap_or_else(|_| panic!("{}", who.stderr));
    assert_eq!(who["status"]["userInfo"]["username"], "eve");
    assert_eq!(who["status"]["userInfo"]["groups"], json!(["one", "two", "three", "system:authenticated"]));

    // A token by which a machine would ask for its certificate: what it may, and how it ends.
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
        "stringData": {"token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true"}});
    applied(&cluster, &[secret]);
    let bare = folder.join("bare.kubeconfig");
    std::fs::copy(cluster.kubeconfig(), &bare).unwrap();
    assert!(kubectl(&bare, &["config", "unset", "users"], "").success);
    let with_token = |arguments: &[&str]| {
        kubectl(&bare, &[&["--user=", "--token=abcdef.0123456789abcdef"], arguments].concat(), "")
    };
    let who = with_token(&["auth", "whoami", "-o", "json"]);
    let who: Value = serde_json::from_str(&who.stdout).unwrap_or_else(|_| panic!("{}", who.stderr));
    assert_eq!(who["status"]["userInfo"]["username"], "system:bootstrap:abcdef");
    assert_eq!(who["status"]["userInfo"]["groups"], json!(["system:bootstrappers", "system:authenticated"]));
    assert_eq!(with_token(&["auth", "can-i", "create", "certificatesigningrequests"]).stdout.trim(), "yes");
    let no = refused(with_token(&["get", "nodes"]));
    assert!(no.contains("User \"system:bootstrap:abcdef\" cannot list resource \"nodes\""), "{no}");
    cluster.kubectl_ok(&[
        "patch",
        "secret",
        "-n",
        "kube-system",
        "bootstrap-token-abcdef",
        "-p",
        "{\"stringData\":{\"expiration\":\"2020-01-01T00:00:00Z\"}}",
    ]);
    assert!(refused(with_token(&["auth", "whoami"])).contains("Unauthorized"));
    eventually("the expired token is removed", || {
        (!cluster.kubectl(&["get", "secret", "-n", "kube-system", "bootstrap-token-abcdef"]).success)
            .then_some(())
    });

    // A lasting token of an account, as a Secret.
    cluster.kubectl_ok(&["create", "serviceaccount", "robot"]);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "robot-token", "namespace": "default", "annotations": {"kubernetes.io/service-account.name": "robot"}}});
    applied(&cluster, &[secret]);
    let token = eventually("the token", || {
        let secret = cluster.get(&["secret", "robot-token"]);
        secret["data"]["token"]
            .as_str()
            .map(|text| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap())
    });
    let token = format!("--token={token}");
    let who = kubectl(
        &bare,
        &["--user=", &token, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"],
        "",
    );
    assert_eq!(who.stdout, "system:serviceaccount:default:robot", "{}", who.stderr);
    cluster.kubectl_ok(&["delete", "secret", "robot-token"]);
    assert!(refused(kubectl(&bare, &["--user=", &token, "auth", "whoami"], "")).contains("Unauthorized"));
}
