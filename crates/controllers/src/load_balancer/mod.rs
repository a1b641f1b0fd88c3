//! Services of type LoadBalancer: addresses in their status, without anybody's cloud.
//!
//! Without a pool every ready node serves the Service's ports at its own addresses. With a pool each Service gets
//! addresses of its own and a node that answers for them on its link; that node's name is an annotation of the
//! Service, and the node's proxy does the rest. Services of a foreign `loadBalancerClass` are left alone.
//!
//! All of them are planned together ([`plan`]), because they share ports and addresses.

mod plan;
mod pool;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::{Change, Events, Failure, Informer, Queue, failure};
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Resource;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::task::JoinSet;

pub use pool::AddressPool;

use crate::shared::{Context, Key, feed::feed, name, namespace};
use plan::{ANNOUNCER, Candidate, Given, World, current, is_local, is_ours};

/// Label with the name of a slice's Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The one key of the queue.
const ALL: &str = "all load balancers";

/// Keeps them.
pub(crate) async fn run(context: Context) {
    let (services, nodes, slices) = (
        context.informers.of::<Service>(),
        context.informers.of::<Node>(),
        context.informers.of::<EndpointSlice>(),
    );
    tokio::join!(services.synced(), nodes.synced(), slices.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    let all = || Some(ALL.to_owned());
    feed(&mut feeds, &services, &queue, move |change| {
        let forms = [change.previous(), Some(change.object())];
        let concerned = forms.into_iter().flatten().any(|one| is_ours(one) || !current(one).is_empty());
        concerned.then(all).flatten()
    });
    feed(&mut feeds, &nodes, &queue, move |change| match change {
        Change::Modified { old, new } if Candidate::of(old) == Candidate::of(new) => None,
        _ => all(),
    });
    let known = services.clone();
    feed(&mut feeds, &slices, &queue, move |change| {
        let service = service_of(change.object());
        let service = service.and_then(|key| known.get(Some(&key.namespace), &key.name));
        service.filter(|service| is_ours(service) && is_local(service)).and_then(|_| all())
    });
    let events = context.events("service-controller");
    let told = Mutex::default();
    let controller = Arc::new(Controller { context, events, services, nodes, slices, told });
    let reconcile = move |_: String| {
        let controller = controller.clone();
        async move { controller.reconcile().await }
    };
    queue.run("service-lb-controller", 1, reconcile).await;
}

fn service_of(slice: &EndpointSlice) -> Option<Key> {
    let service = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    Some(Key::new(namespace(slice), service))
}

struct Controller {
    context: Context,
    events: Events,
    services: Informer<Service>,
    nodes: Informer<Node>,
    slices: Informer<EndpointSlice>,
    /// Troubles that were told already.
    told: Mutex<BTreeMap<Key, String>>,
}

impl Controller {
    async fn reconcile(&self) -> Result<Option<Duration>, kube::Error> {
        let services = self.services.list();
        let nodes: Vec<Candidate> = {
            let mut nodes: Vec<_> = self.nodes.list().iter().filter_map(|node| Candidate::of(node)).collect();
            nodes.sort_by(|one: &Candidate, other| one.name.cmp(&other.name));
            nodes
        };
        let all: Vec<&Service> = services.iter().map(|service| &**service).collect();
        let world = World {
            services: &all,
            nodes: &nodes,
            local: &self.local(),
            pool: self.context.options.load_balancer_pool.as_ref(),
            reserved: &self.context.options.node_ports_in_use,
        };
        let plan = plan::plan(&world);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| plan.contains_key(key));
        for service in all {
            match plan.get(&Key::of(service)) {
                Some(given) => self.give(service, given).await?,
                // It is no load balancer any more.
                None if !is_balancer(service) && !current(service).is_empty() => {
                    self.give(service, &Given::default()).await?;
                }
                None => {}
            }
        }
        Ok(None)
    }

    /// Nodes with a ready endpoint, for Services that want local ones only.
    fn local(&self) -> BTreeMap<Key, BTreeSet<String>> {
        let mut local: BTreeMap<Key, BTreeSet<String>> = BTreeMap::new();
        for slice in self.slices.list() {
            let Some(key) = service_of(&slice) else { continue };
            let service = self.services.get(Some(&key.namespace), &key.name);
            if service.is_some_and(|service| is_ours(&service) && is_local(&service)) {
                let ready = slice.endpoints.iter().flatten().filter(|endpoint| {
                    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
                });
                local.entry(key).or_default().extend(ready.filter_map(|endpoint| endpoint.node_name.clone()));
            }
        }
        local
    }

    /// Writes what differs, and says what is new.
    async fn give(&self, service: &Service, given: &Given) -> Result<(), kube::Error> {
        let key = Key::of(service);
        let api = self.context.api::<Service>(&key.namespace);
        let announcer = service.metadata.annotations.as_ref().and_then(|all| all.get(ANNOUNCER));
        if announcer != given.announcer.as_ref() {
            let patch = json!({ "metadata": { "annotations": { ANNOUNCER: given.announcer } } });
            settle(api.patch(name(service), &PatchParams::default(), &Patch::Merge(patch)).await.map(drop))?;
        }
        let held = current(service);
        if held != given.addresses {
            let patch = json!({ "status": { "loadBalancer": { "ingress": ingress(&given.addresses) } } });
            let patched =
                api.patch_status(name(service), &PatchParams::default(), &Patch::Merge(patch)).await;
            settle(patched.map(drop))?;
            if held.is_empty() && !given.addresses.is_empty() {
                self.events.normal(service.object_ref(&()), "EnsuredLoadBalancer", "Ensured load balancer");
            }
        }
        self.tell(service, key, given);
        Ok(())
    }

    fn tell(&self, service: &Service, key: Key, given: &Given) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match &given.trouble {
            Some(trouble) if told.get(&key) != Some(trouble) => {
                let text = format!("Error syncing load balancer: failed to ensure load balancer: {trouble}");
                self.events.warning(service.object_ref(&()), "SyncLoadBalancerFailed", text);
                told.insert(key, trouble.clone());
            }
            Some(_) => {}
            None => drop(told.remove(&key)),
        }
    }
}

fn is_balancer(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer"))
}

/// Packets to these addresses arrive as the client sent them: mode VIP.
fn ingress(addresses: &[IpAddr]) -> Value {
    if addresses.is_empty() {
        return Value::Null;
    }
    addresses.iter().map(|ip| json!({ "ip": ip.to_string(), "ipMode": "VIP" })).collect()
}

fn settle(result: Result<(), kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(error) if failure(&error) == Failure::NotFound => Ok(()),
        other => other,
    }
}
