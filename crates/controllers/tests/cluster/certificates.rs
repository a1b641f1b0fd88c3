//! Certificates that are asked for through the API: who gets one, and who does not.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::PostParams;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::json;

use crate::world::World;

const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";

/// Asks for a certificate of that subject and those alternative names.
async fn ask(
    client: &Client,
    name: &str,
    signer: &str,
    subject: (&str, &str),
    names: &[&str],
    usages: &[&str],
) -> Result<CertificateSigningRequest, kube::Error> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject.0);
    params.distinguished_name.push(DnType::OrganizationName, subject.1);
    let pem = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    let mut request: CertificateSigningRequest = serde_json::from_value(json!({
        "metadata": {"name": name}, "spec": {"request": "", "signerName": signer, "usages": usages},
    }))
    .unwrap();
    request.spec.request = ByteString(pem.into_bytes());
    Api::all(client.clone()).create(&PostParams::default(), &request).await
}

/// The types of the conditions, and whether there is a certificate.
fn state(request: &CertificateSigningRequest) -> (Vec<String>, bool) {
    let status = request.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default().into_iter().map(|one| one.type_).collect();
    (conditions, status.certificate.is_some_and(|pem| pem.0.starts_with(b"-----BEGIN CERTIFICATE-----")))
}

async fn settled(world: &World, name: &str) -> (Vec<String>, bool) {
    let api: Api<CertificateSigningRequest> = Api::all(world.client.clone());
    let done = |request: Option<&CertificateSigningRequest>| {
        request.is_some_and(|request| state(request).1 || state(request).0.contains(&"Failed".to_owned()))
    };
    let found = tokio::time::timeout(Duration::from_secs(60), await_condition(api, name, done)).await;
    state(&found.expect("within a minute").unwrap().unwrap())
}

const NODE: [&str; 2] = ["client auth", "digital signature"];

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_a_token_becomes_a_node_and_renews_itself() {
    let world = World::start_without_node().await;
    let joining = world.client_of("system:bootstrap:abcdef", &["system:bootstrappers"]);
    ask(&joining, "new", KUBELET_CLIENT, ("system:node:a", "system:nodes"), &[], &NODE).await.unwrap();
    assert_eq!(settled(&world, "new").await, (vec!["Approved".to_owned()], true));

    let node = world.client_of("system:node:a", &["system:nodes"]);
    let error = ask(&node, "other", KUBELET_CLIENT, ("system:node:b", "system:nodes"), &[], &NODE).await;
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("\"other\" is forbidden: can only create a node CSR with CN=system:node:a"),
        "{text}"
    );
    ask(&node, "own", KUBELET_CLIENT, ("system:node:a", "system:nodes"), &[], &NODE).await.unwrap();
    assert_eq!(settled(&world, "own").await, (vec!["Approved".to_owned()], true));

    let nobody = world.client_of("eve", &[]);
    let error = ask(&nobody, "eve", KUBELET_CLIENT, ("system:node:a", "system:nodes"), &[], &NODE).await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("cannot create resource \"certificatesigningrequests\""), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubelet_serves_under_its_own_names_alone() {
    let world = World::start_without_node().await;
    let node = world.client_of("system:node:a", &["system:nodes"]);
    let usages = ["server auth", "digital signature"];
    let subject = ("system:node:a", "system:nodes");
    ask(&node, "foreign", KUBELET_SERVING, subject, &["a", "10.0.0.9"], &usages).await.unwrap();
    // Asked for before the node has said where it is.
    ask(&node, "own", KUBELET_SERVING, subject, &["a", "10.0.0.1"], &usages).await.unwrap();
    world.create("v1", "Node", json!({"metadata": {"name": "a"}})).await;
    let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(world.client.clone());
    let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}});
    nodes.patch_status("a", &Default::default(), &kube::api::Patch::Merge(status)).await.unwrap();
    assert_eq!(settled(&world, "own").await, (vec!["Approved".to_owned()], true));
    let api: Api<CertificateSigningRequest> = Api::all(world.client.clone());
    assert_eq!(state(&api.get("foreign").await.unwrap()), (vec![], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_administrator_approves_is_signed_if_it_can_be() {
    let world = World::start_without_node().await;
    let api: Api<CertificateSigningRequest> = Api::all(world.client.clone());
    let approve = async |name: &str| {
        let mut request = api.get(name).await.unwrap();
        let condition = json!([{"type": "Approved", "status": "True", "reason": "r", "message": "m"}]);
        request.status.get_or_insert_default().conditions = serde_json::from_value(condition).unwrap();
        api.replace_subresource("approval", name, &PostParams::default(), &request).await.unwrap();
    };
    ask(&world.client, "good", CLIENT, ("dev", "team"), &[], &NODE).await.unwrap();
    approve("good").await;
    assert_eq!(settled(&world, "good").await, (vec!["Approved".to_owned()], true));
    ask(&world.client, "bad", CLIENT, ("dev", "team"), &[], &["client auth", "server auth"]).await.unwrap();
    approve("bad").await;
    assert_eq!(settled(&world, "bad").await, (vec!["Approved".to_owned(), "Failed".to_owned()], false));
    let refused = ask(&world.client, "masters", CLIENT, ("dev", "system:masters"), &[], &NODE).await;
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains(
            "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"
        ),
        "{text}"
    );
}
