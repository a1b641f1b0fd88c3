//! Who may use an image that a secret brought (KEP-2535, upstream's policy `NeverVerifyPreloadedImages`).
//!
//! Images that were built or imported are for every pod. Of an image that was pulled a record says with which secrets
//! its repository was opened, or that none was needed; a pod whose secrets are others pulls again, which asks the
//! registry. Records lie in the content store's folder, one small file an image.

use std::collections::BTreeMap;
use std::path::PathBuf;

use image::{ContentStore, Digest, Reference};
use serde::{Deserialize, Serialize};

use super::secrets::Origin;

/// More secrets than this are not kept of a repository; the oldest go.
const KEPT: usize = 100;

/// Records of pulls.
pub(super) struct Access {
    folder: PathBuf,
}

/// How an image's repositories were opened.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    repositories: BTreeMap<String, Opened>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Opened {
    /// Without a secret: every pod of the node may use it.
    everyone: bool,
    secrets: Vec<Secret>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Secret {
    uid: String,
    namespace: String,
    name: String,
    hash: String,
}

impl From<Origin> for Secret {
    fn from(Origin { uid, namespace, name, hash }: Origin) -> Self {
        Secret { uid, namespace, name, hash }
    }
}

impl Record {
    fn add(&mut self, repository: &str, origin: Option<Origin>) {
        let opened = self.repositories.entry(repository.to_owned()).or_default();
        let Some(origin) = origin.map(Secret::from) else {
            opened.everyone = true;
            return;
        };
        let other = |known: &Secret| known.uid != origin.uid || known.name != origin.name;
        opened.secrets.retain(|known| other(known) || known.namespace != origin.namespace);
        opened.secrets.push(origin);
        let surplus = opened.secrets.len().saturating_sub(KEPT);
        opened.secrets.drain(..surplus);
    }
}

impl Opened {
    /// The same credential, or the same secret: then a changed password is the registry's business at the next pull.
    fn fits(&self, origin: &Origin) -> bool {
        self.secrets.iter().any(|known| {
            let same =
                (&known.uid, &known.namespace, &known.name) == (&origin.uid, &origin.namespace, &origin.name);
            same || known.hash == origin.hash
        })
    }
}

impl Access {
    pub(super) fn new(store: &ContentStore) -> Self {
        Self { folder: store.root().join("pulled") }
    }

    /// Whether a pod may use an image that is here. `origins` are asked for its secrets when they decide.
    pub(super) async fn may_use(
        &self,
        image: &Digest,
        reference: &Reference,
        origins: impl AsyncFnOnce() -> Vec<Origin>,
    ) -> bool {
        let Some(record) = self.read(image).await else { return true };
        let Some(name) = &reference.name else { return record.repositories.values().any(|o| o.everyone) };
        let Some(opened) = record.repositories.get(name) else { return false };
        opened.everyone || (!opened.secrets.is_empty() && origins().await.iter().any(|o| opened.fits(o)))
    }

    /// Notes a pull.
    pub(super) async fn record(&self, image: &Digest, reference: &Reference, origin: Option<Origin>) {
        let Some(name) = &reference.name else { return };
        let before = self.read(image).await.unwrap_or_default();
        let mut record = before.clone();
        record.add(name, origin);
        if record == before {
            return;
        }
        let written = async {
            tokio::fs::create_dir_all(&self.folder).await?;
            let text = serde_json::to_vec(&record)?;
            let (new, path) = (self.path(image).with_extension("new"), self.path(image));
            tokio::fs::write(&new, text).await?;
            tokio::fs::rename(&new, path).await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, %image, "it is not recorded who may use a pulled image");
        }
    }

    /// Forgets an image that is gone.
    pub(super) fn forget(&self, image: &Digest) {
        let _ = std::fs::remove_file(self.path(image));
    }

    fn path(&self, image: &Digest) -> PathBuf {
        self.folder.join(image.hex())
    }

    async fn read(&self, image: &Digest) -> Option<Record> {
        let bytes = tokio::fs::read(self.path(image)).await.ok()?;
        // A record that makes no sense opens nothing.
        Some(serde_json::from_slice(&bytes).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(uid: &str, hash: &str) -> Origin {
        Origin { uid: uid.into(), namespace: "n".into(), name: "s".into(), hash: hash.into() }
    }

    #[tokio::test]
    async fn a_private_image_is_for_those_who_can_open_it() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::new(&ContentStore::open(dir.path()).unwrap());
        let image = Digest::of(b"image");
        let private = Reference::parse("r.io/private:1").unwrap();
        let may = async |reference: &Reference, own: Vec<Origin>| {
            access.may_use(&image, reference, async || own).await
        };
        // Imported: for everybody.
        assert!(may(&private, vec![]).await);

        access.record(&image, &private, Some(origin("1", "a"))).await;
        assert!(!may(&private, vec![]).await);
        assert!(!may(&private, vec![origin("2", "b")]).await);
        assert!(may(&private, vec![origin("2", "a")]).await, "the same password");
        assert!(may(&private, vec![origin("1", "b")]).await, "the same secret");
        // The same content under another name was not asked for.
        let other = Reference::parse("r.io/other:1").unwrap();
        assert!(!may(&other, vec![origin("1", "a")]).await);

        access.record(&image, &other, None).await;
        assert!(may(&other, vec![]).await);
        access.forget(&image);
        assert!(may(&private, vec![]).await);
    }
}
