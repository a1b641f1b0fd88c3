//! The content store: blobs by digest, references by name, unpacked layers by diff id.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::error::Error;
use crate::layer::LayerBuilder;
use crate::model::{Freed, Image, ImageConfig, Imported, Layer, Listed};

/// A content store in one folder. Clones share it; several processes may use it at once.
#[derive(Debug, Clone)]
pub struct ContentStore {
    _private: (),
}

impl ContentStore {
    /// Opens the store below `root`, which is made if it is not there.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let _ = root;
        unimplemented!()
    }

    /// Stores a blob; nothing is written if it is there already.
    pub fn put_blob(&self, reader: impl Read) -> Result<Digest, Error> {
        let _ = reader;
        unimplemented!()
    }

    /// Where a blob lies, if it is there.
    pub fn blob(&self, digest: &Digest) -> Option<PathBuf> {
        let _ = digest;
        unimplemented!()
    }

    /// Writes the builder's layer as an uncompressed blob.
    pub fn put_layer(&self, layer: &LayerBuilder) -> Result<Layer, Error> {
        let _ = layer;
        unimplemented!()
    }

    /// Makes an image of a configuration and layers (lowest first) and returns its manifest's digest.
    /// The same inputs give the same digest. Tag it, or the next collection takes it.
    pub fn build_image(&self, config: &ImageConfig, layers: &[Layer]) -> Result<Digest, Error> {
        let _ = (config, layers);
        unimplemented!()
    }

    /// Lets `name` (normalised: `nginx` is `docker.io/library/nginx:latest`) refer to the manifest `digest`.
    pub fn tag(&self, name: &str, digest: &Digest) -> Result<(), Error> {
        let _ = (name, digest);
        unimplemented!()
    }

    /// Finds an image by `name:tag`, `name@digest` or digest; `None` if it is not on this machine.
    pub fn resolve(&self, reference: &str) -> Result<Option<Image>, Error> {
        let _ = reference;
        unimplemented!()
    }

    /// As [`ContentStore::resolve`], but a missing image is an error that says what was looked for.
    pub fn require(&self, reference: &str) -> Result<Image, Error> {
        let _ = reference;
        unimplemented!()
    }

    /// Unpacks the layers that are not unpacked yet and returns overlayfs' lower folders, top layer first.
    /// An image without layers gives one empty folder. Needs root (device nodes, trusted attributes).
    pub fn unpack(&self, image: &Image) -> Result<Vec<PathBuf>, Error> {
        let _ = image;
        unimplemented!()
    }

    /// Imports every image of an OCI archive or docker-archive tar (or an OCI layout folder).
    pub fn import_archive(&self, path: &Path) -> Result<Vec<Imported>, Error> {
        let _ = path;
        unimplemented!()
    }

    /// All images with their names, sorted by first name.
    pub fn list(&self) -> Result<Vec<Listed>, Error> {
        unimplemented!()
    }

    /// Removes a name, or with a digest all names of that image. Content goes with the next [`ContentStore::gc`].
    /// Returns whether anything was removed.
    pub fn remove(&self, reference: &str) -> Result<bool, Error> {
        let _ = reference;
        unimplemented!()
    }

    /// Deletes blobs and unpacked layers that no reference needs, except the layers in `in_use` (by diff id).
    /// Waits until no process is writing.
    pub fn gc(&self, in_use: &[Digest]) -> Result<Freed, Error> {
        let _ = in_use;
        unimplemented!()
    }
}
