//! A namespace that is being deleted is emptied: pods first, then everything else, then it is let go.
//!
//! Woken by the namespace itself and by each object that leaves it. What the server says is left is the truth
//! here, not a cache: an object that no watch has shown yet must go as well.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use client::{Failure, Informer, Queue, failure};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition, NamespaceStatus, Pod};
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use tokio::{sync::broadcast::error::RecvError, task::JoinSet};

use crate::shared::{
    Context,
    conditions::{self, Condition},
    feed::feed,
    kinds::{Kind, Kinds},
    name, namespace, now,
};

/// The finalizer of `spec` that stands for this controller.
const OURS: &str = "kubernetes";
/// Kinds that are emptied at the same time.
const AT_ONCE: usize = 8;
/// A namespace that does not get empty is looked at again after this time even without an event: a kind that
/// went away takes its watch with it.
const SECOND_LOOK: Duration = Duration::from_secs(60);

/// Empties namespaces.
pub(crate) async fn run(context: Context) {
    let (namespaces, pods) = (context.informers.of::<Namespace>(), context.informers.of::<Pod>());
    tokio::join!(namespaces.synced(), pods.synced());
    let mut kinds = context.kinds.clone();
    if kinds.wait_for(|kinds| !kinds.is_empty()).await.is_err() {
        return;
    }
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &namespaces, &queue, |change| {
        Some(name(&**change.object()).to_owned())
            .filter(|_| change.object().metadata.deletion_timestamp.is_some())
    });
    feed(&mut feeds, &pods, &queue, |change| {
        Some(namespace(&**change.object()).to_owned())
            .filter(|_| matches!(change, client::Change::Deleted(_)))
    });
    let (mut departures, all, others) = (context.departures.subscribe(), namespaces.clone(), queue.clone());
    feeds.spawn(async move {
        loop {
            match departures.recv().await {
                Ok(namespace) => {
                    if all.get(None, &namespace).is_some_and(|found| is_leaving(&found)) {
                        others.add(namespace.into());
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    all.list()
                        .iter()
                        .filter(|found| is_leaving(found))
                        .for_each(|found| others.add(name(&**found).into()));
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
    let controller = Arc::new(Controller { api: Api::all(context.client.clone()), context, namespaces });
    let reconcile = move |key: String| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("namespace-controller", 8, reconcile).await;
}

fn is_leaving(namespace: &Namespace) -> bool {
    namespace.metadata.deletion_timestamp.is_some()
}

struct Controller {
    context: Context,
    namespaces: Informer<Namespace>,
    api: Api<Namespace>,
}

/// What is still in a namespace.
#[derive(Debug, Default, PartialEq, Eq)]
struct Remains {
    /// Objects by kind.
    counts: BTreeMap<String, usize>,
    /// Objects by finalizer.
    finalizers: BTreeMap<String, usize>,
    /// What could not be deleted, or not be asked for.
    errors: Vec<String>,
}

impl Controller {
    async fn reconcile(&self, key: &str) -> Result<Option<Duration>, kube::Error> {
        let known = self.namespaces.get(None, key).filter(|found| is_leaving(found));
        let Some(namespace) = known else { return Ok(None) };
        let finalizers = namespace.spec.as_ref().and_then(|spec| spec.finalizers.clone()).unwrap_or_default();
        if !finalizers.iter().any(|finalizer| finalizer == OURS) {
            return Ok(None);
        }
        let kinds: Kinds = self.context.kinds.borrow().clone();
        let (pods, others): (Vec<_>, Vec<_>) = kinds
            .iter()
            .filter(|kind| kind.namespaced)
            .cloned()
            .partition(|kind| kind.resource.kind == "Pod" && kind.resource.group.is_empty());
        let mut remains = self.empty(key, pods).await;
        if remains == Remains::default() {
            remains = self.empty(key, others).await;
        }
        self.write_status(&namespace, &remains).await?;
        if remains != Remains::default() {
            return Ok(Some(SECOND_LOOK));
        }
        let mut last = self.api.get(key).await?;
        if last.metadata.uid == namespace.metadata.uid
            && let Some(spec) = &mut last.spec
        {
            spec.finalizers.get_or_insert_default().retain(|finalizer| finalizer != OURS);
            match self.api.replace_subresource("finalize", key, &PostParams::default(), &last).await {
                Err(error) if failure(&error) != Failure::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Deletes all objects of `kinds` and says what is left of them.
    async fn empty(&self, namespace: &str, kinds: Vec<Arc<Kind>>) -> Remains {
        let each = stream::iter(kinds).map(|kind| async move { self.empty_kind(namespace, &kind).await });
        each.buffer_unordered(AT_ONCE)
            .fold(Remains::default(), |mut sum, part| async move {
                sum.counts.extend(part.counts);
                part.finalizers
                    .into_iter()
                    .for_each(|(name, count)| *sum.finalizers.entry(name).or_default() += count);
                sum.errors.extend(part.errors);
                sum
            })
            .await
    }

    async fn empty_kind(&self, namespace: &str, kind: &Kind) -> Remains {
        let api = kind.api(&self.context.client, Some(namespace));
        let list = || async { api.list(&ListParams::default()).await.map(|list| list.items) };
        let delete = |items: Vec<crate::shared::kinds::Meta>| async {
            let params = DeleteParams::background();
            if kind.collective {
                return api.delete_collection(&params, &ListParams::default()).await.map(drop);
            }
            for item in items {
                match api.delete(name(&item), &params).await {
                    Err(error) if failure(&error) != Failure::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        };
        let attempt = async {
            let there = list().await?;
            if there.is_empty() {
                return Ok(there);
            }
            // What was asked to go before needs no second request.
            if there.iter().any(|item| item.metadata.deletion_timestamp.is_none()) {
                delete(there).await?;
                return list().await;
            }
            Ok(there)
        };
        let mut remains = Remains::default();
        match attempt.await {
            Ok(left) if left.is_empty() => {}
            Ok(left) => {
                for finalizer in left.iter().flat_map(|item| item.metadata.finalizers.iter().flatten()) {
                    *remains.finalizers.entry(finalizer.clone()).or_default() += 1;
                }
                remains.counts.insert(kind.name(), left.len());
            }
            // The kind went away meanwhile, and its objects with it.
            Err(error) if matches!(failure(&error), Failure::NotFound) => {}
            Err(error) => remains.errors.push(format!("{}: {error}", kind.name())),
        }
        remains
    }

    async fn write_status(&self, namespace: &Namespace, remains: &Remains) -> Result<(), kube::Error> {
        let status = new_status(namespace, remains);
        if namespace.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let changed = Namespace { status: Some(status), ..namespace.clone() };
        match self.api.replace_status(name(namespace), &PostParams::default(), &changed).await {
            // Told again with the next event; must not hold up the deletion.
            Err(error) if matches!(failure(&error), Failure::Conflict | Failure::NotFound) => Ok(()),
            other => other.map(drop),
        }
    }
}

fn new_status(namespace: &Namespace, remains: &Remains) -> NamespaceStatus {
    let mut status = namespace.status.clone().unwrap_or_default();
    status.phase = Some("Terminating".into());
    let list = |counts: &BTreeMap<String, usize>, text: &dyn Fn(&str, usize) -> String| {
        counts.iter().map(|(name, count)| text(name, *count)).collect::<Vec<_>>().join(", ")
    };
    let content = list(&remains.counts, &|kind, count| format!("{kind} has {count} resource instances"));
    let finalizers =
        list(&remains.finalizers, &|name, count| format!("{name} in {count} resource instances"));
    let texts = [
        (
            "NamespaceDeletionDiscoveryFailure",
            false,
            "ResourcesDiscovered",
            "All resources successfully discovered".to_owned(),
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            false,
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed".to_owned(),
        ),
        if remains.errors.is_empty() {
            let text = "All content successfully deleted, may be waiting on finalization";
            ("NamespaceDeletionContentFailure", false, "ContentDeleted", text.to_owned())
        } else {
            let text = format!(
                "Failed to delete all resource types, {} remaining: {}",
                remains.errors.len(),
                remains.errors.join(", ")
            );
            ("NamespaceDeletionContentFailure", true, "ContentDeletionFailed", text)
        },
        if content.is_empty() {
            (
                "NamespaceContentRemaining",
                false,
                "ContentRemoved",
                "All content successfully removed".to_owned(),
            )
        } else {
            (
                "NamespaceContentRemaining",
                true,
                "SomeResourcesRemain",
                format!("Some resources are remaining: {content}"),
            )
        },
        if finalizers.is_empty() {
            let text = "All content-preserving finalizers finished";
            ("NamespaceFinalizersRemaining", false, "ContentHasNoFinalizers", text.to_owned())
        } else {
            let text = format!("Some content in the namespace has finalizers remaining: {finalizers}");
            ("NamespaceFinalizersRemaining", true, "SomeFinalizersRemain", text)
        },
    ];
    for (type_, holds, reason, message) in texts {
        let state = if holds { "True" } else { "False" };
        conditions::set(
            &mut status.conditions,
            NamespaceCondition::new(type_, state, reason, &message, now()),
        );
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_names_what_is_left() {
        let mut remains = Remains::default();
        remains.counts.insert("pods.".into(), 2);
        remains.finalizers.insert("example.com/keep".into(), 1);
        let status = new_status(&Namespace::default(), &remains);
        assert_eq!(status.phase.as_deref(), Some("Terminating"));
        let text = |type_| {
            conditions::find(status.conditions.as_ref(), type_)
                .map(|c| (Condition::status(c), Condition::message(c)))
        };
        assert_eq!(
            text("NamespaceContentRemaining"),
            Some(("True", "Some resources are remaining: pods. has 2 resource instances"))
        );
        assert_eq!(
            text("NamespaceFinalizersRemaining").map(|(_, text)| text),
            Some(
                "Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances"
            )
        );
        let done =
            new_status(&Namespace { status: Some(status), ..Namespace::default() }, &Remains::default());
        assert!(!conditions::holds(done.conditions.as_ref(), "NamespaceContentRemaining"));
    }
}
