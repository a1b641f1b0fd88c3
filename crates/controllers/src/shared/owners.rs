//! Who controls what: owner references, adoption and release.
//!
//! Planning is pure ([`claim`]); [`Claims::settle`] carries it out with the object's UID as precondition, so
//! that a namesake made meanwhile is never touched.

use std::{fmt::Debug, sync::Arc};

use client::{Change, Failure, Informer, failure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
    core::{Selector, SelectorExt},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{Key, name, namespace, uid};

/// The reference that says who manages the object.
pub(crate) fn controller_of(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// Whether `owner` controls the object.
pub(crate) fn is_controlled_by(meta: &ObjectMeta, owner: &impl Resource) -> bool {
    controller_of(meta).is_some_and(|reference| reference.uid == uid(owner))
}

/// A reference that makes `owner` the controller of an object.
pub(crate) fn controller_reference<K: Resource<DynamicType = ()>>(owner: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into(),
        kind: K::kind(&()).into(),
        name: name(owner).into(),
        uid: uid(owner).into(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// A label selector in matching form. `None` for a missing, broken or empty one: a workload must never
/// take every pod of its namespace by accident.
pub(crate) fn selector(given: Option<&LabelSelector>) -> Option<Selector> {
    let selector = Selector::try_from(given?.clone()).ok()?;
    (!selector.selects_all()).then_some(selector)
}

/// Whether the labels of `meta` are selected.
pub(crate) fn selects(selector: &Selector, meta: &ObjectMeta) -> bool {
    static NONE: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    selector.matches(meta.labels.as_ref().unwrap_or(&NONE))
}

/// The owners of kind `O` that a change of an object concerns: its controller and the one before, or for an
/// object without controller all that select it.
pub(crate) fn concerned<O, K>(
    owners: &Informer<O>,
    change: &Change<K>,
    selector: impl Fn(&O) -> Option<Selector>,
) -> Vec<Key>
where
    O: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K: Resource,
{
    let mut keys = Vec::new();
    for object in [change.previous(), Some(change.object())].into_iter().flatten() {
        let space = namespace(&**object);
        match controller_of(object.meta()) {
            Some(owner) if owner.kind == O::kind(&()) => keys.push(Key::new(space, &owner.name)),
            Some(_) => {}
            None => {
                let all = owners.list_in(space).into_iter();
                let selecting = all.filter(|owner| {
                    selector(owner).is_some_and(|selector| selects(&selector, object.meta()))
                });
                keys.extend(selecting.map(|owner| Key::of(&*owner)));
            }
        }
    }
    keys.dedup();
    keys
}

/// Which of a set of objects belong to one owner.
#[derive(Debug)]
pub(crate) struct Claims<K> {
    /// Controlled by the owner and selected.
    pub(crate) owned: Vec<Arc<K>>,
    /// Selected, without a controller, and not on their way out.
    pub(crate) adopt: Vec<Arc<K>>,
    /// Controlled by the owner but no longer selected.
    pub(crate) release: Vec<Arc<K>>,
}

/// Sorts `objects`. An owner on its way out neither adopts nor releases.
pub(crate) fn claim<K: Resource>(
    owner: &impl Resource,
    selector: &Selector,
    objects: impl IntoIterator<Item = Arc<K>>,
) -> Claims<K> {
    let leaving = owner.meta().deletion_timestamp.is_some();
    let mut claims = Claims { owned: Vec::new(), adopt: Vec::new(), release: Vec::new() };
    for object in objects {
        let meta = object.meta();
        let selected = selects(selector, meta);
        match controller_of(meta) {
            Some(reference) if reference.uid != uid(owner) => {}
            Some(_) if selected => claims.owned.push(object),
            Some(_) if !leaving => claims.release.push(object),
            Some(_) => {}
            None if selected && !leaving && meta.deletion_timestamp.is_none() => claims.adopt.push(object),
            None => {}
        }
    }
    claims
}

impl<K> Claims<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    /// Writes adoptions and releases; returns all that the owner controls afterwards.
    ///
    /// Before the first adoption the owner is read again: a cached one may be gone already.
    pub(crate) async fn settle<O>(
        self,
        owner: &O,
        owners: &Api<O>,
        api: &Api<K>,
    ) -> Result<Vec<Arc<K>>, kube::Error>
    where
        O: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let mut owned = self.owned;
        for object in self.release {
            let kept: Vec<_> = object
                .meta()
                .owner_references
                .iter()
                .flatten()
                .filter(|other| other.uid != uid(owner))
                .collect();
            let patch = json!({"metadata": {"uid": uid(&*object), "ownerReferences": kept}});
            match api.patch(name(&*object), &PatchParams::default(), &Patch::Merge(patch)).await {
                Ok(_) => {}
                // Gone, or another object of that name: nothing to release.
                Err(error)
                    if matches!(
                        failure(&error),
                        Failure::NotFound | Failure::Invalid | Failure::Conflict
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        if self.adopt.is_empty() {
            return Ok(owned);
        }
        let fresh = owners.get_metadata(name(owner)).await?;
        if fresh.metadata.uid != owner.meta().uid || fresh.metadata.deletion_timestamp.is_some() {
            return Ok(owned);
        }
        for object in self.adopt {
            let mut references = object.meta().owner_references.clone().unwrap_or_default();
            references.push(controller_reference(owner));
            let patch = json!({"metadata": {"uid": uid(&*object),
                "resourceVersion": object.meta().resource_version, "ownerReferences": references}});
            match api.patch(name(&*object), &PatchParams::default(), &Patch::Merge(patch)).await {
                Ok(adopted) => owned.push(Arc::new(adopted)),
                Err(error) if failure(&error) == Failure::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(owned)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Pod, ReplicationController};

    use super::*;

    fn pod(name: &str, app: &str, owner: Option<&str>) -> Arc<Pod> {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.into());
        pod.metadata.labels = Some([("app".to_owned(), app.to_owned())].into());
        pod.metadata.owner_references = owner.map(|uid| {
            vec![OwnerReference { uid: uid.into(), controller: Some(true), ..OwnerReference::default() }]
        });
        Arc::new(pod)
    }

    #[test]
    fn each_object_is_owned_adopted_released_or_left_alone() {
        let mut owner = ReplicationController::default();
        owner.metadata.uid = Some("me".into());
        let pods = vec![
            pod("mine", "web", Some("me")),
            pod("orphan", "web", None),
            pod("relabelled", "db", Some("me")),
            pod("theirs", "web", Some("other")),
            pod("stranger", "db", None),
        ];
        let selector: Selector = [("app", "web")].into_iter().collect();
        let names = |pods: &[Arc<Pod>]| pods.iter().map(|pod| name(&**pod).to_owned()).collect::<Vec<_>>();
        let claims = claim(&owner, &selector, pods.clone());
        assert_eq!(names(&claims.owned), ["mine"]);
        assert_eq!(names(&claims.adopt), ["orphan"]);
        assert_eq!(names(&claims.release), ["relabelled"]);
        owner.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
            k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
        ));
        let claims = claim(&owner, &selector, pods);
        assert!(claims.adopt.is_empty() && claims.release.is_empty());
    }

    #[test]
    fn an_empty_selector_selects_nothing() {
        assert!(selector(Some(&LabelSelector::default())).is_none());
        assert!(selector(None).is_none());
    }
}
