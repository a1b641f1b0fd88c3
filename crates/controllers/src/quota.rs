//! How much of its ResourceQuotas a namespace uses, counted anew: when a quota is new or changed, when an object
//! leaves the namespace, when a pod ends, when a Service or claim changes.
//!
//! What is created the API server charges itself, in the commit that stores it. A count reads the quota first and
//! the objects after it, and is written on top of the quota that was read, so that a charge in between makes it
//! start again: a written count is never behind.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use client::{Change, Failure, Informer, Queue, failure};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuota, Service};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
    core::{ApiResource, DynamicObject},
};
use objects::quota::{self, Amounts};
use serde_json::{Value, json};
use tokio::{sync::broadcast::error::RecvError, task::JoinSet};

use crate::shared::{Context, Key, feed::feed, kinds::Kinds, namespace, now, pods};

/// A write that began before a quota was there may be stored, uncharged, after its first count. It is over by then.
const SECOND_COUNT: Duration = Duration::from_secs(2);

/// Objects that are asked for at a time.
const PAGE: u32 = 500;

/// Keeps the status of quotas.
pub(crate) async fn run(context: Context) {
    let quotas = context.informers.of::<ResourceQuota>();
    let running = context.informers.of::<Pod>();
    let (services, claims) =
        (context.informers.of::<Service>(), context.informers.of::<PersistentVolumeClaim>());
    tokio::join!(quotas.synced(), running.synced(), services.synced(), claims.synced());
    let mut kinds = context.kinds.clone();
    if kinds.wait_for(|kinds| !kinds.is_empty()).await.is_err() {
        return;
    }
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &quotas, &queue, |change| {
        let quota = change.object();
        let hard = |quota: &ResourceQuota| quota.spec.as_ref().and_then(|spec| spec.hard.clone());
        let told = |quota: &ResourceQuota| quota.status.as_ref().and_then(|status| status.hard.clone());
        // A charge changes the status alone, and says what this controller would say.
        let same = change.previous().is_some_and(|old| old.spec == quota.spec && told(old) == told(quota));
        Some(Key::of(&**quota)).filter(|_| !same || hard(quota) != told(quota))
    });
    let of = of_namespace(&quotas);
    feed(
        &mut feeds,
        &running,
        &queue,
        move |change| if ended(change) { of(change.object()) } else { Vec::new() },
    );
    let of = of_namespace(&quotas);
    feed(&mut feeds, &services, &queue, move |change| match change {
        Change::Modified { old, new } if old.spec == new.spec => Vec::new(),
        Change::Added(_) => Vec::new(),
        _ => of(change.object()),
    });
    let of = of_namespace(&quotas);
    feed(&mut feeds, &claims, &queue, move |change| match change {
        Change::Modified { old, new } if old.spec == new.spec && old.status == new.status => Vec::new(),
        Change::Added(_) => Vec::new(),
        _ => of(change.object()),
    });
    let (mut departures, all, others) = (context.departures.subscribe(), quotas.clone(), queue.clone());
    feeds.spawn(async move {
        loop {
            let left = match departures.recv().await {
                Ok(namespace) => all.list_in(&namespace),
                Err(RecvError::Lagged(_)) => all.list(),
                Err(RecvError::Closed) => return,
            };
            left.iter().for_each(|quota| others.add(Key::of(&**quota)));
        }
    });
    let controller =
        Arc::new(Controller { client: context.client.clone(), context, quotas, counted: Mutex::default() });
    let reconcile = move |key: Key| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("resourcequota-controller", 4, reconcile).await;
}

/// The quotas of an object's namespace.
fn of_namespace<K: kube::Resource>(
    quotas: &Informer<ResourceQuota>,
) -> impl Fn(&Arc<K>) -> Vec<Key> + use<K> {
    let quotas = quotas.clone();
    move |object| quotas.list_in(namespace(&**object)).iter().map(|quota| Key::of(&**quota)).collect()
}

/// Whether a pod costs less than it did.
fn ended(change: &Change<Pod>) -> bool {
    match change {
        Change::Added(_) => false,
        Change::Deleted(_) => true,
        Change::Modified { old, new } => {
            let given = |pod: &Pod| {
                let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.clone());
                statuses.unwrap_or_default().into_iter().map(|one| one.resources).collect::<Vec<_>>()
            };
            pods::is_finished(old) != pods::is_finished(new) || given(old) != given(new)
        }
    }
}

/// When the grace of an object that is being deleted is over, in seconds since 1970.
fn outstays(object: &Value) -> Option<i64> {
    let metadata = &object["metadata"];
    let deleted: jiff::Timestamp = metadata["deletionTimestamp"].as_str()?.parse().ok()?;
    Some(deleted.as_second() + metadata["deletionGracePeriodSeconds"].as_i64()?)
}

struct Controller {
    context: Context,
    client: Client,
    quotas: Informer<ResourceQuota>,
    /// The spec of each quota as it was last counted.
    counted: Mutex<HashMap<Key, String>>,
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let api = self.context.api::<ResourceQuota>(&key.namespace);
        let known = self.quotas.get(Some(&key.namespace), &key.name);
        let found = if known.is_some() { api.get_opt(&key.name).await? } else { None };
        let Some(quota) = found else {
            self.counted().remove(key);
            return Ok(None);
        };
        let spec = json!(quota.spec.clone().unwrap_or_default());
        let hard = quota::amounts(spec.get("hard"));
        let (used, mut again) = self.count(&key.namespace, &spec, &hard).await?;
        let status = json!(quota.status.clone().unwrap_or_default());
        let counted = self.counted().insert(key.clone(), spec.to_string());
        if counted.as_deref() != Some(&spec.to_string()) {
            again = Some(SECOND_COUNT);
        }
        if quota::amounts(status.get("hard")) == hard && quota::amounts(status.get("used")) == used {
            return Ok(again);
        }
        let mut changed = json!(quota);
        changed["status"] =
            json!({"hard": spec.get("hard").cloned().unwrap_or(json!({})), "used": quota::shown(&used)});
        let Ok(changed) = serde_json::from_value::<ResourceQuota>(changed) else { return Ok(again) };
        match api.replace_status(&key.name, &PostParams::default(), &changed).await {
            Err(error) if failure(&error) != Failure::NotFound => Err(error),
            _ => Ok(again),
        }
    }

    /// What the objects of a namespace cost of `hard`, and when that changes by itself: a pod that outstays its grace
    /// costs nothing any more.
    async fn count(
        &self,
        namespace: &str,
        spec: &Value,
        hard: &Amounts,
    ) -> Result<(Amounts, Option<Duration>), kube::Error> {
        let now = now().as_second();
        let mut ends: Option<i64> = None;
        let kinds: Kinds = self.context.kinds.borrow().clone();
        let mut used: Amounts = Amounts::new();
        let mut seen = BTreeSet::new();
        for kind in kinds.iter().filter(|kind| kind.namespaced) {
            let (group, plural) = (kind.resource.group.as_str(), kind.resource.plural.as_str());
            let names = quota::counted(group, plural, hard.keys().map(String::as_str));
            if names.is_empty() || !seen.insert((group, plural)) {
                continue;
            }
            let mut sum: Amounts =
                names.iter().map(|name| ((*name).to_owned(), objects::quantity::Quantity::zero())).collect();
            for object in self.list(&kind.resource, namespace).await? {
                if quota::in_scope(spec, group, plural, &object) {
                    let mut cost = quota::usage(group, plural, &object, now);
                    cost.retain(|name, _| names.contains(&name.as_str()));
                    quota::add(&mut sum, &cost);
                }
                if let Some(end) = outstays(&object).filter(|end| *end >= now) {
                    ends = Some(ends.map_or(end, |known| known.min(end)));
                }
            }
            quota::add(&mut used, &sum);
        }
        let wait = ends.map(|end| Duration::from_secs(u64::try_from(end - now + 1).unwrap_or_default()));
        Ok((used, wait))
    }

    async fn list(&self, resource: &ApiResource, namespace: &str) -> Result<Vec<Value>, kube::Error> {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, resource);
        let (mut found, mut params) = (Vec::new(), ListParams::default().limit(PAGE));
        loop {
            let list = api.list(&params).await?;
            found.extend(list.items.iter().map(|item| json!(item)));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(found),
            }
        }
    }

    fn counted(&self) -> std::sync::MutexGuard<'_, HashMap<Key, String>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
