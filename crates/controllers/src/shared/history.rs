//! Former templates of StatefulSets and DaemonSets, kept as ControllerRevisions.
//!
//! Keeps: one revision per distinct template; going back to a former template gives its revision the highest
//! number again.

use std::{collections::HashSet, fmt::Debug, sync::Arc};

use client::{Failure, failure};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{apps::v1::ControllerRevision, core::v1::PodTemplateSpec},
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, runtime::RawExtension},
};
use kube::{
    Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::Selector,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Context, hash, name, namespace, owners, uid};

/// Label of pods with the revision they were made from.
pub(crate) const REVISION_HASH: &str = "controller-revision-hash";
/// Label of a revision with its own hash.
const HASH: &str = "controller.kubernetes.io/hash";

/// The revisions of one owner.
pub(crate) struct History {
    /// That of the current template.
    pub(crate) current: Arc<ControllerRevision>,
    /// All, oldest first.
    pub(crate) all: Vec<Arc<ControllerRevision>>,
    /// Whether a name was found to be taken; the owner's collision count should grow.
    pub(crate) collided: bool,
}

/// Claims the owner's revisions among `known` and sees to it that there is one for `template`.
pub(crate) async fn keep<O>(
    context: &Context,
    owner: &O,
    selector: &Selector,
    template: &PodTemplateSpec,
    collisions: Option<i32>,
    known: Vec<Arc<ControllerRevision>>,
) -> Result<History, kube::Error>
where
    O: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api = context.api::<ControllerRevision>(namespace(owner));
    let claims = owners::claim(owner, selector, known);
    let mut all = claims.settle(owner, &context.api::<O>(namespace(owner)), &api).await?;
    all.sort_by_key(|revision| (number(revision), name(&**revision).to_owned()));
    let data = data(template);
    let next = all.last().map_or(0, |last| number(last)) + 1;
    let at = all.iter().rposition(|revision| revision.data.0 == data);
    let (current, collided) = match at {
        Some(at) if at + 1 == all.len() => (all.remove(at), false),
        Some(at) => {
            let old = all.remove(at);
            let patch = Patch::Merge(json!({"metadata": {"uid": uid(&*old)}, "revision": next}));
            (Arc::new(api.patch(name(&*old), &PatchParams::default(), &patch).await?), false)
        }
        None => {
            let wanted = new(owner, template, data, collisions, next);
            match api.create(&PostParams::default(), &wanted).await {
                Ok(made) => (Arc::new(made), false),
                Err(error) if failure(&error) == Failure::AlreadyExists => {
                    let there = api.get(name(&wanted)).await?;
                    let ours =
                        owners::is_controlled_by(&there.metadata, owner) && there.data.0 == wanted.data.0;
                    (Arc::new(there), !ours)
                }
                Err(error) => return Err(error),
            }
        }
    };
    all.retain(|revision| uid(&**revision) != uid(&*current));
    all.push(current.clone());
    Ok(History { current, all, collided })
}

impl History {
    /// The revision of that name.
    pub(crate) fn named(&self, wanted: &str) -> Option<&Arc<ControllerRevision>> {
        self.all.iter().find(|revision| name(&***revision) == wanted)
    }

    /// Deletes the oldest revisions beyond `limit` that are neither in `live` nor current.
    pub(crate) async fn trim(
        &self,
        context: &Context,
        limit: i32,
        live: &HashSet<String>,
    ) -> Result<(), kube::Error> {
        let unused = |revision: &&Arc<ControllerRevision>| {
            uid(&***revision) != uid(&*self.current) && !live.contains(name(&***revision))
        };
        let unused: Vec<_> = self.all.iter().filter(unused).collect();
        let surplus = unused.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        for revision in &unused[..surplus] {
            let api = context.api::<ControllerRevision>(namespace(&***revision));
            match api.delete(name(&***revision), &DeleteParams::default()).await {
                Err(error) if failure(&error) != Failure::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn number(revision: &ControllerRevision) -> i64 {
    revision.revision.unwrap_or(0)
}

/// The hash in the name of a revision.
pub(crate) fn hash_of(revision: &ControllerRevision) -> &str {
    let label = revision.metadata.labels.as_ref().and_then(|labels| labels.get(HASH));
    label.map_or_else(|| name(revision).rsplit('-').next().unwrap_or_default(), String::as_str)
}

/// The template that a revision keeps.
pub(crate) fn template(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let mut template = revision.data.0.pointer("/spec/template")?.clone();
    template.as_object_mut()?.remove("$patch");
    serde_json::from_value(template).ok()
}

/// The patch that would bring the template back, as upstream keeps it.
fn data(template: &PodTemplateSpec) -> Value {
    let mut template = json!(template);
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

fn new<O>(
    owner: &O,
    template: &PodTemplateSpec,
    data: Value,
    collisions: Option<i32>,
    number: i64,
) -> ControllerRevision
where
    O: Resource<DynamicType = ()>,
{
    let hash = hash::short(template, collisions);
    let mut labels = template.metadata.as_ref().and_then(|meta| meta.labels.clone()).unwrap_or_default();
    labels.insert(HASH.into(), hash.clone());
    labels.insert(REVISION_HASH.into(), hash.clone());
    ControllerRevision {
        metadata: ObjectMeta {
            name: Some(format!("{}-{hash}", name(owner))),
            namespace: owner.meta().namespace.clone(),
            labels: Some(labels),
            annotations: owner.meta().annotations.clone().map(|mut annotations| {
                annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
                annotations
            }),
            owner_references: Some(vec![owners::controller_reference(owner)]),
            ..ObjectMeta::default()
        },
        data: RawExtension(data),
        revision: Some(number),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::DaemonSet;

    use super::*;

    #[test]
    fn a_revision_gives_its_template_back() {
        let owner: DaemonSet = serde_json::from_value(
            json!({"metadata": {"name": "d"}, "spec": {"selector": {}, "template": {}}}),
        )
        .unwrap();
        let template: PodTemplateSpec = serde_json::from_value(json!({"metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]}}))
        .unwrap();
        let revision = new(&owner, &template, data(&template), None, 3);
        assert_eq!(super::template(&revision), Some(template));
        assert_eq!(name(&revision), format!("d-{}", hash_of(&revision)));
        assert_eq!(revision.metadata.labels.as_ref().unwrap()["a"], "b");
    }
}
