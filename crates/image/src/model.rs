//! Images as the callers see them: plain values, independent of the manifests' formats.

use std::collections::BTreeMap;

use crate::digest::Digest;

/// How an image runs by default. Field meanings follow the OCI image specification, `config` section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// Program and first arguments.
    pub entrypoint: Vec<String>,
    /// Arguments after the entrypoint, replaced by the pod's `args`.
    pub cmd: Vec<String>,
    /// `NAME=value` pairs, in order.
    pub env: Vec<String>,
    /// `uid`, `uid:gid` or names from the image's own /etc/passwd; empty = root.
    pub user: String,
    /// Working directory; empty = `/`.
    pub working_dir: String,
    /// `port/protocol`, informational.
    pub exposed_ports: Vec<String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Paths that want a volume.
    pub volumes: Vec<String>,
    /// Signal that asks the program to end, by name or number; empty = SIGTERM.
    pub stop_signal: String,
    /// Processor architecture in Go's words (`amd64`); empty = this machine's.
    pub architecture: String,
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Digest of the blob as stored (perhaps compressed).
    pub digest: Digest,
    /// Digest of the uncompressed tar: names the unpacked folder.
    pub diff_id: Digest,
    /// Bytes of the blob.
    pub size: u64,
    /// Media type of the blob.
    pub media_type: String,
}

/// An image that is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Digest of the manifest (for this machine's platform).
    pub digest: Digest,
    /// Digest that the reference stands for: of the index of platforms where there is one, else the manifest's.
    pub target: Digest,
    /// Digest of the configuration: Kubernetes' image ID.
    pub config_digest: Digest,
    /// Defaults for containers.
    pub config: ImageConfig,
    /// Layers, lowest first.
    pub layers: Vec<Layer>,
}

/// An image that an archive held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Full names under which it can be referred to now.
    pub names: Vec<String>,
    /// Digest of its manifest.
    pub digest: Digest,
}

/// One line of the image list: an image with all its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Full names, with tag.
    pub names: Vec<String>,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Bytes of manifest, configuration and layer blobs.
    pub size: u64,
}

/// What a collection freed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freed {
    /// Blobs removed.
    pub blobs: usize,
    /// Unpacked layers removed.
    pub layers: usize,
    /// Bytes of the blobs.
    pub bytes: u64,
}
