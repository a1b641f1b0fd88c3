//! Who uses which images, so that nobody takes away what a container runs on.
//!
//! Each user of the store (a node) keeps one small file below `uses/` that names its folder and the images that it
//! uses. A user whose folder is gone uses nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::content::ContentStore;
use crate::digest::Digest;
use crate::disk::{self, Draft, failed};
use crate::error::Error;
use crate::manifest;

#[derive(Serialize, Deserialize)]
struct Uses {
    owner: String,
    images: BTreeSet<String>,
}

impl ContentStore {
    /// Says which images (digests of manifests or indexes) the node with this folder uses from now on.
    pub fn set_uses(&self, owner: &Path, images: &BTreeSet<Digest>) -> Result<(), Error> {
        let _writing = self.writing()?;
        let owner = owner.display().to_string();
        let dir = disk::make_dir(self.root().join("uses"))?;
        let path = dir.join(Digest::of(owner.as_bytes()).hex());
        let uses = Uses { owner, images: images.iter().map(Digest::to_string).collect() };
        let bytes = manifest::bytes(&uses)?;
        if disk::read(&path)?.as_ref() == Some(&bytes) {
            return Ok(());
        }
        let mut draft = Draft::new(&self.temporary())?;
        draft.write_all(&bytes).map_err(failed("write", &path))?;
        draft.publish(&path)
    }

    /// Every image that somebody uses.
    pub fn in_use(&self) -> Result<BTreeSet<Digest>, Error> {
        let dir = self.root().join("uses");
        let mut used = BTreeSet::new();
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(used),
            Err(error) => return Err(failed("list", &dir)(error)),
        };
        for entry in entries {
            let path = entry.map_err(failed("list", &dir))?.path();
            let Some(bytes) = disk::read(&path)? else { continue };
            let uses: Uses = manifest::parse(&path.display().to_string(), &bytes)?;
            if Path::new(&uses.owner).exists() {
                for image in uses.images {
                    used.insert(image.parse()?);
                }
            }
        }
        Ok(used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageConfig, LayerBuilder};

    #[test]
    fn what_a_node_uses_stays_until_the_node_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&dir.path().join("images")).unwrap();
        let node = dir.path().join("node");
        fs::create_dir(&node).unwrap();
        let mut files = LayerBuilder::new();
        files.bytes("a", b"a".to_vec(), false).unwrap();
        let layer = store.put_layer(&files).unwrap();
        let image = store.build_image(&ImageConfig::default(), &[layer]).unwrap();
        store.set_uses(&node, &BTreeSet::from([image.clone()])).unwrap();
        assert_eq!(store.gc(&[]).unwrap().blobs, 0);
        assert_eq!(store.in_use().unwrap(), BTreeSet::from([image]));
        fs::remove_dir(&node).unwrap();
        assert!(store.in_use().unwrap().is_empty());
        assert_eq!(store.gc(&[]).unwrap().blobs, 3);
    }
}
