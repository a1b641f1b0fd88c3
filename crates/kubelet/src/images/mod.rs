//! Images for containers: found in the content store, pulled when the policy wants it, unpacked.
//!
//! Policies are upstream's: `IfNotPresent` looks here first, `Always` asks the registry what the name stands for (and
//! fetches only what is not here), `Never` takes what is here. A private image that one pod's secret brought is not
//! there for a pod without such a secret (`access`). Events are told here; when to try again is the pod's worker's
//! business.
//!
//! What is not here: collecting unused images (`collect`), the list in the Node's status (`list`).

mod access;
mod collect;
mod list;
mod names;
mod secrets;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use client::Events;
use image::{ContentStore, Digest, Image, ImageConfig, Reference};
use k8s_openapi::api::core::v1::{ContainerImage, ObjectReference, Pod};
use registry::Settings;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, watch};

pub(crate) use collect::collect;

use access::Access;
use secrets::Secrets;

/// Reason of a start that ended because its pod did.
pub(crate) const GIVEN_UP: &str = "ContainerCreating";

/// The registry in the names of images made here; there is none to ask.
const MADE_HERE: &str = "launchway.local";

/// Images that are pulled at once.
const AT_ONCE: usize = 4;

/// An image ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) config: ImageConfig,
    /// Name and digest, as the status' `imageID` shows it.
    pub(crate) id: String,
    pub(crate) lower_dirs: Vec<PathBuf>,
}

/// Why an image cannot be had.
#[derive(Clone, Debug)]
pub(crate) struct ImageError {
    /// `ErrImagePull`, `ErrImageNeverPull`, `InvalidImageName`.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// Who wants which image.
pub(crate) struct Wanted<'a> {
    pub(crate) reference: &'a str,
    pub(crate) policy: &'a str,
    pub(crate) pod: &'a Pod,
    /// What events are about.
    pub(crate) object: ObjectReference,
    /// Turns true when the pod ends: then nobody waits for the image.
    pub(crate) given_up: watch::Receiver<bool>,
}

/// The node's view of the content store and of registries.
pub(crate) struct Images {
    store: ContentStore,
    client: kube::Client,
    events: Events,
    changes: watch::Receiver<u64>,
    /// One pull of a name at a time: the second finds what the first brought.
    pulls: Mutex<HashMap<String, Weak<AsyncMutex<()>>>>,
    slots: Semaphore,
}

impl Images {
    /// Watches the store's names from now on.
    pub(crate) fn new(store: ContentStore, client: kube::Client, events: Events) -> Images {
        let changes = names::watch(store.root());
        let (pulls, slots) = (Mutex::default(), Semaphore::new(AT_ONCE));
        Images { store, client, events, changes, pulls, slots }
    }

    /// Moves whenever names in the store change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    pub(crate) fn store(&self) -> &ContentStore {
        &self.store
    }

    /// The images as a Node's status tells them.
    pub(crate) async fn list(&self) -> Vec<ContainerImage> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || list::list(&store)).await.unwrap_or_default()
    }

    /// Folder of what the administrator says about images: `images.toml` and Docker's `config.json`.
    fn folder(&self) -> &Path {
        self.store.root().parent().unwrap_or(self.store.root())
    }

    /// Whether a try would find the image without asking a registry.
    pub(crate) fn is_here(&self, reference: &str, policy: &str) -> bool {
        policy != "Always" && matches!(self.store.resolve(reference), Ok(Some(_)))
    }

    /// Finds or pulls the image and unpacks what is not unpacked yet. Events tell what was done. Given up when the pod
    /// ends meanwhile; what came of the image stays for the next pull.
    pub(crate) async fn ensure(&self, wanted: Wanted<'_>) -> Result<Ready, ImageError> {
        let mut given_up = wanted.given_up.clone();
        tokio::select! {
            result = self.find(wanted) => result,
            Ok(_) = given_up.wait_for(|given_up| *given_up) => {
                Err(ImageError { reason: GIVEN_UP, message: "the pod is ending".to_owned() })
            }
        }
    }

    async fn find(&self, wanted: Wanted<'_>) -> Result<Ready, ImageError> {
        let Wanted { reference, policy, object, .. } = &wanted;
        let parsed = Reference::parse(reference).map_err(|error| {
            let message = format!("Failed to apply default image tag \"{reference}\": {error}");
            self.events.warning(object.clone(), "InspectFailed", message.clone());
            ImageError { reason: "InvalidImageName", message }
        })?;
        let mut secrets = Secrets::new(self, wanted.pod);
        if *policy != "Always"
            && let Some(ready) = self.present(&wanted, &parsed, &mut secrets).await?
        {
            return Ok(ready);
        }
        if *policy == "Never" {
            let message = format!("Container image \"{reference}\" is not present with pull policy of Never");
            self.events.warning(object.clone(), "ErrImageNeverPull", message.clone());
            return Err(ImageError { reason: "ErrImageNeverPull", message });
        }
        self.pull(&wanted, &parsed, &mut secrets).await.map_err(|message| {
            let text = format!("Failed to pull image \"{reference}\": {message}");
            self.events.warning(object.clone(), "Failed", text);
            ImageError { reason: "ErrImagePull", message }
        })
    }

    /// The image as it is here, if it is whole and the pod may use it.
    async fn present(
        &self,
        wanted: &Wanted<'_>,
        parsed: &Reference,
        secrets: &mut Secrets<'_>,
    ) -> Result<Option<Ready>, ImageError> {
        let Some(found) = self.found(wanted.reference).await.ok().flatten() else { return Ok(None) };
        let access = Access::new(&self.store);
        let origins = async || {
            let (registry, repository) = parsed.location().unwrap_or_default();
            secrets.keyring(wanted).await;
            secrets.origins(registry, repository)
        };
        if !access.may_use(&found.target, parsed, origins).await {
            return Ok(None);
        }
        let ready = self.unpacked(wanted.reference, found).await;
        match ready {
            Ok(ready) => {
                let text = format!(
                    "Container image \"{}\" already present on machine and can be accessed by the pod",
                    wanted.reference
                );
                self.events.normal(wanted.object.clone(), "Pulled", text);
                Ok(Some(ready))
            }
            // Part of it is gone: a pull brings it back.
            Err(image::Error::MissingBlob { .. }) if wanted.policy != "Never" => Ok(None),
            Err(error) => {
                let message = format!("failed to unpack image \"{}\": {error}", wanted.reference);
                Err(ImageError { reason: "ErrImagePull", message })
            }
        }
    }

    async fn pull(
        &self,
        wanted: &Wanted<'_>,
        parsed: &Reference,
        secrets: &mut Secrets<'_>,
    ) -> Result<Ready, String> {
        let reference = wanted.reference;
        self.events.normal(wanted.object.clone(), "Pulling", format!("Pulling image \"{reference}\""));
        let asked = Instant::now();
        let turn = self.turn(&parsed.to_string());
        let _turn = turn.lock().await;
        let _slot = self.slots.acquire().await.map_err(|error| error.to_string())?;
        // Somebody else may have brought it meanwhile.
        if wanted.policy != "Always"
            && let Ok(Some(ready)) = self.present(wanted, parsed, secrets).await
        {
            return Ok(ready);
        }
        if parsed.location().is_some_and(|(registry, _)| registry == MADE_HERE) {
            return Err(format!(
                "image \"{reference}\" is made on this machine and not in its store: `launchway up` builds those of a \
                 repository, `launchway image import ARCHIVE` brings one"
            ));
        }
        let begun = Instant::now();
        let settings = Settings::read(self.folder()).map_err(|error| error.to_string())?;
        let client = registry::Client::new(settings);
        let pulled = client.pull(&self.store, reference, secrets.keyring(wanted).await, &|_| ()).await;
        let pulled = pulled.map_err(|error| match self.found_now(reference) {
            // Somebody who built or imported it did not expect a registry to be asked.
            true => format!(
                "{error}. The image is on this node: imagePullPolicy IfNotPresent or Never would use it"
            ),
            false => error.to_string(),
        })?;
        let (took, whole) = (begun.elapsed(), asked.elapsed());
        let access = Access::new(&self.store);
        access.record(&pulled.digest, parsed, secrets.origin(pulled.credential.as_ref())).await;
        let found = self.found(reference).await.map_err(|error| error.to_string())?;
        let found = found.ok_or("it was removed while it was being pulled")?;
        let ready = self.unpacked(reference, found).await;
        let ready = ready.map_err(|error| format!("failed to unpack image \"{reference}\": {error}"))?;
        let text = format!(
            "Successfully pulled image \"{reference}\" in {} ({} including waiting). Image size: {} bytes.",
            go_duration(took),
            go_duration(whole),
            pulled.size
        );
        self.events.normal(wanted.object.clone(), "Pulled", text);
        Ok(ready)
    }

    fn turn(&self, name: &str) -> Arc<AsyncMutex<()>> {
        let mut pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        pulls.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = pulls.get(name).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(AsyncMutex::new(()));
        pulls.insert(name.to_owned(), Arc::downgrade(&turn));
        turn
    }

    fn found_now(&self, reference: &str) -> bool {
        matches!(self.store.resolve(reference), Ok(Some(_)))
    }

    async fn found(&self, reference: &str) -> Result<Option<Image>, image::Error> {
        let (store, reference) = (self.store.clone(), reference.to_owned());
        blocking(move || store.resolve(&reference)).await
    }

    async fn unpacked(&self, reference: &str, image: Image) -> Result<Ready, image::Error> {
        let (store, reference) = (self.store.clone(), reference.to_owned());
        blocking(move || {
            let lower_dirs = store.unpack(&image)?;
            Ok(Ready { id: id(&reference, &image.target), config: image.config, lower_dirs })
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, image::Error> + Send + 'static,
) -> Result<T, image::Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let (what, why) = ("the image".to_owned(), format!("work on it was interrupted: {error}"));
        Err(image::Error::Malformed { what, why })
    })
}

/// `imageID`: the name as given, without its tag, and the digest.
fn id(reference: &str, digest: &Digest) -> String {
    if reference.starts_with("sha256:") {
        return digest.to_string();
    }
    let name = reference.split('@').next().unwrap_or(reference);
    let (folder, last) = name.rsplit_once('/').map_or(("", name), |(folder, last)| (folder, last));
    let last = last.split(':').next().unwrap_or(last);
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}{last}@{digest}")
}

/// The digest in an `imageID`.
fn digest_of(id: &str) -> Option<Digest> {
    id.rsplit('@').next()?.parse().ok()
}

/// A duration cut to milliseconds, as Go prints it: `12ms`, `1.5s`, `2m3.25s`.
fn go_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1000 {
        return if millis == 0 { "0s".to_owned() } else { format!("{millis}ms") };
    }
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let seconds = format!("{}.{:03}", rest / 1000, rest % 1000);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_as_go_does() {
        for (millis, text) in [
            (0, "0s"),
            (7, "7ms"),
            (999, "999ms"),
            (1000, "1s"),
            (1500, "1.5s"),
            (12_340, "12.34s"),
            (60_000, "1m0s"),
            (123_250, "2m3.25s"),
            (3_600_001, "1h0m0.001s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn image_ids_have_name_and_digest() {
        let digest = Digest::of(b"x");
        for (reference, name) in [
            ("nginx", "nginx@"),
            ("nginx:1", "nginx@"),
            ("localhost:5000/a/b:1", "localhost:5000/a/b@"),
            ("localhost:5000/a", "localhost:5000/a@"),
        ] {
            let id = id(reference, &digest);
            assert_eq!(id, format!("{name}{digest}"));
            assert_eq!(digest_of(&id), Some(digest.clone()));
        }
        assert_eq!(id(&digest.to_string(), &digest), digest.to_string());
        assert_eq!(digest_of(&digest.to_string()), Some(digest));
    }
}
