//! One manifest: from bytes to the pod that the node runs. Pure.
//!
//! Names, annotations, the toleration and the defaults are upstream's kubelet's: what the API server would fill in
//! has to be filled in here, because nobody else does.

use std::path::Path;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodStatus, Toleration};
use objects::codec::{self, DecodeError};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{HASH, MIRROR, SEEN, SOURCE};
use crate::volumes::payload::references;

/// Why a file is no static pod.
#[derive(Debug, thiserror::Error)]
pub(super) enum ParseError {
    #[error("{0}")]
    Syntax(#[from] DecodeError),
    #[error("it holds {0} documents; each file is one pod")]
    Documents(usize),
    #[error("it is a {0}, not a Pod of v1")]
    Kind(String),
    #[error("it is no pod: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("metadata.name is missing")]
    Name,
    #[error("spec.containers is empty")]
    Empty,
    #[error("static pods may not refer to {0}: they are objects of the API")]
    Refers(&'static str),
}

/// The pod of a file.
pub(super) fn pod(bytes: &[u8], path: &Path, node: &str, now: Timestamp) -> Result<Pod, ParseError> {
    let mut documents = codec::documents(bytes)?;
    documents.retain(|document| !document.is_null());
    let document = match documents.len() {
        1 => documents.remove(0),
        count => return Err(ParseError::Documents(count)),
    };
    let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text("kind") != "Pod" || text("apiVersion") != "v1" {
        return Err(ParseError::Kind(format!("{} of {}", text("kind"), text("apiVersion"))));
    }
    let mut pod: Pod = serde_json::from_value(document)?;
    let meta = &mut pod.metadata;
    let name = meta.name.take().filter(|name| !name.is_empty()).ok_or(ParseError::Name)?;
    let node = node.to_lowercase();
    meta.name = Some(format!("{name}-{node}"));
    meta.namespace.get_or_insert_with(|| "default".to_owned());
    let spec = pod.spec.get_or_insert_default();
    if spec.containers.is_empty() {
        return Err(ParseError::Empty);
    }
    fill(spec, &node);
    independent(&pod)?;

    let uid = match pod.metadata.uid.take().filter(|uid| !uid.is_empty()) {
        Some(uid) => uid,
        None => hash(&pod, path)?,
    };
    let annotations = pod.metadata.annotations.get_or_insert_default();
    annotations.remove(MIRROR);
    for (name, value) in [(HASH, uid.clone()), (SEEN, now.to_string()), (SOURCE, "file".to_owned())] {
        annotations.insert(name.to_owned(), value);
    }
    pod.metadata.uid = Some(uid);
    pod.status = Some(PodStatus { phase: Some("Pending".to_owned()), ..PodStatus::default() });
    Ok(pod)
}

/// What the API server would say where the file says nothing.
fn fill(spec: &mut PodSpec, node: &str) {
    spec.node_name = Some(node.to_owned());
    spec.restart_policy.get_or_insert_with(|| "Always".to_owned());
    spec.dns_policy.get_or_insert_with(|| "ClusterFirst".to_owned());
    spec.termination_grace_period_seconds.get_or_insert(30);
    spec.scheduler_name.get_or_insert_with(|| "default-scheduler".to_owned());
    spec.enable_service_links.get_or_insert(true);
    spec.security_context.get_or_insert_default();
    for container in spec.init_containers.iter_mut().flatten().chain(&mut spec.containers) {
        fill_container(container);
    }
    // It belongs to this node, whatever is wrong with that.
    let stays = Toleration {
        operator: Some("Exists".to_owned()),
        effect: Some("NoExecute".to_owned()),
        ..Toleration::default()
    };
    let tolerations = spec.tolerations.get_or_insert_default();
    if !tolerations.contains(&stays) {
        tolerations.push(stays);
    }
}

fn fill_container(container: &mut Container) {
    let image = container.image.as_deref().unwrap_or_default();
    // A reference without tag, or with the tag `latest`, is looked for anew at each start.
    let last = image.rsplit('/').next().unwrap_or_default();
    let moving = !last.contains('@') && (!last.contains(':') || last.ends_with(":latest"));
    let policy = if moving { "Always" } else { "IfNotPresent" };
    container.image_pull_policy.get_or_insert_with(|| policy.to_owned());
    container.termination_message_path.get_or_insert_with(|| "/dev/termination-log".to_owned());
    container.termination_message_policy.get_or_insert_with(|| "File".to_owned());
    for port in container.ports.iter_mut().flatten() {
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
    }
}

/// Refuses what only the API could give.
fn independent(pod: &Pod) -> Result<(), ParseError> {
    let (maps, secrets) = references(pod);
    let spec = pod.spec.as_ref();
    let account =
        spec.and_then(|spec| spec.service_account_name.as_deref()).is_some_and(|name| !name.is_empty());
    let volumes = || spec.into_iter().flat_map(|spec| spec.volumes.iter().flatten());
    for (refers, what) in [
        (!maps.is_empty(), "ConfigMaps"),
        (!secrets.is_empty(), "Secrets"),
        (account, "service accounts"),
        (volumes().any(|volume| volume.persistent_volume_claim.is_some()), "PersistentVolumeClaims"),
    ] {
        if refers {
            return Err(ParseError::Refers(what));
        }
    }
    Ok(())
}

/// As long as upstream's: 32 digits.
fn hash(pod: &Pod, path: &Path) -> Result<String, ParseError> {
    let mut hasher = Sha256::new();
    hasher.update(serde_json::to_vec(pod)?);
    hasher.update(path.as_os_str().as_encoded_bytes());
    Ok(hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Pod, ParseError> {
        pod(text.as_bytes(), Path::new("/m/a.yaml"), "N1", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_file_becomes_a_pod_of_the_node() {
        let text = "kind: Pod\napiVersion: v1\nmetadata: {name: a, namespace: kube-system}\n\
                    spec:\n  containers:\n  - {name: c, image: 'r:5000/x'}\n  - {name: d, image: 'x:1'}\n";
        let pod = parsed(text).unwrap();
        assert_eq!(pod.metadata.name.as_deref(), Some("a-n1"));
        assert_eq!(pod.metadata.namespace.as_deref(), Some("kube-system"));
        let annotations = pod.metadata.annotations.unwrap();
        assert_eq!(annotations[HASH].len(), 32);
        assert_eq!(Some(&annotations[HASH]), pod.metadata.uid.as_ref());
        assert_eq!(
            (annotations[SOURCE].as_str(), annotations[SEEN].as_str()),
            ("file", "1970-01-01T00:00:00Z")
        );
        let spec = pod.spec.unwrap();
        assert_eq!(spec.node_name.as_deref(), Some("n1"));
        assert_eq!(spec.tolerations.unwrap()[0].effect.as_deref(), Some("NoExecute"));
        let policies: Vec<_> =
            spec.containers.iter().map(|c| c.image_pull_policy.as_deref().unwrap()).collect();
        assert_eq!(policies, ["Always", "IfNotPresent"]);
        assert_eq!(parsed(text).unwrap().metadata.uid, parsed(&format!("{text}\n")).unwrap().metadata.uid);
    }

    #[test]
    fn what_is_no_static_pod_is_refused() {
        for text in [
            "",
            "kind: [",
            "kind: Service\napiVersion: v1",
            "kind: Pod\napiVersion: v1\nspec: {containers: [{name: c}]}",
            "kind: Pod\napiVersion: v1\nmetadata: {name: a}",
            "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {serviceAccountName: x, containers: [{name: c}]}",
            "kind: Pod\napiVersion: v1\nmetadata: {name: a}\n\
             spec: {containers: [{name: c}], volumes: [{name: v, secret: {secretName: s}}]}",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
