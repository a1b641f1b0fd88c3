//! Credentials for a pod's images: the node's own, and those of the secrets that the pod names (or its service
//! account, whose names admission copied into the pod). Asked for when they are needed, and once.

use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Api;
use registry::{Credential, Keyring};
use sha2::{Digest as _, Sha256};

use super::{Images, Wanted};
use crate::context::pod_ref;

/// A secret that credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) uid: String,
    pub(super) namespace: String,
    pub(super) name: String,
    /// Of the credential itself.
    pub(super) hash: String,
}

/// The credentials that a pod's images are pulled with.
pub(super) struct Secrets<'a> {
    images: &'a Images,
    pod: &'a Pod,
    found: Option<Found>,
}

#[derive(Default)]
struct Found {
    keyring: Keyring,
    /// Words of a credential's source, and the secret with its UID.
    secrets: Vec<(String, Arc<Secret>)>,
}

impl<'a> Secrets<'a> {
    pub(super) fn new(images: &'a Images, pod: &'a Pod) -> Self {
        Self { images, pod, found: None }
    }

    /// Everything that may open a registry.
    pub(super) async fn keyring(&mut self, wanted: &Wanted<'_>) -> &Keyring {
        if self.found.is_none() {
            self.found = Some(self.read(wanted).await);
        }
        &self.found.get_or_insert_default().keyring
    }

    /// The secrets among the credentials for an image.
    pub(super) fn origins(&self, registry: &str, repository: &str) -> Vec<Origin> {
        let Some(found) = &self.found else { return Vec::new() };
        let matching = found.keyring.matching(registry, repository);
        matching.into_iter().filter_map(|credential| self.origin(Some(credential))).collect()
    }

    /// The secret that a credential is from; none if everybody on this node has it.
    pub(super) fn origin(&self, credential: Option<&Credential>) -> Option<Origin> {
        let credential = credential?;
        let secrets = &self.found.as_ref()?.secrets;
        let (_, secret) = secrets.iter().find(|(source, _)| *source == credential.source)?;
        let meta = &secret.metadata;
        Some(Origin {
            uid: meta.uid.clone().unwrap_or_default(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            hash: hash(credential),
        })
    }

    async fn read(&self, wanted: &Wanted<'_>) -> Found {
        let mut found = Found::default();
        let namespace = self.pod.metadata.namespace.as_deref().unwrap_or_default();
        let api: Api<Secret> = Api::namespaced(self.images.client.clone(), namespace);
        let mut missing = Vec::new();
        let names = self.pod.spec.iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten());
        for name in names.map(|secret| secret.name.as_str()).filter(|name| !name.is_empty()) {
            let secret = match api.get(name).await {
                Ok(secret) => Arc::new(secret),
                Err(error) => {
                    tracing::info!(%error, namespace, name, "pull secret not read");
                    missing.push(name);
                    continue;
                }
            };
            let source = format!("secret {namespace}/{name}");
            match add(&mut found.keyring, &source, &secret) {
                Ok(()) => found.secrets.push((source, secret)),
                Err(why) => {
                    self.images.events.warning(wanted.object.clone(), "FailedToRetrieveImagePullSecret", why)
                }
            }
        }
        if !missing.is_empty() {
            let text = format!(
                "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
                missing.join(", ")
            );
            self.images.events.warning(pod_ref(self.pod), "FailedToRetrieveImagePullSecret", text);
        }
        let path = self.images.folder().join("config.json");
        if let Ok(bytes) = tokio::fs::read(&path).await
            && let Err(error) = found.keyring.add_config(&path.display().to_string(), &bytes)
        {
            tracing::warn!("{error}");
        }
        found
    }
}

/// Adds what a secret of one of the two types has.
fn add(keyring: &mut Keyring, source: &str, secret: &Secret) -> Result<(), String> {
    let data = |key: &str| secret.data.as_ref()?.get(key).map(|ByteString(bytes)| bytes.as_slice());
    let kind = secret.type_.as_deref().unwrap_or_default();
    let added = match (data(".dockerconfigjson"), data(".dockercfg")) {
        (Some(bytes), _) if kind == "kubernetes.io/dockerconfigjson" => keyring.add_config(source, bytes),
        (_, Some(bytes)) if kind == "kubernetes.io/dockercfg" => keyring.add_old_config(source, bytes),
        _ => {
            return Err(format!(
                "{source} is of type {kind}: pull secrets are of type kubernetes.io/dockerconfigjson or \
                 kubernetes.io/dockercfg"
            ));
        }
    };
    added.map_err(|error| error.to_string())
}

fn hash(credential: &Credential) -> String {
    let Credential { username, password, identity_token, registry_token, .. } = credential;
    let mut state = Sha256::new();
    for part in [Some(username), Some(password), identity_token.as_ref(), registry_token.as_ref()] {
        let part = part.map_or("", String::as_str);
        state.update(part.len().to_le_bytes());
        state.update(part);
    }
    state.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
