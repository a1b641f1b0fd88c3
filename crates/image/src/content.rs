//! The content store: blobs by digest, references by name, unpacked layers by diff id.
//!
//! Layout below the root: `blobs/sha256/<hex>` as in an OCI layout, `refs/<hash of the name>` with name and
//! digest, `layers/<diff id>/` for overlayfs, `tmp/` for what is being written, `LOCK`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::disk::{self, Draft, Hashing, Writing, failed};
use crate::error::Error;
use crate::layer::LayerBuilder;
use crate::manifest::{self, Config, Descriptor, Manifest};
use crate::model::{Image, ImageConfig, Layer, Listed};
use crate::reference::Reference;

/// A content store in one folder. Clones share it; several processes may use it at once.
#[derive(Debug, Clone)]
pub struct ContentStore {
    root: PathBuf,
}

/// A name and what it refers to, as kept in a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Name {
    pub(crate) name: String,
    pub(crate) digest: String,
}

impl ContentStore {
    /// Opens the store below `root`, which is made if it is not there.
    pub fn open(root: &Path) -> Result<Self, Error> {
        for dir in ["blobs/sha256", "refs", "layers", "tmp"] {
            disk::make_dir(root.join(dir))?;
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Keeps [`ContentStore::gc`] waiting until the guard is dropped. Every call that writes does so for itself;
    /// hold one over several calls, so that blobs which no name refers to yet are not collected in between.
    pub fn writing(&self) -> Result<Writing, Error> {
        disk::lock(&self.root, false)
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    /// Stores a blob; nothing is kept twice.
    pub fn put_blob(&self, mut reader: impl Read) -> Result<Digest, Error> {
        let _writing = self.writing()?;
        let mut draft = Draft::new(&self.temporary())?;
        let (digest, _) = draft.fill(&mut reader, "read what goes into")?;
        self.keep(draft, &digest)?;
        Ok(digest)
    }

    /// Gives a complete draft its place, unless the blob is there.
    pub(crate) fn keep(&self, draft: Draft, digest: &Digest) -> Result<(), Error> {
        let path = self.blob_path(digest);
        if path.exists() { Ok(()) } else { draft.publish(&path) }
    }

    pub(crate) fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        match self.blob(&digest) {
            Some(_) => Ok(digest),
            None => self.put_blob(bytes),
        }
    }

    /// Where a blob lies, if it is there.
    pub fn blob(&self, digest: &Digest) -> Option<PathBuf> {
        Some(self.blob_path(digest)).filter(|path| path.exists())
    }

    /// Reads a document's blob and checks it.
    pub(crate) fn read_blob(&self, digest: &Digest, of: &str) -> Result<Vec<u8>, Error> {
        let missing =
            || Error::MissingBlob { digest: digest.clone(), of: of.to_owned(), root: self.root.clone() };
        let bytes = disk::read(&self.blob_path(digest))?.ok_or_else(missing)?;
        let actual = Digest::of(&bytes);
        if actual != *digest {
            let what = self.blob_path(digest).display().to_string();
            return Err(Error::Mismatch { what, expected: digest.clone(), actual });
        }
        Ok(bytes)
    }

    /// Writes the builder's layer as an uncompressed blob; if it is there already, files are only read.
    pub fn put_layer(&self, layer: &LayerBuilder) -> Result<Layer, Error> {
        let _writing = self.writing()?;
        let temporary = self.temporary();
        let mut hashing = Hashing::new(io::sink());
        layer.write(&mut hashing, &temporary)?;
        let mut digest = hashing.digest();
        if self.blob(&digest).is_none() {
            let mut draft = Draft::new(&temporary)?;
            let mut hashing = Hashing::new(io::BufWriter::with_capacity(128 << 10, &mut draft));
            layer.write(&mut hashing, &temporary)?;
            // Not the digest from before, should a file have changed in between.
            digest = hashing.digest();
            self.keep(draft, &digest)?;
        }
        let path = self.blob_path(&digest);
        let size = fs::metadata(&path).map_err(failed("read", &path))?.len();
        let media_type = manifest::LAYER.to_owned();
        Ok(Layer { diff_id: digest.clone(), digest, size, media_type })
    }

    /// Makes an image of a configuration and layers (lowest first) and returns its manifest's digest.
    /// The same inputs give the same digest. Tag it, or the next collection takes it.
    pub fn build_image(&self, config: &ImageConfig, layers: &[Layer]) -> Result<Digest, Error> {
        let config = manifest::bytes(&Config::new(config, layers))?;
        self.put_image(&config, layers)
    }

    /// Stores a configuration as it is, and a manifest for it.
    pub(crate) fn put_image(&self, config: &[u8], layers: &[Layer]) -> Result<Digest, Error> {
        let _writing = self.writing()?;
        let digest = self.put_bytes(config)?;
        for layer in layers {
            self.expect_blob(&layer.digest, "the new image")?;
        }
        let describe = |layer: &Layer| Descriptor::new(&layer.media_type, &layer.digest, layer.size);
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(manifest::MANIFEST.to_owned()),
            config: Some(Descriptor::new(manifest::CONFIG, &digest, config.len() as u64)),
            layers: Some(layers.iter().map(describe).collect()),
            manifests: None,
        };
        self.put_bytes(&manifest::bytes(&manifest)?)
    }

    fn expect_blob(&self, digest: &Digest, of: &str) -> Result<(), Error> {
        match self.blob(digest) {
            Some(_) => Ok(()),
            None => {
                let (digest, of, root) = (digest.clone(), of.to_owned(), self.root.clone());
                Err(Error::MissingBlob { digest, of, root })
            }
        }
    }

    /// Lets `name` (normalised: `nginx` is `docker.io/library/nginx:latest`) refer to the manifest or index `digest`.
    /// A name may end in that very digest: so an image stays that was asked for by digest.
    pub fn tag(&self, name: &str, digest: &Digest) -> Result<(), Error> {
        let _writing = self.writing()?;
        let reference = Reference::parse(name)?;
        if reference.name.is_none() || reference.digest.as_ref().is_some_and(|own| own != digest) {
            let what = "an image is tagged by name and tag, not by another's digest".to_owned();
            return Err(Error::BadReference { reference: name.to_owned(), what });
        }
        self.image(digest, name)?;
        let name = reference.to_string();
        let path = self.name_path(&name);
        let bytes = manifest::bytes(&Name { name, digest: digest.to_string() })?;
        if disk::read(&path)?.as_ref() == Some(&bytes) {
            return Ok(());
        }
        let mut draft = Draft::new(&self.temporary())?;
        io::Write::write_all(&mut draft, &bytes).map_err(failed("write", &path))?;
        draft.publish(&path)
    }

    fn name_path(&self, name: &str) -> PathBuf {
        // Names may be longer than file names, and contain slashes.
        self.root.join("refs").join(Digest::of(name.as_bytes()).hex())
    }

    /// All names, sorted.
    pub(crate) fn names(&self) -> Result<BTreeMap<String, Digest>, Error> {
        let dir = self.root.join("refs");
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(&dir).map_err(failed("list", &dir))? {
            let path = entry.map_err(failed("list", &dir))?.path();
            if let Some(name) = read_name(&path)? {
                names.insert(name.0, name.1);
            }
        }
        Ok(names)
    }

    /// Finds an image by `name:tag`, `name@digest` or digest; `None` if it is not on this machine.
    pub fn resolve(&self, reference: &str) -> Result<Option<Image>, Error> {
        let parsed = Reference::parse(reference)?;
        let digest = match parsed.digest {
            Some(digest) => Some(digest),
            None => read_name(&self.name_path(&parsed.to_string()))?.map(|(_, digest)| digest),
        };
        match digest {
            Some(digest) if self.blob(&digest).is_some() => self.image(&digest, reference).map(Some),
            _ => Ok(None),
        }
    }

    /// As [`ContentStore::resolve`], but a missing image is an error that says what was looked for.
    pub fn require(&self, reference: &str) -> Result<Image, Error> {
        self.resolve(reference)?.ok_or_else(|| {
            let tried =
                Reference::parse(reference).map_or_else(|_| reference.to_owned(), |full| full.to_string());
            Error::NotFound { reference: reference.to_owned(), tried, root: self.root.clone() }
        })
    }

    /// The image whose manifest (or index) has this digest; `of` names it in errors.
    fn image(&self, digest: &Digest, of: &str) -> Result<Image, Error> {
        let malformed = |why: String| Error::Malformed { what: format!("image {of} ({digest})"), why };
        let manifest: Manifest =
            manifest::parse(&format!("manifest {digest}"), &self.read_blob(digest, of)?)?;
        if let Some(manifests) = manifest.manifests {
            let fitting = manifests.iter().find(|entry| entry.fits()).ok_or_else(|| {
                malformed(format!("it has no variant for linux/{}", manifest::architecture()))
            })?;
            let image = self.image(&fitting.digest(of)?, of)?;
            return Ok(Image { target: digest.clone(), ..image });
        }
        let (Some(config), Some(descriptors)) = (manifest.config, manifest.layers) else {
            return Err(malformed("it is neither a manifest nor an index of manifests".to_owned()));
        };
        let config_digest = config.digest(of)?;
        let what = format!("configuration {config_digest}");
        let config: Config = manifest::parse(&what, &self.read_blob(&config_digest, of)?)?;
        if config.rootfs.diff_ids.len() != descriptors.len() {
            let (ids, layers) = (config.rootfs.diff_ids.len(), descriptors.len());
            return Err(malformed(format!("{layers} layers, but {ids} diff ids in its configuration")));
        }
        let layers = descriptors.into_iter().zip(&config.rootfs.diff_ids).map(|(layer, diff_id)| {
            let digest = layer.digest(of)?;
            Ok(Layer { digest, diff_id: diff_id.parse()?, size: layer.size, media_type: layer.media_type })
        });
        let layers = layers.collect::<Result<_, Error>>()?;
        Ok(Image {
            digest: digest.clone(),
            target: digest.clone(),
            config_digest,
            config: config.into_image(),
            layers,
        })
    }

    /// All images with their names, sorted by first name.
    pub fn list(&self) -> Result<Vec<Listed>, Error> {
        let mut images: Vec<Listed> = Vec::new();
        for (name, digest) in self.names()? {
            if let Some(known) = images.iter_mut().find(|image| image.digest == digest) {
                known.names.push(name);
                continue;
            }
            let mut size = 0;
            for blob in self.reachable(&digest)? {
                size += self.blob(&blob).and_then(|path| path.metadata().ok()).map_or(0, |data| data.len());
            }
            images.push(Listed { names: vec![name], digest, size });
        }
        Ok(images)
    }

    /// Removes a name, or with a digest all names of that image. Content goes with the next [`ContentStore::gc`].
    /// Returns whether anything was removed.
    pub fn remove(&self, reference: &str) -> Result<bool, Error> {
        let _writing = self.writing()?;
        let parsed = Reference::parse(reference)?;
        let names: Vec<String> = match &parsed.digest {
            None => vec![parsed.to_string()],
            Some(digest) => {
                let all = self.names()?.into_iter();
                all.filter(|(_, other)| other == digest).map(|(name, _)| name).collect()
            }
        };
        let mut removed = false;
        for name in names {
            let path = self.name_path(&name);
            match fs::remove_file(&path) {
                Ok(()) => removed = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("remove", &path)(error)),
            }
        }
        Ok(removed)
    }
}

fn read_name(path: &Path) -> Result<Option<(String, Digest)>, Error> {
    let Some(bytes) = disk::read(path)? else { return Ok(None) };
    let name: Name = manifest::parse(&path.display().to_string(), &bytes)?;
    Ok(Some((name.name, name.digest.parse()?)))
}
