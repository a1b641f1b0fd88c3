//! The embedded provisioner, `launchway.dev/local`: a volume is a folder of one node.
//!
//! The kubelet of that node makes and removes the folder, asked through the API server (`nodes/NODE/proxy`), and says
//! where it is; so nothing here depends on where a node keeps its things. The volume names its node in an annotation
//! and, for the scheduler, in its node affinity. A finalizer keeps the object until the folder is gone: a node that is
//! down is waited for, one that was deleted took its folders along.

use std::time::Duration;

use client::{Events, Failure, Informer, failure};
use k8s_openapi::api::{
    core::v1::{
        LocalVolumeSource, Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, ObjectReference,
        PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, VolumeNodeAffinity,
    },
    storage::v1::StorageClass,
};
use k8s_openapi::apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::ObjectMeta};
use kube::{
    Api, Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use scheduler::volumes::matching::{self, annotation};
use serde::Deserialize;
use serde_json::json;

use super::plan::{self, PROVISIONED_BY};
use crate::shared::{Context, name, namespace, uid, writes::Writes};

/// Name of the provisioner, as classes give it.
pub const PROVISIONER: &str = "launchway.dev/local";
/// Annotation of a volume: the node that has its folder.
const NODE: &str = "launchway.dev/node";
/// Keeps a volume until its folder is gone.
const FINALIZER: &str = "launchway.dev/local-volume";
/// Bytes of a folder's name; file systems take 255.
const LONGEST_NAME: usize = 240;
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Makes and removes folders for volumes.
pub(super) struct Local {
    context: Context,
    events: Events,
    nodes: Informer<Node>,
    volumes: Informer<PersistentVolume>,
    writes: Writes,
}

/// A kubelet's answer: where the folder is, or was.
#[derive(Deserialize)]
struct Folder {
    path: String,
}

/// Whether the volume was made here.
pub(super) fn is_ours(volume: &PersistentVolume) -> bool {
    annotation(volume, PROVISIONED_BY) == Some(PROVISIONER)
}

/// The node that has the volume's folder.
pub(super) fn node_of(volume: &PersistentVolume) -> Option<&str> {
    annotation(volume, NODE).filter(|_| is_ours(volume))
}

/// Whether the folder is waiting to be removed.
pub(super) fn is_to_go(volume: &PersistentVolume) -> bool {
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
    let released = matches!(phase, Some("Released" | "Failed"));
    is_ours(volume)
        && plan::policy(volume) == "Delete"
        && (released || volume.metadata.deletion_timestamp.is_some())
}

/// Whether the node is there to make folders, and pods may come to it.
pub(super) fn takes_volumes(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.into_iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True");
    let spec = node.spec.as_ref();
    let closed = spec.is_some_and(|spec| {
        let mut taints = spec.taints.iter().flatten();
        spec.unschedulable == Some(true) || taints.any(|taint| taint.effect != "PreferNoSchedule")
    });
    ready && !closed && node.metadata.deletion_timestamp.is_none()
}

/// What the provisioner does not make; none if it can make the volume.
fn unsupported(claim: &PersistentVolumeClaim) -> Option<&'static str> {
    let spec = claim.spec.as_ref()?;
    if spec.volume_mode.as_deref() == Some("Block") {
        return Some("block volumes are not supported; its volumes are folders");
    }
    if spec.data_source.is_some() || spec.data_source_ref.is_some() {
        return Some("data sources are not supported");
    }
    spec.selector.is_some().then_some("claim.Spec.Selector is not supported")
}

impl Local {
    pub(super) fn new(context: Context, nodes: Informer<Node>, volumes: Informer<PersistentVolume>) -> Self {
        Self { events: context.events(PROVISIONER), context, nodes, volumes, writes: Writes::default() }
    }

    /// Makes a volume for the claim, on the node that the scheduler chose, or else on the one with the fewest.
    pub(super) async fn provision(
        &self,
        claim: &PersistentVolumeClaim,
        class: &StorageClass,
    ) -> Result<Option<Duration>, kube::Error> {
        let volume = format!("pvc-{}", uid(claim));
        if let Err(wait) = self.writes.visible(uid(claim), &self.volumes) {
            return Ok(Some(wait));
        }
        if self.volumes.get(None, &volume).is_some() {
            return Ok(None);
        }
        let object = claim.object_ref(&());
        let failed = |why: &str| {
            let text = format!("failed to provision volume with StorageClass {:?}: {why}", name(class));
            self.events.warning(object.clone(), "ProvisioningFailed", text);
        };
        if let Some(why) = unsupported(claim) {
            failed(why);
            return Ok(None);
        }
        let chosen = annotation(claim, matching::SELECTED_NODE);
        let node = match chosen {
            Some(node) => self.nodes.get(None, node),
            None => self.pick(class),
        };
        let Some(node) = node else {
            failed(match chosen {
                Some(_) => "the node chosen for its first consumer is gone",
                None => "no node is ready to hold it",
            });
            if chosen.is_some() {
                self.give_node_back(claim).await?;
            }
            // Looked at again when a node comes.
            return Ok(None);
        };
        let text = format!(
            "External provisioner is provisioning volume for claim \"{}/{}\"",
            namespace(claim),
            name(claim)
        );
        self.events.normal(object.clone(), "Provisioning", text);
        let mut folder = format!("{volume}_{}_{}", namespace(claim), name(claim));
        // Names are longer than file systems allow; the UID alone tells volumes apart.
        folder.truncate(LONGEST_NAME);
        let path = match self.ask(http::Method::PUT, name(&*node), &folder).await {
            Ok(folder) => folder.path,
            Err(error) => {
                failed(&error.to_string());
                return Err(error);
            }
        };
        let made = new_volume(&volume, claim, class, &node, path);
        let api: Api<PersistentVolume> = Api::all(self.context.client.clone());
        match api.create(&PostParams::default(), &made).await {
            Ok(made) => {
                self.writes.wrote(uid(claim), &made);
                let text = format!("Successfully provisioned volume {volume}");
                self.events.normal(object, "ProvisioningSucceeded", text);
                Ok(None)
            }
            // By an attempt before this one.
            Err(error) if failure(&error) == Failure::AlreadyExists => Ok(None),
            Err(error) => {
                failed(&error.to_string());
                Err(error)
            }
        }
    }

    /// The scheduler is to look for another node.
    async fn give_node_back(&self, claim: &PersistentVolumeClaim) -> Result<(), kube::Error> {
        let patch = json!({"metadata": {"resourceVersion": claim.metadata.resource_version,
            "annotations": {matching::SELECTED_NODE: null}}});
        let api = self.context.api::<PersistentVolumeClaim>(namespace(claim));
        api.patch(name(claim), &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
    }

    fn pick(&self, class: &StorageClass) -> Option<std::sync::Arc<Node>> {
        let volumes = self.volumes.list();
        let count = |node: &Node| volumes.iter().filter(|volume| node_of(volume) == Some(name(node))).count();
        let mut nodes = self.nodes.list();
        nodes.retain(|node| takes_volumes(node) && matching::class_reaches(class, node));
        nodes.into_iter().min_by_key(|node| (count(node), name(&**node).to_owned()))
    }

    /// Removes the folder of a volume whose data is to go, and what held the object for it.
    pub(super) async fn finish(&self, volume: &PersistentVolume) -> Result<Option<Duration>, kube::Error> {
        let leaving = volume.metadata.deletion_timestamp.is_some();
        if !is_ours(volume) || !(leaving || is_to_go(volume)) {
            return Ok(None);
        }
        if is_to_go(volume) {
            self.remove_folder(volume).await?;
        }
        let api: Api<PersistentVolume> = Api::all(self.context.client.clone());
        let finalizers = volume.metadata.finalizers.iter().flatten();
        let kept: Vec<&String> = finalizers.clone().filter(|one| *one != FINALIZER).collect();
        if kept.len() != finalizers.count() {
            let patch = json!({"metadata": {"uid": volume.metadata.uid, "finalizers": kept,
                "resourceVersion": volume.metadata.resource_version}});
            api.patch(name(volume), &PatchParams::default(), &Patch::Merge(patch)).await?;
        }
        if !leaving {
            let only = Preconditions { uid: volume.metadata.uid.clone(), ..Preconditions::default() };
            let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
            api.delete(name(volume), &params).await?;
        }
        Ok(None)
    }

    async fn remove_folder(&self, volume: &PersistentVolume) -> Result<(), kube::Error> {
        let path = volume.spec.as_ref().and_then(|spec| spec.local.as_ref()).map(|local| local.path.as_str());
        let folder = path.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let Some(node) = node_of(volume).filter(|_| !folder.is_empty()) else { return Ok(()) };
        if self.nodes.get(None, node).is_none() {
            tracing::info!(volume = name(volume), node, "the node is gone, and the volume's folder with it");
            return Ok(());
        }
        if let Err(error) = self.ask(http::Method::DELETE, node, folder).await {
            self.events.warning(volume.object_ref(&()), "VolumeFailedDelete", error.to_string());
            return Err(error);
        }
        Ok(())
    }

    /// One request to the kubelet of `node` about the folder of that name.
    async fn ask(&self, method: http::Method, node: &str, folder: &str) -> Result<Folder, kube::Error> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/api/v1/nodes/{node}/proxy/volumes/{folder}"))
            .body(Vec::new())
            .map_err(kube::Error::HttpError)?;
        self.context.client.request(request).await
    }
}

fn new_volume(
    volume: &str,
    claim: &PersistentVolumeClaim,
    class: &StorageClass,
    node: &Node,
    path: String,
) -> PersistentVolume {
    let asked = claim.spec.clone().unwrap_or_default();
    let labels = node.metadata.labels.as_ref();
    let host = labels.and_then(|labels| labels.get(HOSTNAME)).map_or(name(node), String::as_str);
    let at_host = NodeSelectorRequirement {
        key: HOSTNAME.into(),
        operator: "In".into(),
        values: Some(vec![host.into()]),
    };
    let terms = vec![NodeSelectorTerm { match_expressions: Some(vec![at_host]), match_fields: None }];
    let text = |text: &str| Some(text.to_owned());
    let annotations = [(PROVISIONED_BY, PROVISIONER), (NODE, name(node))];
    PersistentVolume {
        metadata: ObjectMeta {
            name: text(volume),
            annotations: Some(annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            finalizers: Some(vec![FINALIZER.into()]),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeSpec {
            access_modes: asked.access_modes,
            capacity: Some([("storage".to_owned(), Quantity(matching::requested(claim).to_string()))].into()),
            claim_ref: Some(ObjectReference {
                api_version: text("v1"),
                resource_version: claim.metadata.resource_version.clone(),
                ..claim.object_ref(&())
            }),
            local: Some(LocalVolumeSource { path, fs_type: None }),
            node_affinity: Some(VolumeNodeAffinity {
                required: Some(NodeSelector { node_selector_terms: terms }),
            }),
            persistent_volume_reclaim_policy: class.reclaim_policy.clone().or_else(|| text("Delete")),
            storage_class_name: text(name(class)),
            volume_mode: text("Filesystem"),
            ..PersistentVolumeSpec::default()
        }),
        status: None,
    }
}
