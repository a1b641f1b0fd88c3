//! The volumes of a pod: made before its containers start, kept current while it lives, removed after it.
//!
//! Everything lies in `pods/<uid>/volumes/<name>` of the cluster's folder; hostPath and local volumes are used
//! where they are. Mounting is idempotent: a restarted daemon does it again and leaves what is right as it is.

mod atomic;
mod claim;
mod hostpath;
pub(crate) mod local;
mod mounts;
mod ownership;
pub(crate) mod payload;
mod token;
pub(crate) mod usage;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, PodSpec, Secret, Volume};
use kube::Client;
use objects::quantity::Quantity;
use tokio::sync::watch;

use crate::context::pod_ref;
use crate::images::{Images, Wanted};
use crate::refs::Hold;
use crate::spec::env::Objects;
use crate::spec::fields::Facts;
use crate::spec::resources;
use payload::{Inputs, TokenKey};
use token::Token;

pub(crate) use mounts::{remove_tree, sub_path};

/// How long the first look at a referenced object may take before the pod is told so.
const LOOK: Duration = Duration::from_secs(10);

/// One volume that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("MountVolume.SetUp failed for volume \"{volume}\" : {why}")]
pub(crate) struct VolumeError {
    volume: String,
    why: String,
}

/// Where a volume is on the node.
#[derive(Clone, Debug)]
pub(crate) struct Mounted {
    pub(crate) path: PathBuf,
    pub(crate) readonly: bool,
}

/// All volumes of a pod once they are there.
#[derive(Clone, Default)]
pub(crate) struct Volumes {
    pub(crate) mounted: BTreeMap<String, Mounted>,
    /// Versions of the objects that the contents were made from, as [`Holds::versions`] tells them.
    pub(crate) versions: Vec<Option<String>>,
    tokens: HashMap<TokenKey, Token>,
}

impl Volumes {
    /// When the contents have to be renewed by themselves.
    pub(crate) fn renew_at(&self) -> Option<Timestamp> {
        self.tokens.values().map(|t| t.renew_at).min()
    }
}

/// A pod's hold on all objects that its spec refers to.
#[derive(Default)]
pub(crate) struct Holds {
    pub(crate) config_maps: Vec<Hold<ConfigMap>>,
    pub(crate) secrets: Vec<Hold<Secret>>,
}

impl Holds {
    /// Version of each object at this moment; `None` for one that does not exist or is not known yet.
    pub(crate) fn versions(&self) -> Vec<Option<String>> {
        let maps = self.config_maps.iter().map(Hold::version);
        maps.chain(self.secrets.iter().map(Hold::version)).collect()
    }

    /// The objects as far as they exist.
    pub(crate) async fn objects(&self) -> Result<Objects, String> {
        let mut objects = Objects::default();
        for hold in &self.config_maps {
            let found = tokio::time::timeout(LOOK, hold.get()).await;
            let found =
                found.map_err(|_| format!("configmap \"{}\" cannot be read from the API", hold.name))?;
            objects.config_maps.extend(found.map(|o| (hold.name.clone(), o)));
        }
        for hold in &self.secrets {
            let found = tokio::time::timeout(LOOK, hold.get()).await;
            let found = found.map_err(|_| format!("secret \"{}\" cannot be read from the API", hold.name))?;
            objects.secrets.extend(found.map(|o| (hold.name.clone(), o)));
        }
        Ok(objects)
    }
}

/// What mounting works with.
pub(crate) struct Request {
    pub(crate) client: Client,
    pub(crate) images: Arc<Images>,
    /// `pods/<uid>`.
    pub(crate) dir: PathBuf,
    pub(crate) pod: Arc<Pod>,
    pub(crate) holds: Arc<Holds>,
    pub(crate) facts: Facts,
    /// The result of the last time.
    pub(crate) before: Volumes,
    /// Turns true when the pod ends.
    pub(crate) given_up: watch::Receiver<bool>,
}

/// Makes all volumes of the pod, or brings their contents up to date.
pub(crate) async fn mount(request: Request) -> Result<Volumes, VolumeError> {
    let Request { client, images, dir, pod, holds, facts, before, given_up } = request;
    let spec = pod.spec.clone().unwrap_or_default();
    let all = spec.volumes.clone().unwrap_or_default();
    let first = all.first().map(|v| v.name.clone()).unwrap_or_default();
    let failed = |volume: &str, why: String| VolumeError { volume: volume.to_owned(), why };

    holds.objects().await.map_err(|why| failed(&first, why))?;
    // Versions first: what changes between the two lines is written once more.
    let versions = holds.versions();
    let objects = holds.objects().await.map_err(|why| failed(&first, why))?;
    let mut tokens = before.tokens;
    let wanted = payload::tokens(&pod);
    if let Err(error) = token::fetch(&client, &pod, &wanted, &mut tokens, Timestamp::now()).await {
        let volume = all.iter().find(|v| v.projected.is_some()).map_or(&first, |v| &v.name);
        return Err(failed(volume, error.to_string()));
    }

    let mut claims = HashMap::new();
    let mut layers = HashMap::new();
    for volume in &all {
        let claim = volume.persistent_volume_claim.as_ref().map(|c| c.claim_name.clone()).or_else(|| {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            volume.ephemeral.as_ref().map(|_| format!("{name}-{}", volume.name))
        });
        if let Some(claim) = claim {
            let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
            let found = claim::resolve(&client, namespace, &claim).await;
            claims.insert(volume.name.clone(), found.map_err(|e| failed(&volume.name, e.to_string()))?);
        }
        if let Some(source) = &volume.image {
            let policy = source.pull_policy.as_deref().unwrap_or("IfNotPresent");
            let reference = source.reference.as_deref().unwrap_or_default();
            let (object, given_up) = (pod_ref(&pod), given_up.clone());
            let wanted = Wanted { reference, policy, pod: &pod, object, given_up };
            let found = images.ensure(wanted).await;
            let found = found.map_err(|e| failed(&volume.name, e.message))?;
            layers.insert(volume.name.clone(), found.lower_dirs);
        }
    }

    let work = move || {
        let texts: HashMap<TokenKey, String> =
            tokens.iter().map(|(k, t)| (k.clone(), t.text.clone())).collect();
        let fs_group =
            spec.security_context.as_ref().and_then(|s| s.fs_group).and_then(|g| u32::try_from(g).ok());
        let inputs = Inputs {
            pod: &pod,
            objects: &objects,
            facts: &facts,
            tokens: &texts,
            user: common_user(&spec),
            fs_group,
        };
        make_dir(&dir, 0o750).map_err(|e| failed(&first, format!("cannot make {}: {e}", dir.display())))?;
        let mut mounted = BTreeMap::new();
        for volume in &all {
            let error = |why: String| failed(&volume.name, why);
            let here = dir.join("volumes").join(&volume.name);
            let place = if let Some(claimed) = claims.get(&volume.name) {
                use_claim(volume, claimed, &spec, fs_group).map_err(error)?
            } else if let Some(layers) = layers.get(&volume.name) {
                let path = mounts_of_image(&here, layers).map_err(|e| error(e.to_string()))?;
                Mounted { path, readonly: true }
            } else {
                one(volume, &here, &inputs, &spec).map_err(error)?
            };
            mounted.insert(volume.name.clone(), place);
        }
        Ok(Volumes { mounted, versions, tokens })
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(VolumeError { volume: String::new(), why: format!("interrupted: {e}") }))
}

fn one(volume: &Volume, here: &Path, inputs: &Inputs<'_>, spec: &PodSpec) -> Result<Mounted, String> {
    let text = |e: io::Error| format!("{}: {e}", here.display());
    if let Some(source) = &volume.host_path {
        let path = PathBuf::from(&source.path);
        hostpath::prepare(&path, source.type_.as_deref().unwrap_or_default()).map_err(|e| e.to_string())?;
        return Ok(Mounted { path, readonly: false });
    }
    if let Some(source) = &volume.empty_dir {
        let mode = source.mode.and_then(|m| u32::try_from(m).ok()).unwrap_or(0o777);
        make_dir(here, mode).map_err(text)?;
        match source.medium.as_deref().unwrap_or_default() {
            "" => {}
            "Memory" => {
                let limit = source.size_limit.as_ref().and_then(|q| Quantity::parse(&q.0).ok());
                let limit = limit.and_then(|q| u64::try_from(q.value()).ok()).filter(|s| *s > 0);
                mounts::tmpfs(here, Some(memory_size(limit, spec, inputs.facts.node_memory)))
                    .map_err(text)?;
            }
            other => return Err(format!("unknown storage medium \"{other}\"")),
        }
        if let Some(group) = inputs.fs_group {
            ownership::apply(here, group, only_if_needed(spec)).map_err(text)?;
        }
        return Ok(Mounted { path: here.to_owned(), readonly: false });
    }
    let Some(files) = payload::of(volume, inputs) else {
        return Err("this node cannot mount volumes of this kind".to_owned());
    };
    let files = files.map_err(|e| e.to_string())?;
    make_dir(here, 0o777).map_err(text)?;
    // Secret bytes and tokens never reach the disk.
    if volume.secret.is_some() || volume.projected.is_some() {
        mounts::tmpfs(here, None).map_err(text)?;
    }
    let stamp = Timestamp::now().as_nanosecond().to_string();
    atomic::write(here, &files, inputs.fs_group, &stamp).map_err(|e| e.to_string())?;
    Ok(Mounted { path: here.to_owned(), readonly: true })
}

/// What a memory volume may hold: no more than its own limit, the pod's, and what the node has for pods.
fn memory_size(limit: Option<u64>, spec: &PodSpec, node_memory: i64) -> u64 {
    let node = u64::try_from(node_memory).unwrap_or(u64::MAX);
    let pod = resources::pod(spec, None).memory_limit;
    [limit, pod].into_iter().flatten().fold(node, u64::min)
}

fn use_claim(
    volume: &Volume,
    claimed: &claim::Claimed,
    spec: &PodSpec,
    fs_group: Option<u32>,
) -> Result<Mounted, String> {
    // A folder that is gone is never made anew: it would look like a volume that lost its data.
    if claimed.owned && !claimed.path.exists() {
        return Err(format!("path {:?} does not exist", claimed.path));
    }
    hostpath::prepare(&claimed.path, &claimed.kind).map_err(|e| e.to_string())?;
    if let Some(group) = fs_group.filter(|_| claimed.owned) {
        let done = ownership::apply(&claimed.path, group, only_if_needed(spec));
        done.map_err(|e| format!("{}: {e}", claimed.path.display()))?;
    }
    let wish = volume.persistent_volume_claim.as_ref().and_then(|c| c.read_only);
    Ok(Mounted { path: claimed.path.clone(), readonly: claimed.readonly || wish == Some(true) })
}

fn only_if_needed(spec: &PodSpec) -> bool {
    let policy = spec.security_context.as_ref().and_then(|s| s.fs_group_change_policy.as_deref());
    policy == Some("OnRootMismatch")
}

/// An image's files: its one layer as it is, or all layers on top of each other.
fn mounts_of_image(here: &Path, layers: &[PathBuf]) -> io::Result<PathBuf> {
    if let [only] = layers {
        return Ok(only.clone());
    }
    make_dir(here, 0o755)?;
    mounts::overlay(here, layers)?;
    Ok(here.to_owned())
}

/// The user that every container runs as, when all say the same.
fn common_user(spec: &PodSpec) -> Option<u32> {
    let shared = spec.security_context.as_ref().and_then(|s| s.run_as_user);
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let mut users = containers.map(|c| c.security_context.as_ref().and_then(|s| s.run_as_user).or(shared));
    let first = users.next()??;
    users.all(|u| u == Some(first)).then_some(first).and_then(|u| u32::try_from(u).ok())
}

/// Makes a folder with exactly these bits, whatever the umask; those above it are for root alone.
fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(parent)?;
    }
    match fs::create_dir(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(mode)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_memory_volume_has_the_smallest_limit_that_there_is() {
        let size = |limit, spec| memory_size(limit, &serde_json::from_value(spec).unwrap(), 1 << 30);
        let container = |memory| json!({"name": "c", "resources": {"limits": {"memory": memory}}});
        let free = json!({"name": "d"});
        assert_eq!(size(None, json!({"containers": [free]})), 1 << 30);
        assert_eq!(size(Some(1 << 20), json!({"containers": [free]})), 1 << 20);
        assert_eq!(size(None, json!({"containers": [container("1Mi"), container("2Mi")]})), 3 << 20);
        assert_eq!(size(None, json!({"containers": [container("1Mi"), free]})), 1 << 30);
    }

    #[test]
    fn token_files_have_an_owner_when_containers_agree() {
        let user = |value| common_user(&serde_json::from_value(value).unwrap());
        let own = |uid| json!({"name": "c", "securityContext": {"runAsUser": uid}});
        assert_eq!(user(json!({"containers": [own(5), own(5)]})), Some(5));
        assert_eq!(user(json!({"containers": [own(5), own(6)]})), None);
        assert_eq!(user(json!({"containers": [own(5), {"name": "d"}]})), None);
        assert_eq!(
            user(json!({"securityContext": {"runAsUser": 7}, "containers": [{"name": "d"}]})),
            Some(7)
        );
    }
}
