//! The JSON documents of the OCI image specification (and Docker's, which differ in media types alone), as far as
//! they are read and written here.
//!
//! Own types and not a library's, since what is written must be the same bytes for the same image: maps are sorted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Error;
use crate::model::{ImageConfig, Layer};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Points to a blob.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// `sha256:…`, not checked yet: see [`Descriptor::digest`].
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// In an index: where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Further words about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Where an image runs, in Go's words.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64` and so on.
    pub architecture: String,
    /// `linux` for all that runs here.
    pub os: String,
}

/// What a registry keeps under a tag.
#[derive(Debug, Clone)]
pub enum Document {
    /// Manifests for several platforms.
    Index(Vec<Descriptor>),
    /// An image's configuration and layers, lowest first.
    Image {
        /// Points to the configuration.
        config: Descriptor,
        /// Point to the layers.
        layers: Vec<Descriptor>,
    },
}

/// Reads a manifest or index; `what` names it in errors.
pub fn document(what: &str, bytes: &[u8]) -> Result<Document, Error> {
    let manifest: Manifest = parse(what, bytes)?;
    match (manifest.manifests, manifest.config, manifest.layers) {
        (Some(manifests), _, _) => Ok(Document::Index(manifests)),
        (None, Some(config), Some(layers)) => Ok(Document::Image { config, layers }),
        _ => Err(Error::Malformed {
            what: what.to_owned(),
            why: format!(
                "it is neither an index nor an image manifest of schema version 2 (it says {})",
                manifest.schema_version
            ),
        }),
    }
}

/// A manifest, or an index of manifests: which one shows by what is there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) layers: Option<Vec<Descriptor>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifests: Option<Vec<Descriptor>>,
}

/// An image's configuration.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) architecture: String,
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) config: Option<Defaults>,
    pub(crate) rootfs: RootFs,
    /// One entry a layer: builders that go on from this image count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    history: Option<Vec<History>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct History {
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RootFs {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) diff_ids: Vec<String>,
}

type Set = BTreeMap<String, BTreeMap<String, String>>;

/// The `config` section. Writers in Go put `null` where others leave a member out.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Defaults {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exposed_ports: Option<Set>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volumes: Option<Set>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_signal: Option<String>,
}

/// This machine's architecture in the words of the specification (Go's).
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}

impl Config {
    pub(crate) fn new(image: &ImageConfig, layers: &[Layer]) -> Self {
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
        let set = |list: &Vec<String>| {
            (!list.is_empty()).then(|| list.iter().map(|name| (name.clone(), BTreeMap::new())).collect())
        };
        let architecture = text(&image.architecture).unwrap_or_else(|| architecture().to_owned());
        let history = layers.iter().map(|_| History { created_by: Some("launchway".to_owned()) }).collect();
        let diff_ids = layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        Self {
            architecture,
            os: "linux".to_owned(),
            config: Some(Defaults {
                user: text(&image.user),
                exposed_ports: set(&image.exposed_ports),
                env: list(&image.env),
                entrypoint: list(&image.entrypoint),
                cmd: list(&image.cmd),
                volumes: set(&image.volumes),
                working_dir: text(&image.working_dir),
                labels: (!image.labels.is_empty()).then(|| image.labels.clone()),
                stop_signal: text(&image.stop_signal),
            }),
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids },
            history: Some(history),
        }
    }

    pub(crate) fn into_image(self) -> ImageConfig {
        let defaults = self.config.unwrap_or_default();
        let keys = |set: Option<Set>| set.unwrap_or_default().into_keys().collect();
        ImageConfig {
            entrypoint: defaults.entrypoint.unwrap_or_default(),
            cmd: defaults.cmd.unwrap_or_default(),
            env: defaults.env.unwrap_or_default(),
            user: defaults.user.unwrap_or_default(),
            working_dir: defaults.working_dir.unwrap_or_default(),
            exposed_ports: keys(defaults.exposed_ports),
            labels: defaults.labels.unwrap_or_default(),
            volumes: keys(defaults.volumes),
            stop_signal: defaults.stop_signal.unwrap_or_default(),
            architecture: self.architecture,
        }
    }
}

impl Descriptor {
    pub(crate) fn new(media_type: &str, digest: &Digest, size: u64) -> Self {
        let (media_type, digest) = (media_type.to_owned(), digest.to_string());
        Self { media_type, digest, size, platform: None, annotations: BTreeMap::new() }
    }

    /// The digest, if it is one that we can check; `of` names what refers to it.
    pub fn digest(&self, of: &str) -> Result<Digest, Error> {
        self.digest.parse().map_err(|_| Error::Malformed {
            what: of.to_owned(),
            why: format!("it refers to `{}`, which is not a sha256 digest", self.digest),
        })
    }

    /// Whether this machine runs it; without a platform there is no choice.
    pub fn fits(&self) -> bool {
        self.platform.as_ref().is_none_or(|p| p.os == "linux" && p.architecture == architecture())
    }
}

/// Reads a document.
pub(crate) fn parse<T: for<'a> Deserialize<'a>>(what: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Malformed { what: what.to_owned(), why: error.to_string() })
}

/// Writes a document: the same bytes for the same content.
pub(crate) fn bytes<T: Serialize>(document: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(document)
        .map_err(|error| Error::Malformed { what: "a new manifest".to_owned(), why: error.to_string() })
}
