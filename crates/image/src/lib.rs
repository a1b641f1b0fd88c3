//! Content-addressed blobs, OCI images and layers: the one place where images lie, for the command line that
//! builds them and for the node that runs them.
//!
//! [`ContentStore`] keeps blobs by their sha256, references by name, and layers unpacked for overlayfs. Every
//! write goes to a temporary file that is flushed and renamed, so several processes may write and read at once
//! and a full disk or a crash leaves what was there before.
//!
//! All calls block on the disk; asynchronous callers use `spawn_blocking`. What is not here: running containers,
//! talking to registries.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! use image::{ContentStore, ImageConfig, LayerBuilder};
//!
//! let store = ContentStore::open(dir.path())?;
//! let _writing = store.writing()?;
//! let mut files = LayerBuilder::new();
//! files.bytes("bin/hello", b"#!/bin/sh\necho hello\n".to_vec(), true)?;
//! let layer = store.put_layer(&files)?;
//! let config = ImageConfig { entrypoint: vec!["/bin/hello".into()], ..ImageConfig::default() };
//! let digest = store.build_image(&config, &[layer])?;
//! store.tag("hello", &digest)?;
//! assert_eq!(store.require("docker.io/library/hello:latest")?.digest, digest);
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod archive;
mod cached;
mod content;
mod diff;
mod digest;
mod disk;
mod error;
mod export;
mod extract;
mod gc;
mod layer;
mod manifest;
mod merged;
mod model;
mod partial;
mod reference;
mod unpack;
mod uses;

pub use content::ContentStore;
pub use diff::{attributes, content};
pub use digest::Digest;
pub use disk::Writing;
pub use error::Error;
pub use layer::{Attributes, Content, LayerBuilder};
pub use manifest::{Descriptor, Document, Platform, architecture, document};
pub use merged::{Found, Merged, Resolved};
pub use model::{Freed, Image, ImageConfig, Imported, Layer, Listed};
pub use partial::Partial;
pub use reference::Reference;
pub use unpack::{extract_archive, is_archive};
