//! What every namespace starts with: the ServiceAccount `default`, and the certificates that pods verify
//! the API server with. Both come back if someone deletes or changes them.

use std::{sync::Arc, time::Duration};

use client::{Failure, Informer, Queue, failure};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace, ServiceAccount},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    api::{Patch, PatchParams, PostParams},
    runtime::watcher::Config,
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::shared::{Context, feed::feed, name, namespace};

/// Name of the ConfigMap with the certificates.
const ROOT_CA: &str = "kube-root-ca.crt";
/// Says what the ConfigMap is for, as upstream does.
const DESCRIPTION: (&str, &str) = (
    "kubernetes.io/description",
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as \
     the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of \
     Kubernetes clusters.",
);

/// Keeps the ServiceAccount `default` in every namespace.
pub(crate) async fn run_service_accounts(context: Context) {
    let namespaces = context.informers.of::<Namespace>();
    let accounts =
        context.informers.matching::<ServiceAccount>(Config::default().fields("metadata.name=default"));
    tokio::join!(namespaces.synced(), accounts.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &namespaces, &queue, |change| [name(&**change.object()).to_owned()]);
    feed(&mut feeds, &accounts, &queue, |change| [namespace(&**change.object()).to_owned()]);
    let reconcile = move |key: String| {
        let (context, namespaces, accounts) = (context.clone(), namespaces.clone(), accounts.clone());
        async move {
            if !is_open(&namespaces, &key) || accounts.get(Some(&key), "default").is_some() {
                return Ok(None);
            }
            let account = ServiceAccount { metadata: named("default", &key), ..ServiceAccount::default() };
            let api = context.api::<ServiceAccount>(&key);
            settle(api.create(&PostParams::default(), &account).await.map(drop))
        }
    };
    queue.run("serviceaccount-controller", 4, reconcile).await;
}

/// Keeps the ConfigMap `kube-root-ca.crt` in every namespace.
pub(crate) async fn run_root_certificates(context: Context) {
    if context.options.root_ca_pem.is_empty() {
        return std::future::pending().await;
    }
    let namespaces = context.informers.of::<Namespace>();
    let selected = Config::default().fields(&format!("metadata.name={ROOT_CA}"));
    let maps = context.informers.matching::<ConfigMap>(selected);
    tokio::join!(namespaces.synced(), maps.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &namespaces, &queue, |change| [name(&**change.object()).to_owned()]);
    feed(&mut feeds, &maps, &queue, |change| [namespace(&**change.object()).to_owned()]);
    let reconcile = move |key: String| {
        let (context, namespaces, maps) = (context.clone(), namespaces.clone(), maps.clone());
        async move {
            if !is_open(&namespaces, &key) {
                return Ok(None);
            }
            publish(&context, &key, maps.get(Some(&key), ROOT_CA)).await
        }
    };
    queue.run("root-ca-certificate-publisher-controller", 4, reconcile).await;
}

async fn publish(
    context: &Context,
    namespace: &str,
    known: Option<Arc<ConfigMap>>,
) -> Result<Option<Duration>, kube::Error> {
    let api = context.api::<ConfigMap>(namespace);
    let data = [("ca.crt".to_owned(), context.options.root_ca_pem.clone())].into();
    let Some(known) = known else {
        let annotations = [(DESCRIPTION.0.to_owned(), DESCRIPTION.1.to_owned())].into();
        let metadata = ObjectMeta { annotations: Some(annotations), ..named(ROOT_CA, namespace) };
        let map = ConfigMap { metadata, data: Some(data), ..ConfigMap::default() };
        return settle(api.create(&PostParams::default(), &map).await.map(drop));
    };
    let described = known.metadata.annotations.iter().flatten().any(|(key, _)| key == DESCRIPTION.0);
    if known.data.as_ref() == Some(&data) && described {
        return Ok(None);
    }
    // Foreign keys are taken out; a merge alone would leave them.
    let surplus = known.data.iter().flatten().filter(|(key, _)| !data.contains_key(*key));
    let mut wanted = json!(data);
    surplus.for_each(|(key, _)| wanted[key] = json!(null));
    let patch = json!({"metadata": {"annotations": {DESCRIPTION.0: DESCRIPTION.1}}, "data": wanted});
    settle(api.patch(ROOT_CA, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop))
}

/// Whether things can be made in the namespace.
fn is_open(namespaces: &Informer<Namespace>, key: &str) -> bool {
    namespaces.get(None, key).is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_none())
}

fn named(name: &str, namespace: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.into()), namespace: Some(namespace.into()), ..ObjectMeta::default() }
}

/// Someone else made it, or the namespace is going: both are fine.
fn settle(result: Result<(), kube::Error>) -> Result<Option<Duration>, kube::Error> {
    match result {
        Err(error) if matches!(failure(&error), Failure::AlreadyExists | Failure::NamespaceTerminating) => {
            Ok(None)
        }
        Err(error) => Err(error),
        Ok(()) => Ok(None),
    }
}
