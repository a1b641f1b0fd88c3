//! Unpacking layers for overlayfs: each once, into a folder named by its diff id.
//!
//! The digest is computed while unpacking; the folder appears under its name only when it is complete, right and
//! flushed. Whiteouts become overlayfs' own: character device 0/0, and `trusted.overlay.opaque`.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::content::ContentStore;
use crate::disk::{self, Hashing, failed};
use crate::error::Error;
use crate::extract;
use crate::model::{Image, Layer};

/// Name of the folder that stands for an image without layers.
pub(crate) const EMPTY: &str = "empty";

impl ContentStore {
    /// Unpacks the layers that are not unpacked yet and returns overlayfs' lower folders, top layer first.
    /// An image without layers gives one empty folder. Needs root (device nodes, trusted attributes).
    pub fn unpack(&self, image: &Image) -> Result<Vec<PathBuf>, Error> {
        self.unpack_layers(&image.layers)
    }

    /// As [`ContentStore::unpack`], of layers that are no image yet; lowest first.
    pub fn unpack_layers(&self, list: &[Layer]) -> Result<Vec<PathBuf>, Error> {
        let _writing = self.writing()?;
        let layers = self.root().join("layers");
        if list.is_empty() {
            return Ok(vec![disk::make_dir(layers.join(EMPTY))?]);
        }
        // Overlayfs refuses a folder that is named twice; the upper one hides the lower one anyway.
        let mut seen = HashSet::new();
        let mut dirs = Vec::new();
        for layer in list.iter().rev().filter(|layer| seen.insert(&layer.diff_id)) {
            let dir = layers.join(layer.diff_id.hex());
            if !dir.exists() {
                self.unpack_layer(layer, &dir)?;
            }
            dirs.push(dir);
        }
        Ok(dirs)
    }

    fn unpack_layer(&self, layer: &Layer, dir: &Path) -> Result<(), Error> {
        let blob = self.blob_path(&layer.digest);
        let what = format!("layer {}", layer.digest);
        let file = match File::open(&blob) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (digest, root) = (layer.digest.clone(), self.root().to_owned());
                return Err(Error::MissingBlob { digest, of: "the image".to_owned(), root });
            }
            Err(error) => return Err(failed("open", &blob)(error)),
        };
        let unpacked = tempfile::Builder::new().prefix("layer-").tempdir_in(self.temporary());
        let unpacked = unpacked.map_err(failed("create a folder in", &self.temporary()))?;
        let root = unpacked.path().join("root");
        fs::create_dir(&root).map_err(failed("create", &root))?;

        let mut reader = Hashing::new(decompress(file).map_err(failed("read", &blob))?);
        extract::extract(&mut reader, &root, &what)?;
        let rest = io::copy(&mut reader, &mut io::sink());
        rest.map_err(|error| Error::Malformed { what: what.clone(), why: error.to_string() })?;
        let actual = reader.digest();
        if actual != layer.diff_id {
            return Err(Error::Mismatch { what, expected: layer.diff_id.clone(), actual });
        }
        match fs::rename(&root, dir) {
            Ok(()) => disk::sync_parent(dir),
            // Another process was faster; its folder has the same content.
            Err(_) if dir.exists() => Ok(()),
            Err(error) => Err(failed("rename a folder to", dir)(error)),
        }
    }
}

/// Extracts a tar archive (perhaps compressed by gzip or zstd) of the host below `root`, which must be an empty folder:
/// nothing in it can leave that folder. Needs root.
pub fn extract_archive(path: &Path, root: &Path) -> Result<(), Error> {
    let file = File::open(path).map_err(failed("open", path))?;
    let reader = decompress(file).map_err(failed("read", path))?;
    extract::extract(reader, root, &path.display().to_string())
}

/// Whether a file is a tar archive, perhaps compressed by gzip or zstd.
pub fn is_archive(path: &Path) -> Result<bool, Error> {
    let file = File::open(path).map_err(failed("open", path))?;
    let mut start = Vec::new();
    let mut reader = decompress(file).map_err(failed("read", path))?.take(512);
    // What cannot be decompressed is no archive.
    let read = reader.read_to_end(&mut start).is_ok();
    Ok(read && start.len() == 512 && start[257..262] == *b"ustar")
}

/// The bytes behind gzip, zstd or no compression, told apart by their first bytes.
pub(crate) fn decompress(file: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    let mut reader = BufReader::with_capacity(128 << 10, file);
    let start = io::BufRead::fill_buf(&mut reader)?;
    Ok(match start {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(reader)?),
        _ => Box::new(reader),
    })
}
