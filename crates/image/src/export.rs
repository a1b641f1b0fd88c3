//! Export of an image as an OCI archive, which containerd, skopeo and Docker read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use tar::{Builder, EntryType};
use tempfile::NamedTempFile;

use crate::content::ContentStore;
use crate::disk::failed;
use crate::error::Error;
use crate::layer;
use crate::manifest::{self, Descriptor, Manifest};
use crate::reference::Reference;

impl ContentStore {
    /// Writes the image with all its blobs to the archive `path`, which appears when it is complete.
    pub fn export_archive(&self, reference: &str, path: &Path) -> Result<(), Error> {
        let _writing = self.writing()?;
        let image = self.require(reference)?;
        let bytes = self.read_blob(&image.digest, reference)?;
        let mut entry = Descriptor::new(manifest::MANIFEST, &image.digest, bytes.len() as u64);
        let full = Reference::parse(reference)?;
        if full.name.is_some() && full.digest.is_none() {
            let name = full.to_string();
            entry.annotations = BTreeMap::from([
                ("io.containerd.image.name".to_owned(), name),
                ("org.opencontainers.image.ref.name".to_owned(), full.tag.unwrap_or_default()),
            ]);
        }
        let index = Manifest {
            schema_version: 2,
            media_type: Some(manifest::INDEX.to_owned()),
            config: None,
            layers: None,
            manifests: Some(vec![entry]),
        };

        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(parent).map_err(failed("create a file in", parent))?;
        let mut archive = Builder::new(file);
        let layout = br#"{"imageLayoutVersion":"1.0.0"}"#;
        append(&mut archive, "oci-layout", layout, path)?;
        append(&mut archive, "index.json", &manifest::bytes(&index)?, path)?;
        let blobs = [&image.digest, &image.config_digest].into_iter();
        let blobs = blobs.chain(image.layers.iter().map(|layer| &layer.digest));
        let mut written = Vec::new();
        for digest in blobs {
            if written.contains(&digest) {
                continue;
            }
            let blob = self.blob_path(digest);
            let file = File::open(&blob).map_err(failed("open", &blob))?;
            let size = file.metadata().map_err(failed("read", &blob))?.len();
            let mut header = layer::header(EntryType::Regular, size, 0o644);
            let name = format!("blobs/sha256/{}", digest.hex());
            archive.append_data(&mut header, name, file).map_err(failed("write", path))?;
            written.push(digest);
        }
        let mut file = archive.into_inner().map_err(failed("write", path))?;
        file.flush().and_then(|()| file.as_file().sync_data()).map_err(failed("flush", path))?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(file.path(), mode).map_err(failed("set the mode of", path))?;
        file.persist(path).map_err(|error| failed("rename a file to", path)(error.error))?;
        Ok(())
    }
}

fn append(archive: &mut Builder<NamedTempFile>, name: &str, bytes: &[u8], path: &Path) -> Result<(), Error> {
    let mut header = layer::header(EntryType::Regular, bytes.len() as u64, 0o644);
    archive.append_data(&mut header, name, bytes).map_err(failed("write", path))
}
