//! What the tests share: a real API server, clients of it with the rights a cluster gives them, and patience.

#![allow(clippy::unwrap_used, dead_code)] // helpers of tests are tests, and each file uses its part

use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::time::Duration;

use apiserver::{ApiServer, UserInfo};
use client::Informers;
use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, PostParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) const NODE: &str = "here";
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 42, 0, 1);
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn user(name: &str, groups: &[&str]) -> UserInfo {
    let groups = groups.iter().chain(&["system:authenticated"]).map(|group| (*group).to_owned()).collect();
    UserInfo { name: name.to_owned(), groups, ..UserInfo::default() }
}

pub(crate) async fn api_server() -> (ApiServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = store::Store::open(folder.path(), store::Options::default()).await.unwrap();
    (ApiServer::start(apiserver::Options::new(store)).await.unwrap(), folder)
}

pub(crate) fn informers(server: &ApiServer, name: &str, groups: &[&str]) -> Informers {
    Informers::new(server.client(user(name, groups)))
}

pub(crate) fn api<K>(server: &ApiServer) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    Api::namespaced(server.client(user("admin", &["system:masters"])), "default")
}

pub(crate) async fn create<K>(server: &ApiServer, object: Value) -> K
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + serde::Serialize,
{
    api(server).create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
}

pub(crate) fn slice(addresses: &[Ipv4Addr]) -> Value {
    let endpoints: Vec<Value> = addresses.iter().map(|a| json!({ "addresses": [a] })).collect();
    json!({
        "metadata": { "name": "web-1", "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4", "endpoints": endpoints, "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
    })
}

pub(crate) fn web() -> Value {
    json!({ "metadata": { "name": "web" }, "spec": { "ports": [{ "name": "http", "port": 80 }] } })
}

/// Asks again until it is as wanted; how soon is not this test's matter.
pub(crate) async fn until<T: Debug + PartialEq>(wanted: T, mut look: impl FnMut() -> T) {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = look();
        if found == wanted {
            return;
        }
        assert!(tokio::time::Instant::now() < end, "{found:?} instead of {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
