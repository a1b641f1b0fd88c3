//! Layers that steps of builds made, by the digest of everything that the step saw.
//!
//! One small file each below `cache/`. A collection keeps the layers named there; forgetting them all frees them.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::content::ContentStore;
use crate::digest::Digest;
use crate::disk::{self, Draft, failed};
use crate::error::Error;
use crate::manifest;
use crate::model::Layer;

/// What a step made; no layer when it changed nothing.
#[derive(Serialize, Deserialize)]
struct Cached {
    layer: Option<Named>,
}

#[derive(Serialize, Deserialize)]
struct Named {
    digest: String,
    diff_id: String,
    size: u64,
    media_type: String,
}

impl ContentStore {
    fn cache(&self) -> PathBuf {
        self.root().join("cache")
    }

    /// Keeps what the step with this key made.
    pub fn remember(&self, key: &Digest, layer: Option<&Layer>) -> Result<(), Error> {
        let _writing = self.writing()?;
        let path = disk::make_dir(self.cache())?.join(key.hex());
        let layer = layer.map(|layer| Named {
            digest: layer.digest.to_string(),
            diff_id: layer.diff_id.to_string(),
            size: layer.size,
            media_type: layer.media_type.clone(),
        });
        let mut draft = Draft::new(&self.temporary())?;
        draft.write_all(&manifest::bytes(&Cached { layer })?).map_err(failed("write", &path))?;
        draft.publish(&path)
    }

    /// What the step with this key made: `None` if it is not known, `Some(None)` if it changed nothing.
    pub fn recall(&self, key: &Digest) -> Result<Option<Option<Layer>>, Error> {
        let path = self.cache().join(key.hex());
        let Some(bytes) = disk::read(&path)? else { return Ok(None) };
        let cached: Cached = manifest::parse(&path.display().to_string(), &bytes)?;
        let Some(named) = cached.layer else { return Ok(Some(None)) };
        let layer = Layer {
            digest: named.digest.parse()?,
            diff_id: named.diff_id.parse()?,
            size: named.size,
            media_type: named.media_type,
        };
        Ok(self.blob(&layer.digest).map(|_| Some(layer)))
    }

    /// Forgets all of them; the next collection takes the layers that no image has.
    pub fn forget_cached(&self) -> Result<(), Error> {
        let dir = self.cache();
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &dir)(error)),
            _ => Ok(()),
        }
    }

    /// All layers that are kept so.
    pub(crate) fn cached(&self) -> Result<Vec<Layer>, Error> {
        let dir = self.cache();
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("list", &dir)(error)),
        };
        let mut layers = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed("list", &dir))?.file_name();
            let key = name.to_str().and_then(|hex| format!("sha256:{hex}").parse().ok());
            // A file that makes no sense keeps nothing alive.
            if let Some(key) = key
                && let Ok(Some(Some(layer))) = self.recall(&key)
            {
                layers.push(layer);
            }
        }
        Ok(layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LayerBuilder;

    #[test]
    fn collections_keep_what_is_remembered_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(dir.path()).unwrap();
        let mut files = LayerBuilder::new();
        files.bytes("a", b"a".to_vec(), false).unwrap();
        let layer = store.put_layer(&files).unwrap();
        let (key, empty) = (Digest::of(b"key"), Digest::of(b"empty"));
        store.remember(&key, Some(&layer)).unwrap();
        store.remember(&empty, None).unwrap();
        assert_eq!(store.gc(&[]).unwrap().blobs, 0);
        assert_eq!(store.recall(&key).unwrap(), Some(Some(layer.clone())));
        assert_eq!(store.recall(&empty).unwrap(), Some(None));
        assert_eq!(store.recall(&Digest::of(b"other")).unwrap(), None);
        store.forget_cached().unwrap();
        store.forget_cached().unwrap();
        assert_eq!(store.gc(&[]).unwrap().blobs, 1);
        assert_eq!(store.recall(&key).unwrap(), None);
    }
}
