//! Claims that a pod carries as templates (`ephemeral` volumes): made for it, owned by it, gone with it.

use std::{sync::Arc, time::Duration};

use client::{Events, Failure, Informer, Queue, failure};
use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, api::PostParams};
use tokio::task::JoinSet;

use crate::shared::{Context, Key, feed::feed, name, namespace, owners, pods};

/// Makes such claims.
pub(crate) async fn run(context: Context) {
    let pods = context.informers.of::<Pod>();
    let claims = context.informers.of::<PersistentVolumeClaim>();
    tokio::join!(pods.synced(), claims.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &pods, &queue, |change| {
        let pod = change.object();
        let new = change.previous().is_none() && wanted(pod).next().is_some();
        new.then(|| Key::of(&**pod))
    });
    feed(&mut feeds, &claims, &queue, |change| {
        let client::Change::Deleted(claim) = change else { return None };
        let owner = owners::controller_of(&claim.metadata).filter(|owner| owner.kind == "Pod")?;
        Some(Key::new(namespace(&**claim), &owner.name))
    });
    let events = context.events("ephemeral_volume");
    let maker = Arc::new(Maker { context, events, pods, claims });
    let reconcile = move |key: Key| {
        let maker = maker.clone();
        async move { maker.reconcile(&key).await }
    };
    queue.run("ephemeral-volume-controller", 2, reconcile).await;
}

struct Maker {
    context: Context,
    events: Events,
    pods: Informer<Pod>,
    claims: Informer<PersistentVolumeClaim>,
}

/// The claims that the pod's templates stand for.
fn wanted(pod: &Pod) -> impl Iterator<Item = PersistentVolumeClaim> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| {
        let template = volume.ephemeral.as_ref()?.volume_claim_template.clone()?;
        let given = template.metadata.unwrap_or_default();
        Some(PersistentVolumeClaim {
            metadata: ObjectMeta {
                name: Some(format!("{}-{}", name(pod), volume.name)),
                namespace: pod.metadata.namespace.clone(),
                labels: given.labels,
                annotations: given.annotations,
                owner_references: Some(vec![owners::controller_reference(pod)]),
                ..ObjectMeta::default()
            },
            spec: Some(template.spec),
            status: None,
        })
    })
}

impl Maker {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let Some(pod) = self.pods.get(Some(&key.namespace), &key.name) else { return Ok(None) };
        if pods::is_leaving(&pod) || pods::is_finished(&pod) {
            return Ok(None);
        }
        for claim in wanted(&pod) {
            if let Some(there) = self.claims.get(Some(&key.namespace), name(&claim)) {
                if !owners::is_controlled_by(&there.metadata, &*pod) {
                    let (space, claim) = (&key.namespace, name(&*there));
                    let text = format!(
                        "ephemeral volume: PVC {space}/{claim} was not created for pod {space}/{} (pod is not owner)",
                        key.name
                    );
                    self.events.warning(pod.object_ref(&()), "EphemeralVolumeConflict", text);
                }
                continue;
            }
            let api = self.context.api::<PersistentVolumeClaim>(&key.namespace);
            match api.create(&PostParams::default(), &claim).await {
                Err(error)
                    if !matches!(failure(&error), Failure::AlreadyExists | Failure::NamespaceTerminating) =>
                {
                    let text = format!("create PVC {}: {error}", name(&claim));
                    self.events.warning(pod.object_ref(&()), "FailedCreate", text);
                    return Err(error);
                }
                _ => {}
            }
        }
        Ok(None)
    }
}
