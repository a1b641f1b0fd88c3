//! Import of image archives: OCI layouts in a tar file or folder, and what `docker save` writes.
//!
//! The archive is read once, front to back. Its blobs are stored as they come and checked against the names or
//! documents that refer to them; names are given last, so that a broken archive leaves at most blobs that the next
//! collection takes.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use tar::Archive;

use crate::content::ContentStore;
use crate::digest::Digest;
use crate::disk::{Draft, Hashing, failed};
use crate::error::Error;
use crate::manifest::{self, Config, Manifest};
use crate::model::{Imported, Layer};
use crate::reference::Reference;
use crate::unpack::decompress;

/// Documents beyond this size are not read into memory.
const DOCUMENT: u64 = 4 << 20;

/// An image in the `manifest.json` of `docker save`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// What was found in an archive.
#[derive(Default)]
struct Found {
    /// Digests of stored files by their path.
    files: HashMap<String, Digest>,
    /// Links by path: old versions of `docker save` link equal layers.
    links: HashMap<String, String>,
    index: Option<Vec<u8>>,
    manifest: Option<Vec<u8>>,
}

impl ContentStore {
    /// Imports every image of an OCI archive or docker-archive tar (perhaps gzipped), or of an OCI layout folder.
    pub fn import_archive(&self, path: &Path) -> Result<Vec<Imported>, Error> {
        let _writing = self.writing()?;
        let mut found = Found::default();
        if path.is_dir() {
            self.scan_dir(path, Path::new(""), &mut found)?;
        } else {
            let file = File::open(path).map_err(failed("open", path))?;
            self.scan_tar(decompress(file).map_err(failed("read", path))?, path, &mut found)?;
        }
        let what = path.display().to_string();
        let images = match (&found.index, &found.manifest) {
            (Some(index), _) => self.import_index(&what, index)?,
            (None, Some(manifest)) => self.import_saved(&what, manifest, &found)?,
            (None, None) => {
                let why = "it has neither an index.json (OCI) nor a manifest.json (docker save)".to_owned();
                return Err(Error::Malformed { what, why });
            }
        };
        for image in &images {
            for name in &image.names {
                self.tag(name, &image.digest)?;
            }
        }
        Ok(images)
    }

    fn scan_tar(&self, reader: impl Read, path: &Path, found: &mut Found) -> Result<(), Error> {
        let malformed =
            |error: io::Error| Error::Malformed { what: path.display().to_string(), why: error.to_string() };
        for entry in Archive::new(reader).entries().map_err(malformed)? {
            let mut entry = entry.map_err(malformed)?;
            let name = entry.path().map_err(malformed)?.to_string_lossy().into_owned();
            let name = name.trim_start_matches("./").to_owned();
            let kind = entry.header().entry_type();
            if kind.is_file() {
                let size = entry.size();
                self.scan_file(&name, size, &mut entry, found)?;
            } else if (kind.is_symlink() || kind.is_hard_link())
                && let Some(target) = entry.link_name().map_err(malformed)?
            {
                let target = target.to_string_lossy();
                let target = if kind.is_symlink() { beside(&name, &target) } else { target.into_owned() };
                found.links.insert(name, target);
            }
        }
        Ok(())
    }

    fn scan_dir(&self, root: &Path, below: &Path, found: &mut Found) -> Result<(), Error> {
        let dir = root.join(below);
        for entry in fs::read_dir(&dir).map_err(failed("list", &dir))? {
            let entry = entry.map_err(failed("list", &dir))?;
            let below = below.join(entry.file_name());
            let path = entry.path();
            let kind = entry.file_type().map_err(failed("read", &path))?;
            if kind.is_dir() {
                self.scan_dir(root, &below, found)?;
            } else if kind.is_file() {
                let mut file = File::open(&path).map_err(failed("open", &path))?;
                let size = file.metadata().map_err(failed("read", &path))?.len();
                self.scan_file(&below.to_string_lossy(), size, &mut file, found)?;
            }
        }
        Ok(())
    }

    fn scan_file(
        &self,
        name: &str,
        size: u64,
        reader: &mut dyn Read,
        found: &mut Found,
    ) -> Result<(), Error> {
        if matches!(name, "index.json" | "manifest.json") && size <= DOCUMENT {
            let mut bytes = Vec::new();
            let read = reader.read_to_end(&mut bytes);
            read.map_err(|error| Error::Malformed { what: name.to_owned(), why: error.to_string() })?;
            if name == "index.json" {
                found.index = Some(bytes)
            } else {
                found.manifest = Some(bytes)
            }
            return Ok(());
        }
        if matches!(name, "oci-layout" | "repositories") || name.ends_with("/VERSION") {
            return Ok(());
        }
        let named = name.strip_prefix("blobs/sha256/").map(|hex| format!("sha256:{hex}").parse::<Digest>());
        if let Some(Ok(digest)) = &named
            && self.blob(digest).is_some()
        {
            found.files.insert(name.to_owned(), digest.clone());
            return Ok(());
        }
        let mut draft = Draft::new(&self.temporary())?;
        let (digest, length) = draft.fill(reader, "read the archive into")?;
        if length != size {
            let why = "the archive is cut off".to_owned();
            return Err(Error::Malformed { what: name.to_owned(), why });
        }
        if let Some(expected) = named {
            let expected = expected?;
            if expected != digest {
                return Err(Error::Mismatch { what: name.to_owned(), expected, actual: digest });
            }
        }
        self.keep(draft, &digest)?;
        found.files.insert(name.to_owned(), digest);
        Ok(())
    }

    fn import_index(&self, what: &str, index: &[u8]) -> Result<Vec<Imported>, Error> {
        let index: Manifest = manifest::parse(&format!("index.json in {what}"), index)?;
        let mut images: Vec<Imported> = Vec::new();
        for entry in index.manifests.unwrap_or_default() {
            let digest = entry.digest(what)?;
            // Checks that all documents are there and readable before a name is given.
            self.require(&digest.to_string())?;
            for blob in self.reachable(&digest)? {
                // Variants for other platforms may be left out.
                if self.blob(&blob).is_none()
                    && entry.media_type != manifest::INDEX
                    && entry.media_type != manifest::DOCKER_INDEX
                {
                    let root = self.root().to_owned();
                    return Err(Error::MissingBlob { digest: blob, of: what.to_owned(), root });
                }
            }
            let full = entry.annotations.get("io.containerd.image.name");
            // Some writers put a tag alone there: that names nothing by itself.
            let short = entry.annotations.get("org.opencontainers.image.ref.name");
            let name = full.or(short.filter(|name| name.contains([':', '/'])));
            let name = name.map(|name| Reference::parse(name)).transpose()?.map(|name| name.to_string());
            match images.iter_mut().find(|image| image.digest == digest) {
                Some(known) => known.names.extend(name),
                None => images.push(Imported { names: name.into_iter().collect(), digest }),
            }
        }
        Ok(images)
    }

    fn import_saved(&self, what: &str, manifest: &[u8], found: &Found) -> Result<Vec<Imported>, Error> {
        let saved: Vec<Saved> = manifest::parse(&format!("manifest.json in {what}"), manifest)?;
        let stored = |name: &str| {
            let name = found.links.get(name).map_or(name, String::as_str);
            let missing = || Error::Malformed { what: what.to_owned(), why: format!("it lacks {name}") };
            found.files.get(name).cloned().ok_or_else(missing)
        };
        let mut images = Vec::new();
        for image in saved {
            let config_bytes = self.read_blob(&stored(&image.config)?, what)?;
            let config: Config = manifest::parse(&image.config, &config_bytes)?;
            let mut layers = Vec::new();
            for (name, diff_id) in image.layers.iter().zip(&config.rootfs.diff_ids) {
                layers.push(self.saved_layer(stored(name)?, diff_id.parse()?, name)?);
            }
            if layers.len() != config.rootfs.diff_ids.len() || layers.len() != image.layers.len() {
                let why =
                    format!("{} layers, but {} diff ids", image.layers.len(), config.rootfs.diff_ids.len());
                return Err(Error::Malformed { what: format!("{} in {what}", image.config), why });
            }
            let names = image.repo_tags.unwrap_or_default();
            let names = names.iter().map(|name| Ok(Reference::parse(name)?.to_string()));
            let names = names.collect::<Result<_, Error>>()?;
            images.push(Imported { names, digest: self.put_image(&config_bytes, &layers)? });
        }
        Ok(images)
    }

    fn saved_layer(&self, digest: Digest, diff_id: Digest, name: &str) -> Result<Layer, Error> {
        let path = self.blob_path(&digest);
        let size = path.metadata().map_err(failed("read", &path))?.len();
        let mut media_type = manifest::LAYER.to_owned();
        if digest != diff_id {
            let mut file = File::open(&path).map_err(failed("open", &path))?;
            let mut start = [0; 4];
            let kind =
                file.read(&mut start).map(|_| if start[..2] == [0x1f, 0x8b] { "+gzip" } else { "+zstd" });
            media_type += kind.map_err(failed("read", &path))?;
            let file = File::open(&path).map_err(failed("open", &path))?;
            let mut content = Hashing::new(decompress(file).map_err(failed("read", &path))?);
            let read = io::copy(&mut content, &mut io::sink());
            read.map_err(|error| Error::Malformed { what: name.to_owned(), why: error.to_string() })?;
            let actual = content.digest();
            if actual != diff_id {
                return Err(Error::Mismatch { what: name.to_owned(), expected: diff_id, actual });
            }
        }
        Ok(Layer { digest, diff_id, size, media_type })
    }
}

/// The target of a symbolic link, from the archive's root.
fn beside(link: &str, target: &str) -> String {
    let mut parts: Vec<&str> = link.rsplit_once('/').map_or(Vec::new(), |(dir, _)| dir.split('/').collect());
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
